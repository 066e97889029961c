//! The pages of findings about rows: the bundled mapping's reasons, and what only several accounts
//! together show.

use super::{Group, Page};

const REJECTED: &str = "the row is rejected: `migrate` changes nothing while there is one";
const KEPT: &str = "the row is migrated";

pub(super) const PAGES: &[Page] = &[
    Page::reason(Group::Accounts, "foreign_user")
        .concerns("accounts of another server, or with a broken user ID", "the account and everything that belongs to it is rejected: `migrate` changes nothing while there is one"),
    Page::reason(Group::Accounts, "nameless_user")
        .concerns("nobody: such an account cannot be used", "the row is left out and counted"),
    Page::reason(Group::Accounts, "orphan")
        .concerns("nobody: the account is gone", "the row is left out and counted, by table"),
    Page::reason(Group::Accounts, "bridge_user")
        .concerns("accounts that a bridge or another application service made", "the account stays in Synapse alone; its devices and tokens are left out with it (`owner_not_migrated`)"),
    Page::reason(Group::Accounts, "bridge_user_with_colon")
        .concerns("accounts that a bridge made", "the account stays in Synapse alone, as all accounts of bridges"),
    Page::reason(Group::Accounts, "owner_not_migrated")
        .concerns("whoever the row belongs to", "the row is left out together with its owner, and counted under the owner's reason"),
    Page::warning(Group::Accounts, "localparts_differ_by_case")
        .means(
            "the names of several accounts differ only by case; MAS finds an account by its exact name first, and by another case only if there is no other",
            "tell these people to write their name exactly, or deactivate the account that nobody uses",
        )
        .sql("SELECT lower(name), array_agg(name) FROM users WHERE appservice_id IS NULL GROUP BY lower(name) HAVING count(*) > 1")
        .concerns("each of these accounts", "all are migrated, with the case they have"),
    Page::warning(Group::Accounts, "emails_differ_by_case")
        .means(
            "accounts have e-mail addresses that differ only by case: the same mailbox, most likely; MAS does not tell such addresses apart when it looks for an account",
            "let one of the accounts give up the address in Synapse; it is open which account a password reset would reach",
        )
        .sql("SELECT array_agg(user_id) FROM user_threepids WHERE medium = 'email' GROUP BY lower(address) HAVING count(DISTINCT user_id) > 1")
        .concerns("each of these accounts", "all addresses are migrated as they are"),
    Page::reason(Group::Accounts, "no_creation_time").concerns("accounts that are very old, or made by scripts", KEPT),
    Page::reason(Group::Accounts, "creation_time_in_millis").concerns("accounts made by scripts", KEPT),
    Page::reason(Group::Accounts, "impossible_time").concerns("the accounts whose rows they are; nobody notices", KEPT),
    Page::reason(Group::Accounts, "unapproved_user")
        .concerns("people who registered and wait to be let in", "the account is migrated locked, so that nobody comes in who was not let in"),
    Page::reason(Group::Accounts, "expired_validity")
        .concerns("people whose account has expired in Synapse's account validity module", "the account is migrated as any other; MAS does not know validity"),
    Page::reason(Group::Accounts, "guest").concerns("guests", "the account is migrated, marked as a guest, without sessions"),
    Page::reason(Group::Accounts, "administrator").concerns("administrators of the homeserver", "the account may ask for administrator's rights in MAS, and its sessions keep those in Synapse"),
    Page::reason(Group::Accounts, "deactivated_user").concerns("people who left", "the account is migrated as deactivated, so that nobody can take its name; its sessions are left out"),
    Page::reason(Group::Accounts, "locked_user").concerns("people who were locked out", "the account is migrated locked, with its sessions"),
    Page::reason(Group::Accounts, "phone_number_kept_apart")
        .concerns("people with a phone number or the like", "the number goes to MAS's table of unsupported third-party IDs"),
    Page::reason(Group::Accounts, "long_email").concerns("the account with that address", KEPT),
    Page::warning(Group::SignIn, "no_way_to_sign_in")
        .means(
            "the account will have neither a password nor a link to a provider that is switched on, so that nobody can sign in to it anew",
            "see by the causes what can be given back: a provider's mapping, passwords switched on in MAS, or a new password for each (`mas-cli manage set-password`); `--lockout-csv FILE` lists the accounts",
        )
        .concerns("accounts that are neither locked, deactivated nor of guests", "the account is migrated; sessions that exist go on until their owner signs out"),
    Page::reason(Group::SignIn, "password_not_bcrypt")
        .concerns("people whose password another program checks, or who were given an unusable one", "the account is migrated without a password"),
    Page::reason(Group::SignIn, "delegated_before").concerns("accounts of an earlier attempt with MAS", REJECTED),
    Page::reason(Group::SignIn, "missing_provider")
        .concerns("people who sign in through that provider", "as an error the row is rejected; as a warning the link is left out, and signing in that way is over"),
    Page::reason(Group::SignIn, "provider_not_synced").concerns("people who sign in through that provider", REJECTED),
    Page::reason(Group::SignIn, "link_of_disabled_provider")
        .concerns("people who sign in through that provider", "the link is migrated, and works once the provider is switched on"),
    Page::reason(Group::Sessions, "hidden_device").concerns("nobody", "the row is left out: it is no login"),
    Page::reason(Group::Sessions, "guest_device").concerns("nobody", "the row is left out: it is no login"),
    Page::reason(Group::Sessions, "dehydrated_device").concerns("nobody at once; see `has_dehydrated_device`", "the row is left out: it is no login"),
    Page::reason(Group::Sessions, "has_dehydrated_device")
        .concerns("people who use dehydrated devices to get messages while signed out", "the device gets no session; an older Synapse deletes devices without one, with their keys"),
    Page::reason(Group::Sessions, "of_deactivated_user").concerns("nobody", "devices and tokens are left out; the account is migrated"),
    Page::reason(Group::Sessions, "of_guest").concerns("guests", "devices and tokens are left out; the account is migrated"),
    Page::reason(Group::Sessions, "unparsable_ip").concerns("nobody notices", "the session is migrated without an address"),
    Page::reason(Group::Sessions, "puppet_token").concerns("the administrator who made it", "the token is left out, and ends"),
    Page::reason(Group::Sessions, "token_without_device").concerns("a client that Synapse does not let in either", "the token is left out"),
    Page::reason(Group::Sessions, "token_of_skipped_device").concerns("whatever uses such a token", "the token is left out, and ends"),
    Page::reason(Group::Sessions, "superseded_pair").concerns("nobody: the client uses the newer tokens", "both tokens are left out"),
    Page::reason(Group::Sessions, "broken_pair").concerns("the client with that token", "the token is left out"),
    Page::reason(Group::Sessions, "older_of_pair").concerns("nobody: the client uses the newer token", "the token is left out"),
    Page::reason(Group::Sessions, "refresh_token_alone").concerns("the client with that token", "the token is left out"),
    Page::reason(Group::Sessions, "token_not_accepted").concerns("bots and scripts with tokens that were written by hand", "the token is migrated, but MAS does not accept it"),
    Page::reason(Group::Sessions, "token_expired").concerns("clients that were away for long; with a refresh token they get a new one", "the token is migrated as it is"),
    Page::reason(Group::Sessions, "deviceless_token_of_admin").concerns("bots and scripts of administrators", "the token is migrated without administrator's rights, unless the parameter keeps them"),
    Page::reason(Group::Sessions, "empty_device_id").concerns("nobody notices", "the token is migrated with a session of its own"),
    Page::reason(Group::Mapping, "arithmetic_overflow").concerns("the account whose row it is", REJECTED),
    Page::reason(Group::Mapping, "value_out_of_range").concerns("the account whose row it is", REJECTED),
    Page::reason(Group::Mapping, "dangling_reference").concerns("the account whose row it is", REJECTED),
    Page::reason(Group::Mapping, "duplicate_key").concerns("the account whose row it is", REJECTED),
    Page::error(Group::Mapping, "duplicate_<key>")
        .means(
            "several rows would get the same value of a unique key of the target, because a look-up table gives one value for several keys: two providers of Synapse that lead to one of MAS, with the same subject in both",
            "give each key a value of its own, or remove the duplicates in the source",
        )
        .concerns("the accounts that would share the value", "`migrate` would end when keys are put back, and change nothing"),
    Page::error(Group::Mapping, "dangling_<foreign_key>")
        .means(
            "rows would refer to rows that the mapping does not write; whether those exist was known only when all rows had gone by, because they may be of another partition",
            "write the rows that are referred to, leave out those that refer to them, or write `null` in place of the reference",
        )
        .concerns("what refers to rows that are left out", "`migrate` would end before keys are put back, and change nothing"),
    Page::warning(Group::Mapping, "unchecked_<foreign_key>")
        .means(
            "whether every row that is referred to is written was not followed: only PostgreSQL can compare the values, or there are too many to hold",
            "do a dry run: a violation ends it at its end, and changes nothing",
        )
        .concerns("what refers to rows that are left out", "a violation would end the migration when the foreign key is put back, and change nothing"),
    Page::warning(Group::Mapping, "unproven_<constraint>")
        .means(
            "whether a unique key or a check constraint of the target will hold is not shown: the key does not follow from the source's, a look-up table gives one value for several keys, or the constraint is SQL that only the database understands",
            "do a dry run: a violation ends it, and changes nothing",
        )
        .concerns("the rows that would break it", "a violation would end the migration, and change nothing"),
];

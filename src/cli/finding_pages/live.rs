//! The pages of what `verify --live` finds: what is no longer the same in both databases.

use super::{Group, Page};

const LOOKED: &str = "`verify --live` ends with status 1; nothing is changed";

pub(super) const PAGES: &[Page] = &[
    Page::error(Group::Databases, "no_accounts_to_compare")
        .means(
            "one of the two databases has none of the accounts that are compared",
            "check that these are the two databases, that `server_name` is that of the accounts, and that the migration has been done",
        )
        .concerns("everybody on the server, or nobody", "`verify --live` ends with status 10 and compares nothing"),
    Page::error(Group::Databases, "not_all_compared")
        .means(
            "so much differs that not every row could be looked at: the numbers of the other findings are the least that there is",
            "mend what is named, then look again",
        )
        .concerns("whoever was not looked at", LOOKED),
    Page::warning(Group::Accounts, "account_only_in_synapse")
        .means(
            "Synapse has the account, MAS has none of that name: nobody can sign in to it, and nobody else can take the name",
            "nothing, if Synapse keeps it for itself, such as that of server notices; otherwise add it by MAS's admin API (`POST /api/admin/v1/users` with `skip_homeserver_check`), because `mas-cli manage register-user` refuses a name that Synapse has; devices that it has in Synapse have no sessions, and will be deleted",
        )
        .concerns("accounts that were made in Synapse after the migration, by its admin API or a script", LOOKED),
    Page::error(Group::Accounts, "account_only_in_mas")
        .means(
            "MAS has the account, Synapse has none of that name, or one of an application service: whoever signs in gets no further than MAS",
            "see in MAS's log why Synapse could not be told of it; `mas-cli manage provision-all-users` tells it of all accounts again, and of their sessions: not while `device_without_session` is found, because Synapse then deletes these devices",
        )
        .concerns("accounts that were registered in MAS while it could not reach Synapse; many, if Synapse's database was put back from a backup", LOOKED),
    Page::error(Group::Accounts, "account_deactivated_in_mas_only")
        .means(
            "the account is deactivated in MAS, and active in Synapse",
            "see in MAS's log why Synapse could not be told of it; reactivate it in MAS if it was not meant (`mas-cli manage unlock-user --reactivate <username>`)",
        )
        .concerns("people who left", LOOKED),
    Page::error(Group::Accounts, "account_deactivated_in_synapse_only")
        .means(
            "the account is deactivated in Synapse, and active in MAS: it was deactivated in Synapse alone",
            "deactivate it in MAS too (`mas-cli manage lock-user --deactivate <username>`); from now on deactivate accounts there, and MAS tells Synapse",
        )
        .concerns("people who left", LOOKED),
    Page::warning(Group::SignIn, "password_not_in_mas")
        .means(
            "Synapse holds a password of the account that MAS could verify, MAS holds none",
            "set a new one (`mas-cli manage set-password`)",
        )
        .concerns("accounts whose password was removed in MAS, or was not migrated", LOOKED),
    Page::warning(Group::SignIn, "password_differs")
        .means(
            "the hash that came to MAS with the migration is another one than Synapse holds",
            "if the password was changed in Synapse after the migration, set it in MAS (`mas-cli manage set-password`); otherwise somebody has changed MAS's table",
        )
        .concerns("accounts whose password was changed in Synapse while MAS was being switched on", LOOKED),
    Page::error(Group::SignIn, "link_of_another_account")
        .means(
            "the same account at a single sign-on provider belongs to one account in Synapse and to another in MAS: whoever signs in there gets into the wrong account",
            "find out whose it is, lock the account that it leads to in MAS (`mas-cli manage lock-user`) until then, and mend the link by MAS's admin API",
        )
        .concerns("both accounts", LOOKED),
    Page::warning(Group::SignIn, "link_not_in_mas")
        .means(
            "Synapse holds a link of the account to a single sign-on provider, MAS does not",
            "nothing, if it was removed in MAS on purpose; otherwise add it by MAS's admin API",
        )
        .concerns("people who sign in through that provider", LOOKED),
    Page::warning(Group::SignIn, "links_not_compared")
        .means(
            "links in Synapse name a provider that has no `synapse_idp_id` in MAS's configuration, so nobody can say what became of them",
            "set `synapse_idp_id` on the provider in MAS's configuration, unless these links were left behind on purpose",
        )
        .concerns("people who signed in through that provider", LOOKED),
    Page::error(Group::Sessions, "device_without_session")
        .means(
            "Synapse holds the device, and no session of MAS that goes on has it: when MAS next tells Synapse the devices of the account, Synapse deletes it with its keys",
            "if its owner signed out, look again in a minute; otherwise give it a session before that by `mas-cli manage issue-compatibility-token` for that name and device: device and keys stay, its owner signs in anew; nobody needs the token that it prints",
        )
        .concerns("people who use that device: they could no longer read older messages on it", LOOKED),
    Page::warning(Group::Sessions, "session_device_not_in_synapse")
        .means(
            "a session of MAS is in use and has the device, Synapse does not know it: Synapse does not let its client in",
            "end that one session in MAS, on its owner's account page or by the admin API, so that its client signs in anew; `mas-cli manage kill-sessions` would end all sessions of the account, with their devices",
        )
        .concerns("people whose device was deleted in Synapse alone, by its admin API", LOOKED),
];

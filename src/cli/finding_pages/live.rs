//! The pages of what `verify --live` finds: what is no longer the same in both databases.

use super::{Group, Page};

const LOOKED: &str = "`verify --live` ends with status 1; nothing is changed";

pub(super) const PAGES: &[Page] = &[
    Page::warning(Group::Accounts, "account_only_in_synapse")
        .means(
            "Synapse has the account, MAS has none of that name: nobody can sign in to it, and nobody else can take the name",
            "register it in MAS under the same name (`mas-cli manage register-user`), unless it is one that Synapse keeps for itself, such as that of server notices",
        )
        .concerns("accounts that were made in Synapse after the migration, by its admin API or a script", LOOKED),
    Page::error(Group::Accounts, "account_only_in_mas")
        .means(
            "MAS has the account, Synapse has none of that name: whoever signs in gets no further than MAS",
            "let MAS tell Synapse of its accounts again (`mas-cli manage provision-all-users`), then look at MAS's log for what keeps it from doing so",
        )
        .concerns("accounts that were registered in MAS while it could not reach Synapse; all accounts if Synapse's database was put back from a backup", LOOKED),
    Page::error(Group::Accounts, "account_deactivated_on_one_side")
        .means(
            "the account is deactivated in one of the two databases and not in the other",
            "deactivate it in MAS, which tells Synapse, or reactivate it there; never in Synapse alone",
        )
        .concerns("people who left, or came back", LOOKED),
    Page::warning(Group::SignIn, "password_not_in_mas")
        .means(
            "Synapse holds a password of the account that MAS could verify, MAS holds none",
            "set a new one (`mas-cli manage set-password`), or let its owner reset it by e-mail",
        )
        .concerns("accounts whose password was removed in MAS, or was not migrated", LOOKED),
    Page::warning(Group::SignIn, "link_not_in_mas")
        .means(
            "Synapse holds a link to an account at a single sign-on provider that MAS does not hold for this account",
            "nothing, if it was removed in MAS on purpose; otherwise sign in there once more, or add it by MAS's admin API",
        )
        .concerns("people who sign in through that provider", LOOKED),
    Page::error(Group::Sessions, "device_without_session")
        .means(
            "Synapse holds the device, and no session of MAS that goes on has it: when MAS next tells Synapse the devices of the account, Synapse deletes it with its keys",
            "if its owner signed out, look again in a minute; otherwise give it a session before that (`mas-cli manage issue-compatibility-token <username> --device-id <device>`)",
        )
        .concerns("people who use that device: they could no longer read older messages on it", LOOKED),
    Page::warning(Group::Sessions, "session_device_not_in_synapse")
        .means(
            "a session of MAS has the device, Synapse does not know it: Synapse does not let its client in",
            "end the session in MAS (`mas-cli manage kill-sessions <username>` ends all of an account), so that its owner signs in anew",
        )
        .concerns("people whose device was deleted in Synapse alone, by its admin API", LOOKED),
];

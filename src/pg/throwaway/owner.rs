//! As whom a throwaway cluster runs: PostgreSQL refuses to run as root, so root hands it to an
//! unprivileged account, found without any C library in `/etc/passwd`.

use std::fs;
use std::io;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use super::could_not_start;
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::PgError;

/// Accounts that may run a server for root, the best first.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The account that owns a cluster's files and runs its programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Whoever runs this process.
    Ourselves,
    /// Another account, because this process is root's.
    Account {
        /// Its user number.
        uid: u32,
        /// Its group's number.
        gid: u32,
    },
}

impl Owner {
    /// The owner for a process with this effective user number.
    pub(super) fn for_user(effective_uid: u32) -> Result<Self, PgError> {
        if effective_uid != 0 {
            return Ok(Self::Ourselves);
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        account_in(&passwd).ok_or_else(|| {
            could_not_start(
                Diagnostic::error(
                    codes::E0683,
                    "no account to run a throwaway PostgreSQL as: the server refuses to run as root",
                )
                .note("looked for the accounts `postgres` and `nobody` in /etc/passwd")
                .help("run as an ordinary user, or install the account: `apt-get install postgresql`"),
            )
        })
    }

    /// A command that runs as this owner, in `directory`, free of the environment's `PG…` settings.
    pub(super) fn command(self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(directory).env("LC_ALL", "C");
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(name);
            }
        }
        if let Self::Account { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Gives a file or directory, not what is in it, to this owner.
    pub(super) fn own(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Ourselves => Ok(()),
            Self::Account { uid, gid } => chown(path, Some(uid), Some(gid)),
        }
    }
}

/// The best unprivileged account of a `passwd` file.
fn account_in(passwd: &str) -> Option<Owner> {
    UNPRIVILEGED.iter().find_map(|wanted| {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            (name == *wanted && uid != 0).then_some(Owner::Account { uid, gid })
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin\n\
        a line that is none\n\
        postgres:x:101:104::/var/lib/postgresql:/bin/bash\n";

    #[test]
    fn root_hands_over_to_postgres_and_else_to_nobody() {
        assert_eq!(
            account_in(PASSWD),
            Some(Owner::Account { uid: 101, gid: 104 })
        );
        let without = PASSWD.replace("postgres:", "other:");
        assert_eq!(
            account_in(&without),
            Some(Owner::Account {
                uid: 65534,
                gid: 65533
            })
        );
    }

    #[test]
    fn an_account_that_is_root_in_disguise_does_not_count() {
        assert_eq!(account_in("postgres:x:0:0::/:/bin/sh\n"), None);
        assert_eq!(account_in(""), None);
    }

    #[test]
    fn an_ordinary_user_needs_no_other_account() {
        assert_eq!(Owner::for_user(1000).unwrap(), Owner::Ourselves);
    }
}

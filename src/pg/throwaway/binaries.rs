//! Where PostgreSQL's server programs are on this machine.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::could_not_start;
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::PgError;

/// The programs without which there is no cluster.
const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// A directory that holds PostgreSQL's server programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerBinaries {
    directory: PathBuf,
}

impl ServerBinaries {
    /// Finds them: in `chosen` or else `$PG_BINDIR`, which have to be right where they are given;
    /// else along `PATH`, where `pg_config --bindir` says, and where Debian, Red Hat and Homebrew
    /// put them, the newest version first.
    ///
    /// # Errors
    /// E0680, with the command that installs them.
    pub fn find(chosen: Option<&Path>) -> Result<Self, PgError> {
        let from_environment = env::var_os("PG_BINDIR").filter(|value| !value.is_empty());
        let given = chosen
            .map(Path::to_owned)
            .or_else(|| from_environment.map(PathBuf::from));
        if let Some(directory) = given {
            return Self::in_directory(&directory).ok_or_else(|| not_in(&directory));
        }
        let path = env::var_os("PATH").unwrap_or_default();
        along(&path)
            .or_else(|| Self::in_directory(&bindir_of_pg_config()?))
            .or_else(|| {
                versioned(Path::new("/usr/lib/postgresql"), "", "bin")
                    .or_else(|| versioned(Path::new("/usr"), "pgsql-", "bin"))
                    .or_else(|| versioned(Path::new("/opt/homebrew/opt"), "postgresql@", "bin"))
                    .or_else(|| versioned(Path::new("/usr/local/opt"), "postgresql@", "bin"))
            })
            .ok_or_else(not_found)
    }

    /// The programs of one directory, if all of them are there.
    fn in_directory(directory: &Path) -> Option<Self> {
        let complete = NEEDED.iter().all(|name| directory.join(name).is_file());
        complete.then(|| Self {
            directory: directory.to_owned(),
        })
    }

    /// The directory they are in.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The full path of one of PostgreSQL's programs: in this directory where it is there, else its
    /// bare name, for `PATH` to find (some packagers put client programs elsewhere).
    pub fn program(&self, name: &str) -> PathBuf {
        let path = self.directory.join(name);
        if path.is_file() { path } else { name.into() }
    }

    /// What `postgres --version` says after its own name, such as `15.18 (Debian 15.18-0+deb12u1)`;
    /// empty if it says nothing.
    pub fn version(&self) -> String {
        let said = Command::new(self.program("postgres"))
            .arg("--version")
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default();
        said.trim()
            .trim_start_matches("postgres (PostgreSQL)")
            .trim()
            .to_owned()
    }
}

/// The first directory of a `PATH` that has them, behind a symbolic link or itself. Where a link leads
/// comes first: the client programs of the same version are there, of which a `PATH` often has wrappers
/// only that first look for a cluster to talk to.
fn along(path: &OsStr) -> Option<ServerBinaries> {
    env::split_paths(path).find_map(|directory| {
        let behind_link = || {
            let real = directory.join("postgres").canonicalize().ok()?;
            ServerBinaries::in_directory(real.parent()?)
        };
        behind_link().or_else(|| ServerBinaries::in_directory(&directory))
    })
}

fn bindir_of_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(said.trim()))
}

/// Of `<parent>/<prefix><number>/<tail>` the one with the highest number that has them.
fn versioned(parent: &Path, prefix: &str, tail: &str) -> Option<ServerBinaries> {
    let mut versions: Vec<(u32, PathBuf)> = parent
        .read_dir()
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join(tail)))
        })
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
        .iter()
        .find_map(|(_, directory)| ServerBinaries::in_directory(directory))
}

fn not_in(directory: &Path) -> PgError {
    could_not_start(
        Diagnostic::error(
            codes::E0680,
            format!(
                "`{}` does not hold PostgreSQL's server programs",
                directory.display()
            ),
        )
        .note(format!("needed there: {}", NEEDED.join(", ")))
        .help(
            "name the directory that `pg_config --bindir` prints, \
             or leave `--pg-bindir` and `PG_BINDIR` out to have it searched",
        ),
    )
}

fn not_found() -> PgError {
    could_not_start(
        Diagnostic::error(
            codes::E0680,
            "PostgreSQL's server programs are not on this machine",
        )
        .note(
            "looked in PATH, `pg_config --bindir`, /usr/lib/postgresql/*/bin, /usr/pgsql-*/bin \
             and Homebrew's directories",
        )
        .help("install them: `apt-get install postgresql` (Debian, Ubuntu)")
        .help("or name their directory: `--pg-bindir DIRECTORY`"),
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A directory of the test's own, with nothing in it.
    fn scratch(name: &str) -> PathBuf {
        let directory = env::temp_dir().join(format!("mapwright-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        directory
    }

    fn put_programs(directory: &Path, names: &[&str]) {
        fs::create_dir_all(directory).unwrap();
        for name in names {
            fs::write(directory.join(name), "").unwrap();
        }
    }

    #[test]
    fn the_newest_version_that_is_complete_is_taken() {
        let parent = scratch("versions");
        put_programs(&parent.join("9/bin"), &NEEDED);
        put_programs(&parent.join("15/bin"), &NEEDED);
        put_programs(&parent.join("16/bin"), &["initdb"]);
        put_programs(&parent.join("other/bin"), &NEEDED);
        let found = versioned(&parent, "", "bin").unwrap();
        assert_eq!(found.directory(), parent.join("15/bin"));
        assert_eq!(versioned(&parent, "pgsql-", "bin"), None);
        fs::remove_dir_all(parent).unwrap();
    }

    #[test]
    fn a_path_is_searched_in_order_and_behind_links() {
        let parent = scratch("path");
        put_programs(&parent.join("real"), &NEEDED);
        put_programs(&parent.join("half"), &["postgres"]);
        fs::create_dir_all(parent.join("linked")).unwrap();
        let link = |name: &str| {
            let there = parent.join("linked").join(name);
            std::os::unix::fs::symlink(parent.join("real").join(name), there).unwrap();
        };
        let path = env::join_paths([parent.join("half"), parent.join("linked")]).unwrap();
        let real = parent.join("real").canonicalize().unwrap();
        // One link, then a link to each of them.
        link("postgres");
        assert_eq!(along(&path).unwrap().directory(), real);
        ["initdb", "pg_ctl"].into_iter().for_each(link);
        assert_eq!(along(&path).unwrap().directory(), real);
        assert_eq!(along(parent.join("half").as_os_str()), None);
        fs::remove_dir_all(parent).unwrap();
    }

    #[test]
    fn a_directory_that_was_named_is_not_replaced_by_another() {
        let directory = scratch("named");
        let error = ServerBinaries::find(Some(&directory)).unwrap_err();
        assert_eq!(error.diagnostic.code, codes::E0680);
        assert!(error.diagnostic.message.contains("does not hold"));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn the_message_for_none_names_the_command_that_installs_them() {
        let error = not_found();
        assert!(
            error
                .diagnostic
                .help
                .iter()
                .any(|help| help.contains("apt-get install postgresql"))
        );
    }
}

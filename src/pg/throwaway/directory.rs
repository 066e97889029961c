//! The directories of throwaway clusters: a private one that a socket's path fits into, and copies of
//! a finished cluster.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::could_not_start;
use super::owner::Owner;
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::PgError;

/// The longest path of a directory that a socket `.s.PGSQL.5432` and its lock file fit into: the
/// address of a UNIX socket holds 108 bytes on Linux and 104 elsewhere, the closing zero included.
const LONGEST: usize = 104 - "/.s.PGSQL.5432".len() - 1;

/// Tells the directories of one process apart.
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// Makes a new directory that only its owner can enter, where sockets can be and the owner can get to.
///
/// # Errors
/// E0682 if there is no such place, E0683 if root finds no account to hand it to.
pub(super) fn create() -> Result<(PathBuf, Owner), PgError> {
    let mut reasons = Vec::new();
    // A per-user temporary directory can be too deep for a socket, or closed to the account that the
    // server runs as; `/tmp` is neither.
    for parent in [env::temp_dir(), PathBuf::from("/tmp")] {
        match create_in(&parent) {
            Ok(directory) => match hand_over(&directory)? {
                Ok(owner) => return Ok((directory, owner)),
                Err(reason) => {
                    let _ = fs::remove_dir(&directory);
                    reasons.push(format!("`{}`: {reason}", parent.display()));
                }
            },
            Err(reason) => reasons.push(format!("`{}`: {reason}", parent.display())),
        }
    }
    reasons.dedup();
    let mut diagnostic = Diagnostic::error(
        codes::E0682,
        "no temporary directory is fit for a throwaway PostgreSQL cluster",
    );
    for reason in reasons {
        diagnostic = diagnostic.note(reason);
    }
    Err(could_not_start(diagnostic.help(
        "name a short, writable directory that every account can enter: `TMPDIR=/tmp`",
    )))
}

/// A new directory in `parent`, or why there is none.
fn create_in(parent: &Path) -> Result<PathBuf, String> {
    let parent = parent.canonicalize().map_err(|error| error.to_string())?;
    let moment = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.subsec_nanos());
    let directory = parent.join(format!(
        "mapwright-{}-{}-{moment:08x}",
        std::process::id(),
        COUNTER.fetch_add(1, Ordering::Relaxed)
    ));
    if directory.as_os_str().len() > LONGEST {
        return Err(format!(
            "its path is too long for a UNIX socket: `{}` has {} bytes, {LONGEST} fit",
            directory.display(),
            directory.as_os_str().len()
        ));
    }
    // Fails if somebody has put something there before us.
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&directory)
        .map_err(|error| error.to_string())?;
    Ok(directory)
}

/// Gives a directory to whoever is to own the cluster; the inner error is why that owner cannot use it.
fn hand_over(directory: &Path) -> Result<Result<Owner, String>, PgError> {
    // What we have just made is ours: the one way to learn our effective user without a C library.
    let effective_uid = match fs::metadata(directory) {
        Ok(metadata) => metadata.uid(),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let owner = Owner::for_user(effective_uid)?;
    let reached = owner.own(directory).and_then(|()| {
        owner
            .command(Path::new("true"), directory)
            .stdin(Stdio::null())
            .status()
    });
    Ok(match reached {
        Ok(_) => Ok(owner),
        Err(error) => Err(error.to_string()),
    })
}

/// Copies a directory with all that is in it, for `owner` alone to read.
pub(super) fn copy_tree(from: &Path, to: &Path, owner: Owner) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    owner.own(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target, owner)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600))?;
            owner.own(&target)?;
        }
    }
    Ok(())
}

/// Keeps a copy of a cluster that has never run. Several processes may do so at once: one wins.
pub(super) fn save_template(data: &Path, template: &Path) -> io::Result<()> {
    if let Some(parent) = template.parent() {
        fs::create_dir_all(parent)?;
    }
    let unfinished = template.with_extension(format!("{}", std::process::id()));
    let _ = fs::remove_dir_all(&unfinished);
    copy_tree(data, &unfinished, Owner::Ourselves)
        .and_then(|()| fs::rename(&unfinished, template))
        .inspect_err(|_| {
            let _ = fs::remove_dir_all(&unfinished);
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_no_socket_fits_into_is_refused_with_its_length() {
        let deep = env::temp_dir().join("x".repeat(90));
        fs::create_dir_all(&deep).unwrap();
        let reason = create_in(&deep).unwrap_err();
        fs::remove_dir(&deep).unwrap();
        assert!(reason.contains("too long for a UNIX socket"), "{reason}");
    }

    #[test]
    fn a_directory_is_closed_to_others() {
        let directory = create_in(&env::temp_dir()).unwrap();
        let mode = fs::metadata(&directory).unwrap().permissions().mode();
        fs::remove_dir(&directory).unwrap();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn two_directories_of_one_process_differ() {
        let one = create_in(&env::temp_dir()).unwrap();
        let other = create_in(&env::temp_dir()).unwrap();
        fs::remove_dir(&one).unwrap();
        fs::remove_dir(&other).unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn a_tree_is_copied_whole_and_for_its_owner_alone() {
        let from = create_in(&env::temp_dir()).unwrap();
        fs::create_dir(from.join("base")).unwrap();
        fs::write(from.join("base/1"), "one").unwrap();
        fs::write(from.join("PG_VERSION"), "15").unwrap();
        let to = from.with_extension("copy");
        copy_tree(&from, &to, Owner::Ourselves).unwrap();
        assert_eq!(fs::read_to_string(to.join("base/1")).unwrap(), "one");
        let mode = |name: &str| fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("base"), 0o700);
        assert_eq!(mode("PG_VERSION"), 0o600);
        fs::remove_dir_all(from).unwrap();
        fs::remove_dir_all(to).unwrap();
    }
}

//! Files that take the place of the one before: reports, of which the old one is not lost if the new
//! one cannot be written.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::output_file::Unfinished;

/// Writes a file in the place of the one that is there, if one is: on failure the old one stays. What
/// is no regular file is written to as it is, and so is a file in a directory that lets nobody make
/// another one or give it the name, such as one that is mounted by itself. A new file is readable by
/// its owner alone, one that was there keeps its mode.
///
/// # Errors
/// What the system says.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let Some(place) = place_of(path)? else {
        return write_in_place(path, text);
    };
    let mut new = match Unfinished::beside(&place) {
        Ok(made) => made,
        Err(error) if may_be_written_in_place(&error) => return write_in_place(path, text),
        Err(error) => return Err(error),
    };
    new.file.write_all(text.as_bytes())?;
    if let Ok(facts) = fs::metadata(&place) {
        new.file.set_permissions(facts.permissions())?;
    }
    match new.replace(&place) {
        Err(error) if may_be_written_in_place(&error) => write_in_place(path, text),
        renamed => renamed,
    }
}

/// Whether [`replace`] would find a place to write to, leaving everything as it is.
///
/// # Errors
/// What the system says.
pub(super) fn replaceable(path: &Path) -> io::Result<()> {
    let in_place = || OpenOptions::new().append(true).open(path).map(drop);
    let Some(place) = place_of(path)? else {
        return in_place();
    };
    match Unfinished::beside(&place) {
        Ok(_removed) => Ok(()),
        Err(error) if may_be_written_in_place(&error) && place.exists() => in_place(),
        Err(error) => Err(error),
    }
}

/// Where a file at `path` really is, links followed; `None` for what is there and no regular file.
fn place_of(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs::metadata(path) {
        Ok(facts) if !facts.is_file() => Ok(None),
        Ok(_) => fs::canonicalize(path).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Some(path.to_owned())),
        Err(error) => Err(error),
    }
}

/// Whether a file that cannot be made beside another may be what the directory is like, and not a
/// disk that is full.
fn may_be_written_in_place(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::ResourceBusy
            | io::ErrorKind::CrossesDevices
    )
}

fn write_in_place(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?
        .write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use crate::cli::scratch::Scratch;

    use super::*;

    #[test]
    fn what_takes_the_place_of_a_file_is_whole_or_the_old_one_stays() {
        let scratch = Scratch::new("place");
        let (path, link) = (scratch.0.join("report.json"), scratch.0.join("link"));
        replaceable(&path).unwrap();
        assert_eq!(scratch.names(), Vec::<String>::new());
        replace(&path, "first").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        let before = File::open(&path).unwrap();
        replace(&link, "second").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(mode(&path), 0o640);
        // The old one was not written to: whoever has it open still reads it whole.
        assert_eq!(io::read_to_string(before).unwrap(), "first");
        assert_eq!(scratch.names(), ["link", "report.json"]);
    }

    #[test]
    fn what_is_no_regular_file_is_written_to_as_it_is() {
        replaceable(Path::new("/dev/null")).unwrap();
        replace(Path::new("/dev/null"), "gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        // A disk that is full is said, and the file that is there is not emptied for it.
        let refused = replace(Path::new("/dev/full"), "never").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert!(!may_be_written_in_place(&refused));
        assert!(replaceable(Path::new("/no/such/directory/report.json")).is_err());
    }
}

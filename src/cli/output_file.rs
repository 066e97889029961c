//! A file for its owner alone: whole or not at all, and in nobody's place unless asked.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::diagnostics::{Diagnostic, codes};

use super::exit::ExitStatus;
use super::failure::Failure;

/// What to do if the file is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfThere {
    /// Leave it and fail.
    Refuse,
    /// Replace it.
    Replace,
}

/// Where a file will be written: looked at before the work is done, written after it.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    named: PathBuf,
    if_there: IfThere,
}

impl OutputFile {
    /// Looks whether a file can be written at `path`.
    ///
    /// # Errors
    /// E0613: it is there already and may not be replaced, it is no file, or its directory cannot be
    /// written to.
    pub fn prepare(path: &Path, if_there: IfThere) -> Result<Self, Failure> {
        let there = fs::symlink_metadata(path).is_ok();
        if there && if_there == IfThere::Refuse {
            return Err(exists(path));
        }
        // A link is followed: what it leads to is replaced, not the link.
        let real = if there {
            fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
        } else {
            path.to_owned()
        };
        if fs::metadata(&real).is_ok_and(|facts| !facts.is_file()) {
            return Err(failure(path, "is no regular file", &[]).helped("name a file"));
        }
        let output = Self {
            path: real,
            named: path.to_owned(),
            if_there,
        };
        // Whether it works is only known by trying.
        drop(output.begin()?);
        Ok(output)
    }

    /// Writes the file, readable by its owner alone; on failure there is none, or the old one.
    ///
    /// # Errors
    /// E0613: it has come to be there in the meantime, or the system refuses.
    pub fn write(&self, text: &str) -> Result<(), Failure> {
        let mut unfinished = self.begin()?;
        unfinished
            .file
            .write_all(text.as_bytes())
            .map_err(|error| self.refused(&error))?;
        self.place(unfinished)
    }

    /// Begins a file beside the one that is wanted; dropped, it goes away.
    ///
    /// # Errors
    /// E0613 if the system refuses.
    pub fn begin(&self) -> Result<Unfinished, Failure> {
        Unfinished::beside(&self.path).map_err(|error| self.refused(&error))
    }

    /// Gives a file that was written whole its name.
    ///
    /// # Errors
    /// E0613: somebody else has that name by now, or the system refuses.
    pub fn place(&self, finished: Unfinished) -> Result<(), Failure> {
        let synced = finished.file.sync_all();
        synced.map_err(|error| self.refused(&error))?;
        let placed = match self.if_there {
            IfThere::Replace => fs::rename(&finished.path, &self.path),
            IfThere::Refuse => self.place_new(&finished.path),
        };
        match placed {
            Ok(()) => {
                if let Ok(directory) = File::open(self.directory()) {
                    // Some file systems cannot do this for directories; the file itself is safe.
                    let _synced = directory.sync_all();
                }
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(&self.named)),
            Err(error) => Err(self.refused(&error)),
        }
    }

    /// Gives the finished file its name, unless somebody else has it by now.
    fn place_new(&self, temporary: &Path) -> io::Result<()> {
        match fs::hard_link(temporary, &self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                // Some file systems have no hard links.
                if fs::symlink_metadata(&self.path).is_ok() {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                fs::rename(temporary, &self.path)
            }
            placed => placed,
        }
    }

    fn directory(&self) -> &Path {
        directory_of(&self.path)
    }

    /// The failure of an operation on the file.
    pub fn refused(&self, error: &io::Error) -> Failure {
        let directory = format!("its directory is `{}`", self.directory().display());
        failure(
            &self.named,
            "cannot be written",
            &[&error.to_string(), &directory],
        )
    }
}

/// A file that has not its name yet; it is removed when it is dropped.
#[derive(Debug)]
pub struct Unfinished {
    /// To be written, and read again.
    pub file: File,
    path: PathBuf,
}

impl Unfinished {
    /// A new file beside another, readable by its owner alone.
    ///
    /// # Errors
    /// What the system says.
    pub fn beside(path: &Path) -> io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut number = std::process::id();
        loop {
            let path = directory_of(path).join(format!(".{name}.{number}.tmp"));
            let opened = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path);
            match opened {
                Ok(file) => return Ok(Self { file, path }),
                // Left behind by a run that was killed: in containers numbers of processes repeat.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number = number.wrapping_add(1);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives it a name, in the place of what has it.
    ///
    /// # Errors
    /// What the system says.
    pub fn replace(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Once it has its name, there is nothing left to remove.
        let _removed = fs::remove_file(&self.path);
    }
}

/// The directory that a file is in.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn exists(path: &Path) -> Failure {
    failure(path, "is there already", &["it is left as it is"])
        .helped("name another file, or replace it with `--force`")
}

fn failure(path: &Path, what: &str, notes: &[&str]) -> Failure {
    let mut diagnostic = Diagnostic::error(
        codes::E0613,
        format!("the file `{}` {what}", path.display()),
    );
    for note in notes {
        diagnostic = diagnostic.note(*note);
    }
    Failure::one(ExitStatus::Usage, diagnostic)
}

impl Failure {
    fn helped(mut self, help: &str) -> Self {
        self.diagnostics = self
            .diagnostics
            .into_iter()
            .map(|diagnostic| diagnostic.help(help))
            .collect();
        self
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use crate::cli::scratch::Scratch;

    use super::*;

    fn message(failure: &Failure) -> String {
        assert_eq!(failure.status, ExitStatus::Usage);
        assert_eq!(failure.diagnostics[0].code, codes::E0613);
        failure.diagnostics[0].message.clone()
    }

    #[test]
    fn a_new_file_belongs_to_its_owner_alone() {
        let scratch = Scratch::new("new");
        let path = scratch.0.join("mas.yaml");
        let output = OutputFile::prepare(&path, IfThere::Refuse).unwrap();
        assert_eq!(
            scratch.names(),
            Vec::<String>::new(),
            "preparing leaves nothing"
        );
        output.write("secret\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret\n");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(scratch.names(), ["mas.yaml"], "and no other file");
    }

    #[test]
    fn what_a_killed_run_left_behind_is_in_nobodys_way() {
        let scratch = Scratch::new("left");
        let left = format!(".mas.yaml.{}.tmp", std::process::id());
        fs::write(scratch.0.join(&left), "half").unwrap();
        let path = scratch.0.join("mas.yaml");
        let output = OutputFile::prepare(&path, IfThere::Refuse).unwrap();
        output.write("whole").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(scratch.names(), [left.as_str(), "mas.yaml"]);
    }

    #[test]
    fn what_is_there_is_replaced_only_if_asked() {
        let scratch = Scratch::new("there");
        let path = scratch.0.join("mas.yaml");
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = OutputFile::prepare(&path, IfThere::Refuse).unwrap_err();
        assert!(message(&refused).ends_with("is there already"));
        assert!(refused.diagnostics[0].help[0].contains("--force"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        let output = OutputFile::prepare(&path, IfThere::Replace).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        output.write("new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(scratch.names(), ["mas.yaml"]);
    }

    #[test]
    fn a_file_that_came_in_the_meantime_is_not_replaced() {
        let scratch = Scratch::new("meantime");
        let path = scratch.0.join("mas.yaml");
        let output = OutputFile::prepare(&path, IfThere::Refuse).unwrap();
        fs::write(&path, "somebody's").unwrap();
        let refused = output.write("ours").unwrap_err();
        assert!(message(&refused).ends_with("is there already"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody's");
        assert_eq!(scratch.names(), ["mas.yaml"]);
    }

    #[test]
    fn links_are_followed_and_not_replaced() {
        let scratch = Scratch::new("link");
        let (path, real) = (scratch.0.join("link"), scratch.0.join("real"));
        fs::write(&real, "old").unwrap();
        symlink(&real, &path).unwrap();
        OutputFile::prepare(&path, IfThere::Refuse).unwrap_err();
        let output = OutputFile::prepare(&path, IfThere::Replace).unwrap();
        output.write("new").unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        // A link to nothing is something that is there.
        let dangling = scratch.0.join("dangling");
        symlink(scratch.0.join("nowhere"), &dangling).unwrap();
        let refused = OutputFile::prepare(&dangling, IfThere::Refuse).unwrap_err();
        assert!(message(&refused).ends_with("is there already"));
    }

    #[test]
    fn places_where_no_file_can_be_are_named() {
        let scratch = Scratch::new("places");
        let missing = scratch.0.join("no/such/mas.yaml");
        let refused = OutputFile::prepare(&missing, IfThere::Refuse).unwrap_err();
        assert!(message(&refused).ends_with("cannot be written"));
        let notes = refused.diagnostics[0].notes.join(" | ");
        assert!(notes.contains("No such file or directory"), "{notes}");
        assert!(notes.contains("no/such`"), "{notes}");
        let refused = OutputFile::prepare(&scratch.0, IfThere::Replace).unwrap_err();
        assert!(message(&refused).ends_with("is no regular file"));
        let refused = OutputFile::prepare(Path::new("/dev/null"), IfThere::Replace).unwrap_err();
        assert!(message(&refused).ends_with("is no regular file"));
        // A file where a directory should be: refused to root as well.
        let file = scratch.0.join("file");
        fs::write(&file, "").unwrap();
        let refused = OutputFile::prepare(&file.join("mas.yaml"), IfThere::Refuse).unwrap_err();
        assert!(message(&refused).ends_with("cannot be written"));
    }
}

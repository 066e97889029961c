//! The world outside the command line: environment variables, the user, files.
//!
//! Everything in `config` meets the operating system through an [`Environment`] only, so that the
//! rules can be tested with one that is made up.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What kind of thing a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A socket, a pipe, a device.
    Other,
}

/// What the file system knows of a path, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileFacts {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits, as in `chmod`.
    pub mode: u32,
}

/// Read-only access to files.
pub trait FileSystem: Send + Sync {
    /// The text of a file; text that is not UTF-8 is an error of kind `InvalidData`.
    ///
    /// # Errors
    /// Those of the operating system.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// The paths of a directory's entries, in any order.
    ///
    /// # Errors
    /// Those of the operating system.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// What a path leads to.
    ///
    /// # Errors
    /// Those of the operating system.
    fn facts(&self, path: &Path) -> io::Result<FileFacts>;
}

/// Variables, user and files.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    user: Option<String>,
    home: Option<PathBuf>,
    files: Arc<dyn FileSystem>,
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values of variables can be passwords.
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys())
            .field("user", &self.user)
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

impl Environment {
    /// An environment of the given parts.
    pub fn new(
        variables: BTreeMap<String, String>,
        user: Option<String>,
        home: Option<PathBuf>,
        files: Arc<dyn FileSystem>,
    ) -> Self {
        Self {
            variables,
            user,
            home,
            files,
        }
    }

    /// The real one. Variables whose name or value is not UTF-8 are left out.
    pub fn system() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self::new(
            variables,
            whoami::username().ok(),
            std::env::home_dir(),
            Arc::new(RealFiles),
        )
    }

    /// The value of a variable, which may be empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// All variables whose name begins with `prefix`, by name.
    pub fn variables_with(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The operating system's name for who runs this.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// A path in the home directory.
    pub fn in_home(&self, path: &str) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.join(path))
    }

    /// The files.
    pub fn files(&self) -> &dyn FileSystem {
        self.files.as_ref()
    }

    /// Whether there is anything at `path`.
    pub fn exists(&self, path: &Path) -> bool {
        self.files.facts(path).is_ok()
    }
}

struct RealFiles;

impl FileSystem for RealFiles {
    fn read(&self, path: &Path) -> io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    }

    fn facts(&self, path: &Path) -> io::Result<FileFacts> {
        let facts = std::fs::metadata(path)?;
        let kind = if facts.is_file() {
            FileKind::File
        } else if facts.is_dir() {
            FileKind::Directory
        } else {
            FileKind::Other
        };
        Ok(FileFacts {
            kind,
            mode: facts.mode() & 0o7777,
        })
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A made-up environment for tests.

    use super::*;

    #[derive(Default)]
    struct MemoryFiles(BTreeMap<PathBuf, (String, u32)>);

    impl FileSystem for MemoryFiles {
        fn read(&self, path: &Path) -> io::Result<String> {
            match self.0.get(path) {
                Some((text, _)) => Ok(text.clone()),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        }

        fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
            Ok(self
                .0
                .keys()
                .filter(|entry| entry.parent() == Some(path))
                .cloned()
                .collect())
        }

        fn facts(&self, path: &Path) -> io::Result<FileFacts> {
            if let Some((_, mode)) = self.0.get(path) {
                let kind = FileKind::File;
                return Ok(FileFacts { kind, mode: *mode });
            }
            if self.0.keys().any(|entry| entry.starts_with(path)) {
                let kind = FileKind::Directory;
                return Ok(FileFacts { kind, mode: 0o755 });
            }
            Err(io::ErrorKind::NotFound.into())
        }
    }

    /// User `tester`, home `/home/tester`, the given variables and files (mode 600).
    pub(crate) fn environment(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Environment {
        let files: Vec<(&str, &str, u32)> = files
            .iter()
            .map(|(path, text)| (*path, *text, 0o600))
            .collect();
        environment_with_modes(variables, &files)
    }

    /// The same with permission bits for each file.
    pub(crate) fn environment_with_modes(
        variables: &[(&str, &str)],
        files: &[(&str, &str, u32)],
    ) -> Environment {
        let files = files
            .iter()
            .map(|(path, text, mode)| (PathBuf::from(path), ((*text).to_owned(), *mode)))
            .collect();
        Environment::new(
            variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            Some("tester".to_owned()),
            Some(PathBuf::from("/home/tester")),
            Arc::new(MemoryFiles(files)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_environment_reads_real_files() {
        let environment = Environment::system();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = environment.files();
        assert!(
            files
                .read(&root.join("Cargo.toml"))
                .unwrap()
                .contains("mapwright")
        );
        assert_eq!(files.facts(root).unwrap().kind, FileKind::Directory);
        assert_eq!(
            files.facts(&root.join("Cargo.toml")).unwrap().kind,
            FileKind::File
        );
        assert!(files.list(root).unwrap().contains(&root.join("src")));
        assert!(!environment.exists(&root.join("no such file")));
        assert!(environment.user().is_some());
    }

    #[test]
    fn no_debug_form_shows_a_variable_s_value() {
        let environment = testing::environment(&[("PGPASSWORD", "hunter2")], &[]);
        let shown = format!("{environment:?}");
        assert!(shown.contains("PGPASSWORD") && !shown.contains("hunter2"));
    }
}

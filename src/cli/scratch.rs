//! Directories for tests of files.

use std::fs;
use std::path::PathBuf;

/// A directory that goes away by itself.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    /// A new one; each test has its own name.
    pub(super) fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("mapwright-files-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The names of what is in it, sorted.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

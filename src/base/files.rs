//! The texts that a compilation works on, by number. Reading them from disk is the caller's work.

use serde::{Deserialize, Serialize};

/// The number of a file in [`Files`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FileId(pub u32);

/// Names and texts of all files of a compilation; a [`FileId`] is an index into it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Files {
    files: Vec<File>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct File {
    name: String,
    text: String,
}

impl Files {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file under the name that messages will show and returns its number.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(File {
            name: name.into(),
            text: text.into(),
        });
        id
    }

    /// The name messages show; empty for a number that was never given out.
    pub fn name(&self, id: FileId) -> &str {
        self.files.get(id.0 as usize).map_or("", |file| &file.name)
    }

    /// The whole text; empty for a number that was never given out.
    pub fn text(&self, id: FileId) -> &str {
        self.files.get(id.0 as usize).map_or("", |file| &file.text)
    }

    /// The numbers of all files, in the order they were added.
    pub fn ids(&self) -> impl Iterator<Item = FileId> {
        (0..u32::try_from(self.files.len()).unwrap_or(u32::MAX)).map(FileId)
    }

    /// Line and column of a byte offset, both counted from 1; columns count characters.
    pub fn position(&self, id: FileId, offset: u32) -> (usize, usize) {
        let text = self.text(id);
        let mut end = (offset as usize).min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = text.get(..end).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let mut files = Files::new();
        let id = files.add("a.map", "ä = 1\nb");
        assert_eq!(files.position(id, 0), (1, 1));
        assert_eq!(files.position(id, 2), (1, 2));
        assert_eq!(files.position(id, 7), (2, 1));
        assert_eq!(
            files.position(id, 1),
            (1, 1),
            "inside a character counts as its start"
        );
        assert_eq!(files.position(id, 999), (2, 2));
    }
}

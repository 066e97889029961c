//! What remains to be done after a command, for this very pair of servers: in the report whole, on a
//! terminal its essence.
//!
//! Values come from both configurations; where one is not known, the text says what to put there. No
//! secret is shown: its place is named.

mod command;
mod proxy;
mod steps;
mod text;

pub use command::Invocation;
pub use steps::{RehearsedBy, after_commit, before};
pub use text::render;

use serde::Serialize;

use crate::cli::args::Proxy;

/// One thing to do. The steps of a list are done in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its name for programs; stays the same.
    pub id: &'static str,
    /// What to do, as an order.
    pub title: String,
    /// What belongs to it.
    pub text: Vec<String>,
    /// Commands for a shell, a line each.
    pub commands: Vec<String>,
    /// What to put somewhere.
    pub snippets: Vec<Snippet>,
    /// Keys to take out of Synapse's configuration.
    pub remove: Vec<Removal>,
    /// What else there is to know; not for the terminal.
    pub notes: Vec<String>,
}

impl Step {
    fn new(id: &'static str, title: impl Into<String>) -> Self {
        Self {
            id,
            title: title.into(),
            text: Vec::new(),
            commands: Vec::new(),
            snippets: Vec::new(),
            remove: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn text(mut self, text: impl Into<String>) -> Self {
        self.text.push(text.into());
        self
    }

    fn command(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Text of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Snippet {
    /// What it is for: a file's name, or that of a program.
    pub name: &'static str,
    /// The text, with a line break at the end of each line.
    pub text: String,
    /// Where it is shown besides the report.
    #[serde(skip)]
    pub shown: Shown,
}

/// Whether a snippet is shown on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Always.
    Always,
    /// If people chose that proxy.
    For(Proxy),
    /// Never.
    InReports,
}

/// A key that has to go from a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// The key, with dots between its levels.
    pub key: String,
    /// Where it stands: file and line.
    pub place: String,
}

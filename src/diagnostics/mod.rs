//! One type for everything that is wrong with an input, from a misplaced brace to a closed port.
//!
//! A [`Diagnostic`] stands alone without its snippet. How it is drawn is in [`render`]; what its
//! code means is in [`codes`]; what `check` tells an operator about rows is a [`Finding`].

pub mod codes;
mod finding;
pub mod render;
pub mod suggest;
mod window;

use serde::Serialize;

use crate::base::Span;
pub use codes::Code;
pub use finding::{Finding, FindingSeverity};

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is done while it stands.
    Error,
    /// Worth knowing; does not stop anything.
    Warning,
    /// A defect of mapwright itself.
    Bug,
}

/// A place in a file and what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What stands there, in a few words without a line break; may be empty.
    pub message: String,
    /// Whether this is the place to edit; a diagnostic has at most one.
    pub primary: bool,
}

/// One problem: what (`message`), where (`labels`), why (`notes`), what to do (`help`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its entry in the registry.
    pub code: Code,
    /// One lowercase sentence without a full stop or line break.
    pub message: String,
    /// Places in `.map` files; empty for problems that have none.
    pub labels: Vec<Label>,
    /// Context, one entry a line.
    pub notes: Vec<String>,
    /// Changes to make, at most two.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error without places, notes and help.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning without places, notes and help.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    fn new(severity: Severity, code: Code, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Adds the place to edit.
    #[must_use]
    pub fn primary(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            message: message.into(),
            primary: true,
        });
        self
    }

    /// Adds a place that explains.
    #[must_use]
    pub fn secondary(mut self, span: Span, message: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            message: message.into(),
            primary: false,
        });
        self
    }

    /// Adds a line of context.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds a change to make.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Where it is sorted: by place, then by code.
    fn order(&self) -> (Option<Span>, Code) {
        (
            self.labels
                .iter()
                .find(|label| label.primary)
                .map(|label| label.span),
            self.code,
        )
    }
}

/// All problems found so far; stages push into it and go on.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Adds all of another collection.
    pub fn extend(&mut self, other: Diagnostics) {
        self.list.extend(other.list);
    }

    /// Takes out those of one code.
    pub fn remove(&mut self, code: Code) {
        self.list.retain(|diagnostic| diagnostic.code != code);
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|diagnostic| diagnostic.severity != Severity::Warning)
    }

    /// Whether there is none at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them by file, place and code, each once.
    pub fn into_sorted(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(Diagnostic::order);
        let mut seen = std::collections::HashSet::new();
        self.list
            .retain(|diagnostic| seen.insert(diagnostic.clone()));
        self.list
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            list: vec![diagnostic],
        }
    }
}

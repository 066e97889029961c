//! Values that know where they came from, and secrets that do not show themselves.

use std::fmt;

use serde::{Serialize, Serializer};

/// A text that must not be shown: a password, a pepper, a private key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text` from now on.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Where a value came from, in the words an operator would look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line, with its dashes.
    Flag(String),
    /// A key of a configuration file.
    File {
        /// The file, as it was named.
        file: String,
        /// Line of the value, from 1.
        line: u32,
        /// The key, with dots between its levels.
        key: String,
    },
    /// An environment variable.
    Variable(String),
    /// A line of libpq's password file.
    PasswordFile {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u32,
    },
    /// A section of libpq's service file.
    Service {
        /// The file.
        file: String,
        /// The section's name.
        service: String,
    },
    /// Nobody set it; the text says what the default is drawn from.
    Default(String),
}

impl Origin {
    /// The default that needs no explanation.
    pub fn default_value() -> Self {
        Self::Default(String::new())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "`{flag}`"),
            Self::File { file, line, key } => write!(f, "`{key}` in {file}:{line}"),
            Self::Variable(name) => write!(f, "environment variable `{name}`"),
            Self::PasswordFile { file, line } => write!(f, "password file {file}:{line}"),
            Self::Service { file, service } => write!(f, "service `{service}` in {file}"),
            Self::Default(what) if what.is_empty() => f.write_str("default"),
            Self::Default(what) => write!(f, "default: {what}"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// Joins a value and its origin.
    pub fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }

    /// A value nobody set.
    pub fn default_value(value: T) -> Self {
        Self::new(value, Origin::default_value())
    }

    /// Another value of the same origin.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced::new(change(self.value), self.origin)
    }
}

//! What `check` tells an operator about configurations, databases and rows.

use serde::{Deserialize, Serialize};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingSeverity {
    /// Blocks the run.
    Error,
    /// Does not block it, but somebody should know.
    Warning,
}

/// Something an operator should know before or after a run: about a configuration, a database, or
/// rows that a reason of the mapping applies to.
///
/// Samples are keys of rows, never values that are secret or personal beyond the account's ID.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable identifier in `snake_case`, unique among all findings.
    pub id: String,
    /// Whether it blocks the run.
    pub severity: FindingSeverity,
    /// How many rows (or settings) it concerns; at least 1.
    pub count: u64,
    /// Up to five keys of rows it concerns.
    pub samples: Vec<String>,
    /// What it means, one sentence.
    pub meaning: String,
    /// What to do about it, one sentence.
    pub remedy: String,
    /// A query to look or to mend, where one helps.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sql: Option<String>,
}

impl Finding {
    /// The identifier of a finding about something that has a name of its own, in small letters: what
    /// is no letter or digit of ASCII becomes `_`.
    pub fn id_about(prefix: &str, name: &str) -> String {
        let name = name.chars().map(|c| match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => c,
            _ => '_',
        });
        prefix.chars().chain(name).collect()
    }
}

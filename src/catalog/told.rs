//! The finding for reports that says the same as a diagnostic for people.

use crate::diagnostics::{Diagnostic, Finding, FindingSeverity, Severity};

/// A finding with the message, notes and help of a diagnostic. What is no letter or digit of the
/// ID becomes `_`.
pub(super) fn finding(id: &str, samples: Vec<String>, diagnostic: &Diagnostic) -> Finding {
    let mut meaning = diagnostic.message.clone();
    for note in &diagnostic.notes {
        meaning += "; ";
        meaning += note;
    }
    Finding {
        id: Finding::id_about("", id),
        severity: match diagnostic.severity {
            Severity::Warning => FindingSeverity::Warning,
            Severity::Error | Severity::Bug => FindingSeverity::Error,
        },
        count: 1,
        samples,
        meaning,
        remedy: diagnostic.help.join("; "),
        sql: None,
    }
}

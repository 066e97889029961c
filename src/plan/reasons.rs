//! The reasons of a plan: those that every plan has, then the mapping's.

use crate::check::ir;
use crate::types::SeverityValue;

use super::{Reason, ReasonSeverity};

/// The reasons by their numbers in the plan; the first are those of [`super::builtin`].
pub(super) fn reasons(mapping: &ir::Mapping) -> Vec<Reason> {
    let builtin = |name: &str, severity, meaning: &str, help: &str| Reason {
        name: name.to_owned(),
        severity: ReasonSeverity::Fixed(severity),
        meaning: meaning.to_owned(),
        help: help.to_owned(),
        sql: None,
        origin: None,
    };
    let mut reasons = vec![
        builtin(
            "owner_not_migrated",
            SeverityValue::Quiet,
            "the row belongs to one that was itself left out",
            "see the reason of the row it belongs to",
        ),
        builtin(
            "arithmetic_overflow",
            SeverityValue::Error,
            "arithmetic on the row's values leaves the range of 64 bits, or divides by zero",
            "correct the values in the source, or give the rule a way out",
        ),
        builtin(
            "value_out_of_range",
            SeverityValue::Error,
            "a value does not fit the target's column, or is one that the language does not have: an infinite timestamp, a duration with months",
            "correct the value in the source, or give the rule a way out",
        ),
        builtin(
            "dangling_reference",
            SeverityValue::Error,
            "a row would refer to one that is not written",
            "make the condition that leaves out the one leave out the other too: put it on the view that both build on",
        ),
        builtin(
            "duplicate_key",
            SeverityValue::Error,
            "a join that must find one row found several",
            "remove the duplicates in the source",
        ),
    ];
    reasons.extend(mapping.reasons.iter().map(|reason| Reason {
        name: reason.name.clone(),
        severity: match reason.severity {
            ir::ReasonSeverity::Fixed(severity) => ReasonSeverity::Fixed(severity),
            ir::ReasonSeverity::Param(param) => ReasonSeverity::Param(param),
        },
        meaning: reason.meaning.clone(),
        help: reason.help.clone(),
        sql: reason.sql.clone(),
        origin: Some(reason.span),
    }));
    reasons
}

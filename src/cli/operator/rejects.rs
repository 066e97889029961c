//! Rejected rows as diagnostics, each at its place in the mapping.

use crate::diagnostics::{Diagnostic, codes};
use crate::plan::{Plan, builtin};
use crate::run::{Reject, RunReport};

/// Why rows were rejected: a diagnostic for each reason and place of the mapping.
pub fn all(plan: &Plan, report: &RunReport) -> Vec<Diagnostic> {
    told(plan, report.rejects.iter())
}

/// The same for the reasons that every mapping has: their texts say nothing of column and rule.
pub fn builtin(plan: &Plan, report: &RunReport) -> Vec<Diagnostic> {
    let rejects = report.rejects.iter();
    told(
        plan,
        rejects.filter(|reject| reject.reason < builtin::COUNT && reject.node.is_some()),
    )
}

fn told<'r>(plan: &Plan, rejects: impl Iterator<Item = &'r Reject>) -> Vec<Diagnostic> {
    let mut groups: Vec<(&Reject, Vec<&str>)> = Vec::new();
    for reject in rejects {
        let known = groups.iter_mut().find(|(first, _)| {
            (first.reason, first.node, &first.block) == (reject.reason, reject.node, &reject.block)
        });
        let keys = match known {
            Some((_, keys)) => keys,
            None => {
                groups.push((reject, Vec::new()));
                match groups.last_mut() {
                    Some((_, keys)) => keys,
                    None => continue,
                }
            }
        };
        keys.push(&reject.key);
    }
    groups
        .into_iter()
        .map(|(reject, keys)| diagnostic(plan, reject, &keys))
        .collect()
}

fn diagnostic(plan: &Plan, reject: &Reject, keys: &[&str]) -> Diagnostic {
    let reason = plan.reasons.get(reject.reason);
    let name = reason.map_or("", |reason| reason.name.as_str());
    let rows = if keys.len() == 1 { "row" } else { "rows" };
    let shown: Vec<&str> = keys.iter().filter(|key| !key.is_empty()).copied().collect();
    let first = match (shown.first(), keys.len()) {
        (None, _) => String::new(),
        (Some(key), 1) => format!(": {key}"),
        (Some(key), _) => format!(": {key} …"),
    };
    let mut diagnostic = Diagnostic::error(
        codes::E0501,
        format!(
            "{rows} rejected by reason `{name}` in `{}`{first}",
            reject.block
        ),
    );
    if let Some(span) = reject.node.and_then(|node| plan.origin(node)) {
        let label = if reject.why.is_empty() {
            String::new()
        } else {
            format!("the value {}", reject.why)
        };
        diagnostic = diagnostic.primary(span, label);
    }
    if let Some(origin) = reason.and_then(|reason| reason.origin) {
        diagnostic = diagnostic.secondary(origin, "the reason");
    }
    if shown.is_empty() {
        diagnostic = diagnostic.note(super::findings::source_key(""));
    } else if keys.len() > 1 {
        diagnostic = diagnostic.note(format!(
            "source keys of some: {}",
            shown.get(..5).unwrap_or(&shown).join(", ")
        ));
    }
    diagnostic
}

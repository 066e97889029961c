//! What is allowed but probably not meant: bindings nobody uses.

use crate::diagnostics::{Diagnostic, codes};

use super::items::Checker;

/// Warns of parameters, reasons, views, their fields and broadcast relations that nothing uses.
pub(super) fn unused(checker: &mut Checker<'_, '_>) {
    let mut found = Vec::new();
    for (index, param) in checker.params.iter().enumerate() {
        if !checker.used.params.contains(&index) {
            found.push(("parameter", param.name.clone(), param.span));
        }
    }
    for (index, reason) in checker.reasons.iter().enumerate() {
        if !checker.used.reasons.contains(&index) {
            found.push(("reason", reason.name.clone(), reason.span));
        }
    }
    for (index, frame) in checker.frames.iter().enumerate() {
        if frame.is_map {
            continue;
        }
        if !checker.used.frames.contains(&index) {
            found.push(("view", frame.name.clone(), frame.span));
            continue;
        }
        for (number, local) in frame.locals.iter().enumerate() {
            if local.is_field && !checker.used.locals.contains(&(index, number)) {
                let name = format!("{}.{}", frame.name, local.name);
                found.push(("field", name, local.span));
            }
        }
    }
    for (index, broadcast) in checker.broadcasts.iter().enumerate() {
        if !checker.used.broadcasts.contains(&index) {
            found.push(("broadcast relation", broadcast.name.clone(), broadcast.span));
        }
    }
    for (what, name, span) in found {
        checker.diagnostics.push(unused_binding(what, &name, span));
    }
}

/// The warning for a binding that nothing uses.
pub(super) fn unused_binding(what: &str, name: &str, span: crate::base::Span) -> Diagnostic {
    Diagnostic::warning(codes::W0101, format!("{what} `{name}` is never used"))
        .primary(span, "nothing refers to it")
        .help("remove it")
}

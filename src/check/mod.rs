//! From the untyped tree to the typed one: names, types, nullness, coverage, lints.
//!
//! Checking never stops at the first problem; what is wrong becomes [`ir::ExprKind::Error`], which
//! fits everywhere, so that one mistake is one message.

mod block;
mod branches;
mod calls;
mod chains;
mod coverage;
mod expression;
mod facts;
pub mod ir;
mod items;
mod joins;
mod lint;
mod names;
mod operators;
mod order;
mod relations;
mod rows;
#[cfg(test)]
pub(crate) mod samples;
mod type_names;

use crate::base::{FileId, Span};
use crate::catalog::Catalog;
use crate::diagnostics::{Diagnostic, Diagnostics, codes, suggest};
use crate::syntax::ast;

/// Checks a file against the catalogs whose names it may use.
///
/// What is wrong is pushed into `diagnostics`. The mapping that is given back is
/// [sound](ir::Mapping::sound) if nothing is; where the checker found errors it is what could be made
/// out, so that planning can report what is wrong with the rest. After an error of parsing, which may
/// have swallowed a line that all hangs on, there is none.
pub fn check(
    file: &ast::File,
    id: FileId,
    catalogs: &[Catalog],
    diagnostics: &mut Diagnostics,
) -> Option<ir::Mapping> {
    let mut found = Diagnostics::new();
    let mapping = check_header(file, id, catalogs, &mut found).map(|(name, source, target)| {
        let mut checker = items::Checker::new(source, target, &mut found);
        checker.items(file);
        lint::unused(&mut checker);
        checker.finish(name, file.docs.clone())
    });
    let parsed = !diagnostics.has_errors();
    diagnostics.extend(found);
    if diagnostics.has_errors() {
        // What nothing uses may well be used by what is wrong.
        diagnostics.remove(codes::W0101);
    }
    mapping.filter(|_| parsed)
}

/// The `mapping`, `source` and `target` items: each exactly once, the catalogs known.
fn check_header<'c>(
    file: &ast::File,
    id: FileId,
    catalogs: &'c [Catalog],
    diagnostics: &mut Diagnostics,
) -> Option<(String, &'c Catalog, &'c Catalog)> {
    let mut found: [Vec<&ast::Name>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    let [names, sources, targets] = &mut found;
    for item in &file.items {
        match &item.kind {
            ast::ItemKind::Mapping(name) => names.push(name),
            ast::ItemKind::Source(name) => sources.push(name),
            ast::ItemKind::Target(name) => targets.push(name),
            ast::ItemKind::Param(_)
            | ast::ItemKind::Reason(_)
            | ast::ItemKind::Broadcast(_)
            | ast::ItemKind::View(_)
            | ast::ItemKind::Map(_) => {}
        }
    }
    let words = [
        ("mapping", "a name of its own"),
        ("source", "a catalog"),
        ("target", "a catalog"),
    ];
    for ((word, what), names) in words.iter().zip(&found) {
        let unread = file.broken.iter().any(|(keyword, _)| keyword == word);
        match names.as_slice() {
            [] if unread => {}
            [] => {
                let place = Span::new(id, 0, 0);
                let diagnostic = Diagnostic::error(
                    codes::E0108,
                    format!("no `{word}` in the file"),
                )
                .primary(place, format!("a line `{word} …` belongs here"))
                .note(format!(
                    "every file says its `mapping`, `source` and `target`; `{word}` takes {what}"
                ));
                diagnostics.push(diagnostic);
            }
            [_] => {}
            [first, others @ ..] => {
                for other in others {
                    let diagnostic =
                        Diagnostic::error(codes::E0108, format!("`{word}` is given twice"))
                            .primary(other.span, "given again")
                            .secondary(first.span, "first given here");
                    diagnostics.push(diagnostic);
                }
            }
        }
    }
    let [names, sources, targets] = found;
    let mut catalog = |names: &[&ast::Name]| {
        let name = names.first()?;
        let known = catalogs.iter().find(|catalog| catalog.catalog == name.node);
        if known.is_none() {
            let mut diagnostic =
                Diagnostic::error(codes::E0109, format!("no catalog `{}`", name.node))
                    .primary(name.span, "not a catalog that is shipped or given");
            if let Some(help) = suggest::help(
                &name.node,
                catalogs.iter().map(|catalog| catalog.catalog.as_str()),
            ) {
                diagnostic = diagnostic.help(help);
            }
            diagnostics.push(diagnostic);
        }
        known
    };
    let (source, target) = (catalog(&sources), catalog(&targets));
    Some((
        names
            .first()
            .map_or_else(String::new, |name| name.node.clone()),
        source?,
        target?,
    ))
}

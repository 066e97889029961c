//! From text to an untyped tree: the grammar, the items of a file one by one, their errors.
//!
//! Nothing here knows catalogs or types. Parsing never stops at the first error: each item of the
//! file is parsed alone, what cannot be read is reported and left out.

pub mod ast;
mod build;
mod error;
mod expression;
mod grammar;
mod literal;
mod nesting;
mod operators;
mod place;
mod scan;
mod split;

use crate::base::{FileId, Files};
use crate::diagnostics::Diagnostics;

/// Parses the file `id`, pushing what is wrong with it into `diagnostics`.
pub fn parse(files: &Files, id: FileId, diagnostics: &mut Diagnostics) -> ast::File {
    let text = files.text(id);
    let parts = split::split(text);
    let mut builder = build::Builder::new(id, diagnostics);
    let docs = builder.header(text, parts.header);
    let mut file = ast::File {
        docs,
        ..ast::File::default()
    };
    for range in parts.items {
        match builder.item(text, range.clone()) {
            Some(item) => file.items.push(item),
            None => file
                .broken
                .extend(split::heads(text.get(range).unwrap_or_default())),
        }
    }
    file
}

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

use std::collections::VecDeque;

use crate::base::{FileId, Files};
use crate::diagnostics::Diagnostics;

/// The version of the language; raised with every change that breaks a mapping.
pub const LANGUAGE_VERSION: u32 = 1;

/// Parses the file `id`, pushing what is wrong with it into `diagnostics`.
pub fn parse(files: &Files, id: FileId, diagnostics: &mut Diagnostics) -> ast::File {
    let text = files.text(id);
    // A mark of the byte order at the start is what some editors write; it is no part of the text.
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let parts = split::split(text, start);
    let mut builder = build::Builder::new(id, diagnostics);
    let docs = builder.header(text, parts.header);
    let mut file = ast::File {
        docs,
        ..ast::File::default()
    };
    let mut items: VecDeque<_> = parts.items.into();
    while let Some(range) = items.pop_front() {
        let chunk = text.get(range.clone()).unwrap_or_default();
        let quote = match builder.item(text, range.clone()) {
            Ok(item) => {
                file.items.push(item);
                continue;
            }
            Err(unclosed) => unclosed.text,
        };
        // A text without end takes in everything behind it: whatever looks like an item is read anew.
        let again = quote.and_then(|quote| split::next_item(text, quote, range.end));
        let read = again.map_or(chunk, |again| text.get(range.start..again).unwrap_or(chunk));
        file.broken.extend(split::heads(read));
        if let Some(again) = again {
            items = split::split(text, again).items.into();
        }
    }
    file
}

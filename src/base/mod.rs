//! What every other module may use: files, spans, identifiers of both. No imports of this crate.

mod count;
mod files;
pub mod ident;
mod span;
mod visible;

pub use count::{counted, counted_as, thousands, times};
pub use files::{FileId, Files};
pub use span::{Span, Spanned};
pub use visible::{is_hidden, one_line, visible};

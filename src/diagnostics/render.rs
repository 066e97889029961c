//! Drawing diagnostics: the only user of codespan-reporting.

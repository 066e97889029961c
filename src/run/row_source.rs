//! Where rows come from: one ordered stream for each scan of a plan.

use std::future::Future;

use bytes::Bytes;

use crate::diagnostics::Diagnostic;

/// Some rows of one scan, in its order.
///
/// Each entry is one tuple of PostgreSQL's binary COPY format: a 16-bit count of fields, then for
/// each field a 32-bit length (-1 for NULL) and that many bytes in the type's binary form.
pub type Rows = Vec<Bytes>;

/// A reader of a plan's scans.
///
/// The runner asks for the rows of each scan in turn, as it needs them; a source may hold back
/// no more than a bounded number of rows. Rows of a scan come in ascending order of the partition
/// key (bytes of a text, value of an integer, bytes of a UUID), NULLs last; the runner detects a
/// stream that does not.
pub trait RowSource: Send {
    /// The next rows of scan number `scan` (its place in the pass's list), at least one; `None`
    /// after the last.
    ///
    /// # Errors
    /// A diagnostic of the hundred 06: what broke, in which table, why.
    fn next_rows(
        &mut self,
        scan: usize,
    ) -> impl Future<Output = Result<Option<Rows>, Box<Diagnostic>>> + Send;
}

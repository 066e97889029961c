//! Running a plan: ordered rows in, partitions evaluated, batches of rows out.

mod row_sink;
mod row_source;

pub use row_sink::{RowBatch, RowSink};
pub use row_source::{RowSource, Rows};

//! The source's streams and the target's transaction against a real PostgreSQL, with tables of
//! their own that mean nothing.
// Tests stop at once on what they did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub
)]

mod cluster;
mod commit;
mod faults;
mod odd;
mod refusals;
mod rows;
mod source;
mod target;

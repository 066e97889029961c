//! The built program against real databases: what it answers, what it says, and that whatever ends a
//! run leaves both databases as they were.
//!
//! `UPDATE=1 cargo test --test pg_migrate snapshots` rewrites the expected outputs.

// A test stops at once on what it did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "../harness/mod.rs"]
mod harness;

mod bare;
mod demo;
mod events;
mod fixture;
mod grants;
mod left_out;
mod live;
mod next_steps;
mod page;
mod refusals;
mod report;
mod rollback;
mod rules;
mod signals;
mod snapshots;
mod undo;
mod verify;
mod waiting;
mod writers;

//! `mapwright` compiles `.map` files, a small typed language that says how the tables of one
//! database become rows of another, into a plan, and runs that plan inside one transaction.
//!
//! The way of the data is one direction, one named type a stage:
//! `.map text → ast::File → ir::Mapping → Plan → (RowSource → evaluate → RowSink) → RunReport`.
//! See `docs/dev/architecture.md` for the walls of the house and what each of them promises.

// Tests may stop at once on what they did not expect; the program may not.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)
)]

pub mod base;
pub mod catalog;
pub mod check;
pub mod cli;
pub mod compile;
pub mod config;
pub mod diagnostics;
pub mod eval;
pub mod functions;
pub mod pg;
pub mod plan;
pub mod run;
pub mod syntax;
pub mod types;

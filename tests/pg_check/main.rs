//! Every finding on PostgreSQL: a pair of databases of which nothing is to be said, and for each finding
//! the one change that brings it about. A check then says exactly that, so that each case shows the
//! silence of all other findings too. [`listed`] fails if a finding has no case.

// A test stops at once on what it did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

#[path = "../harness/mod.rs"]
mod harness;

// What the migrations' tests use besides is not used here.
#[allow(dead_code)]
#[path = "../pg_migrate/fixture.rs"]
mod fixture;

mod accept;
mod advisor;
mod by_hand;
mod case;
mod configuration;
mod databases;
mod forecast;
mod listed;
mod older;
mod rows;

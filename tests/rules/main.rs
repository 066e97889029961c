//! The bundled mapping against the rules of a correct migration, one after the other: rows in, rows
//! out, in memory, through the very executor that a run on databases takes.
//!
//! Each test is named after its rule (`rules.txt` lists them all); what it expects is written from
//! the rule. [`fixture`] says how rows are written down, [`outcome`] what is looked at afterwards,
//! and which promises are looked at after every single run.

// A test stops at once on what it did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod access_tokens;
mod coverage;
mod devices;
mod dirty_data;
mod fixture;
mod identifiers;
mod order;
mod outcome;
mod refresh_pairs;
mod third_party_ids;
mod upstream_links;
mod users;

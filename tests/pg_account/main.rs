//! `account` and `verify-password` on real databases: what they show, before and after a migration,
//! and that no secret is in it.
//!
//! `UPDATE=1 cargo test --test pg_account` rewrites the expected trees.

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

mod passwords;
mod tokens;
mod trees;

use std::fs::File;
use std::process::Stdio;

use serde_json::Value;

use crate::fixture::{MIGRATED_AT, Pair, Run, run, tool};

/// The program with both configurations, a fixed moment, and that on stdin.
fn asked(pair: &Pair, arguments: &[&str], stdin: &str) -> Run {
    pair.write("stdin", stdin);
    let mut command = tool(arguments);
    command
        .args(["--synapse-config", &pair.path("homeserver.yaml")])
        .args(["--config", &pair.path("mas.yaml")])
        .args(["--migrated-at", MIGRATED_AT])
        .stdin(Stdio::from(File::open(pair.path("stdin")).unwrap()));
    run(&mut command)
}

/// The same as JSON. Whatever is asked for as a tree is asked for as JSON and with all details too.
fn json(pair: &Pair, arguments: &[&str], stdin: &str) -> Value {
    let detailed = [arguments, &["-vv"]].concat();
    asked(pair, &detailed, stdin);
    let arguments = [arguments, &["--format", "json"]].concat();
    let run = asked(pair, &arguments, stdin);
    serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{}", run.stderr))
}

/// Replaces a text of a configuration, which must be there.
fn edit(pair: &Pair, file: &str, from: &str, to: &str) {
    let text = std::fs::read_to_string(pair.path(file)).unwrap();
    assert!(text.contains(from), "`{from}` is not in:\n{text}");
    pair.write(file, &text.replacen(from, to, 1));
}

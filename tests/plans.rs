//! The plan of the bundled mapping: as people read it, and as programs do.

// A test may stop at once on what it did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

use std::path::Path;

use mapwright::base::Files;
use mapwright::catalog::snapshot::shipped;
use mapwright::compile::compile;
use mapwright::diagnostics::Diagnostics;
use mapwright::plan::display::explain;
use mapwright::plan::{FORMAT_VERSION, KeyVerdict, Plan};

fn bundled() -> (Plan, Files) {
    let mut files = Files::new();
    let text = include_str!("../mappings/synapse-to-mas.map");
    let id = files.add("synapse-to-mas.map", text);
    let catalogs = [shipped("synapse").unwrap(), shipped("mas").unwrap()];
    let mut diagnostics = Diagnostics::new();
    let plan = compile(&files, id, &catalogs, &mut diagnostics).unwrap();
    (plan, files)
}

#[test]
fn the_plan_reads_as_it_did() {
    let (plan, files) = bundled();
    let text = explain(&plan, &files);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans/synapse-to-mas.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap();
    assert!(
        text == known,
        "the plan has changed; UPDATE=1 writes the new one:\n{text}"
    );
}

#[test]
fn the_plan_survives_its_serialised_form() {
    let (plan, _) = bundled();
    let json = serde_json::to_string(&plan).unwrap();
    let back: Plan = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), json);
    assert_eq!(plan.format_version, FORMAT_VERSION);
    assert_eq!(
        FORMAT_VERSION, 1,
        "a new form needs a line in the changelog"
    );
}

#[test]
fn each_source_table_is_read_once_and_every_key_is_proven() {
    let (plan, _) = bundled();
    let mut tables: Vec<&str> = plan.scans.iter().map(|scan| scan.table.as_str()).collect();
    tables.sort_unstable();
    let count = tables.len();
    tables.dedup();
    assert_eq!(tables.len(), count);
    assert_eq!(plan.passes.len(), 1);
    for proof in &plan.keys {
        assert!(
            matches!(proof.verdict, KeyVerdict::Proven { .. }),
            "{}",
            proof.name
        );
    }
    assert_eq!(plan.targets.len(), 8);
}

#[test]
fn only_the_columns_that_are_used_are_read() {
    let (plan, _) = bundled();
    let users = plan
        .scans
        .iter()
        .find(|scan| scan.table == "users")
        .unwrap();
    let names: Vec<&str> = users
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    for unused in [
        "consent_version",
        "user_type",
        "upgrade_ts",
        "shadow_banned",
        "suspended",
    ] {
        assert!(!names.contains(&unused), "{unused}");
    }
}

#[test]
fn the_guide_shows_the_parameters_as_they_are() {
    let (plan, files) = bundled();
    let text = explain(&plan, &files);
    let block = text
        .split("\n\n")
        .find(|block| block.starts_with("parameters\n"))
        .unwrap();
    let guide = include_str!("../docs/guides/customise.md");
    assert!(
        guide.contains(&format!("```text\n{}\n```", block.trim_end())),
        "docs/guides/customise.md shows others than:\n{block}"
    );
}

//! That every finding has a case, and every case a finding.

use mapwright::cli::finding_pages::{Page, page, pages};
use mapwright::cli::mapping;

use crate::case::Case;
use crate::{by_hand, configuration, databases, rows};

/// Findings that no state of two databases brings about, and why.
const OUT_OF_REACH: &[(&str, &str)] = &[
    (
        "second_run",
        "only if another run begins between two looks; otherwise exit status 3",
    ),
    (
        "tables_missing",
        "only if tables go between two looks; otherwise `target_…_missing`",
    ),
    (
        "database_unsuitable",
        "stands for what has no name of its own, and all has one",
    ),
    (
        "<side>_<object>_no_reference",
        "no plan rests on a foreign key so far",
    ),
    (
        "unchecked_<foreign_key>",
        "every reference of the bundled mapping stays in its partition; see tests/references.rs",
    ),
    (
        "duplicate_key",
        "a join must be shown unique by a key, and the key is looked for in the database",
    ),
];

fn cases() -> impl Iterator<Item = &'static Case> {
    configuration::CASES
        .iter()
        .chain(databases::CASES)
        .chain(rows::CASES)
}

fn quiet(page: &Page) -> bool {
    let plan = mapping::load(None, &[]).unwrap().plan;
    page.severity(&plan).starts_with("quiet")
}

#[test]
fn every_finding_has_a_case() {
    let proven: Vec<&str> = cases()
        .map(|case| case.id)
        .chain(by_hand::IDS.iter().copied())
        .collect();
    let mut missing = Vec::new();
    for page in pages() {
        let is_proven = |id: &str| {
            proven.iter().any(|proven| {
                *proven == id
                    || mapwright::cli::finding_pages::page(proven) == Some(page) && id.contains('<')
            })
        };
        // These are proven by the tests of that command.
        if page.rows.contains("verify --live") {
            continue;
        }
        let reachable = !OUT_OF_REACH.iter().any(|(id, _)| *id == page.id);
        let covered = page.ids().iter().all(|id| is_proven(id));
        if !quiet(page) && covered != reachable {
            missing.push(format!("{}: {covered}, reachable {reachable}", page.id));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_case_has_a_page() {
    for id in cases()
        .flat_map(|case| case.also.iter().copied().chain([case.id]))
        .chain(by_hand::IDS.iter().copied())
    {
        assert!(page(id).is_some(), "{id}");
    }
}

#[test]
fn the_list_of_what_cannot_be_reached_is_of_findings() {
    for (id, why) in OUT_OF_REACH {
        assert!(pages().any(|page| page.id == *id), "{id}: {why}");
    }
}

//! In what two databases disagree: which rows of the shared tables one of them alone has, and what that
//! means. A row that follows from another finding (the devices of an account that MAS lacks) is none of
//! its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::finding_pages::{Weight, Words, page};
use crate::diagnostics::{Finding, FindingSeverity};
use crate::functions::uuid_text;
use crate::plan::Plan;
use crate::run::difference::{Differences, Side};

/// How many are named.
const SAMPLES: usize = 5;

/// Rows of a table of which the other side has no equal: their cells, the account's name first.
type Rows = Vec<Vec<Vec<u8>>>;

/// What one side alone has of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Unmatched {
    /// Synapse alone.
    pub(super) synapse: Rows,
    /// MAS alone.
    pub(super) mas: Rows,
    /// Whether there may be more than was held.
    pub(super) more: bool,
}

/// All of it, by table.
#[derive(Clone, Debug, Default)]
pub(super) struct Disagreement {
    tables: BTreeMap<String, Unmatched>,
    none: Unmatched,
}

impl Disagreement {
    /// What a comparison left over.
    pub(super) fn of(plan: &Plan, differences: &Differences<'_>) -> Self {
        let mut all = Self::default();
        for (number, target) in plan.targets.iter().enumerate() {
            let mut table = Unmatched {
                more: differences.more(number),
                ..Unmatched::default()
            };
            for (side, cells) in differences.unpaired(number) {
                let cells: Vec<Vec<u8>> = cells
                    .into_iter()
                    .map(|cell| cell.unwrap_or_default().to_vec())
                    .collect();
                // These tables have no key but the whole row, so no row is on both sides in part.
                match side {
                    Side::Made => table.synapse.push(cells),
                    Side::Found | Side::Both => table.mas.push(cells),
                }
            }
            all.tables.insert(target.table.clone(), table);
        }
        all
    }

    /// What one side alone has of that table.
    pub(super) fn table(&self, name: &str) -> &Unmatched {
        self.tables.get(name).unwrap_or(&self.none)
    }

    /// Whether something may not have been looked at.
    fn more(&self) -> bool {
        self.tables.values().any(|table| table.more)
    }

    /// Whether there is anything that is not as it must be.
    pub(super) fn matters(&self) -> bool {
        !self.findings(0).is_empty()
    }

    /// What is not as it must be.
    pub(super) fn findings(&self, links_not_compared: u64) -> Vec<Finding> {
        let accounts = self.table("accounts");
        let active = self.table("active_accounts");
        let gone = names([&accounts.synapse, &accounts.mas]);
        let off = names([&active.synapse, &active.mas]);
        // What is said of an account that one side lacks, or has deactivated, says it for all it has.
        let here = |rows: &Rows| of_others(rows, &gone);
        let active_on_both = |rows: &Rows| of_others(&of_others(rows, &gone), &off);
        let links = self.table("links");
        let owners: BTreeMap<_, _> = (links.mas.iter())
            .filter_map(|row| Some((row.get(1..)?, row.first()?)))
            .collect();
        let (stolen, lost): (Rows, Rows) = here(&links.synapse)
            .into_iter()
            .partition(|row| row.get(1..).is_some_and(|link| owners.contains_key(link)));
        let stolen = stolen.into_iter().map(|row| {
            let owner = row.get(1..).and_then(|link| owners.get(link));
            let owner = owner.map(|owner| (*owner).clone()).unwrap_or_default();
            [row, vec![owner]].concat()
        });
        let hashes = self.table("hashes");
        let in_mas = names([&hashes.mas]);
        let differing = (hashes.synapse.iter())
            .filter(|row| row.first().is_some_and(|name| in_mas.contains(name)))
            .cloned()
            .collect();
        let mut found: Vec<Finding> = [
            finding("account_only_in_synapse", &accounts.synapse, one),
            finding("account_only_in_mas", &accounts.mas, one),
            finding(
                "account_deactivated_in_mas_only",
                &here(&active.synapse),
                one,
            ),
            finding(
                "account_deactivated_in_synapse_only",
                &here(&active.mas),
                one,
            ),
            finding(
                "password_not_in_mas",
                &active_on_both(&self.table("passwords").synapse),
                one,
            ),
            finding("password_differs", &active_on_both(&differing), one),
            finding("link_of_another_account", &stolen.collect(), owners_of),
            finding("link_not_in_mas", &of_others(&lost, &off), linked),
            finding(
                "device_without_session",
                &active_on_both(&self.table("devices").synapse),
                device,
            ),
            finding(
                "session_device_not_in_synapse",
                &active_on_both(&self.table("known_devices").mas),
                device,
            ),
        ]
        .into_iter()
        .flatten()
        .collect();
        found.extend(counted("links_not_compared", links_not_compared));
        found.extend(counted("not_all_compared", u64::from(self.more())));
        found
    }
}

/// The names of the accounts whose rows these are.
fn names<const N: usize>(tables: [&Rows; N]) -> BTreeSet<Vec<u8>> {
    let rows = tables.into_iter().flatten();
    rows.filter_map(|row| row.first().cloned()).collect()
}

/// The rows of other accounts than these.
fn of_others(rows: &Rows, accounts: &BTreeSet<Vec<u8>>) -> Rows {
    let rows = rows.iter();
    rows.filter(|row| row.first().is_none_or(|name| !accounts.contains(name)))
        .cloned()
        .collect()
}

/// A finding about rows; none where there are none.
fn finding(id: &str, rows: &Rows, shown: fn(&[Vec<u8>]) -> String) -> Option<Finding> {
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let mut finding = counted(id, count)?;
    finding.samples = rows.iter().take(SAMPLES).map(|row| shown(row)).collect();
    Some(finding)
}

/// A finding of that number; none where it is zero.
pub(super) fn counted(id: &str, count: u64) -> Option<Finding> {
    let page = page(id).filter(|_| count > 0)?;
    let Words::Own {
        meaning,
        remedy,
        sql,
    } = page.words
    else {
        return None;
    };
    Some(Finding {
        id: id.to_owned(),
        severity: match page.weight {
            Weight::Error => FindingSeverity::Error,
            Weight::Warning | Weight::OfReason => FindingSeverity::Warning,
        },
        count,
        samples: Vec::new(),
        meaning: meaning.to_owned(),
        remedy: remedy.to_owned(),
        sql: sql.map(str::to_owned),
    })
}

/// A cell as text that people read: no longer than a line, and without what a terminal would act on.
fn text(row: &[Vec<u8>], column: usize) -> String {
    let cell = row.get(column).map(Vec::as_slice).unwrap_or_default();
    let text = String::from_utf8_lossy(cell);
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{:?}{more}", short)
}

fn one(row: &[Vec<u8>]) -> String {
    text(row, 0)
}

fn device(row: &[Vec<u8>]) -> String {
    format!("{} of {}", text(row, 1), text(row, 0))
}

/// The provider by its ID in MAS's tables; never the subject.
fn linked(row: &[Vec<u8>]) -> String {
    let provider = row
        .get(1)
        .and_then(|bytes| bytes.as_slice().try_into().ok());
    let provider = provider.map_or_else(String::new, |bytes| uuid_text(&bytes));
    format!("{} at {provider}", text(row, 0))
}

fn owners_of(row: &[Vec<u8>]) -> String {
    format!("{} in Synapse, {} in MAS", text(row, 0), text(row, 3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<Vec<u8>> {
        cells.iter().map(|cell| cell.as_bytes().to_vec()).collect()
    }

    /// The rows that one side alone has, as texts.
    type Alone<'r> = &'r [&'r [&'r str]];

    fn found(tables: &[(&str, Alone<'_>, Alone<'_>)]) -> Vec<(String, u64, Vec<String>)> {
        let mut all = Disagreement::default();
        for (name, synapse, mas) in tables {
            let rows = |rows: &[&[&str]]| rows.iter().map(|cells| row(cells)).collect();
            let table = Unmatched {
                synapse: rows(synapse),
                mas: rows(mas),
                more: false,
            };
            all.tables.insert((*name).to_owned(), table);
        }
        let findings = all.findings(0).into_iter();
        findings
            .map(|finding| (finding.id, finding.count, finding.samples))
            .collect()
    }

    #[test]
    fn what_follows_from_a_missing_or_deactivated_account_is_not_told_again() {
        let everything = [
            ("accounts", &[&["a"][..]][..], &[&["b"][..]][..]),
            ("active_accounts", &[&["a"], &["c"]], &[&["b"], &["d"]]),
            ("passwords", &[&["a"], &["c"]], &[]),
            ("devices", &[&["a", "1"], &["c", "2"]], &[]),
            ("known_devices", &[], &[&["b", "1"], &["d", "2"]]),
            ("links", &[&["a", "p", "x"], &["c", "p", "y"]], &[]),
        ];
        let ids: Vec<String> = found(&everything).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(
            ids,
            [
                "account_only_in_synapse",
                "account_only_in_mas",
                "account_deactivated_in_mas_only",
                "account_deactivated_in_synapse_only",
            ]
        );
    }

    #[test]
    fn a_link_that_leads_elsewhere_is_more_than_one_that_is_missing() {
        let links = [(
            "links",
            &[&["a", "p", "x"][..], &["b", "p", "y"]][..],
            &[&["c", "p", "x"][..], &["c", "q", "y"]][..],
        )];
        let [stolen, lost] = found(&links).try_into().unwrap();
        assert_eq!(stolen.0, "link_of_another_account");
        assert_eq!(stolen.2, ["\"a\" in Synapse, \"c\" in MAS"]);
        assert_eq!((lost.0.as_str(), lost.1), ("link_not_in_mas", 1));
    }

    #[test]
    fn only_hashes_that_both_have_can_differ() {
        let hashes = [(
            "hashes",
            &[&["a", "1"][..], &["b", "1"]][..],
            &[&["a", "2"][..], &["c", "2"]][..],
        )];
        assert_eq!(
            found(&hashes),
            [("password_differs".to_owned(), 1, vec!["\"a\"".to_owned()])]
        );
    }

    #[test]
    fn names_are_shown_short_and_harmless() {
        let long = "x".repeat(3_000);
        let shown = device(&row(&["a\u{1b}[2J", &long]));
        assert!(shown.len() < 120 && !shown.contains('\u{1b}'), "{shown}");
    }
}

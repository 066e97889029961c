//! The final table: what became of the rows of each map, what was written, how long each step took.

use std::fmt::Write;
use std::time::Duration;

pub use crate::base::{counted, counted_as, thousands};
use crate::config::ProviderLinks;
use crate::plan::Plan;
use crate::run::digest::RowsDigest;
use crate::run::{MapLedger, ReasonCount, RunReport};

use super::forecast::{Accounts, SignIn};

/// A number of rows and what is true of them: `1 row was`, `2 rows were`.
pub fn rows_that(number: u64, one: &str, more: &str) -> String {
    counted_as(number, &format!("row {one}"), &format!("rows {more}"))
}

/// The rows that a run rejected and left out, loudly: `3 REJECTED ROWS were left out, and 7 rows that
/// belong to them`.
pub fn left_out(run: &RunReport, are: &str) -> String {
    let rejected = counted_as(run.rejected, "REJECTED ROW", "REJECTED ROWS");
    let were = match (are, run.rejected) {
        ("were", 1) => "was",
        (are, _) => are,
    };
    let dependents = run.rejected_dependents();
    let with_them = if dependents == 0 {
        String::new()
    } else {
        format!(
            ", and {}",
            counted_as(
                dependents,
                "row that belongs to them",
                "rows that belong to them"
            )
        )
    };
    format!("{rejected} {were} left out{with_them}")
}

/// What became of the rows: per map its rows (those that drive it, joined or grouped), written, left
/// out by reason; the sum adds up or the run would have failed.
pub fn ledger(report: &RunReport) -> String {
    const LABEL: usize = 40;
    let mut text = format!(
        "{:<LABEL$} {:>9} {:>9} {:>9} {:>9}\n",
        "map, from table", "rows", "written", "left out", "rejected"
    );
    for map in &report.maps {
        let sum = |counts: &[ReasonCount]| counts.iter().map(|count| count.rows).sum::<u64>();
        let label = format!("{}, from {}", map.map, map.table);
        // A long name has a line of its own, so that the numbers stay in their columns.
        if label.chars().count() > LABEL {
            let _ = write!(text, "{label}\n{:LABEL$}", "");
        } else {
            let _ = write!(text, "{label:<LABEL$}");
        }
        let _ = writeln!(
            text,
            " {:>9} {:>9} {:>9} {:>9}",
            thousands(map.read),
            thousands(map.written),
            thousands(sum(&map.skipped)),
            thousands(sum(&map.rejected)),
        );
        for line in reasons(map) {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// The accounts in numbers, and the links by provider.
pub fn accounts(numbers: &Accounts, links: &[ProviderLinks]) -> String {
    let mut text = rows(
        "accounts",
        &[
            ("that are migrated", numbers.migrated),
            ("  administrators", numbers.administrators),
            ("  guests", numbers.guests),
            ("  with a password that comes along", numbers.with_password),
            ("  with a link to a provider", numbers.with_link),
            ("  without an e-mail address", numbers.without_email),
            ("e-mail addresses", numbers.emails),
            ("other third-party IDs", numbers.other_third_party_ids),
            ("access tokens", numbers.access_tokens),
            ("refresh tokens", numbers.refresh_tokens),
        ],
    );
    if !links.is_empty() {
        let line = format!("links by provider: {}", super::across::links_line(links));
        let _ = writeln!(text, "{}", super::findings::wrap(&line, "  "));
    }
    text
}

/// Who will be able to sign in.
pub fn sign_in(forecast: &SignIn) -> String {
    let mut lines = vec![
        ("with a password", forecast.password),
        ("by single sign-on alone", forecast.link),
        ("not anew, but sessions go on", forecast.sessions_only),
        ("not at all", forecast.nothing),
    ];
    let causes: Vec<(String, u64)> = forecast
        .causes
        .iter()
        .map(|count| (format!("  {}", count.cause.words()), count.accounts))
        .collect();
    if !causes.is_empty() {
        let both = forecast.sessions_only + forecast.nothing;
        lines.push(("these two together, because of", both));
    }
    lines.extend(causes.iter().map(|(words, count)| (words.as_str(), *count)));
    lines.extend([
        ("locked or not approved", forecast.locked),
        ("deactivated", forecast.deactivated),
        ("guests, who cannot sign in to MAS", forecast.guests),
    ]);
    if forecast.rejected > 0 {
        lines.push(("open until errors are mended", forecast.rejected));
    }
    rows("signing in afterwards", &lines)
}

/// Words and numbers under a heading.
fn rows(heading: &str, lines: &[(&str, u64)]) -> String {
    let mut text = format!("{heading}\n");
    for (words, number) in lines {
        let _ = writeln!(text, "  {words:<38} {:>9}", thousands(*number));
    }
    text
}

fn reasons(map: &MapLedger) -> Vec<String> {
    let mut counts: Vec<(&ReasonCount, &str)> =
        map.skipped.iter().map(|count| (count, "")).collect();
    counts.extend(map.rejected.iter().map(|count| (count, " (rejected)")));
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(count.rows));
    counts
        .into_iter()
        .map(|(count, mark)| {
            let owner = count
                .owner
                .as_ref()
                .map_or_else(String::new, |owner| format!(": {owner}"));
            format!(
                "{:>11}  {}{owner}{mark}",
                thousands(count.rows),
                count.reason
            )
        })
        .collect()
}

/// Rows of each target table, with their digests where there are any.
pub fn digests(plan: &Plan, rows: &[u64], digests: &[RowsDigest]) -> String {
    let mut text = String::new();
    let width = plan
        .targets
        .iter()
        .map(|target| target.table.chars().count())
        .max()
        .unwrap_or(0)
        .max(12);
    let head = if digests.is_empty() { "" } else { "  digest" };
    let _ = writeln!(text, "{:<width$} {:>11}{head}", "target table", "rows");
    for (number, (target, rows)) in plan.targets.iter().zip(rows).enumerate() {
        let digest = digests
            .get(number)
            .map_or_else(String::new, |digest| format!("  {digest}"));
        let _ = writeln!(
            text,
            "{:<width$} {:>11}{digest}",
            target.table,
            thousands(*rows)
        );
    }
    let _ = writeln!(
        text,
        "{:<width$} {:>11}",
        "total",
        thousands(rows.iter().sum())
    );
    text
}

/// How long each step took.
pub fn phases(phases: &[(String, Duration)]) -> String {
    let mut text = String::new();
    let width = phases
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    for (name, took) in phases {
        let _ = writeln!(text, "{name:<width$} {:>9.2} s", took.as_secs_f64());
    }
    text
}

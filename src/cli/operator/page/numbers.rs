//! Numbers on the page: rows, accounts, time.

use crate::cli::operator::report::Report;
use crate::cli::operator::table::thousands;
use crate::diagnostics::FindingSeverity;
use crate::run::ReasonCount;

use super::writer::Html;
use super::{flow, number, table};

/// The most important numbers, at a glance.
pub(super) fn tiles(html: &mut Html, report: &Report) {
    let sum = |counts: &[ReasonCount]| counts.iter().map(|count| count.rows).sum::<u64>();
    let maps = || report.maps.iter().map(|map| &map.ledger);
    let findings = |severity| {
        let of = |found: &&_| -> bool {
            let found: &crate::cli::operator::report::FindingReport = found;
            found.finding.severity == severity
        };
        report.findings.iter().filter(of).count() as u64
    };
    let made = match (report.verdict.committed, report.command) {
        (true, _) => "rows in the target",
        (false, "verify") => "rows compared",
        (false, _) if report.dry_run => "rows written and rolled back",
        (false, _) => "rows made, not written",
    };
    let seconds: f64 = report.phases.iter().map(|phase| phase.seconds).sum();
    if report.maps.is_empty() && report.findings.is_empty() {
        return;
    }
    let mut tiles = Vec::new();
    if let Some(accounts) = &report.accounts {
        tiles.push(("accounts", thousands(accounts.numbers.migrated)));
    }
    if !report.maps.is_empty() {
        let written = report.written.iter().map(|table| table.rows).sum();
        tiles.push((made, thousands(written)));
        let skipped = maps().map(|map| sum(&map.skipped)).sum();
        tiles.push(("rows left out", thousands(skipped)));
        let rejected = maps().map(|map| sum(&map.rejected)).sum();
        tiles.push(("rows rejected", thousands(rejected)));
    }
    tiles.push(("errors", thousands(findings(FindingSeverity::Error))));
    tiles.push(("warnings", thousands(findings(FindingSeverity::Warning))));
    tiles.push(("seconds", format!("{seconds:.1}")));
    html.element("dl", &[("class", &"tiles")], |html| {
        for (name, value) in tiles {
            html.element("div", &[], |html| {
                html.leaf("dt", &[], name);
                html.leaf("dd", &[], value);
            });
        }
    });
}

/// The picture, and its numbers as tables.
pub(super) fn rows(html: &mut Html, report: &Report) {
    flow::figure(html, report);
    ledger(html, report);
    reasons(html, report);
    table(html, "Rows read", &["source table", "#rows"], |html| {
        for read in &report.read {
            html.element("tr", &[], |html| {
                html.name("th", &[("scope", &"row")], &read.table);
                number(html, read.rows);
            });
        }
    });
    targets(html, report);
    differences(html, report);
}

fn ledger(html: &mut Html, report: &Report) {
    let heads = [
        "map",
        "from",
        "into",
        "#rows",
        "#written",
        "#left out",
        "#rejected",
    ];
    table(
        html,
        "What became of the rows of each map",
        &heads,
        |html| {
            for map in &report.maps {
                let sum = |counts: &[ReasonCount]| counts.iter().map(|count| count.rows).sum();
                html.element("tr", &[], |html| {
                    html.name("th", &[("scope", &"row")], &map.ledger.map);
                    html.name("td", &[], &map.ledger.table);
                    html.name("td", &[], &map.targets.join(", "));
                    number(html, map.ledger.read);
                    number(html, map.ledger.written);
                    number(html, sum(&map.ledger.skipped));
                    number(html, sum(&map.ledger.rejected));
                });
            }
        },
    );
}

fn reasons(html: &mut Html, report: &Report) {
    let mut rows: Vec<(&str, &ReasonCount, &str)> = Vec::new();
    for map in &report.maps {
        let map = &map.ledger;
        rows.extend(
            map.skipped
                .iter()
                .map(|count| (map.map.as_str(), count, "left out")),
        );
        rows.extend(
            map.rejected
                .iter()
                .map(|count| (map.map.as_str(), count, "rejected")),
        );
    }
    if rows.is_empty() {
        html.leaf("p", &[], "Every row was written.");
        return;
    }
    let heads = ["map", "reason", "end", "#rows"];
    table(
        html,
        "Rows that were not written, by reason",
        &heads,
        |html| {
            for (map, count, end) in rows {
                html.element("tr", &[], |html| {
                    html.name("th", &[("scope", &"row")], map);
                    let owner = count
                        .owner
                        .as_ref()
                        .map_or_else(String::new, |owner| format!(": {owner}"));
                    html.name("td", &[], &format!("{}{owner}", count.reason));
                    html.leaf("td", &[], end);
                    number(html, count.rows);
                });
            }
        },
    );
}

fn targets(html: &mut Html, report: &Report) {
    let digests = report.written.iter().any(|table| table.digest.is_some());
    let heads: &[&str] = if digests {
        &["target table", "#rows", "digest"]
    } else {
        &["target table", "#rows"]
    };
    let caption = if report.verdict.committed || report.command == "verify" {
        "Rows in the target"
    } else {
        "Rows made for the target"
    };
    table(html, caption, heads, |html| {
        for written in &report.written {
            html.element("tr", &[], |html| {
                html.name("th", &[("scope", &"row")], &written.table);
                number(html, written.rows);
                if digests {
                    html.element("td", &[], |html| {
                        html.leaf("code", &[], written.digest.as_deref().unwrap_or(""));
                    });
                }
            });
        }
    });
}

fn differences(html: &mut Html, report: &Report) {
    let Some(differences) = report.differences.as_ref().filter(|all| !all.is_empty()) else {
        return;
    };
    let heads = ["table", "#missing", "#too many", "#changed"];
    table(html, "Tables that differ", &heads, |html| {
        for difference in differences {
            html.element("tr", &[], |html| {
                html.name("th", &[("scope", &"row")], &difference.table);
                number(html, difference.missing);
                number(html, difference.surplus);
                number(html, difference.changed);
            });
        }
    });
}

/// Words and numbers.
fn list(html: &mut Html, caption: &str, rows: &[(&str, u64)]) {
    table(html, caption, &["", "#accounts"], |html| {
        for (words, count) in rows {
            html.element("tr", &[], |html| {
                html.leaf("th", &[("scope", &"row")], words);
                number(html, *count);
            });
        }
    });
}

/// The forecast.
pub(super) fn sign_in(html: &mut Html, report: &Report) {
    let Some(forecast) = &report.sign_in else {
        return;
    };
    let mut rows = vec![
        ("with a password", forecast.password),
        ("by single sign-on alone", forecast.link),
        ("not anew, but sessions go on", forecast.sessions_only),
        ("not at all", forecast.nothing),
        ("locked or not approved", forecast.locked),
        ("deactivated", forecast.deactivated),
        ("guests, who cannot sign in to MAS", forecast.guests),
    ];
    if forecast.rejected > 0 {
        rows.push(("open until errors are mended", forecast.rejected));
    }
    list(html, "Each account once", &rows);
    if !forecast.causes.is_empty() {
        let causes: Vec<(&str, u64)> = forecast
            .causes
            .iter()
            .map(|count| (count.cause.words(), count.accounts))
            .collect();
        list(html, "Why some cannot sign in anew", &causes);
    }
}

/// The accounts in numbers, and the providers.
pub(super) fn accounts(html: &mut Html, report: &Report) {
    let Some(accounts) = &report.accounts else {
        return;
    };
    let numbers = &accounts.numbers;
    list(
        html,
        "Accounts that are migrated",
        &[
            ("all", numbers.migrated),
            ("administrators", numbers.administrators),
            ("guests", numbers.guests),
            ("with a password that comes along", numbers.with_password),
            ("with a link to a provider", numbers.with_link),
            ("without an e-mail address", numbers.without_email),
        ],
    );
    table(html, "What comes along with them", &["", "#rows"], |html| {
        for (words, count) in [
            ("e-mail addresses", numbers.emails),
            ("other third-party IDs", numbers.other_third_party_ids),
            ("access tokens", numbers.access_tokens),
            ("refresh tokens", numbers.refresh_tokens),
        ] {
            html.element("tr", &[], |html| {
                html.leaf("th", &[("scope", &"row")], words);
                number(html, count);
            });
        }
    });
    if accounts.providers.is_empty() {
        return;
    }
    let heads = ["provider in Synapse", "#links", "provider in MAS"];
    table(html, "Links to providers", &heads, |html| {
        for provider in &accounts.providers {
            html.element("tr", &[], |html| {
                html.leaf("th", &[("scope", &"row")], &provider.provider);
                number(html, provider.links);
                let mas = provider.mas_provider.as_deref().unwrap_or("none");
                html.element("td", &[], |html| html.leaf("code", &[], mas));
            });
        }
    });
}

/// How long each step took, with a bar as long as it took.
pub(super) fn phases(html: &mut Html, report: &Report) {
    let longest = report
        .phases
        .iter()
        .map(|phase| phase.seconds)
        .fold(0.001, f64::max);
    table(
        html,
        "Time of each step",
        &["step", "#seconds", ""],
        |html| {
            for phase in &report.phases {
                html.element("tr", &[], |html| {
                    html.leaf("th", &[("scope", &"row")], &phase.name);
                    html.leaf(
                        "td",
                        &[("class", &"number")],
                        format!("{:.2}", phase.seconds),
                    );
                    html.element(
                        "td",
                        &[("class", &"bar"), ("aria-hidden", &"true")],
                        |html| {
                            let share = 100.0 * phase.seconds / longest;
                            let style = format!("width:{share:.1}%");
                            html.element("span", &[("style", &style)], |_| {});
                        },
                    );
                });
            }
        },
    );
}

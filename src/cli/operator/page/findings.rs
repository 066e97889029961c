//! Findings and failures on the page.

use crate::base::times;
use crate::cli::operator::accept::Acceptance;
use crate::cli::operator::report::{FindingReport, Report};
use crate::cli::operator::table::thousands;
use crate::diagnostics::FindingSeverity;

use super::writer::Html;
use super::{number, sentence, steps, table};

/// Why the command failed.
pub(super) fn problems(html: &mut Html, report: &Report) {
    for problem in &report.verdict.problems {
        html.element("article", &[("class", &"finding error")], |html| {
            html.element("h3", &[], |html| {
                html.leaf("span", &[("class", &"severity")], "error");
                html.text(" ");
                html.leaf("code", &[], &problem.code);
            });
            html.element("p", &[], |html| html.prose(&sentence(&problem.message)));
            if !problem.notes.is_empty() {
                html.element("ul", &[], |html| {
                    for note in &problem.notes {
                        html.element("li", &[], |html| html.prose(note));
                    }
                });
            }
            for help in &problem.help {
                remedy(html, help);
            }
        });
    }
}

/// The findings, those that nobody accepted first.
pub(super) fn list(html: &mut Html, report: &Report) {
    let (accepted, open): (Vec<&FindingReport>, Vec<&FindingReport>) = report
        .findings
        .iter()
        .partition(|finding| finding.acceptance == Acceptance::Accepted);
    if open.is_empty() {
        html.leaf("p", &[], "All of them are accepted.");
    }
    let mut last = None;
    for found in open {
        let group = (found.finding.severity, found.group);
        if last != Some(group) {
            let (_, word) = severity(found.finding.severity);
            html.leaf(
                "h3",
                &[("class", &"group")],
                format!("{}s: {}", sentence(word), found.group),
            );
            last = Some(group);
        }
        one(html, found);
    }
    if accepted.is_empty() {
        return;
    }
    table(
        html,
        "Accepted warnings",
        &["finding", "#rows", "#accepted for"],
        |html| {
            for found in accepted {
                html.element("tr", &[], |html| {
                    html.leaf("th", &[("scope", &"row")], &found.finding.id);
                    number(html, found.finding.count);
                    let limit = found
                        .accepted_count
                        .map_or_else(|| "any number".to_owned(), thousands);
                    html.leaf("td", &[("class", &"number")], limit);
                });
            }
        },
    );
}

fn severity(severity: FindingSeverity) -> (&'static str, &'static str) {
    match severity {
        FindingSeverity::Error => ("finding error", "error"),
        FindingSeverity::Warning => ("finding warning", "warning"),
    }
}

fn one(html: &mut Html, found: &FindingReport) {
    let finding = &found.finding;
    let (class, word) = severity(finding.severity);
    html.element("article", &[("class", &class)], |html| {
        html.element("h4", &[], |html| {
            html.leaf("span", &[("class", &"severity")], word);
            html.text(" ");
            html.leaf("code", &[], &finding.id);
            html.text(" ");
            let times = times(finding.count);
            let accepted = match (found.acceptance, found.accepted_count) {
                (Acceptance::Grown, Some(count)) => {
                    format!(", accepted for {}", thousands(count))
                }
                _ => String::new(),
            };
            html.leaf("span", &[("class", &"count")], times + &accepted);
        });
        html.element("p", &[], |html| html.prose(&sentence(&finding.meaning)));
        if found.tables.len() > 1 {
            let tables: Vec<String> = found
                .tables
                .iter()
                .map(|table| format!("{} {}", table.table, thousands(table.rows)))
                .collect();
            html.leaf("p", &[], format!("By table: {}", tables.join(", ")));
        }
        if !finding.samples.is_empty() {
            html.element("ul", &[("class", &"samples")], |html| {
                html.leaf("li", &[("class", &"label")], "such as");
                for sample in &finding.samples {
                    html.element("li", &[], |html| html.leaf("code", &[], sample));
                }
                if finding.count > finding.samples.len() as u64 {
                    html.leaf("li", &[], "…");
                }
            });
        }
        if !finding.remedy.is_empty() {
            remedy(html, &finding.remedy);
        }
        if let Some(sql) = &finding.sql {
            steps::block(html, "SQL", sql.trim());
        }
    });
}

fn remedy(html: &mut Html, text: &str) {
    html.element("p", &[("class", &"remedy")], |html| {
        html.leaf("b", &[], "What to do:");
        html.text(" ");
        html.prose(text);
    });
}

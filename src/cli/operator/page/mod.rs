//! The report as a page for people: one HTML file with everything in it, no script, nothing loaded
//! from anywhere. Made of the same [`Report`] as the JSON, and of nothing else.

mod findings;
mod flow;
mod numbers;
mod steps;
mod writer;

use super::report::{Report, SideReport};
use super::table::thousands;
use writer::Html;

/// How the page looks: on a screen, a phone, in the dark and on paper.
const STYLE: &str = include_str!("page.css");

/// What a browser may do with the page: show it. The style stands in it; nothing may be loaded or run.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page of a report.
pub fn html(report: &Report) -> String {
    let mut html = Html::default();
    html.literal("<!DOCTYPE html>\n");
    html.element("html", &[("lang", &"en")], |html| {
        html.literal("\n");
        html.element("head", &[], |html| head(html, report));
        html.element("body", &[], |html| body(html, report));
    });
    html.into_text()
}

fn head(html: &mut Html, report: &Report) {
    html.open("meta", &[("charset", &"utf-8")]);
    let policy = [
        (
            "http-equiv",
            &"Content-Security-Policy" as &dyn std::fmt::Display,
        ),
        ("content", &POLICY),
    ];
    html.open("meta", &policy);
    for (name, content) in [
        ("viewport", "width=device-width, initial-scale=1"),
        ("color-scheme", "light dark"),
        ("robots", "noindex"),
        ("referrer", "no-referrer"),
    ] {
        html.open("meta", &[("name", &name), ("content", &content)]);
    }
    html.leaf(
        "title",
        &[],
        format!("mapwright {}: {}", name(report), report.verdict.text),
    );
    html.element("style", &[], |html| html.literal(STYLE));
}

/// The command with what made it special.
fn name(report: &Report) -> String {
    let dry = if report.dry_run { " --dry-run" } else { "" };
    format!("{}{dry}", report.command)
}

/// A part of the page: its anchor and its heading.
type Part = (&'static str, &'static str, fn(&mut Html, &Report));

fn body(html: &mut Html, report: &Report) {
    let looked = !report.maps.is_empty();
    let parts: [(bool, Part); 8] = [
        (
            !report.verdict.problems.is_empty(),
            ("problems", "What failed", findings::problems),
        ),
        (
            !report.next_steps.is_empty(),
            ("next", "Next steps", steps::list),
        ),
        (
            !report.findings.is_empty(),
            ("findings", "Findings", findings::list),
        ),
        (looked, ("rows", "The way of the rows", numbers::rows)),
        (
            report.sign_in.is_some(),
            ("sign-in", "Who will be able to sign in", numbers::sign_in),
        ),
        (
            report.accounts.is_some(),
            ("accounts", "The accounts in numbers", numbers::accounts),
        ),
        (!report.phases.is_empty(), ("time", "Time", numbers::phases)),
        (true, ("sides", "The two databases", sides)),
    ];
    let parts: Vec<Part> = parts
        .into_iter()
        .filter_map(|(is_there, part)| is_there.then_some(part))
        .collect();
    verdict(html, report);
    html.element("nav", &[("aria-label", &"Parts of this page")], |html| {
        html.element("ul", &[], |html| {
            for (id, heading, _) in &parts {
                html.element("li", &[], |html| {
                    html.leaf("a", &[("href", &format!("#{id}"))], heading);
                });
            }
        });
    });
    html.element("main", &[], |html| {
        numbers::tiles(html, report);
        for (id, heading, content) in &parts {
            let label = format!("{id}-heading");
            html.element(
                "section",
                &[("id", id), ("aria-labelledby", &label)],
                |html| {
                    html.leaf("h2", &[("id", &label)], heading);
                    content(html, report);
                },
            );
        }
    });
    html.element("footer", &[], |html| {
        html.leaf(
            "p",
            &[],
            format!(
                "Made by mapwright {} with the mapping {} ({} to {}). It holds no password, token, hash or e-mail address, but user IDs: treat it so.",
                report.mapwright, report.mapping.name, report.mapping.source, report.mapping.target
            ),
        );
    });
}

fn verdict(html: &mut Html, report: &Report) {
    let (class, word) = match report.verdict.exit {
        0 => ("good", "Done"),
        5 => ("error", "Unknown"),
        11 => ("warning", "Warnings"),
        _ => ("error", "Stopped"),
    };
    html.element("header", &[("class", &class)], |html| {
        html.element("p", &[("class", &"command")], |html| {
            html.leaf("b", &[], word);
            html.text(" ");
            html.leaf("code", &[], format!("mapwright {}", name(report)));
            html.text(format!(" · exit status {}", report.verdict.exit));
        });
        html.leaf("h1", &[], sentence(&report.verdict.text));
        html.element("p", &[("class", &"when")], |html| {
            moment(html, &report.started_at);
            html.text(" to ");
            moment(html, &report.finished_at);
        });
    });
}

/// A message with a capital letter at its beginning, as a heading has one.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_uppercase().chain(chars).collect())
        .unwrap_or_default()
}

/// A moment to the second.
fn moment(html: &mut Html, moment: &str) {
    let short = moment.split('.').next().unwrap_or(moment);
    let shown = format!("{} UTC", short.trim_end_matches('Z').replace('T', " "));
    html.leaf("time", &[("datetime", &moment)], shown);
}

fn sides(html: &mut Html, report: &Report) {
    let mut any = false;
    for side in [&report.source, &report.target].into_iter().flatten() {
        any = true;
        one_side(html, side);
    }
    if !any {
        html.leaf("p", &[], "Neither was reached.");
    }
}

fn one_side(html: &mut Html, side: &SideReport) {
    let schema = side
        .schema_version
        .map(|version| format!(", schema {version}"))
        .unwrap_or_default();
    let tls = if side.tls { "with TLS" } else { "without TLS" };
    html.leaf("h3", &[], &side.endpoint.name);
    html.leaf(
        "p",
        &[],
        format!("PostgreSQL {}{schema}, {tls}", side.server_version),
    );
    table(
        html,
        &format!("Settings of {}", side.endpoint.name),
        &["setting", "value", "comes from"],
        |html| {
            for setting in &side.endpoint.settings {
                html.element("tr", &[], |html| {
                    html.leaf("th", &[("scope", &"row")], &setting.name);
                    html.leaf("td", &[], &setting.value);
                    html.element("td", &[], |html| html.prose(&setting.origin));
                });
            }
        },
    );
}

/// A table in a box of its own, which scrolls where the screen is narrow. A heading that begins with
/// `#` is of a column of numbers.
fn table(html: &mut Html, caption: &str, heads: &[&str], rows: impl FnOnce(&mut Html)) {
    html.element(
        "div",
        &[
            ("class", &"scroll"),
            ("tabindex", &"0"),
            ("role", &"region"),
            ("aria-label", &caption),
        ],
        |html| {
            // Many columns are not squeezed into a narrow screen: they scroll.
            let class = if heads.len() > 4 { "many" } else { "few" };
            html.element("table", &[("class", &class)], |html| {
                html.leaf("caption", &[], caption);
                html.element("thead", &[], |html| {
                    html.element("tr", &[], |html| {
                        for head in heads {
                            let class = if head.starts_with('#') { "number" } else { "" };
                            html.leaf(
                                "th",
                                &[("scope", &"col"), ("class", &class)],
                                head.trim_start_matches('#'),
                            );
                        }
                    });
                });
                html.element("tbody", &[], rows);
            });
        },
    );
}

/// A cell with a number.
fn number(html: &mut Html, number: u64) {
    html.leaf("td", &[("class", &"number")], thousands(number));
}

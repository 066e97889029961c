//! Findings on paper: grouped by how much they matter, each with what it means and what to do.

use std::cmp::Reverse;
use std::fmt::Write;

use crate::base::{Files, times, visible};
use crate::cli::args::OutputFormat;
use crate::cli::finding_pages::group;
use crate::cli::printer::{Printer, Style};
use crate::diagnostics::{Diagnostic, Finding, FindingSeverity};
use crate::pg::{PgError, PgErrorKind};
use crate::run::RunReport;

use super::accept::{Acceptance, Accepted};
use super::report::TableReport;
use super::sql_text;
use super::table::thousands;

/// What the database layer says of a database, as a finding.
pub fn from_pg(error: &PgError) -> Finding {
    let diagnostic = &error.diagnostic;
    let id = match diagnostic.code.as_str() {
        "E0651" => "target_encoding_not_utf8",
        "E0660" => "second_run",
        "E0661" => "target_in_use",
        "E0662" => "target_privileges",
        "E0663" => "target_not_empty",
        "E0664" => "target_unsuitable",
        "E0666" => "unique_key_violated",
        "E0667" => "foreign_key_violated",
        "E0674" => "tables_missing",
        _ => "database_unsuitable",
    };
    // Of most, the notes are what it is about, one each; of rows that a key refuses, they explain.
    let (samples, meaning): (&[String], String) = if error.kind == PgErrorKind::RowsRefused {
        let mut meaning = diagnostic.message.clone();
        for note in &diagnostic.notes {
            meaning = format!("{meaning}; {note}");
        }
        (&[], meaning)
    } else {
        (&diagnostic.notes, diagnostic.message.clone())
    };
    Finding {
        id: id.to_owned(),
        severity: FindingSeverity::Error,
        count: u64::try_from(samples.len().max(1)).unwrap_or(1),
        samples: samples.iter().take(5).cloned().collect(),
        meaning,
        remedy: diagnostic.help.join("; "),
        sql: None,
    }
}

/// The key of a source row for people, who also hear why there is none.
pub fn source_key(key: &str) -> String {
    if key.is_empty() {
        "the key of the source row is not shown: its columns are sensitive".to_owned()
    } else {
        format!("source key: {key}")
    }
}

/// Whether one of them blocks the run.
pub fn any_error(findings: &[Finding]) -> bool {
    findings
        .iter()
        .any(|finding| finding.severity == FindingSeverity::Error)
}

/// Errors first, then by what they are about, then by how many rows they concern.
pub fn sort(findings: &mut [Finding]) {
    findings.sort_by(|left, right| {
        let key = |finding: &Finding| {
            (
                finding.severity,
                group(&finding.id),
                Reverse(finding.count),
                finding.id.clone(),
            )
        };
        key(left).cmp(&key(right))
    });
}

/// All findings as text for people, the graver first: those that are accepted come last, in a line
/// each. They are sorted already; `run` says in which tables the rows of a finding lie.
pub fn render(
    findings: &[Finding],
    run: Option<&RunReport>,
    accepted: &Accepted,
    printer: &Printer,
) -> String {
    let mut text = String::new();
    let mut last = None;
    let is_open = |finding: &&Finding| accepted.acceptance(finding) != Acceptance::Accepted;
    for finding in findings.iter().filter(is_open) {
        let word = match (finding.severity, accepted.acceptance(finding)) {
            (_, Acceptance::LeftOut) => "rejected rows, left out",
            (FindingSeverity::Error, _) => "errors",
            (FindingSeverity::Warning, _) => "warnings",
        };
        let heading = (word, group(&finding.id));
        if last != Some(heading) {
            let title = format!("{word}: {}", heading.1.title());
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{}\n", printer.styled(Style::Bold, &title));
            last = Some(heading);
        }
        one(&mut text, finding, run, accepted, printer);
    }
    text.push_str(&accepted_list(findings, accepted, printer));
    text
}

fn one(
    text: &mut String,
    finding: &Finding,
    run: Option<&RunReport>,
    accepted: &Accepted,
    printer: &Printer,
) {
    let (word, style) = match (finding.severity, accepted.acceptance(finding)) {
        (_, Acceptance::LeftOut) => ("left out", Style::Warning),
        (FindingSeverity::Error, _) => ("error", Style::Error),
        (FindingSeverity::Warning, _) => ("warning", Style::Warning),
    };
    let head = printer.styled(style, &format!("{word}[{}]", finding.id));
    let _ = write!(text, "{head}  {}", times(finding.count));
    if let (Acceptance::Grown, Some(count)) = (
        accepted.acceptance(finding),
        accepted.accepted_count(finding),
    ) {
        let _ = write!(text, ", accepted for {}", thousands(count));
    }
    text.push('\n');
    let mut say = |words: &str| {
        let _ = writeln!(text, "{}", wrap(words, "  "));
    };
    say(&finding.meaning);
    let tables = tables(finding, run);
    if tables.len() > 1 {
        let tables: Vec<String> = tables
            .iter()
            .map(|table| format!("{} {}", table.table, thousands(table.rows)))
            .collect();
        say(&format!("by table: {}", tables.join(", ")));
    }
    if !finding.samples.is_empty() {
        let more = if finding.count > finding.samples.len() as u64 {
            ", …"
        } else {
            ""
        };
        say(&format!("such as: {}{more}", finding.samples.join(", ")));
    }
    if !finding.remedy.is_empty() {
        say(&format!("→ {}", finding.remedy));
    }
    if let Some(sql) = &finding.sql {
        let _ = writeln!(text, "  SQL:\n{}", sql_text::wrap(sql, "    "));
    }
    text.push('\n');
}

/// The tables whose rows were left out under a finding's name, in the order of the maps.
pub fn tables(finding: &Finding, run: Option<&RunReport>) -> Vec<TableReport> {
    let mut tables: Vec<TableReport> = Vec::new();
    for map in run.iter().flat_map(|run| &run.maps) {
        let rows: u64 = map
            .skipped
            .iter()
            .chain(&map.rejected)
            .filter(|count| count.reason == finding.id)
            .map(|count| count.rows)
            .sum();
        if rows == 0 {
            continue;
        }
        match tables.iter_mut().find(|table| table.table == map.table) {
            Some(table) => table.rows += rows,
            None => tables.push(TableReport {
                table: map.table.clone(),
                rows,
                digest: None,
            }),
        }
    }
    tables
}

/// The accepted warnings in a line each.
fn accepted_list(findings: &[Finding], accepted: &Accepted, printer: &Printer) -> String {
    let mut text = String::new();
    for finding in findings {
        if accepted.acceptance(finding) != Acceptance::Accepted {
            continue;
        }
        if text.is_empty() {
            text = format!("{}\n\n", printer.styled(Style::Bold, "accepted"));
        }
        let limit = accepted
            .accepted_count(finding)
            .map(|count| format!(" of {}", thousands(count)))
            .unwrap_or_default();
        let (origin, note) = accepted.origin(finding).unwrap_or_default();
        let note = note.map(|note| format!(": {note}")).unwrap_or_default();
        let line = format!("{}{limit}  ({origin}{note})", finding.id);
        let count = thousands(finding.count);
        let lines = wrap(&line, "             ");
        let _ = writeln!(text, "{count:>11}  {}", lines.trim_start());
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Prints all findings; those that block the run whatever was asked for.
pub fn print(
    findings: &[Finding],
    run: Option<&RunReport>,
    accepted: &Accepted,
    printer: &Printer,
) {
    print_with_places(findings, &[], &Files::new(), run, accepted, printer);
}

/// As [`print()`], and behind the errors the places of the mapping, in `files`, where rows were rejected:
/// first what is wrong, then where.
pub fn print_with_places(
    findings: &[Finding],
    places: &[Diagnostic],
    files: &Files,
    run: Option<&RunReport>,
    accepted: &Accepted,
    printer: &Printer,
) {
    let of = |severity: FindingSeverity| {
        let chosen = findings.iter().filter(|found| found.severity == severity);
        let chosen: Vec<Finding> = chosen.cloned().collect();
        render(&chosen, run, accepted, printer)
    };
    let errors = of(FindingSeverity::Error);
    let warnings = of(FindingSeverity::Warning);
    if !errors.is_empty() {
        printer.always(&errors);
    }
    print_places(places, files, printer);
    if !warnings.is_empty() {
        printer.say(&warnings);
    }
}

/// Prints where in the mapping rows were rejected.
pub fn print_places(places: &[Diagnostic], files: &Files, printer: &Printer) {
    if places.is_empty() {
        return;
    }
    let title = "where the mapping rejected rows";
    printer.say(&format!("{}\n", printer.styled(Style::Bold, title)));
    printer.diagnostics(files, places);
    printer.say("");
}

/// The warnings in a line each: who wants to know more asks `check`.
pub fn brief(findings: &[Finding], accepted: &Accepted, printer: &Printer) -> String {
    let (known, new): (Vec<&Finding>, Vec<&Finding>) = findings
        .iter()
        .filter(|finding| finding.severity == FindingSeverity::Warning)
        .partition(|finding| accepted.acceptance(finding) == Acceptance::Accepted);
    let mut text = String::new();
    if !new.is_empty() {
        text = format!(
            "{}, explained by `mapwright check`:\n",
            printer.styled(Style::Warning, "warnings")
        );
    }
    for finding in new {
        let _ = writeln!(text, "{:>11}  {}", thousands(finding.count), finding.id);
    }
    if !known.is_empty() {
        let ids: Vec<&str> = known.iter().map(|finding| finding.id.as_str()).collect();
        let _ = writeln!(
            text,
            "{}",
            wrap(&format!("accepted: {}", ids.join(", ")), "  ").trim_start()
        );
    }
    text
}

/// Prints what a command comes to: in lines of 80 columns on a terminal, elsewhere, where it may be
/// searched for, in one.
pub fn print_verdict(style: Style, text: &str, printer: &Printer) {
    let text = if printer.terminal && printer.format != OutputFormat::Json {
        wrap(text, "")
    } else {
        text.to_owned()
    };
    printer.always(&printer.styled(style, &text));
}

/// Breaks a text into lines of 80 columns, each with the indent. What would act on the terminal is
/// shown instead.
pub fn wrap(text: &str, indent: &str) -> String {
    wrapped(text, indent, indent)
}

/// As [`wrap`], but for the first line, which has no indent.
pub fn wrap_below(text: &str, indent: &str) -> String {
    wrapped(text, "", indent)
}

fn wrapped(text: &str, first: &str, indent: &str) -> String {
    let text = visible(text);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::from(first);
    let mut begin = line.len();
    for word in text.split_whitespace() {
        let blank = line.len() > begin;
        if blank && line.chars().count() + 1 + word.chars().count() > 80 {
            lines.push(std::mem::replace(&mut line, String::from(indent)));
            begin = indent.len();
        } else if blank {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_broken_at_words() {
        let text = wrap(&"word ".repeat(40), "  ");
        assert!(
            text.lines()
                .all(|line| line.len() <= 80 && line.starts_with("  word"))
        );
        assert_eq!(text.split_whitespace().count(), 40);
    }

    #[test]
    fn a_first_line_may_hang_out() {
        let text = wrap_below(&"word ".repeat(20), "    ");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("word") && lines[0].len() <= 80);
        assert!(lines[1].starts_with("    word"));
    }

    #[test]
    fn what_others_wrote_does_not_act_on_the_terminal() {
        assert_eq!(
            wrap("oidc-\u{1b}[2Jevil\nline", "  "),
            "  oidc-␛[2Jevil line"
        );
    }
}

//! Findings on paper: grouped by how much they matter, each with what it means and what to do.

use std::fmt::Write;

use crate::cli::printer::{Printer, Style};
use crate::diagnostics::{Finding, FindingSeverity};
use crate::pg::PgError;

/// What the database layer says of a database, as a finding.
pub fn from_pg(error: &PgError) -> Finding {
    let diagnostic = &error.diagnostic;
    let id = match diagnostic.code.as_str() {
        "E0650" => "source_is_standby",
        "E0651" => "encoding_not_utf8",
        "E0652" => "source_privileges",
        "E0653" => "source_in_use",
        "E0656" => "broadcast_too_large",
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
    Finding {
        id: id.to_owned(),
        severity: FindingSeverity::Error,
        count: u64::try_from(diagnostic.notes.len().max(1)).unwrap_or(1),
        samples: diagnostic.notes.iter().take(5).cloned().collect(),
        meaning: diagnostic.message.clone(),
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

/// All findings as text for people, the graver first.
pub fn render(findings: &[Finding], printer: &Printer) -> String {
    let mut text = String::new();
    for severity in [FindingSeverity::Error, FindingSeverity::Warning] {
        for finding in findings
            .iter()
            .filter(|finding| finding.severity == severity)
        {
            let (word, style) = match severity {
                FindingSeverity::Error => ("error", Style::Error),
                FindingSeverity::Warning => ("warning", Style::Warning),
            };
            let head = printer.styled(style, &format!("{word}[{}]", finding.id));
            // Writing into a String cannot fail.
            let _ = writeln!(text, "{head}  {}", counted(finding.count));
            let _ = writeln!(text, "{}", wrap(&finding.meaning, "  "));
            if !finding.samples.is_empty() {
                let more = if finding.count > finding.samples.len() as u64 {
                    ", …"
                } else {
                    ""
                };
                let _ = writeln!(
                    text,
                    "{}",
                    wrap(
                        &format!("such as: {}{more}", finding.samples.join(", ")),
                        "  "
                    )
                );
            }
            if !finding.remedy.is_empty() {
                let _ = writeln!(text, "{}", wrap(&format!("→ {}", finding.remedy), "  "));
            }
            if let Some(sql) = &finding.sql {
                let _ = writeln!(text, "  SQL: {sql}");
            }
            text.push('\n');
        }
    }
    text
}

/// Prints all findings; those that block the run whatever was asked for.
pub fn print(findings: &[Finding], printer: &Printer) {
    let of = |severity: FindingSeverity| -> Vec<Finding> {
        let chosen = findings.iter().filter(|found| found.severity == severity);
        chosen.cloned().collect()
    };
    let errors = render(&of(FindingSeverity::Error), printer);
    let warnings = render(&of(FindingSeverity::Warning), printer);
    match (errors.trim_end(), warnings.trim_end()) {
        ("", "") => {}
        (errors, "") => printer.always(errors),
        ("", warnings) => printer.say(warnings),
        (errors, warnings) => {
            printer.always(errors);
            printer.say(&format!("\n{warnings}"));
        }
    }
}

/// The warnings in a line each: who wants to know more asks `check`.
pub fn brief(findings: &[Finding], printer: &Printer) -> String {
    let warnings: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.severity == FindingSeverity::Warning)
        .collect();
    if warnings.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "{}, explained by `mapwright check`:\n",
        printer.styled(Style::Warning, "warnings")
    );
    for finding in warnings {
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:>11}  {}",
            super::table::thousands(finding.count),
            finding.id
        );
    }
    text
}

fn counted(count: u64) -> String {
    if count == 1 {
        "once".to_owned()
    } else {
        format!("{} times", super::table::thousands(count))
    }
}

/// Breaks a text into lines of 80 columns, each with the indent.
pub fn wrap(text: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::from(indent);
    for word in text.split_whitespace() {
        let blank = line.len() > indent.len();
        if blank && line.chars().count() + 1 + word.chars().count() > 80 {
            lines.push(std::mem::replace(&mut line, String::from(indent)));
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
}

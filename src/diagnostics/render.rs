//! Drawing diagnostics: for people with the lines they speak of, short, or as JSON. With
//! `window` the only user of codespan-reporting.

use codespan_reporting::diagnostic as drawn;
use codespan_reporting::term::{self, DisplayStyle, termcolor};
use serde::Serialize;

use crate::base::{FileId, Files, Span, counted, visible};

use super::window::Shown;
use super::{Diagnostic, Severity};

/// In which form diagnostics are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// With the lines they speak of.
    #[default]
    Human,
    /// One line each.
    Short,
    /// One JSON object a line.
    Json,
}

/// Whether the reader's terminal shows colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    #[default]
    Never,
    /// With escape sequences of ANSI terminals.
    Ansi,
}

/// The diagnostics as text, at most `limit` of them, each followed by an empty line where drawn for
/// people. Line ends carry no blanks.
pub fn render(
    files: &Files,
    diagnostics: &[Diagnostic],
    format: Format,
    colour: Colour,
    limit: usize,
) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(limit) {
        match format {
            Format::Human => text.push_str(&draw(files, diagnostic, DisplayStyle::Rich, colour)),
            Format::Short => text.push_str(&draw(files, diagnostic, DisplayStyle::Short, colour)),
            Format::Json => {
                text.push_str(&json(files, diagnostic));
                text.push('\n');
            }
        }
    }
    let rest = diagnostics.len().saturating_sub(limit);
    if rest > 0 && format != Format::Json {
        text.push_str(&format!("… and {rest} more\n"));
    }
    text
}

/// `3 errors, 1 warning`; empty for none.
pub fn tally(diagnostics: &[Diagnostic]) -> String {
    let warnings = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Warning)
        .count();
    let count = |number: usize, noun: &str| (number > 0).then(|| counted(number as u64, noun));
    let parts = [
        count(diagnostics.len() - warnings, "error"),
        count(warnings, "warning"),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn draw(files: &Files, diagnostic: &Diagnostic, style: DisplayStyle, colour: Colour) -> String {
    let mut known = Shown::new();
    for id in files.ids() {
        let places: Vec<std::ops::Range<usize>> = diagnostic
            .labels
            .iter()
            .filter(|label| label.span.file == id)
            .map(|label| range_as_shown(files, label.span))
            .collect();
        known.add(&visible(files.name(id)), &visible(files.text(id)), &places);
    }
    let severity = match diagnostic.severity {
        Severity::Error => drawn::Severity::Error,
        Severity::Warning => drawn::Severity::Warning,
        Severity::Bug => drawn::Severity::Bug,
    };
    let labels = diagnostic.labels.iter().map(|label| {
        let style = if label.primary {
            drawn::LabelStyle::Primary
        } else {
            drawn::LabelStyle::Secondary
        };
        let file = label.span.file.0 as usize;
        let range = known.range(file, range_as_shown(files, label.span));
        drawn::Label::new(style, file, range).with_message(visible(&label.message))
    });
    let shown = |prefix: &str, text: &String| hanging(prefix, &visible(text));
    let notes = diagnostic.notes.iter().map(|note| shown("note: ", note));
    let help = diagnostic.help.iter().map(|help| shown("help: ", help));
    let shape = drawn::Diagnostic::new(severity)
        .with_code(diagnostic.code.as_str())
        .with_message(visible(&diagnostic.message))
        .with_labels(labels.collect())
        .with_notes(notes.chain(help).collect());
    let config = term::Config {
        display_style: style,
        tab_width: 4,
        ..term::Config::default()
    };
    let drawn = match colour {
        Colour::Never => {
            let mut plain = termcolor::NoColor::new(Vec::new());
            let done = term::emit_to_write_style(&mut plain, &config, &known, &shape);
            done.map(|()| plain.into_inner())
        }
        Colour::Ansi => {
            let mut ansi = termcolor::Ansi::new(Vec::new());
            let done = term::emit_to_write_style(&mut ansi, &config, &known, &shape);
            done.map(|()| ansi.into_inner())
        }
    };
    match drawn {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            text.lines()
                .map(|line| format!("{}\n", line.trim_end()))
                .collect()
        }
        // Only a label outside its file gets here; the message still stands alone.
        Err(_) => format!("error[{}]: {}\n", diagnostic.code, diagnostic.message),
    }
}

/// Where a span lies in the text as it is drawn: what is hidden takes more room there.
fn range_as_shown(files: &Files, span: Span) -> std::ops::Range<usize> {
    let text = files.text(span.file);
    let place = |at: usize| text.get(..at).map_or(at, |before| visible(before).len());
    let range = span.range();
    place(range.start)..place(range.end)
}

/// A note whose further lines stand under its first.
fn hanging(prefix: &str, text: &str) -> String {
    let indent = format!("\n{}", " ".repeat(prefix.len()));
    format!("{prefix}{}", text.lines().collect::<Vec<_>>().join(&indent))
}

#[derive(Serialize)]
struct JsonDiagnostic<'a> {
    version: u32,
    code: &'a str,
    severity: Severity,
    message: &'a str,
    labels: Vec<JsonLabel<'a>>,
    notes: &'a [String],
    help: &'a [String],
    rendered: String,
}

#[derive(Serialize)]
struct JsonLabel<'a> {
    file: &'a str,
    start: JsonPosition,
    end: JsonPosition,
    message: &'a str,
    primary: bool,
}

#[derive(Serialize)]
struct JsonPosition {
    byte: u32,
    line: usize,
    column: usize,
}

fn json(files: &Files, diagnostic: &Diagnostic) -> String {
    let position = |file: FileId, byte: u32| {
        let (line, column) = files.position(file, byte);
        JsonPosition { byte, line, column }
    };
    let place = |span: Span| {
        (
            position(span.file, span.start),
            position(span.file, span.end),
        )
    };
    let labels = diagnostic
        .labels
        .iter()
        .map(|label| {
            let (start, end) = place(label.span);
            JsonLabel {
                file: files.name(label.span.file),
                start,
                end,
                message: &label.message,
                primary: label.primary,
            }
        })
        .collect();
    let shape = JsonDiagnostic {
        version: 1,
        code: diagnostic.code.as_str(),
        severity: diagnostic.severity,
        message: &diagnostic.message,
        labels,
        notes: &diagnostic.notes,
        help: &diagnostic.help,
        rendered: draw(files, diagnostic, DisplayStyle::Rich, Colour::Never),
    };
    // Strings and numbers alone: there is nothing that could fail.
    serde_json::to_string(&shape).unwrap_or_default()
}

//! The one place that prints: data to stdout, words for people to stderr.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::base::Files;
use crate::diagnostics::render::{Colour, Format, render, tally};
use crate::diagnostics::{Diagnostic, codes};

use super::args::{ColourChoice, OutputFormat};
use super::uri;

/// How many diagnostics are shown at most unless told otherwise.
pub const MAX_ERRORS: usize = 20;

/// Prints, as the command line and the terminal want it.
#[derive(Clone, Debug)]
pub struct Printer {
    /// The form of data and diagnostics.
    pub format: OutputFormat,
    colour: Colour,
    quiet: bool,
    max_errors: usize,
    /// Whether stderr is a terminal, where a line can be drawn over.
    pub live: bool,
    /// Whether stderr is a terminal, whose lines have an end.
    pub terminal: bool,
    /// Shared by the copies of a printer, as is how many lines will be drawn over.
    lost: Arc<AtomicBool>,
    drawn: Arc<AtomicUsize>,
}

impl Printer {
    /// Decides about colours: the flag, then `NO_COLOR`, `CLICOLOR_FORCE`, then whether stderr is a
    /// terminal.
    pub fn new(format: OutputFormat, choice: ColourChoice, quiet: bool, max_errors: usize) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let terminal = std::io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let ansi = match choice {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto if set("NO_COLOR") => false,
            ColourChoice::Auto if set("CLICOLOR_FORCE") => true,
            ColourChoice::Auto => terminal && !dumb,
        };
        let colour = if ansi { Colour::Ansi } else { Colour::Never };
        Self {
            format,
            colour,
            quiet,
            max_errors,
            live: terminal && !dumb && !quiet && format != OutputFormat::Json,
            terminal,
            lost: Arc::default(),
            drawn: Arc::default(),
        }
    }

    /// Whether colours are shown.
    pub fn colours(&self) -> bool {
        self.colour == Colour::Ansi
    }

    /// Data: to stdout. A reader that has gone away ends it quietly; whatever else keeps it from
    /// being written is said, and remembered.
    pub fn data(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if let Err(error) = written
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            let diagnostic =
                Diagnostic::error(codes::E0613, "stdout cannot be written").note(error.to_string());
            self.data_lost(&[diagnostic]);
        }
    }

    /// Whether stdout is a terminal: data are read by people then, in lines that have an end.
    pub fn data_on_terminal(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Says that data could not be written, and remembers it.
    pub fn data_lost(&self, why: &[Diagnostic]) {
        self.lost.store(true, Ordering::Relaxed);
        self.diagnostics(&Files::new(), why);
    }

    /// Whether data was kept from being written.
    pub fn lost_data(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Words for people: to stderr, unless `--quiet`. Programs, which read JSON, find what they tell
    /// in the report.
    pub fn say(&self, text: &str) {
        if !self.quiet && self.format != OutputFormat::Json {
            self.line(text);
        }
    }

    /// Words that `--quiet` does not silence: errors, the verdict. For programs an object with the
    /// one entry `message`.
    pub fn always(&self, text: &str) {
        if self.format == OutputFormat::Json {
            self.line(&serde_json::json!({ "message": text }).to_string());
        } else {
            self.line(text);
        }
    }

    /// A JSON document on a line of its own, for programs: to stderr, where stdout carries something
    /// else.
    pub fn record(&self, json: &str) {
        self.line(json);
    }

    /// A question to the person at the terminal, whose answer follows on the same line: to stderr.
    pub fn ask(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        let written = write!(err, "{text}").and_then(|()| err.flush());
        drop(written);
    }

    fn line(&self, text: &str) {
        let mut err = std::io::stderr().lock();
        let erase = self.erase(0);
        let written = writeln!(err, "{erase}{text}").and_then(|()| err.flush());
        drop(written);
    }

    /// Lines that are drawn over by whatever is printed next; only where stderr is a terminal. No lines
    /// leave nothing of those before. A line that is wider than the terminal is cut.
    pub fn live_lines(&self, lines: &[String]) {
        if self.live {
            let mut err = std::io::stderr().lock();
            let erase = self.erase(lines.len());
            let lines = lines.join("\n");
            // Wrapped lines would be more than were counted.
            let written = write!(err, "{erase}\x1b[?7l{lines}\x1b[?7h").and_then(|()| err.flush());
            drop(written);
        }
    }

    /// What removes the lines that were drawn last; `next` will be drawn in their place. The cursor stands
    /// behind the last of them.
    fn erase(&self, next: usize) -> String {
        match self.drawn.swap(next, Ordering::Relaxed) {
            0 => String::new(),
            1 => "\r\x1b[J".to_owned(),
            lines => format!("\r\x1b[{}A\x1b[J", lines - 1),
        }
    }

    /// Warnings: like [`Printer::diagnostics`], unless `--quiet`.
    pub fn warnings(&self, files: &Files, warnings: &[Diagnostic]) {
        if !self.quiet {
            self.diagnostics(files, warnings);
        }
    }

    /// Diagnostics: for people to stderr, as JSON to stderr too, one object a line.
    pub fn diagnostics(&self, files: &Files, diagnostics: &[Diagnostic]) {
        if diagnostics.is_empty() {
            return;
        }
        let format = match self.format {
            OutputFormat::Human => Format::Human,
            OutputFormat::Short => Format::Short,
            OutputFormat::Json => Format::Json,
        };
        // Nothing is kept from a program, which could not know of it.
        let limit = match format {
            Format::Json => usize::MAX,
            Format::Human | Format::Short => self.max_errors,
        };
        let diagnostics: Vec<Diagnostic> = diagnostics.iter().map(uri::without_passwords).collect();
        let mut text = render(files, &diagnostics, format, self.colour, limit);
        if format == Format::Human && diagnostics.len() > 1 {
            text.push_str(&tally(&diagnostics));
            text.push('\n');
        }
        self.line(text.trim_end_matches('\n'));
    }

    /// A word in bold or colour where the terminal shows it; the meaning never hangs on it.
    pub fn styled(&self, style: Style, text: &str) -> String {
        if self.colour == Colour::Never {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => "1",
            Style::Error => "1;31",
            Style::Warning => "1;33",
            Style::Good => "1;32",
            Style::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// What a word means to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A heading.
    Bold,
    /// Something that stops the run.
    Error,
    /// Something to know.
    Warning,
    /// All is well.
    Good,
    /// Beside the point.
    Dim,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_drawn_is_drawn_over() {
        let printer = Printer::new(OutputFormat::Human, ColourChoice::Never, false, 20);
        let copy = printer.clone();
        assert_eq!(printer.erase(3), "", "nothing was there");
        // The cursor stands in the third line.
        assert_eq!(copy.erase(1), "\r\x1b[2A\x1b[J");
        assert_eq!(printer.erase(0), "\r\x1b[J");
        assert_eq!(printer.erase(0), "");
    }
}

//! `man`: manual pages, one for the program and one for each command.

use std::fmt::Write;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use crate::cli::args::Cli;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::files::unwritable;
use crate::cli::printer::Printer;

/// A manual page.
#[derive(Debug)]
pub struct Page {
    /// Its file's name, such as `mapwright-check.1`.
    pub file: String,
    /// Its text.
    pub text: String,
}

/// All pages: the program's own first, then one for each command and each command's commands.
pub fn pages() -> Vec<Page> {
    let mut command = Cli::command().term_width(80);
    // Without it the names of nested commands and their global flags are not there yet.
    command.build();
    let mut pages = Vec::new();
    collect(&command, &mut pages);
    pages
}

fn collect(command: &Command, pages: &mut Vec<Page>) {
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    // The long version has several lines; a page's foot has room for one.
    let shown = command
        .clone()
        .name(name.clone())
        .version(env!("CARGO_PKG_VERSION"))
        .long_version(None);
    let mut text = Vec::new();
    let rendered = Man::new(shown)
        .title(name.to_uppercase())
        .source(concat!("mapwright ", env!("CARGO_PKG_VERSION")))
        .render(&mut text);
    // INVARIANT: a vector takes everything.
    drop(rendered);
    pages.push(Page {
        file: format!("{name}.1"),
        text: ascii(&String::from_utf8_lossy(&text)),
    });
    for inner in command.get_subcommands() {
        if !inner.is_hide_set() {
            collect(inner, pages);
        }
    }
}

/// The text with everything beyond ASCII in roff's own way, which every roff can read.
fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_ascii() {
            plain.push(letter);
        } else {
            let _ = write!(plain, "\\[u{:04X}]", u32::from(letter));
        }
    }
    plain
}

/// Prints the program's own page, or writes all of them to a directory.
///
/// # Errors
/// E0613 for a directory or file that cannot be written.
pub fn run(output: Option<&Path>, printer: &Printer) -> Result<ExitStatus, Failure> {
    let pages = pages();
    let Some(directory) = output else {
        printer.data(pages.first().map_or("", |page| page.text.as_str()));
        return Ok(ExitStatus::Done);
    };
    std::fs::create_dir_all(directory).map_err(|error| unwritable(directory, &error))?;
    for page in &pages {
        let path = directory.join(&page.file);
        std::fs::write(&path, &page.text).map_err(|error| unwritable(&path, &error))?;
    }
    printer.say(&format!(
        "{} pages written to {}",
        pages.len(),
        directory.display()
    ));
    Ok(ExitStatus::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_its_flags() {
        let pages = pages();
        assert_eq!(pages[0].file, "mapwright.1");
        for command in Cli::command().get_subcommands() {
            let file = format!("mapwright-{}.1", command.get_name());
            let page = pages.iter().find(|page| page.file == file).unwrap();
            let shown = command.get_arguments().filter(|flag| !flag.is_hide_set());
            for flag in shown.filter_map(|flag| flag.get_long()) {
                let flag = format!("\\-\\-{}", flag.replace('-', "\\-"));
                assert!(page.text.contains(&flag), "{file} lacks {flag}");
            }
        }
        assert!(
            pages
                .iter()
                .any(|page| page.file == "mapwright-config-lint.1")
        );
        for page in &pages {
            let title = page.file.trim_end_matches(".1").to_uppercase();
            assert!(
                page.text.contains(&format!(".TH {title} 1")),
                "{}",
                page.file
            );
            assert!(page.text.is_ascii(), "{}", page.file);
        }
    }

    #[test]
    fn letters_beyond_ascii_are_written_out() {
        assert_eq!(ascii("a \u{2192} b"), "a \\[u2192] b");
    }
}

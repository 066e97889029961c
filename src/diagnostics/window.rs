//! The text of a file as diagnostics show it: of a very long line only what is around the places that
//! are spoken of.

use std::collections::BTreeMap;
use std::ops::Range;

use codespan_reporting::files::{Error, Files, column_index};

/// Lines with more bytes are cut.
const LONG: usize = 240;
/// How many bytes are kept on either side of a place, and of a place itself from its start.
const AROUND: usize = 60;
/// Stands for what was cut off.
const CUT: &str = "…";

/// The files of a diagnostic, long lines cut.
pub(super) struct Shown {
    files: Vec<ShownFile>,
}

struct ShownFile {
    name: String,
    text: String,
    line_starts: Vec<usize>,
    /// What was taken out of the text, and put in its place: a range of the original.
    cuts: Vec<Range<usize>>,
    /// Characters that are missing at the start of a line, by its number.
    missing: BTreeMap<usize, usize>,
}

impl Shown {
    pub(super) fn new() -> Self {
        Self { files: Vec::new() }
    }

    /// Adds a file; `places` are the ranges that will be pointed at.
    pub(super) fn add(&mut self, name: &str, text: &str, places: &[Range<usize>]) {
        let mut cuts: Vec<Range<usize>> = Vec::new();
        let mut missing = BTreeMap::new();
        let mut start = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let end = start + line.trim_end_matches(['\n', '\r']).len();
            let here: Vec<&Range<usize>> = places
                .iter()
                .filter(|place| place.start >= start && place.start <= end)
                .collect();
            let first = here.iter().map(|place| place.start).min();
            if let (Some(first), true) = (first, end - start > LONG) {
                let last = here
                    .iter()
                    .map(|place| place.end.min(place.start + AROUND).min(end))
                    .max()
                    .unwrap_or(first);
                let from = boundary(text, first.saturating_sub(AROUND).max(start));
                let to = boundary(text, (last + AROUND).min(end));
                if from > start {
                    let gone = text.get(start..from).unwrap_or_default();
                    missing.insert(number, gone.chars().count());
                    cuts.push(start..from);
                }
                if to < end {
                    cuts.push(to..end);
                }
            }
            start += line.len();
        }
        let mut shown = String::with_capacity(text.len());
        let mut at = 0;
        for cut in &cuts {
            shown.push_str(text.get(at..cut.start).unwrap_or_default());
            shown.push_str(CUT);
            at = cut.end;
        }
        shown.push_str(text.get(at..).unwrap_or_default());
        self.files.push(ShownFile {
            name: name.to_owned(),
            line_starts: codespan_reporting::files::line_starts(&shown).collect(),
            text: shown,
            cuts,
            missing,
        });
    }

    /// Where a range of a file's text is in the text that is shown.
    pub(super) fn range(&self, file: usize, range: Range<usize>) -> Range<usize> {
        match self.files.get(file) {
            Some(file) => file.place(range.start)..file.place(range.end),
            None => range,
        }
    }
}

/// The next end of a character.
fn boundary(text: &str, at: usize) -> usize {
    (at..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}

impl ShownFile {
    fn place(&self, offset: usize) -> usize {
        let mut removed = 0;
        let mut added = 0;
        for cut in &self.cuts {
            if offset < cut.start {
                break;
            }
            if offset < cut.end {
                // Inside of what is not shown: at the sign that stands for it.
                return cut.start - removed + added;
            }
            removed += cut.len();
            added += CUT.len();
        }
        offset - removed + added
    }
}

impl<'a> Files<'a> for Shown {
    type FileId = usize;
    type Name = &'a str;
    type Source = &'a str;

    fn name(&'a self, id: usize) -> Result<&'a str, Error> {
        let file = self.files.get(id).ok_or(Error::FileMissing)?;
        Ok(&file.name)
    }

    fn source(&'a self, id: usize) -> Result<&'a str, Error> {
        let file = self.files.get(id).ok_or(Error::FileMissing)?;
        Ok(&file.text)
    }

    fn line_index(&'a self, id: usize, offset: usize) -> Result<usize, Error> {
        let file = self.files.get(id).ok_or(Error::FileMissing)?;
        Ok(file
            .line_starts
            .binary_search(&offset)
            .unwrap_or_else(|next| next.saturating_sub(1)))
    }

    fn column_number(&'a self, id: usize, line: usize, offset: usize) -> Result<usize, Error> {
        let file = self.files.get(id).ok_or(Error::FileMissing)?;
        let range = self.line_range(id, line)?;
        let column = column_index(&file.text, range, offset) + 1;
        // The sign for what is missing is a character itself.
        Ok(match file.missing.get(&line) {
            Some(missing) => column + missing - 1,
            None => column,
        })
    }

    fn line_range(&'a self, id: usize, line: usize) -> Result<Range<usize>, Error> {
        let file = self.files.get(id).ok_or(Error::FileMissing)?;
        let starts = &file.line_starts;
        let start = starts.get(line).copied().ok_or(Error::LineTooLarge {
            given: line,
            max: starts.len().saturating_sub(1),
        })?;
        let end = starts.get(line + 1).copied().unwrap_or(file.text.len());
        Ok(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_line_what_is_around_the_place_is_shown() {
        let line = format!("{}HERE{}", "ä".repeat(500), "b".repeat(500));
        let text = format!("short\n{line}\nlast\n");
        let at = text.find("HERE").unwrap();
        let mut shown = Shown::new();
        shown.add("f", &text, std::slice::from_ref(&(at..at + 4)));
        let window = shown.source(0).unwrap();
        let lines: Vec<&str> = window.lines().collect();
        assert_eq!((lines[0], lines[2]), ("short", "last"));
        assert_eq!(
            lines[1],
            format!("…{}HERE{}…", "ä".repeat(30), "b".repeat(60))
        );
        let range = shown.range(0, at..at + 4);
        assert_eq!(window.get(range.clone()), Some("HERE"));
        assert_eq!(shown.column_number(0, 1, range.start).unwrap(), 501);
        // What lies behind it has moved along.
        let last = text.find("last").unwrap();
        assert_eq!(window.get(shown.range(0, last..last + 4)), Some("last"));
    }

    #[test]
    fn lines_that_nothing_points_at_and_short_ones_stay() {
        let text = format!("{}\nshort\n", "x".repeat(1000));
        let mut shown = Shown::new();
        shown.add("f", &text, std::slice::from_ref(&(1001..1006)));
        assert_eq!(shown.source(0).unwrap(), text);
        assert_eq!(shown.range(0, 1001..1006), 1001..1006);
    }

    #[test]
    fn a_place_longer_than_the_window_ends_where_the_window_does() {
        let text = "y".repeat(1000);
        let mut shown = Shown::new();
        shown.add("f", &text, std::slice::from_ref(&(100..900)));
        let range = shown.range(0, 100..900);
        let marked = shown.source(0).unwrap().get(range).unwrap().to_owned();
        assert!(marked.len() < 200 && marked.starts_with('y'), "{marked}");
    }
}

//! `--rejects FILE`: every rejected row as a line of JSON, written as the rows go by, for the eyes of
//! its owner alone. What the lines hold is documented in `docs/reference/rejects.md`; no value of a
//! row is among it but its key, and of that no column that must not be shown.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::base::{Files, Span};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::PgError;
use crate::plan::Plan;
use crate::run::{Reject, RowOrigin};

use super::Job;
use super::files::{begin_private, unwritable};

/// A list of rejected rows that is being written; the copies of one write the same. Without a file
/// nothing is listed.
#[derive(Clone, Debug, Default)]
pub struct RejectList {
    list: Option<Arc<Mutex<List>>>,
}

#[derive(Debug)]
struct List {
    path: PathBuf,
    writer: BufWriter<File>,
    files: Files,
    plan: Plan,
    /// The first failure; told at the end, because nobody can be told in between.
    failed: Option<io::Error>,
}

/// A line of the list.
#[derive(Debug, Serialize)]
struct Line<'l> {
    /// The source table of the row.
    table: &'l str,
    /// The key of the row; null where its columns must not be shown, or where it is not known.
    key: Option<&'l str>,
    /// The map or view of the mapping.
    block: &'l str,
    /// The reason, unless the target refused the row.
    reason: Option<&'l str>,
    /// What was wrong with a value, where that is known.
    why: Option<&'l str>,
    /// The target table that refused the row.
    target: Option<&'l str>,
    /// What PostgreSQL called it.
    sqlstate: Option<&'l str>,
    /// Where the mapping says so.
    place: Option<Place<'l>>,
}

/// A place in a mapping.
#[derive(Debug, Serialize)]
struct Place<'l> {
    file: &'l str,
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
}

impl RejectList {
    /// Begins the list in the file, if there is one to be written; it must be none of `others`.
    ///
    /// # Errors
    /// E0613 if it cannot be written.
    pub fn begin(
        path: Option<&Path>,
        others: &[&Path],
        job: &Job,
        printer: &Printer,
    ) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        if path == Path::new("-") {
            let diagnostic = Diagnostic::error(codes::E0613, "`--rejects -` names no file")
                .note("keys of rows are in the list: it is for its owner's eyes, and stdout is not")
                .help("name a file: `--rejects rejects.jsonl`");
            return Err(Failure::one(ExitStatus::Usage, diagnostic));
        }
        let file = begin_private(path, others, printer)?;
        Ok(Self {
            list: Some(Arc::new(Mutex::new(List {
                path: path.to_owned(),
                writer: BufWriter::new(file),
                files: job.compiled.files.clone(),
                plan: job.compiled.plan.clone(),
                failed: None,
            }))),
        })
    }

    /// Whether there is a list.
    pub fn is_wanted(&self) -> bool {
        self.list.is_some()
    }

    /// Adds a row that the mapping rejected.
    pub fn add(&self, reject: &Reject) {
        self.with(|list| {
            let node = reject.node.and_then(|node| list.plan.origin(node));
            let reason = list.plan.reasons.get(reject.reason);
            list.write(&Line {
                table: &reject.table,
                key: some(&reject.key),
                block: &reject.block,
                reason: reason.map(|reason| reason.name.as_str()),
                why: some(&reject.why),
                target: None,
                sqlstate: None,
                place: list.place(node.or_else(|| list.block(reject.frame))),
            })
        });
    }

    /// Adds a row that the target refused: number `target` of the plan; where it came from, if that
    /// was found out.
    pub fn refused(&self, target: usize, origin: Option<&RowOrigin>, sqlstate: Option<&str>) {
        self.with(|list| {
            let target = list.plan.targets.get(target);
            list.write(&Line {
                table: origin.map_or("", |origin| &origin.table),
                key: origin.and_then(|origin| some(&origin.key)),
                block: origin.map_or("", |origin| &origin.map),
                reason: None,
                why: None,
                target: target.map(|target| target.table.as_str()),
                sqlstate,
                place: list.place(origin.and_then(|origin| list.block(origin.frame))),
            })
        });
    }

    /// Adds that a key of the target does not hold; which rows break it is not known.
    pub fn key_violated(&self, error: &PgError) {
        let sqlstate = match error.diagnostic.code.as_str() {
            "E0666" => "23505",
            "E0667" => "23503",
            _ => return,
        };
        self.with(|list| {
            list.write(&Line {
                table: "",
                key: None,
                block: "",
                reason: None,
                why: Some(&error.diagnostic.message),
                target: None,
                sqlstate: Some(sqlstate),
                place: None,
            })
        });
    }

    /// Sees to it that every line is in the file.
    ///
    /// # Errors
    /// E0613 if one is not.
    pub fn finish(&self) -> Result<(), Failure> {
        let Some(list) = &self.list else {
            return Ok(());
        };
        let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
        let written = match list.failed.take() {
            Some(error) => Err(error),
            None => list.writer.flush(),
        };
        written.map_err(|error| {
            let mut failure = unwritable(&list.path, &error);
            if let Some(diagnostic) = failure.diagnostics.first_mut() {
                diagnostic.notes.push(
                    "a run whose rejected rows cannot all be listed changes nothing".to_owned(),
                );
            }
            failure
        })
    }

    fn with(&self, write: impl FnOnce(&List) -> io::Result<Vec<u8>>) {
        let Some(list) = &self.list else {
            return;
        };
        let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
        if list.failed.is_some() {
            return;
        }
        let written = write(&list).and_then(|line| list.writer.write_all(&line));
        if let Err(error) = written {
            list.failed = Some(error);
        }
    }
}

impl List {
    fn write(&self, line: &Line<'_>) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        Ok(text)
    }

    fn block(&self, frame: usize) -> Option<Span> {
        Some(self.plan.frames.get(frame)?.origin)
    }

    fn place(&self, span: Option<Span>) -> Option<Place<'_>> {
        let span = span?;
        let (line, column) = self.files.position(span.file, span.start);
        Some(Place {
            file: self.files.name(span.file),
            line,
            column,
        })
    }
}

/// A text that is not empty.
fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

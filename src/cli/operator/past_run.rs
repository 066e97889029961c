//! A migration that was, as its report tells it.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::replaced_file;
use crate::diagnostics::{Diagnostic, codes};
use crate::plan::Plan;
use crate::run::difference::Since;

use super::report::SCHEMA_VERSION;

/// What is needed of a past run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// The name of its mapping.
    pub mapping: String,
    /// Its clock, which `--migrated-at` may have set to any moment.
    pub migrated_at: Timestamp,
    /// When it began.
    pub started_at: Timestamp,
    /// The rows it wrote, by table.
    pub written: Vec<PastTable>,
    /// How many rows it rejected and left out.
    pub left_out: u64,
    /// When it was taken back, if it was.
    pub undone_at: Option<String>,
}

/// Rows that a past run wrote into one table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PastTable {
    /// The table.
    pub table: String,
    /// How many rows.
    pub rows: u64,
    /// Their digest.
    pub digest: Option<String>,
}

/// The report as far as it is read.
#[derive(Debug, Deserialize)]
struct Document {
    schema_version: u32,
    command: String,
    dry_run: bool,
    mapping: PastMapping,
    migrated_at: String,
    started_at: String,
    written: Vec<PastTable>,
    rejects: Option<PastRejects>,
    undone_at: Option<String>,
    verdict: PastVerdict,
}

#[derive(Debug, Deserialize)]
struct PastRejects {
    rejected: u64,
}

#[derive(Debug, Deserialize)]
struct PastMapping {
    name: String,
}

#[derive(Debug, Deserialize)]
struct PastVerdict {
    committed: bool,
}

/// What tells the report of a migration that was committed, whatever version made it.
#[derive(Debug, Deserialize)]
struct Committed {
    command: String,
    dry_run: bool,
    finished_at: Option<String>,
    undone_at: Option<String>,
    verdict: PastVerdict,
}

impl PastRun {
    /// Reads the report of a run that committed.
    ///
    /// # Errors
    /// E0613 if the file cannot be read, E0616 if it is not such a report, or the run was taken back.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let diagnostic = Diagnostic::error(
                codes::E0613,
                format!("report `{}` cannot be read", path.display()),
            )
            .note(error.to_string())
            .help("give the file that `migrate --report` wrote");
            Failure::one(ExitStatus::Usage, diagnostic)
        })?;
        let past = Self::parse(&text).map_err(|why| {
            let page = super::files::is_page(path);
            let (why, help) = if page {
                let why = "it is a page for people; the report for programs is JSON".to_owned();
                (
                    why,
                    "give the JSON file: `migrate` writes both if `--report` names both",
                )
            } else {
                (
                    why,
                    "give the file that `migrate --report` wrote when it committed",
                )
            };
            let diagnostic = Diagnostic::error(
                codes::E0616,
                format!("`{}` is not the report of a migration", path.display()),
            )
            .note(why)
            .help(help);
            Failure::one(ExitStatus::Usage, diagnostic)
        })?;
        if let Some(at) = &past.undone_at {
            let diagnostic = Diagnostic::error(
                codes::E0616,
                format!(
                    "the migration of `{}` was taken back at {at}",
                    path.display()
                ),
            )
            .help("there is nothing of it any more; `migrate` can be run again, and replace this report");
            return Err(Failure::one(ExitStatus::Usage, diagnostic));
        }
        Ok(past)
    }

    /// Notes in the report that its run was taken back, so that another one may take its place.
    ///
    /// # Errors
    /// What the system says; the report stays as it is then.
    pub fn mark_undone(path: &Path, at: Timestamp) -> std::io::Result<()> {
        let text = std::fs::read_to_string(path)?;
        // It was read as an object before: the rest of it stays as it is, letter for letter.
        let text = text.replacen('{', &format!("{{\n  \"undone_at\": \"{at}\","), 1);
        replaced_file::replace(path, &text)
    }

    /// Refuses a path at which the report of a migration that was committed is: without it nobody could
    /// take the migration back.
    ///
    /// # Errors
    /// E0613 if one is there.
    pub fn is_not_at(path: &Path) -> Result<(), Failure> {
        // Reading anything else, such as a pipe, would wait for somebody to write.
        let is_file = std::fs::metadata(path).is_ok_and(|facts| facts.is_file());
        let text = if is_file {
            std::fs::read(path).unwrap_or_default()
        } else {
            Vec::new()
        };
        let Ok(there) = serde_json::from_slice::<Committed>(&text) else {
            return Ok(());
        };
        let kept = there.command == "migrate" && !there.dry_run && there.verdict.committed;
        if !kept || there.undone_at.is_some() {
            return Ok(());
        }
        let when = there.finished_at.unwrap_or_default();
        let diagnostic = Diagnostic::error(
            codes::E0613,
            format!(
                "`{}` would replace the report of a migration that was committed",
                path.display()
            ),
        )
        .note(format!(
            "it was written at {when}; `undo` and `verify` need it"
        ))
        .help("give the new file another name, or move the report to where it is kept");
        Err(Failure::one(ExitStatus::Usage, diagnostic))
    }

    /// Refuses a mapping that is not the one of that run, or writes other tables: it cannot tell what
    /// the run wrote.
    ///
    /// # Errors
    /// E0616.
    pub fn is_of(&self, path: &Path, plan: &Plan) -> Result<(), Failure> {
        let mut notes = Vec::new();
        if self.mapping != plan.mapping {
            notes.push(format!(
                "it is the report of mapping `{}`, this is mapping `{}`",
                self.mapping, plan.mapping
            ));
        }
        let (then, now): (BTreeSet<&str>, BTreeSet<&str>) = (
            self.written
                .iter()
                .map(|past| past.table.as_str())
                .collect(),
            plan.targets
                .iter()
                .map(|target| target.table.as_str())
                .collect(),
        );
        for table in then.difference(&now) {
            notes.push(format!(
                "the run wrote `{table}`, which this mapping does not write"
            ));
        }
        for table in now.difference(&then) {
            notes.push(format!(
                "this mapping writes `{table}`, which the run did not write"
            ));
        }
        if notes.is_empty() {
            return Ok(());
        }
        let mut diagnostic = Diagnostic::error(
            codes::E0616,
            format!("`{}` is the report of another mapping", path.display()),
        );
        for note in notes {
            diagnostic = diagnostic.note(note);
        }
        let diagnostic =
            diagnostic.help("give the mapping of that run by `--mapping`, and its catalogs");
        Err(Failure::one(ExitStatus::Usage, diagnostic))
    }

    /// Which side of a table has changed since that run, by the digests of today.
    pub fn since(&self, table: &str, made: Option<String>, held: Option<String>) -> Option<Since> {
        let then = self.written.iter().find(|past| past.table == table)?;
        let then = then.digest.as_ref()?;
        match (made.as_ref() == Some(then), held.as_ref() == Some(then)) {
            (true, true) => None,
            (true, false) => Some(Since::Target),
            (false, true) => Some(Since::Source),
            (false, false) => Some(Since::Both),
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let document: Document =
            serde_json::from_str(text).map_err(|error| format!("it is no such JSON: {error}"))?;
        if document.schema_version != SCHEMA_VERSION {
            return Err(format!(
                "its schema has version {}, this program knows {SCHEMA_VERSION}",
                document.schema_version
            ));
        }
        if document.command != "migrate" {
            return Err(format!("it is a report of `{}`", document.command));
        }
        if document.dry_run {
            return Err("it is the report of a dry run, which left nothing behind".to_owned());
        }
        if !document.verdict.committed {
            return Err("that run did not commit".to_owned());
        }
        let migrated_at = document
            .migrated_at
            .parse()
            .map_err(|_| "its `migrated_at` is no moment".to_owned())?;
        let started_at = document
            .started_at
            .parse()
            .map_err(|_| "its `started_at` is no moment".to_owned())?;
        Ok(Self {
            mapping: document.mapping.name,
            migrated_at,
            started_at,
            written: document.written,
            undone_at: document.undone_at,
            left_out: document.rejects.map_or(0, |rejects| rejects.rejected),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(command: &str, dry_run: bool, committed: bool) -> String {
        format!(
            r#"{{"schema_version": {SCHEMA_VERSION}, "command": "{command}", "dry_run": {dry_run},
            "mapping": {{"name": "books", "source": "", "target": ""}},
            "migrated_at": "2026-05-01T02:00:00Z", "started_at": "2026-05-02T02:00:00Z", "unknown": [1],
            "written": [{{"table": "users", "rows": 3, "digest": "00ff"}}],
            "verdict": {{"exit": 0, "committed": {committed}, "text": "", "problems": []}}}}"#
        )
    }

    #[test]
    fn a_committed_migration_is_read() {
        let run = PastRun::parse(&report("migrate", false, true)).unwrap();
        assert_eq!(run.migrated_at.to_string(), "2026-05-01T02:00:00Z");
        assert_eq!(run.started_at.to_string(), "2026-05-02T02:00:00Z");
        assert_eq!(run.written[0].rows, 3);
    }

    #[test]
    fn everything_else_is_refused() {
        for (text, why) in [
            (report("check", false, false), "report of `check`"),
            (report("migrate", true, false), "dry run"),
            (report("migrate", false, false), "did not commit"),
            ("{}".to_owned(), "missing field"),
            ("no JSON".to_owned(), "no such JSON"),
            (
                report("migrate", false, true).replace(
                    &format!("\"schema_version\": {SCHEMA_VERSION}"),
                    "\"schema_version\": 99",
                ),
                "version 99",
            ),
        ] {
            let problem = PastRun::parse(&text).unwrap_err();
            assert!(problem.contains(why), "{problem}");
        }
    }
}

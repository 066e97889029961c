//! A migration that was, as its report tells it.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::diagnostics::{Diagnostic, codes};
use crate::run::difference::Since;

use super::report::SCHEMA_VERSION;

/// What is needed of a past run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastRun {
    /// Its clock.
    pub migrated_at: Timestamp,
    /// The rows it wrote, by table.
    pub written: Vec<PastTable>,
    /// How many rows it rejected and left out.
    pub left_out: u64,
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
    migrated_at: String,
    written: Vec<PastTable>,
    rejects: Option<PastRejects>,
    verdict: PastVerdict,
}

#[derive(Debug, Deserialize)]
struct PastRejects {
    rejected: u64,
}

#[derive(Debug, Deserialize)]
struct PastVerdict {
    committed: bool,
}

impl PastRun {
    /// Reads the report of a run that committed.
    ///
    /// # Errors
    /// E0613 if the file cannot be read, E0616 if it is not such a report.
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
        Self::parse(&text).map_err(|why| {
            let page = super::report::is_page(path);
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
        })
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
        Ok(Self {
            migrated_at,
            written: document.written,
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
            "migrated_at": "2026-05-01T02:00:00Z", "unknown": [1],
            "written": [{{"table": "users", "rows": 3, "digest": "00ff"}}],
            "verdict": {{"exit": 0, "committed": {committed}, "text": "", "problems": []}}}}"#
        )
    }

    #[test]
    fn a_committed_migration_is_read() {
        let run = PastRun::parse(&report("migrate", false, true)).unwrap();
        assert_eq!(run.migrated_at.to_string(), "2026-05-01T02:00:00Z");
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

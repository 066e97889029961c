//! Warnings that an operator knows and accepts, so that only new ones are noticed.
//!
//! A warning is accepted while it concerns no more rows than were accepted. Errors cannot be: what
//! stops a run is mended, not waved through.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use crate::cli::args::FindingArgs;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::finding_pages::{self, Weight};
use crate::config::{AcceptEntry, Environment, accept_file, accept_flag, accept_notes};
use crate::diagnostics::{Diagnostic, Finding, FindingSeverity, codes};
use crate::plan::{Plan, ReasonSeverity};
use crate::run::RunReport;
use crate::types::SeverityValue;

use super::files;

/// Whether a finding was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Acceptance {
    /// Nobody has accepted it.
    Open,
    /// It concerns no more than was accepted.
    Accepted,
    /// It was accepted for fewer.
    Grown,
    /// An error whose rows are left out, because `--max-rejects` allows so many.
    #[serde(rename = "left_out")]
    LeftOut,
}

/// What all findings together mean for the end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Errors, or warnings where these are denied.
    Blocked,
    /// Warnings that are not accepted.
    Warnings,
    /// Nothing, or nothing that is not accepted.
    Clean,
}

/// The accepted warnings.
#[derive(Clone, Debug, Default)]
pub struct Accepted {
    entries: BTreeMap<String, AcceptEntry>,
    deny_warnings: bool,
    /// The reasons of rejected rows that may be left out.
    left_out: BTreeSet<String>,
    /// Notes of the list that will be written anew, by id.
    kept_notes: BTreeMap<String, String>,
}

impl Accepted {
    /// Reads flags and files; a flag wins over a file, a later one over an earlier one.
    ///
    /// # Errors
    /// All at once: files that cannot be read, ids that no finding has, errors.
    pub fn read(args: &FindingArgs, plan: &Plan) -> Result<Self, Failure> {
        let mut problems = Vec::new();
        let mut entries = Vec::new();
        let environment = Environment::system();
        for path in &args.accept_file {
            match accept_file(path, &environment) {
                Ok(found) => entries.extend(found),
                Err(found) => problems.extend(found),
            }
        }
        for text in &args.accept {
            match accept_flag(text) {
                Ok(entry) => entries.push(entry),
                Err(problem) => problems.push(*problem),
            }
        }
        problems.extend(entries.iter().filter_map(|entry| unacceptable(entry, plan)));
        if !problems.is_empty() {
            return Err(Failure::new(ExitStatus::Usage, problems));
        }
        Ok(Self {
            entries: entries
                .into_iter()
                .map(|entry| (entry.id.clone(), entry))
                .collect(),
            deny_warnings: args.deny_warnings,
            left_out: BTreeSet::new(),
            kept_notes: BTreeMap::new(),
        })
    }

    /// From now on the notes of the list at `path`, if there is one, are among those that are kept.
    ///
    /// # Errors
    /// A file that cannot be read, or is no such list.
    pub fn keep_notes(&mut self, path: &Path) -> Result<(), Failure> {
        self.kept_notes = accept_notes(path, &Environment::system())
            .map_err(|problems| Failure::new(ExitStatus::Usage, problems))?;
        Ok(())
    }

    /// From now on the rows that a run rejected may be left out.
    pub fn leave_out(&mut self, run: &RunReport) {
        let reasons = run.reasons.iter();
        let errors = reasons.filter(|report| report.severity == SeverityValue::Error);
        self.left_out = errors.map(|report| report.reason.clone()).collect();
    }

    fn entry(&self, finding: &Finding) -> Option<&AcceptEntry> {
        match finding.severity {
            FindingSeverity::Error => None,
            FindingSeverity::Warning => self.entries.get(&finding.id),
        }
    }

    /// Whether a finding is accepted.
    pub fn acceptance(&self, finding: &Finding) -> Acceptance {
        if finding.severity == FindingSeverity::Error && self.left_out.contains(&finding.id) {
            return Acceptance::LeftOut;
        }
        match self.entry(finding).map(|entry| entry.count) {
            None => Acceptance::Open,
            Some(Some(count)) if finding.count > count => Acceptance::Grown,
            Some(_) => Acceptance::Accepted,
        }
    }

    /// For how many it is accepted; `None` too for any number.
    pub fn accepted_count(&self, finding: &Finding) -> Option<u64> {
        self.entry(finding)?.count
    }

    /// Where it was accepted, and the note.
    pub fn origin(&self, finding: &Finding) -> Option<(&str, Option<&str>)> {
        let entry = self.entry(finding)?;
        Some((&entry.origin, entry.note.as_deref()))
    }

    /// Whether a finding is an error that stops a run.
    pub fn blocks(&self, finding: &Finding) -> bool {
        finding.severity == FindingSeverity::Error
            && self.acceptance(finding) != Acceptance::LeftOut
    }

    /// What the findings mean for the end of a command.
    pub fn standing(&self, findings: &[Finding]) -> Standing {
        let open = findings.iter().any(|finding| {
            finding.severity == FindingSeverity::Warning
                && self.acceptance(finding) != Acceptance::Accepted
        });
        let errors = findings.iter().any(|finding| self.blocks(finding));
        match (errors, open) {
            (true, _) => Standing::Blocked,
            (false, true) if self.deny_warnings => Standing::Blocked,
            (false, true) => Standing::Warnings,
            (false, false) => Standing::Clean,
        }
    }

    /// A line for each entry that does nothing: the finding is an error here, or does not occur.
    /// `complete` is whether every row was looked at.
    pub fn idle(&self, findings: &[Finding], complete: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in self.entries.values() {
            let AcceptEntry { id, origin, .. } = entry;
            match findings.iter().find(|finding| finding.id == *id) {
                Some(finding) if finding.severity == FindingSeverity::Error => lines.push(format!(
                    "`{id}` ({origin}) is an error in this run, and errors cannot be accepted"
                )),
                Some(_) => {}
                None if complete => lines.push(format!(
                    "`{id}` ({origin}) is accepted but no longer occurs"
                )),
                None => {}
            }
        }
        lines
    }

    /// The warnings as a file for `--accept-file`; notes are kept.
    pub fn file(&self, findings: &[Finding]) -> String {
        let mut text = String::from(
            "# Warnings of `mapwright check` that are accepted: while one concerns no more than its count,\n\
             # it is listed briefly and does not change the exit status. Errors cannot be accepted.\n\
             # `mapwright explain ID` says what each means.\n\
             accepted:\n",
        );
        let mut none = true;
        for finding in findings {
            if finding.severity == FindingSeverity::Error {
                continue;
            }
            none = false;
            // Writing into a String cannot fail.
            let _ = writeln!(text, "  - id: {}\n    count: {}", finding.id, finding.count);
            let note = self.entry(finding).and_then(|entry| entry.note.as_ref());
            if let Some(note) = note.or_else(|| self.kept_notes.get(&finding.id)) {
                // A text of JSON is one of YAML too.
                let quoted = serde_json::Value::String(note.clone());
                let _ = writeln!(text, "    note: {quoted}");
            }
        }
        if none {
            text.truncate(text.trim_end().len());
            text.push_str(" []\n");
        }
        text
    }

    /// Writes that file.
    ///
    /// # Errors
    /// E0613 when it cannot be written.
    pub fn write_file(&self, path: &Path, findings: &[Finding]) -> Result<(), Failure> {
        std::fs::write(path, self.file(findings)).map_err(|error| files::unwritable(path, &error))
    }
}

/// Why an entry cannot be meant.
fn unacceptable(entry: &AcceptEntry, plan: &Plan) -> Option<Diagnostic> {
    let id = &entry.id;
    let reason = plan.reasons.iter().find(|reason| reason.name == *id);
    let Some(page) = finding_pages::page(id) else {
        if reason.is_some() {
            return is_error(entry, reason.map(|reason| reason.severity), None);
        }
        return Some(unknown(entry, plan));
    };
    is_error(
        entry,
        reason.map(|reason| reason.severity),
        Some(page.weight),
    )
}

fn unknown(entry: &AcceptEntry, plan: &Plan) -> Diagnostic {
    let AcceptEntry { id, origin, .. } = entry;
    let diagnostic = Diagnostic::error(codes::E0615, format!("no finding has the id `{id}`"))
        .note(format!("it is accepted by {origin}"));
    let reasons = plan.reasons.iter().map(|reason| reason.name.as_str());
    match finding_pages::suggestion(id, reasons) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("`docs/reference/findings.md` lists all of them"),
    }
}

fn is_error(
    entry: &AcceptEntry,
    reason: Option<ReasonSeverity>,
    weight: Option<Weight>,
) -> Option<Diagnostic> {
    let AcceptEntry { id, origin, .. } = entry;
    let is_error = match reason {
        Some(ReasonSeverity::Fixed(severity)) => severity == SeverityValue::Error,
        Some(ReasonSeverity::Param(_)) => false,
        None => weight == Some(Weight::Error),
    };
    is_error.then(|| {
        Diagnostic::error(
            codes::E0615,
            format!("`{id}` is an error, and errors cannot be accepted"),
        )
        .note(format!("it is accepted by {origin}"))
        .help(format!(
            "mend what it says: `mapwright explain {id}` tells how"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, severity: FindingSeverity, count: u64) -> Finding {
        Finding {
            id: id.to_owned(),
            severity,
            count,
            samples: Vec::new(),
            meaning: "means something".to_owned(),
            remedy: String::new(),
            sql: None,
        }
    }

    fn plan() -> Plan {
        crate::cli::mapping::load(None, &[]).unwrap().plan
    }

    fn read(accept: &[&str], deny_warnings: bool) -> Result<Accepted, Vec<String>> {
        let args = FindingArgs {
            accept: accept.iter().map(|text| (*text).to_owned()).collect(),
            accept_file: Vec::new(),
            deny_warnings,
        };
        Accepted::read(&args, &plan()).map_err(|failure| {
            failure
                .diagnostics
                .iter()
                .map(|problem| format!("{} | {}", problem.message, problem.help.join(", ")))
                .collect()
        })
    }

    #[test]
    fn a_warning_is_accepted_up_to_its_number() {
        let accepted = read(&["orphan=7", "guest"], false).unwrap();
        let warning = |id, count| finding(id, FindingSeverity::Warning, count);
        for (id, count, expected, standing) in [
            ("orphan", 7, Acceptance::Accepted, Standing::Clean),
            ("orphan", 8, Acceptance::Grown, Standing::Warnings),
            ("guest", 1_000, Acceptance::Accepted, Standing::Clean),
            ("long_email", 1, Acceptance::Open, Standing::Warnings),
        ] {
            let finding = warning(id, count);
            assert_eq!(accepted.acceptance(&finding), expected, "{id} {count}");
            assert_eq!(accepted.standing(&[finding]), standing, "{id} {count}");
        }
        assert_eq!(accepted.standing(&[]), Standing::Clean);
    }

    #[test]
    fn an_error_blocks_whatever_is_accepted() {
        let accepted = read(&["orphan"], false).unwrap();
        let error = finding("orphan", FindingSeverity::Error, 1);
        assert_eq!(accepted.acceptance(&error), Acceptance::Open);
        assert_eq!(
            accepted.standing(std::slice::from_ref(&error)),
            Standing::Blocked
        );
        assert_eq!(
            accepted.idle(&[error], true),
            ["`orphan` (`--accept`) is an error in this run, and errors cannot be accepted"]
        );
    }

    #[test]
    fn denied_warnings_block_unless_they_are_accepted() {
        let accepted = read(&["orphan=1"], true).unwrap();
        let orphan = |count| [finding("orphan", FindingSeverity::Warning, count)];
        assert_eq!(accepted.standing(&orphan(1)), Standing::Clean);
        assert_eq!(accepted.standing(&orphan(2)), Standing::Blocked);
    }

    #[test]
    fn what_does_not_occur_is_told_once_every_row_was_looked_at() {
        let accepted = read(&["orphan=7"], false).unwrap();
        assert_eq!(
            accepted.idle(&[], true),
            ["`orphan` (`--accept`) is accepted but no longer occurs"]
        );
        assert_eq!(accepted.idle(&[], false), [""; 0]);
    }

    #[test]
    fn ids_must_be_those_of_warnings() {
        let problems = read(
            &["orphans", "homeserver_mismatch", "foreign_user", "x y"],
            false,
        );
        assert_eq!(
            problems.unwrap_err(),
            [
                "`--accept x y` names no finding | write `--accept ID` or `--accept ID=COUNT`, such as `--accept orphan=7`",
                "no finding has the id `orphans` | did you mean `orphan`?",
                "`homeserver_mismatch` is an error, and errors cannot be accepted | mend what it says: `mapwright explain homeserver_mismatch` tells how",
                "`foreign_user` is an error, and errors cannot be accepted | mend what it says: `mapwright explain foreign_user` tells how",
            ]
        );
        assert!(read(&["target_users_new_key_unknown", "missing_provider"], false).is_ok());
    }

    #[test]
    fn the_file_that_is_written_can_be_read() {
        let mut accepted = Accepted::default();
        accepted.entries.insert(
            "guest".to_owned(),
            AcceptEntry {
                id: "guest".to_owned(),
                count: None,
                note: Some("those \"old\" ones: # all".to_owned()),
                origin: String::new(),
            },
        );
        let findings = [
            finding("homeserver_mismatch", FindingSeverity::Error, 1),
            finding("guest", FindingSeverity::Warning, 3),
            finding("orphan", FindingSeverity::Warning, 7),
        ];
        let directory =
            std::env::temp_dir().join(format!("mapwright-accept-{}", std::process::id()));
        accepted.write_file(&directory, &findings).unwrap();
        let entries = accept_file(&directory, &Environment::system()).unwrap();
        std::fs::remove_file(&directory).unwrap();
        let entries: Vec<_> = entries
            .iter()
            .map(|entry| (entry.id.as_str(), entry.count, entry.note.as_deref()))
            .collect();
        assert_eq!(
            entries,
            [
                ("guest", Some(3), Some("those \"old\" ones: # all")),
                ("orphan", Some(7), None)
            ]
        );
        assert!(accepted.file(&[]).ends_with("accepted: []\n"));
    }

    #[test]
    fn notes_of_the_file_that_is_written_anew_are_kept() {
        let path = std::env::temp_dir().join(format!("mapwright-notes-{}", std::process::id()));
        let findings = [
            finding("guest", FindingSeverity::Warning, 3),
            finding("orphan", FindingSeverity::Warning, 7),
        ];
        let renewed = |accepted: &Accepted, before: &str| {
            std::fs::write(&path, before).unwrap();
            let mut accepted = accepted.clone();
            let kept = accepted.keep_notes(&path);
            kept.map(|()| {
                accepted.write_file(&path, &findings).unwrap();
                std::fs::read_to_string(&path).unwrap()
            })
        };
        let none = Accepted::default();
        let before = "accepted:\n  - {id: orphan, count: 2, note: from 2019}\n  - {id: long_email, note: gone}\n";
        let text = renewed(&none, before).unwrap();
        assert!(text.ends_with(
            "accepted:\n  - id: guest\n    count: 3\n  - id: orphan\n    count: 7\n    note: \"from 2019\"\n"
        ));
        // What this run was given goes first, and plain lines have notes too.
        let mut given = Accepted::default();
        given.entries.insert(
            "orphan".to_owned(),
            AcceptEntry {
                id: "orphan".to_owned(),
                count: Some(7),
                note: Some("looked at".to_owned()),
                origin: String::new(),
            },
        );
        let text = renewed(&given, "orphan 2 from 2019\nguest those of the fair\n").unwrap();
        assert!(text.contains("note: \"those of the fair\"\n") && text.contains("\"looked at\""));
        assert!(!text.contains("2019"));
        // Whatever else is in the file is not written over.
        let refused = renewed(&none, "server_name: example.com\n").unwrap_err();
        assert_eq!(refused.status, ExitStatus::Usage);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "server_name: example.com\n"
        );
        assert!(renewed(&none, "").is_ok());
        std::fs::remove_file(&path).unwrap();
        assert!(Accepted::default().keep_notes(&path).is_ok());
        assert!(
            Accepted::default()
                .keep_notes(Path::new("/dev/null"))
                .is_ok()
        );
    }
}

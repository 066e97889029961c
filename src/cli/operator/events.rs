//! `--events FILE|-`: what a run does, as lines of JSON, for programs that follow it.
//!
//! Every line is an object of its own, written when it happens. The first is `run_started`, the last
//! is `verdict`, however the run ends. What they hold is documented in `docs/reference/events.md`; no
//! value of a row is among it, but keys in findings.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::cli::args::OutputFormat;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::diagnostics::{Diagnostic, codes};

use super::Job;
use super::files::{begin_private, unwritable};
use super::report::{FindingReport, MappingReport, Report, SideReport, Verdict, mapping};

/// The version of the lines' schema; raised with every change that a reader could notice.
pub const SCHEMA_VERSION: u32 = 1;

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'e> {
    /// The first line.
    RunStarted {
        /// The version of this schema.
        schema_version: u32,
        /// The version of mapwright.
        mapwright: &'static str,
        /// `check` or `migrate`.
        command: &'static str,
        /// Whether everything will be rolled back on purpose.
        dry_run: bool,
    },
    /// The mapping was compiled, the settings were read.
    Mapping {
        /// The mapping.
        #[serde(flatten)]
        mapping: &'e MappingReport,
        /// The clock of the run.
        migrated_at: String,
    },
    /// Both databases were looked at.
    Databases {
        /// The source.
        source: Option<&'e SideReport>,
        /// The target.
        target: Option<&'e SideReport>,
    },
    /// A step begins; its name is the one in the report's `phases`.
    PhaseStarted {
        /// Which.
        phase: &'e str,
    },
    /// A step is done.
    PhaseEnded {
        /// Which.
        phase: &'e str,
        /// How long it took.
        seconds: f64,
    },
    /// A lock is waited for.
    Waiting {
        /// What is waited for.
        what: &'e str,
        /// Who holds it, as far as the role may see.
        sessions: &'e [String],
        /// How much longer it is waited for at most.
        seconds_left: f64,
    },
    /// How far the rows are.
    Progress(&'e ProgressEvent<'e>),
    /// An index or a foreign key is about to be made.
    Building {
        /// `index` or `foreign_key`.
        kind: &'static str,
        /// Its name.
        name: &'e str,
        /// Its table, with the schema.
        table: &'e str,
        /// Rows of that table that the run wrote; null for tables that it does not write.
        rows: Option<u64>,
        /// Its place among those of its kind, from 1.
        place: usize,
        /// How many of its kind there are.
        of: usize,
    },
    /// It has been made.
    Built {
        /// `index` or `foreign_key`.
        kind: &'static str,
        /// Its name.
        name: &'e str,
        /// How long it took.
        seconds: f64,
        /// Its size; null for a foreign key.
        bytes: Option<u64>,
    },
    /// What people should know.
    Finding(&'e FindingReport),
    /// The last line.
    Verdict(&'e Verdict),
}

/// How far the rows are.
#[derive(Debug, Serialize)]
pub struct ProgressEvent<'e> {
    /// The step.
    pub phase: &'e str,
    /// The source tables.
    pub read: Vec<ReadEvent<'e>>,
    /// Rows read of all of them.
    pub rows_read: u64,
    /// Rows given to the target.
    pub rows_written: u64,
    /// Their bytes.
    pub bytes_written: u64,
    /// Rows read a second, of late.
    pub rows_per_second: u64,
    /// How much longer it will take, about; null while that is not known.
    pub remaining_seconds: Option<u64>,
}

/// How far a source table is.
#[derive(Debug, Serialize)]
pub struct ReadEvent<'e> {
    /// The table.
    pub table: &'e str,
    /// Rows read of it.
    pub rows: u64,
    /// How many it has, by the estimate of the server; null where it has none, or too low a one.
    pub expected: Option<u64>,
}

/// A line.
#[derive(Serialize)]
struct Line<'e> {
    #[serde(flatten)]
    event: &'e Event<'e>,
    /// When, RFC 3339, UTC.
    at: String,
    /// Seconds since the first line.
    elapsed: f64,
}

/// The lines of a run; the copies of one write the same. Without a file nothing is told.
#[derive(Clone, Debug, Default)]
pub struct Events {
    stream: Option<Arc<Mutex<Stream>>>,
}

#[derive(Debug)]
struct Stream {
    to: To,
    begun: Instant,
    /// The first failure; told at the end.
    failed: Option<io::Error>,
    ended: bool,
}

#[derive(Debug)]
enum To {
    File(PathBuf, File),
    Stdout,
}

impl Events {
    /// Begins the lines in the file, or on stdout for `-`; the file must be none of `others`.
    ///
    /// # Errors
    /// E0613 if it cannot be written, E0615 if stdout is taken by the report.
    pub fn begin(
        path: Option<&Path>,
        others: &[&Path],
        command: &'static str,
        dry_run: bool,
        printer: &Printer,
    ) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let to = if path == Path::new("-") {
            if printer.format == OutputFormat::Json {
                let diagnostic = Diagnostic::error(
                    codes::E0615,
                    "`--events -` and `--format json` both want stdout",
                )
                .note("the one prints what happens, the other the report")
                .help("write one of them to a file: `--events FILE`, or `--report FILE` without `--format json`");
                return Err(Failure::one(ExitStatus::Usage, diagnostic));
            }
            To::Stdout
        } else {
            To::File(path.to_owned(), begin_private(path, others, printer)?)
        };
        let events = Self {
            stream: Some(Arc::new(Mutex::new(Stream {
                to,
                begun: Instant::now(),
                failed: None,
                ended: false,
            }))),
        };
        events.tell(&Event::RunStarted {
            schema_version: SCHEMA_VERSION,
            mapwright: env!("CARGO_PKG_VERSION"),
            command,
            dry_run,
        });
        Ok(events)
    }

    /// Whether anybody is told.
    pub fn is_wanted(&self) -> bool {
        self.stream.is_some()
    }

    /// Writes a line. If that fails, no more are written, and [`Events::end`] says so.
    pub fn tell(&self, event: &Event<'_>) {
        let Some(stream) = &self.stream else {
            return;
        };
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        if stream.ended || stream.failed.is_some() {
            return;
        }
        stream.ended = matches!(event, Event::Verdict(_));
        let line = Line {
            event,
            at: jiff::Timestamp::now().to_string(),
            elapsed: rounded(stream.begun.elapsed()),
        };
        let written = serde_json::to_vec(&line)
            .map_err(io::Error::from)
            .and_then(|mut text| {
                text.push(b'\n');
                stream.to.write(&text)
            });
        if let Err(error) = written {
            stream.failed = Some(error);
        }
    }

    /// A step of the report's `phases` begins.
    pub fn step(&self, phase: &'static str) -> Step<'_> {
        self.started(phase);
        Step {
            events: self,
            phase,
            begun: Instant::now(),
        }
    }

    /// A step begins.
    pub fn started(&self, phase: &str) {
        self.tell(&Event::PhaseStarted { phase });
    }

    /// A step is done.
    pub fn ended(&self, phase: &str, took: Duration) {
        self.tell(&Event::PhaseEnded {
            phase,
            seconds: rounded(took),
        });
    }

    /// What the job and the report say at the end: the findings, the verdict.
    pub fn conclude(&self, report: &Report) {
        for finding in &report.findings {
            self.tell(&Event::Finding(finding));
        }
        self.tell(&Event::Verdict(&report.verdict));
    }

    /// The mapping of a job, and its clock.
    pub fn mapping(&self, job: &Job) {
        self.tell(&Event::Mapping {
            mapping: &mapping(job),
            migrated_at: job.migrated_at.to_string(),
        });
    }

    /// Both databases.
    pub fn databases(&self, [source, target]: &[Option<SideReport>; 2]) {
        self.tell(&Event::Databases {
            source: source.as_ref(),
            target: target.as_ref(),
        });
    }

    /// The end of the lines: the verdict of a command that failed before it had one of its own; and
    /// whether a line could not be written, which changes nothing about how the run ended.
    pub fn end(&self, ended: &Result<ExitStatus, Failure>, printer: &Printer) {
        let verdict = match ended {
            Ok(status) => Verdict {
                exit: status.code(),
                committed: false,
                text: String::new(),
                problems: Vec::new(),
            },
            Err(failure) => Verdict::of(failure),
        };
        // Nothing is written if there was one.
        self.tell(&Event::Verdict(&verdict));
        let Some(stream) = &self.stream else {
            return;
        };
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(error) = stream.failed.take() else {
            return;
        };
        let path = match &stream.to {
            // A reader that has gone away wants no more.
            To::Stdout if error.kind() == io::ErrorKind::BrokenPipe => return,
            To::Stdout => Path::new("-"),
            To::File(path, _) => path.as_path(),
        };
        let mut failure = unwritable(path, &error);
        if let Some(diagnostic) = failure.diagnostics.first_mut() {
            diagnostic
                .notes
                .push("the run went on; its events are not all there".to_owned());
        }
        printer.data_lost(&failure.diagnostics);
    }
}

/// A step under way.
#[derive(Debug)]
pub struct Step<'e> {
    events: &'e Events,
    phase: &'static str,
    begun: Instant,
}

impl Step<'_> {
    /// It is done; gives its name and how long it took, for the report.
    pub fn end(self) -> (String, Duration) {
        let took = self.begun.elapsed();
        self.events.ended(self.phase, took);
        (self.phase.to_owned(), took)
    }
}

impl To {
    /// One piece, so that whoever reads along sees whole lines.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            To::File(_, file) => file.write_all(line),
            To::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(line).and_then(|()| out.flush())
            }
        }
    }
}

/// Seconds, to the millisecond.
pub fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::cli::args::ColourChoice;

    fn printer() -> Printer {
        Printer::new(OutputFormat::Human, ColourChoice::Never, true, 20)
    }

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("mapwright-events-{name}-{}", std::process::id()))
    }

    fn lines(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        std::fs::remove_file(path).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[test]
    fn the_last_line_is_the_verdict_and_there_is_one() {
        let path = place("one");
        let events = Events::begin(Some(&path), &[], "migrate", true, &printer()).unwrap();
        events.started("copy rows");
        events.ended("copy rows", Duration::from_micros(1_234_567));
        let own = Verdict {
            exit: 0,
            committed: true,
            text: "migrated".to_owned(),
            problems: Vec::new(),
        };
        events.tell(&Event::Verdict(&own));
        events.started("too late");
        events.end(&Ok(ExitStatus::Done), &printer());
        let lines = lines(&path);
        let names: Vec<&str> = lines
            .iter()
            .map(|line| line["event"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            ["run_started", "phase_started", "phase_ended", "verdict"]
        );
        assert_eq!(lines[0]["schema_version"], SCHEMA_VERSION);
        assert_eq!(lines[0]["dry_run"], true);
        assert_eq!(lines[2]["seconds"], 1.235);
        assert_eq!(lines[3]["text"], "migrated");
        for line in lines {
            assert!(line["at"].as_str().unwrap().ends_with('Z'));
            assert!(line["elapsed"].as_f64().unwrap() >= 0.0);
        }
    }

    #[test]
    fn a_failure_is_a_verdict_too() {
        let path = place("failure");
        let events = Events::begin(Some(&path), &[], "check", false, &printer()).unwrap();
        let diagnostic = Diagnostic::error(codes::E0655, "it broke").note("why");
        let failure = Failure::one(ExitStatus::Unexpected, diagnostic);
        events.end(&Err(failure), &printer());
        let lines = lines(&path);
        let verdict = lines.last().unwrap();
        assert_eq!(verdict["exit"], 4);
        assert_eq!(verdict["committed"], false);
        assert_eq!(verdict["text"], "failed; nothing was changed");
        assert_eq!(verdict["problems"][0]["code"], "E0655");
        assert_eq!(verdict["problems"][0]["notes"][0], "why");
    }

    #[test]
    fn a_full_disk_is_told_once_and_at_the_end() {
        let full = Path::new("/dev/full");
        let events = Events::begin(Some(full), &[], "check", false, &printer()).unwrap();
        events.started("one");
        let printer = printer();
        assert!(!printer.lost_data());
        events.end(&Ok(ExitStatus::Done), &printer);
        assert!(printer.lost_data());
    }

    #[test]
    fn an_input_is_never_replaced() {
        let path = place("input");
        std::fs::write(&path, "precious").unwrap();
        let refused = Events::begin(Some(&path), &[&path], "check", false, &printer());
        assert_eq!(refused.unwrap_err().diagnostics[0].code, codes::E0613);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&path).unwrap();
    }
}

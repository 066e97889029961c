//! The files that a command writes beside its work: reports as JSON and as pages, and lists. What they
//! must not replace is looked at before the work is begun.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::cli::replaced_file;
use crate::diagnostics::{Diagnostic, codes};

use super::page;
use super::past_run::PastRun;
use super::report::{Report, json};

/// Looks before the run whether the files can be written, so that a migration does not end without
/// its report. `inputs` are files that they must not replace.
///
/// # Errors
/// E0613 when one cannot.
pub fn writable(
    paths: impl IntoIterator<Item: AsRef<Path>>,
    inputs: &[&Path],
) -> Result<(), Failure> {
    for path in paths {
        let path = path.as_ref();
        apart(path, inputs)?;
        replaced_file::replaceable(path).map_err(|error| unwritable(path, &error))?;
    }
    Ok(())
}

/// Whether a report of this name is a page for people: HTML, not JSON.
pub fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("html") || extension.eq_ignore_ascii_case("htm")
    })
}

/// Looks whether a file that is to be written is none of those that are read, nor the report of a
/// migration that was committed, without which it could not be taken back.
///
/// # Errors
/// E0613 when it is one.
pub fn apart(path: &Path, inputs: &[&Path]) -> Result<(), Failure> {
    let same = |input: &&&Path| real(path).is_some_and(|path| real(input) == Some(path));
    if let Some(input) = inputs.iter().find(same) {
        let diagnostic = Diagnostic::error(
            codes::E0613,
            format!(
                "`{}` would replace another file of the command",
                path.display()
            ),
        )
        .note(format!("`{}` is read or written too", input.display()))
        .help("give it a file of its own");
        return Err(Failure::one(ExitStatus::Usage, diagnostic));
    }
    PastRun::is_not_at(path)
}

/// Where a file is, links followed; also of one that is not there yet.
fn real(path: &Path) -> Option<PathBuf> {
    path.canonicalize().ok().or_else(|| {
        let directory = path.parent().filter(|parent| *parent != Path::new(""));
        let directory = directory.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(directory.join(path.file_name()?))
    })
}

/// How long somebody may take to read from a named pipe before it is said that they are waited for.
const UNTIL_SAID: Duration = Duration::from_secs(1);

/// Begins a file anew, for its owner alone; it must be none of those that are read or written besides.
/// A named pipe that nobody reads from is waited for, and after a second that is said.
///
/// # Errors
/// E0613 if it is one, or cannot be written.
pub(super) fn begin_private(
    path: &Path,
    others: &[&Path],
    printer: &Printer,
) -> Result<File, Failure> {
    apart(path, others)?;
    let file = said_if_waited_for(path, printer, || {
        options().write(true).truncate(true).open(path)
    })
    .map_err(|error| unwritable(path, &error))?;
    if file.metadata().is_ok_and(|facts| facts.is_file()) {
        // One that was there keeps its rights otherwise.
        file.set_permissions(Permissions::from_mode(0o600))
            .map_err(|error| unwritable(path, &error))?;
    }
    Ok(file)
}

/// Opens what may be a named pipe: the system then waits for whoever reads from it.
fn said_if_waited_for(
    path: &Path,
    printer: &Printer,
    open: impl FnOnce() -> io::Result<File>,
) -> io::Result<File> {
    if !fs::metadata(path).is_ok_and(|facts| facts.file_type().is_fifo()) {
        return open();
    }
    std::thread::scope(|scope| {
        let (opened, waiting) = mpsc::channel::<()>();
        scope.spawn(move || {
            if waiting.recv_timeout(UNTIL_SAID) == Err(RecvTimeoutError::Timeout) {
                printer.always(&format!(
                    "waiting for somebody to read from the named pipe `{}`",
                    path.display()
                ));
            }
        });
        let file = open();
        drop(opened);
        file
    })
}

/// How reports are made: for their owner alone, because user IDs are in them.
fn options() -> std::fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.create(true).mode(0o600);
    options
}

/// Writes the report to each of the files, in the form that its name asks for: for their owner alone,
/// because user IDs are in it. A report that was there stays if it cannot be written whole.
///
/// # Errors
/// E0613 with those that cannot be written; the others are.
pub fn write(paths: &[PathBuf], report: &Report) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for path in paths {
        let text = if is_page(path) {
            page::html(report)
        } else {
            json(report)
        };
        let written = replaced_file::replace(path, &text);
        if let Err(error) = written {
            problems.extend(unwritable(path, &error).diagnostics);
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(ExitStatus::Usage, problems))
    }
}

/// E0613.
pub(in crate::cli) fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    let diagnostic = Diagnostic::error(
        codes::E0613,
        format!("`{}` cannot be written", path.display()),
    )
    .note(error.to_string())
    .help("check the path and the rights of its directory");
    Failure::one(ExitStatus::Usage, diagnostic)
}

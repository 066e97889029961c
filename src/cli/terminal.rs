//! A secret that a person types, or that a program writes to stdin: one line, which is not shown.

use std::io::{IsTerminal, Read};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use super::exit::ExitStatus;
use super::failure::Failure;
use super::operator::interrupt::Interrupts;
use super::printer::Printer;
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::Secret;

/// The longest line that is read, in bytes.
const LONGEST: usize = 64 * 1024;

/// How a secret is asked for on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    /// With a word that says what is wanted.
    Aloud,
    /// Without.
    Silently,
}

/// Reads a line from stdin. A terminal does not show what is typed. `what` is what messages call it.
///
/// # Errors
/// E0613 if stdin cannot be read; E0615 for nothing, for what is no text, or for a line without end;
/// the signal that came while it was waited for.
pub(super) async fn secret_line(
    what: &'static str,
    asking: Asking,
    interrupts: &mut Interrupts,
    printer: &Printer,
) -> Result<Secret, Failure> {
    let unechoed = std::io::stdin().is_terminal().then(Unechoed::begin);
    if unechoed.is_some() && asking == Asking::Aloud {
        printer.ask(&format!("{what}: "));
    }
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // A thread of its own: nobody waits for it at the end, however long the line takes.
    std::thread::spawn(move || sender.send(read_line()).ok());
    let read = tokio::select! {
        read = receiver => read,
        status = interrupts.wait() => {
            drop(unechoed);
            printer.always("interrupted; nothing was changed");
            return Err(Failure::new(status, Vec::new()));
        }
    };
    if unechoed.is_some() {
        // The line end that was typed was not shown either.
        printer.ask("\n");
    }
    let bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            let diagnostic =
                Diagnostic::error(codes::E0613, "stdin cannot be read").note(error.to_string());
            return Err(Failure::one(ExitStatus::Usage, diagnostic));
        }
        Err(_) => Vec::new(),
    };
    text(bytes, what).map_err(|diagnostic| Failure::one(ExitStatus::Usage, *diagnostic))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Unechoed(Option<Termios>);

impl Unechoed {
    fn begin() -> Self {
        let stdin = std::io::stdin();
        let Ok(before) = tcgetattr(&stdin) else {
            return Self(None);
        };
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL);
        silent
            .local_modes
            .insert(LocalModes::ICANON | LocalModes::ISIG);
        let set = tcsetattr(&stdin, OptionalActions::Flush, &silent);
        Self(set.is_ok().then_some(before))
    }
}

impl Drop for Unechoed {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // There is nothing left to do if the terminal is gone.
            let _gone = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

/// The bytes up to the end of a line; no more than one beyond [`LONGEST`]. Byte by byte, so that what
/// follows the line is left to others.
fn read_line() -> std::io::Result<Vec<u8>> {
    let mut stdin = std::io::stdin().lock();
    let mut line = Vec::new();
    let mut byte = [0u8; 1];
    while line.len() <= LONGEST && stdin.read(&mut byte)? == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    Ok(line)
}

fn text(mut bytes: Vec<u8>, what: &str) -> Result<Secret, Box<Diagnostic>> {
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    let problem = |what: String| Box::new(Diagnostic::error(codes::E0615, what));
    if bytes.is_empty() {
        let help = format!("write the {what} and a line end to stdin");
        return Err(Box::new(
            problem(format!("stdin gave no {what}")).help(help),
        ));
    }
    if bytes.len() > LONGEST {
        return Err(problem(format!(
            "the {what} on stdin has more than {LONGEST} bytes"
        )));
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => Err(problem(format!(
            "the {what} on stdin holds a zero byte, which neither Synapse nor MAS takes"
        ))),
        Ok(text) => Ok(Secret::new(text)),
        Err(_) => Err(problem(format!("the {what} on stdin is not in UTF-8"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String, String> {
        text(bytes.to_vec(), "password")
            .map(|secret| secret.reveal().to_owned())
            .map_err(|problem| problem.message)
    }

    #[test]
    fn a_line_is_taken_as_it_is() {
        assert_eq!(read(b" p\xc3\xa4ss "), Ok(" päss ".to_owned()));
        assert_eq!(read(b"pass\r"), Ok("pass".to_owned()));
    }

    #[test]
    fn what_is_no_secret_is_refused_without_showing_it() {
        for (bytes, why) in [
            (&b""[..], "stdin gave no password"),
            (b"\r", "stdin gave no password"),
            (b"hunter\xff", "the password on stdin is not in UTF-8"),
            (
                b"hunter\0",
                "the password on stdin holds a zero byte, which neither Synapse nor MAS takes",
            ),
        ] {
            assert_eq!(read(bytes), Err(why.to_owned()));
        }
        let long = vec![b'x'; LONGEST + 1];
        assert_eq!(
            read(&long),
            Err(format!(
                "the password on stdin has more than {LONGEST} bytes"
            ))
        );
    }
}

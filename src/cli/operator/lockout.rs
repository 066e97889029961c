//! The list of accounts that nobody will be able to sign in to: CSV (RFC 4180), readable by its owner
//! alone.
//!
//! Accounts are noted in a file beside the one that is wanted while the rows go by. When each was
//! last seen is asked for afterwards, some hundred at a time, and the finished list takes its name: a
//! command that fails leaves no list that looks whole.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Seek, Write};
use std::path::Path;

use tokio_postgres::Client;

use crate::cli::failure::Failure;
use crate::cli::output_file::{IfThere, OutputFile, Unfinished};
use crate::pg::references;

use super::across;
use super::forecast::Cause;

/// How many accounts are asked for at a time.
const AT_ONCE: usize = 500;

/// A list being written.
#[derive(Debug)]
pub struct Lockout {
    output: OutputFile,
    /// What is known of each account while the rows go by.
    notes: BufWriter<Notes>,
    /// The first failure; told at the end, because nobody can be told in between.
    failed: Option<io::Error>,
    /// How many accounts.
    accounts: u64,
}

/// A file that goes away by itself.
#[derive(Debug)]
struct Notes(Unfinished);

impl Write for Notes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.file.flush()
    }
}

impl Lockout {
    /// Begins the list that shall be at `path`; a list that is there already stays until this one is
    /// finished.
    ///
    /// # Errors
    /// E0613 if it cannot be written there.
    pub fn begin(path: &Path) -> Result<Self, Failure> {
        let output = OutputFile::prepare(path, IfThere::Replace)?;
        let notes = BufWriter::new(Notes(output.begin()?));
        Ok(Self {
            output,
            notes,
            failed: None,
            accounts: 0,
        })
    }

    /// Adds an account.
    pub(super) fn add(&mut self, key: &str, cause: Cause, signed_in: bool, has_email: bool) {
        let yes = |value| if value { "yes" } else { "no" };
        self.accounts += 1;
        // The key comes last: it may hold anything but a zero byte, line breaks too.
        let record = format!(
            "{}\t{}\t{}\t{key}\0",
            cause.name(),
            yes(signed_in),
            yes(has_email)
        );
        if let Err(error) = self.notes.write_all(record.as_bytes()) {
            self.failed.get_or_insert(error);
        }
    }

    /// Finishes the list: asks the source when each account was last seen. Gives the number of
    /// accounts.
    ///
    /// # Errors
    /// E0613 if it cannot be written, or the source fails; then the list is not there, or the old one.
    pub async fn finish(self, source: &Client, schema: &str) -> Result<u64, Failure> {
        let Self {
            output,
            mut notes,
            failed,
            accounts,
        } = self;
        let refused = |error: io::Error| output.refused(&error);
        failed.map_or(Ok(()), Err).map_err(refused)?;
        notes.flush().map_err(refused)?;
        let mut noted = &notes.get_ref().0.file;
        noted.rewind().map_err(refused)?;
        let list = output.begin()?;
        write_list(noted, &list, &output, source, schema).await?;
        output.place(list)?;
        Ok(accounts)
    }
}

/// Makes the list of the notes.
async fn write_list(
    notes: &File,
    list: &Unfinished,
    output: &OutputFile,
    source: &Client,
    schema: &str,
) -> Result<(), Failure> {
    let failed = |error: io::Error| output.refused(&error);
    let mut records = BufReader::new(notes).split(0);
    let mut csv = BufWriter::new(&list.file);
    csv.write_all(b"user_id,cause,signed_in,has_email,last_seen\r\n")
        .map_err(failed)?;
    let query = across::last_seen_query(schema);
    loop {
        let batch: Vec<String> = records
            .by_ref()
            .take(AT_ONCE)
            .map(|record| record.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
            .collect::<io::Result<_>>()
            .map_err(failed)?;
        if batch.is_empty() {
            break;
        }
        let batch: Vec<Vec<&str>> = batch
            .iter()
            .map(|record| record.splitn(4, '\t').collect())
            .collect();
        let keys: Vec<&str> = batch
            .iter()
            .filter_map(|fields| fields.get(3).copied())
            .collect();
        let what = "when accounts were last seen";
        let seen = references::numbers_of(source, &query, &keys, what).await?;
        for fields in &batch {
            let [cause, signed_in, has_email, key] = fields.as_slice() else {
                continue;
            };
            let seen = seen.get(*key).and_then(|millis| moment(*millis));
            let line = format!(
                "{},{cause},{signed_in},{has_email},{}\r\n",
                field(key),
                seen.unwrap_or_default()
            );
            csv.write_all(line.as_bytes()).map_err(failed)?;
        }
    }
    csv.flush().map_err(failed)
}

/// A moment of milliseconds; none for one that cannot be.
fn moment(millis: i64) -> Option<String> {
    if millis <= 0 {
        return None;
    }
    let moment = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A field as RFC 4180 has it.
fn field(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_fields_are_quoted() {
        for (text, quoted) in [
            ("@a:hs", "@a:hs"),
            ("@a,b:hs", "\"@a,b:hs\""),
            ("@\"a\":hs", "\"@\"\"a\"\":hs\""),
            ("@a\nb:hs", "\"@a\nb:hs\""),
        ] {
            assert_eq!(field(text), quoted);
        }
    }

    #[test]
    fn moments_that_cannot_be_are_left_out() {
        assert_eq!(
            moment(1_600_000_000_123).as_deref(),
            Some("2020-09-13T12:26:40Z")
        );
        for absurd in [0, -1, i64::MAX] {
            assert_eq!(moment(absurd), None);
        }
    }
}

//! A `COPY … TO STDOUT (FORMAT binary)` as a stream of tuples: header and trailer off, bytes as
//! they came.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use futures_util::Stream;
use tokio_postgres::{Client, CopyOutStream};

use super::error;
use crate::pg::PgError;

/// The most rows that are handed out at a time.
const ROWS_AT_ONCE: usize = 256;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";

/// Bits of the header's flags that a reader must understand; bit 16 among them (old row numbers)
/// is no longer written by any server.
const CRITICAL_FLAGS: u32 = 0xffff_0000;

/// How far the stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Header,
    Tuples,
    Trailer,
    End,
}

/// Tuples of one COPY.
pub(super) struct CopyStream {
    table: String,
    stream: Pin<Box<CopyOutStream>>,
    progress: Progress,
}

impl CopyStream {
    /// Starts the COPY.
    ///
    /// # Errors
    /// E0655.
    pub(super) async fn open(
        client: &Client,
        table: &str,
        statement: &str,
    ) -> Result<Self, PgError> {
        let stream = client
            .copy_out(statement)
            .await
            .map_err(|error| error::reading(table, &error))?;
        Ok(Self {
            table: table.to_owned(),
            stream: Box::pin(stream),
            progress: Progress::Header,
        })
    }

    /// The tuples that are there, waiting only if there is none; `None` after the last.
    ///
    /// # Errors
    /// E0655.
    pub(super) async fn next_rows(&mut self) -> Result<Option<Vec<Bytes>>, PgError> {
        poll_fn(|context| self.poll_rows(context)).await
    }

    fn poll_rows(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Vec<Bytes>>, PgError>> {
        let mut rows = Vec::new();
        while self.progress != Progress::End && rows.len() < ROWS_AT_ONCE {
            match self.stream.as_mut().poll_next(context) {
                Poll::Ready(Some(Ok(data))) => {
                    if let Some(row) = self.tuple(data)? {
                        if rows.is_empty() {
                            rows.reserve(ROWS_AT_ONCE);
                        }
                        rows.push(row);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.progress = Progress::End;
                    return Poll::Ready(Err(error::reading(&self.table, &error)));
                }
                Poll::Ready(None) => {
                    if self.progress != Progress::Trailer {
                        self.progress = Progress::End;
                        return Poll::Ready(Err(self.malformed("it ends without a trailer")));
                    }
                    self.progress = Progress::End;
                }
                Poll::Pending if rows.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(Ok((!rows.is_empty()).then_some(rows)))
    }

    /// What one message holds: a tuple, or nothing but header or trailer. The server sends one
    /// message a tuple; the header comes with the first, the trailer by itself.
    fn tuple(&mut self, mut data: Bytes) -> Result<Option<Bytes>, PgError> {
        if self.progress == Progress::Header {
            skip_header(&mut data).map_err(|problem| self.malformed(problem))?;
            self.progress = Progress::Tuples;
            if data.is_empty() {
                return Ok(None);
            }
        }
        if self.progress == Progress::Trailer {
            return Err(self.malformed("there is something after the trailer"));
        }
        let Some(fields) = data.first_chunk::<2>() else {
            return Err(self.malformed("a message is too short"));
        };
        if i16::from_be_bytes(*fields) == -1 {
            self.progress = Progress::Trailer;
            return Ok(None);
        }
        Ok(Some(data))
    }

    fn malformed(&self, problem: &str) -> PgError {
        error::stream(&self.table, problem)
    }
}

/// Takes signature, flags and extension off the front.
fn skip_header(data: &mut Bytes) -> Result<(), &'static str> {
    if data.len() < SIGNATURE.len() + 8 || !data.starts_with(SIGNATURE) {
        return Err("it does not begin with the signature of the binary format");
    }
    data.advance(SIGNATURE.len());
    if data.get_u32() & CRITICAL_FLAGS != 0 {
        return Err("its header asks for features that are not known");
    }
    let extension = usize::try_from(data.get_u32()).unwrap_or(usize::MAX);
    if extension > data.len() {
        return Err("its header is cut off");
    }
    data.advance(extension);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(flags: u32, extension: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend(flags.to_be_bytes());
        bytes.extend(u32::try_from(extension.len()).unwrap().to_be_bytes());
        bytes.extend(extension);
        bytes
    }

    #[test]
    fn header_with_extension_is_skipped() {
        let mut bytes = header(0, b"abc");
        bytes.extend(b"rest");
        let mut data = Bytes::from(bytes);
        assert_eq!(skip_header(&mut data), Ok(()));
        assert_eq!(&data[..], b"rest");
    }

    #[test]
    fn header_that_is_not_one_is_refused() {
        for bytes in [
            b"PGCOPY".to_vec(),
            b"0123456789012345678901".to_vec(),
            header(1 << 16, b""),
            {
                let mut cut = header(0, b"abcdef");
                cut.truncate(20);
                cut
            },
        ] {
            assert!(skip_header(&mut Bytes::from(bytes)).is_err());
        }
        let low_flags = header(1, b"");
        assert!(skip_header(&mut Bytes::from(low_flags)).is_ok());
    }
}

//! An open session: its client, its cancel requests, what its server told at the start, and the task
//! that drives it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_postgres::{
    AsyncMessage, CancelToken, Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow,
};

use super::connect_error::Failure;
use super::endpoint::{Host, HostEntry};
use super::tls::{Connector, TlsState};
use super::{PgError, PgErrorKind};
use crate::diagnostics::{Diagnostic, codes};

/// What a fresh session told about its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFacts {
    /// Version as a number, such as 150013.
    pub version_number: u32,
    /// Version as the server writes it.
    pub version: String,
    /// Encoding of the database, such as `UTF8`.
    pub encoding: String,
    /// Process ID of the session.
    pub backend_pid: i32,
    /// Whether the server is a standby.
    pub in_recovery: bool,
    /// Whether the session's transactions may not write unless they say otherwise.
    pub read_only: bool,
    /// The host that answered, out of the endpoint's.
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// TLS of the connection; `None` without.
    pub tls: Option<TlsState>,
}

/// An open session.
///
/// A task drives it. When the connection breaks, the calls of the client fail; dropping the client
/// ends the session. [`Connection::close`] waits for that end.
pub struct Connection {
    /// For queries.
    pub client: Client,
    /// For stopping the query under way from elsewhere.
    pub canceller: Canceller,
    /// What the server told at the start.
    pub facts: ServerFacts,
    driver: JoinHandle<()>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Ends the session and waits until everything sent has left.
    pub async fn close(self) {
        drop(self.client);
        // The driver cannot fail but by a panic, and what it would tell no longer matters.
        let _ = self.driver.await;
    }
}

/// Stops the query under way on one session.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    address: Address,
    tls: Option<Connector>,
}

impl std::fmt::Debug for Canceller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canceller")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Canceller {
    /// Asks the server to stop the session's query; a query that has just ended is not an error.
    ///
    /// # Errors
    /// When the server cannot be reached, or does not take the request, within ten seconds.
    pub async fn cancel(&self) -> Result<(), PgError> {
        let sent = tokio::time::timeout(Duration::from_secs(10), self.send()).await;
        let reason = match sent {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(reason)) => reason,
            Err(_) => "no answer within 10 seconds".to_owned(),
        };
        let diagnostic =
            Diagnostic::error(codes::E0639, "the query under way could not be cancelled")
                .note(format!("the request failed: {reason}"));
        Err(PgError::new(PgErrorKind::Unexpected, diagnostic))
    }

    async fn send(&self) -> Result<(), String> {
        let sent = match (&self.address, &self.tls) {
            (Address::Tcp(address), tls) => {
                let stream = TcpStream::connect(address)
                    .await
                    .map_err(|error| error.to_string())?;
                match tls {
                    Some(tls) => self.token.cancel_query_raw(stream, tls.clone()).await,
                    None => self.token.cancel_query_raw(stream, NoTls).await,
                }
            }
            (Address::Socket(path), _) => {
                let stream = UnixStream::connect(path)
                    .await
                    .map_err(|error| error.to_string())?;
                self.token.cancel_query_raw(stream, NoTls).await
            }
        };
        sent.map_err(|error| error.to_string())
    }
}

/// A socket address of either kind.
#[derive(Clone, Debug)]
pub(super) enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// The path of a UNIX socket.
    Socket(PathBuf),
}

/// Where an attempt leads.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// The host.
    pub(super) entry: &'a HostEntry,
    /// Its address.
    pub(super) address: &'a Address,
    /// TLS, if it is tried.
    pub(super) tls: Option<&'a Connector>,
}

/// Logs in over an open stream and learns the server's facts.
pub(super) async fn start<S>(
    config: &Config,
    stream: S,
    target: Target<'_>,
) -> Result<Connection, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: tokio_postgres::Error| Failure::LogIn {
        handshake_begun: target.tls.is_some_and(Connector::has_begun),
        error: Box::new(error),
    };
    let (client, driver) = match target.tls {
        Some(tls) => {
            let (client, connection) = config
                .connect_raw(stream, tls.clone())
                .await
                .map_err(failed)?;
            (client, tokio::spawn(drive(connection)))
        }
        None => {
            let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(failed)?;
            (client, tokio::spawn(drive(connection)))
        }
    };
    let answer = client
        .simple_query(include_str!("sql/server_facts.sql"))
        .await
        .map_err(failed)?;
    let facts = answer
        .iter()
        .find_map(|message| match message {
            SimpleQueryMessage::Row(row) => read_facts(row, target),
            _ => None,
        })
        .ok_or(Failure::NoPostgres)?;
    tracing::debug!(
        host = %facts.host,
        port = facts.port,
        server = %facts.version,
        "connected"
    );
    Ok(Connection {
        canceller: Canceller {
            token: client.cancel_token(),
            address: target.address.clone(),
            tls: target.tls.cloned(),
        },
        client,
        facts,
        driver,
    })
}

fn read_facts(row: &SimpleQueryRow, target: Target<'_>) -> Option<ServerFacts> {
    let text = |column: usize| row.try_get(column).ok().flatten();
    Some(ServerFacts {
        version_number: text(0)?.parse().ok()?,
        version: text(1)?.to_owned(),
        encoding: text(2)?.to_owned(),
        backend_pid: text(3)?.parse().ok()?,
        in_recovery: text(4)? == "t",
        read_only: text(5)? == "on",
        host: target.entry.host.value.clone(),
        port: target.entry.port.value,
        tls: target.tls.and_then(Connector::state),
    })
}

/// Moves a session's messages until it ends; what breaks it reaches the callers of the client.
async fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match std::future::poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                // Only severity and code: a notice's text may quote values.
                tracing::debug!(
                    severity = notice.severity(),
                    code = notice.code().code(),
                    "server notice"
                );
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(%error, "connection lost");
                return;
            }
            None => return,
        }
    }
}

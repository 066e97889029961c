//! Opening connections: hosts in order, TLS as asked for, one clear error when none will have us.
//!
//! Takes an [`Endpoint`], gives a [`Connection`] whose session speaks UTF-8 and is called
//! `mapwright`. What a session is for, and its other settings, are the caller's.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio_postgres::config::SslNegotiation;
use tokio_postgres::{
    AsyncMessage, CancelToken, Client, Config, NoTls, SimpleQueryMessage, SimpleQueryRow,
};

use super::connect_error::{Failure, diagnose};
use super::endpoint::{
    ChannelBinding, Endpoint, Host, HostEntry, Keepalive, SslMode, TargetSession,
};
use super::tls::{Connector, TlsState};
use super::{PgError, PgErrorKind};
use crate::diagnostics::{Diagnostic, codes};

/// What servers show for our sessions.
const APPLICATION_NAME: &str = "mapwright";

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

/// Connects to the first of the endpoint's hosts that will have us.
///
/// # Errors
/// [`PgErrorKind::CouldNotStart`] with E0630 to E0639, or E0612 for a certificate file that cannot
/// be used; the diagnostic names the endpoint and where its settings came from, and no secret.
pub async fn connect(endpoint: &Endpoint) -> Result<Connection, PgError> {
    let mut failures: Vec<(&HostEntry, Failure)> = Vec::new();
    let wanted = [endpoint.target_session, TargetSession::Any];
    let passes = match endpoint.target_session {
        TargetSession::PreferStandby => &[TargetSession::Standby, TargetSession::Any][..],
        _ => &wanted[..1],
    };
    for wanted in passes {
        for entry in &endpoint.hosts {
            match try_host(endpoint, entry, *wanted).await {
                Ok(connection) => return Ok(connection),
                Err(failure) => {
                    let go_on = failure.is_about_this_host_only();
                    failures.push((entry, failure));
                    if !go_on {
                        return Err(could_not_start(endpoint, failures));
                    }
                }
            }
        }
    }
    Err(could_not_start(endpoint, failures))
}

/// The last failure with the others as notes.
fn could_not_start(endpoint: &Endpoint, mut failures: Vec<(&HostEntry, Failure)>) -> PgError {
    let mut diagnostic = match failures.pop() {
        Some((entry, failure)) => diagnose(endpoint, entry, &failure),
        None => Diagnostic::error(codes::E0630, "there is no host to connect to"),
    };
    for (entry, failure) in &failures {
        let other = diagnose(endpoint, entry, failure);
        diagnostic = diagnostic.note(format!("tried before: {}", other.message));
    }
    PgError::new(PgErrorKind::CouldNotStart, diagnostic)
}

/// A socket address of either kind.
#[derive(Clone, Debug)]
enum Address {
    Tcp(SocketAddr),
    Socket(std::path::PathBuf),
}

/// How one attempt treats TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Plain,
    TlsIfOffered,
    Tls,
}

async fn try_host(
    endpoint: &Endpoint,
    entry: &HostEntry,
    wanted: TargetSession,
) -> Result<Connection, Failure> {
    let limit = endpoint.connect_timeout.value;
    let addresses = within(limit, addresses(entry)).await?;
    let mut last = Failure::NoAddress;
    for address in addresses {
        match try_address(endpoint, entry, address).await {
            Ok(connection) if suits(&connection.facts, wanted) => return Ok(connection),
            Ok(_) => last = Failure::OtherKindOfServer(wanted),
            Err(failure) if failure.is_about_this_host_only() => last = failure,
            Err(failure) => return Err(failure),
        }
    }
    Err(last)
}

fn suits(facts: &ServerFacts, wanted: TargetSession) -> bool {
    match wanted {
        TargetSession::Any | TargetSession::PreferStandby => true,
        TargetSession::ReadWrite => !facts.read_only && !facts.in_recovery,
        TargetSession::ReadOnly => facts.read_only || facts.in_recovery,
        TargetSession::Primary => !facts.in_recovery,
        TargetSession::Standby => facts.in_recovery,
    }
}

/// Runs one step under the endpoint's time limit.
async fn within<T>(
    limit: Option<Duration>,
    step: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match limit {
        None => step.await,
        Some(limit) => match tokio::time::timeout(limit, step).await {
            Ok(result) => result,
            Err(_) => Err(Failure::TimedOut(limit)),
        },
    }
}

async fn addresses(entry: &HostEntry) -> Result<Vec<Address>, Failure> {
    let port = entry.port.value;
    match &entry.host.value {
        Host::Socket(directory) => Ok(vec![Address::Socket(socket_path(directory, port))]),
        Host::Tcp {
            address: Some(address),
            ..
        } => Ok(vec![Address::Tcp(SocketAddr::new(*address, port))]),
        Host::Tcp { name, .. } => Ok(tokio::net::lookup_host((name.as_str(), port))
            .await
            .map_err(Failure::UnknownHost)?
            .map(Address::Tcp)
            .collect()),
    }
}

/// The socket's path: `.s.PGSQL.<port>` in the directory; `@` stands for the abstract namespace.
pub(crate) fn socket_path(directory: &Path, port: u16) -> std::path::PathBuf {
    let path = directory.join(format!(".s.PGSQL.{port}"));
    match path.to_str().and_then(|path| path.strip_prefix('@')) {
        Some(name) => format!("\0{name}").into(),
        None => path,
    }
}

/// Walks the attempts that the `sslmode` allows at one address.
async fn try_address(
    endpoint: &Endpoint,
    entry: &HostEntry,
    address: Address,
) -> Result<Connection, Failure> {
    let attempts: &[Attempt] = match (&address, endpoint.tls.mode.value) {
        (Address::Socket(_), _) | (_, SslMode::Disable) => &[Attempt::Plain],
        (_, SslMode::Allow) => &[Attempt::Plain, Attempt::Tls],
        (_, SslMode::Prefer) => &[Attempt::TlsIfOffered, Attempt::Plain],
        (_, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => &[Attempt::Tls],
    };
    let mut first_failure = None;
    for attempt in attempts {
        let step = attempt_once(endpoint, entry, &address, *attempt);
        match within(endpoint.connect_timeout.value, step).await {
            Ok(connection) => return Ok(connection),
            // The second try is for what the first could have failed on, and its own failure is
            // told only where it says more than that of the first.
            Err(failure) if first_failure.is_none() && failure.may_be_about_tls() => {
                first_failure = Some(failure);
            }
            Err(failure) => return Err(first_failure.unwrap_or(failure)),
        }
    }
    Err(first_failure.unwrap_or(Failure::NoAddress))
}

async fn attempt_once(
    endpoint: &Endpoint,
    entry: &HostEntry,
    address: &Address,
    attempt: Attempt,
) -> Result<Connection, Failure> {
    let tls = match attempt {
        Attempt::Plain => None,
        Attempt::TlsIfOffered | Attempt::Tls => Some(
            Connector::new(&endpoint.tls, &entry.host.value)
                .map_err(|diagnostic| Failure::Settings(Box::new(diagnostic)))?,
        ),
    };
    let config = session_config(endpoint, entry, attempt);
    let target = Target {
        entry,
        address,
        tls: tls.as_ref(),
    };
    match address {
        Address::Socket(path) => {
            let stream = UnixStream::connect(path)
                .await
                .map_err(Failure::Unreachable)?;
            start(&config, stream, target).await
        }
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address)
                .await
                .map_err(Failure::Unreachable)?;
            tune(&stream, &endpoint.keepalive).map_err(Failure::Unreachable)?;
            start(&config, stream, target).await
        }
    }
}

fn session_config(endpoint: &Endpoint, entry: &HostEntry, attempt: Attempt) -> Config {
    let mut config = Config::new();
    config
        .user(&endpoint.user.value)
        .dbname(&endpoint.database.value)
        .application_name(APPLICATION_NAME)
        .ssl_mode(match attempt {
            Attempt::Plain => tokio_postgres::config::SslMode::Disable,
            Attempt::TlsIfOffered => tokio_postgres::config::SslMode::Prefer,
            Attempt::Tls => tokio_postgres::config::SslMode::Require,
        })
        .channel_binding(match endpoint.channel_binding {
            ChannelBinding::Disable => tokio_postgres::config::ChannelBinding::Disable,
            ChannelBinding::Prefer => tokio_postgres::config::ChannelBinding::Prefer,
            ChannelBinding::Require => tokio_postgres::config::ChannelBinding::Require,
        });
    if endpoint.tls.direct && attempt == Attempt::Tls {
        config.ssl_negotiation(SslNegotiation::Direct);
    }
    if let Some(password) = endpoint.password_for(entry) {
        config.password(password.value.reveal());
    }
    if let Some(options) = &endpoint.options {
        config.options(&options.value);
    }
    config
}

fn tune(stream: &TcpStream, keepalive: &Keepalive) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    if keepalive.enabled {
        let mut probes = socket2::TcpKeepalive::new();
        if let Some(idle) = keepalive.idle {
            probes = probes.with_time(idle);
        }
        if let Some(interval) = keepalive.interval {
            probes = probes.with_interval(interval);
        }
        if let Some(retries) = keepalive.retries {
            probes = probes.with_retries(retries);
        }
        socket.set_keepalive(true)?;
        socket.set_tcp_keepalive(&probes)?;
    }
    #[cfg(target_os = "linux")]
    if let Some(timeout) = keepalive.user_timeout {
        socket.set_tcp_user_timeout(Some(timeout))?;
    }
    Ok(())
}

/// Where an attempt leads.
#[derive(Clone, Copy)]
struct Target<'a> {
    entry: &'a HostEntry,
    address: &'a Address,
    tls: Option<&'a Connector>,
}

/// Logs in over an open stream and learns the server's facts.
async fn start<S>(config: &Config, stream: S, target: Target<'_>) -> Result<Connection, Failure>
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_named_after_its_port() {
        let path = |directory: &str| socket_path(Path::new(directory), 5433);
        assert_eq!(
            path("/run/postgresql").to_str(),
            Some("/run/postgresql/.s.PGSQL.5433")
        );
        assert_eq!(path("@pg").to_str(), Some("\0pg/.s.PGSQL.5433"));
    }
}

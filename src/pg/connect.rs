//! Opening connections: hosts in order, TLS as asked for, one clear error when none will have us.
//!
//! Takes an [`Endpoint`], gives a [`Connection`] whose session speaks UTF-8 and is called
//! `mapwright`. What a session is for, and its other settings, are the caller's.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::SslNegotiation;

use super::connect_error::{Failure, diagnose};
use super::connection::{Address, Connection, ServerFacts, Target, start};
use super::endpoint::{
    ChannelBinding, Endpoint, Host, HostEntry, Keepalive, SslMode, TargetSession,
};
use super::tls::Connector;
use super::{PgError, PgErrorKind};
use crate::diagnostics::{Diagnostic, codes};

/// What servers show for our sessions.
const APPLICATION_NAME: &str = "mapwright";

/// Connects to the first of the endpoint's hosts that will have us.
///
/// # Errors
/// [`PgErrorKind::CouldNotStart`] with E0630 to E0639, or [`PgErrorKind::Settings`] with E0612 for a
/// certificate file that cannot be used; the diagnostic names the endpoint and where its settings came from, and no secret.
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
    let kind = if diagnostic.code == codes::E0612 {
        PgErrorKind::Settings
    } else {
        PgErrorKind::CouldNotStart
    };
    PgError::new(kind, diagnostic)
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

//! What is said once both databases are connected to: what each of them is, whether the connection is
//! encrypted, and who else may write to the source.

use std::net::IpAddr;

use crate::base::Files;
use crate::cli::printer::Printer;
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::{Endpoint, Host, ServerFacts, Session, SslMode};

use super::Job;
use super::findings::wrap;
use super::preflight::Looked;

/// How many sessions are named.
const NAMED: usize = 5;

/// Says what both databases are, and warns of a connection that is not encrypted though it might have been.
pub fn tell(job: &Job, source: &Endpoint, looked: &Looked, printer: &Printer) {
    let endpoints = [source, &job.settings.target];
    let connections = [&looked.source, &looked.target];
    let mut warnings = Vec::new();
    for ((endpoint, connection), side) in endpoints.into_iter().zip(connections).zip(&looked.sides)
    {
        let version = side.as_ref().and_then(|side| side.schema_version);
        printer.say(&line(&endpoint.name, version, &connection.facts));
        warnings.extend(unencrypted(endpoint, &connection.facts));
    }
    printer.say("");
    printer.warnings(&Files::new(), &warnings);
}

/// Says who else may write to the source, for a command that goes on beside them.
pub fn who_may_write(looked: &Looked, printer: &Printer) {
    let [Some(source), _] = &looked.sides else {
        return;
    };
    let sessions = source.writing_sessions.as_deref().unwrap_or_default();
    if let Some(text) = writers(&source.endpoint.name, sessions) {
        printer.say(&text);
    }
}

/// Says beside which sessions a run goes on because it was told to.
pub fn beside(sessions: &[Session], printer: &Printer) {
    for session in sessions {
        let text = format!(
            "going on beside a session that may write to the source (--allow-source-session): {session}"
        );
        printer.say(&wrap(&text, ""));
    }
}

/// One side in a line.
fn line(name: &str, schema_version: Option<i64>, facts: &ServerFacts) -> String {
    let schema = schema_version
        .map(|version| format!("schema {version}, "))
        .unwrap_or_default();
    // What a distribution adds to the number is of no use here.
    let version = facts.version.split(' ').next().unwrap_or_default();
    let how = match (&facts.tls, &facts.host) {
        (Some(tls), _) => tls.to_string(),
        (None, Host::Socket(_)) => "over a UNIX socket".to_owned(),
        (None, Host::Tcp { .. }) => "without TLS".to_owned(),
    };
    format!("{name}: {schema}PostgreSQL {version}, {how}")
}

/// A warning, if TLS was welcome and did not come about. Within one machine nothing is missing.
fn unencrypted(endpoint: &Endpoint, facts: &ServerFacts) -> Option<Diagnostic> {
    let mode = &endpoint.tls.mode;
    let welcome = matches!(mode.value, SslMode::Prefer | SslMode::Allow);
    if facts.tls.is_some() || !welcome || is_on_this_machine(&facts.host) {
        return None;
    }
    let diagnostic = Diagnostic::warning(
        codes::W0630,
        format!(
            "the connection to the {} database at `{}` is not encrypted",
            endpoint.name, facts.host
        ),
    )
    .note(format!("`sslmode` is `{}` ({})", mode.value, mode.origin))
    .note("password hashes and access tokens cross the network in the clear")
    .help("switch TLS on in the server and ask for it by `verify-full`, or say `disable` where the network is trusted");
    Some(diagnostic)
}

fn is_on_this_machine(host: &Host) -> bool {
    match host {
        Host::Socket(_) => true,
        Host::Tcp {
            address: Some(address),
            ..
        } => address.is_loopback(),
        Host::Tcp {
            name,
            address: None,
        } => {
            name == "localhost"
                || name
                    .parse()
                    .is_ok_and(|address: IpAddr| address.is_loopback())
        }
    }
}

/// The sessions in words; none where there are none.
fn writers(name: &str, sessions: &[String]) -> Option<String> {
    let number = match sessions.len() {
        0 => return None,
        1 => "1 other session that may write to its tables is".to_owned(),
        more => format!("{more} other sessions that may write to its tables are"),
    };
    let mut text = wrap(
        &format!("{name}: {number} connected. Before the real run they must be gone:"),
        "",
    );
    for session in sessions.iter().take(NAMED) {
        text.push_str(&format!("\n{}", wrap(session, "  ")));
    }
    if sessions.len() > NAMED {
        text.push_str(&format!("\n  … and {} more", sessions.len() - NAMED));
    }
    text.push('\n');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::{Checked, Origin, Sourced, TlsSettings, TlsState};

    fn facts(host: Host, tls: Option<TlsState>) -> ServerFacts {
        ServerFacts {
            version_number: 150_018,
            version: "15.18 (Debian 15.18-0+deb12u1)".to_owned(),
            encoding: "UTF8".to_owned(),
            backend_pid: 1,
            in_recovery: false,
            read_only: false,
            host,
            port: 5432,
            tls,
        }
    }

    fn tcp(name: &str, address: Option<&str>) -> Host {
        Host::Tcp {
            name: name.to_owned(),
            address: address.map(|address| address.parse().unwrap()),
        }
    }

    fn encrypted() -> Option<TlsState> {
        Some(TlsState {
            version: "TLS 1.3".to_owned(),
            checked: Checked::Nothing,
        })
    }

    #[test]
    fn a_side_is_a_line() {
        let socket = || Host::Socket("/run/postgresql".into());
        for (version, host, tls, expected) in [
            (
                Some(94),
                tcp("db", None),
                None,
                "Synapse: schema 94, PostgreSQL 15.18, without TLS",
            ),
            (
                None,
                socket(),
                None,
                "Synapse: PostgreSQL 15.18, over a UNIX socket",
            ),
            (
                Some(94),
                tcp("db", None),
                encrypted(),
                "Synapse: schema 94, PostgreSQL 15.18, TLS 1.3, certificate not checked",
            ),
        ] {
            assert_eq!(line("Synapse", version, &facts(host, tls)), expected);
        }
    }

    #[test]
    fn a_connection_that_might_have_been_encrypted_is_warned_about() {
        let warned = |mode, host, tls| {
            let endpoint = endpoint(mode);
            unencrypted(&endpoint, &facts(host, tls)).is_some()
        };
        for mode in [SslMode::Prefer, SslMode::Allow] {
            assert!(warned(mode, tcp("db", None), None));
            assert!(warned(mode, tcp("localhost", Some("10.0.0.1")), None));
            assert!(!warned(mode, tcp("db", None), encrypted()));
            for here in [
                tcp("localhost", None),
                tcp("127.0.0.2", None),
                tcp("::1", None),
                tcp("db", Some("127.0.0.1")),
                Host::Socket("/run".into()),
            ] {
                assert!(!warned(mode, here, None));
            }
        }
        assert!(!warned(SslMode::Disable, tcp("db", None), None));
    }

    fn endpoint(mode: SslMode) -> Endpoint {
        let uri = Sourced::default_value(crate::pg::Secret::new("postgresql://u@db/d".to_owned()));
        let environment = crate::config::Environment::system();
        let mut endpoint = crate::config::endpoint_of("Synapse", &uri, &environment).unwrap();
        endpoint.tls = TlsSettings::new(Sourced::new(mode, Origin::default_value()));
        endpoint
    }

    #[test]
    fn who_may_write_is_named_up_to_a_number() {
        assert_eq!(writers("Synapse", &[]), None);
        let sessions: Vec<String> = (1..=7).map(|pid| format!("process {pid}")).collect();
        let text = writers("Synapse", &sessions).unwrap();
        assert!(text.starts_with("Synapse: 7 other sessions that may write"));
        assert!(text.contains("\n  process 5\n  … and 2 more\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80));
    }
}

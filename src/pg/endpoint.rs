//! What is needed to connect to one database: every setting with the place it came from.
//!
//! An [`Endpoint`] is plain data, resolved by `config` and taken by [`connect`](super::connect).
//! Secrets are a type of their own whose `Debug` and `Display` hide them, so that an endpoint can be
//! printed, logged and serialised (as an [`EndpointSummary`]) without care.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::origin::{Origin, Secret, Sourced};

/// How TLS is asked for and how far the server's certificate is checked; the words are libpq's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// Without TLS first; with it if the server refuses that.
    Allow,
    /// With TLS first; without it if that does not come about.
    Prefer,
    /// TLS or nothing; the certificate is checked only if there are root certificates.
    Require,
    /// TLS, and the certificate must lead to a root certificate.
    VerifyCa,
    /// TLS, the certificate must lead to a root certificate and name the host.
    VerifyFull,
}

impl SslMode {
    /// All of them, weakest first.
    pub const ALL: [Self; 6] = [
        Self::Disable,
        Self::Allow,
        Self::Prefer,
        Self::Require,
        Self::VerifyCa,
        Self::VerifyFull,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a SCRAM log-in is tied to the TLS connection it runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    /// Never.
    Disable,
    /// Where both sides can.
    Prefer,
    /// Or the log-in fails.
    Require,
}

/// Which kind of server is wanted of several hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetSession {
    /// Any that answers.
    Any,
    /// One whose sessions may write.
    ReadWrite,
    /// One whose sessions may not.
    ReadOnly,
    /// One that is no standby.
    Primary,
    /// One that is a standby.
    Standby,
    /// A standby if there is one, else any.
    PreferStandby,
}

/// Certificates or a key: where to read them, or their text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pem {
    /// A file.
    File(PathBuf),
    /// The PEM text itself.
    Inline(Secret),
    /// The operating system's root certificates (only where roots are meant).
    System,
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Inline(_) => f.write_str("given inline"),
            Self::System => f.write_str("of the operating system"),
        }
    }
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// The directory of a UNIX socket; on Linux a leading `@` means the abstract namespace.
    Socket(PathBuf),
    /// A name or address over TCP.
    Tcp {
        /// What the certificate must name and what messages show.
        name: String,
        /// The address to use instead of looking the name up.
        address: Option<IpAddr>,
    },
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(directory) => write!(f, "{}", directory.display()),
            Self::Tcp {
                name,
                address: Some(address),
            } if *name != address.to_string() => write!(f, "{name} ({address})"),
            Self::Tcp { name, .. } => f.write_str(name),
        }
    }
}

/// One of the hosts to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEntry {
    /// Where it listens.
    pub host: Sourced<Host>,
    /// Its port; for a socket, the number in the socket's name.
    pub port: Sourced<u16>,
    /// Its own password out of the password file, when the endpoint has none.
    pub password: Option<Sourced<Secret>>,
}

/// The certificates and wishes of a TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// Whether TLS, and how strict.
    pub mode: Sourced<SslMode>,
    /// Certificates that a server's certificate may lead to.
    pub roots: Option<Sourced<Pem>>,
    /// The certificate shown to the server.
    pub certificate: Option<Sourced<Pem>>,
    /// Its private key.
    pub key: Option<Sourced<Pem>>,
    /// Whether the server is told which host name is meant.
    pub server_name_indication: bool,
    /// Whether TLS starts at once, without PostgreSQL's own request for it.
    pub direct: bool,
    /// Whether versions before 1.3 are refused.
    pub only_tls13: bool,
    /// Whether version 1.3 is refused.
    pub only_tls12: bool,
}

impl TlsSettings {
    /// `mode` and nothing else.
    pub fn new(mode: Sourced<SslMode>) -> Self {
        Self {
            mode,
            roots: None,
            certificate: None,
            key: None,
            server_name_indication: true,
            direct: false,
            only_tls13: false,
            only_tls12: false,
        }
    }
}

/// How a TCP connection notices that the other side has gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// Whether probes are sent.
    pub enabled: bool,
    /// Silence before the first probe; the system's own when `None`.
    pub idle: Option<Duration>,
    /// Time between probes.
    pub interval: Option<Duration>,
    /// Probes without an answer before the connection is given up.
    pub retries: Option<u32>,
    /// How long sent data may stay without an answer.
    pub user_timeout: Option<Duration>,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            enabled: true,
            idle: None,
            interval: None,
            retries: None,
            user_timeout: None,
        }
    }
}

/// Everything needed to connect to one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What messages call it, such as `Synapse`.
    pub name: String,
    /// Hosts in the order to try them; never empty.
    pub hosts: Vec<HostEntry>,
    /// The database.
    pub database: Sourced<String>,
    /// The role.
    pub user: Sourced<String>,
    /// The password for all hosts; goes before a host's own.
    pub password: Option<Sourced<Secret>>,
    /// TLS.
    pub tls: TlsSettings,
    /// How long one attempt may take; without limit when `None`.
    pub connect_timeout: Sourced<Option<Duration>>,
    /// Server settings for the session, as `-c name=value`.
    pub options: Option<Sourced<String>>,
    /// Channel binding of SCRAM.
    pub channel_binding: ChannelBinding,
    /// Which of several servers is wanted.
    pub target_session: TargetSession,
    /// TCP keep-alive.
    pub keepalive: Keepalive,
}

/// One setting of an endpoint as a report shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingSummary {
    /// Its name: `host`, `port`, `database`, `user`, `password`, `sslmode` …
    pub name: String,
    /// Its value; for secrets only `set` or `not set`.
    pub value: String,
    /// Where it came from.
    pub origin: String,
}

/// An endpoint without secrets, for the JSON report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndpointSummary {
    /// Whose database it is.
    pub name: String,
    /// All settings that matter for where a run connects to.
    pub settings: Vec<SettingSummary>,
}

impl Endpoint {
    /// The password to use for `host`.
    pub fn password_for<'a>(&'a self, host: &'a HostEntry) -> Option<&'a Sourced<Secret>> {
        self.password.as_ref().or(host.password.as_ref())
    }

    /// Whether every host is a UNIX socket, so that TLS never comes into it.
    pub fn is_local(&self) -> bool {
        self.hosts
            .iter()
            .all(|entry| matches!(entry.host.value, Host::Socket(_)))
    }

    /// Where it leads, in one line without secrets.
    pub fn one_line(&self) -> String {
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|entry| format!("{}, port {}", entry.host.value, entry.port.value))
            .collect();
        let tls = if self.is_local() {
            String::new()
        } else {
            format!(", sslmode {}", self.tls.mode.value)
        };
        format!(
            "host {}, database `{}`, user `{}`{tls}",
            hosts.join(" or "),
            self.database.value,
            self.user.value
        )
    }

    /// All settings that matter, without secrets, each with its origin.
    pub fn summary(&self) -> EndpointSummary {
        let settings = self.settings().into_iter();
        let settings = settings.map(|(name, value)| SettingSummary {
            name: name.to_owned(),
            value: value.value,
            origin: value.origin.to_string(),
        });
        EndpointSummary {
            name: self.name.clone(),
            settings: settings.collect(),
        }
    }

    /// Names, values and origins of all settings that matter, without secrets.
    fn settings(&self) -> Vec<(&'static str, Sourced<String>)> {
        let mut settings = Vec::new();
        let mut add = |name: &'static str, value: String, origin: &Origin| {
            settings.push((name, Sourced::new(value, origin.clone())));
        };
        for entry in &self.hosts {
            add("host", entry.host.value.to_string(), &entry.host.origin);
            add("port", entry.port.value.to_string(), &entry.port.origin);
        }
        add(
            "database",
            self.database.value.clone(),
            &self.database.origin,
        );
        add("user", self.user.value.clone(), &self.user.origin);
        let passwords: Vec<&Sourced<Secret>> = self
            .password
            .iter()
            .chain(
                self.hosts
                    .iter()
                    .filter_map(|entry| entry.password.as_ref()),
            )
            .collect();
        match passwords.first() {
            Some(password) => add("password", "set".to_owned(), &password.origin),
            None => add("password", "not set".to_owned(), &Origin::default_value()),
        }
        if self.is_local() {
            let unused = Origin::Default("a UNIX socket".to_owned());
            add("tls", "not used".to_owned(), &unused);
        } else {
            let mode = &self.tls.mode;
            add("sslmode", mode.value.to_string(), &mode.origin);
            let files = [
                ("sslrootcert", &self.tls.roots),
                ("sslcert", &self.tls.certificate),
                ("sslkey", &self.tls.key),
            ];
            for (name, file) in files {
                if let Some(file) = file {
                    add(name, file.value.to_string(), &file.origin);
                }
            }
        }
        if let Some(options) = &self.options {
            add("options", options.value.clone(), &options.origin);
        }
        settings
    }

    /// All settings that matter and where each came from, without secrets, one a line; no line
    /// break at the end. A file that all of them come from is named once. Where a line would be wider
    /// than 80 columns, the origin stands on one of its own.
    pub fn describe(&self) -> String {
        let settings = self.settings();
        let values = || settings.iter().map(|(_, value)| value);
        let width = |texts: &mut dyn Iterator<Item = &str>| {
            let widths = texts.map(|text| text.chars().count());
            widths.filter(|width| *width <= WIDEST_COLUMN).max()
        };
        let names = width(&mut settings.iter().map(|(name, _)| *name)).unwrap_or(0);
        let column = width(&mut values().map(|value| value.value.as_str())).unwrap_or(0);
        let mut files = values().filter_map(|value| match &value.origin {
            Origin::File { file, .. } => Some(file),
            _ => None,
        });
        let first = files.next();
        let only = first.filter(|first| files.all(|file| file == *first));
        let mut text = format!("{} database", self.name);
        if let Some(file) = only {
            text.push_str(&format!(", by {file}"));
        }
        for (name, value) in &settings {
            let origin = match (&value.origin, only) {
                (Origin::File { line, key, .. }, Some(_)) => format!("`{key}`, line {line}"),
                (origin, _) => origin.to_string(),
            };
            let line = format!("  {name:names$}  {:column$}  ({origin})", value.value);
            if line.chars().count() <= 80 {
                text.push_str(&format!("\n{line}"));
            } else {
                let below = " ".repeat(names + 4);
                text.push_str(&format!(
                    "\n  {name:names$}  {}\n{below}({origin})",
                    value.value
                ));
            }
        }
        text
    }
}

/// A wider value does not move what stands behind the others.
const WIDEST_COLUMN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint() -> Endpoint {
        let file = |key: &str, line| Origin::File {
            file: "homeserver.yaml".to_owned(),
            line,
            key: key.to_owned(),
        };
        Endpoint {
            name: "Synapse".to_owned(),
            hosts: vec![HostEntry {
                host: Sourced::new(
                    Host::Tcp {
                        name: "db.example.com".to_owned(),
                        address: None,
                    },
                    file("database.args.host", 7),
                ),
                port: Sourced::default_value(5432),
                password: None,
            }],
            database: Sourced::new("synapse".to_owned(), file("database.args.dbname", 8)),
            user: Sourced::new("reader".to_owned(), Origin::Variable("PGUSER".to_owned())),
            password: Some(Sourced::new(
                Secret::new("hunter2"),
                file("database.args.password", 9),
            )),
            tls: TlsSettings::new(Sourced::default_value(SslMode::Prefer)),
            connect_timeout: Sourced::default_value(Some(Duration::from_secs(10))),
            options: None,
            channel_binding: ChannelBinding::Prefer,
            target_session: TargetSession::Any,
            keepalive: Keepalive::default(),
        }
    }

    #[test]
    fn a_description_names_every_origin_and_no_secret() {
        insta::assert_snapshot!(endpoint().describe(), @r"
        Synapse database, by homeserver.yaml
          host      db.example.com  (`database.args.host`, line 7)
          port      5432            (default)
          database  synapse         (`database.args.dbname`, line 8)
          user      reader          (environment variable `PGUSER`)
          password  set             (`database.args.password`, line 9)
          sslmode   prefer          (default)
        ");
    }

    #[test]
    fn a_description_fits_a_terminal() {
        let mut endpoint = endpoint();
        endpoint.hosts[0].host.value = Host::Socket(PathBuf::from(
            "/var/lib/a/directory/with/a/long/name/postgresql",
        ));
        endpoint.database.origin = Origin::PasswordFile {
            file: "/etc/matrix-synapse/conf.d/somewhere/further/down/database.yaml".to_owned(),
            line: 8,
        };
        insta::assert_snapshot!(endpoint.describe(), @r"
        Synapse database, by homeserver.yaml
          host      /var/lib/a/directory/with/a/long/name/postgresql
                    (`database.args.host`, line 7)
          port      5432      (default)
          database  synapse
                    (password file /etc/matrix-synapse/conf.d/somewhere/further/down/database.yaml:8)
          user      reader    (environment variable `PGUSER`)
          password  set       (`database.args.password`, line 9)
          tls       not used  (default: a UNIX socket)
        ");
        // Two files are named where each of them is meant.
        endpoint.database.origin = Origin::File {
            file: "database.yaml".to_owned(),
            line: 8,
            key: "database.args.dbname".to_owned(),
        };
        let text = endpoint.describe();
        assert!(text.starts_with("Synapse database\n"), "{text}");
        assert!(
            text.contains("(`database.args.dbname` in database.yaml:8)"),
            "{text}"
        );
    }

    #[test]
    fn no_form_of_an_endpoint_shows_its_secrets() {
        let mut endpoint = endpoint();
        endpoint.tls.key = Some(Sourced::default_value(Pem::Inline(Secret::new("hunter2"))));
        let password = endpoint.password.clone();
        endpoint.hosts[0].password = password;
        let json = serde_json::to_string(&endpoint.summary()).unwrap();
        for text in [
            format!("{endpoint:?}"),
            format!("{endpoint:#?}"),
            endpoint.describe(),
            endpoint.one_line(),
            json,
            format!("{}", Secret::new("hunter2")),
        ] {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn a_socket_has_no_tls() {
        let mut endpoint = endpoint();
        endpoint.hosts[0].host.value = Host::Socket(PathBuf::from("/run/postgresql"));
        assert!(endpoint.is_local());
        assert!(!endpoint.one_line().contains("sslmode"));
        assert!(endpoint.describe().contains("not used"));
    }
}

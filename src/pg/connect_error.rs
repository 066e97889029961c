//! Why a connection did not come about, as one diagnostic: what, where, why, what to do.
//!
//! Server errors are told apart by SQLSTATE and by the server's routine name, never by their text,
//! which is in the server's language.

use std::io;
use std::time::Duration;

use tokio_postgres::error::{DbError, SqlState};

use super::connect::socket_path;
use super::endpoint::{Endpoint, Host, HostEntry, SslMode, TargetSession};
use super::origin::Origin;
use super::server_certificate::CertificateProblem;
use crate::diagnostics::{Code, Diagnostic, codes};

/// What stopped one attempt.
#[derive(Debug)]
pub(super) enum Failure {
    /// The host's name has no address.
    UnknownHost(io::Error),
    /// The host has no address at all that could be tried.
    NoAddress,
    /// Nobody answers at the address.
    Unreachable(io::Error),
    /// The endpoint's time limit has passed.
    TimedOut(Duration),
    /// Certificates or wishes that cannot be used; nothing was sent.
    Settings(Box<Diagnostic>),
    /// Anything between the first byte and the end of the log-in.
    LogIn {
        /// Whether the server had agreed to TLS.
        handshake_begun: bool,
        /// What tokio-postgres says.
        error: Box<tokio_postgres::Error>,
    },
    /// The server is not of the wanted kind.
    OtherKindOfServer(TargetSession),
    /// The server does not answer as PostgreSQL does.
    NoPostgres,
}

impl Failure {
    /// Whether another host may fare better: nobody answered, or the server cannot take anybody now.
    pub(super) fn is_about_this_host_only(&self) -> bool {
        match self {
            Self::UnknownHost(_)
            | Self::NoAddress
            | Self::Unreachable(_)
            | Self::TimedOut(_)
            | Self::OtherKindOfServer(_) => true,
            Self::Settings(_) | Self::NoPostgres => false,
            Self::LogIn { error, .. } => match error.as_db_error() {
                Some(error) => {
                    *error.code() == SqlState::CANNOT_CONNECT_NOW
                        || *error.code() == SqlState::TOO_MANY_CONNECTIONS
                }
                None => false,
            },
        }
    }

    /// Whether the other way about TLS may fare better: the handshake broke, or the server's rules
    /// have no place for this kind of connection. A wrong password is not sent a second time.
    pub(super) fn may_be_about_tls(&self) -> bool {
        match self {
            Self::LogIn {
                handshake_begun,
                error,
            } => match error.as_db_error() {
                Some(error) => *error.code() == SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
                None => *handshake_begun,
            },
            Self::UnknownHost(_)
            | Self::NoAddress
            | Self::Unreachable(_)
            | Self::TimedOut(_)
            | Self::Settings(_)
            | Self::OtherKindOfServer(_)
            | Self::NoPostgres => false,
        }
    }
}

/// Explains `failure` of connecting to `entry`, a host of `endpoint`.
pub(super) fn diagnose(endpoint: &Endpoint, entry: &HostEntry, failure: &Failure) -> Diagnostic {
    let context = Context { endpoint, entry };
    let diagnostic = match failure {
        Failure::UnknownHost(error) => context.unknown_host(&error.to_string()),
        Failure::NoAddress => context.unknown_host("the name has no address"),
        Failure::Unreachable(error) => context.unreachable(error),
        Failure::TimedOut(limit) => context.timed_out(*limit),
        Failure::Settings(diagnostic) => diagnostic.as_ref().clone(),
        Failure::LogIn {
            handshake_begun,
            error,
        } => match error.as_db_error() {
            Some(error) => context.refused(error),
            None => context.broken(error, *handshake_begun),
        },
        Failure::OtherKindOfServer(wanted) => context
            .error(
                codes::E0639,
                format!(
                    "{} is not the kind of server that was asked for",
                    context.server()
                ),
            )
            .note(format!(
                "`target_session_attrs` asks for: {}",
                target_word(*wanted)
            )),
        Failure::NoPostgres => context.error(
            codes::E0639,
            format!("{} does not answer as PostgreSQL does", context.server()),
        ),
    };
    diagnostic.note(format!(
        "{} database: {}",
        endpoint.name,
        endpoint.one_line()
    ))
}

fn target_word(wanted: TargetSession) -> &'static str {
    match wanted {
        TargetSession::Any => "any",
        TargetSession::ReadWrite => "read-write",
        TargetSession::ReadOnly => "read-only",
        TargetSession::Primary => "primary",
        TargetSession::Standby => "standby",
        TargetSession::PreferStandby => "prefer-standby",
    }
}

#[derive(Clone, Copy)]
struct Context<'a> {
    endpoint: &'a Endpoint,
    entry: &'a HostEntry,
}

impl Context<'_> {
    fn error(self, code: Code, message: String) -> Diagnostic {
        Diagnostic::error(code, message)
    }

    /// The server in the middle of a sentence.
    fn server(self) -> String {
        let port = self.entry.port.value;
        let name = &self.endpoint.name;
        match &self.entry.host.value {
            Host::Socket(directory) => {
                let path = socket_path(directory, port);
                let path = path.to_string_lossy().replace('\0', "@");
                format!("the {name} database server at the socket `{path}`")
            }
            host @ Host::Tcp { .. } => {
                format!("the {name} database server at `{host}`, port {port}")
            }
        }
    }

    fn unknown_host(self, reason: &str) -> Diagnostic {
        self.error(
            codes::E0631,
            format!(
                "the host of the {} database, `{}`, is unknown",
                self.endpoint.name, self.entry.host.value
            ),
        )
        .note(reason.to_owned())
        .note(came_from("the host", &self.entry.host.origin))
    }

    fn unreachable(self, error: &io::Error) -> Diagnostic {
        let diagnostic = self
            .error(codes::E0630, format!("{} cannot be reached", self.server()))
            .note(error.to_string())
            .note(came_from("the host", &self.entry.host.origin))
            .note(came_from("the port", &self.entry.port.origin));
        match error.kind() {
            io::ErrorKind::PermissionDenied => diagnostic
                .help("run as a user who may enter the socket's directory, or connect over TCP"),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                diagnostic.help("check that the server runs and listens there")
            }
            _ => diagnostic,
        }
    }

    fn timed_out(self, limit: Duration) -> Diagnostic {
        self.error(
            codes::E0638,
            format!(
                "{} did not answer within {} seconds",
                self.server(),
                limit.as_secs_f64()
            ),
        )
        .note(came_from(
            "the limit",
            &self.endpoint.connect_timeout.origin,
        ))
        .help("check host, port and firewall; `connect_timeout` sets another limit")
    }

    fn refused(self, error: &DbError) -> Diagnostic {
        let endpoint = self.endpoint;
        let (user, database) = (&endpoint.user, &endpoint.database);
        let code = error.code();
        let diagnostic = if *code == SqlState::INVALID_PASSWORD {
            let password = match endpoint.password_for(self.entry) {
                Some(password) => came_from("the password", &password.origin),
                None => "no password is set".to_owned(),
            };
            self.error(
                codes::E0632,
                format!(
                    "{} does not accept the password of `{}`",
                    self.server(),
                    user.value
                ),
            )
            .note(password)
            .note(came_from("the user", &user.origin))
        } else if *code == SqlState::INVALID_CATALOG_NAME {
            self.error(
                codes::E0633,
                format!("{} has no database `{}`", self.server(), database.value),
            )
            .note(came_from("the name", &database.origin))
        } else if *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION {
            self.not_authorized(error)
        } else {
            let diagnostic = self.error(
                codes::E0639,
                format!("{} refuses the connection", self.server()),
            );
            if *code == SqlState::INSUFFICIENT_PRIVILEGE {
                diagnostic.help(format!(
                    "let the role in: `GRANT CONNECT ON DATABASE \"{}\" TO \"{}\"`",
                    database.value, user.value
                ))
            } else if *code == SqlState::TOO_MANY_CONNECTIONS {
                diagnostic.help("free a connection, or raise `max_connections` or the role's limit")
            } else if *code == SqlState::CANNOT_CONNECT_NOW {
                diagnostic.help("wait until the server has started")
            } else {
                diagnostic
            }
        };
        diagnostic.note(format!(
            "the server says: {} (SQLSTATE {})",
            error.message(),
            code.code()
        ))
    }

    /// SQLSTATE 28000: the role is missing, its way to prove itself failed, or no rule of
    /// `pg_hba.conf` lets this connection in.
    fn not_authorized(self, error: &DbError) -> Diagnostic {
        let user = &self.endpoint.user;
        match error.routine() {
            Some("InitializeSessionUserId") => self
                .error(
                    codes::E0634,
                    format!("{} has no role `{}` that may log in", self.server(), user.value),
                )
                .note(came_from("the user", &user.origin)),
            Some("auth_failed") => self
                .error(
                    codes::E0632,
                    format!("{} does not believe that this is `{}`", self.server(), user.value),
                )
                .note(came_from("the user", &user.origin))
                .help("`pg_hba.conf` there asks for another proof than a password: run as the operating system user that it names, or give the role another rule"),
            _ => self
                .error(
                    codes::E0635,
                    format!(
                        "{} lets no `{}` into `{}` by this kind of connection",
                        self.server(),
                        user.value,
                        self.endpoint.database.value
                    ),
                )
                .help("add a rule to the server's `pg_hba.conf` for this host, user and database, or change `sslmode` if it asks for TLS"),
        }
    }

    /// No word of the server's: the stream broke, TLS failed, or a password is missing.
    fn broken(self, error: &tokio_postgres::Error, handshake_begun: bool) -> Diagnostic {
        let mode = &self.endpoint.tls.mode;
        let cause = std::error::Error::source(error);
        if let Some(problem) = CertificateProblem::find(error) {
            return self
                .error(
                    codes::E0637,
                    format!("the certificate of {} {}", self.server(), problem.what),
                )
                .note(came_from(
                    &format!("`sslmode` `{}`", mode.value),
                    &mode.origin,
                ))
                .help(problem.help);
        }
        if cause.is_some_and(|cause| cause.to_string() == "password missing") {
            return self
                .error(
                    codes::E0632,
                    format!(
                        "{} asks for the password of `{}`, and none is set",
                        self.server(),
                        self.endpoint.user.value
                    ),
                )
                .help("set it where the other settings are, in `PGPASSWORD`, or in `~/.pgpass`");
        }
        let reason = match cause {
            Some(cause) => cause.to_string(),
            None => error.to_string(),
        };
        let is_io = cause.is_some_and(|cause| cause.is::<io::Error>());
        if handshake_begun {
            let diagnostic = self
                .error(codes::E0636, format!("TLS with {} failed", self.server()))
                .note(reason)
                .note(came_from(
                    &format!("`sslmode` `{}`", mode.value),
                    &mode.origin,
                ));
            return if self.endpoint.tls.direct {
                diagnostic.help("leave `sslnegotiation=direct` out: servers before PostgreSQL 17 do not know it")
            } else {
                diagnostic
            };
        }
        if mode.value >= SslMode::Require && !self.endpoint.is_local() && !is_io && cause.is_some()
        {
            return self
                .error(
                    codes::E0636,
                    format!("{} does not offer TLS", self.server()),
                )
                .note(came_from(
                    &format!("`sslmode` `{}`", mode.value),
                    &mode.origin,
                ))
                .help("turn TLS on there (`ssl = on`), or ask for less with `sslmode`");
        }
        self.error(
            codes::E0639,
            format!("the log-in at {} did not succeed", self.server()),
        )
        .note(reason)
    }
}

fn came_from(what: &str, origin: &Origin) -> String {
    match origin {
        Origin::Default(_) => format!("{what} is the {origin}"),
        Origin::Flag(_)
        | Origin::File { .. }
        | Origin::Variable(_)
        | Origin::PasswordFile { .. }
        | Origin::Service { .. } => format!("{what} is set by: {origin}"),
    }
}

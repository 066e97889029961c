//! TLS to a PostgreSQL server on rustls, with libpq's meaning of `sslmode` and its files.
//!
//! Takes the [`TlsSettings`] of an endpoint and gives a connector for `tokio-postgres`. What rustls
//! refuses and libpq accepts is met half-way: a server certificate that equals a root certificate
//! byte for byte is trusted (the self-signed certificate of PostgreSQL's manual); a certificate that
//! names its host only in the subject, or one of X.509 version 1, is an error that says so.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::certificate::Certificate;
use super::endpoint::{Host, SslMode, TlsSettings};
use super::server_certificate::{Checked, Verifier};
use super::tls_files::{file_problem, load_certificates, load_key, load_roots};
use crate::diagnostics::{Diagnostic, codes};

/// What TLS came about on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsState {
    /// The protocol's version, such as `TLS 1.3`.
    pub version: String,
    /// How far the server's certificate was checked.
    pub checked: Checked,
}

impl fmt::Display for TlsState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checked = match self.checked {
            Checked::Nothing => "certificate not checked",
            Checked::Chain => "certificate checked, host name not",
            Checked::ChainAndName => "certificate and host name checked",
        };
        write!(f, "{}, {checked}", self.version)
    }
}

/// Makes TLS connections to one host.
#[derive(Clone)]
pub(super) struct Connector {
    config: Arc<ClientConfig>,
    server_name: ServerName<'static>,
    checked: Checked,
    begun: Arc<AtomicBool>,
    state: Arc<OnceLock<TlsState>>,
}

impl Connector {
    /// Reads the files of `settings` and prepares connections to `host`.
    ///
    /// # Errors
    /// E0612 for a file that cannot be used, E0636 for a wish that cannot be met.
    pub(super) fn new(settings: &TlsSettings, host: &Host) -> Result<Self, Diagnostic> {
        let checked = match (settings.mode.value, &settings.roots) {
            (SslMode::VerifyFull, Some(_)) => Checked::ChainAndName,
            (SslMode::VerifyFull | SslMode::VerifyCa, None) => {
                return Err(no_roots(settings.mode.value));
            }
            (_, Some(_)) => Checked::Chain,
            (_, None) => Checked::Nothing,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let (roots, exact) = match &settings.roots {
            Some(pem) => load_roots(pem)?,
            None => (RootCertStore::empty(), Vec::new()),
        };
        let verifier = Arc::new(Verifier {
            checked,
            roots,
            exact,
            provider: Arc::clone(&provider),
        });
        let versions: &[&SupportedProtocolVersion] =
            match (settings.only_tls12, settings.only_tls13) {
                (true, _) => &[&rustls::version::TLS12],
                (false, true) => &[&rustls::version::TLS13],
                (false, false) => rustls::ALL_VERSIONS,
            };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(|error| unusable("the TLS settings", &error))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match (&settings.certificate, &settings.key) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(load_certificates(certificate)?, load_key(key)?)
                .map_err(|error| {
                    file_problem(
                        format!(
                            "the client certificate {} and the key {} do not fit each other",
                            certificate.value, key.value
                        ),
                        &certificate.origin.to_string(),
                    )
                    .note(format!("rustls says: {error}"))
                })?,
            (Some(certificate), None) => {
                return Err(file_problem(
                    format!("the client certificate {} has no key", certificate.value),
                    &certificate.origin.to_string(),
                )
                .help("name its key with `sslkey`"));
            }
            (None, _) => builder.with_no_client_auth(),
        };
        config.enable_sni = settings.server_name_indication;
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            server_name: server_name(host)?,
            checked,
            begun: Arc::new(AtomicBool::new(false)),
            state: Arc::new(OnceLock::new()),
        })
    }

    /// Whether a handshake was begun: the server had agreed to TLS.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// What came about; `None` as long as no handshake has succeeded.
    pub(super) fn state(&self) -> Option<TlsState> {
        self.state.get().cloned()
    }
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Diagnostic> {
    let name = match host {
        Host::Tcp { name, .. } => name.as_str(),
        Host::Socket(_) => "localhost",
    };
    let name = name.trim_end_matches('.');
    ServerName::try_from(name.to_owned()).map_err(|_| {
        Diagnostic::error(
            codes::E0636,
            format!("the host name `{name}` cannot be used for TLS"),
        )
        .note("a host name has letters, digits, `-`, `_` and `.` only")
    })
}

fn no_roots(mode: SslMode) -> Diagnostic {
    Diagnostic::error(
        codes::E0636,
        format!("`sslmode` `{mode}` needs root certificates, and there are none"),
    )
    .help("name a file with `sslrootcert`, or use those of the operating system: `sslrootcert=system`")
}

fn unusable(what: &str, error: &dyn fmt::Display) -> Diagnostic {
    Diagnostic::error(codes::E0636, format!("{what} cannot be used"))
        .note(format!("rustls says: {error}"))
}

impl<S> TlsConnect<S> for Connector
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Stream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        self.begun.store(true, Ordering::Relaxed);
        Box::pin(async move {
            let stream = tokio_rustls::TlsConnector::from(Arc::clone(&self.config))
                .connect(self.server_name.clone(), stream)
                .await?;
            let (_, connection) = stream.get_ref();
            let version = match connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
                _ => "TLS",
            };
            // One connector serves one connection and its cancel requests: the first counts.
            let _ = self.state.set(TlsState {
                version: version.to_owned(),
                checked: self.checked,
            });
            Ok(Stream(stream))
        })
    }
}

/// A TLS connection.
pub(super) struct Stream<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Stream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, connection) = self.0.get_ref();
        connection
            .peer_certificates()
            .and_then(<[_]>::first)
            .and_then(|leaf| Certificate::read(leaf)?.end_point_hash(leaf))
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}

//! TLS to a PostgreSQL server on rustls, with libpq's meaning of `sslmode` and its files.
//!
//! Takes the [`TlsSettings`] of an endpoint and gives a connector for `tokio-postgres`. What rustls
//! refuses and libpq accepts is met half-way: a server certificate that equals a root certificate
//! byte for byte is trusted (the self-signed certificate of PostgreSQL's manual); a certificate that
//! names its host only in the subject, or one of X.509 version 1, is an error that says so.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, PeerMisbehaved,
    RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use super::certificate::Certificate;
use super::endpoint::{Host, Pem, Secret, Sourced, SslMode, TlsSettings};
use crate::diagnostics::{Diagnostic, codes};

/// What TLS came about on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsState {
    /// The protocol's version, such as `TLS 1.3`.
    pub version: String,
    /// How far the server's certificate was checked.
    pub checked: Checked,
}

/// How far a server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Not at all: it keeps listeners out, not impostors.
    Nothing,
    /// That it leads to a root certificate.
    Chain,
    /// That, and that it names the host.
    ChainAndName,
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

fn file_problem(message: String, origin: &str) -> Diagnostic {
    Diagnostic::error(codes::E0612, message).note(format!("it is named by: {origin}"))
}

fn read_pem(pem: &Sourced<Pem>, what: &str) -> Result<Secret, Diagnostic> {
    match &pem.value {
        Pem::Inline(text) => Ok(text.clone()),
        Pem::File(path) => std::fs::read_to_string(path)
            .map(Secret::new)
            .map_err(|error| {
                file_problem(
                    format!("the {what} {} cannot be read: {error}", pem.value),
                    &pem.origin.to_string(),
                )
            }),
        Pem::System => Err(file_problem(
            format!("`system` is no {what}"),
            &pem.origin.to_string(),
        )),
    }
}

fn load_certificates(pem: &Sourced<Pem>) -> Result<Vec<CertificateDer<'static>>, Diagnostic> {
    let text = read_pem(pem, "certificate file")?;
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(text.reveal().as_bytes()).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(file_problem(
            format!(
                "the certificate file {} holds no PEM certificate",
                pem.value
            ),
            &pem.origin.to_string(),
        )
        .help("it must have a block between `BEGIN CERTIFICATE` and `END CERTIFICATE`")),
    }
}

fn load_key(pem: &Sourced<Pem>) -> Result<PrivateKeyDer<'static>, Diagnostic> {
    if let Pem::File(path) = &pem.value {
        check_key_permissions(path, pem)?;
    }
    let text = read_pem(pem, "key file")?;
    PrivateKeyDer::from_pem_slice(text.reveal().as_bytes()).map_err(|_| {
        let problem = file_problem(
            format!("the key file {} holds no usable private key", pem.value),
            &pem.origin.to_string(),
        );
        if text.reveal().contains("ENCRYPTED") {
            problem
                .note("the key is encrypted, which is not supported")
                .help("write a decrypted copy that only its owner may read: `openssl pkey -in old -out new`")
        } else {
            problem.help("it must be a PEM private key: PKCS #8, PKCS #1 or SEC 1")
        }
    })
}

/// libpq's rule: nobody but the owner may touch the key; root's own may be readable by its group.
fn check_key_permissions(path: &Path, pem: &Sourced<Pem>) -> Result<(), Diagnostic> {
    let facts = std::fs::metadata(path).map_err(|error| {
        file_problem(
            format!("the key file {} cannot be read: {error}", pem.value),
            &pem.origin.to_string(),
        )
    })?;
    let forbidden = if facts.uid() == 0 { 0o037 } else { 0o077 };
    if facts.mode() & forbidden == 0 {
        return Ok(());
    }
    Err(file_problem(
        format!(
            "the key file {} can be read or changed by others",
            pem.value
        ),
        &pem.origin.to_string(),
    )
    .help(format!("`chmod 600 {}`", path.display())))
}

type Roots = (RootCertStore, Vec<CertificateDer<'static>>);

fn load_roots(pem: &Sourced<Pem>) -> Result<Roots, Diagnostic> {
    let mut store = RootCertStore::empty();
    if pem.value == Pem::System {
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = store.add_parsable_certificates(found.certs);
        if added == 0 {
            return Err(file_problem(
                "the operating system has no root certificates".to_owned(),
                &pem.origin.to_string(),
            )
            .help("install them (Debian: `apt-get install ca-certificates`), or name a file with `sslrootcert`"));
        }
        return Ok((store, Vec::new()));
    }
    let certificates = load_certificates(pem)?;
    for certificate in &certificates {
        store.add(certificate.clone()).map_err(|error| {
            file_problem(
                format!("the root certificates {} cannot be used", pem.value),
                &pem.origin.to_string(),
            )
            .note(format!("rustls says: {error}"))
        })?;
    }
    Ok((store, certificates))
}

/// Why a server's certificate was not accepted, with what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CertificateProblem {
    /// What is wrong, to follow "the server's certificate".
    pub(super) what: String,
    /// What would mend it.
    pub(super) help: String,
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server's certificate {}", self.what)
    }
}

impl std::error::Error for CertificateProblem {}

impl CertificateProblem {
    fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            help: help.into(),
        }
    }

    fn into_rustls(self) -> rustls::Error {
        CertificateError::Other(OtherError(Arc::new(self))).into()
    }

    /// The problem inside an error of a handshake, if it is about the certificate.
    pub(super) fn find(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(rustls::Error::InvalidCertificate(certificate)) = rustls_error(error) {
                return Some(match certificate {
                    CertificateError::Other(OtherError(other)) => other
                        .downcast_ref::<Self>()
                        .cloned()
                        .unwrap_or_else(|| Self::new(format!("is not accepted: {other}"), REISSUE)),
                    other => Self::new(format!("is not accepted: {other}"), REISSUE),
                });
            }
            next = error.source();
        }
        None
    }
}

/// rustls reaches us wrapped in an `io::Error`, whose `source` skips what it wraps.
fn rustls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
        .map(|inner| inner as &(dyn std::error::Error + 'static));
    inner.unwrap_or(error).downcast_ref::<rustls::Error>()
}

const REISSUE: &str = "give the server a certificate of X.509 version 3 with a subject alternative name for its host, \
                       signed by a certificate of `sslrootcert`";

#[derive(Debug)]
struct Verifier {
    checked: Checked,
    roots: RootCertStore,
    /// The root certificates themselves: a server certificate that equals one is trusted.
    exact: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    fn is_exact(&self, certificate: &CertificateDer<'_>) -> bool {
        self.exact.iter().any(|root| root == certificate)
    }

    fn check_chain(
        &self,
        leaf: &CertificateDer<'_>,
        facts: &Certificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateProblem> {
        if self.is_exact(leaf) {
            // Trusted for itself; that it is in force is still asked for, as libpq does.
            let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            return if now > facts.not_after {
                Err(expired())
            } else if now < facts.not_before {
                Err(not_yet_valid())
            } else {
                Ok(())
            };
        }
        if facts.version < 3 {
            return Err(CertificateProblem::new(
                format!(
                    "is of X.509 version {}, which rustls does not accept",
                    facts.version
                ),
                REISSUE,
            ));
        }
        let parsed = ParsedCertificate::try_from(leaf).map_err(problem)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            self.provider.signature_verification_algorithms.all,
        )
        .map_err(problem)
    }

    fn check_name(
        leaf: &CertificateDer<'_>,
        facts: &Certificate<'_>,
        server_name: &ServerName<'_>,
    ) -> Result<(), CertificateProblem> {
        let host = server_name.to_str();
        if !facts.has_alternative_names || facts.version < 3 {
            return Err(CertificateProblem::new(
                format!(
                    "does not name `{host}`: it has no subject alternative name, and the name in its subject does not count"
                ),
                format!(
                    "issue it again as X.509 version 3 with a subject alternative name for `{host}`; or, with less safety, use `sslmode=verify-ca`"
                ),
            ));
        }
        ParsedCertificate::try_from(leaf)
            .and_then(|parsed| verify_server_name(&parsed, server_name))
            .map_err(|error| match error {
                rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                ) => CertificateProblem::new(
                    format!("is for other names than `{host}`"),
                    "connect by a name that the certificate has, or issue one with this name",
                ),
                other => problem(other),
            })
    }
}

fn expired() -> CertificateProblem {
    CertificateProblem::new("has expired", "renew it, and check this machine's clock")
}

fn not_yet_valid() -> CertificateProblem {
    CertificateProblem::new("is not valid yet", "check the clocks of both machines")
}

fn problem(error: rustls::Error) -> CertificateProblem {
    let rustls::Error::InvalidCertificate(reason) = &error else {
        return CertificateProblem::new(format!("cannot be checked: {error}"), REISSUE);
    };
    if matches!(
        reason,
        CertificateError::Expired | CertificateError::ExpiredContext { .. }
    ) {
        expired()
    } else if matches!(
        reason,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
    ) {
        not_yet_valid()
    } else if *reason == CertificateError::UnknownIssuer {
        CertificateProblem::new(
            "is not signed by any of the root certificates",
            "name the certificate of the authority that signed it with `sslrootcert`",
        )
    } else {
        CertificateProblem::new(format!("is not accepted: {reason}"), REISSUE)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.checked == Checked::Nothing {
            return Ok(ServerCertVerified::assertion());
        }
        let facts = Certificate::read(end_entity).ok_or_else(|| {
            CertificateProblem::new("is not an X.509 certificate", REISSUE).into_rustls()
        })?;
        self.check_chain(end_entity, &facts, intermediates, now)
            .map_err(CertificateProblem::into_rustls)?;
        if self.checked == Checked::ChainAndName {
            Self::check_name(end_entity, &facts, server_name)
                .map_err(CertificateProblem::into_rustls)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.checked == Checked::Nothing {
            // Whoever may show any certificate may as well sign with its key.
            return Ok(HandshakeSignatureValid::assertion());
        }
        if !self.is_exact(cert) {
            let algorithms = &self.provider.signature_verification_algorithms;
            return verify_tls12_signature(message, cert, dss, algorithms);
        }
        let facts = Certificate::read(cert).ok_or(CertificateError::BadEncoding)?;
        let candidates = self
            .provider
            .signature_verification_algorithms
            .mapping
            .iter()
            .find(|(scheme, _)| *scheme == dss.scheme)
            .map(|(_, algorithms)| *algorithms)
            .ok_or(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme)?;
        let signed = candidates
            .iter()
            .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == facts.key_algorithm)
            .any(|algorithm| {
                algorithm
                    .verify_signature(facts.key_bits, message, dss.signature())
                    .is_ok()
            });
        if signed {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.checked == Checked::Nothing {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        if !self.is_exact(cert) {
            return verify_tls13_signature(message, cert, dss, algorithms);
        }
        let facts = Certificate::read(cert).ok_or(CertificateError::BadEncoding)?;
        let key = SubjectPublicKeyInfoDer::from(facts.key_info);
        rustls::crypto::verify_tls13_signature_with_raw_key(message, &key, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
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

//! Whether a server's certificate is good enough, and if not, why and what to do.
//!
//! Chains and names are rustls's own work. Added is what libpq accepts besides: a certificate that is
//! itself among the root certificates, byte for byte, of any X.509 version.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, OtherError, PeerMisbehaved, RootCertStore,
    SignatureScheme,
};

use super::certificate::Certificate;

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

    /// What the check of a chain found, by the name that it has there.
    fn of_chain(name: &str) -> Self {
        if name.contains("CaUsedAsEndEntity") {
            return Self::new(
                "is one of a certification authority, and is not among those of `sslrootcert`",
                "put this very certificate into `sslrootcert` if it is meant to be trusted",
            );
        }
        Self::new(format!("is not accepted: {name}"), REISSUE)
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
                        .unwrap_or_else(|| Self::of_chain(&format!("{other:?}"))),
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

/// The check of a server's certificate during a handshake.
#[derive(Debug)]
pub(super) struct Verifier {
    /// How far it goes.
    pub(super) checked: Checked,
    /// Where chains may end.
    pub(super) roots: RootCertStore,
    /// The root certificates themselves: a server certificate that equals one is trusted.
    pub(super) exact: Vec<CertificateDer<'static>>,
    /// The algorithms.
    pub(super) provider: Arc<CryptoProvider>,
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

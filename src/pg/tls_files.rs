//! Certificates and keys out of their PEM files, with libpq's rule about who may read a key.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::endpoint::Pem;
use super::origin::{Secret, Sourced};
use crate::diagnostics::{Diagnostic, codes};

/// E0612 about a file, with the setting that names it.
pub(super) fn file_problem(message: String, origin: &str) -> Diagnostic {
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

/// All certificates of a PEM text, at least one.
pub(super) fn load_certificates(
    pem: &Sourced<Pem>,
) -> Result<Vec<CertificateDer<'static>>, Diagnostic> {
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

/// The first private key of a PEM text.
pub(super) fn load_key(pem: &Sourced<Pem>) -> Result<PrivateKeyDer<'static>, Diagnostic> {
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

/// Root certificates for chains, and as they are for comparison.
pub(super) type Roots = (RootCertStore, Vec<CertificateDer<'static>>);

/// The root certificates that chains may end at.
pub(super) fn load_roots(pem: &Sourced<Pem>) -> Result<Roots, Diagnostic> {
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

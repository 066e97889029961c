//! TLS of an endpoint: how strict, with which certificates, each with its origin.

use std::path::PathBuf;

use super::environment::Environment;
use super::given::{Given, Layers};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::pg::{Origin, Pem, Sourced, SslMode, TlsSettings};

/// Whether TLS can come into it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Hosts {
    /// All hosts are UNIX sockets.
    Local,
    /// At least one is reached over TCP.
    Remote,
}

/// Finds the TLS settings; contradictions and missing files are recorded. Where no connection can
/// use TLS, files are not looked for.
pub(super) fn resolve(
    given: &Given,
    layers: &Layers<'_>,
    environment: &Environment,
    hosts: Hosts,
    problems: &mut Diagnostics,
) -> TlsSettings {
    let words: Vec<(&str, SslMode)> = SslMode::ALL
        .iter()
        .map(|mode| (mode.as_str(), *mode))
        .collect();
    let mode = layers.word("sslmode", &words, problems);
    let files = Files {
        layers,
        environment,
        // Files that no connection will need may be missing.
        is_needed: hosts == Hosts::Remote
            && mode
                .as_ref()
                .is_none_or(|mode| mode.value != SslMode::Disable),
    };
    let uses_system = given.roots.is_none()
        && layers
            .text("sslrootcert")
            .is_some_and(|value| value.value == "system");
    let roots = if uses_system {
        layers
            .text("sslrootcert")
            .map(|value| value.map(|_| Pem::System))
    } else {
        files.find(given.roots.as_ref(), "sslrootcert", "root.crt", problems)
    };
    let mode = match mode {
        Some(mode) => mode,
        None if uses_system => Sourced::new(
            SslMode::VerifyFull,
            Origin::Default("as `sslrootcert=system` demands".to_owned()),
        ),
        None => Sourced::default_value(SslMode::Prefer),
    };
    if uses_system && mode.value != SslMode::VerifyFull && files.is_needed {
        problems.push(
            Diagnostic::error(
                codes::E0605,
                format!(
                    "`sslrootcert=system` is too weak with `sslmode` `{}` ({} database)",
                    mode.value, layers.side
                ),
            )
            .note(format!("`sslmode` comes from: {}", mode.origin))
            .note(
                "anybody can get a certificate from an authority that the operating system trusts",
            )
            .help("set `sslmode` to `verify-full`"),
        );
    }
    if mode.value >= SslMode::VerifyCa && roots.is_none() && files.is_needed {
        problems.push(
            Diagnostic::error(
                codes::E0604,
                format!(
                    "`sslmode` `{}` needs root certificates, and there are none ({} database)",
                    mode.value, layers.side
                ),
            )
            .note(format!("`sslmode` comes from: {}", mode.origin))
            .help("name a file with `sslrootcert`, or use those of the operating system: `sslrootcert=system` with `verify-full`"),
        );
    }
    let shows_certificate = layers
        .text("sslcertmode")
        .is_none_or(|value| value.value != "disable");
    let (mut certificate, mut key) = (None, None);
    if shows_certificate {
        certificate = files.find(
            given.certificate.as_ref(),
            "sslcert",
            "postgresql.crt",
            problems,
        );
    }
    if certificate.is_some() {
        key = files.find(given.key.as_ref(), "sslkey", "postgresql.key", problems);
    }
    let versions = protocol_versions(layers, problems);
    TlsSettings {
        roots,
        certificate,
        key,
        server_name_indication: layers.switch("sslsni", problems).unwrap_or(true),
        direct: direct(layers, &mode, problems),
        only_tls13: versions.only_tls13,
        only_tls12: versions.only_tls12,
        mode,
    }
}

fn direct(layers: &Layers<'_>, mode: &Sourced<SslMode>, problems: &mut Diagnostics) -> bool {
    let words = [("postgres", false), ("direct", true)];
    let Some(word) = layers.word("sslnegotiation", &words, problems) else {
        return false;
    };
    if word.value && mode.value < SslMode::Require {
        problems.push(
            Diagnostic::error(
                codes::E0605,
                format!(
                    "`sslnegotiation=direct` does not go with `sslmode` `{}` ({} database)",
                    mode.value, layers.side
                ),
            )
            .note(format!("`sslnegotiation` comes from: {}", word.origin))
            .help("set `sslmode` to `require` or stricter"),
        );
    }
    word.value
}

struct Versions {
    only_tls12: bool,
    only_tls13: bool,
}

/// TLS before 1.2 is never spoken: a lower least version changes nothing, a lower highest is an error.
fn protocol_versions(layers: &Layers<'_>, problems: &mut Diagnostics) -> Versions {
    let words = [
        ("TLSv1", 10),
        ("TLSv1.1", 11),
        ("TLSv1.2", 12),
        ("TLSv1.3", 13),
    ];
    let least = layers.word("ssl_min_protocol_version", &words, problems);
    let highest = layers.word("ssl_max_protocol_version", &words, problems);
    if let Some(highest) = &highest {
        let least = least.as_ref().map_or(12, |least| least.value).max(12);
        if highest.value < least {
            problems.push(layers.bad_value(
                "ssl_max_protocol_version",
                &highest.origin,
                "`TLSv1.2` or `TLSv1.3`, and not below `ssl_min_protocol_version`",
            ));
        }
    }
    Versions {
        only_tls12: highest.is_some_and(|highest| highest.value == 12),
        only_tls13: least.is_some_and(|least| least.value == 13),
    }
}

/// Looks for certificate files.
struct Files<'a> {
    layers: &'a Layers<'a>,
    environment: &'a Environment,
    is_needed: bool,
}

impl Files<'_> {
    /// What is given as text, else the file that is named (which must be there), else libpq's
    /// default file if it is there.
    fn find(
        &self,
        inline: Option<&Sourced<Pem>>,
        keyword: &str,
        default: &str,
        problems: &mut Diagnostics,
    ) -> Option<Sourced<Pem>> {
        if !self.is_needed {
            return None;
        }
        if let Some(inline) = inline {
            return Some(inline.clone());
        }
        let Some(named) = self.layers.text(keyword) else {
            let path = self
                .environment
                .in_home(&format!(".postgresql/{default}"))?;
            return self.environment.exists(&path).then(|| {
                Sourced::new(
                    Pem::File(path),
                    Origin::Default("the file is there".to_owned()),
                )
            });
        };
        let path = PathBuf::from(&named.value);
        if let Err(error) = self.environment.files().facts(&path) {
            problems.push(
                Diagnostic::error(
                    codes::E0612,
                    format!(
                        "the file `{}` of `{keyword}` cannot be used ({} database)",
                        named.value, self.layers.side
                    ),
                )
                .note(error.to_string())
                .note(format!("it comes from: {}", named.origin)),
            );
        }
        Some(named.map(|_| Pem::File(path)))
    }
}

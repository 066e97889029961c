//! Whether MAS will accept the passwords that Synapse's hashes are made of.

use super::findings::{error, place, warning};
use super::mas::{PasswordAlgorithm, PasswordScheme};
use super::settings::Settings;
use super::synapse::PasswordLogin;
use crate::diagnostics::Finding;
use crate::pg::{Secret, Sourced};

/// The number of the scheme that migrated hashes get.
const MIGRATED_VERSION: u16 = 1;

/// Migrated hashes have version 1; that scheme must check passwords exactly as Synapse does.
pub(super) fn password_schemes(settings: &Settings) -> Vec<Finding> {
    let mas = &settings.mas;
    let mut findings = Vec::new();
    if !mas.passwords_enabled.value
        && settings.synapse.password_login.value == PasswordLogin::Enabled
    {
        findings.push(warning(
            "mas_passwords_disabled",
            place(&mas.passwords_enabled.origin),
            "MAS has passwords switched off: those who log in to Synapse with one will not get in with it",
            "set `passwords.enabled: true` in MAS's configuration, unless that is meant",
        ));
    }
    let scheme = mas
        .password_schemes
        .iter()
        .find(|scheme| scheme.version.value == MIGRATED_VERSION);
    let Some(scheme) = scheme else {
        findings.push(error(
            "no_password_scheme_v1",
            Vec::new(),
            "MAS's configuration has no password scheme of version 1, which is the version of all migrated hashes",
            "add a scheme to `passwords.schemes`: `version: 1`, `algorithm: bcrypt`, `unicode_normalization: true`, and Synapse's pepper, if it has one, as `secret`",
        ));
        return findings;
    };
    if scheme.algorithm != PasswordAlgorithm::Bcrypt {
        findings.push(error(
            "password_scheme_v1_not_bcrypt",
            place(&scheme.version.origin),
            "MAS's password scheme of version 1 is not bcrypt, but all migrated hashes are, and have that version",
            "make version 1 of `passwords.schemes` `algorithm: bcrypt`, and give the other algorithm a higher version",
        ));
        return findings;
    }
    findings.extend(pepper(settings.synapse.pepper.as_ref(), scheme));
    let normalization = &scheme.unicode_normalization;
    if !normalization.value {
        findings.push(warning(
            "password_normalization_off",
            place(&normalization.origin),
            "MAS's password scheme of version 1 does not normalise passwords, but Synapse does: some passwords with characters outside ASCII will stop working",
            "set `unicode_normalization: true` on version 1 of `passwords.schemes`",
        ));
    }
    if mas.password_schemes.len() == 1 {
        findings.push(warning(
            "only_password_scheme_v1",
            place(&scheme.version.origin),
            "MAS has no newer password scheme than version 1, so that hashes stay bcrypt for ever",
            "add `version: 2` with `algorithm: argon2id` to `passwords.schemes`: hashes are then renewed at log-in",
        ));
    }
    findings
}

/// Hashes that open nothing in Synapse, but would in MAS. Once Synapse leaves log-ins to MAS, it has
/// to have passwords off, which says nothing.
pub(super) fn passwords_come_back(settings: &Settings, hashes: u64) -> Option<Finding> {
    let synapse = &settings.synapse;
    if !settings.mas.passwords_enabled.value || synapse.delegated.is_some() {
        return None;
    }
    let login = &synapse.password_login;
    let (origin, why) = match login.value {
        PasswordLogin::Disabled => (&login.origin, "nobody logs in to Synapse with a password"),
        PasswordLogin::OnlyForReauthentication => (
            &login.origin,
            "passwords confirm what people do in Synapse, but log nobody in",
        ),
        PasswordLogin::Enabled if !synapse.localdb_enabled.value => (
            &synapse.localdb_enabled.origin,
            "Synapse does not look at its own password hashes",
        ),
        PasswordLogin::Enabled => return None,
    };
    let mut finding = warning(
        "passwords_off_in_synapse",
        place(origin),
        format!(
            "{why}, but MAS has passwords switched on: each of these hashes, however old, would open its account"
        ),
        "set `passwords.enabled: false` in MAS's configuration, or leave the hashes out with a mapping that skips them",
    );
    finding.count = hashes;
    Some(finding)
}

fn pepper(pepper: Option<&Sourced<Secret>>, scheme: &PasswordScheme) -> Option<Finding> {
    let text = |secret: Option<&Sourced<Secret>>| {
        secret.map_or(String::new(), |secret| secret.value.reveal().to_owned())
    };
    let (ours, theirs) = (text(pepper), text(scheme.secret.as_ref()));
    if ours == theirs {
        return None;
    }
    let what = if ours.trim() == theirs.trim() {
        ", but differs by blanks or line breaks at its ends only"
    } else if theirs.is_empty() {
        ", but is missing"
    } else if ours.is_empty() {
        "; it is set, but Synapse has none"
    } else {
        ", but is another one"
    };
    let mut samples: Vec<String> = Vec::new();
    samples.extend(pepper.map(|pepper| pepper.origin.to_string()));
    samples.push(match &scheme.secret {
        Some(secret) => secret.origin.to_string(),
        None => scheme.version.origin.to_string(),
    });
    let mut finding = error(
        "password_secret_mismatch",
        samples,
        format!(
            "the secret of MAS's password scheme of version 1 must be Synapse's pepper{what}: no migrated password would work"
        ),
        "make `secret` of version 1 of `passwords.schemes` equal to `password_config.pepper` of Synapse, character by character",
    );
    finding.count = 1;
    Some(finding)
}

//! What `generate` and `lint` know, for the reference page that is made of it.

use super::intended::{MasOption, OPTIONS, PROVIDER_OPTIONS, WARNINGS};

/// An option of MAS that is carried over.
#[derive(Clone, Debug)]
pub struct OptionReference {
    /// Its key in MAS's configuration.
    pub mas: String,
    /// What it comes from in Synapse's, in Markdown.
    pub synapse: &'static str,
    /// The finding of `lint` if the sides differ.
    pub finding: Option<&'static str>,
    /// What that means, unless `check` says it.
    pub meaning: Option<&'static str>,
}

/// A warning of `generate`.
#[derive(Clone, Copy, Debug)]
pub struct WarningReference {
    /// Its id.
    pub id: &'static str,
    /// The keys of Synapse's configuration, with commas between.
    pub synapse: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// Options that are compared by what `check` finds, or by more than their value.
const ELSEWHERE: [(&str, &str); 7] = [
    ("matrix.secret", "matrix_secret_differs"),
    ("matrix.secret_file", "matrix_secret_differs"),
    ("matrix.homeserver", "homeserver_mismatch"),
    ("issuer", "provider_issuer_differs"),
    ("client_id", "provider_client_id_differs"),
    ("client_secret", "provider_client_secret_differs"),
    ("client_secret_file", "provider_client_secret_differs"),
];

/// Findings of `config lint` that are about no single option: id and meaning.
pub const OTHER_DIFFERENCES: &[(&str, &str)] = &[
    (
        "matrix_secret_not_compared",
        "the file `matrix.secret_file` or `matrix_authentication_service.secret_path` cannot be read here",
    ),
    (
        "password_cost_differs",
        "version 1 of `passwords.schemes` has another `cost` than `bcrypt_rounds`",
    ),
    (
        "provider_client_secret_differs",
        "MAS has another secret for a provider than Synapse; files are read",
    ),
    (
        "provider_client_secret_not_compared",
        "a file with a provider's secret cannot be read here",
    ),
    (
        "provider_missing",
        "no provider of MAS's configuration has the `synapse_idp_id` of one of Synapse's",
    ),
    (
        "provider_unknown",
        "a `synapse_idp_id` of MAS's configuration is the name of no provider of Synapse's, which may be a slip of the pen",
    ),
];

/// Whether `generate` or `lint` says this id.
pub fn is_said_of_configurations(id: &str) -> bool {
    OTHER_DIFFERENCES.iter().any(|(known, _)| *known == id)
        || WARNINGS.iter().any(|warning| warning.id == id)
        || option_reference()
            .iter()
            .any(|option| option.finding == Some(id))
}

/// All options that are carried over, in the order in which they are written.
pub fn option_reference() -> Vec<OptionReference> {
    let row = |prefix: &str, option: &MasOption| OptionReference {
        mas: format!("{prefix}{}", option.key),
        synapse: option.synapse,
        finding: option
            .difference
            .map(|difference| difference.id)
            .or_else(|| {
                let elsewhere = ELSEWHERE.iter().find(|(key, _)| *key == option.key);
                elsewhere.map(|(_, id)| *id)
            }),
        meaning: option.difference.map(|difference| difference.meaning),
    };
    let outside = OPTIONS.iter().map(|option| row("", option));
    let providers = PROVIDER_OPTIONS
        .iter()
        .map(|option| row("upstream_oauth2.providers[].", option));
    outside.chain(providers).collect()
}

/// All warnings, by name of what they are about.
pub fn warning_reference() -> Vec<WarningReference> {
    WARNINGS
        .iter()
        .map(|warning| WarningReference {
            id: warning.id,
            synapse: warning.synapse,
            meaning: warning.meaning,
            remedy: warning.remedy,
        })
        .collect()
}

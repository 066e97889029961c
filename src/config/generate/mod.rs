//! A configuration for MAS, made of Synapse's: what is intended, what must be new, and comments that
//! say where each value came from.
//!
//! The same files and the same randomness give the same text. What has no counterpart is a finding.

mod fresh;
mod own;
mod yaml;

use std::path::PathBuf;

pub use fresh::{KeyKind, NoRandomness, Randomness, SystemSource};

use self::yaml::{Entry, Yaml, bare, insert, text};
use super::environment::Environment;
use super::intended::{
    Intended, IntendedProvider, IntendedScheme, Note, OptionValue, Setting, intended,
};
use super::synapse::SynapseConfig;
use crate::diagnostics::{Diagnostic, Finding, FindingSeverity, codes};
use crate::pg::{Origin, Secret};

/// What stands where people have to fill in a text that cannot be guessed.
pub(super) const PLACEHOLDER: &str = "FILL IN";

/// Bytes of a secret.
const SECRET_BYTES: usize = 32;

/// Bytes of a key's name.
const KEY_NAME_BYTES: usize = 5;

/// How many samples a finding shows.
const SAMPLES: usize = 5;

/// A configuration for MAS.
#[derive(Debug)]
pub struct Generated {
    /// The text, in YAML; it holds secrets.
    pub text: Secret,
    /// What has no counterpart in MAS, in order of place.
    pub findings: Vec<Finding>,
    /// Keys that people must look at before MAS starts.
    pub fill_in: Vec<&'static str>,
}

/// Makes a configuration for MAS of Synapse's files and directories in `paths`.
///
/// # Errors
/// E0601 to E0607: what is wrong with Synapse's configuration. E0617: no randomness.
pub fn generate(
    paths: &[PathBuf],
    environment: &Environment,
    source: &mut dyn Randomness,
) -> Result<Generated, Vec<Diagnostic>> {
    let synapse = SynapseConfig::read(paths, "`--synapse-config`", environment)
        .map_err(crate::diagnostics::Diagnostics::into_sorted)?;
    let Some(server_name) = &synapse.server_name else {
        return Err(vec![
            Diagnostic::error(
                codes::E0604,
                "Synapse's configuration does not say the `server_name`",
            )
            .note(format!("read: {}", synapse.files.join(", "))),
        ]);
    };
    let intended =
        intended(&synapse, environment).map_err(crate::diagnostics::Diagnostics::into_sorted)?;
    let text = render(&synapse.files, &server_name.value, &intended, source).map_err(|_| {
        vec![
            Diagnostic::error(codes::E0617, "no randomness to make secrets of")
                .note("the operating system gave none")
                .note("nothing was written"),
        ]
    })?;
    let mut fill_in = vec!["http.public_base", "database"];
    let has_relay = |setting: &Setting| setting.option.key.starts_with("email.");
    if !intended.settings.iter().any(has_relay) {
        fill_in.push("email");
    }
    if intended
        .providers
        .iter()
        .any(|provider| provider.custom_mapping)
    {
        fill_in.push("upstream_oauth2.providers[].claims_imports");
    }
    Ok(Generated {
        text: Secret::new(text),
        findings: findings(&intended.notes),
        fill_in,
    })
}

/// One finding for each kind of note, in order of place.
fn findings(notes: &[Note]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for note in notes {
        let sample = match &note.provider {
            Some(provider) => format!("{provider}: {}", note.origin),
            None => note.origin.to_string(),
        };
        let known = findings
            .iter_mut()
            .find(|finding| finding.id == note.warning.id);
        if let Some(finding) = known {
            finding.count += 1;
            if finding.samples.len() < SAMPLES {
                finding.samples.push(sample);
            }
            continue;
        }
        findings.push(Finding {
            id: note.warning.id.to_owned(),
            severity: FindingSeverity::Warning,
            count: 1,
            samples: vec![sample],
            meaning: note.warning.meaning.to_owned(),
            remedy: note.warning.remedy.to_owned(),
            sql: None,
        });
    }
    findings
}

fn render(
    files: &[String],
    server_name: &str,
    intended: &Intended,
    source: &mut dyn Randomness,
) -> Result<String, NoRandomness> {
    let head = [
        "Configuration of MAS, made by `mapwright config generate` of Synapse's:".to_owned(),
        files.join(", "),
        String::new(),
        "Behind each value stands what it comes from. FILL IN marks what Synapse's configuration"
            .to_owned(),
        "cannot tell. This file holds secrets: keep it from others, and do not use it twice."
            .to_owned(),
    ];
    let mut top = Vec::new();
    for setting in &intended.settings {
        insert(&mut top, setting.option.key, option_entry(setting));
    }
    let mut section = |key: &str| -> Entry {
        match top.iter().position(|entry| entry.key == key) {
            Some(at) => top.remove(at),
            None => Entry::new(key, Yaml::Map(Vec::new())),
        }
    };
    let mut sections = vec![
        own::http(server_name),
        own::database(),
        matrix(section("matrix"), source)?,
        secrets(source)?,
        passwords(section("passwords"), &intended.scheme),
        section("account").above(&["What people may do with their accounts."]),
    ];
    let captcha = section("captcha");
    if is_filled(&captcha) {
        sections.push(captcha.above(&["Protects registration from robots."]));
    }
    let email = section("email");
    sections.push(if is_filled(&email) {
        email.above(&[
            "The relay that Synapse sends through, to confirm e-mail addresses and recover passwords.",
        ])
    } else {
        own::email()
    });
    if !intended.providers.is_empty() {
        sections.push(upstream(&intended.providers, source)?);
    }
    Ok(yaml::document(&head, &sections))
}

/// Whether a section has entries.
fn is_filled(section: &Entry) -> bool {
    matches!(&section.value, Yaml::Map(entries) if !entries.is_empty())
}

fn option_entry(setting: &Setting) -> Entry {
    let key = setting.option.key;
    let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
    let value = match &setting.value {
        OptionValue::Switch(value) => bare(value),
        OptionValue::Number(value) => bare(value),
        OptionValue::Text(value) => text(value),
        // A private key has lines.
        OptionValue::Secret(secret) if secret.reveal().trim_end().contains('\n') => {
            block(secret.reveal())
        }
        OptionValue::Secret(secret) => text(secret.reveal()),
        OptionValue::Texts(texts) => Yaml::Map(
            texts
                .iter()
                .map(|(name, value)| Entry::new(name, text(value)))
                .collect(),
        ),
    };
    Entry::new(name, value).beside(comment(setting))
}

/// A text of lines as a block, where a block can hold it.
fn block(lines: &str) -> Yaml {
    let fits = lines.ends_with('\n')
        && !lines.ends_with("\n\n")
        && lines.starts_with(|c: char| c.is_ascii_graphic())
        && lines
            .chars()
            .all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic());
    if fits {
        Yaml::Block(lines.to_owned())
    } else {
        text(lines)
    }
}

fn comment(setting: &Setting) -> String {
    let from = match &setting.origin {
        Origin::Default(what) if what.is_empty() => None,
        origin => Some(origin.to_string()),
    };
    match (from, setting.remark) {
        (Some(from), Some(remark)) => format!("{from}; {remark}"),
        (Some(from), None) => from,
        (None, Some(remark)) => remark.to_owned(),
        (None, None) => "Synapse's default".to_owned(),
    }
}

fn matrix(mut section: Entry, source: &mut dyn Randomness) -> Result<Entry, NoRandomness> {
    if let Yaml::Map(entries) = &mut section.value {
        for entry in entries.iter_mut().filter(|entry| entry.key == "kind") {
            entry.beside = None;
        }
        let is_secret = |entry: &Entry| matches!(entry.key.as_str(), "secret" | "secret_file");
        if !entries.iter().any(is_secret) {
            let secret = fresh::hex(source, SECRET_BYTES)?;
            entries.push(Entry::new("secret", text(secret.reveal())).beside(
                "fresh random; Synapse's `matrix_authentication_service.secret` must be the same",
            ));
        }
    }
    Ok(section.above(&[
        "The homeserver. `homeserver` is the name in user IDs; `endpoint` is where MAS reaches Synapse,",
        "best without a detour through a proxy.",
    ]))
}

fn secrets(source: &mut dyn Randomness) -> Result<Entry, NoRandomness> {
    let encryption = fresh::hex(source, SECRET_BYTES)?;
    let mut keys = Vec::new();
    for kind in KeyKind::ALL {
        let name = fresh::hex(source, KEY_NAME_BYTES)?;
        let key = source.key(kind)?;
        let entries = vec![
            Entry::new("kid", text(name.reveal())),
            Entry::new("key", block(key.reveal())),
        ];
        keys.push((vec![kind.to_string()], Yaml::Map(entries)));
    }
    Ok(Entry::new(
        "secrets",
        Yaml::Map(vec![
            Entry::new("encryption", text(encryption.reveal())).beside("fresh random"),
            Entry::new("keys", Yaml::List(keys)).beside("fresh"),
        ]),
    )
    .above(&[
        "Keep these as long as MAS runs: `encryption` protects what is in its database and cookies, the",
        "keys sign what clients verify.",
    ]))
}

fn passwords(mut section: Entry, scheme: &IntendedScheme) -> Entry {
    let mut first = vec![
        Entry::new("version", bare(1)),
        Entry::new("algorithm", text("bcrypt")),
        Entry::new("cost", bare(scheme.cost.value)).beside(match &scheme.cost.origin {
            Origin::Default(_) => "Synapse's default".to_owned(),
            origin => origin.to_string(),
        }),
    ];
    if let Some(secret) = &scheme.secret {
        first.push(
            Entry::new("secret", text(secret.value.reveal())).beside(secret.origin.to_string()),
        );
    }
    first.push(Entry::new("unicode_normalization", bare(true)).beside("as Synapse does"));
    let second = vec![
        Entry::new("version", bare(2)),
        Entry::new("algorithm", text("argon2id")),
    ];
    let schemes = Yaml::List(vec![
        (
            vec!["For the hashes that come from Synapse. Do not change it.".to_owned()],
            Yaml::Map(first),
        ),
        (
            vec!["For new passwords; hashes are renewed with it at log-in.".to_owned()],
            Yaml::Map(second),
        ),
    ]);
    if let Yaml::Map(entries) = &mut section.value {
        entries.push(Entry::new("schemes", schemes));
    }
    section.above(&[
        "`schemes` must stand even where passwords are off: migrated hashes belong to version 1.",
    ])
}

fn upstream(
    providers: &[IntendedProvider],
    source: &mut dyn Randomness,
) -> Result<Entry, NoRandomness> {
    let mut items = Vec::new();
    for provider in providers {
        let id = fresh::ulid(source)?;
        let mut above = vec![
            format!("Synapse's provider {}: {}", provider.id, provider.origin),
            "Allow at the provider, as redirect URI:".to_owned(),
            format!("  <http.public_base>upstream/callback/{id}"),
        ];
        if provider.backchannel_logout {
            above.push("Change there the back-channel logout URI to:".to_owned());
            above.push(format!(
                "  <http.public_base>upstream/backchannel-logout/{id}"
            ));
            above.push(
                "It ends sessions that begin in MAS; those that are migrated it does not know."
                    .to_owned(),
            );
        }
        if provider.custom_mapping {
            above.push(
                "FILL IN `claims_imports`: Synapse uses a module of its own for them.".to_owned(),
            );
        }
        let mut entries = vec![Entry::new("id", text(&id)).beside("fresh; do not change it")];
        for setting in &provider.settings {
            insert(&mut entries, setting.option.key, option_entry(setting));
        }
        items.push((above, Yaml::Map(entries)));
    }
    Ok(Entry::new(
        "upstream_oauth2",
        Yaml::Map(vec![Entry::new("providers", Yaml::List(items))]),
    )
    .above(&[
        "Where else people log in. `synapse_idp_id` is what the migration finds their links by.",
    ]))
}

#[cfg(test)]
mod tests;

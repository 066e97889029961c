//! What a migration needs to know of MAS's configuration.
//!
//! Takes the files as MAS does: YAML 1.2, several files merged deeply, `MAS_…` variables below all of
//! them. Only the keys named here are looked at.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::endpoint::{Given, Keyword};
use super::environment::Environment;
use super::files;
use super::provider_id::ProviderId;
use super::raw::{Node, Place, Scalar, Schema, Value};
use super::section::At;
use crate::diagnostics::{Diagnostic, Diagnostics, codes, suggest};
use crate::pg::{Origin, Pem, Secret, Sourced};

/// How a scheme hashes passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordAlgorithm {
    /// As Synapse does.
    Bcrypt,
    /// MAS's own.
    Argon2id,
    /// PBKDF2.
    Pbkdf2,
}

/// One of MAS's password schemes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordScheme {
    /// Its number; the highest one hashes new passwords.
    pub version: Sourced<u16>,
    /// Its algorithm.
    pub algorithm: PasswordAlgorithm,
    /// Its pepper; an empty one is none.
    pub secret: Option<Sourced<Secret>>,
    /// Whether passwords are normalised (NFKC) first.
    pub unicode_normalization: Sourced<bool>,
}

/// One of MAS's upstream providers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasProvider {
    /// Its ID.
    pub id: Sourced<ProviderId>,
    /// What Synapse calls it.
    pub synapse_idp_id: Option<Sourced<String>>,
    /// Whether people can log in with it.
    pub enabled: Sourced<bool>,
    /// Its issuer.
    pub issuer: Option<Sourced<String>>,
    /// MAS's client ID there.
    pub client_id: Option<Sourced<String>>,
    /// Its name for people.
    pub human_name: Option<Sourced<String>>,
}

/// The settings that a migration reads.
#[derive(Clone, Debug)]
pub struct MasConfig {
    /// The files, in the order they were read.
    pub files: Vec<String>,
    /// `matrix.homeserver`.
    pub homeserver: Option<Sourced<String>>,
    /// `passwords.enabled`.
    pub passwords_enabled: Sourced<bool>,
    /// `passwords.schemes`, or the one that MAS has without.
    pub password_schemes: Vec<PasswordScheme>,
    /// `upstream_oauth2.providers`.
    pub providers: Vec<MasProvider>,
    /// `branding.tos_uri`.
    pub tos_uri: Option<Sourced<String>>,
    /// `captcha.service`.
    pub captcha: Option<Sourced<String>>,
    /// `account.password_registration_enabled`.
    pub password_registration_enabled: Sourced<bool>,
    pub(super) database: Given,
}

impl MasConfig {
    /// Reads the files in `paths`, which `flag` named; without any, those of `MAS_CONFIG`; without
    /// that, `config.yaml`.
    ///
    /// # Errors
    /// E0601 to E0612: all problems of all files together.
    pub fn read(
        paths: &[PathBuf],
        flag: &str,
        environment: &Environment,
    ) -> Result<Self, Diagnostics> {
        let mut problems = Diagnostics::new();
        let variable = environment
            .variable("MAS_CONFIG")
            .filter(|paths| !paths.is_empty());
        let (paths, named_by) = match variable {
            _ if !paths.is_empty() => (paths.to_vec(), flag),
            Some(paths) => (
                paths.split(':').map(PathBuf::from).collect(),
                "environment variable `MAS_CONFIG`",
            ),
            None => (
                vec![PathBuf::from("config.yaml")],
                "default, because neither a flag nor `MAS_CONFIG` names one",
            ),
        };
        let paths = files::expand(&paths, named_by, environment, &mut problems);
        let trees: Vec<Node> = paths
            .iter()
            .filter_map(|path| {
                files::read(path, named_by, Schema::Core, environment, &mut problems)
            })
            .collect();
        if problems.has_errors() {
            return Err(problems);
        }
        let tree = trees
            .into_iter()
            .fold(from_variables(environment), |below, above| {
                merge(&below, &above)
            });
        let names = paths.iter().map(|path| path.display().to_string());
        let config = Self::from_tree(&tree, names.collect(), environment, &mut problems);
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(config)
    }

    fn from_tree(
        tree: &Node,
        files: Vec<String>,
        environment: &Environment,
        problems: &mut Diagnostics,
    ) -> Self {
        let top = At::top(tree, Schema::Core);
        let passwords = top.section("passwords", problems);
        let providers = top
            .section("upstream_oauth2", problems)
            .map(|section| section.sections("providers", problems))
            .unwrap_or_default();
        Self {
            files,
            homeserver: top
                .section("matrix", problems)
                .and_then(|section| section.text("homeserver", problems)),
            passwords_enabled: passwords
                .as_ref()
                .and_then(|section| section.switch("enabled", problems))
                .unwrap_or(Sourced::default_value(true)),
            password_schemes: schemes(passwords.as_ref(), environment, problems),
            providers: providers
                .iter()
                .filter_map(|section| provider(section, problems))
                .collect(),
            tos_uri: top
                .section("branding", problems)
                .and_then(|section| section.text("tos_uri", problems)),
            captcha: top
                .section("captcha", problems)
                .and_then(|section| section.text("service", problems)),
            password_registration_enabled: top
                .section("account", problems)
                .and_then(|section| section.switch("password_registration_enabled", problems))
                .unwrap_or(Sourced::default_value(false)),
            database: database(&top, environment, problems),
        }
    }
}

/// `MAS_DATABASE_URI=x` → `database: {uri: x}`. A `_` always nests, so keys that have one themselves
/// cannot be set this way.
fn from_variables(environment: &Environment) -> Node {
    let mut tree = Node::empty_map("");
    for (name, value) in environment.variables_with("MAS_") {
        let path = name.trim_start_matches("MAS_").to_lowercase();
        if path == "config" || path.is_empty() {
            continue;
        }
        let place = Place::Variable(name.into());
        let scalar = match value {
            "true" => Scalar::Bool(true),
            "false" => Scalar::Bool(false),
            text => Scalar::Text(text.to_owned()),
        };
        let mut node = Node {
            value: Value::Scalar(scalar),
            place: place.clone(),
        };
        for key in path.rsplit('_') {
            node = Node {
                value: Value::Map(vec![(key.to_owned(), Arc::new(node))]),
                place: place.clone(),
            };
        }
        tree = merge(&tree, &node);
    }
    tree
}

/// Maps merge, lists follow one another, of anything else the upper one counts.
fn merge(below: &Node, above: &Node) -> Node {
    let value = match (&below.value, &above.value) {
        (Value::Map(below), Value::Map(above)) => {
            let mut entries = below.clone();
            for (name, upper) in above {
                match entries.iter_mut().find(|(known, _)| known == name) {
                    Some((_, lower)) => *lower = Arc::new(merge(lower, upper)),
                    None => entries.push((name.clone(), Arc::clone(upper))),
                }
            }
            Value::Map(entries)
        }
        (Value::List(below), Value::List(above)) => {
            Value::List(below.iter().chain(above).cloned().collect())
        }
        (_, above) => above.clone(),
    };
    Node {
        value,
        place: above.place.clone(),
    }
}

fn schemes(
    passwords: Option<&At<'_>>,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Vec<PasswordScheme> {
    let Some(passwords) = passwords.filter(|section| section.get("schemes").is_some()) else {
        return vec![PasswordScheme {
            version: Sourced::default_value(1),
            algorithm: PasswordAlgorithm::Argon2id,
            secret: None,
            unicode_normalization: Sourced::default_value(false),
        }];
    };
    passwords
        .sections("schemes", problems)
        .iter()
        .filter_map(|section| scheme(section, environment, problems))
        .collect()
}

fn scheme(
    section: &At<'_>,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Option<PasswordScheme> {
    let words = [
        ("bcrypt", PasswordAlgorithm::Bcrypt),
        ("argon2id", PasswordAlgorithm::Argon2id),
        ("pbkdf2", PasswordAlgorithm::Pbkdf2),
    ];
    let version = required(section, "version", problems)
        .and_then(|_| section.integer("version", 0..=65535, problems));
    let algorithm =
        required(section, "algorithm", problems).and_then(|at| word(&at, &words, problems));
    let secret = text_or_file(section, "secret", "secret_file", environment, problems);
    let unicode_normalization = section.switch_or(
        "unicode_normalization",
        Sourced::default_value(false),
        problems,
    );
    Some(PasswordScheme {
        version: version?.map(|version| u16::try_from(version).unwrap_or(u16::MAX)),
        algorithm: algorithm?,
        secret: secret.filter(|secret| !secret.value.reveal().is_empty()),
        unicode_normalization,
    })
}

/// The value of a key that must be there.
fn required<'a>(section: &At<'a>, key: &str, problems: &mut Diagnostics) -> Option<At<'a>> {
    let value = section.get(key);
    if value.is_none() {
        problems.push(section.problem(codes::E0604, &format!("has no `{key}`")));
    }
    value
}

fn word<T: Copy>(at: &At<'_>, words: &[(&str, T)], problems: &mut Diagnostics) -> Option<T> {
    let text = at.as_text(problems)?.value;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let list: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    let mut problem = at.problem(codes::E0607, &format!("must be one of {}", list.join(", ")));
    if let Some(near) = suggest::nearest(&text, words.iter().map(|(word, _)| *word)) {
        problem = problem.help(format!("did you mean `{near}`?"));
    }
    problems.push(problem);
    None
}

/// A text given directly or as the name of a file that holds it; both at once is an error.
fn text_or_file(
    section: &At<'_>,
    key: &str,
    file_key: &str,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Option<Sourced<Secret>> {
    let direct = section.secret(key, problems);
    let file = section.text(file_key, problems);
    match (direct, file) {
        (Some(direct), Some(file)) => {
            problems.push(contradiction(section, key, file_key, &file.origin));
            Some(direct)
        }
        (Some(direct), None) => Some(direct),
        (None, Some(file)) => match environment.files().read(Path::new(&file.value)) {
            Ok(text) => Some(file.map(|_| Secret::new(text))),
            Err(error) => {
                problems.push(
                    Diagnostic::error(
                        codes::E0612,
                        format!("the file `{}` cannot be read", file.value),
                    )
                    .note(error.to_string())
                    .note(format!("it is named by: {}", file.origin)),
                );
                None
            }
        },
        (None, None) => None,
    }
}

fn contradiction(section: &At<'_>, key: &str, other: &str, origin: &Origin) -> Diagnostic {
    section
        .problem(codes::E0605, &format!("has both `{key}` and `{other}`"))
        .note(format!("`{other}` comes from: {origin}"))
        .help("keep one of them, as MAS demands")
}

fn provider(section: &At<'_>, problems: &mut Diagnostics) -> Option<MasProvider> {
    let id = required(section, "id", problems)
        .and_then(|at| at.as_text(problems))
        .and_then(|text| {
            let id = ProviderId::from_ulid(&text.value);
            if id.is_none() {
                problems.push(
                    section
                        .problem(codes::E0607, "has an `id` that is no ULID")
                        .help("a ULID has 26 digits and capital letters, without I, L, O and U"),
                );
            }
            id.map(|id| Sourced::new(id, text.origin))
        });
    let provider = MasProvider {
        id: Sourced::default_value(ProviderId(0)),
        synapse_idp_id: section.text("synapse_idp_id", problems),
        enabled: section.switch_or("enabled", Sourced::default_value(true), problems),
        issuer: section.text("issuer", problems),
        client_id: section.text("client_id", problems),
        human_name: section.text("human_name", problems),
    };
    Some(MasProvider {
        id: id?,
        ..provider
    })
}

/// Keys of `database` that say in parts what `uri` says at once, with libpq's name for each.
const PARTS: [(&str, &str); 5] = [
    ("host", "host"),
    ("socket", "host"),
    ("port", "port"),
    ("username", "user"),
    ("database", "dbname"),
];

fn database(top: &At<'_>, environment: &Environment, problems: &mut Diagnostics) -> Given {
    let mut given = Given::new("MAS");
    let Some(section) = top.section("database", problems) else {
        return given;
    };
    let password = text_or_file(&section, "password", "password_file", environment, problems);
    if let Some(uri) = section.secret("uri", problems) {
        let separate = PARTS
            .iter()
            .map(|(key, _)| *key)
            .chain(["password", "password_file"])
            .filter_map(|key| section.get(key).map(|value| (key, value)));
        for (key, value) in separate {
            problems.push(contradiction(&section, "uri", key, &value.origin()));
        }
        given.add_string(&uri, problems);
    } else {
        for (key, keyword) in PARTS {
            let value = if key == "port" {
                section
                    .integer(key, 1..=65535, problems)
                    .map(|port| port.map(|port| port.to_string()))
            } else {
                section.text(key, problems)
            };
            if let Some(value) = value {
                given.keywords.push(Keyword {
                    name: keyword.to_owned(),
                    value: value.map(Secret::new),
                });
            }
        }
        if let (Some(_), Some(socket)) = (section.get("host"), section.get("socket")) {
            problems.push(contradiction(&section, "host", "socket", &socket.origin()));
        }
        if let Some(password) = password {
            // A file made by an editor ends with a line break, which no password has.
            let trimmed =
                password.map(|text| Secret::new(text.reveal().trim_end_matches(['\r', '\n'])));
            given.keywords.push(Keyword {
                name: "password".to_owned(),
                value: trimmed,
            });
        }
    }
    if let Some(mode) = section.secret("ssl_mode", problems) {
        given.keywords.push(Keyword {
            name: "sslmode".to_owned(),
            value: mode,
        });
    }
    let mut pem = |key: &str, keyword: &str| {
        let file_key = format!("{key}_file");
        let inline = section.secret(key, problems);
        let file = section.secret(&file_key, problems);
        if let (Some(_), Some(file)) = (&inline, &file) {
            problems.push(contradiction(&section, key, &file_key, &file.origin));
        }
        if let Some(file) = file {
            given.keywords.push(Keyword {
                name: keyword.to_owned(),
                value: file,
            });
        }
        inline.map(|text| text.map(Pem::Inline))
    };
    let roots = pem("ssl_ca", "sslrootcert");
    let certificate = pem("ssl_certificate", "sslcert");
    let key = pem("ssl_key", "sslkey");
    Given {
        roots,
        certificate,
        key,
        ..given
    }
}

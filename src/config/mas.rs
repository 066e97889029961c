//! What a migration needs to know of MAS's configuration.
//!
//! Takes the files as MAS does: YAML 1.2, several files merged deeply, `MAS_…` variables below all of
//! them. Only the keys named here are looked at.

use std::path::PathBuf;
use std::sync::Arc;

use super::delegation::SharedText;
use super::environment::Environment;
use super::files;
use super::generate::PLACEHOLDER;
use super::given::Given;
use super::mas_database::{database, text_or_file};
use super::provider_id::ProviderId;
use super::raw::{Node, Place, Scalar, Schema, Tree, Value};
use super::section::At;
use super::settings::Connections;
use crate::diagnostics::{Diagnostics, codes, suggest};
use crate::pg::{Origin, Secret, Sourced};

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
    /// `matrix.secret`, or what the file `matrix.secret_file` holds.
    pub matrix_secret: Option<SharedText>,
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
    /// Where a text still says what `config generate` writes for people to fill in.
    pub placeholders: Vec<Origin>,
    pub(super) database: Given,
    /// All of it, for what only some commands look at.
    pub(super) tree: Tree,
}

impl MasConfig {
    /// Reads the files in `paths`, which `flag` named; without any, those of `MAS_CONFIG`; without
    /// that, `config.yaml`. Without connections, what `database` says is not looked at.
    ///
    /// # Errors
    /// E0601 to E0612: all problems of all files together.
    pub fn read(
        paths: &[PathBuf],
        flag: &str,
        connections: Connections,
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
        let config = Self::from_tree(
            tree,
            names.collect(),
            connections,
            environment,
            &mut problems,
        );
        if problems.has_errors() {
            return Err(problems);
        }
        Ok(config)
    }

    fn from_tree(
        tree: Node,
        files: Vec<String>,
        connections: Connections,
        environment: &Environment,
        problems: &mut Diagnostics,
    ) -> Self {
        let tree = Tree::new(tree);
        let kept = tree.clone();
        let top = At::top(tree.node(), Schema::Core);
        let matrix = top.section("matrix", problems);
        let passwords = top.section("passwords", problems);
        let providers = top
            .section("upstream_oauth2", problems)
            .map(|section| section.sections("providers", problems))
            .unwrap_or_default();
        Self {
            files,
            homeserver: matrix
                .as_ref()
                .and_then(|section| section.text("homeserver", problems)),
            matrix_secret: matrix.as_ref().and_then(|section| {
                SharedText::read(section, "secret", "secret_file", environment, problems)
            }),
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
            placeholders: placeholders(&top),
            database: match connections {
                Connections::Needed => database(&top, environment, problems),
                Connections::NotNeeded => Given::new("MAS"),
            },
            tree: kept,
        }
    }
}

/// The texts that were to be filled in.
fn placeholders(at: &At<'_>) -> Vec<Origin> {
    if at.holds(PLACEHOLDER) {
        return vec![at.origin()];
    }
    at.children().iter().flat_map(placeholders).collect()
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

#[cfg(test)]
mod tests {
    use super::super::endpoint::resolve;
    use super::super::environment::testing::environment;
    use super::*;
    use crate::diagnostics::Diagnostic;
    use crate::pg::Pem;

    fn read(
        variables: &[(&str, &str)],
        files: &[(&str, &str)],
        paths: &[&str],
    ) -> Result<MasConfig, Vec<Diagnostic>> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        MasConfig::read(
            &paths,
            "`--config`",
            Connections::Needed,
            &environment(variables, files),
        )
        .map_err(Diagnostics::into_sorted)
    }

    fn one(text: &str) -> MasConfig {
        read(&[], &[("/m.yaml", text)], &["/m.yaml"]).unwrap()
    }

    fn wrong(text: &str) -> Vec<String> {
        read(&[], &[("/m.yaml", text)], &["/m.yaml"])
            .unwrap_err()
            .into_iter()
            .map(|problem| format!("{} {}", problem.code, problem.message))
            .collect()
    }

    fn keywords(config: &MasConfig) -> Vec<String> {
        config
            .database
            .keywords
            .iter()
            .map(|keyword| format!("{}={}", keyword.name, keyword.value.value.reveal()))
            .collect()
    }

    const SCHEME: &str = "{version: 1, algorithm: bcrypt}";

    #[test]
    fn files_merge_deeply() {
        let first = "matrix: {homeserver: a, kind: synapse}\npasswords: {schemes: [{version: 1, algorithm: bcrypt}]}\n";
        let second =
            "matrix: {homeserver: b}\npasswords: {schemes: [{version: 2, algorithm: argon2id}]}\n";
        let config = read(&[], &[("/1", first), ("/2", second)], &["/1", "/2"]).unwrap();
        let homeserver = config.homeserver.unwrap();
        assert_eq!(homeserver.value, "b");
        assert_eq!(homeserver.origin.to_string(), "`matrix.homeserver` in /2:1");
        let versions: Vec<u16> = config
            .password_schemes
            .iter()
            .map(|scheme| scheme.version.value)
            .collect();
        assert_eq!(versions, [1, 2]);
    }

    #[test]
    fn which_files() {
        let files = [
            ("/a", "matrix: {homeserver: a}"),
            ("/b", "matrix: {homeserver: b}"),
            ("config.yaml", "matrix: {homeserver: d}"),
        ];
        let homeserver = |variables: &[(&str, &str)], paths: &[&str]| {
            read(variables, &files, paths)
                .unwrap()
                .homeserver
                .unwrap()
                .value
        };
        assert_eq!(homeserver(&[], &[]), "d");
        assert_eq!(homeserver(&[("MAS_CONFIG", "/b:/a")], &[]), "a");
        assert_eq!(homeserver(&[("MAS_CONFIG", "/a")], &["/b"]), "b");
        let problems = read(&[("MAS_CONFIG", "/x:/y")], &[], &[]).unwrap_err();
        assert_eq!(problems.len(), 2);
        assert!(problems[0].notes[1].contains("`MAS_CONFIG`"));
        assert!(
            read(&[], &[], &[]).unwrap_err()[0]
                .message
                .contains("`config.yaml`")
        );
    }

    #[test]
    fn variables_lie_below_all_files() {
        let variables = [
            ("MAS_DATABASE_URI", "postgresql://v"),
            ("MAS_MATRIX_HOMESERVER", "v"),
            ("MAS_PASSWORDS_ENABLED", "false"),
        ];
        let config = read(&variables, &[("/m", "matrix: {homeserver: f}")], &["/m"]).unwrap();
        assert_eq!(config.homeserver.unwrap().value, "f");
        assert_eq!(
            keywords(&read(&variables, &[("/m", "")], &["/m"]).unwrap()),
            ["host=v"]
        );
        assert!(!config.passwords_enabled.value);
        assert_eq!(
            config.passwords_enabled.origin.to_string(),
            "environment variable `MAS_PASSWORDS_ENABLED`"
        );
    }

    #[test]
    fn no_is_text_and_a_repeated_key_is_an_error() {
        assert_eq!(
            wrong("passwords: {enabled: no}"),
            ["E0603 `passwords.enabled` must be `true` or `false`, found text"]
        );
        assert!(wrong("matrix: {}\nmatrix: {}")[0].starts_with("E0602"));
    }

    #[test]
    fn password_schemes() {
        let config = one("");
        assert_eq!(config.password_schemes.len(), 1);
        assert_eq!(
            config.password_schemes[0].algorithm,
            PasswordAlgorithm::Argon2id
        );
        assert!(one("passwords: {schemes: []}").password_schemes.is_empty());
        let text = "passwords: {schemes: [{version: 1, algorithm: bcrypt, secret: s, unicode_normalization: true}]}";
        let scheme = &one(text).password_schemes[0];
        assert_eq!(scheme.secret.as_ref().unwrap().value.reveal(), "s");
        assert!(scheme.unicode_normalization.value);
        assert!(
            one(&format!("passwords: {{schemes: [{SCHEME}]}}")).password_schemes[0]
                .secret
                .is_none()
        );
        assert_eq!(
            wrong("passwords: {schemes: [{version: x, algorithm: bycrpt}, {}]}"),
            [
                "E0603 `passwords.schemes[0].version` must be a whole number, found text",
                "E0604 `passwords.schemes[1]` has no `version`",
                "E0604 `passwords.schemes[1]` has no `algorithm`",
                "E0607 `passwords.schemes[0].algorithm` must be one of `bcrypt`, `argon2id`, `pbkdf2`",
            ]
            .into_iter()
            .collect::<Vec<_>>()
        );
    }

    #[test]
    fn secrets_can_be_in_files() {
        let text = "passwords: {schemes: [{version: 1, algorithm: bcrypt, secret_file: /s}]}";
        let config = read(&[], &[("/m", text), ("/s", "pepper\n")], &["/m"]).unwrap();
        // Kept to the last byte: MAS hashes with all of it.
        assert_eq!(
            config.password_schemes[0]
                .secret
                .as_ref()
                .unwrap()
                .value
                .reveal(),
            "pepper\n"
        );
        let problems = read(&[], &[("/m", text)], &["/m"]).unwrap_err();
        assert_eq!(problems[0].code, codes::E0612);
        let both =
            "passwords: {schemes: [{version: 1, algorithm: bcrypt, secret: x, secret_file: /s}]}";
        assert_eq!(
            read(&[], &[("/m", both), ("/s", "")], &["/m"]).unwrap_err()[0].code,
            codes::E0605
        );
    }

    #[test]
    fn providers() {
        let config = one(
            "upstream_oauth2:\n  providers:\n  - {id: 01H8PKNWKKRPCBW4YGH1RWV279, synapse_idp_id: oidc-k, issuer: i, client_id: c, human_name: h}\n  - {id: 01H8PKNWKKRPCBW4YGH1RWV27A, enabled: false}\n",
        );
        let first = &config.providers[0];
        assert_eq!(first.id.value.to_string(), "01H8PKNWKKRPCBW4YGH1RWV279");
        assert_eq!(first.synapse_idp_id.as_ref().unwrap().value, "oidc-k");
        assert!(first.enabled.value && !config.providers[1].enabled.value);
        assert_eq!(
            wrong("upstream_oauth2: {providers: [{id: keycloak}, {}, 5]}"),
            [
                "E0603 `upstream_oauth2.providers[2]` must be a map, found a number",
                "E0604 `upstream_oauth2.providers[1]` has no `id`",
                "E0607 `upstream_oauth2.providers[0]` has an `id` that is no ULID",
            ]
        );
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let found = wrong(
            "matrix: 5\npasswords: {enabled: 1}\naccount: {password_registration_enabled: x}\ndatabase: {port: 0}\n",
        );
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn the_database_in_parts() {
        let config = one(
            "database: {host: h, port: 5433, username: u, password: p, database: d, ssl_mode: require, ssl_ca_file: /ca}",
        );
        assert_eq!(
            keywords(&config),
            [
                "host=h",
                "port=5433",
                "user=u",
                "dbname=d",
                "password=p",
                "sslmode=require",
                "sslrootcert=/ca"
            ]
        );
        assert_eq!(
            keywords(&one("database: {socket: /run/pg}")),
            ["host=/run/pg"]
        );
        assert_eq!(
            wrong("database: {host: h, socket: /s}"),
            ["E0605 `database` has both `host` and `socket`"]
        );
        let file = [("/m", "database: {password_file: /p}"), ("/p", "secret\n")];
        assert_eq!(
            keywords(&read(&[], &file, &["/m"]).unwrap()),
            ["password=secret"]
        );
    }

    #[test]
    fn a_uri_excludes_the_parts() {
        assert_eq!(
            keywords(&one("database: {uri: 'postgresql://u@h/d'}")),
            ["user=u", "host=h", "dbname=d"]
        );
        assert_eq!(
            wrong("database: {uri: 'postgresql://', host: h, password: p}"),
            [
                "E0605 `database` has both `uri` and `host`",
                "E0605 `database` has both `uri` and `password`",
            ]
        );
        let tls = one("database: {uri: 'postgresql://h', ssl_mode: verify-ca, ssl_ca: PEM}");
        let environment = environment(&[], &[]);
        let endpoint = resolve(tls.database, &environment, &mut Diagnostics::new()).unwrap();
        assert_eq!(
            endpoint.tls.roots.unwrap().value,
            Pem::Inline(Secret::new("PEM"))
        );
    }

    #[test]
    fn the_default_database_is_libpqs() {
        assert!(keywords(&one("")).is_empty());
    }

    #[test]
    fn no_debug_form_shows_a_secret() {
        let config = one(
            "database: {uri: 'postgresql://u:hunter2@h'}\npasswords: {schemes: [{version: 1, algorithm: bcrypt, secret: hunter2}]}\n",
        );
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}

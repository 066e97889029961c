//! MAS's `database` section, in libpq's words; and secrets that may stand in files of their own.

use std::path::Path;

use super::environment::Environment;
use super::given::{Given, Keyword};
use super::section::At;
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::pg::{Origin, Pem, Secret, Sourced};

/// Keys of `database` that say in parts what `uri` says at once, with libpq's name for each.
const PARTS: [(&str, &str); 5] = [
    ("host", "host"),
    ("socket", "host"),
    ("port", "port"),
    ("username", "user"),
    ("database", "dbname"),
];

/// What the section says; contradictions are recorded.
pub(super) fn database(
    top: &At<'_>,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Given {
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

/// A text given directly or as the name of a file that holds it; both at once is an error.
pub(super) fn text_or_file(
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

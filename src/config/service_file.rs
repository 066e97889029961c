//! libpq's connection services: named groups of settings in `~/.pg_service.conf`.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::given::Keyword;
use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::pg::{Origin, Secret, Sourced};

/// Where packages put the system's service file, after `$PGSYSCONFDIR`.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/etc/postgresql-common", "/etc"];

/// The settings of `service`: from `named` or `$PGSERVICEFILE`, else from `~/.pg_service.conf`, else
/// from the system's file.
///
/// # Errors
/// E0609 if no file has the service, or the one that has it is malformed.
pub(super) fn find(
    service: &Sourced<String>,
    named: Option<Sourced<String>>,
    environment: &Environment,
) -> Result<Vec<Keyword>, Box<Diagnostic>> {
    let own = named
        .map(|file| PathBuf::from(file.value))
        .or_else(|| {
            environment
                .variable("PGSERVICEFILE")
                .filter(|file| !file.is_empty())
                .map(PathBuf::from)
        })
        .or_else(|| environment.in_home(".pg_service.conf"));
    let system = match environment.variable("PGSYSCONFDIR") {
        Some(directory) if !directory.is_empty() => vec![PathBuf::from(directory)],
        _ => SYSTEM_DIRECTORIES.iter().map(PathBuf::from).collect(),
    };
    let files: Vec<PathBuf> = own
        .into_iter()
        .chain(
            system
                .into_iter()
                .map(|directory| directory.join("pg_service.conf")),
        )
        .collect();
    let mut known = Vec::new();
    for file in &files {
        let Ok(text) = environment.files().read(file) else {
            continue;
        };
        if let Some(keywords) = section(&text, file, &service.value, &mut known)? {
            return Ok(keywords);
        }
    }
    let looked: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let mut problem = Diagnostic::error(
        codes::E0609,
        format!("there is no connection service `{}`", service.value),
    )
    .note(format!("it is asked for by: {}", service.origin))
    .note(format!("looked for in: {}", looked.join(", ")));
    if let Some(near) = suggest::help(&service.value, known.iter().map(String::as_str)) {
        problem = problem.help(near);
    }
    Err(Box::new(problem))
}

/// The settings under `[service]`, or `None` if the file has no such section.
fn section(
    text: &str,
    file: &Path,
    service: &str,
    known: &mut Vec<String>,
) -> Result<Option<Vec<Keyword>>, Box<Diagnostic>> {
    let mut found: Option<Vec<Keyword>> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            if found.is_some() {
                break;
            }
            known.push(name.to_owned());
            if name == service {
                found = Some(Vec::new());
            }
            continue;
        }
        let Some(keywords) = &mut found else {
            continue;
        };
        let malformed = |reason: &str| {
            Box::new(
                Diagnostic::error(
                    codes::E0609,
                    format!("the connection service `{service}` cannot be used"),
                )
                .note(format!("{}:{}: {reason}", file.display(), index + 1)),
            )
        };
        if line.starts_with("ldap") {
            return Err(malformed(
                "services that are looked up by LDAP are not supported",
            ));
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(malformed("a line must have the form `keyword=value`"));
        };
        if name == "service" || name == "servicefile" {
            return Err(malformed("a service cannot refer to another one"));
        }
        let origin = Origin::Service {
            file: file.display().to_string(),
            service: service.to_owned(),
        };
        keywords.push(Keyword {
            name: name.to_owned(),
            value: Sourced::new(Secret::new(value), origin),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::environment;
    use super::*;

    const FILE: &str = "# services\n[one]\nhost=h1\npassword=a b\n\n[two]\nhost=h2\n[bad]\nhunter2\n[nest]\nservice=one\n";

    fn look(service: &str, variables: &[(&str, &str)], path: &str) -> Result<String, Diagnostic> {
        let service = Sourced::new(service.to_owned(), Origin::Variable("PGSERVICE".to_owned()));
        let environment = environment(variables, &[(path, FILE)]);
        find(&service, None, &environment)
            .map(|keywords| {
                keywords
                    .iter()
                    .map(|keyword| {
                        format!(
                            "{}={} ({})",
                            keyword.name,
                            keyword.value.value.reveal(),
                            keyword.value.origin
                        )
                    })
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .map_err(|problem| *problem)
    }

    #[test]
    fn a_service_is_one_section() {
        let path = "/home/tester/.pg_service.conf";
        assert_eq!(
            look("one", &[], path).unwrap(),
            "host=h1 (service `one` in /home/tester/.pg_service.conf) password=a b (service `one` in /home/tester/.pg_service.conf)"
        );
        assert!(look("two", &[], path).unwrap().starts_with("host=h2"));
    }

    #[test]
    fn files_are_looked_for_where_libpq_does() {
        for (variables, path) in [
            (&[("PGSERVICEFILE", "/x/services")][..], "/x/services"),
            (&[("PGSYSCONFDIR", "/sys")][..], "/sys/pg_service.conf"),
            (&[][..], "/etc/postgresql-common/pg_service.conf"),
        ] {
            assert!(look("two", variables, path).is_ok(), "{path}");
        }
    }

    #[test]
    fn problems_are_named_without_values() {
        let path = "/home/tester/.pg_service.conf";
        let missing = look("tow", &[], path).unwrap_err();
        assert_eq!(missing.message, "there is no connection service `tow`");
        assert_eq!(missing.help, ["did you mean `two`?"]);
        let bad = look("bad", &[], path).unwrap_err();
        assert!(!format!("{bad:?}").contains("hunter2"));
        assert!(bad.notes[0].contains(".pg_service.conf:9: "));
        assert!(look("nest", &[], path).unwrap_err().notes[0].contains("another one"));
    }
}

//! libpq's password file, `~/.pgpass`.

use std::path::PathBuf;

use super::environment::{Environment, FileKind};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::pg::{Host, Origin, Secret, Sourced};

/// The lines of a password file. Has no `Debug`: it is full of secrets.
pub(super) struct PasswordFile {
    name: String,
    text: String,
}

impl PasswordFile {
    /// Reads `path`, else `~/.pgpass`. A file that is missing is none; one that others may read is
    /// ignored with warning W0601, as libpq ignores it.
    pub(super) fn open(
        path: Option<PathBuf>,
        environment: &Environment,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let path = path.or_else(|| environment.in_home(".pgpass"))?;
        let name = path.display().to_string();
        let facts = environment.files().facts(&path).ok()?;
        let reason = if facts.kind != FileKind::File {
            Some("it is no regular file".to_owned())
        } else if facts.mode & 0o077 != 0 {
            Some(format!(
                "others than its owner may use it (its mode is {:03o})",
                facts.mode & 0o777
            ))
        } else {
            None
        };
        let text = match reason {
            Some(reason) => Err(reason),
            None => environment
                .files()
                .read(&path)
                .map_err(|error| error.to_string()),
        };
        match text {
            Ok(text) => Some(Self { name, text }),
            Err(reason) => {
                problems.push(
                    Diagnostic::warning(
                        codes::W0601,
                        format!("the password file `{name}` is ignored"),
                    )
                    .note(reason)
                    .help(format!("`chmod 600 {name}`")),
                );
                None
            }
        }
    }

    /// The password of the first line that fits. A socket in a usual directory counts as
    /// `localhost`, another one as its directory.
    pub(super) fn find(
        &self,
        host: &Host,
        port: u16,
        database: &str,
        user: &str,
    ) -> Option<Sourced<Secret>> {
        let host = match host {
            Host::Tcp { name, .. } => name.clone(),
            Host::Socket(directory) => directory.display().to_string(),
        };
        let usual = super::endpoint::SOCKET_DIRECTORIES.contains(&host.as_str());
        let host = if usual { "localhost" } else { &host };
        let port = port.to_string();
        for (index, line) in self.text.lines().enumerate() {
            if line.starts_with('#') {
                continue;
            }
            let Some(fields) = fields(line) else {
                continue;
            };
            let [a, b, c, d, password] = fields;
            let fits = [(a, host), (b, port.as_str()), (c, database), (d, user)]
                .iter()
                .all(|(pattern, value)| pattern.matches(value));
            if fits {
                let origin = Origin::PasswordFile {
                    file: self.name.clone(),
                    line: u32::try_from(index + 1).unwrap_or(u32::MAX),
                };
                return Some(Sourced::new(Secret::new(password.text), origin));
            }
        }
        None
    }
}

/// A field without its escapes.
struct Field {
    text: String,
    /// Whether it is a lone `*` that was not escaped.
    any: bool,
}

impl Field {
    fn matches(&self, value: &str) -> bool {
        self.any || self.text == value
    }
}

/// `host:port:database:user:password`; `\` before `:` or itself takes it as it is. The password
/// ends with the line or an unescaped `:`.
fn fields(line: &str) -> Option<[Field; 5]> {
    let mut fields = Vec::new();
    let mut text = String::new();
    let mut raw_length = 0;
    let mut characters = line.chars();
    loop {
        let next = characters.next();
        match next {
            Some('\\') => {
                raw_length += 2;
                text.extend(characters.next());
                continue;
            }
            Some(character) if character != ':' => {
                raw_length += 1;
                text.push(character);
                continue;
            }
            Some(_) | None => {}
        }
        fields.push(Field {
            any: raw_length == 1 && text == "*",
            text: std::mem::take(&mut text),
        });
        raw_length = 0;
        if next.is_none() || fields.len() == 5 {
            return fields.try_into().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::{environment, environment_with_modes};
    use super::*;

    fn look(text: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
        let environment = environment(&[], &[("/home/tester/.pgpass", text)]);
        let mut problems = Diagnostics::new();
        let file = PasswordFile::open(None, &environment, &mut problems).unwrap();
        assert!(problems.is_empty());
        let host = if host.starts_with('/') {
            Host::Socket(host.into())
        } else {
            Host::Tcp {
                name: host.to_owned(),
                address: None,
            }
        };
        file.find(&host, port, database, user)
            .map(|found| format!("{}@{}", found.value.reveal(), found.origin))
    }

    #[test]
    fn the_first_line_that_fits_counts() {
        let text = "# h:5432:db:u:comment\nh:5432:db:other:no\nh:*:db:u:first\n*:*:*:*:last\n";
        let found = |host, database| look(text, host, 5432, database, "u");
        assert_eq!(
            found("h", "db").as_deref(),
            Some("first@password file /home/tester/.pgpass:3")
        );
        assert_eq!(
            found("g", "db").as_deref(),
            Some("last@password file /home/tester/.pgpass:4")
        );
        assert_eq!(look("h:5432:db:u:x", "h", 5433, "db", "u"), None);
    }

    #[test]
    fn colons_backslashes_and_stars_can_be_escaped() {
        let found = |line: &str, host: &str, database: &str| {
            look(line, host, 5432, database, "u")
                .map(|found| found.split('@').next().unwrap().to_owned())
        };
        assert_eq!(
            found(r"\:\:1:5432:d\\b:u:p\:q\\r", "::1", r"d\b").as_deref(),
            Some(r"p:q\r")
        );
        assert_eq!(found(r"h:5432:\*:u:p", "h", "db"), None);
        assert_eq!(found(r"h:5432:\*:u:p", "h", "*").as_deref(), Some("p"));
        assert_eq!(
            found("h:5432:db:u:p:ignored", "h", "db").as_deref(),
            Some("p")
        );
        assert_eq!(found("h:5432:db:u", "h", "db"), None);
        assert_eq!(found("", "h", "db"), None);
    }

    #[test]
    fn a_usual_socket_directory_counts_as_localhost() {
        let text = "localhost:*:*:*:local\n/srv/pg:*:*:*:own\n";
        let found = |host| look(text, host, 5432, "db", "u").unwrap();
        assert!(found("/var/run/postgresql").starts_with("local@"));
        assert!(found("/srv/pg").starts_with("own@"));
    }

    #[test]
    fn a_file_that_others_may_read_is_ignored_with_a_warning() {
        for (mode, ignored) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true)] {
            let files = [("/home/tester/.pgpass", "*:*:*:*:hunter2", mode)];
            let environment = environment_with_modes(&[], &files);
            let mut problems = Diagnostics::new();
            let file = PasswordFile::open(None, &environment, &mut problems);
            assert_eq!(file.is_none(), ignored, "{mode:o}");
            assert!(!problems.has_errors());
            let problems = problems.into_sorted();
            assert_eq!(problems.len(), usize::from(ignored));
            assert!(!format!("{problems:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_missing_file_is_none() {
        let mut problems = Diagnostics::new();
        let environment = environment(&[], &[]);
        assert!(PasswordFile::open(None, &environment, &mut problems).is_none());
        assert!(problems.is_empty());
    }
}

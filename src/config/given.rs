//! Connection settings as they were written down: explicit ones, then the service file's, then the
//! environment's, and the check that all of them are known.

use std::time::Duration;

use super::connection_string;
use super::environment::Environment;
use super::keywords::{self, KEYWORDS, Use};
use super::service_file;
use crate::diagnostics::{Diagnostic, Diagnostics, codes, suggest};
use crate::pg::{Origin, Pem, Secret, Sourced};

/// One explicit connection setting. Its value is hidden, because some are secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// libpq's name for it.
    pub name: String,
    /// Its value.
    pub value: Sourced<Secret>,
}

/// Explicit settings of one side, before defaults.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    /// What messages call the side.
    pub(super) name: &'static str,
    /// Settings; of equal names the last counts.
    pub(super) keywords: Vec<Keyword>,
    /// Root certificates given as text.
    pub(super) roots: Option<Sourced<Pem>>,
    /// Client certificate given as text.
    pub(super) certificate: Option<Sourced<Pem>>,
    /// Its key given as text.
    pub(super) key: Option<Sourced<Pem>>,
}

impl Given {
    /// No settings for the side that messages call `name`.
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Adds what a connection string says, in libpq's words and those of MAS's database driver.
    pub(super) fn add_string(&mut self, text: &Sourced<Secret>, problems: &mut Diagnostics) {
        let pairs = match connection_string::parse(text.value.reveal()) {
            Ok(pairs) => pairs,
            Err(reason) => {
                problems.push(
                    Diagnostic::error(
                        codes::E0608,
                        format!("the connection string of the {} database is malformed", self.name),
                    )
                    .note(reason)
                    .note(format!("it comes from: {}", text.origin))
                    .help("its form is `postgresql://user:password@host:port/database?sslmode=…`; special characters are percent-encoded"),
                );
                return;
            }
        };
        for (name, value) in pairs {
            let mut add = |name: &str, value: String| {
                self.keywords.push(Keyword {
                    name: name.to_owned(),
                    value: Sourced::new(Secret::new(value), text.origin.clone()),
                });
            };
            // `options[name]=value` and its kin are the driver's, not libpq's.
            let setting = name
                .strip_prefix("options[")
                .and_then(|rest| rest.strip_suffix(']'));
            if let Some(setting) = setting {
                add("options", format!("-c {setting}={value}"));
            } else if name != "statement-cache-capacity" {
                add(keywords::mas_alias(&name).unwrap_or(&name), value);
            }
        }
    }
}

/// Explicit settings, then the service file's, then the environment's.
pub(super) struct Layers<'a> {
    /// What messages call the side.
    pub(super) side: &'static str,
    /// Explicit settings, with libpq's names.
    pub(super) explicit: Vec<Keyword>,
    service: Vec<Keyword>,
    environment: &'a Environment,
}

impl<'a> Layers<'a> {
    /// Finds all layers and records settings that are unknown or cannot be honoured.
    pub(super) fn new(
        given: &Given,
        environment: &'a Environment,
        problems: &mut Diagnostics,
    ) -> Self {
        let mut layers = Self {
            side: given.name,
            explicit: one_dbname(given, problems),
            service: Vec::new(),
            environment,
        };
        if let Some(service) = layers.text("service") {
            let file = layers.text("servicefile");
            match service_file::find(&service, file, environment) {
                Ok(keywords) => layers.service = keywords,
                Err(problem) => problems.push(*problem),
            }
        }
        layers.check_names(problems);
        layers
    }

    /// The value of a keyword, from the first layer that has it.
    pub(super) fn get(&self, name: &str) -> Option<Sourced<Secret>> {
        let last = |keywords: &[Keyword]| {
            keywords
                .iter()
                .rev()
                .find(|keyword| keyword.name == name)
                .map(|keyword| keyword.value.clone())
        };
        last(&self.explicit)
            .or_else(|| last(&self.service))
            .or_else(|| {
                let variable = keywords::find(name)?.variable?;
                let value = self.environment.variable(variable)?;
                Some(Sourced::new(
                    Secret::new(value),
                    Origin::Variable(variable.to_owned()),
                ))
            })
            // An empty value stands for the default, and hides the layers below.
            .filter(|value| !value.value.reveal().is_empty())
    }

    /// The same as text, for what is not secret.
    pub(super) fn text(&self, name: &str) -> Option<Sourced<String>> {
        self.get(name)
            .map(|value| value.map(|value| value.reveal().to_owned()))
    }

    fn check_names(&self, problems: &mut Diagnostics) {
        for keyword in self.explicit.iter().chain(&self.service) {
            if keywords::find(&keyword.name).is_none() {
                let mut problem = Diagnostic::error(
                    codes::E0606,
                    format!(
                        "`{}` is no connection setting of PostgreSQL ({} database)",
                        keyword.name, self.side
                    ),
                )
                .note(format!("it comes from: {}", keyword.value.origin));
                let known = KEYWORDS.iter().map(|known| known.name);
                if let Some(help) = suggest::help(&keyword.name, known) {
                    problem = problem.help(help);
                }
                problems.push(problem);
            }
        }
        for known in KEYWORDS {
            let Use::OnlyWith(allowed) = known.usage else {
                continue;
            };
            let Some(value) = self.get(known.name) else {
                continue;
            };
            if allowed.contains(&value.value.reveal()) {
                continue;
            }
            let problem = Diagnostic::error(
                codes::E0611,
                format!(
                    "the connection setting `{}` is not supported ({} database)",
                    known.name, self.side
                ),
            )
            .note(format!("it comes from: {}", value.origin))
            .note("leaving it out silently would weaken what was asked for");
            problems.push(if allowed.is_empty() {
                problem.help("leave it out, or connect through a server or proxy that enforces it")
            } else {
                problem.help(format!(
                    "leave it out, or set it to `{}`",
                    allowed.join("` or `")
                ))
            });
        }
    }

    /// A problem with the value of one keyword.
    pub(super) fn bad_value(&self, name: &str, origin: &Origin, expected: &str) -> Diagnostic {
        Diagnostic::error(
            codes::E0607,
            format!(
                "the connection setting `{name}` must be {expected} ({} database)",
                self.side
            ),
        )
        .note(format!("it comes from: {origin}"))
    }

    /// The value of a keyword that is one word of several.
    pub(super) fn word<T: Copy>(
        &self,
        name: &str,
        words: &[(&str, T)],
        problems: &mut Diagnostics,
    ) -> Option<Sourced<T>> {
        let text = self.text(name)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Sourced::new(*value, text.origin));
        }
        let list: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let mut problem =
            self.bad_value(name, &text.origin, &format!("one of {}", list.join(", ")));
        if let Some(near) = suggest::nearest(&text.value, words.iter().map(|(word, _)| *word)) {
            problem = problem.help(format!("did you mean `{near}`?"));
        }
        problems.push(problem);
        None
    }

    /// The value of a keyword that is a whole number.
    pub(super) fn number(&self, name: &str, problems: &mut Diagnostics) -> Option<Sourced<i64>> {
        let text = self.text(name)?;
        match text.value.trim().parse() {
            Ok(number) => Some(Sourced::new(number, text.origin)),
            Err(_) => {
                problems.push(self.bad_value(name, &text.origin, "a whole number"));
                None
            }
        }
    }

    /// A number of `unit`s that is above zero; zero and below mean the system's own.
    pub(super) fn duration(
        &self,
        name: &str,
        unit: Duration,
        problems: &mut Diagnostics,
    ) -> Option<Duration> {
        let number = self.number(name, problems)?.value;
        u32::try_from(number)
            .ok()
            .filter(|count| *count > 0)
            .map(|count| unit.saturating_mul(count))
    }

    /// The value of a keyword that is `1` or `0`.
    pub(super) fn switch(&self, name: &str, problems: &mut Diagnostics) -> Option<bool> {
        self.word(name, &[("1", true), ("0", false)], problems)
            .map(|value| value.value)
    }
}

/// The explicit settings with the old name `database` made `dbname`; both at once is an error.
fn one_dbname(given: &Given, problems: &mut Diagnostics) -> Vec<Keyword> {
    let mut explicit = given.keywords.clone();
    let has_dbname = explicit.iter().any(|keyword| keyword.name == "dbname");
    for keyword in explicit
        .iter_mut()
        .filter(|keyword| keyword.name == "database")
    {
        if has_dbname {
            problems.push(
                Diagnostic::error(
                    codes::E0605,
                    format!(
                        "`database` and `dbname` are both set for the {} database",
                        given.name
                    ),
                )
                .note(format!("`database` comes from: {}", keyword.value.origin))
                .help("keep `dbname`; `database` is its old name"),
            );
        }
        "dbname".clone_into(&mut keyword.name);
    }
    explicit
}

//! A page for every finding: what it means, who is concerned, what becomes of the rows, what to do.
//!
//! This is the one list of finding ids. `check --explain-finding` prints a page,
//! `docs/reference/findings.md` is made of all of them, and `--accept` knows an id by it. The texts
//! of reasons are those of the bundled mapping; here stands only what it does not say.

mod configuration;
mod databases;
mod live;
mod rows;

use std::fmt::Write;

use crate::config::is_said_of_configurations;
use crate::diagnostics::suggest;
use crate::plan::{Plan, Reason, ReasonSeverity};
use crate::types::SeverityValue;

use super::operator::findings::wrap;
use super::operator::sql_text;

/// What a finding is about. Findings of one severity are listed in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The two configurations.
    Configuration,
    /// The two databases as they are.
    Databases,
    /// Accounts and what belongs to them.
    Accounts,
    /// Passwords and single sign-on.
    SignIn,
    /// Devices and tokens.
    Sessions,
    /// What only a mapping of one's own can bring about.
    Mapping,
}

impl Group {
    /// All, in order.
    pub const ALL: [Self; 6] = [
        Self::Configuration,
        Self::Databases,
        Self::Accounts,
        Self::SignIn,
        Self::Sessions,
        Self::Mapping,
    ];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Databases => "databases",
            Self::Accounts => "accounts",
            Self::SignIn => "passwords and single sign-on",
            Self::Sessions => "devices and tokens",
            Self::Mapping => "the mapping",
        }
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Always an error: it cannot be accepted.
    Error,
    /// A warning.
    Warning,
    /// What the bundled mapping says of its reason.
    OfReason,
}

/// Where the meaning, the remedy and the SQL stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// Here.
    Own {
        /// What it means.
        meaning: &'static str,
        /// What to do about it.
        remedy: &'static str,
        /// A query to look.
        sql: Option<&'static str>,
    },
    /// At the reason of the same name.
    OfReason,
}

/// What is to be said of one finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The finding's id. `<side>` stands for `source` or `target`, another name in such brackets for
    /// a name out of a database or a mapping.
    pub id: &'static str,
    /// How much it matters.
    pub weight: Weight,
    /// What it is about.
    pub group: Group,
    /// Meaning and remedy.
    pub words: Words,
    /// Who is concerned.
    pub who: &'static str,
    /// What becomes of the rows, or of the run.
    pub rows: &'static str,
}

impl Page {
    const fn error(group: Group, id: &'static str) -> Self {
        Self::new(group, id, Weight::Error)
    }

    const fn warning(group: Group, id: &'static str) -> Self {
        Self::new(group, id, Weight::Warning)
    }

    const fn reason(group: Group, id: &'static str) -> Self {
        Self {
            words: Words::OfReason,
            ..Self::new(group, id, Weight::OfReason)
        }
    }

    const fn new(group: Group, id: &'static str, weight: Weight) -> Self {
        Self {
            id,
            weight,
            group,
            words: Words::Own {
                meaning: "",
                remedy: "",
                sql: None,
            },
            who: "",
            rows: "",
        }
    }

    const fn means(mut self, meaning: &'static str, remedy: &'static str) -> Self {
        self.words = Words::Own {
            meaning,
            remedy,
            sql: None,
        };
        self
    }

    const fn sql(mut self, query: &'static str) -> Self {
        if let Words::Own {
            meaning, remedy, ..
        } = self.words
        {
            self.words = Words::Own {
                meaning,
                remedy,
                sql: Some(query),
            };
        }
        self
    }

    const fn concerns(mut self, who: &'static str, rows: &'static str) -> Self {
        self.who = who;
        self.rows = rows;
        self
    }

    /// Whether it is the page of that finding.
    fn is_of(&self, id: &str) -> bool {
        let (pattern, id) = match self.id.strip_prefix("<side>_") {
            None => (self.id, id),
            Some(rest) => match id
                .strip_prefix("source_")
                .or_else(|| id.strip_prefix("target_"))
            {
                Some(id) => (rest, id),
                None => return false,
            },
        };
        match (pattern.split_once('<'), pattern.split_once('>')) {
            (Some((before, _)), Some((_, after))) => {
                id.len() > before.len() + after.len()
                    && id.starts_with(before)
                    && id.ends_with(after)
            }
            _ => pattern == id,
        }
    }

    /// Whether the id holds a name that is not known beforehand.
    fn is_family(&self) -> bool {
        self.id.contains('<')
    }

    /// The ids it has, spelt out as far as they can be.
    pub fn ids(&self) -> Vec<String> {
        match self.id.strip_prefix("<side>_") {
            Some(rest) => ["source", "target"]
                .iter()
                .map(|side| format!("{side}_{rest}"))
                .collect(),
            None => vec![self.id.to_owned()],
        }
    }

    /// The reason whose texts it shows.
    fn reason_of<'p>(&self, plan: &'p Plan) -> Option<&'p Reason> {
        match self.words {
            Words::Own { .. } => None,
            Words::OfReason => plan.reasons.iter().find(|reason| reason.name == self.id),
        }
    }

    /// How much it matters, in a word; `plan` is that of the bundled mapping.
    pub fn severity(&self, plan: &Plan) -> &'static str {
        match self.weight {
            Weight::Error => "error",
            Weight::Warning => "warning",
            Weight::OfReason => match self.reason_of(plan).map(|reason| &reason.severity) {
                Some(ReasonSeverity::Fixed(SeverityValue::Error)) => "error",
                Some(ReasonSeverity::Fixed(SeverityValue::Warn)) => "warning",
                Some(ReasonSeverity::Fixed(SeverityValue::Quiet)) => {
                    "quiet: counted in the table, no finding"
                }
                Some(ReasonSeverity::Param(_)) => "a parameter of the mapping decides",
                None => "",
            },
        }
    }

    /// Its parts under their headings; `plan` is that of the bundled mapping.
    pub fn parts(&self, plan: &Plan) -> Vec<(&'static str, String)> {
        let reason = self.reason_of(plan);
        let (meaning, remedy, sql) = match (self.words, reason) {
            (
                Words::Own {
                    meaning,
                    remedy,
                    sql,
                },
                _,
            ) => (meaning, remedy, sql),
            (Words::OfReason, Some(reason)) => (
                reason.meaning.as_str(),
                reason.help.as_str(),
                reason.sql.as_deref(),
            ),
            (Words::OfReason, None) => ("", "", None),
        };
        let mut severity = self.severity(plan).to_owned();
        if let Some(ReasonSeverity::Param(param)) = reason.map(|reason| &reason.severity)
            && let Some(param) = plan.params.get(*param)
        {
            let _ = write!(severity, ": `--set {}=error|warn|quiet`", param.name);
        }
        [
            ("Severity", severity.as_str()),
            ("What it means", meaning),
            ("Who is concerned", self.who),
            ("What happens", self.rows),
            ("What to do", remedy),
            ("SQL", sql.unwrap_or_default()),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(heading, text)| (heading, text.to_owned()))
        .collect()
    }

    /// The page as text of 80 columns.
    pub fn text(&self, id: &str, plan: &Plan) -> String {
        let mut text = format!("{id}\n");
        for (heading, words) in self.parts(plan) {
            let words = if heading == "SQL" {
                sql_text::wrap(&words, "  ")
            } else {
                wrap(&words, "  ")
            };
            // Writing into a String cannot fail.
            let _ = write!(text, "\n{heading}\n{words}\n");
        }
        text
    }
}

/// All pages, group by group.
pub fn pages() -> impl Iterator<Item = &'static Page> {
    configuration::PAGES
        .iter()
        .chain(databases::PAGES)
        .chain(rows::PAGES)
        .chain(live::PAGES)
}

/// The page of a finding.
pub fn page(id: &str) -> Option<&'static Page> {
    pages()
        .find(|page| page.id == id)
        .or_else(|| pages().find(|page| page.is_family() && page.is_of(id)))
}

/// What a finding is about. What the `config` commands alone say has no page, and neither have the
/// reasons of a mapping of one's own.
pub fn group(id: &str) -> Group {
    match page(id) {
        Some(page) => page.group,
        None if !is_said_of_configurations(id) => Group::Mapping,
        None if ["provider_", "password"]
            .iter()
            .any(|start| id.starts_with(start)) =>
        {
            Group::SignIn
        }
        None => Group::Configuration,
    }
}

/// What was perhaps meant by an id that no finding has: one of the pages', or of `others`.
pub fn suggestion<'a>(id: &str, others: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let others = others.into_iter().map(str::to_owned);
    let ids: Vec<String> = pages()
        .filter(|page| !page.is_family() || page.id.matches('<').count() == 1)
        .flat_map(Page::ids)
        .filter(|id| !id.contains('<'))
        .chain(others)
        .collect();
    suggest::nearest(id, ids.iter().map(String::as_str)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_known_by_what_stands_around_the_name() {
        assert_eq!(page("orphan").unwrap().id, "orphan");
        assert_eq!(
            page("source_users_missing").unwrap().id,
            "<side>_<object>_missing"
        );
        assert_eq!(
            page("target_database_empty").unwrap().id,
            "<side>_database_empty"
        );
        assert_eq!(page("duplicate_key").unwrap().id, "duplicate_key");
        assert_eq!(
            page("duplicate_users_username_key").unwrap().id,
            "duplicate_<key>"
        );
        assert!(page("sideways_users_missing").is_none());
        assert!(page("duplicate_").is_none());
        assert!(page("orphans").is_none());
        assert_eq!(suggestion("orphans", []).as_deref(), Some("orphan"));
        assert_eq!(
            suggestion("sourcedatabase_empty", []).as_deref(),
            Some("source_database_empty")
        );
        assert_eq!(
            suggestion("my_raeson", ["my_reason"]).as_deref(),
            Some("my_reason")
        );
        assert_eq!(suggestion("entirely_else", []), None);
    }

    #[test]
    fn what_the_config_commands_say_is_about_configurations() {
        for warning in crate::config::warning_reference() {
            assert_ne!(group(warning.id), Group::Mapping, "{}", warning.id);
        }
        for option in crate::config::option_reference() {
            if let Some(id) = option.finding {
                assert_ne!(group(id), Group::Mapping, "{id}");
            }
        }
        assert_eq!(group("provider_client_secret_differs"), Group::SignIn);
        assert_eq!(group("registration_tokens"), Group::Configuration);
        assert_eq!(group("a_reason_of_ours"), Group::Mapping);
    }

    #[test]
    fn ids_are_told_once() {
        let mut ids: Vec<&str> = pages().map(|page| page.id).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }

    #[test]
    fn each_page_says_everything_in_the_style_of_findings() {
        for page in pages() {
            let mut texts = vec![page.who, page.rows];
            if let Words::Own {
                meaning, remedy, ..
            } = page.words
            {
                texts.extend([meaning, remedy]);
            }
            for text in texts {
                assert!(!text.is_empty(), "{}", page.id);
                assert!(!text.ends_with('.'), "{}: {text}", page.id);
                let first = text.chars().next().unwrap();
                let name = ["Synapse", "MAS", "PostgreSQL"]
                    .iter()
                    .any(|name| text.starts_with(name));
                assert!(!first.is_uppercase() || name, "{}: {text}", page.id);
            }
        }
    }
}

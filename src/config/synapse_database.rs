//! Which of Synapse's databases holds the accounts, and its settings in libpq's words.

use super::given::Keyword;
use super::section::At;
use super::synapse::SynapseDatabase;
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::pg::Secret;

/// The database that holds the accounts: `database`, or that of `databases` which holds the data
/// store `main`.
pub(super) fn database(top: &At<'_>, problems: &mut Diagnostics) -> Option<SynapseDatabase> {
    let single = top.section("database", problems);
    let Some(several) = top.section("databases", problems) else {
        return one_database(&single?, problems);
    };
    if let Some(single) = single {
        problems.push(
            several
                .problem(codes::E0605, "and `database` are both there")
                .note(format!("`database` comes from: {}", single.origin()))
                .help("keep one of them, as Synapse demands"),
        );
        return None;
    }
    let mut main = Vec::new();
    for (_, section) in several.entries() {
        if !section.is_map() {
            problems.push(section.problem(codes::E0603, "must be a map"));
            continue;
        }
        let stores = section.items("data_stores", problems);
        let holds_main = stores.is_empty()
            || stores.iter().any(|store| {
                store
                    .as_text(problems)
                    .is_some_and(|store| store.value == "main")
            });
        if holds_main {
            main.push(section);
        }
    }
    match main.as_slice() {
        [section] => one_database(section, problems),
        [] => {
            problems.push(
                several
                    .problem(codes::E0604, "has no database for the data store `main`")
                    .help(
                        "list `main` in the `data_stores` of the database that holds the accounts",
                    ),
            );
            None
        }
        [first, second, ..] => {
            problems.push(several.problem(
                codes::E0605,
                &format!(
                    "gives the data store `main` to two databases, `{}` and `{}`",
                    first.path(),
                    second.path()
                ),
            ));
            None
        }
    }
}

fn one_database(section: &At<'_>, problems: &mut Diagnostics) -> Option<SynapseDatabase> {
    let Some(name) = section.text("name", problems) else {
        if section.get("name").is_none() {
            problems.push(
                section
                    .problem(codes::E0604, "has no `name`")
                    .help("write `name: psycopg2` for PostgreSQL"),
            );
        }
        return None;
    };
    match name.value.as_str() {
        "sqlite3" => Some(SynapseDatabase::Sqlite {
            origin: name.origin,
        }),
        "psycopg2" => Some(SynapseDatabase::Postgres {
            origin: section.origin(),
            arguments: arguments(section, problems),
        }),
        _ => {
            problems.push(
                Diagnostic::error(
                    codes::E0607,
                    format!("`{}.name` is no database engine of Synapse", section.path()),
                )
                .note(format!("it comes from: {}", name.origin))
                .help("write `psycopg2` for PostgreSQL (`sqlite3` cannot be migrated from)"),
            );
            None
        }
    }
}

fn arguments(section: &At<'_>, problems: &mut Diagnostics) -> Vec<Keyword> {
    let Some(args) = section.section("args", problems) else {
        return Vec::new();
    };
    let mut keywords = Vec::new();
    for (name, value) in args.entries() {
        // Pool settings are Synapse's own; a null argument is none for psycopg2.
        if name.starts_with("cp_") || args.get(name).is_none() {
            continue;
        }
        if let Some(text) = value.as_text(problems) {
            keywords.push(Keyword {
                name: name.to_owned(),
                value: text.map(Secret::new),
            });
        }
    }
    keywords
}

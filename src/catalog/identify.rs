//! Whether a database is of the kind that a mapping expects, and in which version.

use super::{Catalog, SupportedVersions};
use crate::catalog::needs::Side;
use crate::catalog::told::finding;
use crate::diagnostics::{Diagnostic, Finding, codes};

/// What a database looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What was expected.
    Expected,
    /// What was expected of the other side, whole: the two were swapped.
    Swapped,
    /// It has none of the tables that either side is known by.
    Empty,
    /// Something else; these tables are missing.
    Unknown(Vec<String>),
}

/// How a database's schema version stands to those that are known to work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Within them, or the catalog names none.
    Supported,
    /// Older than the oldest that has everything a mapping uses.
    TooOld,
    /// Newer than the newest that was tested.
    Untested,
    /// The database notes no version.
    NotNoted,
}

/// What a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identification {
    /// What it looks like.
    pub kind: Kind,
    /// Its schema version, where it notes one.
    pub version: Option<i64>,
    /// What is known of that version; only meaningful for [`Kind::Expected`].
    pub support: Support,
}

/// Says what a database is. `live` holds at least those tables of both catalogs' identities that
/// exist there; `version` is what stands in `own`'s version column, if that table exists.
pub fn identify(
    live: &Catalog,
    version: Option<i64>,
    own: &Catalog,
    other: &Catalog,
) -> Identification {
    let missing = |known: &Catalog| -> Vec<String> {
        (known.identity.tables.iter())
            .filter(|table| !live.tables.contains_key(*table))
            .cloned()
            .collect()
    };
    let has_any = |known: &Catalog| missing(known).len() < known.identity.tables.len();
    let own_missing = missing(own);
    let kind = if own_missing.is_empty() {
        Kind::Expected
    } else if !other.identity.tables.is_empty() && missing(other).is_empty() {
        Kind::Swapped
    } else if !has_any(own) && !has_any(other) {
        Kind::Empty
    } else {
        Kind::Unknown(own_missing)
    };
    let support = match (version, own.identity.supported) {
        (_, None) => Support::Supported,
        (None, Some(_)) => Support::NotNoted,
        (Some(version), Some(SupportedVersions { oldest, .. })) if version < oldest => {
            Support::TooOld
        }
        (Some(version), Some(SupportedVersions { newest, .. })) if version > newest => {
            Support::Untested
        }
        (Some(_), Some(_)) => Support::Supported,
    };
    Identification {
        kind,
        version,
        support,
    }
}

impl Identification {
    /// What to tell people, if anything is not as it should be: E0648 for a database of another
    /// kind or a version that is too old, W0648 for one that was not tested. `own` and `other` are
    /// the catalogs given to [`identify`]; `side` says which database it is.
    pub fn problem(
        &self,
        side: Side,
        own: &Catalog,
        other: &Catalog,
    ) -> Option<(Finding, Diagnostic)> {
        let expected = &own.catalog;
        let (id, diagnostic) = match (&self.kind, self.support) {
            (Kind::Swapped, _) => (
                "swapped",
                Diagnostic::error(
                    codes::E0648,
                    format!(
                        "the {side} database looks like `{}`, expected `{expected}`",
                        other.catalog
                    ),
                )
                .help("swap the settings of the two databases"),
            ),
            (Kind::Empty, _) => (
                "empty",
                Diagnostic::error(
                    codes::E0648,
                    format!("the {side} database has no tables of `{expected}`"),
                )
                .help(match side {
                    Side::Source => "check the name of the database and the schema",
                    Side::Target => {
                        "check the name of the database and the schema; if they are right, let \
                         the product create its tables first"
                    }
                }),
            ),
            (Kind::Unknown(missing), _) => {
                let missing: Vec<_> = missing.iter().map(|name| format!("`{name}`")).collect();
                (
                    "not_recognised",
                    Diagnostic::error(
                        codes::E0648,
                        format!("the {side} database is not recognised as `{expected}`"),
                    )
                    .note(format!("tables that are missing: {}", missing.join(", ")))
                    .help("check the name of the database and the schema"),
                )
            }
            (Kind::Expected, Support::Supported) => return None,
            (Kind::Expected, Support::TooOld) => (
                "version_too_old",
                self.range_note(
                    own,
                    Diagnostic::error(
                        codes::E0648,
                        format!(
                            "the schema version {} of the {side} database is too old",
                            self.version.unwrap_or_default()
                        ),
                    ),
                )
                .help("upgrade the product that the database belongs to, then try again"),
            ),
            (Kind::Expected, Support::Untested) => (
                "version_not_tested",
                self.range_note(
                    own,
                    Diagnostic::warning(
                        codes::W0648,
                        format!(
                            "the schema version {} of the {side} database was not tested",
                            self.version.unwrap_or_default()
                        ),
                    ),
                )
                .help("look for a newer mapwright; the tables themselves are compared in any case"),
            ),
            (Kind::Expected, Support::NotNoted) => (
                "version_not_noted",
                self.range_note(
                    own,
                    Diagnostic::error(
                        codes::E0648,
                        format!("the {side} database notes no schema version"),
                    ),
                )
                .help("let the product that the database belongs to finish creating its tables"),
            ),
        };
        let id = format!("{side}_database_{id}");
        Some((finding(&id, Vec::new(), &diagnostic), diagnostic))
    }

    fn range_note(&self, own: &Catalog, diagnostic: Diagnostic) -> Diagnostic {
        match own.identity.supported {
            Some(range) => diagnostic.note(format!(
                "`{}` is supported from schema version {} to {}",
                own.catalog, range.oldest, range.newest
            )),
            None => diagnostic,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Files;
    use crate::catalog::snapshot::from_yaml;
    use crate::diagnostics::FindingSeverity;

    fn catalog(text: &str) -> Catalog {
        let mut files = Files::new();
        let file = files.add("test.yaml", text);
        from_yaml(&files, file).unwrap_or_else(|found| panic!("{found:#?}"))
    }

    fn shop() -> Catalog {
        catalog(
            "catalog: shop
version: '7'
title: a shop
identity: {tables: [orders, users], version: {table: orders, column: v}, supported: {oldest: 3, newest: 7}}
tables:
  orders: {columns: [{name: v, type: bigint}]}
  users: {columns: []}
",
        )
    }

    fn forum() -> Catalog {
        catalog(
            "catalog: forum
version: '1'
title: a forum
identity: {tables: [posts, users]}
tables:
  posts: {columns: []}
  users: {columns: []}
",
        )
    }

    /// `id: message | notes`, for a database with those tables.
    fn told(tables: &[&str], version: Option<i64>) -> Option<String> {
        let mut live = forum();
        live.tables = (tables.iter())
            .map(|name| ((*name).to_owned(), super::super::Table::default()))
            .collect();
        let found = identify(&live, version, &shop(), &forum());
        let (finding, diagnostic) = found.problem(Side::Source, &shop(), &forum())?;
        assert_eq!(diagnostic.help, [finding.remedy]);
        let warning = diagnostic.code == codes::W0648;
        assert_eq!(finding.severity == FindingSeverity::Warning, warning);
        let notes = diagnostic.notes.join(" | ");
        Some(format!("{}: {} | {notes}", finding.id, diagnostic.message))
    }

    #[test]
    fn each_case_is_told_apart() {
        let both = &["orders", "users"][..];
        let range = "`shop` is supported from schema version 3 to 7";
        let cases = [
            (both, Some(3), None),
            (both, Some(7), None),
            (
                both,
                Some(2),
                Some(format!(
                    "source_database_version_too_old: the schema version 2 of the source database is too old | {range}"
                )),
            ),
            (
                both,
                Some(8),
                Some(format!(
                    "source_database_version_not_tested: the schema version 8 of the source database was not tested | {range}"
                )),
            ),
            (
                both,
                None,
                Some(format!(
                    "source_database_version_not_noted: the source database notes no schema version | {range}"
                )),
            ),
            (
                &["posts", "users"],
                None,
                Some("source_database_swapped: the source database looks like `forum`, expected `shop` | ".to_owned()),
            ),
            (
                &["users", "else"],
                None,
                Some("source_database_not_recognised: the source database is not recognised as `shop` | tables that are missing: `orders`".to_owned()),
            ),
            (
                &["else"],
                None,
                Some("source_database_empty: the source database has no tables of `shop` | ".to_owned()),
            ),
        ];
        for (tables, version, expected) in cases {
            assert_eq!(told(tables, version), expected, "{tables:?} {version:?}");
        }
    }
}

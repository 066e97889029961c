//! Statements that name tables: the one place that builds SQL text.

use super::relation::Relation;
use crate::base::ident::{identifier, identifiers, literal, qualified};

/// What a lock on tables keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TableLock {
    /// Changes of the tables' structure.
    AccessShare,
    /// Writers.
    Exclusive,
    /// Everybody.
    AccessExclusive,
}

/// The modes, as `pg_locks` names them, of whoever changes rows or is about to. Building an index and
/// clean-up are not among them.
pub(crate) const ROW_CHANGING_MODES: &[&str] = &[
    "RowShareLock",
    "RowExclusiveLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
];

impl TableLock {
    fn sql(self) -> &'static str {
        match self {
            TableLock::AccessShare => "ACCESS SHARE",
            TableLock::Exclusive => "EXCLUSIVE",
            TableLock::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// The modes, as `pg_locks` names them, that refuse this one.
    pub(crate) fn conflicts(self) -> &'static [&'static str] {
        match self {
            TableLock::AccessShare => &["AccessExclusiveLock"],
            TableLock::Exclusive => &[
                "RowShareLock",
                "RowExclusiveLock",
                "ShareUpdateExclusiveLock",
                "ShareLock",
                "ShareRowExclusiveLock",
                "ExclusiveLock",
                "AccessExclusiveLock",
            ],
            TableLock::AccessExclusive => &[
                "AccessShareLock",
                "RowShareLock",
                "RowExclusiveLock",
                "ShareUpdateExclusiveLock",
                "ShareLock",
                "ShareRowExclusiveLock",
                "ExclusiveLock",
                "AccessExclusiveLock",
            ],
        }
    }
}

/// How long a lock may be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockWait {
    /// Not at all.
    NoWait,
    /// As long as `lock_timeout` says.
    UntilTimeout,
}

fn list(relations: &[Relation]) -> String {
    let names: Vec<String> = relations.iter().map(Relation::sql).collect();
    names.join(", ")
}

/// Locks tables.
pub(crate) fn lock(relations: &[Relation], mode: TableLock, wait: LockWait) -> String {
    let nowait = match wait {
        LockWait::NoWait => " NOWAIT",
        LockWait::UntilTimeout => "",
    };
    format!(
        "LOCK TABLE {} IN {} MODE{nowait}",
        list(relations),
        mode.sql()
    )
}

/// Gives a role a privilege on tables.
pub(crate) fn grant(privilege: &str, relations: &[Relation], role: &str) -> String {
    format!(
        "GRANT {privilege} ON {} TO {};",
        list(relations),
        identifier(role)
    )
}

/// Gives a role a privilege on a schema.
pub(crate) fn grant_on_schema(privilege: &str, schema: &str, role: &str) -> String {
    format!(
        "GRANT {privilege} ON SCHEMA {} TO {};",
        identifier(schema),
        identifier(role)
    )
}

/// How a stream of rows is put in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOrder {
    /// As the column's own order says, which is that of its bytes or numbers.
    Plain,
    /// By bytes, where the column's collation says otherwise.
    CollateC,
}

/// Reads columns of a table in the order of a key, nulls last.
pub(crate) fn copy_out_ordered(
    schema: &str,
    table: &str,
    columns: &[String],
    key: &str,
    order: KeyOrder,
) -> String {
    let collate = match order {
        KeyOrder::Plain => "",
        KeyOrder::CollateC => " COLLATE \"C\"",
    };
    format!(
        "COPY (SELECT {} FROM {} ORDER BY {}{collate}) TO STDOUT (FORMAT binary)",
        identifiers(columns),
        qualified(schema, table),
        identifier(key),
    )
}

/// Reads columns of the rows of a table whose key is that one, given as text.
pub(crate) fn copy_out_partition(
    schema: &str,
    table: &str,
    columns: &[String],
    key: &str,
    value: &str,
) -> String {
    format!(
        "COPY (SELECT {} FROM {} WHERE {} = {}) TO STDOUT (FORMAT binary)",
        identifiers(columns),
        qualified(schema, table),
        identifier(key),
        literal(value),
    )
}

/// Reads columns of the row of a table, not of its children, that has the parameters in its key.
pub(crate) fn select_by_key(schema: &str, table: &str, columns: &[String], key: &[&str]) -> String {
    let conditions: Vec<String> = key
        .iter()
        .enumerate()
        .map(|(place, column)| format!("{} = ${}", identifier(column), place + 1))
        .collect();
    format!(
        "SELECT {} FROM ONLY {} WHERE {}",
        identifiers(columns),
        qualified(schema, table),
        conditions.join(" AND "),
    )
}

/// Reads columns of a table, of the rows of its children too: whoever reads the table sees them.
pub(crate) fn copy_out(schema: &str, table: &str, columns: &[String]) -> String {
    format!(
        "COPY (SELECT {} FROM {}) TO STDOUT (FORMAT binary)",
        identifiers(columns),
        qualified(schema, table),
    )
}

/// Reads columns of a table, at most `limit` rows of it.
pub(crate) fn copy_out_limited(
    schema: &str,
    table: &str,
    columns: &[String],
    limit: u64,
) -> String {
    format!(
        "COPY (SELECT {} FROM {} LIMIT {limit}) TO STDOUT (FORMAT binary)",
        identifiers(columns),
        qualified(schema, table),
    )
}

/// Writes rows into a table that this transaction has truncated.
pub(crate) fn copy_in(relation: &Relation, columns: &[String]) -> String {
    format!(
        "COPY {} ({}) FROM STDIN (FORMAT binary, FREEZE)",
        relation.sql(),
        identifiers(columns)
    )
}

/// Empties tables, not their children.
pub(crate) fn truncate(relations: &[Relation]) -> String {
    let only: Vec<String> = relations
        .iter()
        .map(|relation| format!("ONLY {}", relation.sql()))
        .collect();
    format!("TRUNCATE {}", only.join(", "))
}

/// Refreshes the planner's statistics of tables.
pub(crate) fn analyze(relations: &[Relation]) -> String {
    format!("ANALYZE {}", list(relations))
}

/// Counts the rows of a table, not of its children.
pub(crate) fn count(relation: &Relation) -> String {
    format!("SELECT count(*) FROM ONLY {}", relation.sql())
}

/// Counts the rows of a table, but no more than `limit` of them.
pub(crate) fn count_up_to(relation: &Relation, limit: u64) -> String {
    format!(
        "SELECT count(*) FROM (SELECT FROM ONLY {} LIMIT {limit}) AS counted",
        relation.sql()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_reading_names_only_what_it_needs() {
        let columns = ["name".to_owned(), "Odd".to_owned()];
        assert_eq!(
            copy_out_ordered("public", "books", &columns, "name", KeyOrder::Plain),
            "COPY (SELECT \"name\", \"Odd\" FROM \"public\".\"books\" ORDER BY \"name\") TO STDOUT (FORMAT binary)"
        );
        assert!(
            copy_out_ordered("public", "books", &columns, "name", KeyOrder::CollateC)
                .contains("ORDER BY \"name\" COLLATE \"C\")")
        );
    }

    #[test]
    fn rows_of_one_key_are_asked_for_by_quoted_names_and_values() {
        let columns = ["name".to_owned(), "Odd".to_owned()];
        assert_eq!(
            copy_out_partition("public", "books", &columns, "name", r"o'\hara"),
            r#"COPY (SELECT "name", "Odd" FROM "public"."books" WHERE "name" = E'o''\\hara') TO STDOUT (FORMAT binary)"#
        );
        assert_eq!(
            select_by_key("public", "books", &columns, &["a", "b"]),
            r#"SELECT "name", "Odd" FROM ONLY "public"."books" WHERE "a" = $1 AND "b" = $2"#
        );
    }

    #[test]
    fn locks_and_truncation_name_every_table() {
        let relations = [
            Relation {
                oid: 1,
                schema: "s".into(),
                name: "a".into(),
            },
            Relation {
                oid: 2,
                schema: "s".into(),
                name: "b".into(),
            },
        ];
        assert_eq!(
            lock(&relations, TableLock::Exclusive, LockWait::NoWait),
            "LOCK TABLE \"s\".\"a\", \"s\".\"b\" IN EXCLUSIVE MODE NOWAIT"
        );
        assert_eq!(
            truncate(&relations),
            "TRUNCATE ONLY \"s\".\"a\", ONLY \"s\".\"b\""
        );
    }
}

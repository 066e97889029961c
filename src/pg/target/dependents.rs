//! What hangs on tables that are to be emptied: the tables around them that foreign keys tie to them,
//! and statements about the rows of those.
//!
//! A row goes if a foreign key leads from it to a row that goes, in whatever circles; a row whose key
//! says `ON DELETE SET NULL` or `SET DEFAULT` stays and forgets what it referred to. PostgreSQL looks
//! at foreign keys at the end of a statement, so everything goes in one: then no order has to be found
//! in which no key is broken in between.

use std::collections::BTreeSet;
use std::fmt::Write;

use tokio_postgres::{Client, Error};

use crate::base::ident::identifier;
use crate::pg::relation::{self, Relation};

/// A foreign key between two tables.
#[derive(Clone, Debug)]
struct Key {
    from: u32,
    to: u32,
    /// Whether the reference is forgotten when the row it leads to goes.
    forgets: bool,
    /// Column, operator, column referred to.
    columns: Vec<(String, String, String)>,
}

/// A table that rows go from.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) relation: Relation,
    /// Its rows are in partitions.
    partitioned: bool,
    /// Triggers that rows which are deleted set off.
    pub(super) delete_triggers: Vec<String>,
    /// Triggers that truncating sets off.
    pub(super) truncate_triggers: Vec<String>,
    /// Rules that stand in the place of deleting.
    pub(super) delete_rules: Vec<String>,
}

impl Table {
    /// Its rows in a statement, without those of tables that inherit from it: no key holds for them.
    pub(super) fn sql(&self) -> String {
        if self.partitioned {
            self.relation.sql()
        } else {
            format!("ONLY {}", self.relation.sql())
        }
    }
}

/// The tables that are to be emptied and those around them.
#[derive(Debug)]
pub(super) struct Dependents {
    /// Those that lose all rows.
    pub(super) emptied: Vec<Table>,
    /// Every other table with a foreign key to one of them, or to one of these.
    pub(super) others: Vec<Table>,
    /// The keys that lead to any of them.
    keys: Vec<Key>,
}

impl Dependents {
    /// Follows the foreign keys of the database against their direction.
    ///
    /// # Errors
    /// What the server said.
    pub(super) async fn of(client: &Client, emptied: &[Relation]) -> Result<Self, Error> {
        let rows = client
            .query(include_str!("../sql/foreign_keys_around.sql"), &[])
            .await?;
        let mut keys = Vec::new();
        for row in &rows {
            let from = Relation {
                oid: row.try_get("from")?,
                schema: row.try_get("from_schema")?,
                name: row.try_get("from_name")?,
            };
            let columns: (Vec<String>, Vec<String>, Vec<String>) = (
                row.try_get("from_columns")?,
                row.try_get("operators")?,
                row.try_get("to_columns")?,
            );
            let key = Key {
                from: from.oid,
                to: row.try_get("to")?,
                forgets: row.try_get("forgets")?,
                columns: columns
                    .0
                    .into_iter()
                    .zip(columns.1)
                    .zip(columns.2)
                    .map(|((from, operator), to)| (from, operator, to))
                    .collect(),
            };
            keys.push((from, key));
        }
        let mut reached: BTreeSet<u32> = emptied.iter().map(|table| table.oid).collect();
        let mut others: Vec<Relation> = Vec::new();
        loop {
            let before = others.len();
            for (from, key) in &keys {
                if reached.contains(&key.to) && reached.insert(from.oid) {
                    others.push(from.clone());
                }
            }
            if others.len() == before {
                break;
            }
        }
        others.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
        Ok(Self {
            emptied: described(client, emptied).await?,
            others: described(client, &others).await?,
            keys: keys
                .into_iter()
                .map(|(_, key)| key)
                .filter(|key| reached.contains(&key.to))
                .collect(),
        })
    }

    /// Every table that must be locked besides those that are emptied.
    pub(super) fn other_relations(&self) -> Vec<Relation> {
        let others = self.others.iter();
        others.map(|table| table.relation.clone()).collect()
    }

    /// A statement that empties all of these tables at once, which only works if the others are empty
    /// already.
    pub(super) fn truncation(&self) -> String {
        let tables = self.emptied.iter().chain(&self.others);
        let all: Vec<String> = tables.map(Table::sql).collect();
        format!("TRUNCATE {}", all.join(", "))
    }

    /// A query for the number of rows of each other table that go (`goes` is true) or forget what they
    /// referred to; tables without any are left out.
    pub(super) fn census(&self) -> String {
        let forgotten = union(
            self.keys
                .iter()
                .filter(|key| key.forgets)
                .filter_map(|key| {
                    let from = self.other(key.from)?;
                    let gone = match self.other(key.to) {
                        None => "true",
                        Some(_) => "(t.tableoid, t.ctid::text) IN (SELECT tab, place FROM doomed)",
                    };
                    Some(format!(
                        "SELECT f.tableoid, f.ctid::text FROM {} AS f JOIN {} AS t ON {} WHERE {gone}",
                        from.sql(),
                        self.table(key.to)?.sql(),
                        key.condition(),
                    ))
                }),
        );
        format!(
            "{}, forgotten (tab, place) AS (({forgotten}) EXCEPT SELECT tab, place FROM doomed)
            SELECT n.nspname || '.' || c.relname AS name, going.goes, going.rows
            FROM (
                SELECT tab, true AS goes, count(*) AS rows FROM doomed GROUP BY tab
                UNION ALL
                SELECT tab, false, count(*) FROM forgotten GROUP BY tab
            ) AS going
            JOIN pg_catalog.pg_class AS c ON c.oid = going.tab
            JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            ORDER BY 1, 2 DESC",
            self.doomed()
        )
    }

    /// The statement by which all rows of the emptied tables go, and those that hang on them. It gives
    /// one row: how many rows of the others went, then how many of each emptied table.
    pub(super) fn removal(&self) -> String {
        let mut sql = self.doomed();
        let mut counts = Vec::new();
        for (number, table) in self.others.iter().enumerate() {
            // Writing into a String cannot fail.
            let _ = write!(
                sql,
                ", other{number} AS (DELETE FROM {} AS t USING doomed AS d
                    WHERE t.tableoid = d.tab AND t.ctid::text = d.place RETURNING 1)",
                table.sql()
            );
            counts.push(format!("(SELECT count(*) FROM other{number})"));
        }
        if counts.is_empty() {
            counts.push("0::bigint".to_owned());
        }
        let mut columns = vec![counts.join(" + ")];
        for (number, table) in self.emptied.iter().enumerate() {
            let _ = write!(
                sql,
                ", emptied{number} AS (DELETE FROM {} RETURNING 1)",
                table.sql()
            );
            columns.push(format!("(SELECT count(*) FROM emptied{number})"));
        }
        format!("{sql} SELECT {}", columns.join(", "))
    }

    /// The beginning of a statement that knows the places of the rows that go: of the other tables, as
    /// `doomed (tab, place)`.
    fn doomed(&self) -> String {
        let holding = || self.keys.iter().filter(|key| !key.forgets);
        let direct = union(holding().filter_map(|key| {
            let (from, None) = (self.other(key.from)?, self.other(key.to)) else {
                return None;
            };
            Some(format!(
                "SELECT f.tableoid, f.ctid::text FROM {} AS f WHERE EXISTS (SELECT FROM {} AS t WHERE {})",
                from.sql(),
                self.table(key.to)?.sql(),
                key.condition(),
            ))
        }));
        let references = holding().filter_map(|key| {
            Some(format!(
                "SELECT f.tableoid, f.ctid::text, t.tableoid, t.ctid::text FROM {} AS f JOIN {} AS t ON {}",
                self.other(key.from)?.sql(),
                self.other(key.to)?.sql(),
                key.condition(),
            ))
        });
        let mut references: Vec<String> = references.collect();
        if references.is_empty() {
            references
                .push("SELECT NULL::oid, NULL::text, NULL::oid, NULL::text WHERE false".to_owned());
        }
        // The places are texts: not every server can hash its own type for them.
        format!(
            "WITH RECURSIVE reference (from_tab, from_place, tab, place) AS MATERIALIZED ({}),
            doomed (tab, place) AS (
                SELECT tab, place FROM ({direct}) AS direct (tab, place)
                UNION
                SELECT r.from_tab, r.from_place
                FROM doomed AS d
                JOIN reference AS r ON r.tab = d.tab AND r.place = d.place
            )",
            references.join(" UNION ALL ")
        )
    }

    fn other(&self, oid: u32) -> Option<&Table> {
        self.others.iter().find(|table| table.relation.oid == oid)
    }

    fn table(&self, oid: u32) -> Option<&Table> {
        let emptied = self.emptied.iter().find(|table| table.relation.oid == oid);
        emptied.or_else(|| self.other(oid))
    }
}

impl Key {
    /// Whether the row `f` refers to the row `t`.
    fn condition(&self) -> String {
        let columns = self.columns.iter().map(|(from, operator, to)| {
            format!("t.{} {operator} f.{}", identifier(to), identifier(from))
        });
        columns.collect::<Vec<_>>().join(" AND ")
    }
}

/// One query of several for places of rows.
fn union(queries: impl Iterator<Item = String>) -> String {
    let queries: Vec<String> = queries.collect();
    if queries.is_empty() {
        "SELECT NULL::oid, NULL::text WHERE false".to_owned()
    } else {
        queries.join(" UNION ")
    }
}

/// The tables with what happens when their rows go.
async fn described(client: &Client, relations: &[Relation]) -> Result<Vec<Table>, Error> {
    let rows = client
        .query(
            include_str!("../sql/removed_from.sql"),
            &[&relation::oids(relations)],
        )
        .await?;
    rows.iter()
        .zip(relations)
        .map(|(row, relation)| {
            Ok(Table {
                relation: relation.clone(),
                partitioned: row.try_get("partitioned")?,
                delete_triggers: row.try_get("delete_triggers")?,
                truncate_triggers: row.try_get("truncate_triggers")?,
                delete_rules: row.try_get("delete_rules")?,
            })
        })
        .collect()
}

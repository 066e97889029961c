//! What hangs on tables that are to be emptied: rows of other tables that refer to their rows, and
//! rows that refer to those.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Client, Error};

use crate::base::ident::identifier;
use crate::pg::relation::Relation;

/// A foreign key between two tables.
#[derive(Clone, Debug)]
struct Key {
    from: u32,
    to: u32,
    /// Whether the reference is forgotten when the row it leads to goes.
    forgets: bool,
    from_columns: Vec<String>,
    to_columns: Vec<String>,
}

/// The tables around those that are to be emptied.
#[derive(Debug)]
pub(super) struct Dependents {
    emptied: BTreeSet<u32>,
    keys: Vec<Key>,
    tables: BTreeMap<u32, Relation>,
    /// Others than the emptied ones, each before what it refers to.
    order: Vec<u32>,
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
        let mut tables: BTreeMap<u32, Relation> = emptied
            .iter()
            .map(|relation| (relation.oid, relation.clone()))
            .collect();
        for row in &rows {
            let from = row.try_get("from")?;
            tables.entry(from).or_insert(Relation {
                oid: from,
                schema: row.try_get("from_schema")?,
                name: row.try_get("from_name")?,
            });
            keys.push(Key {
                from,
                to: row.try_get("to")?,
                forgets: row.try_get("forgets")?,
                from_columns: row.try_get("from_columns")?,
                to_columns: row.try_get("to_columns")?,
            });
        }
        let mut dependents = Self {
            emptied: emptied.iter().map(|relation| relation.oid).collect(),
            keys,
            tables,
            order: Vec::new(),
        };
        let mut order = Vec::new();
        let mut seen = dependents.emptied.clone();
        for relation in emptied {
            dependents.visit(relation.oid, &mut seen, &mut order);
        }
        order.retain(|table| !dependents.emptied.contains(table));
        dependents.order = order;
        Ok(dependents)
    }

    /// Adds what refers to a table before the table.
    fn visit(&self, table: u32, seen: &mut BTreeSet<u32>, order: &mut Vec<u32>) {
        for key in self.keys.iter().filter(|key| key.to == table) {
            if seen.insert(key.from) {
                self.visit(key.from, seen, order);
            }
        }
        order.push(table);
    }

    /// The other tables, each before what it refers to.
    pub(super) fn tables(&self) -> impl Iterator<Item = &Relation> {
        self.order.iter().filter_map(|oid| self.tables.get(oid))
    }

    /// The emptied tables, each before what it refers to.
    pub(super) fn emptied(&self) -> Vec<&Relation> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for table in &self.emptied {
            if seen.insert(*table) {
                self.visit(*table, &mut seen, &mut order);
            }
        }
        order.retain(|table| self.emptied.contains(table));
        order
            .iter()
            .filter_map(|oid| self.tables.get(oid))
            .collect()
    }

    /// The condition on a row of one of the other tables that it goes with the emptied ones.
    pub(super) fn condition(&self, table: &Relation) -> String {
        self.doomed(table.oid, "t", &mut vec![table.oid])
    }

    /// Whether the row `alias` of a table goes. A way in a circle adds nothing: what is found on it is
    /// found without it.
    fn doomed(&self, table: u32, alias: &str, way: &mut Vec<u32>) -> String {
        let mut reasons = Vec::new();
        let keys = self
            .keys
            .iter()
            .filter(|key| key.from == table && !key.forgets);
        for key in keys {
            let columns = key.from_columns.iter().map(|column| {
                let column = identifier(column);
                format!("{alias}.{column} IS NOT NULL")
            });
            if self.emptied.contains(&key.to) {
                reasons.push(format!("({})", columns.collect::<Vec<_>>().join(" AND ")));
                continue;
            }
            let Some(parent) = self.tables.get(&key.to) else {
                continue;
            };
            if !self.order.contains(&key.to) || way.contains(&key.to) {
                continue;
            }
            let inner = format!("{alias}p");
            way.push(key.to);
            let condition = self.doomed(key.to, &inner, way);
            way.pop();
            let equal: Vec<String> = key
                .from_columns
                .iter()
                .zip(&key.to_columns)
                .map(|(from, to)| {
                    format!("{alias}.{} = {inner}.{}", identifier(from), identifier(to))
                })
                .collect();
            reasons.push(format!(
                "EXISTS (SELECT FROM {} AS {inner} WHERE {} AND ({condition}))",
                parent.sql(),
                equal.join(" AND ")
            ));
        }
        if reasons.is_empty() {
            "false".to_owned()
        } else {
            reasons.join(" OR ")
        }
    }
}

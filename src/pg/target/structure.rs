//! The structure of the tables to be written: what is dropped for the time of the COPY, what stays,
//! and what makes a run impossible. Case by case in
//! `docs/dev/decisions/0004-indexes-and-constraints.md`.

use std::collections::BTreeSet;

use tokio_postgres::{Client, Error, Row};

use super::sequences::{self, Sequence};
use crate::pg::relation::{self, Relation};

/// A foreign key from or to a written table.
#[derive(Clone, Debug)]
pub(super) struct ForeignKey {
    pub(super) oid: u32,
    pub(super) name: String,
    /// The table that has it.
    pub(super) table: Relation,
    /// The table it points to.
    pub(super) referenced: Relation,
    /// The unique index that it rests on.
    pub(super) index_oid: u32,
    pub(super) definition: String,
    pub(super) comment: Option<String>,
    /// Why it cannot be put back as it was; it stays in place then.
    pub(super) obstacle: Option<String>,
}

/// The constraint that an index serves.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) is_primary: bool,
    pub(super) is_deferrable: bool,
    pub(super) is_deferred: bool,
    pub(super) comment: Option<String>,
}

/// An index of a written table.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) oid: u32,
    pub(super) name: String,
    pub(super) table: Relation,
    pub(super) definition: String,
    pub(super) key: Option<Key>,
    pub(super) is_clustered: bool,
    pub(super) is_replica_identity: bool,
    pub(super) tablespace: Option<String>,
    pub(super) comment: Option<String>,
    /// Columns of the index and the statistics targets set for them.
    pub(super) statistics: Vec<(i32, i32)>,
    /// Why it cannot be put back as it was; it stays in place then.
    pub(super) obstacle: Option<String>,
}

/// Something that stays in place during the COPY, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Name of the index or foreign key.
    pub name: String,
    /// Its table, with the schema.
    pub table: String,
    /// Why it cannot be dropped and put back as it was.
    pub reason: String,
}

/// What is known of the written tables and their surroundings.
#[derive(Debug)]
pub(super) struct Structure {
    /// The tables to be written.
    pub(super) written: Vec<Relation>,
    /// These and every table with a foreign key to or from one of them, by number.
    pub(super) touched: Vec<Relation>,
    /// Foreign keys to drop and to put back.
    pub(super) foreign_keys: Vec<ForeignKey>,
    /// Indexes to drop and to put back.
    pub(super) indexes: Vec<Index>,
    /// Sequences that number rows of the written tables.
    pub(super) sequences: Vec<Sequence>,
    /// What stays.
    pub(super) kept: Vec<Kept>,
    /// Foreign keys that stay although a table that is not written has them: they make it
    /// impossible to truncate.
    pub(super) in_the_way: Vec<Kept>,
}

/// The written tables and every table that a foreign key ties to one of them, by number.
///
/// # Errors
/// What the server said.
pub(super) async fn touched(client: &Client, written: &[Relation]) -> Result<Vec<Relation>, Error> {
    let keys = foreign_keys(client, written).await?;
    Ok(touched_by(written, &keys))
}

fn touched_by(written: &[Relation], keys: &[ForeignKey]) -> Vec<Relation> {
    let all: BTreeSet<Relation> = written
        .iter()
        .chain(keys.iter().flat_map(|key| [&key.table, &key.referenced]))
        .cloned()
        .collect();
    all.into_iter().collect()
}

/// Reads the structure of `written`; their locks must be held.
///
/// # Errors
/// What the server said.
pub(super) async fn read(client: &Client, written: &[Relation]) -> Result<Structure, Error> {
    let all_keys = foreign_keys(client, written).await?;
    let touched = touched_by(written, &all_keys);
    let (foreign_keys, kept_keys): (Vec<_>, Vec<_>) =
        all_keys.into_iter().partition(|key| key.obstacle.is_none());
    let dropped: Vec<u32> = foreign_keys.iter().map(|key| key.oid).collect();
    let rows = client
        .query(
            include_str!("../sql/indexes.sql"),
            &[&relation::oids(written), &dropped],
        )
        .await?;
    let mut indexes = Vec::with_capacity(rows.len());
    let mut kept = Vec::new();
    for row in &rows {
        let Some(index) = index(row, written)? else {
            continue;
        };
        match &index.obstacle {
            None => indexes.push(index),
            Some(reason) => kept.push(Kept {
                name: index.name.clone(),
                table: index.table.to_string(),
                reason: reason.clone(),
            }),
        }
    }
    let mut in_the_way = Vec::new();
    for key in kept_keys {
        let stays = Kept {
            name: key.name,
            table: key.table.to_string(),
            reason: key.obstacle.unwrap_or_default(),
        };
        if written.contains(&key.table) {
            kept.push(stays);
        } else {
            in_the_way.push(stays);
        }
    }
    Ok(Structure {
        written: written.to_vec(),
        touched,
        foreign_keys,
        indexes,
        sequences: sequences::read(client, written).await?,
        kept,
        in_the_way,
    })
}

async fn foreign_keys(client: &Client, written: &[Relation]) -> Result<Vec<ForeignKey>, Error> {
    let rows = client
        .query(
            include_str!("../sql/foreign_keys.sql"),
            &[&relation::oids(written)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            Ok(ForeignKey {
                oid: row.try_get("oid")?,
                name: row.try_get("name")?,
                table: Relation {
                    oid: row.try_get("table_oid")?,
                    schema: row.try_get("table_schema")?,
                    name: row.try_get("table_name")?,
                },
                referenced: Relation {
                    oid: row.try_get("referenced_oid")?,
                    schema: row.try_get("referenced_schema")?,
                    name: row.try_get("referenced_name")?,
                },
                index_oid: row.try_get("index_oid")?,
                definition: row.try_get("definition")?,
                comment: row.try_get("comment")?,
                obstacle: row.try_get("obstacle")?,
            })
        })
        .collect()
}

fn index(row: &Row, written: &[Relation]) -> Result<Option<Index>, Error> {
    let table_oid: u32 = row.try_get("table_oid")?;
    let Some(table) = written.iter().find(|relation| relation.oid == table_oid) else {
        return Ok(None);
    };
    let key = match row.try_get::<_, Option<&str>>("constraint_kind")? {
        None => None,
        Some(kind) => Some(Key {
            is_primary: kind == "p",
            is_deferrable: row.try_get("is_deferrable")?,
            is_deferred: row.try_get("is_deferred")?,
            comment: row.try_get("constraint_comment")?,
        }),
    };
    let places: Option<Vec<i32>> = row.try_get("statistics_places")?;
    let targets: Option<Vec<i32>> = row.try_get("statistics_targets")?;
    Ok(Some(Index {
        oid: row.try_get("oid")?,
        name: row.try_get("name")?,
        table: table.clone(),
        definition: row.try_get("definition")?,
        key,
        is_clustered: row.try_get("is_clustered")?,
        is_replica_identity: row.try_get("is_replica_identity")?,
        tablespace: row.try_get("tablespace")?,
        comment: row.try_get("comment")?,
        statistics: places
            .unwrap_or_default()
            .into_iter()
            .zip(targets.unwrap_or_default())
            .collect(),
        obstacle: row.try_get("obstacle")?,
    }))
}

/// Columns that rows give but a table does not have, as names for a message.
///
/// # Errors
/// What the server said.
pub(super) async fn missing_columns(
    client: &Client,
    written: &[Relation],
    columns: &[Vec<String>],
) -> Result<Vec<(Relation, String)>, Error> {
    let mut missing = Vec::new();
    for (table, columns) in written.iter().zip(columns) {
        let rows = client
            .query(
                include_str!("../sql/missing_columns.sql"),
                &[&table.oid, columns],
            )
            .await?;
        for row in rows {
            missing.push((table.clone(), row.try_get(0)?));
        }
    }
    Ok(missing)
}

/// Why a table cannot be filled by COPY as if its rows had been inserted, one entry a reason.
///
/// # Errors
/// What the server said.
pub(super) async fn unsuitable(
    client: &Client,
    written: &[Relation],
) -> Result<Vec<String>, Error> {
    let rows = client
        .query(
            include_str!("../sql/target_tables.sql"),
            &[&relation::oids(written)],
        )
        .await?;
    let mut reasons = Vec::new();
    for (row, table) in rows.iter().zip(written) {
        let kind: &str = row.try_get("kind")?;
        let persistence: &str = row.try_get("persistence")?;
        let triggers: Vec<String> = row.try_get("triggers")?;
        let rules: Vec<String> = row.try_get("rules")?;
        let invalid_indexes: Vec<String> = row.try_get("invalid_indexes")?;
        if kind != "r" {
            reasons.push(format!("`{table}` is a partitioned table"));
        } else if row.try_get("is_partition")? {
            reasons.push(format!("`{table}` is a partition of another table"));
        } else if row.try_get("inherits")? {
            reasons.push(format!("`{table}` inherits from or to another table"));
        }
        if persistence != "p" {
            reasons.push(format!(
                "`{table}` is unlogged: a crash would empty it after the run"
            ));
        }
        if row.try_get("row_security")? {
            reasons.push(format!(
                "row security applies to `{table}` for this role: rows may be hidden"
            ));
        }
        for trigger in triggers {
            reasons.push(format!("trigger `{trigger}` on `{table}` would fire"));
        }
        for rule in rules {
            reasons.push(format!(
                "rule `{rule}` on `{table}` would be passed over by COPY"
            ));
        }
        // TRUNCATE would make it valid.
        for index in invalid_indexes {
            reasons.push(format!(
                "index `{index}` on `{table}` is invalid: reindex or drop it"
            ));
        }
    }
    reasons.extend(sequences::obstacles(
        &sequences::read(client, written).await?,
    ));
    Ok(reasons)
}

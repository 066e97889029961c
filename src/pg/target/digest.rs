//! A digest of the tables' structure, taken before anything is dropped and compared after
//! everything was put back.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Error};

use crate::pg::relation::{self, Relation};

/// Everything about the structure of some tables, by kind and name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StructureDigest {
    things: BTreeMap<(String, String), String>,
}

impl StructureDigest {
    /// Reads it.
    ///
    /// # Errors
    /// What the server said.
    pub(super) async fn read(client: &Client, touched: &[Relation]) -> Result<Self, Error> {
        let rows = client
            .query(
                include_str!("../sql/digest.sql"),
                &[&relation::oids(touched)],
            )
            .await?;
        let mut things: BTreeMap<(String, String), String> = BTreeMap::new();
        for row in rows {
            let properties: &str = row.try_get("properties")?;
            let text = things
                .entry((row.try_get("kind")?, row.try_get("name")?))
                .or_default();
            // Two things of one name are possible across schemas that are both on the search
            // path: they are compared together.
            if !text.is_empty() {
                text.push('\n');
            }
            text.push_str(properties);
        }
        Ok(Self { things })
    }

    /// What is not as in `self` in a later digest, one entry a thing; empty if they are equal.
    pub(super) fn differences(&self, later: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for ((kind, name), properties) in &self.things {
            match later.things.get(&(kind.clone(), name.clone())) {
                None => differences.push(format!("{kind} `{name}` is missing")),
                Some(now) if now != properties => {
                    differences.push(format!("{kind} `{name}` is not as it was"));
                }
                Some(_) => {}
            }
        }
        for (kind, name) in later.things.keys() {
            if !self.things.contains_key(&(kind.clone(), name.clone())) {
                differences.push(format!("{kind} `{name}` is new"));
            }
        }
        differences
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(things: &[(&str, &str, &str)]) -> StructureDigest {
        StructureDigest {
            things: things
                .iter()
                .map(|(kind, name, text)| (((*kind).into(), (*name).into()), (*text).into()))
                .collect(),
        }
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let before = digest(&[
            ("index", "a", "1"),
            ("index", "b", "1"),
            ("table", "t", "x"),
        ]);
        let after = digest(&[
            ("index", "b", "2"),
            ("column", "c", "1"),
            ("table", "t", "x"),
        ]);
        assert_eq!(
            before.differences(&after),
            [
                "index `a` is missing",
                "index `b` is not as it was",
                "column `c` is new"
            ]
        );
        assert!(before.differences(&before).is_empty());
    }
}

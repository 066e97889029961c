//! The statements that drop keys and indexes and put them back.

use super::structure::{ForeignKey, Index};
use crate::base::ident::{identifier, literal, qualified};

/// Drops a foreign key.
pub(super) fn drop_foreign_key(key: &ForeignKey) -> String {
    format!(
        "ALTER TABLE {} DROP CONSTRAINT {}",
        key.table.sql(),
        identifier(&key.name)
    )
}

/// Drops an index, with the key it serves.
pub(super) fn drop_index(index: &Index) -> String {
    match index.key {
        Some(_) => format!(
            "ALTER TABLE {} DROP CONSTRAINT {}",
            index.table.sql(),
            identifier(&index.name)
        ),
        None => format!("DROP INDEX {}", name(index)),
    }
}

/// Makes an index anew, in its tablespace; all that is left to do then is in [`finish_index`].
pub(super) fn create_index(index: &Index) -> String {
    match &index.tablespace {
        None => index.definition.clone(),
        Some(tablespace) => format!(
            "SET LOCAL default_tablespace = {}; {}; SET LOCAL default_tablespace = ''",
            identifier(tablespace),
            index.definition
        ),
    }
}

/// What an index was besides its definition: the key it serves, marks, comments, statistics
/// targets. Empty if there is nothing of the kind.
pub(super) fn finish_index(index: &Index) -> String {
    let table = index.table.sql();
    let mut statements = Vec::new();
    if let Some(key) = &index.key {
        let kind = if key.is_primary {
            "PRIMARY KEY"
        } else {
            "UNIQUE"
        };
        let deferrable = match (key.is_deferrable, key.is_deferred) {
            (false, _) => "",
            (true, false) => " DEFERRABLE",
            (true, true) => " DEFERRABLE INITIALLY DEFERRED",
        };
        let quoted = identifier(&index.name);
        statements.push(format!(
            "ALTER TABLE {table} ADD CONSTRAINT {quoted} {kind} USING INDEX {quoted}{deferrable}"
        ));
        if let Some(comment) = &key.comment {
            statements.push(format!(
                "COMMENT ON CONSTRAINT {quoted} ON {table} IS {}",
                literal(comment)
            ));
        }
    }
    if let Some(comment) = &index.comment {
        statements.push(format!(
            "COMMENT ON INDEX {} IS {}",
            name(index),
            literal(comment)
        ));
    }
    for (place, target) in &index.statistics {
        statements.push(format!(
            "ALTER INDEX {} ALTER COLUMN {place} SET STATISTICS {target}",
            name(index)
        ));
    }
    if index.is_clustered {
        statements.push(format!(
            "ALTER TABLE {table} CLUSTER ON {}",
            identifier(&index.name)
        ));
    }
    if index.is_replica_identity {
        statements.push(format!(
            "ALTER TABLE {table} REPLICA IDENTITY USING INDEX {}",
            identifier(&index.name)
        ));
    }
    statements.join("; ")
}

/// Makes a foreign key anew, which checks it unless it was not valid before either.
pub(super) fn create_foreign_key(key: &ForeignKey) -> String {
    let table = key.table.sql();
    let quoted = identifier(&key.name);
    let mut statement = format!(
        "ALTER TABLE {table} ADD CONSTRAINT {quoted} {}",
        key.definition
    );
    if let Some(comment) = &key.comment {
        statement.push_str(&format!(
            "; COMMENT ON CONSTRAINT {quoted} ON {table} IS {}",
            literal(comment)
        ));
    }
    statement
}

fn name(index: &Index) -> String {
    qualified(&index.table.schema, &index.name)
}

#[cfg(test)]
mod tests {
    use super::super::structure::Key;
    use super::*;
    use crate::pg::relation::Relation;

    fn index() -> Index {
        Index {
            oid: 1,
            name: "odd\"key".into(),
            table: Relation {
                oid: 2,
                schema: "s".into(),
                name: "T".into(),
            },
            definition: "CREATE UNIQUE INDEX …".into(),
            key: None,
            is_clustered: false,
            is_replica_identity: false,
            tablespace: None,
            comment: None,
            statistics: Vec::new(),
            obstacle: None,
        }
    }

    #[test]
    fn a_plain_index_needs_nothing_more() {
        assert_eq!(drop_index(&index()), "DROP INDEX \"s\".\"odd\"\"key\"");
        assert_eq!(finish_index(&index()), "");
    }

    #[test]
    fn a_key_comes_back_with_all_its_marks() {
        let mut index = index();
        index.key = Some(Key {
            is_primary: true,
            is_deferrable: true,
            is_deferred: true,
            comment: Some("it's".into()),
        });
        index.is_clustered = true;
        index.is_replica_identity = true;
        index.statistics = vec![(2, 500)];
        index.comment = Some("i".into());
        let quoted = "\"odd\"\"key\"";
        assert_eq!(
            drop_index(&index),
            format!("ALTER TABLE \"s\".\"T\" DROP CONSTRAINT {quoted}")
        );
        assert_eq!(
            finish_index(&index).split("; ").collect::<Vec<_>>(),
            [
                format!(
                    "ALTER TABLE \"s\".\"T\" ADD CONSTRAINT {quoted} PRIMARY KEY USING INDEX {quoted} DEFERRABLE INITIALLY DEFERRED"
                ),
                format!("COMMENT ON CONSTRAINT {quoted} ON \"s\".\"T\" IS 'it''s'"),
                format!("COMMENT ON INDEX \"s\".{quoted} IS 'i'"),
                format!("ALTER INDEX \"s\".{quoted} ALTER COLUMN 2 SET STATISTICS 500"),
                format!("ALTER TABLE \"s\".\"T\" CLUSTER ON {quoted}"),
                format!("ALTER TABLE \"s\".\"T\" REPLICA IDENTITY USING INDEX {quoted}"),
            ]
        );
    }

    #[test]
    fn a_tablespace_is_set_for_one_index_only() {
        let mut index = index();
        index.tablespace = Some("fast disk".into());
        let statement = create_index(&index);
        assert!(statement.starts_with("SET LOCAL default_tablespace = \"fast disk\"; CREATE"));
        assert!(statement.ends_with("; SET LOCAL default_tablespace = ''"));
    }
}

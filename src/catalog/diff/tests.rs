//! What a live database lacks for a plan.

use super::*;
use crate::base::Files;
use crate::catalog::snapshot::from_yaml;
use crate::diagnostics::FindingSeverity;

const LIVE: &str = r#"
catalog: live
version: "1"
title: live
tables:
  owner:
    columns:
      - {name: id, type: bigint}
      - {name: name, type: text}
      - {name: age, type: integer, nullable: true}
    keys:
      - {name: owner_pkey, kind: primary, columns: [id]}
      - {name: owner_name, kind: unique, columns: [name]}
  pet:
    columns:
      - {name: id, type: uuid}
      - {name: owner_id, type: bigint}
      - {name: name, type: text, nullable: true}
      - {name: kind, type: text, default: "'cat'::text"}
    keys:
      - {name: pet_pkey, kind: primary, columns: [id]}
    foreign_keys:
      - {name: pet_owner, columns: [owner_id], table: owner, references: [id]}
"#;

fn live(edits: &[(&str, &str)]) -> Catalog {
    let mut text = LIVE.to_owned();
    for (old, new) in edits {
        assert!(text.contains(old), "{old}");
        text = text.replacen(old, new, 1);
    }
    let mut files = Files::new();
    let file = files.add("live.yaml", text);
    from_yaml(&files, file).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn need(ty: &str, access: ColumnAccess, rule: &str) -> ColumnNeed {
    ColumnNeed {
        ty: ty.to_owned(),
        access,
        needed_by: vec![rule.to_owned()],
    }
}

/// The owners of pets are read, or the pets written.
fn needs(side: Side) -> Needs {
    let columns = |entries: Vec<(&str, ColumnNeed)>| {
        (entries.into_iter())
            .map(|(name, need)| (name.to_owned(), need))
            .collect()
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let (name, table) = match side {
        Side::Source => (
            "owner",
            TableNeeds {
                needed_by: words(&["map pets"]),
                columns: columns(vec![
                    (
                        "age",
                        need("integer", ColumnAccess::ReadNullable, "pets.age"),
                    ),
                    (
                        "name",
                        need("text", ColumnAccess::ReadRequired, "pets.owner in map pets"),
                    ),
                ]),
                keys: vec![KeyNeed {
                    columns: words(&["name", "age"]),
                    needed_by: words(&["the join with owner in map pets"]),
                }],
                foreign_keys: Vec::new(),
                written: None,
            },
        ),
        Side::Target => (
            "pet",
            TableNeeds {
                needed_by: words(&["map pets"]),
                columns: columns(vec![
                    (
                        "id",
                        need("uuid", ColumnAccess::WrittenRequired, "pet.id in map pets"),
                    ),
                    (
                        "name",
                        need(
                            "text",
                            ColumnAccess::WrittenNullable,
                            "pet.name in map pets",
                        ),
                    ),
                    (
                        "owner_id",
                        need(
                            "bigint",
                            ColumnAccess::WrittenRequired,
                            "pet.owner_id in map pets",
                        ),
                    ),
                ]),
                keys: Vec::new(),
                foreign_keys: vec![ForeignKeyNeed {
                    columns: words(&["owner_id"]),
                    table: "owner".to_owned(),
                    references: words(&["id"]),
                    needed_by: words(&["the check of references in map pets"]),
                }],
                written: Some(KnownConstraints::of(&live(&[]).tables["pet"])),
            },
        ),
    };
    Needs {
        side,
        tables: std::iter::once((name.to_owned(), table)).collect(),
    }
}

/// Each difference as `code id: message | notes`.
fn found(side: Side, edits: &[(&str, &str)]) -> Vec<String> {
    (differences(&needs(side), &live(edits)).into_iter())
        .map(|difference| {
            let Difference {
                finding,
                diagnostic,
            } = difference;
            assert_eq!(diagnostic.help, [finding.remedy]);
            assert!(finding.meaning.starts_with(&diagnostic.message));
            assert!(diagnostic.code.info().is_some());
            format!(
                "{} {}: {} | {}",
                diagnostic.code,
                finding.id,
                diagnostic.message,
                diagnostic.notes.join(" | ")
            )
        })
        .collect()
}

#[test]
fn a_database_as_it_should_be_shows_nothing() {
    assert_eq!(found(Side::Source, &[]), Vec::<String>::new());
    assert_eq!(found(Side::Target, &[]), Vec::<String>::new());
}

#[test]
fn harmless_changes_show_nothing() {
    let none = Vec::<String>::new();
    let source = [
        (
            "name: age, type: integer, nullable: true",
            "name: age, type: bigint",
        ),
        (
            "name: name, type: text",
            "name: name, type: character varying(9)",
        ),
    ];
    assert_eq!(found(Side::Source, &source), none);
    let new = (
        "      - {name: age,",
        "      - {name: new, type: text}\n      - {name: age,",
    );
    assert_eq!(found(Side::Source, &[new]), none);
    for new in [
        "{name: new, type: text, nullable: true}",
        "{name: new, type: text, default: now()}",
        "{name: new, type: bigint, generated: true}",
    ] {
        let edit = format!("      - {new}\n      - {{name: kind,");
        assert_eq!(
            found(Side::Target, &[("      - {name: kind,", &edit)]),
            none
        );
    }
}

#[test]
fn differences_of_the_source_name_column_and_rule() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("  owner:\n", "  gone:\n"), ("table: owner", "table: gone")],
            "E0640 source_owner_missing: the source database has no table `owner` | needed by `map pets`",
        ),
        (
            &[
                ("name: name, type: text}", "name: label, type: text}"),
                ("unique, columns: [name]", "unique, columns: [age]"),
            ],
            "E0641 source_owner_name_missing: the source table `owner` has no column `name` | needed by `pets.owner in map pets`",
        ),
        (
            &[("name: age, type: integer", "name: age, type: text")],
            "E0642 source_owner_age_type: the source column `owner.age` has the type `text`, expected `integer` | needed by `pets.age` | values of `text` have another meaning or form than those of `integer`",
        ),
        (
            &[(
                "name: name, type: text",
                "name: name, type: text, nullable: true",
            )],
            "E0643 source_owner_name_nullness: the source column `owner.name` can be null, but the mapping rests on it being `NOT NULL` | needed by `pets.owner in map pets`",
        ),
        (
            &[(
                "kind: unique, columns: [name]",
                "kind: unique, columns: [name, id]",
            )],
            "E0645 source_owner_name_age_not_unique: the source table `owner` has no valid unique key over `name`, `age` | needed by `the join with owner in map pets`",
        ),
        (
            &[(
                "kind: unique, columns: [name]",
                "kind: unique, columns: [name], deferrable: true",
            )],
            "E0645 source_owner_name_age_not_unique: the source table `owner` has no valid unique key over `name`, `age` | needed by `the join with owner in map pets` | the key `owner_name` is deferrable: duplicates may exist until a transaction ends",
        ),
        (
            &[(
                "      - {name: owner_name, kind: unique, columns: [name]}",
                "    indexes:\n      - {name: owner_name, keys: [name], unique: true, invalid: true}",
            )],
            "E0645 source_owner_name_age_not_unique: the source table `owner` has no valid unique key over `name`, `age` | needed by `the join with owner in map pets` | the unique index `owner_name` is invalid",
        ),
        (
            &[(
                "      - {name: owner_name, kind: unique, columns: [name]}",
                "    indexes:\n      - {name: owner_name, keys: [name], unique: true, where: (id > 5)}",
            )],
            "E0645 source_owner_name_age_not_unique: the source table `owner` has no valid unique key over `name`, `age` | needed by `the join with owner in map pets` | the unique index `owner_name` holds for some rows only",
        ),
    ];
    for (edits, expected) in cases {
        assert_eq!(found(Side::Source, edits), [*expected], "{edits:?}");
    }
}

#[test]
fn differences_of_the_target_name_column_and_rule() {
    let lost = "E0647 target_pet_owner_id_no_reference: the target table `pet` has no valid foreign key from `owner_id` to `id` of `owner` | needed by `the check of references in map pets`";
    let unknown = "the target table `pet` has a constraint that the mapping does not know:";
    let new_key = format!(
        "W0640 target_pet_pet_name_unknown: {unknown} the unique key over `name`, named `pet_name` | needed by `map pets`"
    );
    let new_check = format!(
        "W0640 target_pet_pet_check_unknown: {unknown} the check constraint, named `pet_check` | needed by `map pets`"
    );
    let new_index = format!(
        "W0640 target_pet_pet_index_unknown: {unknown} the unique index, named `pet_index` | needed by `map pets`"
    );
    let new_reference = format!(
        "W0640 target_pet_pet_self_unknown: {unknown} the foreign key from `id` to `pet`, named `pet_self` | needed by `map pets`"
    );
    let not_valid =
        format!("{lost} | the foreign key `pet_owner` is not valid: older rows may break it");
    let cases: &[(&str, &str, &str)] = &[
        (
            "      - {name: kind, type: text, default: \"'cat'::text\"}",
            "      - {name: kind, type: text}",
            "E0644 target_pet_kind_not_set: the target column `pet.kind` is `NOT NULL` without a default, but no rule sets it | needed by `map pets`",
        ),
        (
            "name: name, type: text, nullable: true",
            "name: name, type: text",
            "E0643 target_pet_name_nullness: the target column `pet.name` is `NOT NULL`, but a rule can leave it null | needed by `pet.name in map pets`",
        ),
        (
            "name: name, type: text, nullable: true",
            "name: name, type: text, nullable: true, generated: true, default: lower(kind)",
            "E0646 target_pet_name_generated: the target column `pet.name` is generated by the database, but a rule sets it | needed by `pet.name in map pets`",
        ),
        (
            "name: name, type: text, nullable: true",
            "name: name, type: character varying(9), nullable: true",
            "E0642 target_pet_name_type: the target column `pet.name` has the type `character varying(9)`, expected `text` | needed by `pet.name in map pets` | it holds 9 characters at most, and longer values are possible",
        ),
        (
            "references: [id]}",
            "references: [id], not_valid: true}",
            &not_valid,
        ),
        (
            "    foreign_keys:\n      - {name: pet_owner, columns: [owner_id], table: owner, references: [id]}\n",
            "",
            lost,
        ),
        (
            "      - {name: pet_pkey,",
            "      - {name: pet_name, kind: unique, columns: [name]}\n      - {name: pet_pkey,",
            &new_key,
        ),
        (
            "    foreign_keys:\n",
            "    checks: [{name: pet_check, expression: (id > 5)}]\n    foreign_keys:\n",
            &new_check,
        ),
        (
            "    foreign_keys:\n",
            "    indexes: [{name: pet_index, keys: [lower(name)], unique: true}, {name: slow, keys: [name]}]\n    foreign_keys:\n",
            &new_index,
        ),
        (
            "    foreign_keys:\n",
            "    foreign_keys:\n      - {name: pet_self, columns: [id], table: pet, references: [id]}\n",
            &new_reference,
        ),
    ];
    for (old, new, expected) in cases {
        assert_eq!(found(Side::Target, &[(old, new)]), [*expected], "{new}");
    }
}

#[test]
fn a_wider_key_than_a_known_one_needs_no_proof_of_its_own() {
    let new =
        "      - {name: pet_both, kind: unique, columns: [name, id]}\n      - {name: pet_pkey,";
    let edits = [("      - {name: pet_pkey,", new)];
    assert_eq!(found(Side::Target, &edits), Vec::<String>::new());
}

#[test]
fn where_nulls_are_equal_only_a_key_that_bars_them_proves_a_wider_one() {
    let mut known = live(&[]);
    let table = known.tables.get_mut("pet").unwrap();
    let key = |columns: &[&str], nulls_not_distinct| Key {
        name: "new".to_owned(),
        kind: KeyKind::Unique,
        columns: columns.iter().map(|column| (*column).to_owned()).collect(),
        deferrable: false,
        nulls_not_distinct,
        index: false,
    };
    table.keys = vec![key(&["name"], false)];
    let mut needs = needs(Side::Target);
    needs.tables.get_mut("pet").unwrap().written = Some(KnownConstraints::of(table));
    for (columns, nulls_not_distinct, expected) in [
        (&["name", "kind"][..], false, 0),
        (&["name", "kind"], true, 1),
        (&["name"], true, 1),
        (&["kind"], false, 1),
    ] {
        known.tables.get_mut("pet").unwrap().keys = vec![key(columns, nulls_not_distinct)];
        assert_eq!(differences(&needs, &known).len(), expected, "{columns:?}");
    }
}

#[test]
fn a_deferrable_foreign_key_holds_for_committed_rows() {
    let edits = [("references: [id]}", "references: [id], deferrable: true}")];
    assert_eq!(found(Side::Target, &edits), Vec::<String>::new());
}

#[test]
fn severities_follow_the_code() {
    let key = "      - {name: pet_name, kind: unique, columns: [name]}\n      - {name: pet_pkey,";
    let edits = [
        ("      - {name: pet_pkey,", key),
        (
            "name: name, type: text, nullable: true",
            "name: name, type: text",
        ),
    ];
    let severities: Vec<_> = differences(&needs(Side::Target), &live(&edits))
        .into_iter()
        .map(|difference| difference.finding.severity)
        .collect();
    let expected = [FindingSeverity::Error, FindingSeverity::Warning];
    assert_eq!(severities, expected);
}

#[test]
fn needs_survive_json() {
    for side in [Side::Source, Side::Target] {
        let needs = needs(side);
        let text = serde_json::to_string(&needs).unwrap();
        assert_eq!(serde_json::from_str::<Needs>(&text).unwrap(), needs);
    }
}

//! `check --grants`: roles made of nothing but its statements do everything, and each right that it
//! prints is needed. Both sides lie in schemas of their own, in databases not everybody may enter.

use serde_json::Value;

use crate::fixture::{Pair, Run, harness_psql, homeserver, mas};
use crate::harness::Database;

/// Where the tables are.
const SCHEMAS: [&str; 4] = [
    "--source-schema",
    "synapse",
    "--target-schema",
    "mas schema",
];

/// Tables that do not belong to the role that owns the others, each for another use: altered, emptied
/// by `undo`, read.
const OTHERS_TABLES: [&str; 4] = [
    "upstream_oauth_links",
    "personal_access_tokens",
    "_sqlx_migrations",
    "queue_workers",
];

/// Two databases and two roles with what was printed for them.
struct Least {
    pair: Pair,
    source_role: String,
    target_role: String,
    owner: String,
}

impl Least {
    /// Both databases as their owners have them, and no role yet.
    async fn begun(name: &str) -> Self {
        let pair = Pair::new(name).await;
        let least = Self {
            source_role: format!("Reader of {}", pair.source.name),
            target_role: format!("writer_{}", pair.target.name),
            owner: format!("owner_{}", pair.target.name),
            pair,
        };
        for (database, schema) in [
            (&least.pair.source, "synapse"),
            (&least.pair.target, "mas schema"),
        ] {
            database.psql(&format!(
                "ALTER SCHEMA public RENAME TO \"{schema}\"; REVOKE ALL ON SCHEMA \"{schema}\" FROM PUBLIC;
                 REVOKE CONNECT ON DATABASE \"{}\" FROM PUBLIC",
                database.name
            ));
        }
        let others = OTHERS_TABLES.map(|table| format!("'{table}'")).join(", ");
        least.pair.target.psql(&format!(
            "CREATE ROLE {owner};
             DO $$ DECLARE it record; BEGIN
                FOR it IN SELECT tablename FROM pg_tables
                    WHERE schemaname = 'mas schema' AND tablename NOT IN ({others})
                LOOP EXECUTE format('ALTER TABLE \"mas schema\".%I OWNER TO {owner}', it.tablename);
                END LOOP;
             END $$",
            owner = least.owner
        ));
        least
    }

    /// Makes the roles by what is printed, and connects as them from now on.
    async fn new(name: &str) -> Self {
        let least = Self::begun(name).await;
        for (side, database) in [
            ("source", &least.pair.source),
            ("target", &least.pair.target),
        ] {
            let script = least.printed(&format!("--grants={side}"), "human");
            script.answered(0, &["lacks some of it"]);
            database.psql(&script.stdout);
        }
        least.pair.write(
            "homeserver.yaml",
            &homeserver(
                &least.pair.source.name,
                &format!("\"{}\"", least.source_role),
            ),
        );
        let text = mas(&least.pair.target.name).replace(
            "username: postgres",
            &format!("username: {}", least.target_role),
        );
        assert!(text.contains(&least.target_role), "{text}");
        least.pair.write("mas.yaml", &text);
        least
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.pair.run(&[arguments, &SCHEMAS].concat())
    }

    fn after(&self, arguments: &[&str]) -> Run {
        self.pair.after(&[arguments, &SCHEMAS].concat())
    }

    fn printed(&self, flag: &str, format: &str) -> Run {
        let roles = [
            "--source-role",
            &self.source_role,
            "--target-role",
            &self.target_role,
        ];
        self.run(&[&["check", flag, "--format", format][..], &roles].concat())
    }

    fn document(&self) -> Value {
        let run = self.printed("--grants", "json");
        run.answered(0, &[]);
        serde_json::from_str(&run.stdout).unwrap()
    }

    /// Takes a right away, sees that a command says what is lacking, and gives it back.
    #[track_caller]
    fn without(&self, side: &Database, undo: &str, redo: &str, expected: &[Expected]) {
        side.psql(undo);
        for (arguments, code, said) in expected {
            let run = if matches!(arguments[0], "undo" | "verify") {
                self.after(arguments)
            } else {
                self.run(arguments)
            };
            assert_eq!(run.code, Some(*code), "{undo}\n{}", run.stderr);
            run.answered(*code, said);
        }
        side.psql(redo);
    }
}

/// A command, its exit status, what it says.
type Expected<'e> = (&'e [&'e str], i32, Vec<&'e str>);

/// The statements of one side, and of each the tables or whatever else stands between ON and TO.
fn statements(side: &Value) -> Vec<String> {
    let statements = side["statements"].as_array().unwrap();
    statements
        .iter()
        .map(|statement| statement["sql"].as_str().unwrap().to_owned())
        .collect()
}

/// `GRANT a, b ON x, y TO z;` as its parts.
fn parts(statement: &str) -> Option<(Vec<&str>, Vec<&str>)> {
    let (privileges, rest) = statement.strip_prefix("GRANT ")?.split_once(" ON")?;
    let (objects, _) = rest.trim_start().rsplit_once("TO ")?;
    Some((
        privileges.split(", ").collect(),
        objects.trim().split(",\n    ").collect(),
    ))
}

/// `"schema"."table"` as messages write the table.
fn table_of(object: &str) -> &str {
    object.rsplit_once('.').unwrap().1.trim_matches('"')
}

#[tokio::test]
async fn roles_made_of_the_printed_statements_do_everything() {
    let least = Least::new("grants").await;
    let superuser = harness_psql(&format!(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles
         WHERE rolname IN ('{}', '{}')",
        least.source_role, least.target_role
    ));
    assert_eq!(superuser, "f\nf");
    // There is nothing left to grant, whether the roles are named or are those connected as.
    let named = least.document();
    let own = least.run(&["check", "--grants", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&own.stdout).unwrap(), named);
    for side in ["source", "target"] {
        assert_eq!(named[side]["role_exists"], true);
        for statement in named[side]["statements"].as_array().unwrap() {
            assert_eq!(statement["held"], true, "{statement}");
        }
    }
    for owned in named["target"]["owns"].as_array().unwrap() {
        assert_eq!(owned["held"], true, "{owned}");
    }
    least
        .run(&["check", "--grants"])
        .answered(0, &["has all it needs"]);
    let source = least.pair.source.sorted_rows();
    least
        .run(&["check"])
        .answered(11, &["ready to migrate", "nothing was changed"]);
    let before = least.pair.states();
    least
        .run(&["migrate", "--dry-run", "--verify"])
        .answered(0, &["rolled back"]);
    assert_eq!(least.pair.states(), before);
    least
        .run(&["migrate", "--verify"])
        .answered(0, &["committed"]);
    least.after(&["verify"]).answered(0, &["verified"]);
    least.after(&["undo"]).answered(0, &["undone"]);
    assert_eq!(least.pair.target.sorted_rows(), before.1.data);
    assert_eq!(
        least.pair.target.pg_dump(&["--schema-only"]),
        before.1.schema
    );
    assert_eq!(least.pair.source.sorted_rows(), source);
}

#[tokio::test]
async fn each_right_of_the_source_is_needed() {
    let least = Least::new("grants_source").await;
    let source = &least.pair.source;
    let printed = statements(&least.document()["source"]);
    let mut seen = Vec::new();
    for statement in &printed {
        let (privileges, objects) = parts(statement).unwrap();
        let [privilege] = privileges[..] else {
            panic!("{statement}");
        };
        for object in objects {
            let undo = format!(
                "REVOKE {privilege} ON {object} FROM \"{}\"",
                least.source_role
            );
            let redo = format!("GRANT {privilege} ON {object} TO \"{}\"", least.source_role);
            let expected: Vec<Expected> = match privilege {
                "CONNECT" => vec![(&["check"], 3, vec!["GRANT CONNECT ON DATABASE"])],
                "USAGE" => vec![(&["check"], 3, vec!["synapse"])],
                "SELECT" => vec![(&["check"], 3, vec![table_of(object)])],
                "UPDATE" | "MAINTAIN" => vec![
                    (
                        &["check"],
                        11,
                        vec!["source_lock_not_granted", table_of(object)],
                    ),
                    (&["migrate"], 3, vec!["E0652", &redo]),
                    (&["migrate", "--dry-run"], 0, vec!["rolled back"]),
                ],
                other => panic!("{other}"),
            };
            least.without(source, &undo, &redo, &expected);
            seen.push(privilege.to_owned());
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 4, "{seen:?}");
    least.run(&["migrate"]).answered(0, &["committed"]);
}

#[tokio::test]
async fn each_right_of_the_target_is_needed() {
    let least = Least::new("grants_target").await;
    let target = &least.pair.target;
    let document = least.document();
    let printed = statements(&document["target"]);
    let role = &least.target_role;
    let owned = document["target"]["owns"].as_array().unwrap();
    assert!(owned.len() > 8, "{owned:?}");
    let mut for_undo = Vec::new();
    for owned in owned {
        let table = owned["table"].as_str().unwrap().rsplit_once('.').unwrap().1;
        let owner = owned["owner"].as_str().unwrap();
        let undo = format!("ALTER TABLE \"mas schema\".{table} OWNER TO postgres");
        let redo = format!("ALTER TABLE \"mas schema\".{table} OWNER TO {owner}");
        if owned["for_undo_only"] == true {
            for_undo.push((undo, redo, table));
            continue;
        }
        least.without(
            target,
            &undo,
            &redo,
            // One of them is read, too, without which no row can be rehearsed.
            &[
                (&["check"][..], 10, vec!["target_privileges", table]),
                (&["migrate"], 10, vec![table]),
            ],
        );
    }
    let mut kinds = Vec::new();
    for statement in &printed {
        let Some((privileges, objects)) = parts(statement) else {
            // Of the owners' tables each was looked at above.
            if let Some(rest) = statement.strip_prefix("GRANT ") {
                let undo = format!("REVOKE {}", rest.replace(" TO ", " FROM "));
                let undo = undo.replace(" WITH INHERIT TRUE", "");
                let expected: &[Expected] =
                    &[(&["migrate"], 10, vec!["target_privileges", &least.owner])];
                least.without(target, &undo, statement, expected);
                kinds.push("membership");
            }
            continue;
        };
        for (privilege, object) in privileges
            .iter()
            .flat_map(|privilege| objects.iter().map(move |object| (*privilege, *object)))
        {
            let said = format!("GRANT {privilege} ON {object} TO \"{role}\";");
            let undo = format!("REVOKE {privilege} ON {object} FROM {role}");
            let redo = format!("GRANT {privilege} ON {object} TO {role}");
            let expected: Vec<Expected> = match privilege {
                "CONNECT" => vec![(&["check"], 3, vec!["GRANT CONNECT ON DATABASE"])],
                "USAGE" => vec![(
                    &["check"],
                    3,
                    vec!["E0662", "GRANT USAGE ON SCHEMA \"mas schema\""],
                )],
                "CREATE" => vec![
                    (
                        &["check"],
                        10,
                        vec!["GRANT USAGE, CREATE ON SCHEMA \"mas schema\""],
                    ),
                    (&["migrate"], 10, vec!["target_privileges"]),
                ],
                "SELECT" => vec![
                    (&["check"], 3, vec!["E0662", table_of(object), &said]),
                    (&["migrate"], 3, vec!["E0662", &said]),
                ],
                other => panic!("{other}"),
            };
            kinds.push(privilege);
            least.without(target, &undo, &redo, &expected);
        }
    }
    kinds.dedup();
    let all = ["CONNECT", "membership", "USAGE", "CREATE", "SELECT"];
    assert_eq!(kinds, all);
    // What `undo` alone needs.
    least.run(&["migrate"]).answered(0, &["committed"]);
    assert!(!for_undo.is_empty());
    for (undo, redo, table) in for_undo {
        let expected: &[Expected] = &[
            (&["verify"], 0, vec!["verified"]),
            (&["undo"], 3, vec!["E0662", table]),
        ];
        least.without(target, &undo, &redo, expected);
    }
    least.after(&["verify"]).answered(0, &["verified"]);
    least.after(&["undo"]).answered(0, &["undone"]);
}

#[tokio::test]
async fn what_everybody_may_is_not_printed() {
    let pair = Pair::new("grants_usual").await;
    let owner = format!("mas_{}", pair.target.name);
    pair.target.psql(&format!(
        "CREATE ROLE {owner} LOGIN;
         DO $$ DECLARE it record; BEGIN
            FOR it IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
            LOOP EXECUTE format('ALTER TABLE %I OWNER TO {owner}', it.tablename); END LOOP;
         END $$;
         ALTER DATABASE \"{}\" OWNER TO {owner}; ALTER SCHEMA public OWNER TO {owner}",
        pair.target.name
    ));
    pair.source
        .psql("GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC");
    // MAS's own role owns everything.
    let run = pair.run(&["check", "--grants=target", "--target-role", &owner]);
    run.answered(0, &["has all it needs"]);
    assert!(
        run.stdout.contains("-- There is nothing to grant."),
        "{}",
        run.stdout
    );
    // Another one gets it all by one membership.
    let run = pair.run(&["check", "--grants=target", "--target-role", "somebody new"]);
    let granted: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.ends_with(';'))
        .collect();
    assert_eq!(granted.len(), 2, "{}", run.stdout);
    assert_eq!(granted[0], "CREATE ROLE \"somebody new\" LOGIN;");
    assert!(granted[1].starts_with(&format!("GRANT \"{owner}\" TO \"somebody new\"")));
    let run = pair.run(&["check", "--grants=source", "--source-role", "somebody new"]);
    assert!(!run.stdout.contains("SCHEMA"), "{}", run.stdout);
    assert!(!run.stdout.contains("target"), "{}", run.stdout);
    // A table that is not there is not passed over.
    pair.source.psql("DROP TABLE dehydrated_devices");
    pair.run(&["check", "--grants"])
        .answered(10, &["E0674", "dehydrated_devices"]);
    pair.run(&["check", "--target-role", "somebody"])
        .answered(2, &["--grants"]);
}

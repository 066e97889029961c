//! Catalogs against a real PostgreSQL: what DDL makes is what introspection reads back.

// Tests stop at the first surprise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

mod throwaway;

use mapwright::base::Files;
use mapwright::catalog::identify::{Kind, Support, identify};
use mapwright::catalog::snapshot::{SHIPPED, from_yaml, shipped, to_yaml};
use mapwright::catalog::{BY_DEFAULT_IDENTITY, Catalog, compare, ddl};
use mapwright::pg::database::{ColumnOrder, column_orders, database_facts};
use mapwright::pg::introspect::{introspect, schema_version};
use throwaway::Cluster;
use tokio_postgres::Client;

fn catalog(text: &str) -> Catalog {
    let mut files = Files::new();
    let file = files.add("test.yaml", text);
    from_yaml(&files, file).unwrap_or_else(|found| panic!("{found:#?}"))
}

async fn read(client: &Client, schema: &str, known: &Catalog) -> Catalog {
    let mut live = introspect(client, schema, None).await.unwrap();
    live.adopt(known);
    live
}

/// One server for all cases, which run at once; each has databases of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn catalogs_and_postgresql_agree() {
    let cluster = Cluster::start();
    tokio::join!(
        shipped_catalogs_survive_postgresql(&cluster),
        every_feature_of_a_catalog_survives_postgresql(&cluster),
        what_ddl_cannot_say_is_read(&cluster),
        a_part_of_a_schema_is_closed(&cluster),
        a_promise_that_is_not_valid_is_none(&cluster),
        the_search_path_is_put_back(&cluster),
        databases_are_recognised(&cluster),
        orders_of_columns_are_told_apart(&cluster),
        facts_tell_databases_apart(&cluster),
        a_refused_query_is_explained(&cluster),
    );
}

async fn shipped_catalogs_survive_postgresql(cluster: &Cluster) {
    for entry in SHIPPED {
        let expected = shipped(entry.name).unwrap();
        for schema in [None, Some("Odd schema")] {
            let name = format!("{}_{}", entry.name, u8::from(schema.is_some()));
            let client = cluster.database(&name, "").await;
            client.batch_execute(&ddl(&expected, schema)).await.unwrap();
            let live = read(&client, schema.unwrap_or("public"), &expected).await;
            assert_eq!(compare(&expected, &live), "");
            assert_eq!(to_yaml(&live), entry.text, "{}", entry.file);
        }
    }
}

async fn every_feature_of_a_catalog_survives_postgresql(cluster: &Cluster) {
    let expected = catalog(&format!(
        r#"
catalog: features
version: "1"
title: every feature
extensions: [citext, pg_trgm]
enums:
  Odd mood: ["it's", "back\\slash", fine]
tables:
  a:
    columns:
      - {{name: id, type: integer, generated: true}}
      - {{name: mood, type: '"Odd mood"', default: "'it''s'::\"Odd mood\""}}
      - {{name: moods, type: '"Odd mood"[]', nullable: true}}
      - {{name: note, type: citext, nullable: true}}
      - {{name: 'odd"name', type: character varying(10), default: "'x'::character varying"}}
      - {{name: at, type: timestamp(3) with time zone, default: now()}}
      - {{name: amount, type: "numeric(10,2)", nullable: true}}
      - {{name: twice, type: integer, nullable: true, default: (id * 2), generated: true}}
    keys:
      - {{name: a_pkey, kind: primary, columns: [id]}}
      - {{name: a_index_key, kind: unique, columns: [note, 'odd"name'], index: true, nulls_not_distinct: true}}
      - {{name: a_key, kind: unique, columns: [at, id], deferrable: true, nulls_not_distinct: true}}
    checks:
      - {{name: a_check, expression: (id > 0)}}
      - {{name: a_late, expression: ((note)::text <> 'x'::text), not_valid: true}}
    indexes:
      - {{name: a_brin, method: brin, keys: [at]}}
      - {{name: a_expression, keys: [lower((note)::text) text_pattern_ops DESC, ((id + 1)), '"odd""name" COLLATE "C" DESC NULLS LAST']}}
      - {{name: a_part, keys: [id NULLS FIRST], include: [mood, 'odd"name'], where: (id > 5), unique: true}}
      - {{name: a_trgm, method: gin, keys: ['"odd""name" gin_trgm_ops']}}
  b:
    columns:
      - {{name: id, type: bigint, default: "{BY_DEFAULT_IDENTITY}"}}
      - {{name: serial, type: integer, default: "nextval('\"b Serial_seq\"'::regclass)"}}
      - {{name: a_id, type: integer, nullable: true}}
      - {{name: at, type: timestamp(3) with time zone, nullable: true}}
    foreign_keys:
      - {{name: b_a, columns: [a_id], table: a, references: [id], on_delete: set null, on_update: cascade, deferrable: true}}
      - {{name: b_late, columns: [a_id], table: a, references: [id], on_delete: restrict, not_valid: true}}
  empty:
    columns: []
"#
    ));
    let client = cluster.database("features", "").await;
    client
        .batch_execute(&ddl(&expected, Some("s")))
        .await
        .unwrap();
    let live = read(&client, "s", &expected).await;
    assert_eq!(compare(&expected, &live), "");
    assert_eq!(to_yaml(&live), to_yaml(&expected));
    assert_eq!(live, expected);
}

/// Views, partitions, invalid indexes, keys of another schema.
async fn what_ddl_cannot_say_is_read(cluster: &Cluster) {
    let client = cluster.database("other_things", "").await;
    client
        .batch_execute(
            "CREATE SCHEMA away;
             CREATE TABLE away.far (id int PRIMARY KEY);
             CREATE TABLE plain (id int, far int REFERENCES away.far, gone int);
             ALTER TABLE plain DROP COLUMN gone;
             CREATE VIEW seen AS SELECT id FROM plain;
             CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
             CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
             INSERT INTO plain VALUES (1), (1);",
        )
        .await
        .unwrap();
    client
        .batch_execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON plain (id)")
        .await
        .expect_err("the rows are not unique");
    let live = introspect(&client, "public", None).await.unwrap();
    let names: Vec<_> = live.tables.keys().map(String::as_str).collect();
    assert_eq!(names, ["parts", "parts_1", "plain"]);
    let plain = &live.tables["plain"];
    let columns: Vec<_> = plain.columns.iter().map(|column| &column.name).collect();
    assert_eq!(columns, ["id", "far"]);
    assert!(plain.foreign_keys.is_empty(), "its table was not read");
    assert!(plain.keys.is_empty(), "an invalid index is no key");
    assert_eq!(plain.indexes.len(), 1);
    assert!(plain.indexes[0].invalid && plain.indexes[0].unique);
    assert_eq!(live.tables["parts"].keys[0].columns, ["id"]);
}

async fn a_part_of_a_schema_is_closed(cluster: &Cluster) {
    let client = cluster.database("part", "").await;
    client
        .batch_execute(
            "CREATE TYPE unused AS ENUM ('a');
             CREATE TABLE one (id int PRIMARY KEY);
             CREATE TABLE two (id int PRIMARY KEY REFERENCES one, kind unused);
             CREATE TABLE three (id int REFERENCES two, one int REFERENCES one);",
        )
        .await
        .unwrap();
    let names = ["one", "three", "absent"].map(str::to_owned);
    let live = introspect(&client, "public", Some(&names)).await.unwrap();
    let read: Vec<_> = live.tables.keys().map(String::as_str).collect();
    assert_eq!(read, ["one", "three"]);
    assert!(live.enums.is_empty());
    let keys = &live.tables["three"].foreign_keys;
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].table, "one");
    let mut files = Files::new();
    let file = files.add("dump.yaml", to_yaml(&live));
    assert_eq!(from_yaml(&files, file).unwrap(), live);
}

/// From PostgreSQL 18 on a NOT NULL can be `NOT VALID` and a key can be `WITHOUT OVERLAPS`.
async fn a_promise_that_is_not_valid_is_none(cluster: &Cluster) {
    let client = cluster.database("promises", "").await;
    client
        .batch_execute("CREATE TABLE t (a int, b int NOT NULL, c int4range NOT NULL)")
        .await
        .unwrap();
    let version = database_facts(&client).await.unwrap().server_version_num;
    if version >= 180_000 {
        client
            .batch_execute(
                "ALTER TABLE t ADD CONSTRAINT late NOT NULL a NOT VALID;
                 CREATE EXTENSION btree_gist;
                 ALTER TABLE t ADD CONSTRAINT apart UNIQUE (b, c WITHOUT OVERLAPS);",
            )
            .await
            .unwrap();
    }
    let live = introspect(&client, "public", None).await.unwrap();
    let table = &live.tables["t"];
    let nullable: Vec<_> = table.columns.iter().map(|column| column.nullable).collect();
    assert_eq!(nullable, [true, false, false]);
    assert!(table.keys.is_empty());
}

async fn the_search_path_is_put_back(cluster: &Cluster) {
    let client = cluster.database("path", "").await;
    let path = "\"$user\", \"odd, name\", pg_temp";
    client
        .batch_execute(&format!("CREATE SCHEMA s; SET search_path = {path}"))
        .await
        .unwrap();
    introspect(&client, "s", None).await.unwrap();
    let row = client.query_one("SHOW search_path", &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), path);
}

async fn databases_are_recognised(cluster: &Cluster) {
    let synapse = shipped("synapse").unwrap();
    let mas = shipped("mas").unwrap();
    let source = cluster.database("recognised_source", "").await;
    source.batch_execute(&ddl(&synapse, None)).await.unwrap();
    let target = cluster.database("recognised_target", "").await;
    target.batch_execute(&ddl(&mas, None)).await.unwrap();
    let empty = cluster.database("recognised_empty", "").await;

    let look = async |client: &Client, own: &Catalog, other: &Catalog| {
        let names: Vec<String> = [own, other]
            .iter()
            .flat_map(|catalog| catalog.identity.tables.clone())
            .collect();
        let live = introspect(client, "public", Some(&names)).await.unwrap();
        let column = own.identity.version.as_ref().unwrap();
        let version = match live.tables.contains_key(&column.table) {
            true => schema_version(client, "public", column).await.unwrap(),
            false => None,
        };
        identify(&live, version, own, other)
    };
    let found = look(&source, &synapse, &mas).await;
    assert_eq!(
        (found.kind, found.support),
        (Kind::Expected, Support::NotNoted)
    );
    for (version, support) in [
        (79, Support::TooOld),
        (80, Support::Supported),
        (94, Support::Supported),
        (95, Support::Untested),
    ] {
        source
            .batch_execute(&format!(
                "DELETE FROM schema_version;
                 INSERT INTO schema_version (version, upgraded) VALUES ({version}, true)"
            ))
            .await
            .unwrap();
        let found = look(&source, &synapse, &mas).await;
        assert_eq!(found.version, Some(version));
        assert_eq!((found.kind, found.support), (Kind::Expected, support));
    }
    assert_eq!(look(&target, &mas, &synapse).await.kind, Kind::Expected);
    assert_eq!(look(&target, &synapse, &mas).await.kind, Kind::Swapped);
    assert_eq!(look(&source, &mas, &synapse).await.kind, Kind::Swapped);
    assert_eq!(look(&empty, &mas, &synapse).await.kind, Kind::Empty);
    source
        .batch_execute("DROP TABLE user_threepids")
        .await
        .unwrap();
    assert_eq!(
        look(&source, &synapse, &mas).await.kind,
        Kind::Unknown(vec!["user_threepids".to_owned()])
    );
}

/// ICU is an option of PostgreSQL's build, and other providers came with later versions: the cases
/// that the server at hand can have.
async fn orders_of_columns_are_told_apart(cluster: &Cluster) {
    let pairs: Vec<(String, String)> = ["plain", "c", "icu", "ucs", "number", "absent"]
        .iter()
        .map(|column| ("t".to_owned(), (*column).to_owned()))
        .collect();
    let language = |name: &str| ColumnOrder::Language(name.to_owned());
    let postgres = cluster.connect("postgres").await;
    let version = database_facts(&postgres).await.unwrap().server_version_num;
    let query = "SELECT EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu')";
    let has_icu: bool = postgres.query_one(query, &[]).await.unwrap().get(0);
    let mut databases = vec![
        ("order_utf8", "", ColumnOrder::Bytes),
        ("order_c", "LC_COLLATE 'C' LC_CTYPE 'C'", ColumnOrder::Bytes),
    ];
    if has_icu && version >= 150_000 {
        let options = "LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C.UTF-8'";
        databases.push(("order_icu", options, language("en")));
    }
    if version >= 170_000 {
        let options = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C.UTF-8'";
        databases.push(("order_builtin", options, ColumnOrder::Bytes));
    }
    let icu = if has_icu { "und-x-icu" } else { "C" };
    for (name, options, plain) in databases {
        let client = cluster.database(name, options).await;
        client
            .batch_execute(&format!(
                r#"CREATE TABLE t (plain text, c text COLLATE "C", icu varchar(9) COLLATE "{icu}",
                                   ucs text COLLATE ucs_basic, number bigint)"#,
            ))
            .await
            .unwrap();
        let orders = column_orders(&client, "public", &pairs).await.unwrap();
        let of = |column: &str| orders.get(&("t".to_owned(), column.to_owned()));
        assert_eq!(of("plain"), Some(&plain), "{name}");
        assert_eq!(of("c"), Some(&ColumnOrder::Bytes));
        assert_eq!(of("ucs"), Some(&ColumnOrder::Bytes));
        if has_icu {
            assert_eq!(of("icu"), Some(&language("und-x-icu")));
        }
        assert_eq!(of("number"), Some(&ColumnOrder::NotText));
        assert_eq!(of("absent"), None);
    }
}

async fn facts_tell_databases_apart(cluster: &Cluster) {
    let one = cluster.database("facts_one", "").await;
    let other = cluster.database("facts_other", "").await;
    let facts = database_facts(&one).await.unwrap();
    assert!(facts.server_version_num >= 130_000);
    assert!(
        facts
            .server_version
            .starts_with(&(facts.server_version_num / 10_000).to_string())
    );
    assert_eq!(facts.encoding, "UTF8");
    assert_eq!(facts.database, "facts_one");
    assert!(!facts.standby);
    let again = cluster.connect("facts_one").await;
    let same = database_facts(&again).await.unwrap();
    assert_eq!(facts.same_database(&same), Some(true));
    let different = database_facts(&other).await.unwrap();
    assert_eq!(facts.same_database(&different), Some(false));
    one.batch_execute(
        "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;
         CREATE ROLE weak; SET ROLE weak; BEGIN",
    )
    .await
    .unwrap();
    let weak = database_facts(&one).await.unwrap();
    assert_eq!(weak.system_identifier, None);
    assert_eq!(weak.same_database(&same), None);
    one.batch_execute("SELECT 1")
        .await
        .expect("the transaction lives on");
}

async fn a_refused_query_is_explained(cluster: &Cluster) {
    let client = cluster.database("refused", "").await;
    let synapse = shipped("synapse").unwrap();
    client.batch_execute(&ddl(&synapse, None)).await.unwrap();
    client
        .batch_execute("CREATE ROLE nobody_much; SET ROLE nobody_much")
        .await
        .unwrap();
    let live = introspect(&client, "public", None).await.unwrap();
    assert_eq!(
        live.tables.len(),
        synapse.tables.len(),
        "needs no right to the tables"
    );
    let column = synapse.identity.version.as_ref().unwrap();
    let error = schema_version(&client, "public", column).await.unwrap_err();
    assert_eq!(error.kind, mapwright::pg::PgErrorKind::CouldNotStart);
    assert_eq!(error.diagnostic.code.as_str(), "E0649");
    assert!(
        error.diagnostic.notes[0].contains("42501"),
        "{:?}",
        error.diagnostic
    );
    assert_eq!(error.diagnostic.help.len(), 1);
}

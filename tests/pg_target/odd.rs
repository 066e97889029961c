//! Structures that a careless rebuild would lose something of. `pg_dump` is the judge.

use std::sync::{Arc, Mutex};

use mapwright::pg::target::{
    Ending, Kept, TargetEvent, TargetObserver, TargetOptions, TargetTable, TargetTransaction,
};
use mapwright::run::RowSink;

use crate::cluster::Database;
use crate::rows::{Field, batch, int, text};
use crate::target::table;

const SCHEMA: &str = r#"
    CREATE SCHEMA "Odd ""Schema""";
    CREATE EXTENSION pg_trgm SCHEMA public;
    SET search_path = "Odd ""Schema""", public;

    CREATE TABLE "Order" (
        "Id" int CONSTRAINT "Order's key" PRIMARY KEY,
        "select" text NOT NULL DEFAULT 'x' CHECK ("select" <> ''),
        parent int,
        partner int,
        rank int NOT NULL,
        period int4range,
        doubled int GENERATED ALWAYS AS (rank * 2) STORED
    ) WITH (fillfactor = 80);
    CREATE TABLE partner (
        id int CONSTRAINT older UNIQUE,
        first_order int,
        code text COLLATE "C"
    );
    ALTER TABLE partner ADD CONSTRAINT partner_pkey PRIMARY KEY (id);

    -- Keys of all kinds.
    ALTER TABLE "Order"
        ADD CONSTRAINT later UNIQUE (rank) DEFERRABLE INITIALLY DEFERRED,
        ADD CONSTRAINT sooner UNIQUE (rank, parent) DEFERRABLE,
        ADD CONSTRAINT "with more" UNIQUE NULLS NOT DISTINCT (parent, "Id") INCLUDE ("select") WITH (fillfactor = 70),
        ADD CONSTRAINT apart EXCLUDE USING gist (period WITH &&) WHERE (rank > 0);
    COMMENT ON CONSTRAINT later ON "Order" IS E'it''s a \\ comment';
    COMMENT ON INDEX later IS 'the index of it';
    COMMENT ON CONSTRAINT "Order's key" ON "Order" IS 'primary';

    -- Indexes of all kinds.
    CREATE INDEX "Odd Index" ON "Order" (lower("select") COLLATE "C" DESC NULLS LAST, rank) WHERE parent IS NOT NULL;
    COMMENT ON INDEX "Odd Index" IS 'odd';
    CREATE INDEX expressions ON "Order" (rank, (rank + coalesce(parent, 0)), upper("select"));
    ALTER INDEX expressions ALTER COLUMN 2 SET STATISTICS 321;
    ALTER INDEX expressions ALTER COLUMN 3 SET STATISTICS 12;
    CREATE INDEX trigrams ON "Order" USING gin ("select" public.gin_trgm_ops) WITH (fastupdate = off);
    CREATE INDEX ranges ON "Order" USING brin (rank) WITH (pages_per_range = 4);
    CREATE INDEX hashed ON "Order" USING hash ("select");
    CREATE INDEX patterns ON "Order" ("select" text_pattern_ops) INCLUDE (rank);
    CREATE UNIQUE INDEX identity_index ON "Order" ("Id", rank);
    ALTER TABLE "Order" REPLICA IDENTITY USING INDEX identity_index;
    CREATE INDEX clustering ON "Order" (parent);
    ALTER TABLE "Order" CLUSTER ON clustering;
    CREATE INDEX elsewhere ON partner (code) TABLESPACE fast;
    CREATE STATISTICS together (dependencies) ON rank, parent FROM "Order";
    ALTER STATISTICS together SET STATISTICS 77;

    -- Foreign keys of all kinds: to itself, in a circle, not yet valid, resting on the older of
    -- two equal keys, from a table that is not written, to one that is not written.
    CREATE TABLE place (id int PRIMARY KEY);
    INSERT INTO place VALUES (1);
    CREATE TABLE visit (order_id int, place int, note text);
    ALTER TABLE "Order"
        ADD CONSTRAINT self FOREIGN KEY (parent) REFERENCES "Order" ON DELETE CASCADE,
        ADD CONSTRAINT "to partner" FOREIGN KEY (partner) REFERENCES partner (id) MATCH FULL DEFERRABLE INITIALLY DEFERRED;
    ALTER TABLE partner
        ADD CONSTRAINT back FOREIGN KEY (first_order) REFERENCES "Order" ON UPDATE CASCADE ON DELETE SET NULL (first_order),
        ADD COLUMN home int CONSTRAINT home REFERENCES place;
    ALTER TABLE visit ADD CONSTRAINT visited FOREIGN KEY (order_id) REFERENCES "Order" NOT VALID;
    COMMENT ON CONSTRAINT visited ON visit IS 'not checked yet';

    -- What hangs on the tables besides.
    CREATE TABLE viewed (id int PRIMARY KEY, title text);
    CREATE INDEX viewed_title ON viewed (title);
    CREATE VIEW titles AS SELECT id, title FROM viewed GROUP BY id;
    CREATE PUBLICATION all_orders FOR TABLE "Order";
    CREATE POLICY unused ON partner USING (id > 0);
    GRANT SELECT ON "Order" TO postgres;
    GRANT SELECT (code) ON partner TO postgres;
    ALTER TABLE partner ALTER COLUMN code SET STATISTICS 500, ALTER COLUMN code SET STORAGE EXTERNAL;
    COMMENT ON TABLE partner IS 'partners';
    COMMENT ON COLUMN partner.code IS 'their codes';
"#;

fn tables() -> Vec<TargetTable> {
    vec![
        table("Order", &["Id", "select", "parent", "partner", "rank"]),
        table("partner", &["code", "id", "first_order", "home"]),
        table("viewed", &["id", "title"]),
    ]
}

fn order(id: i32) -> Vec<Field> {
    let parent = (id > 1).then(|| int(1)).flatten();
    vec![
        int(id),
        text(&format!("order {id}")),
        parent,
        int(id),
        int(id),
    ]
}

fn partner(id: i32) -> Vec<Field> {
    vec![text(&format!("code {id}")), int(id), int(id), int(1)]
}

fn viewed(id: i32) -> Vec<Field> {
    vec![int(id), text("title")]
}

/// Runs once; answers what was rebuilt and what was kept.
async fn run(database: &Database, ending: Ending) -> (Vec<String>, Vec<Kept>) {
    let rebuilt = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&rebuilt);
    let observer: TargetObserver = Box::new(move |event| {
        if let TargetEvent::Rebuilt { name, .. } = event {
            heard.lock().unwrap().push(name.clone());
        }
        Ok(())
    });
    let connect = database.connector();
    let mut target = TargetTransaction::begin(
        &connect,
        &TargetOptions::new("Odd \"Schema\""),
        &tables(),
        observer,
    )
    .await
    .unwrap();
    let kept = target.kept().to_vec();
    let mut sink = target.sink().await.unwrap();
    for (number, make) in [order as fn(i32) -> Vec<Field>, partner, viewed]
        .into_iter()
        .enumerate()
    {
        let rows: Vec<Vec<Field>> = (1..=500).map(make).collect();
        sink.write(number, batch(&rows)).await.unwrap();
    }
    let written = sink.finish().await.unwrap();
    target
        .complete(written)
        .await
        .unwrap()
        .end(ending, &connect)
        .await
        .unwrap();
    let rebuilt = rebuilt.lock().unwrap().clone();
    (rebuilt, kept)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_structures_come_back_to_the_letter() {
    let database = Database::new();
    // The other tests' tablespaces are other servers' or have other names.
    database.admin("CREATE TABLESPACE fast OWNER tester LOCATION ''");
    database.sql(SCHEMA);
    let dump = database.dump();
    let statistics = database.class_statistics();
    let indexes = "SELECT indexrelid::regclass, indisvalid, indisclustered, indisreplident, indimmediate, \
         pg_get_indexdef(indexrelid), (SELECT reltablespace FROM pg_class WHERE oid = indexrelid) \
         FROM pg_index WHERE indrelid::regclass::text LIKE '%Schema%' ORDER BY indexrelid::regclass::text";
    let indexes_before = database.admin(indexes);
    let keys = "SELECT conname, conindid::regclass, convalidated, pg_get_constraintdef(oid) \
         FROM pg_constraint WHERE conrelid::regclass::text LIKE '%Schema%' ORDER BY 1, 4";
    let keys_before = database.admin(keys);
    assert!(indexes_before.lines().count() > 15 && keys_before.lines().count() > 12);

    let (mut rebuilt, mut kept) = run(&database, Ending::RollBack).await;
    assert_eq!(database.dump(), dump);
    assert_eq!(database.class_statistics(), statistics);

    rebuilt.sort();
    assert_eq!(
        rebuilt,
        [
            "Odd Index",
            "Order's key",
            "back",
            "clustering",
            "elsewhere",
            "expressions",
            "hashed",
            "home",
            "identity_index",
            "later",
            "older",
            "partner_pkey",
            "patterns",
            "ranges",
            "self",
            "sooner",
            "to partner",
            "trigrams",
            "viewed_title",
            "visited",
            "with more",
        ]
    );
    kept.sort_by(|a, b| a.name.cmp(&b.name));
    let kept: Vec<_> = kept
        .iter()
        .map(|kept| (kept.name.as_str(), kept.reason.as_str()))
        .collect();
    assert_eq!(
        kept,
        [
            ("apart", "it serves an exclusion constraint"),
            ("viewed_pkey", "rule _RETURN on view titles depends on it"),
        ]
    );

    run(&database, Ending::Commit).await;
    assert_eq!(
        database.sql(
            r#"SET search_path = "Odd ""Schema"""; SELECT count(*), sum(doubled), count(DISTINCT parent) FROM "Order""#
        ),
        "500|250500|1\n"
    );
    assert_eq!(database.admin(indexes), indexes_before);
    assert_eq!(database.admin(keys), keys_before);
    database.sql(r#"SET search_path = "Odd ""Schema"""; TRUNCATE "Order", partner, viewed, visit"#);
    assert_eq!(database.dump(), dump);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_whose_triggers_are_switched_off_stays_in_place_or_is_refused() {
    let database = Database::new();
    database.sql(
        "CREATE TABLE a (id int PRIMARY KEY, other int); \
         CREATE TABLE b (id int PRIMARY KEY); \
         ALTER TABLE a ADD CONSTRAINT a_b FOREIGN KEY (other) REFERENCES b",
    );
    database.admin("ALTER TABLE a DISABLE TRIGGER ALL");
    let dump = database.dump();
    let connect = database.connector();
    let both = [table("a", &["id", "other"]), table("b", &["id"])];
    let options = TargetOptions::new("public");
    let mut target = TargetTransaction::begin(&connect, &options, &both, Box::new(|_| Ok(())))
        .await
        .unwrap();
    let mut kept: Vec<&str> = target
        .kept()
        .iter()
        .map(|kept| kept.name.as_str())
        .collect();
    kept.sort_unstable();
    // The key that it rests on stays with it.
    assert_eq!(kept, ["a_b", "b_pkey"]);
    let mut sink = target.sink().await.unwrap();
    sink.write(1, batch(&[vec![int(1)]])).await.unwrap();
    sink.write(0, batch(&[vec![int(1), int(1)]])).await.unwrap();
    let written = sink.finish().await.unwrap();
    let complete = target.complete(written).await.unwrap();
    complete.end(Ending::RollBack, &connect).await.unwrap();
    assert_eq!(database.dump(), dump);

    let refused = TargetTransaction::begin(&connect, &options, &both[1..], Box::new(|_| Ok(())));
    match refused.await {
        Ok(_) => panic!("the transaction was begun"),
        Err(error) => assert_eq!(
            error.diagnostic.notes,
            [
                "foreign key `a_b` of `public.a` cannot be dropped and put back as it is: its triggers have been switched off"
            ]
        ),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_the_role_do_not_reach_the_run() {
    let database = Database::new();
    database.sql(crate::target::LIBRARY);
    // A statement that takes longer than the role's statements may.
    database.sql(
        "CREATE FUNCTION slow(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE \
             AS 'BEGIN PERFORM pg_sleep(0.03); RETURN id; END'; \
         CREATE INDEX book_slow ON book (slow(book_id)) WHERE book_id <= 20",
    );
    let dump = database.dump();
    for setting in [
        "default_transaction_read_only = on",
        "statement_timeout = '400ms'",
        "idle_in_transaction_session_timeout = '1ms'",
        "default_transaction_isolation = 'serializable'",
        "synchronous_commit = off",
        "search_path = nowhere",
        "standard_conforming_strings = off",
        "default_tablespace = nowhere",
    ] {
        // For this database only: the role is everybody's.
        database.admin(&format!(
            "ALTER ROLE tester IN DATABASE {} SET {setting}",
            database.name
        ));
    }
    crate::target::run_library(
        &database.connector(),
        Ending::RollBack,
        Box::new(|_| Ok(())),
    )
    .await
    .unwrap();
    assert_eq!(database.dump(), dump);
}

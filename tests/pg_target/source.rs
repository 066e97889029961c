//! The source: locks, one snapshot, ordered streams.

use std::time::Duration;

use bytes::Bytes;
use mapwright::diagnostics::codes;
use mapwright::pg::source::{
    PgScans, PgSource, ScanQuery, SourceLock, SourceOptions, load, may_lock,
};
use mapwright::pg::{Connect, Patience, PgError, PgErrorKind};
use mapwright::run::RowSource;

use crate::cluster::{Database, Server};
use crate::rows::{Field, fields, int, text};

const PEOPLE: &str = "
    CREATE TABLE people (name text PRIMARY KEY, age int);
    CREATE TABLE pets (owner text, name text);
    CREATE INDEX pets_owner ON pets (owner);
    INSERT INTO people VALUES ('b', 1), ('B', 2), ('a', NULL), ('_', 4), ('é', 5), ('z', 6), ('@a:x', 7), ('', 8);
    INSERT INTO pets VALUES ('z', 'Rex'), (NULL, 'Stray'), ('B', NULL), ('a', 'Tom');
";

fn columns(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn people() -> ScanQuery {
    ScanQuery {
        table: "people".into(),
        columns: columns(&["age", "name"]),
        key: "name".into(),
        key_is_text: true,
    }
}

fn pets() -> ScanQuery {
    ScanQuery {
        table: "pets".into(),
        columns: columns(&["owner", "name"]),
        key: "owner".into(),
        key_is_text: true,
    }
}

async fn open<C: Connect>(connect: &C, lock: SourceLock) -> Result<PgSource, PgError> {
    PgSource::open(
        connect,
        &SourceOptions::new("public", lock),
        &["people", "pets"],
    )
    .await
}

async fn refusal<C: Connect>(connect: &C, lock: SourceLock) -> PgError {
    match open(connect, lock).await {
        Ok(_) => panic!("the source was opened"),
        Err(error) => error,
    }
}

async fn read_all(scans: &mut PgScans, scan: usize) -> Vec<Vec<Field>> {
    let mut rows = Vec::new();
    while let Some(more) = scans.next_rows(scan).await.unwrap() {
        assert!(!more.is_empty() && more.len() <= 256);
        rows.extend(more.into_iter().map(fields));
    }
    assert_eq!(scans.next_rows(scan).await.unwrap(), None);
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_come_in_the_order_of_their_bytes_nulls_last() {
    for options in [
        "",
        "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'",
        "LOCALE 'C.UTF-8'",
    ] {
        let database = Database::with_options(options);
        database.sql(PEOPLE);
        let connect = database.connector();
        let source = open(&connect, SourceLock::Exclusive).await.unwrap();
        let mut scans = source.scan(&connect, &[people(), pets()]).await.unwrap();
        assert_eq!(
            read_all(&mut scans, 0).await,
            [
                vec![int(8), text("")],
                vec![int(7), text("@a:x")],
                vec![int(2), text("B")],
                vec![int(4), text("_")],
                vec![None, text("a")],
                vec![int(1), text("b")],
                vec![int(6), text("z")],
                vec![int(5), text("é")],
            ],
            "{options}"
        );
        assert_eq!(
            read_all(&mut scans, 1).await,
            [
                vec![text("B"), None],
                vec![text("a"), text("Tom")],
                vec![text("z"), text("Rex")],
                vec![None, text("Stray")],
            ],
            "{options}"
        );
        source.release().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_collation_of_the_column_decides_how_the_order_is_asked_for() {
    for (options, collation, asked) in [
        ("", "", "ORDER BY \"key\")"),
        ("LOCALE 'C.UTF-8'", "", "ORDER BY \"key\")"),
        (
            "",
            "COLLATE \"en-x-icu\"",
            "ORDER BY \"key\" COLLATE \"C\")",
        ),
        (
            "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'",
            "",
            "ORDER BY \"key\" COLLATE \"C\")",
        ),
        (
            "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'",
            "COLLATE \"C\"",
            "ORDER BY \"key\")",
        ),
        (
            "LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'",
            "COLLATE \"POSIX\"",
            "ORDER BY \"key\")",
        ),
    ] {
        let database = Database::with_options(options);
        database.sql(&format!(
            "CREATE TABLE keyed (key text {collation} PRIMARY KEY, filling text); \
             INSERT INTO keyed SELECT i, repeat('x', 1000) FROM generate_series(1, 10000) i"
        ));
        let connect = database.connector();
        let options = SourceOptions::new("public", SourceLock::Shared);
        let source = PgSource::open(&connect, &options, &["keyed"])
            .await
            .unwrap();
        let query = ScanQuery {
            table: "keyed".into(),
            columns: columns(&["key", "filling"]),
            key: "key".into(),
            key_is_text: true,
        };
        // Ten megabytes do not fit between us and the server: it is still sending.
        let mut scans = source.scan(&connect, &[query]).await.unwrap();
        let running = database.admin(
            "SELECT query FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY%' \
             AND datname = current_database()",
        );
        assert!(running.contains(asked), "{collation} {asked}: {running}");
        assert_eq!(read_all(&mut scans, 0).await.len(), 10_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_are_no_texts_and_empty_tables_are_read_too() {
    let database = Database::new();
    database.sql(
        "CREATE SCHEMA \"The Source\"; CREATE TABLE \"The Source\".\"Numbers\" (\"N\" bigint, u uuid); \
         CREATE TABLE \"The Source\".nothing (id int); \
         INSERT INTO \"The Source\".\"Numbers\" VALUES (3, NULL), (-1, '00000000-0000-0000-0000-000000000001'), (1000, NULL)",
    );
    let connect = database.connector();
    let options = SourceOptions::new("The Source", SourceLock::Exclusive);
    let source = PgSource::open(&connect, &options, &["Numbers", "nothing"])
        .await
        .unwrap();
    let query = |table: &str, column: &str| ScanQuery {
        table: table.into(),
        columns: columns(&[column]),
        key: column.into(),
        key_is_text: false,
    };
    let mut scans = source
        .scan(
            &connect,
            &[
                query("Numbers", "N"),
                query("nothing", "id"),
                query("Numbers", "u"),
            ],
        )
        .await
        .unwrap();
    let number = |value: i64| vec![Some(value.to_be_bytes().to_vec())];
    assert_eq!(
        read_all(&mut scans, 0).await,
        [number(-1), number(3), number(1000)]
    );
    assert_eq!(read_all(&mut scans, 1).await, Vec::<Vec<Field>>::new());
    let uuids = read_all(&mut scans, 2).await;
    assert_eq!(uuids[1..], [vec![None], vec![None]]);
    let error = scans.next_rows(3).await.unwrap_err();
    assert_eq!(error.code, codes::E0900);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_goes_on_beside_a_writer_and_sees_one_moment() {
    let database = Database::new();
    database.sql(PEOPLE);
    let writer = database.session("the service").await;
    writer
        .batch_execute("BEGIN; INSERT INTO people VALUES ('c', 9)")
        .await
        .unwrap();
    let connect = database.connector();
    let source = open(&connect, SourceLock::Shared).await.unwrap();
    writer
        .batch_execute("INSERT INTO pets VALUES ('c', 'Late'); COMMIT; DELETE FROM people")
        .await
        .unwrap();
    // Two passes over the same snapshot.
    for _ in 0..2 {
        let mut scans = source.scan(&connect, &[people(), pets()]).await.unwrap();
        assert_eq!(read_all(&mut scans, 0).await.len(), 8);
        assert_eq!(read_all(&mut scans, 1).await.len(), 4);
    }
    let rows = source.load("people", &columns(&["name"]), 8).await.unwrap();
    assert_eq!(rows.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_run_keeps_writers_out_until_it_is_released() {
    let database = Database::new();
    database.sql(PEOPLE);
    let connect = database.connector();
    let source = open(&connect, SourceLock::Exclusive).await.unwrap();
    source.nobody_came(&Patience::default()).await.unwrap();
    let writer = database.session("the service").await;
    let insert = "SET lock_timeout = '50ms'; INSERT INTO pets VALUES ('x', 'y')";
    let refused = writer.batch_execute(insert).await.unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "55P03");
    writer.batch_execute("SELECT * FROM people").await.unwrap();
    let came = source.nobody_came(&Patience::default()).await.unwrap_err();
    assert_eq!(came.diagnostic.code, codes::E0653);
    assert!(came.diagnostic.notes[0].contains("application `the service`"));
    source.release().await.unwrap();
    writer.batch_execute(insert).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_run_notices_a_writer_and_names_it() {
    let database = Database::new();
    database.sql(PEOPLE);
    let writer = database.session("the service").await;
    writer
        .batch_execute("BEGIN; INSERT INTO people VALUES ('s3cret', 1)")
        .await
        .unwrap();
    let error = refusal(&database.connector(), SourceLock::Exclusive).await;
    assert_eq!(
        (error.diagnostic.code, error.kind),
        (codes::E0653, PgErrorKind::CouldNotStart)
    );
    let note = &error.diagnostic.notes[0];
    for words in [
        "application `the service`, user `tester`, connected since 20",
        " UTC, idle in transaction",
    ] {
        assert!(note.contains(words), "{note}");
    }
    assert!(note.contains("holds RowExclusiveLock on people"), "{note}");
    assert!(!format!("{error:?}").contains("s3cret"));
    writer.batch_execute("ROLLBACK").await.unwrap();
    let idle = refusal(&database.connector(), SourceLock::Exclusive).await;
    assert!(idle.diagnostic.notes[0].ends_with(" UTC, idle"), "{idle:?}");
    drop(writer);
    open(&database.connector(), SourceLock::Exclusive)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_may_only_read_gets_the_grant_told() {
    let database = Database::new();
    database.sql(PEOPLE);
    let role = format!("reader_{}", database.name);
    database.admin(&format!("CREATE ROLE {role} LOGIN"));
    let connect = database.connect_as(&role);

    let error = refusal(&connect, SourceLock::Shared).await;
    assert_eq!(
        (error.diagnostic.code, error.kind),
        (codes::E0652, PgErrorKind::CouldNotStart)
    );
    let grant = error.diagnostic.notes.last().unwrap();
    assert_eq!(
        grant,
        &format!("GRANT SELECT ON \"public\".\"people\", \"public\".\"pets\" TO \"{role}\";")
    );
    database.sql(grant);
    open(&connect, SourceLock::Shared).await.unwrap();

    let error = refusal(&connect, SourceLock::Exclusive).await;
    assert_eq!(
        (error.diagnostic.code, error.kind),
        (codes::E0652, PgErrorKind::CouldNotStart)
    );
    assert!(error.diagnostic.help[1].contains("--no-source-lock"));
    let grant = error.diagnostic.notes.last().unwrap();

    let client = connect().await.unwrap();
    let foreseen = may_lock(&client, "public", &["people", "pets"])
        .await
        .unwrap_err();
    assert_eq!(foreseen.diagnostic, error.diagnostic);

    let service = database.session("the service").await;
    let error = refusal(&connect, SourceLock::NoLock).await;
    assert_eq!(error.diagnostic.code, codes::E0653);
    assert!(error.diagnostic.notes[0].contains("application `the service`"));
    let mut options = SourceOptions::new("public", SourceLock::NoLock);
    options.allowed_sessions = vec!["application=the service".parse().unwrap()];
    let unlocked = PgSource::open(&connect, &options, &["people", "pets"])
        .await
        .unwrap();
    let beside = unlocked.sessions_beside();
    assert_eq!(beside.len(), 1, "{beside:?}");
    assert_eq!(beside[0].application_name, "the service");
    unlocked.release().await.unwrap();
    drop(service);

    database.sql(grant);
    may_lock(&client, "public", &["people", "pets"])
        .await
        .unwrap();
    // Its role may write by now.
    drop(client);
    let source = open(&connect, SourceLock::Exclusive).await.unwrap();
    // The right to write is not made use of.
    let refused = source
        .leader()
        .batch_execute("UPDATE people SET age = 1")
        .await
        .unwrap_err();
    assert_eq!(refused.code().unwrap().code(), "25006");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_serializable_writer_holds_the_snapshot_back_and_is_named() {
    // Such a transaction concerns every run on its server, so it gets one of its own.
    let server = Server::with_eager_autovacuum();
    let database = server.database();
    database.admin(PEOPLE);
    let connect = database.connect_as("postgres");
    // Whatever it writes: nobody else may write to the tables.
    database.admin("CREATE ROLE bystander LOGIN");
    let writer = database.connect_as("bystander")().await.unwrap();
    writer
        .batch_execute(
            "SET application_name = 'another service'; \
             BEGIN ISOLATION LEVEL SERIALIZABLE; CREATE TEMP TABLE own (); SELECT FROM pg_class LIMIT 1",
        )
        .await
        .unwrap();
    let mut options = SourceOptions::new("public", SourceLock::Exclusive);
    options.snapshot_wait = Duration::from_secs(2);
    let error = match PgSource::open(&connect, &options, &["people"]).await {
        Ok(_) => panic!("the source was opened"),
        Err(error) => error,
    };
    assert_eq!(
        (error.diagnostic.code, error.kind),
        (codes::E0654, PgErrorKind::CouldNotStart)
    );
    let notes = error.diagnostic.notes.join("\n");
    assert!(notes.contains("application `another service`"), "{notes}");
    // A look does not wait for it.
    options.lock = SourceLock::Shared;
    PgSource::open(&connect, &options, &["people"])
        .await
        .unwrap();
    // It ends while we wait.
    options.lock = SourceLock::Exclusive;
    options.snapshot_wait = Duration::from_secs(60);
    let opening = tokio::spawn(async move {
        PgSource::open(&connect, &options, &["people"])
            .await
            .is_ok()
    });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SafeSnapshot'";
    for _ in 0..200 {
        if database.admin(waiting) == "1\n" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(database.admin(waiting), "1\n");
    writer.batch_execute("COMMIT").await.unwrap();
    assert!(opening.await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_relation_has_a_limit_and_an_order() {
    let database = Database::new();
    database.sql(PEOPLE);
    let client = database.session("look").await;
    let names = columns(&["name"]);
    let rows = load(&client, "public", "people", &names, 8).await.unwrap();
    let read: Vec<Vec<Field>> = rows.into_iter().map(fields).collect();
    assert_eq!(read[0], [text("")]);
    assert_eq!(read.len(), 8);
    let mut sorted = read.clone();
    sorted.sort_by_key(|fields| (fields[0].as_ref().unwrap().len(), fields[0].clone()));
    assert_eq!(read, sorted);
    let error = load(&client, "public", "people", &names, 7)
        .await
        .unwrap_err();
    assert_eq!(
        (error.diagnostic.code, error.kind),
        (codes::E0656, PgErrorKind::Unsuitable)
    );
    // The connection is good for more.
    load(&client, "public", "pets", &names, 100).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrong_server_is_refused() {
    let database = Database::new();
    let error = refusal(&database.connector(), SourceLock::Shared).await;
    assert_eq!(
        error.diagnostic.message,
        "the source database has no table `people`, `pets` in schema `public`"
    );
    let latin = Database::with_options("ENCODING 'LATIN1'");
    latin.sql("CREATE TABLE people (name text); CREATE TABLE pets (name text)");
    let error = refusal(&latin.connector(), SourceLock::Shared).await;
    assert_eq!(
        (error.diagnostic.code, error.kind),
        (codes::E0651, PgErrorKind::Unsuitable)
    );
    let standby = Server::standby();
    let error = refusal(
        &standby.database().connect_as("postgres"),
        SourceLock::Shared,
    )
    .await;
    assert_eq!(
        (error.diagnostic.code, error.kind),
        (codes::E0650, PgErrorKind::Unsuitable)
    );
}

const BIG: &str = "
    CREATE TABLE big (id int PRIMARY KEY, filling text);
    INSERT INTO big SELECT i, repeat('x', 1000) FROM generate_series(1, 150000) i;
";

fn big() -> ScanQuery {
    ScanQuery {
        table: "big".into(),
        columns: columns(&["id", "filling"]),
        key: "id".into(),
        key_is_text: false,
    }
}

async fn open_big(database: &Database) -> (PgSource, PgScans) {
    let connect = database.connector();
    let options = SourceOptions::new("public", SourceLock::Shared);
    let source = PgSource::open(&connect, &options, &["big"]).await.unwrap();
    let scans = source.scan(&connect, &[big()]).await.unwrap();
    (source, scans)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_holds_the_server_back() {
    let database = Database::new();
    database.sql(BIG);
    let (_source, mut scans) = open_big(&database).await;
    let first: Vec<Bytes> = scans.next_rows(0).await.unwrap().unwrap();
    let mut read = first.len();
    // The server is stuck sending, although nearly all of the table is still to come.
    let stuck = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%' \
                 AND wait_event = 'ClientWrite' AND datname = current_database()";
    for _ in 0..200 {
        if database.admin(stuck) == "1\n" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(database.admin(stuck), "1\n");
    while let Some(rows) = scans.next_rows(0).await.unwrap() {
        read += rows.len();
    }
    assert_eq!(read, 150_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_breaks_says_which_table() {
    let database = Database::new();
    database.sql(BIG);
    let (_source, mut scans) = open_big(&database).await;
    scans.next_rows(0).await.unwrap().unwrap();
    database.admin(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
         WHERE query LIKE 'COPY%' AND datname = current_database()",
    );
    let error = loop {
        match scans.next_rows(0).await {
            Ok(rows) => assert!(rows.is_some(), "the end came without an error"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, codes::E0655);
    assert_eq!(error.message, "reading table `big` failed");
    // Broken stays broken: nobody takes it for the end.
}

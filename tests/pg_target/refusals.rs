//! What a target transaction refuses to begin with, and what it says then.

use mapwright::pg::target::{
    ADVISORY_LOCK_KEY, Ending, TargetOptions, TargetTransaction, emptiness, lock_holder, preflight,
};
use mapwright::pg::{Connect, PgError, PgErrorKind};

use crate::cluster::{Database, Server};
use crate::target::{LIBRARY, library_tables, run_library, silent, table};

/// The refusal; a look beforehand must have found it too, unless it is about a moment's locks.
async fn refusal<C: Connect>(connect: &C) -> PgError {
    let client = connect.connect().await.unwrap();
    let foreseen = preflight(&client, "public", &library_tables())
        .await
        .unwrap();
    drop(client);
    let error = begin_refused(connect).await;
    if code(&error) != "E0661" {
        assert!(
            foreseen
                .iter()
                .any(|problem| problem.diagnostic == error.diagnostic),
            "{error:?}\nis none of\n{foreseen:?}"
        );
    }
    error
}

async fn begin_refused<C: Connect>(connect: &C) -> PgError {
    let begun = TargetTransaction::begin(
        connect,
        &TargetOptions::new("public"),
        &library_tables(),
        silent(),
    )
    .await;
    match begun {
        Ok(_) => panic!("the transaction was begun"),
        Err(error) => error,
    }
}

fn code(error: &PgError) -> &'static str {
    error.diagnostic.code.as_str()
}

fn notes(error: &PgError) -> String {
    error.diagnostic.notes.join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_run_is_refused_and_the_first_named() {
    let database = Database::new();
    database.sql(LIBRARY);
    let connect = database.connector();
    let first = TargetTransaction::begin(
        &connect,
        &TargetOptions::new("public"),
        &library_tables(),
        silent(),
    )
    .await
    .unwrap();
    let error = refusal(&connect).await;
    assert_eq!(
        (code(&error), error.kind),
        ("E0660", PgErrorKind::CouldNotStart)
    );
    let holder = format!(
        "process {}, application `mapwright test`",
        first.backend_pid()
    );
    assert!(notes(&error).contains(&holder), "{error:?}");

    let other = database.session("somebody else").await;
    let found = lock_holder(&other).await.unwrap().unwrap();
    assert_eq!(found.pid, Some(first.backend_pid()));
    first.rollback().await;
    assert_eq!(lock_holder(&other).await.unwrap(), None);
    run_library(&connect, Ending::RollBack, silent())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_advisory_lock_is_of_one_database() {
    let database = Database::new();
    let elsewhere = Database::new();
    let holder = elsewhere.session("elsewhere").await;
    holder
        .batch_execute(&format!("SELECT pg_advisory_lock({ADVISORY_LOCK_KEY})"))
        .await
        .unwrap();
    let other = database.session("somebody else").await;
    assert_eq!(lock_holder(&other).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_on_a_tied_table_is_refused_with_its_holder() {
    let database = Database::new();
    database.sql(LIBRARY);
    let holder = database.session("the reading room").await;
    holder
        .batch_execute("BEGIN; SELECT * FROM loan")
        .await
        .unwrap();
    let error = refusal(&database.connector()).await;
    assert_eq!(
        (code(&error), error.kind),
        ("E0661", PgErrorKind::CouldNotStart)
    );
    let text = notes(&error);
    assert!(
        text.contains("application `the reading room`, user `tester`"),
        "{text}"
    );
    assert!(
        text.contains("idle in transaction: holds AccessShareLock on loan"),
        "{text}"
    );
    holder.batch_execute("ROLLBACK").await.unwrap();
    run_library(&database.connector(), Ending::RollBack, silent())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forgotten_prepared_transaction_is_named() {
    let database = Database::new();
    database.sql(LIBRARY);
    let holder = database.session("somebody else").await;
    holder
        .batch_execute("BEGIN; LOCK TABLE book; PREPARE TRANSACTION 'forgotten'")
        .await
        .unwrap();
    let error = refusal(&database.connector()).await;
    assert_eq!(code(&error), "E0661");
    assert!(
        notes(&error).contains("prepared transaction `forgotten`"),
        "{error:?}"
    );
    holder
        .batch_execute("ROLLBACK PREPARED 'forgotten'")
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn autovacuum_is_no_reason_to_refuse() {
    let server = Server::with_eager_autovacuum();
    let database = server.database();
    database.admin(LIBRARY);
    database.admin(
        "INSERT INTO shelf SELECT i, repeat('x', 500) || i FROM generate_series(1, 20000) i; \
         DELETE FROM shelf",
    );
    let busy = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                WHERE l.relation = 'shelf'::regclass AND a.backend_type = 'autovacuum worker'";
    // Within some seconds the clean-up is at work, and with these settings it stays there.
    for _ in 0..600 {
        if database.admin(busy) != "0\n" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_ne!(database.admin(busy), "0\n", "autovacuum never came");
    run_library(&database.connect_as("postgres"), Ending::RollBack, silent())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_with_rows_are_refused_all_at_once() {
    let database = Database::new();
    database.sql(LIBRARY);
    database.sql(
        "INSERT INTO shelf VALUES (7, 'secret label'); \
         INSERT INTO book SELECT i, 7, 'secret title' FROM generate_series(1, 1200) i",
    );
    let error = refusal(&database.connector()).await;
    assert_eq!(
        (code(&error), error.kind),
        ("E0663", PgErrorKind::Unsuitable)
    );
    assert_eq!(
        error.diagnostic.notes,
        [
            "`public.shelf` holds 1 row",
            "`public.book` holds more than 1000 rows"
        ]
    );
    assert!(!format!("{error:?}").contains("secret"));

    let client = database.session("look").await;
    let found = emptiness(&client, "public", &["unrelated", "loan", "shelf"])
        .await
        .unwrap();
    let rows: Vec<_> = found
        .iter()
        .map(|table| (&*table.table, table.rows))
        .collect();
    assert_eq!(
        rows,
        [("public.unrelated", Some(2)), ("public.shelf", Some(1))]
    );
    let error = emptiness(&client, "public", &["nothing"])
        .await
        .unwrap_err();
    assert_eq!(code(&error), "E0674");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_owns_too_little_is_refused() {
    let database = Database::new();
    database.sql(LIBRARY);
    database.admin("ALTER TABLE loan OWNER TO postgres; GRANT ALL ON loan TO tester");
    let error = refusal(&database.connector()).await;
    assert_eq!(
        (code(&error), error.kind),
        ("E0662", PgErrorKind::CouldNotStart)
    );
    assert_eq!(
        error.diagnostic.notes,
        ["table `public.loan` belongs to `postgres`"]
    );

    database.admin(
        "ALTER TABLE loan OWNER TO tester; REVOKE CREATE ON SCHEMA public FROM public; \
         ALTER SCHEMA public OWNER TO postgres",
    );
    let error = refusal(&database.connector()).await;
    assert_eq!(code(&error), "E0662");
    assert!(
        notes(&error).contains("GRANT USAGE, CREATE ON SCHEMA"),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_that_copy_would_not_do_justice_to_are_refused() {
    let function =
        "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; ";
    for (change, reason) in [
        (
            "CREATE TRIGGER stamp BEFORE INSERT ON book FOR EACH ROW EXECUTE FUNCTION quiet()",
            "trigger `stamp` on `public.book` would fire",
        ),
        (
            "CREATE TRIGGER gone AFTER TRUNCATE ON shelf EXECUTE FUNCTION quiet()",
            "trigger `gone` on `public.shelf` would fire",
        ),
        (
            "CREATE RULE elsewhere AS ON INSERT TO book DO INSTEAD NOTHING",
            "rule `elsewhere` on `public.book` would be passed over by COPY",
        ),
        (
            "ALTER TABLE book ENABLE ROW LEVEL SECURITY; ALTER TABLE book FORCE ROW LEVEL SECURITY",
            "row security applies to `public.book` for this role: rows may be hidden",
        ),
        (
            "ALTER TABLE loan SET UNLOGGED; ALTER TABLE book SET UNLOGGED",
            "`public.book` is unlogged: a crash would empty it after the run",
        ),
        (
            "CREATE INDEX half ON book (title); SET ROLE postgres; \
             UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'half'::regclass",
            "index `half` on `public.book` is invalid: reindex or drop it",
        ),
        (
            "CREATE TABLE old_book () INHERITS (book)",
            "`public.book` inherits from or to another table",
        ),
        (
            "CREATE TABLE archive (book_id int REFERENCES book, at int) PARTITION BY RANGE (at)",
            "foreign key `archive_book_id_fkey` of `public.archive` cannot be dropped and put back as it is: it belongs to a partitioned table",
        ),
    ] {
        let database = Database::new();
        database.sql(LIBRARY);
        database.sql(&format!("{function}{change}"));
        let dump = database.dump();
        let error = refusal(&database.connector()).await;
        assert_eq!(
            (code(&error), error.kind),
            ("E0664", PgErrorKind::Unsuitable)
        );
        assert_eq!(error.diagnostic.notes, [reason]);
        assert_eq!(database.dump(), dump);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn triggers_that_do_not_fire_are_no_obstacle() {
    let database = Database::new();
    database.sql(LIBRARY);
    database.sql(
        "CREATE FUNCTION quiet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
         CREATE TRIGGER a BEFORE UPDATE ON book FOR EACH ROW EXECUTE FUNCTION quiet(); \
         CREATE TRIGGER b BEFORE INSERT ON book FOR EACH ROW EXECUTE FUNCTION quiet(); \
         ALTER TABLE book DISABLE TRIGGER b; COMMENT ON TRIGGER a ON book IS 'stamps';",
    );
    let dump = database.dump();
    let client = database.session("look").await;
    let problems = preflight(&client, "public", &library_tables())
        .await
        .unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    run_library(&database.connector(), Ending::RollBack, silent())
        .await
        .unwrap();
    assert_eq!(database.dump(), dump);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wrong_database_is_refused() {
    let database = Database::new();
    let error = refusal(&database.connector()).await;
    assert_eq!(
        (code(&error), error.kind),
        ("E0674", PgErrorKind::Unsuitable)
    );
    assert_eq!(
        error.diagnostic.message,
        "the target database has no table `shelf`, `book` in schema `public`"
    );

    let latin = Database::with_options("ENCODING 'LATIN1'");
    latin.sql(LIBRARY);
    let error = refusal(&latin.connector()).await;
    assert_eq!(code(&error), "E0651");

    let standby = Server::standby();
    let error = refusal(&standby.database().connect_as("postgres")).await;
    assert_eq!(error.diagnostic.message, "the target is a standby server");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_column_that_is_not_there_is_met_before_any_row() {
    let database = Database::new();
    database.sql(LIBRARY);
    let dump = database.dump();
    let target = TargetTransaction::begin(
        &database.connector(),
        &TargetOptions::new("public"),
        &[table("shelf", &["shelf_id", "colour"])],
        silent(),
    )
    .await;
    let error = match target {
        Ok(_) => panic!("the transaction was begun"),
        Err(error) => error,
    };
    assert_eq!(
        error.diagnostic.message,
        "the target database has no column `colour` in table `public.shelf`"
    );
    assert_eq!(database.dump(), dump);
}

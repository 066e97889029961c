//! Whatever breaks on the way: the target is as it was, and the message says what broke without a
//! value of any row.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use mapwright::diagnostics::{Diagnostic, codes};
use mapwright::pg::target::{
    Ending, Phase, TargetEvent, TargetObserver, TargetOptions, TargetTransaction,
};
use mapwright::pg::{PgError, PgErrorKind};
use mapwright::run::{RowBatch, RowSink};

use crate::cluster::Database;
use crate::rows::{Field, batch, int, text};
use crate::target::{
    LIBRARY, book, library_tables, run_library, shelf, silent, table, write_library,
};

fn injected() -> PgError {
    PgError::new(
        PgErrorKind::Unexpected,
        Diagnostic::error(codes::E0900, "injected"),
    )
}

/// The state that must not change.
fn state(database: &Database) -> (String, String) {
    (database.dump(), database.class_statistics())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_at_any_event_changes_nothing() {
    let database = Database::new();
    database.sql(LIBRARY);
    let connect = database.connector();
    let before = state(&database);
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let listen: TargetObserver = Box::new(move |event| {
        heard.lock().unwrap().push(event.clone());
        Ok(())
    });
    run_library(&connect, Ending::RollBack, listen)
        .await
        .unwrap();
    let events = events.lock().unwrap().clone();
    assert!(events.len() > 30, "{events:?}");

    for (place, event) in events.iter().enumerate() {
        if *event == events[events.len() - 1] {
            continue; // it is done by then, see the next test
        }
        let count = AtomicUsize::new(0);
        let fail: TargetObserver = Box::new(move |_| {
            if count.fetch_add(1, Ordering::Relaxed) == place {
                Err(injected())
            } else {
                Ok(())
            }
        });
        let error = run_library(&connect, Ending::Commit, fail)
            .await
            .unwrap_err();
        assert_eq!(error.diagnostic.message, "injected", "at {event:?}");
        assert_eq!(state(&database), before, "after {event:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_observer_says_after_the_commit_is_too_late() {
    let database = Database::new();
    database.sql(LIBRARY);
    let fail: TargetObserver = Box::new(|event| match event {
        TargetEvent::Ended(Phase::End, _) => Err(injected()),
        _ => Ok(()),
    });
    run_library(&database.connector(), Ending::Commit, fail)
        .await
        .unwrap();
    assert_eq!(database.sql("SELECT count(*) FROM book"), "2000\n");
}

/// Writes rows of the test's choice and answers how it ended.
async fn write(database: &Database, batches: Vec<(usize, RowBatch)>) -> PgError {
    let before = state(database);
    let mut target = TargetTransaction::begin(
        &database.connector(),
        &TargetOptions::new("public"),
        &library_tables(),
        silent(),
    )
    .await
    .unwrap();
    let mut sink = target.sink().await.unwrap();
    let mut outcome = Ok(());
    for (table, batch) in batches {
        outcome = sink.write(table, batch).await;
        if outcome.is_err() {
            break;
        }
    }
    let error = match outcome {
        Err(diagnostic) => {
            target.rollback().await;
            PgError {
                kind: PgErrorKind::Unexpected,
                diagnostic,
            }
        }
        Ok(()) => match sink.finish().await {
            Err(error) => {
                target.rollback().await;
                error
            }
            Ok(written) => match target.complete(written).await {
                Ok(_) => panic!("the rows were accepted"),
                Err(error) => error,
            },
        },
    };
    assert_eq!(&state(database), &before);
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    error
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn equal_keys_are_named_by_constraint_not_by_value() {
    let database = Database::new();
    database.sql(LIBRARY);
    let twins = batch(&[vec![int(1), text("s3cret")], vec![int(2), text("s3cret")]]);
    let error = write(&database, vec![(0, twins)]).await;
    assert_eq!(error.diagnostic.code, codes::E0666);
    assert_eq!(
        error.diagnostic.message,
        "rows for `public.shelf` violate its unique constraint `shelf_label_key`"
    );
    let twins = batch(&[vec![int(1), text("a")], vec![int(1), text("b")]]);
    let error = write(&database, vec![(0, twins)]).await;
    assert_eq!(
        error.diagnostic.message,
        "rows for `public.shelf` violate its primary key `shelf_pkey`"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dangling_reference_is_named_by_both_tables() {
    let database = Database::new();
    database.sql(LIBRARY);
    let error = write(
        &database,
        vec![
            (0, batch(&[shelf(1)])),
            (1, batch(&[book(1, 1), book(2, 4711)])),
        ],
    )
    .await;
    assert_eq!(error.diagnostic.code, codes::E0667);
    assert_eq!(
        error.diagnostic.message,
        "rows for `public.book` violate its foreign key `book_shelf_id_fkey`"
    );
    assert_eq!(
        error.diagnostic.notes,
        ["a row points to a row of `public.shelf` that is not there; its values are not shown"]
    );
    assert!(!format!("{error:?}").contains("4711"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_the_server_refuses_is_named_by_place_and_column() {
    let database = Database::new();
    database.sql(LIBRARY);
    let good: Vec<Vec<Field>> = (1..=10).map(shelf).collect();

    let nothing = batch(&[shelf(11), vec![int(12), None]]);
    let error = write(&database, vec![(0, batch(&good)), (0, nothing)]).await;
    assert_eq!(error.diagnostic.code, codes::E0679);
    assert_eq!(
        error.diagnostic.message,
        "a row for `public.shelf` is refused"
    );
    assert!(
        error
            .diagnostic
            .notes
            .contains(&"at row 12 of the table".to_owned()),
        "{error:?}"
    );
    assert!(
        error
            .diagnostic
            .notes
            .contains(&"column: `label`".to_owned()),
        "{error:?}"
    );

    let not_utf8 = batch(&[vec![int(1), Some(b"s3cret\xff".to_vec())]]);
    let error = write(&database, vec![(0, not_utf8)]).await;
    assert!(
        error.diagnostic.notes.contains(
            &"PostgreSQL says SQLSTATE 22021: a text is not valid in the server's encoding"
                .to_owned()
        ),
        "{error:?}"
    );
    assert!(
        error
            .diagnostic
            .notes
            .contains(&"in column `label`".to_owned()),
        "{error:?}"
    );

    let too_long = batch(&[vec![Some(b"s3cret!!".to_vec()), text("a")]]);
    let error = write(&database, vec![(0, too_long)]).await;
    assert!(
        error.diagnostic.notes.contains(
            &"PostgreSQL says SQLSTATE 22P03: a value does not have its type's form".to_owned()
        ),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_batch_is_heard_of_at_the_next_one() {
    let database = Database::new();
    database.sql(LIBRARY);
    let bad = || (0, batch(&[vec![int(1), None]]));
    // As many as it takes: the sink may hold some before it hears.
    let error = write(&database, (0..10).map(|_| bad()).collect()).await;
    assert_eq!(error.diagnostic.code, codes::E0679);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_lies_about_its_rows_is_caught() {
    let database = Database::new();
    database.sql(LIBRARY);
    let mut lie = batch(&[shelf(1), shelf(2)]);
    lie.rows = 3;
    let error = write(&database, vec![(0, lie)]).await;
    assert_eq!(error.diagnostic.code, codes::E0670);
    assert_eq!(
        error.diagnostic.message,
        "a batch of 3 rows for `public.shelf` was taken as 2 rows"
    );
    let error = write(&database, vec![(7, batch(&[shelf(1)]))]).await;
    assert_eq!(error.diagnostic.code, codes::E0900);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sink_that_is_given_up_leaves_a_transaction_that_can_be_rolled_back() {
    let database = Database::new();
    database.sql(LIBRARY);
    let before = state(&database);
    let mut target = TargetTransaction::begin(
        &database.connector(),
        &TargetOptions::new("public"),
        &library_tables(),
        silent(),
    )
    .await
    .unwrap();
    let mut sink = target.sink().await.unwrap();
    for start in 0..20 {
        let rows: Vec<_> = (start * 1000..(start + 1) * 1000).map(shelf).collect();
        sink.write(0, batch(&rows)).await.unwrap();
    }
    drop(sink);
    target.rollback().await;
    assert_eq!(state(&database), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_back_end_killed_during_the_copy_changes_nothing() {
    let database = Database::new();
    database.sql(LIBRARY);
    let before = state(&database);
    let mut target = TargetTransaction::begin(
        &database.connector(),
        &TargetOptions::new("public"),
        &library_tables(),
        silent(),
    )
    .await
    .unwrap();
    let mut sink = target.sink().await.unwrap();
    sink.write(0, batch(&[shelf(1)])).await.unwrap();
    database.admin(&format!(
        "SELECT pg_terminate_backend({}, 10000)",
        target.backend_pid()
    ));
    let mut outcome = Ok(());
    for id in 2..100 {
        outcome = sink.write(0, batch(&[shelf(id)])).await;
        if outcome.is_err() {
            break;
        }
    }
    let error = outcome.unwrap_err();
    assert_eq!(error.code, codes::E0665);
    assert_eq!(
        error.help,
        ["look in the log of the target's server for why it ended the connection"]
    );
    target.rollback().await;
    assert_eq!(state(&database), before);
    run_library(&database.connector(), Ending::Commit, silent())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_back_end_killed_while_rebuilding_changes_nothing() {
    let database = Database::new();
    database.sql(LIBRARY);
    let before = state(&database);
    let killer = database.clone();
    let kill: TargetObserver = Box::new(move |event| {
        if matches!(event, TargetEvent::Rebuilding { name, .. } if name == "book_title") {
            killer.admin(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'mapwright test'",
            );
        }
        Ok(())
    });
    let error = run_library(&database.connector(), Ending::Commit, kill)
        .await
        .unwrap_err();
    assert_eq!(error.diagnostic.code, codes::E0668);
    assert_eq!(
        error.diagnostic.message,
        "index `book_title` of `public.book` could not be rebuilt"
    );
    assert_eq!(state(&database), before);
}

/// An index that takes a minute for the library's 2,000 books.
const SLOW_INDEX: &str = "
    CREATE FUNCTION slow(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE
        AS 'BEGIN PERFORM pg_sleep(0.03); RETURN id; END';
    CREATE INDEX book_slow ON book (slow(book_id));
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_stopped_in_the_middle_of_a_statement() {
    let database = Database::new();
    database.sql(LIBRARY);
    database.sql(SLOW_INDEX);
    let before = state(&database);
    let (reached, at_index) = tokio::sync::oneshot::channel();
    let reached = Mutex::new(Some(reached));
    let observer: TargetObserver = Box::new(move |event| {
        if matches!(event, TargetEvent::Rebuilding { name, .. } if name == "book_slow") {
            reached.lock().unwrap().take().unwrap().send(()).unwrap();
        }
        Ok(())
    });
    let connect = database.connector();
    let target = TargetTransaction::begin(
        &connect,
        &TargetOptions::new("public"),
        &library_tables(),
        observer,
    )
    .await
    .unwrap();
    let canceller = target.canceller();
    let run = tokio::spawn(write_library(target));
    at_index.await.unwrap();
    let since = Instant::now();
    canceller.cancel(&connect).await;
    let error = match run.await.unwrap() {
        Ok(_) => panic!("the run went on"),
        Err(error) => error,
    };
    assert_eq!(error.diagnostic.code, codes::E0675);
    assert!(since.elapsed() < Duration::from_secs(10));
    assert_eq!(state(&database), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_notices_that_the_program_has_died() {
    let database = Database::new();
    database.sql(LIBRARY);
    database.sql(SLOW_INDEX);
    let before = state(&database);
    let (reached, at_index) = std::sync::mpsc::channel();
    let reached = Mutex::new(reached);
    let observer: TargetObserver = Box::new(move |event| {
        if matches!(event, TargetEvent::Rebuilding { name, .. } if name == "book_slow") {
            reached.lock().unwrap().send(()).unwrap();
        }
        Ok(())
    });
    // A runtime that is thrown away closes its sockets, as a killed program does.
    let connect = database.connector();
    let doomed = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    doomed.spawn(async move { run_library(&connect, Ending::Commit, observer).await });
    tokio::task::spawn_blocking(move || at_index.recv_timeout(Duration::from_secs(30)).unwrap())
        .await
        .unwrap();
    doomed.shutdown_background();
    let since = Instant::now();
    // The dump waits for the locks that the dead run's back end still holds.
    assert_eq!(state(&database), before);
    assert!(since.elapsed() < Duration::from_secs(20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_structure_that_changes_under_way_is_noticed() {
    let database = Database::new();
    database.sql(LIBRARY);
    let mut target = TargetTransaction::begin(
        &database.connector(),
        &TargetOptions::new("public"),
        &[table("shelf", &["shelf_id", "label"])],
        silent(),
    )
    .await
    .unwrap();
    target
        .client()
        .batch_execute(
            "ALTER TABLE shelf ALTER COLUMN label SET STATISTICS 7; CREATE INDEX extra ON shelf (label)",
        )
        .await
        .unwrap();
    let mut sink = target.sink().await.unwrap();
    let written = sink.finish().await.unwrap();
    let error = match target.complete(written).await {
        Ok(_) => panic!("nothing was noticed"),
        Err(error) => error,
    };
    assert_eq!(error.diagnostic.code, codes::E0669);
    assert_eq!(
        error.diagnostic.notes,
        [
            "column `public.shelf.label` is not as it was",
            "index `public.extra` is new"
        ]
    );
}

//! The way of a target transaction that nothing goes wrong in.

use std::sync::{Arc, Mutex};

use mapwright::pg::target::{
    CompleteTarget, Ending, Phase, TargetEvent, TargetObserver, TargetOptions, TargetTable,
    TargetTransaction,
};
use mapwright::pg::{Connect, PgError};
use mapwright::run::RowSink;

use crate::cluster::Database;
use crate::rows::{Field, batch, int, text};

/// Shelves and books, with a reader's loans beside them.
pub const LIBRARY: &str = "
    CREATE TABLE shelf (shelf_id int PRIMARY KEY, label text NOT NULL UNIQUE);
    CREATE TABLE book (
        book_id int PRIMARY KEY,
        shelf_id int NOT NULL REFERENCES shelf (shelf_id) ON DELETE CASCADE,
        title text NOT NULL,
        sequel_of int REFERENCES book (book_id)
    );
    CREATE INDEX book_shelf ON book (shelf_id);
    CREATE INDEX book_title ON book (lower(title)) WHERE sequel_of IS NULL;
    CREATE TABLE loan (loan_id int PRIMARY KEY, book_id int REFERENCES book (book_id));
    CREATE TABLE unrelated (id int PRIMARY KEY);
    INSERT INTO unrelated VALUES (1), (2);
";

pub fn table(name: &str, columns: &[&str]) -> TargetTable {
    TargetTable {
        table: name.to_owned(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
    }
}

pub fn library_tables() -> Vec<TargetTable> {
    vec![
        table("shelf", &["shelf_id", "label"]),
        table("book", &["book_id", "shelf_id", "title", "sequel_of"]),
    ]
}

pub fn shelf(id: i32) -> Vec<Field> {
    vec![int(id), text(&format!("shelf {id}"))]
}

pub fn book(id: i32, shelf: i32) -> Vec<Field> {
    let sequel = if id > 1 { int(id - 1) } else { None };
    vec![int(id), int(shelf), text(&format!("Book {id}")), sequel]
}

pub fn silent() -> TargetObserver {
    Box::new(|_| Ok(()))
}

/// Writes 3 shelves and 2,000 books in alternating batches.
pub async fn write_library(mut target: TargetTransaction) -> Result<CompleteTarget, PgError> {
    let mut sink = target.sink().await.unwrap();
    let write = async {
        sink.write(0, batch(&[shelf(1), shelf(2)])).await?;
        sink.write(
            1,
            batch(
                &(1..=1000)
                    .map(|id| book(id, 1 + id % 2))
                    .collect::<Vec<_>>(),
            ),
        )
        .await?;
        sink.write(0, batch(&[shelf(3)])).await?;
        sink.write(
            1,
            batch(&(1001..=2000).map(|id| book(id, 3)).collect::<Vec<_>>()),
        )
        .await
    };
    let written: Result<(), Box<mapwright::diagnostics::Diagnostic>> = write.await;
    let finished = match written {
        Ok(()) => sink.finish().await,
        Err(diagnostic) => Err(PgError {
            kind: mapwright::pg::PgErrorKind::Unexpected,
            diagnostic,
        }),
    };
    match finished {
        Ok(written) => target.complete(written).await,
        Err(error) => {
            target.rollback().await;
            Err(error)
        }
    }
}

pub async fn run_library<C: Connect>(
    connect: &C,
    ending: Ending,
    observer: TargetObserver,
) -> Result<(), PgError> {
    let target = TargetTransaction::begin(
        connect,
        &TargetOptions::new("public"),
        &library_tables(),
        observer,
    )
    .await?;
    write_library(target).await?.end(ending, connect).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committed_rows_are_there_and_the_structure_is_as_before() {
    let database = Database::new();
    database.sql(LIBRARY);
    let schema_before = database.dump();
    let events = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&events);
    let observer: TargetObserver = Box::new(move |event| {
        heard.lock().unwrap().push(event.clone());
        Ok(())
    });
    run_library(&database.connector(), Ending::Commit, observer)
        .await
        .unwrap();

    assert_eq!(
        database.sql("SELECT count(*), min(title), max(sequel_of) FROM book"),
        "2000|Book 1|1999\n"
    );
    assert_eq!(
        database.sql("SELECT string_agg(label, ',' ORDER BY shelf_id) FROM shelf"),
        "shelf 1,shelf 2,shelf 3\n"
    );
    database.sql("TRUNCATE shelf, book, loan");
    assert_eq!(database.dump(), schema_before);

    let events = events.lock().unwrap();
    let started: Vec<Phase> = events
        .iter()
        .filter_map(|event| match event {
            TargetEvent::Started(phase) => Some(*phase),
            _ => None,
        })
        .collect();
    let ended: Vec<Phase> = events
        .iter()
        .filter_map(|event| match event {
            TargetEvent::Ended(phase, _) => Some(*phase),
            _ => None,
        })
        .collect();
    assert_eq!(started, Phase::ALL);
    assert_eq!(ended, Phase::ALL);
    let rebuilt: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            TargetEvent::Rebuilt { name, .. } => Some(name.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        rebuilt,
        [
            "book_pkey",
            "book_shelf",
            "book_title",
            "shelf_pkey",
            "shelf_label_key",
            "book_sequel_of_fkey",
            "book_shelf_id_fkey",
            "loan_book_id_fkey",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_leaves_nothing_not_even_statistics() {
    let database = Database::new();
    database.sql(LIBRARY);
    let dump = database.dump();
    let statistics = database.class_statistics();
    run_library(&database.connector(), Ending::RollBack, silent())
        .await
        .unwrap();
    assert_eq!(database.dump(), dump);
    assert_eq!(database.class_statistics(), statistics);
}

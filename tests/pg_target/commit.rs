//! COMMIT when the connection breaks: a proxy between us and the server cuts it at that moment.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mapwright::diagnostics::codes;
use mapwright::pg::target::{Ending, TargetOptions, TargetTransaction};
use mapwright::pg::{PgError, PgErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_postgres::Config;

use crate::cluster::{Database, OWNER, connect};
use crate::target::{LIBRARY, library_tables, silent, write_library};

/// What the proxy does with a COMMIT.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    /// The server gets it, we never hear the answer.
    Answer,
    /// The server never gets it.
    Request,
    /// As `Answer`, and nobody can connect afterwards.
    AnswerAndServer,
}

/// A socket's directory through which the server is reached.
async fn proxy(database: &Database, cut: Cut) -> PathBuf {
    let made = std::process::Command::new("mktemp")
        .args(["-d", "/tmp/mapwright-proxy.XXXXXX"])
        .output()
        .unwrap();
    let directory = PathBuf::from(String::from_utf8_lossy(&made.stdout).trim());
    let listener = UnixListener::bind(directory.join(".s.PGSQL.5432")).unwrap();
    let server = database.directory().join(".s.PGSQL.5432");
    let closed = Arc::new(AtomicBool::new(false));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            if closed.load(Ordering::SeqCst) {
                continue;
            }
            let server = UnixStream::connect(&server).await.unwrap();
            tokio::spawn(pass(client, server, cut, Arc::clone(&closed)));
        }
    });
    directory
}

async fn pass(client: UnixStream, server: UnixStream, cut: Cut, closed: Arc<AtomicBool>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let mut from_us = vec![0; 1 << 16];
    let mut from_there = vec![0; 1 << 16];
    loop {
        tokio::select! {
            length = from_server.read(&mut from_there) => {
                let Ok(length @ 1..) = length else { return };
                if to_client.write_all(&from_there[..length]).await.is_err() {
                    return;
                }
            }
            length = from_client.read(&mut from_us) => {
                let Ok(length @ 1..) = length else { return };
                let sent = &from_us[..length];
                if !sent.windows(7).any(|bytes| bytes == b"COMMIT\0") {
                    if to_server.write_all(sent).await.is_err() {
                        return;
                    }
                    continue;
                }
                if cut == Cut::AnswerAndServer {
                    closed.store(true, Ordering::SeqCst);
                }
                drop((from_client, to_client));
                if cut != Cut::Request {
                    // The server must be able to answer: it gives up on a socket that is closed.
                    to_server.write_all(sent).await.unwrap();
                    to_server.shutdown().await.unwrap();
                    while matches!(from_server.read(&mut from_there).await, Ok(1..)) {}
                }
                return;
            }
        }
    }
}

async fn commit_through(database: &Database, cut: Cut, patience: Duration) -> Result<(), PgError> {
    database.sql(LIBRARY);
    let directory = proxy(database, cut).await;
    let name = database.name.clone();
    let connecting = {
        let directory = directory.clone();
        move || {
            let mut config = Config::new();
            config
                .host_path(&directory)
                .user(OWNER)
                .dbname(&name)
                .application_name("mapwright test");
            connect(config)
        }
    };
    let mut options = TargetOptions::new("public");
    options.commit_patience = patience;
    let target = TargetTransaction::begin(&connecting, &options, &library_tables(), silent())
        .await
        .unwrap();
    let complete = write_library(target).await.unwrap();
    let ended = complete.end(Ending::Commit, &connecting).await;
    std::fs::remove_dir_all(directory).unwrap();
    ended.map(|_| ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_lost_is_asked_for() {
    let database = Database::new();
    commit_through(&database, Cut::Answer, Duration::from_secs(30))
        .await
        .unwrap();
    assert_eq!(database.sql("SELECT count(*) FROM book"), "2000\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_arrived_is_a_rollback() {
    let database = Database::new();
    let error = commit_through(&database, Cut::Request, Duration::from_secs(30))
        .await
        .unwrap_err();
    assert_eq!(error.diagnostic.code, codes::E0672);
    assert_eq!(error.kind, PgErrorKind::Unexpected);
    assert_eq!(database.sql("SELECT count(*) FROM book"), "0\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_nobody_can_tell_is_called_unknown() {
    let database = Database::new();
    let error = commit_through(&database, Cut::AnswerAndServer, Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(error.diagnostic.code, codes::E0671);
    assert_eq!(error.kind, PgErrorKind::OutcomeUnknown);
    // What the help tells to run answers the question.
    let help = &error.diagnostic.help[0];
    let (_, from) = help.split_once('`').unwrap();
    let (statement, _) = from.split_once('`').unwrap();
    for _ in 0..200 {
        if database.sql(statement) == "committed\n" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{statement} never answered `committed`");
}

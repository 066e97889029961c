//! The library example, end to end: compiled and shown by the program, then run in memory and from
//! one database to another. Both give the rows of `expected.txt` and the same report.
//!
//! `UPDATE=1 cargo test --test example` rewrites `expected.txt` and `plan.txt`.

// A test stops at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod harness;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::Database;
use mapwright::base::Files;
use mapwright::catalog::{Catalog, ddl, snapshot};
use mapwright::compile::compile;
use mapwright::diagnostics::Diagnostics;
use mapwright::eval::Program;
use mapwright::pg::source::{PgSource, ScanQuery, SourceLock, SourceOptions};
use mapwright::pg::target::{Ending, TargetOptions, TargetTable, TargetTransaction};
use mapwright::pg::{Connect, PgError};
use mapwright::plan::Plan;
use mapwright::run::memory::{MemorySink, MemorySource, NamedRow};
use mapwright::run::{Inputs, Limits, RunReport, Silent, run};
use mapwright::types::{OwnedValue, Ty};
use serde_json::Value;
use tokio_postgres::NoTls;

/// 2026-05-01T02:00:00Z.
const MOVED_AT: i64 = 1_777_600_800_000_000;

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/library")
        .join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(example(file)).unwrap()
}

/// Compares with a file of the example, or writes it under `UPDATE=1`.
#[track_caller]
fn compare(file: &str, found: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(example(file), found).unwrap();
    }
    assert_eq!(found, text(file), "{file} differs; UPDATE=1 rewrites it");
}

fn catalog(name: &str) -> Catalog {
    let mut files = Files::new();
    let id = files.add(name, text(&format!("catalogs/{name}.yaml")));
    snapshot::from_yaml(&files, id).unwrap_or_else(|_| panic!("{name} is no catalog"))
}

fn program() -> Program {
    let mut files = Files::new();
    let id = files.add("library.map", text("library.map"));
    let mut diagnostics = Diagnostics::new();
    let catalogs = [catalog("card_index"), catalog("lending")];
    let plan = compile(&files, id, &catalogs, &mut diagnostics).unwrap();
    let messages: Vec<String> = diagnostics
        .into_sorted()
        .into_iter()
        .map(|diagnostic| diagnostic.message)
        .collect();
    assert_eq!(messages, Vec::<String>::new());
    let moved_at = ("moved_at".to_owned(), OwnedValue::Timestamp(MOVED_AT));
    Program::new(plan, BTreeMap::from([moved_at])).unwrap()
}

/// The sample rows as values.
fn rows() -> BTreeMap<String, Vec<NamedRow>> {
    let tables: BTreeMap<String, Vec<BTreeMap<String, Value>>> =
        serde_json::from_str(&text("rows.json")).unwrap();
    let value = |value: Value| match value {
        Value::Null => OwnedValue::Null,
        Value::Bool(bool) => OwnedValue::Bool(bool),
        Value::Number(number) => OwnedValue::Int(number.as_i64().unwrap()),
        Value::String(text) => OwnedValue::Text(text),
        other => panic!("no cell holds {other}"),
    };
    let row = |row: BTreeMap<String, Value>| {
        row.into_iter()
            .map(|(column, cell)| (column, value(cell)))
            .collect::<NamedRow>()
    };
    let table = |(name, rows): (String, Vec<BTreeMap<String, Value>>)| {
        (name, rows.into_iter().map(row).collect())
    };
    tables.into_iter().map(table).collect()
}

fn inputs(program: &Program) -> Inputs<'_> {
    Inputs {
        program,
        broadcasts: Vec::new(),
        limits: Limits::default(),
    }
}

/// Rows of all targets as lines of text, sorted within each table.
fn in_memory(plan: &Plan, sink: &MemorySink) -> String {
    let cell = |value: &OwnedValue| match value {
        OwnedValue::Null => "null".to_owned(),
        OwnedValue::Bool(bool) => bool.to_string(),
        OwnedValue::Int(number) => number.to_string(),
        OwnedValue::Text(text) => text.clone(),
        OwnedValue::Uuid(bytes) => mapwright::functions::uuid_text(bytes),
        OwnedValue::Timestamp(micros) => jiff::Timestamp::from_microsecond(*micros)
            .unwrap()
            .to_string(),
        other => panic!("no column holds {other:?}"),
    };
    let mut text = String::new();
    for target in &plan.targets {
        let mut lines: Vec<String> = sink.tables[&target.table]
            .iter()
            .map(|row| {
                let cells = target.columns.iter().map(|column| cell(&row[&column.name]));
                cells.collect::<Vec<_>>().join(" | ")
            })
            .collect();
        lines.sort();
        let columns: Vec<&str> = target
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        text.push_str(&format!("{}: {}\n", target.table, columns.join(" | ")));
        text.extend(lines.iter().map(|line| format!("  {line}\n")));
    }
    text
}

/// The same of a database.
fn in_database(plan: &Plan, database: &Database) -> String {
    let mut text = String::new();
    for target in &plan.targets {
        let cells: Vec<String> = target
            .columns
            .iter()
            .map(|column| {
                let name = &column.name;
                match column.pg_type.ty() {
                    Ty::Timestamp => format!(
                        r#"coalesce(to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'null')"#
                    ),
                    _ => format!("coalesce({name}::text, 'null')"),
                }
            })
            .collect();
        let columns: Vec<&str> = target
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        let found = database.psql(&format!(
            r#"SELECT line FROM (SELECT concat_ws(' | ', {}) AS line FROM {}) AS s ORDER BY line COLLATE "C""#,
            cells.join(", "),
            target.table
        ));
        text.push_str(&format!("{}: {}\n", target.table, columns.join(" | ")));
        text.extend(found.lines().map(|line| format!("  {line}\n")));
    }
    text
}

async fn run_in_memory(program: &Program) -> (RunReport, String) {
    let mut source = MemorySource::new(&program.plan, &rows()).unwrap();
    let mut sink = MemorySink::new(&program.plan);
    let report = run(inputs(program), &mut source, &mut sink, &mut Silent)
        .await
        .unwrap();
    (report, in_memory(&program.plan, &sink))
}

async fn made(name: &str) -> Database {
    let database = harness::fresh_database(name).await;
    database
        .connect()
        .await
        .batch_execute(&ddl(&catalog(name), None))
        .await
        .unwrap();
    database
}

fn connector(database: &Database) -> impl Connect + use<> {
    let config = database.config();
    move || {
        let config = config.clone();
        async move {
            let (client, connection) = config.connect(NoTls).await.unwrap();
            tokio::spawn(connection);
            Ok::<_, PgError>(client)
        }
    }
}

async fn run_in_databases(program: &Program, ending: Ending) -> (RunReport, String) {
    let plan = &program.plan;
    let (source, target) = (made("card_index").await, made("lending").await);
    let sample: BTreeMap<String, Value> = serde_json::from_str(&text("rows.json")).unwrap();
    for (table, rows) in sample {
        source.psql(&format!(
            "INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, $rows${rows}$rows$)"
        ));
    }
    let from = connector(&source);
    let tables: Vec<&str> = plan.scans.iter().map(|scan| scan.table.as_str()).collect();
    let options = SourceOptions::new("public", SourceLock::Exclusive);
    let reader = PgSource::open(&from, &options, &tables).await.unwrap();
    let queries: Vec<ScanQuery> = plan
        .scans
        .iter()
        .map(|scan| {
            let key = &scan.columns[scan.key];
            ScanQuery {
                table: scan.table.clone(),
                columns: scan
                    .columns
                    .iter()
                    .map(|column| column.name.clone())
                    .collect(),
                key: key.name.clone(),
                key_is_text: key.pg_type.ty() == Ty::Text,
            }
        })
        .collect();
    let mut scans = reader.scan(&from, &queries).await.unwrap();
    let to = connector(&target);
    let targets: Vec<TargetTable> = plan
        .targets
        .iter()
        .map(|target| TargetTable {
            table: target.table.clone(),
            columns: target
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
        })
        .collect();
    let silent = Box::new(|_: &_| Ok(()));
    let mut transaction =
        TargetTransaction::begin(&to, &TargetOptions::new("public"), &targets, silent)
            .await
            .unwrap();
    let mut sink = transaction.sink().await.unwrap();
    let report = run(inputs(program), &mut scans, &mut sink, &mut Silent)
        .await
        .unwrap();
    let written = sink.finish().await.unwrap();
    assert_eq!(written.rows(), report.written);
    transaction
        .complete(written)
        .await
        .unwrap()
        .end(ending, &to)
        .await
        .unwrap();
    reader.release().await.unwrap();
    (report, in_database(plan, &target))
}

fn tool(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mapwright"))
        .env_clear()
        .current_dir(example(""))
        .args([command, "library.map"])
        .args([
            "--catalog",
            "catalogs/card_index.yaml",
            "--catalog",
            "catalogs/lending.yaml",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if command == "compile" {
        assert_eq!(
            said,
            "ok: mapping `library` compiles: 4 source tables, 2 views, 4 maps, 6 target tables\n"
        );
    } else {
        assert_eq!(said, "");
    }
    harness::succeeded(command, &output)
}

#[test]
fn it_compiles_without_a_warning_and_has_a_plan() {
    assert_eq!(tool("compile"), "");
    compare("plan.txt", &tool("plan"));
}

#[tokio::test]
async fn its_rows_in_memory_are_those_of_the_file() {
    let (report, rows) = run_in_memory(&program()).await;
    compare("expected.txt", &rows);
    assert_eq!(report.rejected, 0);
    let ledger: Vec<(&str, u64, u64)> = report
        .maps
        .iter()
        .map(|map| (map.map.as_str(), map.read, map.written))
        .collect();
    // Of the members one has left; of the loans one was his, one is nobody's; of the debtors one was he;
    // of the holdings one is withdrawn, one unknown.
    assert_eq!(
        ledger,
        [
            ("members", 5, 4),
            ("lendings", 6, 4),
            ("reminders", 3, 2),
            ("items", 5, 3)
        ]
    );
    let applied = |name: &str| {
        let found = report.reasons.iter().find(|reason| reason.reason == name);
        found.map_or((0, 0), |reason| (reason.rows, reason.dependents))
    };
    // How many rows, and how many that belong to such rows.
    for (reason, rows_and_dependents) in [
        ("left_town", (1, 2)),
        ("unknown_category", (1, 0)),
        ("unreadable_date", (2, 0)),
        ("no_reader", (1, 0)),
        ("withdrawn", (1, 0)),
        ("unknown_medium", (1, 0)),
        ("impossible_date", (0, 0)),
    ] {
        assert_eq!(
            applied(reason),
            rows_and_dependents,
            "{reason}: {:?}",
            report.reasons
        );
    }
}

#[tokio::test]
async fn its_rows_in_a_database_are_those_in_memory() {
    let program = program();
    let (in_memory, expected) = run_in_memory(&program).await;
    let (in_databases, rows) = run_in_databases(&program, Ending::Commit).await;
    assert_eq!(rows, expected);
    assert_eq!(in_databases, in_memory);
    let (rehearsed, nothing) = run_in_databases(&program, Ending::RollBack).await;
    assert_eq!(rehearsed, in_memory);
    assert!(
        nothing.lines().all(|line| !line.starts_with(' ')),
        "{nothing}"
    );
}

#[tokio::test]
async fn a_loan_with_impossible_dates_is_rejected() {
    let program = program();
    let mut tables = rows();
    let loan = tables.get_mut("loans").unwrap();
    loan[0].insert("due_on".to_owned(), OwnedValue::Int(1));
    let mut source = MemorySource::new(&program.plan, &tables).unwrap();
    let mut sink = MemorySink::new(&program.plan);
    let report = run(inputs(&program), &mut source, &mut sink, &mut Silent)
        .await
        .unwrap();
    assert_eq!(report.rejected, 1);
    assert_eq!(report.rejects[0].key, "7 loan_no=9001");
}

#[tokio::test]
async fn its_script_runs_from_end_to_end() {
    let cluster = harness::cluster();
    let path = std::env::var("PATH").unwrap();
    let bin = harness::server_binaries().directory().display().to_string();
    let output = Command::new(example("run.sh"))
        .env_clear()
        .env("PATH", format!("{bin}:{path}"))
        .env("MAPWRIGHT", env!("CARGO_BIN_EXE_mapwright"))
        .env("PGHOST", cluster.socket_directory())
        .env("PGPORT", mapwright::pg::throwaway::PORT.to_string())
        .env("PGUSER", mapwright::pg::throwaway::SUPERUSER)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let shown = harness::succeeded("run.sh", &output);
    assert!(said.contains("ready to migrate"), "{said}");
    assert!(said.contains("dry run: "), "{said}");
    assert!(said.contains("are in the target, committed"), "{said}");
    assert!(
        shown.ends_with("── members of the new service\n4\n"),
        "{shown}"
    );
}

//! The executor against PostgreSQL as its oracle.
//!
//! A case is made by chance: tables with rows, views and maps over them. The compiler and the executor
//! get its text and its rows; PostgreSQL gets one query that was written from the same case and knows
//! nothing of the compiler. Both must agree on the rows of every target, on what became of every row that
//! drives a map, and on how many rows each reason applied to.
//!
//! `MAPWRIGHT_ORACLE_SEED` and `MAPWRIGHT_ORACLE_CASES` choose other cases and another number of them; a
//! failure names the seed with which the one case comes back.
//!
//! Test files may stop at once on what they did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    missing_docs
)]

mod case;
mod execute;
mod expressions;
mod generate;
#[path = "../harness/mod.rs"]
mod harness;
mod random;
mod round_trip;
mod scope;
mod sql;
mod sql_expr;
mod text;
mod values;

use std::collections::BTreeMap;
use std::time::Instant;

use case::{Case, Severity};
use execute::{Outcome, Rejected, Row, compiled, execute};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, SimpleQueryMessage};

/// How many cases a full run has.
const CASES: u64 = 10_000;
/// How many sets of rows a mapping is run over, each a case: most of a case's time is its compilation.
const ROW_SETS: usize = 4;
/// How many queries go to PostgreSQL at once.
const BATCH: usize = 24;
/// The codes for which the compiler may refuse a case: it cannot prove what the generator knows.
const EXPECTED: [&str; 3] = ["E0402", "E0403", "E0213"];

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number: {text}")),
    )
}

/// The seed that was asked for, or always the same one: a change is judged by what it changes.
fn seed() -> u64 {
    setting("MAPWRIGHT_ORACLE_SEED").unwrap_or(900_000_000)
}

/// The rows of a query, as texts.
type Answer = Vec<Row>;

async fn ask(client: &Client, queries: &str) -> Result<Vec<Answer>, tokio_postgres::Error> {
    let mut answers = Vec::new();
    let mut rows = Vec::new();
    for message in client.simple_query(queries).await? {
        match message {
            SimpleQueryMessage::Row(row) => rows.push(
                (0..row.len())
                    .map(|column| row.get(column).map(str::to_owned))
                    .collect(),
            ),
            SimpleQueryMessage::CommandComplete(_) => answers.push(std::mem::take(&mut rows)),
            _ => {}
        }
    }
    Ok(answers)
}

/// What PostgreSQL says of a case.
fn outcome(case: &Case, answer: &Answer) -> Outcome {
    let mut outcome = Outcome::default();
    let rejects = |code: &str| {
        code.starts_with("arithmetic")
            || code.starts_with("value_out")
            || code.strip_prefix('r').is_some_and(|number| {
                let number: usize = number.parse().unwrap();
                case.reasons[number].severity == Severity::Error
            })
    };
    let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in answer {
        let name = row[1].clone().unwrap();
        let count = |at: usize| row[at].as_ref().unwrap().parse::<u64>().unwrap();
        match row[0].as_deref() {
            Some("row") => {
                let number: usize = name[1..].parse().unwrap();
                let width = case.targets[number].columns.len();
                rows.entry(name)
                    .or_default()
                    .push(row[2..2 + width].to_vec());
            }
            Some("ledger") => {
                let code = row[2].clone().unwrap();
                let rejected = rejects(&code);
                outcome.rejects |= rejects(code.trim_start_matches('>'));
                let mark = if rejected { "!" } else { "" };
                outcome
                    .ledger
                    .insert((name, format!("{mark}{code}")), count(3));
            }
            Some("value") => outcome.rejects |= rejects(row[2].as_ref().unwrap()),
            Some("reason") => {
                outcome.rejects |= rejects(&name) && count(2) > 0;
                *outcome.reasons.entry(name).or_default() += count(2);
            }
            other => panic!("unknown kind of row: {other:?}"),
        }
    }
    for rows in rows.values_mut() {
        rows.sort();
    }
    outcome.written = rows
        .iter()
        .map(|(name, rows)| (name.clone(), rows.len() as u64))
        .collect();
    outcome.rows = Some(rows);
    outcome
}

/// What the two disagree on.
fn difference(case: &Case, ours: &Outcome, theirs: &Outcome) -> Option<String> {
    if ours.ledger != theirs.ledger {
        return Some(format!(
            "what became of the rows\n  mapwright:  {:?}\n  PostgreSQL: {:?}",
            ours.ledger, theirs.ledger
        ));
    }
    for (name, written) in &ours.written {
        let wanted = theirs.written.get(name).copied().unwrap_or(0);
        if *written != wanted {
            return Some(format!(
                "the number of rows for {name}\n  mapwright:  {written}\n  PostgreSQL: {wanted}"
            ));
        }
    }
    if let (Some(ours), Some(theirs)) = (&ours.rows, &theirs.rows) {
        let empty = Vec::new();
        for (name, rows) in ours {
            let wanted = theirs.get(name).unwrap_or(&empty);
            if rows != wanted {
                return Some(format!(
                    "the rows of {name}\n  mapwright:  {rows:?}\n  PostgreSQL: {wanted:?}"
                ));
            }
        }
    }
    // A value that fails rejects its row only where somebody asks for it.
    if ours.rejects && !theirs.rejects {
        return Some("whether rows are rejected: only mapwright does".to_owned());
    }
    for (number, reason) in case.reasons.iter().enumerate() {
        let name = Case::reason(number);
        let of = |outcome: &Outcome| outcome.reasons.get(&name).copied().unwrap_or(0);
        if reason.counted && of(ours) != of(theirs) {
            return Some(format!(
                "the count of {name}\n  mapwright:  {}\n  PostgreSQL: {}",
                of(ours),
                of(theirs)
            ));
        }
    }
    None
}

/// Runs one case on both sides.
async fn differs(client: &Client, case: &Case) -> Option<String> {
    let ours = execute(&compiled(case).ok()?, case).await;
    let answers = ask(client, &sql::query(case)).await.ok()?;
    difference(case, &ours, &outcome(case, &answers[0]))
}

/// Leaves out rows and maps for as long as the two still disagree.
async fn shrunk(client: &Client, mut case: Case) -> Case {
    // Blocks are known by their numbers, so only the last can go.
    while case.blocks.iter().filter(|block| block.is_map).count() > 1 {
        let mut smaller = case.clone();
        smaller.blocks.pop();
        if differs(client, &smaller).await.is_none() {
            break;
        }
        case = smaller;
    }
    for table in 0..case.tables.len() {
        let mut row = 0;
        while row < case.tables[table].rows.len() {
            let mut smaller = case.clone();
            smaller.tables[table].rows.remove(row);
            if differs(client, &smaller).await.is_some() {
                case = smaller;
            } else {
                row += 1;
            }
        }
    }
    case
}

async fn fail(client: &Client, seed: u64, case: &Case, what: &str) -> ! {
    let small = shrunk(client, case.clone()).await;
    let what = differs(client, &small)
        .await
        .unwrap_or_else(|| what.to_owned());
    let rows: Vec<String> = small
        .tables
        .iter()
        .map(|table| {
            let columns: Vec<String> = table
                .columns
                .iter()
                .map(|column| format!("{} {}", column.name, column.pg))
                .collect();
            let rows: Vec<String> = table
                .rows
                .iter()
                .map(|row| format!("  {row:?}\n"))
                .collect();
            format!(
                "{} ({}) keys {:?}\n{}",
                table.name,
                columns.join(", "),
                table.keys,
                rows.concat()
            )
        })
        .collect();
    panic!(
        "they disagree on {what}\n\n{}\n{}\nparameters {:?}, entries {:?}\nreasons {:?}\n\n{}\n\nagain: MAPWRIGHT_ORACLE_SEED={seed} MAPWRIGHT_ORACLE_CASES=1",
        text::mapping(&small),
        rows.concat(),
        small.params,
        small.entries,
        small.reasons,
        sql::query(&small),
    );
}

struct Pending {
    cases: Vec<(u64, Case, Outcome)>,
    answers: JoinHandle<Result<Vec<Answer>, tokio_postgres::Error>>,
}

#[derive(Default)]
struct Tally {
    refused: u64,
    rejecting: u64,
    rows: u64,
    ended: u64,
}

async fn settle(client: &Client, pending: Pending, tally: &mut Tally) {
    let answers = match pending.answers.await.unwrap() {
        Ok(answers) => answers,
        Err(error) => {
            // One query of the batch is wrong: find it, so that the message is about it.
            for (seed, case, _) in &pending.cases {
                let query = sql::query(case);
                if let Err(error) = ask(client, &query).await {
                    panic!(
                        "the query of seed {seed} is wrong: {error:?}\n{}\n{query}",
                        text::mapping(case)
                    );
                }
            }
            panic!("PostgreSQL failed: {error}");
        }
    };
    assert_eq!(answers.len(), pending.cases.len());
    for ((seed, case, ours), answer) in pending.cases.iter().zip(&answers) {
        let theirs = outcome(case, answer);
        if let Some(what) = difference(case, ours, &theirs) {
            fail(client, *seed, case, &what).await;
        }
        tally.rejecting += u64::from(ours.rows.is_none());
        tally.rows += ours.written.values().sum::<u64>();
        let ended = ours
            .ledger
            .iter()
            .filter(|((_, code), _)| code != "written");
        tally.ended += ended.map(|(_, rows)| rows).sum::<u64>();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_executor_agrees_with_postgresql() {
    let seed = seed();
    let wanted = setting("MAPWRIGHT_ORACLE_CASES").unwrap_or(CASES);
    eprintln!("seed {seed}, {wanted} cases");
    let database = harness::fresh_database("oracle").await;
    let client = std::sync::Arc::new(database.connect().await);
    client
        .batch_execute(include_str!("functions.sql"))
        .await
        .unwrap();
    client
        .batch_execute("SET jit = off; SET from_collapse_limit = 1; SET join_collapse_limit = 1")
        .await
        .unwrap();
    let start = Instant::now();
    let mut tally = Tally::default();
    let mut pending: Option<Pending> = None;
    let (mut next, mut compared) = (seed, 0);
    while compared < wanted {
        let (mut cases, mut queries) = (Vec::new(), String::new());
        while cases.len() < BATCH {
            let variants = generate::cases(next, ROW_SETS);
            match compiled(&variants[0]) {
                Ok(program) => {
                    for case in variants {
                        let ours = execute(&program, &case).await;
                        queries.push_str(&sql::query(&case));
                        queries.push(';');
                        cases.push((next, case, ours));
                    }
                }
                Err(refused) => {
                    tally.refused += ROW_SETS as u64;
                    expected(next, &variants[0], &refused);
                }
            }
            next = next.wrapping_add(1);
            if compared + cases.len() as u64 >= wanted {
                break;
            }
        }
        compared += cases.len() as u64;
        let asking = std::sync::Arc::clone(&client);
        let answers = tokio::spawn(async move { ask(&asking, &queries).await });
        if let Some(before) = pending.replace(Pending { cases, answers }) {
            settle(&client, before, &mut tally).await;
        }
    }
    settle(&client, pending.unwrap(), &mut tally).await;
    eprintln!(
        "{compared} cases agree in {:.1} s: {} rows written, {} rows ended, {} cases with rejected rows; {} more were refused by the compiler",
        start.elapsed().as_secs_f64(),
        tally.rows,
        tally.ended,
        tally.rejecting,
        tally.refused
    );
    assert!(tally.refused * 5 < compared, "too many cases are refused");
    if compared >= 1_000 {
        assert!(tally.rows > compared, "too few rows are written");
        assert!(tally.ended > compared, "too few rows end for a reason");
        assert!(
            tally.rejecting * 2 < compared,
            "too many cases keep no rows"
        );
    }
}

fn expected(seed: u64, case: &Case, refused: &Rejected) {
    let all = refused
        .codes
        .iter()
        .all(|code| EXPECTED.contains(&code.as_str()));
    assert!(
        all,
        "the compiler refuses a case that it should take: {:?}\n{}\n\n{}\nagain: MAPWRIGHT_ORACLE_SEED={seed} MAPWRIGHT_ORACLE_CASES=1",
        refused.codes,
        refused.messages.join("\n"),
        text::mapping(case)
    );
}

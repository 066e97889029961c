//! Rows a second of evaluating and encoding, without a database: the bundled mapping over a population
//! in memory like the one of `synapse-bulk.sql`, into nothing.
//!
//!     cargo bench --bench evaluate [-- USERS [RUNS]]
//!
//! Prints the time to compile the mapping; then, for the best and the median of the runs, source and
//! target rows a second and nanoseconds a source row; and the peak memory of the process, most of which
//! is the population itself.
//!
//! A benchmark may stop at once on what it did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use mapwright::base::Files;
use mapwright::catalog::snapshot::shipped;
use mapwright::compile::compile;
use mapwright::diagnostics::{Diagnostic, Diagnostics};
use mapwright::eval::Program;
use mapwright::plan::Plan;
use mapwright::run::memory::{NamedRow, tuple};
use mapwright::run::{Inputs, Limits, NoSink, RowSource, Rows, RunReport, Silent, run};
use mapwright::types::OwnedValue;
use sha2::{Digest, Sha256};

/// How many rows a call gives, as the reader of a database does.
const BATCH: usize = 2_000;
/// 2026-01-01, in microseconds.
const MIGRATED_AT: i64 = 1_767_225_600_000_000;
const MAPPING: &str = include_str!("../mappings/synapse-to-mas.map");

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|argument| argument.parse::<usize>().ok());
    let users = numbers.next().unwrap_or(20_000);
    let runs = numbers.next().unwrap_or(5).max(1);

    let catalogs = [shipped("synapse").unwrap(), shipped("mas").unwrap()];
    let mut compilations: Vec<Duration> = Vec::new();
    let mut plan = None;
    for _ in 0..runs {
        let start = Instant::now();
        plan = Some(compiled(&catalogs));
        compilations.push(start.elapsed());
    }
    compilations.sort();
    println!(
        "compile (parse, check, plan): {:.2} ms best, {:.2} ms median",
        millis(compilations[0]),
        millis(compilations[runs / 2])
    );

    let program = Program::new(plan.unwrap(), params()).expect("the parameters fit");
    let source = Prepared::new(&program.plan, users);
    let providers: Vec<Bytes> = (1..=2)
        .map(|number| provider(&program.plan, number))
        .collect();
    println!("population: {users} users, memory {} KiB", memory("VmRSS:"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut times: Vec<(Duration, RunReport)> = Vec::new();
    for _ in 0..runs {
        let mut source = source.clone();
        let inputs = Inputs {
            program: &program,
            broadcasts: vec![providers.clone()],
            limits: Limits::default(),
        };
        let start = Instant::now();
        let report = runtime
            .block_on(run(inputs, &mut source, &mut NoSink, &mut Silent))
            .unwrap_or_else(|error| panic!("{}", error.message));
        times.push((start.elapsed(), report));
    }
    times.sort_by_key(|(time, _)| *time);
    let report = &times[0].1;
    assert_eq!(report.rejected, 0, "{:?}", report.rejects);
    let read: u64 = report.read.iter().sum();
    let written: u64 = report.written.iter().sum();
    println!("rows: {read} of the source, {written} of the target");
    for (name, time) in [("best", times[0].0), ("median", times[runs / 2].0)] {
        let seconds = time.as_secs_f64();
        println!(
            "{name}: {:.1} ms; {:.0} source rows/s, {:.0} target rows/s, {:.0} ns a source row, {:.2} us a user",
            seconds * 1e3,
            read as f64 / seconds,
            written as f64 / seconds,
            seconds * 1e9 / read as f64,
            seconds * 1e6 / users as f64,
        );
    }
    println!("peak memory (VmHWM): {} KiB", memory("VmHWM:"));
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn memory(entry: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(entry));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

fn compiled(catalogs: &[mapwright::catalog::Catalog]) -> Plan {
    let mut files = Files::new();
    let id = files.add("mappings/synapse-to-mas.map", MAPPING);
    let mut diagnostics = Diagnostics::new();
    let plan = compile(&files, id, catalogs, &mut diagnostics);
    plan.unwrap_or_else(|| panic!("{:?}", diagnostics.into_sorted()))
}

fn params() -> BTreeMap<String, OwnedValue> {
    let providers = (1..=2).map(|number| {
        let name = if number == 1 {
            "oidc-dex"
        } else {
            "oidc-keycloak"
        };
        (name.to_owned(), OwnedValue::Uuid(provider_id(number)))
    });
    BTreeMap::from([
        ("server_name".to_owned(), text("example.com")),
        ("providers".to_owned(), OwnedValue::Map(providers.collect())),
        ("migrated_at".to_owned(), OwnedValue::Timestamp(MIGRATED_AT)),
    ])
}

fn provider_id(number: u8) -> [u8; 16] {
    [number; 16]
}

fn provider(plan: &Plan, number: u8) -> Bytes {
    let row = row([(
        "upstream_oauth_provider_id",
        OwnedValue::Uuid(provider_id(number)),
    )]);
    tuple(
        "upstream_oauth_providers",
        &plan.broadcasts[0].columns,
        &row,
    )
    .unwrap()
}

fn text(text: impl Into<String>) -> OwnedValue {
    OwnedValue::Text(text.into())
}

fn int(number: usize) -> OwnedValue {
    OwnedValue::Int(i64::try_from(number).unwrap())
}

fn row<const N: usize>(cells: [(&str, OwnedValue); N]) -> NamedRow {
    cells
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Encoded rows of each scan, in the order of the partition key.
#[derive(Clone)]
struct Prepared {
    scans: Vec<VecDeque<Bytes>>,
}

impl RowSource for Prepared {
    async fn next_rows(&mut self, scan: usize) -> Result<Option<Rows>, Box<Diagnostic>> {
        let rows = &mut self.scans[scan];
        if rows.is_empty() {
            return Ok(None);
        }
        Ok(Some(rows.drain(..BATCH.min(rows.len())).collect()))
    }
}

impl Prepared {
    fn new(plan: &Plan, users: usize) -> Self {
        let mut names: Vec<(String, usize)> = (1..=users)
            .map(|number| (format!("@user{number}:example.com"), number))
            .collect();
        names.sort();
        let mut scans = vec![VecDeque::new(); plan.scans.len()];
        for (name, number) in names {
            for (table, row) in account(&name, number) {
                let scan = plan.scans.iter().position(|scan| scan.table == table);
                if let Some(scan) = scan {
                    let tuple = tuple(table, &plan.scans[scan].columns, &row).unwrap();
                    scans[scan].push_back(tuple);
                }
            }
        }
        Self { scans }
    }
}

fn digest(parts: &[&str]) -> String {
    let hash = Sha256::digest(parts.concat());
    hash.iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The rows of one account, with the shares that `synapse-bulk.sql` has of each kind.
fn account(name: &str, i: usize) -> Vec<(&'static str, NamedRow)> {
    let hash = digest(&["u", &i.to_string()]);
    let created = 1_500_000_000 + (i * 7_919) % 250_000_000;
    let at = |millis: usize| int(created * 1_000 + millis);
    let device = |number: usize| digest(&[&hash, &number.to_string()])[..10].to_uppercase();
    let flag = |truth: bool| int(usize::from(truth));
    let null = OwnedValue::Null;
    let mut user = row([
        ("name", text(name)),
        ("creation_ts", int(created)),
        ("admin", flag(i % 1_000 == 7)),
        ("is_guest", flag(i % 100 == 13)),
        ("deactivated", flag(i % 33 == 5)),
        ("locked", OwnedValue::Bool(i % 1_000 == 9)),
        ("approved", OwnedValue::Bool(true)),
    ]);
    if i % 10 < 6 {
        let password = format!("$2b$12${hash}{}", &hash[..21]);
        user.insert("password_hash".to_owned(), text(password));
    }
    if i % 50 == 3 {
        user.insert("appservice_id".to_owned(), text("bridge"));
    }
    let mut rows = vec![("users", user)];
    let mut threepid = |medium: &str, address: String, millis: usize| {
        rows.push((
            "user_threepids",
            row([
                ("user_id", text(name)),
                ("medium", text(medium)),
                ("address", text(address)),
                ("added_at", at(millis)),
            ]),
        ));
    };
    if i % 10 < 6 {
        threepid("email", format!("user{i}@mail{}.example", i % 40), 65_432);
    }
    if i % 20 == 1 {
        threepid("msisdn", (447_000_000_000 + i).to_string(), 75_432);
    }
    if i % 10 >= 7 {
        let provider = if i.is_multiple_of(2) {
            "oidc-dex"
        } else {
            "oidc-keycloak"
        };
        rows.push((
            "user_external_ids",
            row([
                ("auth_provider", text(provider)),
                ("external_id", text(hash.clone())),
                ("user_id", text(name)),
            ]),
        ));
    }
    for number in 1..=if i % 10 < 3 { 2 } else { 1 } {
        rows.push((
            "devices",
            row([
                ("user_id", text(name)),
                ("device_id", text(device(number))),
                (
                    "display_name",
                    if i.is_multiple_of(3) {
                        text(format!("Element Web: Firefox on Linux {i}"))
                    } else {
                        text("Element X Android")
                    },
                ),
                (
                    "last_seen",
                    if !i.is_multiple_of(7) {
                        at(86_400_000 + i)
                    } else {
                        null.clone()
                    },
                ),
                (
                    "ip",
                    text(match i % 11 {
                        0 => "-".to_owned(),
                        1 => format!("2001:db8::{:x}", i % 65_536),
                        _ => format!("10.{}.{}.{number}", i % 256, i / 256 % 256),
                    }),
                ),
                (
                    "user_agent",
                    text("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
                ),
                ("hidden", OwnedValue::Bool(false)),
            ]),
        ));
    }
    if i % 10 == 4 {
        rows.push((
            "devices",
            row([
                ("user_id", text(name)),
                ("device_id", text(format!("{hash}{}", &hash[..11]))),
                ("display_name", text("master signing key")),
                ("hidden", OwnedValue::Bool(true)),
            ]),
        ));
    }
    let mut token = |id: usize, suffix: &str, more: [(&str, OwnedValue); 5]| {
        let mut token = row(more);
        token.insert("id".to_owned(), int(id));
        token.insert("user_id".to_owned(), text(name));
        token.insert("token".to_owned(), text(format!("syt_{hash}_{suffix}")));
        rows.push(("access_tokens", token));
    };
    let columns = |device_id, last_validated, used, refresh_token_id, valid_until_ms| {
        [
            ("device_id", device_id),
            ("last_validated", last_validated),
            ("used", OwnedValue::Bool(used)),
            ("refresh_token_id", refresh_token_id),
            ("valid_until_ms", valid_until_ms),
        ]
    };
    if i % 10 < 9 {
        let device = text(device(1));
        let cells = columns(device, at(3_600_000), true, null.clone(), null.clone());
        token(10_000_000_000 + i, "plain", cells);
    }
    if i % 100 == 2 {
        let cells = columns(
            null.clone(),
            at(3_700_000),
            true,
            null.clone(),
            null.clone(),
        );
        token(20_000_000_000 + i, "nodev", cells);
    }
    if i % 10 < 3 {
        let (old, current) = (1_000_000_000 + i, 2_000_000_000 + i);
        let cells = columns(text(device(2)), at(100), true, int(old), at(300_000));
        token(40_000_000_000 + i, "old", cells);
        let cells = columns(
            text(device(2)),
            at(200),
            !i.is_multiple_of(4),
            int(current),
            at(600_000),
        );
        token(50_000_000_000 + i, "cur", cells);
        for (id, suffix, next) in [(current, "cur", null.clone()), (old, "old", int(current))] {
            rows.push((
                "refresh_tokens",
                row([
                    ("id", int(id)),
                    ("user_id", text(name)),
                    ("device_id", text(device(2))),
                    ("token", text(format!("syr_{hash}_{suffix}"))),
                    ("next_token_id", next),
                ]),
            ));
        }
    }
    rows
}

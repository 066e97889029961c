//! Rows of a Synapse database as a test writes them down, and the run over them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use bytes::Bytes;
use mapwright::base::Files;
use mapwright::catalog::snapshot::shipped;
use mapwright::catalog::{Catalog, KeyKind};
use mapwright::compile::compile;
use mapwright::diagnostics::{Diagnostic, Diagnostics};
use mapwright::eval::Program;
use mapwright::plan::Plan;
use mapwright::run::memory::{MemorySink, MemorySource, NamedRow, tuple};
use mapwright::run::{self, Inputs, Limits, RowBatch, RowSink, RowSource, RunReport, Silent};
use mapwright::types::{OwnedValue, SeverityValue};

use super::outcome::Outcome;

/// The server of all tests that do not name another.
pub(crate) const SERVER: &str = "hs.example";
pub(crate) const ADA: &str = "@ada:hs.example";
pub(crate) const BOB: &str = "@bob:hs.example";
/// The clock of every run, in milliseconds: 2026-05-28T20:26:40Z.
pub(crate) const NOW: i64 = 1_780_000_000_000;
/// When accounts were made unless a test says otherwise, in seconds: 2020-09-13T12:26:40Z.
pub(crate) const CREATED: i64 = 1_600_000_000;
/// A bcrypt hash.
pub(crate) const BCRYPT: &str = "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW";

const MAPPING: &str = include_str!("../../mappings/synapse-to-mas.map");

/// What can stand in a cell.
pub(crate) trait Cell {
    fn cell(self) -> OwnedValue;
}

impl Cell for OwnedValue {
    fn cell(self) -> OwnedValue {
        self
    }
}

impl Cell for &str {
    fn cell(self) -> OwnedValue {
        OwnedValue::Text(self.to_owned())
    }
}

impl Cell for String {
    fn cell(self) -> OwnedValue {
        OwnedValue::Text(self)
    }
}

impl Cell for i64 {
    fn cell(self) -> OwnedValue {
        OwnedValue::Int(self)
    }
}

impl Cell for bool {
    fn cell(self) -> OwnedValue {
        OwnedValue::Bool(self)
    }
}

/// A moment, of milliseconds since 1970.
pub(crate) fn millis(millis: i64) -> OwnedValue {
    OwnedValue::Timestamp(millis * 1_000)
}

/// A moment, of seconds since 1970.
pub(crate) fn seconds(seconds: i64) -> OwnedValue {
    OwnedValue::Timestamp(seconds * 1_000_000)
}

/// A row of a table of Synapse; a column that is not named is NULL.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) table: &'static str,
    pub(crate) cells: NamedRow,
}

impl Row {
    fn new<const N: usize>(table: &'static str, cells: [(&str, OwnedValue); N]) -> Self {
        let cells = cells.map(|(column, value)| (column.to_owned(), value));
        Self {
            table,
            cells: cells.into(),
        }
    }

    /// The row with another value in a column.
    pub(crate) fn with(mut self, column: &str, value: impl Cell) -> Self {
        self.cells.insert(column.to_owned(), value.cell());
        self
    }

    /// The row with NULL in a column.
    pub(crate) fn null(self, column: &str) -> Self {
        self.with(column, OwnedValue::Null)
    }

    /// The token row on a device.
    pub(crate) fn on(self, device: &str) -> Self {
        self.with("device_id", device)
    }

    /// The access token row paired with a refresh token.
    pub(crate) fn paired(self, refresh_token: i64) -> Self {
        self.with("refresh_token_id", refresh_token)
    }

    /// The refresh token row with a successor.
    pub(crate) fn followed_by(self, refresh_token: i64) -> Self {
        self.with("next_token_id", refresh_token)
    }
}

/// An account that somebody uses.
pub(crate) fn user(name: &str) -> Row {
    Row::new(
        "users",
        [
            ("name", name.cell()),
            ("creation_ts", CREATED.cell()),
            ("admin", 0i64.cell()),
            ("is_guest", 0i64.cell()),
            ("deactivated", 0i64.cell()),
            ("approved", true.cell()),
            ("locked", false.cell()),
            ("suspended", false.cell()),
        ],
    )
}

pub(crate) fn deactivated(name: &str) -> Row {
    user(name).with("deactivated", 1)
}

pub(crate) fn guest(name: &str) -> Row {
    user(name).with("is_guest", 1)
}

/// An account of an application service.
pub(crate) fn bridge(name: &str) -> Row {
    user(name).with("appservice_id", "irc")
}

pub(crate) fn threepid(user: &str, medium: &str, address: &str) -> Row {
    Row::new(
        "user_threepids",
        [
            ("user_id", user.cell()),
            ("medium", medium.cell()),
            ("address", address.cell()),
            ("validated_at", 1_600_000_000_500i64.cell()),
            ("added_at", 1_600_000_100_250i64.cell()),
        ],
    )
}

pub(crate) fn email(user: &str, address: &str) -> Row {
    threepid(user, "email", address)
}

pub(crate) fn link(user: &str, provider: &str, external_id: &str) -> Row {
    Row::new(
        "user_external_ids",
        [
            ("auth_provider", provider.cell()),
            ("external_id", external_id.cell()),
            ("user_id", user.cell()),
        ],
    )
}

pub(crate) fn device(user: &str, id: &str) -> Row {
    Row::new(
        "devices",
        [
            ("user_id", user.cell()),
            ("device_id", id.cell()),
            ("hidden", false.cell()),
        ],
    )
}

pub(crate) fn dehydrated(user: &str, device: &str) -> Row {
    Row::new(
        "dehydrated_devices",
        [
            ("user_id", user.cell()),
            ("device_id", device.cell()),
            ("device_data", "{}".cell()),
        ],
    )
}

/// The end of an account's validity, in milliseconds.
pub(crate) fn validity(user: &str, end: i64) -> Row {
    Row::new(
        "account_validity",
        [
            ("user_id", user.cell()),
            ("expiration_ts_ms", end.cell()),
            ("email_sent", false.cell()),
        ],
    )
}

/// An access token `syt_‹id›` without device, expiry or refresh token.
pub(crate) fn token(id: i64, user: &str) -> Row {
    Row::new(
        "access_tokens",
        [
            ("id", id.cell()),
            ("user_id", user.cell()),
            ("token", format!("syt_{id}").cell()),
        ],
    )
}

/// A refresh token `syr_‹id›`.
pub(crate) fn refresh_token(id: i64, user: &str, device: &str) -> Row {
    Row::new(
        "refresh_tokens",
        [
            ("id", id.cell()),
            ("user_id", user.cell()),
            ("device_id", device.cell()),
            ("token", format!("syr_{id}").cell()),
        ],
    )
}

/// The two catalogs that the bundled mapping is written for.
pub(crate) fn catalogs() -> &'static [Catalog; 2] {
    static CATALOGS: OnceLock<[Catalog; 2]> = OnceLock::new();
    CATALOGS.get_or_init(|| [shipped("synapse").unwrap(), shipped("mas").unwrap()])
}

/// The plan of the bundled mapping.
pub(crate) fn plan() -> &'static Plan {
    static PLAN: OnceLock<Plan> = OnceLock::new();
    PLAN.get_or_init(|| {
        let mut files = Files::new();
        let id = files.add("mappings/synapse-to-mas.map", MAPPING);
        let mut diagnostics = Diagnostics::new();
        let plan = compile(&files, id, catalogs(), &mut diagnostics);
        let problems: Vec<String> = diagnostics
            .into_sorted()
            .iter()
            .map(|problem| format!("{problem:?}"))
            .collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        plan.unwrap()
    })
}

/// A Synapse database and the settings of a migration.
#[derive(Clone, Debug)]
pub(crate) struct Synapse {
    pub(crate) rows: Vec<Row>,
    params: BTreeMap<String, OwnedValue>,
    /// What MAS's configuration says: `synapse_idp_id` → `id`.
    providers: BTreeMap<String, OwnedValue>,
    /// The providers in MAS's database.
    pub(crate) known_providers: BTreeSet<[u8; 16]>,
    rows_per_call: Option<usize>,
}

/// A Synapse database with these rows.
pub(crate) fn synapse(rows: impl IntoIterator<Item = Row>) -> Synapse {
    Synapse {
        rows: rows.into_iter().collect(),
        params: BTreeMap::from([
            ("server_name".to_owned(), SERVER.cell()),
            ("migrated_at".to_owned(), millis(NOW)),
        ]),
        providers: BTreeMap::new(),
        known_providers: BTreeSet::new(),
        rows_per_call: None,
    }
}

impl Synapse {
    /// With another server name.
    pub(crate) fn server_name(self, name: &str) -> Self {
        self.set("server_name", name)
    }

    /// With a parameter of the mapping.
    pub(crate) fn set(mut self, param: &str, value: impl Cell) -> Self {
        self.params.insert(param.to_owned(), value.cell());
        self
    }

    /// With the severity of a reason, by the parameter that decides it.
    pub(crate) fn severity(self, param: &str, severity: SeverityValue) -> Self {
        self.set(param, OwnedValue::Severity(severity))
    }

    /// With a provider in MAS's configuration and database.
    pub(crate) fn provider(mut self, synapse_idp_id: &str, id: [u8; 16]) -> Self {
        self.known_providers.insert(id);
        self.configured_provider(synapse_idp_id, id)
    }

    /// With a provider in MAS's configuration alone.
    pub(crate) fn configured_provider(mut self, synapse_idp_id: &str, id: [u8; 16]) -> Self {
        self.providers
            .insert(synapse_idp_id.to_owned(), OwnedValue::Uuid(id));
        self
    }

    /// Read in calls of so many rows.
    pub(crate) fn rows_per_call(mut self, rows: usize) -> Self {
        self.rows_per_call = Some(rows);
        self
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &str) -> usize {
        self.rows.iter().filter(|row| row.table == table).count()
    }

    /// Runs the bundled mapping, and looks at what must hold after every run.
    pub(crate) fn migrate(self) -> Outcome {
        let outcome = self.migrate_unchecked();
        outcome.holds_what_always_holds();
        outcome
    }

    fn migrate_unchecked(self) -> Outcome {
        self.is_possible();
        let mut params = self.params.clone();
        params.insert(
            "providers".to_owned(),
            OwnedValue::Map(self.providers.clone()),
        );
        let program = Program::new(plan().clone(), params).unwrap();
        let mut tables: BTreeMap<String, Vec<NamedRow>> = BTreeMap::new();
        for row in &self.rows {
            tables
                .entry(row.table.to_owned())
                .or_default()
                .push(row.cells.clone());
        }
        let source = MemorySource::new(&program.plan, &tables).unwrap();
        let mut source = Calls {
            inner: source,
            rows: self.rows_per_call,
            waiting: BTreeMap::new(),
        };
        let mut sink = Kept {
            memory: MemorySink::new(&program.plan),
            bytes: BTreeMap::new(),
        };
        let inputs = Inputs {
            program: &program,
            broadcasts: self.broadcasts(&program.plan),
            limits: Limits::default(),
        };
        let report = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(run::run(inputs, &mut source, &mut sink, &mut Silent))
            .unwrap();
        Outcome::new(self, report, sink.memory.tables, sink.bytes)
    }

    /// The rows of MAS that a run looks at.
    fn broadcasts(&self, plan: &Plan) -> Vec<Vec<Bytes>> {
        plan.broadcasts
            .iter()
            .map(|broadcast| {
                assert_eq!(broadcast.table, "upstream_oauth_providers");
                let row = |id: &[u8; 16]| {
                    NamedRow::from([(
                        "upstream_oauth_provider_id".to_owned(),
                        OwnedValue::Uuid(*id),
                    )])
                };
                self.known_providers
                    .iter()
                    .map(|id| tuple(&broadcast.table, &broadcast.columns, &row(id)).unwrap())
                    .collect()
            })
            .collect()
    }

    /// That Synapse's schema lets these rows be: a test of rows that cannot be proves nothing.
    fn is_possible(&self) {
        for row in &self.rows {
            let table = &catalogs()[0].tables[row.table];
            for column in row.cells.keys() {
                assert!(table.column(column).is_some(), "{}.{column}", row.table);
            }
            for column in table.columns.iter().filter(|column| !column.nullable) {
                let cell = row.cells.get(&column.name);
                let filled = cell.is_some_and(|cell| *cell != OwnedValue::Null);
                assert!(filled, "{}.{} is NULL", row.table, column.name);
            }
        }
        for (name, table) in &catalogs()[0].tables {
            for key in table
                .keys
                .iter()
                .filter(|key| matches!(key.kind, KeyKind::Primary | KeyKind::Unique))
            {
                let mut seen = Vec::new();
                for row in self.rows.iter().filter(|row| row.table == name) {
                    let cells = key.columns.iter().map(|column| row.cells.get(column));
                    let values: Option<Vec<_>> = cells
                        .map(|cell| cell.filter(|cell| **cell != OwnedValue::Null))
                        .collect();
                    if let Some(values) = values {
                        assert!(!seen.contains(&values), "{name}: {values:?} twice");
                        seen.push(values);
                    }
                }
            }
        }
    }
}

/// A source that gives another number of rows a call.
struct Calls {
    inner: MemorySource,
    rows: Option<usize>,
    waiting: BTreeMap<usize, Vec<Bytes>>,
}

impl RowSource for Calls {
    async fn next_rows(&mut self, scan: usize) -> Result<Option<run::Rows>, Box<Diagnostic>> {
        let Some(wanted) = self.rows else {
            return self.inner.next_rows(scan).await;
        };
        let waiting = self.waiting.entry(scan).or_default();
        while waiting.len() < wanted {
            match self.inner.next_rows(scan).await? {
                Some(rows) => waiting.extend(rows),
                None => break,
            }
        }
        let rows: Vec<Bytes> = waiting.drain(..wanted.min(waiting.len())).collect();
        Ok((!rows.is_empty()).then_some(rows))
    }
}

/// A sink that keeps the rows, and their bytes too.
struct Kept {
    memory: MemorySink,
    bytes: BTreeMap<usize, Vec<u8>>,
}

impl RowSink for Kept {
    async fn write(&mut self, target: usize, batch: RowBatch) -> Result<(), Box<Diagnostic>> {
        self.bytes.entry(target).or_default().extend(&batch.data);
        self.memory.write(target, batch).await
    }
}

/// So that no test has to name the report's type.
pub(crate) type Report = RunReport;

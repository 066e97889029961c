//! Two filled databases with the configuration files of their operator, and the program run on them.
//!
//! Every output of the program passes through [`judged`], which fails on any secret in it.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mapwright::cli::population::{self, PEPPER, PROVIDERS, PopulationOptions};
use mapwright::pg::throwaway::{PORT, SUPERUSER};
use serde_json::Value;
use tokio::sync::OnceCell;

use self::secrets::Secrets;
use crate::harness::{self, Database, State};

// By its path, because other suites take this file from where it is.
#[path = "secrets.rs"]
mod secrets;

pub(crate) const SERVER_NAME: &str = "demo.example";
/// The clock of all runs, so that their outputs can be compared.
pub(crate) const MIGRATED_AT: &str = "2026-05-01T02:00:00Z";
/// The passwords of the configuration files. The cluster trusts everybody and asks for none.
pub(crate) const SOURCE_PASSWORD: &str = "hunter2-of-the-source";
pub(crate) const TARGET_PASSWORD: &str = "hunter2-of-the-target";
/// The IDs that MAS has for [`PROVIDERS`], as its configuration and as its database write them.
pub(crate) const PROVIDER_IDS: [(&str, &str); 3] = [
    (
        "01JSHPZHAXC50QBKH67MH33TNF",
        "0196636f-c55d-6141-75ce-263d2231eaaf",
    ),
    (
        "01JSHPZHAXC50QBKH67MH33TNG",
        "0196636f-c55d-6141-75ce-263d2231eab0",
    ),
    (
        "01JSHPZHAXC50QBKH67MH33TNH",
        "0196636f-c55d-6141-75ce-263d2231eab1",
    ),
];

/// Enough accounts for every kind of row.
pub(crate) const FEW: u64 = 200;
/// Enough for a copy that takes a while.
pub(crate) const MANY: u64 = 20_000;

/// What no output may hold.
static SECRETS: Mutex<Secrets> = Mutex::new(Secrets::new());

/// The program, with nothing of the environment but what makes it start.
pub(crate) fn tool(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mapwright"));
    command.env_clear().args(arguments).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    judged(
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        String::new(),
    )
}

/// What a run of the program left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit status; none after a signal that the program did not catch.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The text of `--report`; empty if none was written.
    pub(crate) report: String,
}

impl Run {
    /// Fails unless the program answered so and said all of that on stderr.
    #[track_caller]
    pub(crate) fn answered(&self, code: i32, said: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        // Long findings are broken into lines.
        let text = self.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in said {
            assert!(
                text.contains(words),
                "`{words}` is not in:\n{}",
                self.stderr
            );
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.report).unwrap()
    }
}

/// Fails if a secret is in what the program wrote.
pub(crate) fn judged(code: Option<i32>, stdout: String, stderr: String, report: String) -> Run {
    let secrets = SECRETS.lock().unwrap();
    let fixed = [
        PEPPER,
        SOURCE_PASSWORD,
        TARGET_PASSWORD,
        "$2a$",
        "$2b$",
        "$2y$",
        "{SSHA}",
        "syt_0",
        "syr_0",
    ];
    for (place, text) in [
        ("stdout", &stdout),
        ("stderr", &stderr),
        ("report", &report),
    ] {
        let leaked = secrets
            .found_in(text)
            .or_else(|| fixed.into_iter().find(|secret| text.contains(secret)));
        assert_eq!(leaked, None, "{place}:\n{text}");
    }
    drop(secrets);
    Run {
        code,
        stdout,
        stderr,
        report,
    }
}

/// A directory that goes when it is dropped.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("mapwright-test-{}-{number}", std::process::id()));
        // A killed run leaves its own behind, and numbers of processes come again.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Gives a new database the tables of a shipped catalog, by the program's own words.
pub(crate) fn make_tables(database: &Database, catalog: &str) {
    let ddl = run(&mut tool(&["catalog", "ddl", catalog]));
    ddl.answered(0, &[]);
    let directory = Directory::new();
    let file = directory.path().join("tables.sql");
    fs::write(&file, ddl.stdout).unwrap();
    database.psql_file(&file);
}

/// A Synapse-shaped database, filled.
async fn filled_source(users: u64, options: PopulationOptions) -> Database {
    let database = harness::fresh_database("synapse_template").await;
    make_tables(&database, "synapse");
    let mut client = database.connect().await;
    population::fill(&mut client, users, SERVER_NAME, options)
        .await
        .unwrap();
    let rows = database.psql(
        "SELECT token FROM access_tokens UNION SELECT token FROM refresh_tokens
         UNION SELECT address FROM user_threepids
         UNION SELECT password_hash FROM users WHERE password_hash <> ''",
    );
    SECRETS
        .lock()
        .unwrap()
        .extend(rows.lines().map(str::to_owned));
    database
}

async fn source_template(users: u64, options: PopulationOptions) -> &'static Database {
    static FEW_USERS: OnceCell<Database> = OnceCell::const_new();
    static MANY_USERS: OnceCell<Database> = OnceCell::const_new();
    static BLOCKING: OnceCell<Database> = OnceCell::const_new();
    let cell = match (users, options.blocking_rows) {
        (FEW, false) => &FEW_USERS,
        (MANY, false) => &MANY_USERS,
        (FEW, true) => &BLOCKING,
        other => panic!("no template for {other:?}"),
    };
    cell.get_or_init(|| filled_source(users, options)).await
}

/// A MAS-shaped database as `mas-cli config sync` leaves it.
async fn target_template() -> &'static Database {
    static TEMPLATE: OnceCell<Database> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let providers: Vec<(&str, &str)> = PROVIDERS
                .into_iter()
                .zip(PROVIDER_IDS.map(|(_, uuid)| uuid))
                .collect();
            target_database(&providers).await
        })
        .await
}

/// A MAS-shaped database with providers of those names and UUIDs.
pub(crate) async fn target_database(providers: &[(&str, &str)]) -> Database {
    let database = harness::fresh_database("mas_template").await;
    make_tables(&database, "mas");
    database.psql(include_str!("../../src/cli/population/mas.sql"));
    for (name, uuid) in providers {
        database.psql(&format!(
            "INSERT INTO upstream_oauth_providers (upstream_oauth_provider_id, human_name, scope,
                client_id, token_endpoint_auth_method, created_at)
             VALUES ('{uuid}', '{name}', 'openid', 'test', 'none', '2026-01-01')"
        ));
    }
    database
}

/// A source, a target, and the files that lead to them.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) source: Database,
    pub(crate) target: Database,
    pub(crate) directory: Directory,
}

impl Pair {
    /// A source of [`FEW`] accounts that can be migrated, and a target that is ready.
    pub(crate) async fn new(name: &str) -> Self {
        Self::of(name, FEW, PopulationOptions::default()).await
    }

    pub(crate) async fn of(name: &str, users: u64, options: PopulationOptions) -> Self {
        let source = source_template(users, options).await;
        let target = target_template().await;
        let source = harness::copy_of(source, &format!("{name}_source")).await;
        let target = harness::copy_of(target, &format!("{name}_target")).await;
        Self::between(source, target)
    }

    /// Files that lead to these two.
    pub(crate) fn between(source: Database, target: Database) -> Self {
        let pair = Self {
            source,
            target,
            directory: Directory::new(),
        };
        pair.write("homeserver.yaml", &homeserver(&pair.source.name, SUPERUSER));
        pair.write("mas.yaml", &mas(&pair.target.name));
        pair
    }

    /// A file in the directory of the configurations.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// `check`, `migrate` … with both configurations and a report.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tool(arguments);
        command
            .args(["--synapse-config", &self.path("homeserver.yaml")])
            .args(["--config", &self.path("mas.yaml")])
            .args(["--report", &self.path("report.json")])
            .args(["--migrated-at", MIGRATED_AT]);
        command
    }

    /// `verify` or `undo` with both configurations and the report of the run before.
    pub(crate) fn after(&self, arguments: &[&str]) -> Run {
        run(tool(arguments)
            .args(["--synapse-config", &self.path("homeserver.yaml")])
            .args(["--config", &self.path("mas.yaml")])
            .args(["--report", &self.path("report.json")]))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        let _ = fs::remove_file(self.path("report.json"));
        let run = run(&mut self.command(arguments));
        self.with_report(run)
    }

    fn with_report(&self, run: Run) -> Run {
        let report = fs::read_to_string(self.path("report.json")).unwrap_or_default();
        judged(run.code, run.stdout, run.stderr, report)
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Self::begin(self.command(arguments))
    }

    /// Like [`Pair::after`], without waiting for its end.
    pub(crate) fn start_after(&self, arguments: &[&str]) -> Running {
        let mut command = tool(arguments);
        command
            .args(["--synapse-config", &self.path("homeserver.yaml")])
            .args(["--config", &self.path("mas.yaml")])
            .args(["--report", &self.path("report.json")]);
        Self::begin(command)
    }

    fn begin(mut command: Command) -> Running {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let out = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        Running {
            child,
            stderr,
            seen: String::new(),
            out,
        }
    }

    /// Waits for the end of what [`Pair::start`] began.
    pub(crate) fn end(&self, running: Running) -> Run {
        let Running {
            mut child,
            mut stderr,
            mut seen,
            out,
        } = running;
        stderr.read_to_string(&mut seen).unwrap();
        let code = child.wait().unwrap().code();
        self.with_report(judged(code, out.join().unwrap(), seen, String::new()))
    }

    /// Both databases as they are.
    pub(crate) fn states(&self) -> (State, State) {
        (self.source.state(), self.target.state())
    }

    /// Waits until nobody is connected to the target: the server notices a killed client only when it
    /// next reads or writes.
    pub(crate) fn wait_until_left(&self) {
        wait_until("sessions of both databases are gone", || {
            harness_psql(&format!(
                "SELECT count(*) FROM pg_stat_activity WHERE datname IN ('{}', '{}')",
                self.source.name, self.target.name
            )) == "0"
        });
    }
}

/// Asks the cluster, through a database that no test changes.
pub(crate) fn harness_psql(sql: &str) -> String {
    Database {
        name: "postgres".to_owned(),
    }
    .psql(sql)
    .trim()
    .to_owned()
}

pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "waited too long: {what}"
        );
        // What is waited for needs the processor, and to ask may take a process and a session.
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A run under way.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    seen: String,
    out: JoinHandle<String>,
}

impl Running {
    /// Reads stderr up to a line that begins so.
    pub(crate) fn wait_for(&mut self, beginning: &str) {
        loop {
            let start = self.seen.len();
            let read = self.stderr.read_line(&mut self.seen).unwrap();
            assert!(read > 0, "no line `{beginning}` came:\n{}", self.seen);
            if self.seen[start..].starts_with(beginning) {
                return;
            }
        }
    }

    /// Waits until the program has taken notice of every signal that it was sent.
    pub(crate) fn wait_for_signals(&self) {
        let status = format!("/proc/{}/status", self.child.id());
        wait_until("signals are handled", || {
            let text = fs::read_to_string(&status).unwrap_or_default();
            text.lines()
                .filter(|line| line.starts_with("SigPnd") || line.starts_with("ShdPnd"))
                .all(|line| line.ends_with("0000000000000000"))
        });
    }

    /// Sends it a signal, such as `INT`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }
}

/// Synapse's configuration, as far as a migration reads it.
pub(crate) fn homeserver(database: &str, user: &str) -> String {
    let socket = harness::cluster().socket_directory().display();
    format!(
        "server_name: {SERVER_NAME}\npassword_config:\n  pepper: {PEPPER}\ndatabase:\n  name: psycopg2\n  args:\n    \
         host: {socket}\n    port: {PORT}\n    user: {user}\n    password: {SOURCE_PASSWORD}\n    dbname: {database}\n"
    )
}

/// MAS's configuration.
pub(crate) fn mas(database: &str) -> String {
    let providers = PROVIDERS
        .into_iter()
        .zip(PROVIDER_IDS.map(|(ulid, _)| ulid));
    mas_with(database, providers)
}

/// MAS's configuration with providers of those names and ULIDs.
pub(crate) fn mas_with<'a>(
    database: &str,
    providers: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let socket = harness::cluster().socket_directory().display();
    let mut text = format!(
        "matrix:\n  homeserver: {SERVER_NAME}\ndatabase:\n  socket: {socket}\n  port: {PORT}\n  username: {SUPERUSER}\n  \
         password: {TARGET_PASSWORD}\n  database: {database}\npasswords:\n  schemes:\n  \
         - {{version: 1, algorithm: bcrypt, secret: {PEPPER}, unicode_normalization: true}}\n  \
         - {{version: 2, algorithm: argon2id}}\nupstream_oauth2:\n  providers:\n"
    );
    for (name, ulid) in providers {
        text.push_str(&format!(
            "  - {{id: {ulid}, synapse_idp_id: {name}, issuer: \"https://sso.example\", client_id: test, \
             scope: openid, token_endpoint_auth_method: none}}\n"
        ));
    }
    text
}

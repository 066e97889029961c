//! A throwaway PostgreSQL for the whole test program, and a fresh database for each test.
//!
//! The server is stopped and its directory removed when the program ends, however it ends: a
//! watcher waits for the end of a pipe that only the program holds.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use mapwright::diagnostics::{Diagnostic, codes};
use mapwright::pg::{PgError, PgErrorKind};
use tokio_postgres::{Client, Config, NoTls};

/// The role that owns the test databases; no superuser, like the role of a real service.
pub const OWNER: &str = "tester";

/// Waits for the end of its input, then tidies up; a Ctrl-C for the program is not for it. The
/// directory itself is in /tmp, whose sticky bit lets its owner remove it.
const WATCH: &str =
    r#"trap "" INT TERM; read -r _; "$1" stop -D "$2/data" -m immediate -s; rm -rf "$2""#;

struct Cluster {
    directory: PathBuf,
    _watcher: Child,
}

/// A database of its own.
#[derive(Clone)]
pub struct Database {
    pub name: String,
    directory: PathBuf,
}

fn bin(program: &str) -> PathBuf {
    let mut candidates: Vec<PathBuf> = std::env::var_os("PG_BINDIR")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<PathBuf> = versions.flatten().map(|entry| entry.path()).collect();
        versions.sort();
        candidates.extend(versions.into_iter().rev().map(|path| path.join("bin")));
    }
    candidates
        .into_iter()
        .map(|directory| directory.join(program))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("no {program}: install PostgreSQL's server or set PG_BINDIR"))
}

/// User and group of an unprivileged account, if we are root.
fn unprivileged() -> Option<(u32, u32)> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return None;
    }
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    ["postgres:", "nobody:"].iter().find_map(|name| {
        let line = passwd.lines().find(|line| line.starts_with(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

fn as_server_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = unprivileged() {
        command.uid(uid).gid(gid);
    }
    command.current_dir("/").stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| Cluster::start("", |_| {}))
}

impl Cluster {
    /// Starts a server with further options, after `before` has had its way with its data.
    fn start(options: &str, before: impl FnOnce(&Path)) -> Self {
        let made = run(Command::new("mktemp").args(["-d", "/tmp/mapwright-pg.XXXXXX"]));
        let directory = PathBuf::from(String::from_utf8_lossy(&made.stdout).trim());
        if let Some((uid, gid)) = unprivileged() {
            std::os::unix::fs::chown(&directory, Some(uid), Some(gid)).unwrap();
        }
        let data = directory.join("data");
        run(as_server_user(&bin("initdb")).arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]));
        before(&data);
        let options = format!(
            "-c listen_addresses= -c unix_socket_directories={} -c fsync=off -c autovacuum=off \
             -c max_prepared_transactions=4 -c max_connections=200 \
             -c allow_in_place_tablespaces=on {options}",
            directory.display()
        );
        // `pg_ctl` refuses to run as root, to stop a server too.
        let watcher = as_server_user(Path::new("sh"))
            .args(["-c", WATCH, "watcher"])
            .arg(bin("pg_ctl"))
            .arg(&directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        run(as_server_user(&bin("pg_ctl"))
            .arg("start")
            .arg("-D")
            .arg(&data)
            .arg("-o")
            .arg(options)
            .arg("-l")
            .arg(directory.join("log"))
            .args(["-w", "-s"]));
        let cluster = Cluster {
            directory,
            _watcher: watcher,
        };
        if psql_in(&cluster.directory, "postgres", "SELECT pg_is_in_recovery()") == "f\n" {
            psql_in(
                &cluster.directory,
                "postgres",
                &format!("CREATE ROLE {OWNER} LOGIN"),
            );
        }
        cluster
    }
}

fn psql_in(directory: &Path, database: &str, sql: &str) -> String {
    let output = run(Command::new(bin("psql"))
        .arg("-h")
        .arg(directory)
        .args([
            "-U",
            "postgres",
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
        ])
        .arg(database)
        .args(["-c", sql]));
    String::from_utf8(output.stdout).unwrap()
}

/// A server of its own, for what concerns a whole server.
pub struct Server(Cluster);

impl Server {
    /// One that cleans up eagerly, and takes its time about it.
    pub fn with_eager_autovacuum() -> Self {
        Self(Cluster::start(
            "-c autovacuum=on -c autovacuum_naptime=1s -c autovacuum_vacuum_cost_delay=100ms \
             -c autovacuum_vacuum_cost_limit=1 -c autovacuum_vacuum_threshold=1",
            |_| {},
        ))
    }

    /// One that replays the log of another that it will never find.
    pub fn standby() -> Self {
        Self(Cluster::start("", |data| {
            let signal = data.join("standby.signal");
            run(as_server_user(Path::new("touch")).arg(signal));
        }))
    }

    /// Its first database.
    pub fn database(&self) -> Database {
        Database {
            name: "postgres".into(),
            directory: self.0.directory.clone(),
        }
    }
}

impl Database {
    /// A fresh database that belongs to [`OWNER`], in the C locale.
    pub fn new() -> Self {
        Self::with_options("")
    }

    /// The same with further options of CREATE DATABASE.
    pub fn with_options(options: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        psql_in(
            &cluster().directory,
            "postgres",
            &format!("CREATE DATABASE {name} OWNER {OWNER} TEMPLATE template0 {options}"),
        );
        let database = Self {
            name,
            directory: cluster().directory.clone(),
        };
        database.admin("GRANT CREATE ON SCHEMA public TO public");
        database
    }

    /// Runs SQL as superuser, in psql.
    pub fn admin(&self, sql: &str) -> String {
        psql_in(&self.directory, &self.name, sql)
    }

    /// Runs SQL as [`OWNER`], in psql.
    pub fn sql(&self, sql: &str) -> String {
        self.admin(&format!("SET ROLE {OWNER}; {sql}"))
    }

    /// Where the server listens.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A dump of schema and data, without the random words that newer versions put into it.
    pub fn dump(&self) -> String {
        let output = run(Command::new(bin("pg_dump"))
            .arg("-h")
            .arg(&self.directory)
            .args(["-U", "postgres", "-d", &self.name]));
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Sizes, files and planner's numbers of every relation of the users' schemas.
    pub fn class_statistics(&self) -> String {
        self.admin(
            "SELECT c.oid, c.relname, c.relkind, c.relfilenode, c.relpages, c.reltuples, \
             c.relallvisible, pg_relation_size(c.oid), c.relhasindex, c.relhastriggers, c.relnatts \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY c.oid",
        )
    }

    /// The way for connections as `user`.
    pub fn connect_as(
        &self,
        user: &str,
    ) -> impl Fn() -> std::pin::Pin<
        Box<dyn std::future::Future<Output = Result<Client, PgError>> + Send>,
    > + Send
    + Sync
    + use<> {
        let mut config = Config::new();
        config
            .host_path(&self.directory)
            .user(user)
            .dbname(&self.name)
            .application_name("mapwright test");
        move || {
            let config = config.clone();
            Box::pin(connect(config))
        }
    }

    /// The way for connections as [`OWNER`].
    pub fn connector(
        &self,
    ) -> impl Fn() -> std::pin::Pin<
        Box<dyn std::future::Future<Output = Result<Client, PgError>> + Send>,
    > + Send
    + Sync
    + use<> {
        self.connect_as(OWNER)
    }

    /// One connection with a name, as [`OWNER`].
    pub async fn session(&self, application_name: &str) -> Client {
        let mut config = Config::new();
        config
            .host_path(&self.directory)
            .user(OWNER)
            .dbname(&self.name)
            .application_name(application_name);
        connect(config).await.unwrap()
    }
}

pub async fn connect(config: Config) -> Result<Client, PgError> {
    let (client, connection) = config.connect(NoTls).await.map_err(|error| {
        PgError::new(
            PgErrorKind::CouldNotStart,
            Diagnostic::error(codes::E0900, error.to_string()),
        )
    })?;
    tokio::spawn(connection);
    Ok(client)
}

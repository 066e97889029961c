//! A PostgreSQL of one's own for a while: a cluster in a temporary directory on a UNIX socket, that is
//! stopped and removed whatever becomes of the process that started it.
//!
//! The end of a cluster is the work of a small shell process, the watchdog, which waits for a pipe to
//! close that only the owner holds. Dropping a [`Cluster`], leaving the program, a signal and a
//! `kill -9` thus all take the same way. (Only the watchdog's own violent death leaves things behind.)
//!
//! Everything here blocks for as long as PostgreSQL's programs take, about a second to start.

mod binaries;
mod directory;
mod owner;

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

pub use binaries::ServerBinaries;
use directory::copy_tree;
use owner::Owner;

use super::{PgError, PgErrorKind};
use crate::diagnostics::{Diagnostic, codes};

/// The superuser of every throwaway cluster; nobody else can reach the socket, so it has no password.
pub const SUPERUSER: &str = "postgres";

/// The port in the socket's name. Each cluster has a directory of its own, so they never meet.
pub const PORT: u16 = 5432;

const WATCHDOG: &str = include_str!("watchdog.sh");

/// How a cluster is to be.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// Settings for `postgresql.conf`, later ones win. Before them stand those that a cluster without
    /// a future can afford: no `fsync`, no full-page writes, no network.
    pub settings: Vec<(String, String)>,
    /// A directory in which a freshly made cluster is kept to be copied from the next time, which
    /// takes a tenth of a second instead of one. It must be writable by nobody else.
    pub template_cache: Option<PathBuf>,
}

impl ClusterOptions {
    /// Adds a setting for `postgresql.conf`.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// The text of `postgresql.auto.conf`, which outranks `postgresql.conf`.
    fn configuration(&self, socket_directory: &Path) -> String {
        let socket_directory = socket_directory.display().to_string();
        let own = [
            ("listen_addresses", ""),
            ("unix_socket_directories", socket_directory.as_str()),
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("max_wal_size", "4GB"),
            ("log_min_error_statement", "panic"),
        ];
        let chosen = self
            .settings
            .iter()
            .map(|(name, value)| (&**name, &**value));
        let mut text = String::new();
        for (name, value) in own.into_iter().chain(chosen).chain([("port", "5432")]) {
            let quoted = value.replace('\\', r"\\").replace('\'', "''");
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{name} = '{quoted}'");
        }
        text
    }
}

/// A running cluster. Dropping it stops the server and removes everything.
#[derive(Debug)]
pub struct Cluster {
    directory: PathBuf,
    binaries: ServerBinaries,
    owner: Owner,
    /// The end of the pipe that the watchdog waits for; `None` once it has been let go.
    leash: Option<ChildStdin>,
    watchdog: Child,
}

impl Cluster {
    /// Makes a cluster (encoding UTF8, locale C.UTF-8 or else C) and waits until it answers.
    ///
    /// # Errors
    /// E0681 if one of PostgreSQL's programs fails, E0682 without a usable temporary directory, E0683
    /// if this is root's process and there is no other account. Nothing is left behind then.
    pub fn start(binaries: &ServerBinaries, options: &ClusterOptions) -> Result<Self, PgError> {
        let (directory, owner) = directory::create()?;
        // From here on the directory belongs to the watchdog, errors below included.
        let mut watchdog = spawn_watchdog(binaries, &directory, owner).map_err(|error| {
            let _ = fs::remove_dir_all(&directory);
            failed(
                "the shell that watches over a throwaway cluster",
                &error.to_string(),
            )
        })?;
        let cluster = Self {
            directory,
            binaries: binaries.clone(),
            owner,
            leash: watchdog.stdin.take(),
            watchdog,
        };
        cluster.make_data_directory(options.template_cache.as_deref())?;
        let configuration = options.configuration(&cluster.directory);
        cluster.write_owned("data/postgresql.auto.conf", &configuration)?;
        cluster.launch()?;
        Ok(cluster)
    }

    /// The directory of the socket: what a client gives as host.
    pub fn socket_directory(&self) -> &Path {
        &self.directory
    }

    /// PostgreSQL's programs that it was started with.
    pub fn binaries(&self) -> &ServerBinaries {
        &self.binaries
    }

    /// How to connect to one of its databases, as the superuser.
    pub fn config(&self, database: &str) -> tokio_postgres::Config {
        let mut config = tokio_postgres::Config::new();
        config
            .host_path(&self.directory)
            .port(PORT)
            .user(SUPERUSER)
            .dbname(database);
        config
    }

    /// The same as a URI that psql, Synapse, MAS and mapwright understand. `database` must be made of
    /// letters, digits, `_` and `-`.
    pub fn uri(&self, database: &str) -> String {
        uri(&self.directory, database)
    }

    /// The commands that stop and remove the cluster by hand, for after [`Cluster::keep`].
    pub fn removal_command(&self) -> String {
        let stop = format!(
            "{} stop -m immediate -D {}/data",
            self.binaries.program("pg_ctl").display(),
            self.directory.display()
        );
        let remove = format!("rm -rf {}", self.directory.display());
        match self.owner {
            Owner::Ourselves => format!("{stop} && {remove}"),
            Owner::Account { uid, gid } => {
                format!("setpriv --reuid {uid} --regid {gid} --clear-groups {stop} && {remove}")
            }
        }
    }

    /// Ends the server as a crash of it would: sessions die where they stand, and the log is replayed
    /// at [`Cluster::relaunch`]; for tests of what is left then.
    ///
    /// # Errors
    /// E0681 if there is no server to kill.
    pub fn crash(&self) -> Result<(), PgError> {
        self.pg_ctl("stop", &["--mode", "immediate", "--timeout", "20"])
    }

    /// Starts the server again after [`Cluster::crash`], and waits until it answers.
    ///
    /// # Errors
    /// E0681, with what the server's log says.
    pub fn relaunch(&self) -> Result<(), PgError> {
        self.launch()
    }

    /// Leaves the server running and its files in place for a person to look around in; gives the
    /// command that ends it.
    ///
    /// # Errors
    /// E0681 if the watchdog does not take the word; then the cluster is gone.
    pub fn keep(mut self) -> Result<String, PgError> {
        let removal = self.removal_command();
        let said = match self.leash.take() {
            Some(mut leash) => leash.write_all(b"keep\n"),
            None => Ok(()),
        };
        said.map_err(|error| failed("keeping a throwaway cluster", &error.to_string()))?;
        Ok(removal)
    }

    fn make_data_directory(&self, template_cache: Option<&Path>) -> Result<(), PgError> {
        let data = self.directory.join("data");
        let template = template_cache.map(|cache| cache.join(template_name(&self.binaries)));
        // A copy is only there to save time: one that cannot be read, or written, is done without.
        let copied = template
            .as_deref()
            .is_some_and(|template| copy_tree(template, &data, self.owner).is_ok());
        if copied {
            return Ok(());
        }
        let _ = fs::remove_dir_all(&data);
        // Not every system has C.UTF-8.
        self.initdb(&data, "C.UTF-8").or_else(|_| {
            let _ = fs::remove_dir_all(&data);
            self.initdb(&data, "C")
        })?;
        if let Some(template) = template {
            let _ = directory::save_template(&data, &template);
        }
        Ok(())
    }

    fn initdb(&self, data: &Path, locale: &str) -> Result<(), PgError> {
        let mut command = self
            .owner
            .command(&self.binaries.program("initdb"), &self.directory);
        command
            .args(["--no-sync", "--no-instructions", "--auth", "trust"])
            .args(["--encoding", "UTF8", "--locale", locale])
            .args(["--username", SUPERUSER, "--pgdata"])
            .arg(data);
        succeed("initdb", command)
    }

    fn launch(&self) -> Result<(), PgError> {
        let log = self.directory.join("log");
        let started = self.pg_ctl("start", &["--timeout", "60", "--log", "log"]);
        started.map_err(|error| {
            let said = fs::read_to_string(log).unwrap_or_default();
            PgError::new(error.kind, error.diagnostic.note(last_lines(&said)))
        })
    }

    fn pg_ctl(&self, verb: &str, arguments: &[&str]) -> Result<(), PgError> {
        let mut command = self
            .owner
            .command(&self.binaries.program("pg_ctl"), &self.directory);
        command
            .args([verb, "--wait", "--silent", "--pgdata", "data"])
            .args(arguments)
            // A Ctrl-C is for us to act on; the server has to live until we have rolled back.
            .process_group(0);
        succeed(&format!("pg_ctl {verb}"), command)
    }

    fn write_owned(&self, name: &str, text: &str) -> Result<(), PgError> {
        let path = self.directory.join(name);
        fs::write(&path, text)
            .and_then(|()| self.owner.own(&path))
            .map_err(|error| failed("writing a cluster's configuration", &error.to_string()))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.leash.take());
        // The watchdog bounds its own time. Its failing leaves nothing that could be done here.
        let _ = self.watchdog.wait();
    }
}

fn spawn_watchdog(
    binaries: &ServerBinaries,
    directory: &Path,
    owner: Owner,
) -> std::io::Result<Child> {
    owner
        .command(Path::new("sh"), directory)
        .args(["-c", WATCHDOG, "mapwright-watchdog"])
        .arg(binaries.program("pg_ctl"))
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Not in our process group: a Ctrl-C at the terminal must not reach it.
        .process_group(0)
        .spawn()
}

/// Runs a program to its end, which has to be a good one. Its output goes through a file, because a
/// server that a program leaves behind would hold a pipe open for ever.
fn succeed(name: &str, mut command: Command) -> Result<(), PgError> {
    let directory = command.get_current_dir().unwrap_or(Path::new("/"));
    let said = directory.join("output");
    let output = fs::File::create(&said)
        .and_then(|file| Ok((file.try_clone()?, file)))
        .map_err(|error| failed(name, &error.to_string()))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(output.0)
        .stderr(output.1)
        .status()
        .map_err(|error| failed(name, &error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    let said = fs::read_to_string(&said).unwrap_or_default();
    Err(failed(name, &format!("{status}\n{}", last_lines(&said))))
}

/// The end of a program's output, which is where it says what went wrong.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let from = lines.len().saturating_sub(5);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// The name under which a cluster made by these programs is kept.
fn template_name(binaries: &ServerBinaries) -> String {
    let version: String = binaries
        .version()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("cluster-{version}")
}

fn uri(socket_directory: &Path, database: &str) -> String {
    format!(
        "postgresql:///{database}?host={}&port={PORT}&user={SUPERUSER}",
        socket_directory.display()
    )
}

fn failed(what: &str, why: &str) -> PgError {
    let mut diagnostic = Diagnostic::error(
        codes::E0681,
        format!("a throwaway PostgreSQL cluster could not be started: {what} failed"),
    );
    for line in why.lines() {
        diagnostic = diagnostic.note(line);
    }
    could_not_start(
        diagnostic.help(
            "start PostgreSQL's programs by hand to see whether they work: `postgres --version`",
        ),
    )
}

fn could_not_start(diagnostic: Diagnostic) -> PgError {
    PgError::new(PgErrorKind::CouldNotStart, diagnostic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_listens_nowhere_but_on_its_socket() {
        let options = ClusterOptions::default()
            .setting("fsync", "on")
            .setting("application_name", r"it's \ odd");
        let text = options.configuration(Path::new("/tmp/x"));
        assert!(text.contains("listen_addresses = ''\n"));
        assert!(text.contains("unix_socket_directories = '/tmp/x'\n"));
        assert!(text.contains(r"application_name = 'it''s \\ odd'"));
        let own = text.find("fsync = 'off'").unwrap();
        assert!(own < text.find("fsync = 'on'").unwrap());
    }

    #[test]
    fn a_uri_is_understood_by_the_client() {
        let config: tokio_postgres::Config = uri(Path::new("/tmp/x"), "demo").parse().unwrap();
        assert_eq!(config.get_dbname(), Some("demo"));
        assert_eq!(config.get_user(), Some(SUPERUSER));
        assert_eq!(config.get_ports(), [PORT]);
        assert_eq!(
            config.get_hosts(),
            [tokio_postgres::config::Host::Unix("/tmp/x".into())]
        );
    }

    #[test]
    fn a_failure_tells_the_end_of_what_the_program_said() {
        let said = (0..9).map(|n| format!("line {n}\n\n")).collect::<String>();
        assert_eq!(last_lines(&said), "line 4\nline 5\nline 6\nline 7\nline 8");
        let error = failed("initdb", &last_lines(&said));
        assert_eq!(error.kind, PgErrorKind::CouldNotStart);
        assert_eq!(error.diagnostic.notes.len(), 5);
    }
}

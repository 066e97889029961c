//! A PostgreSQL cluster of a test's own: on a UNIX socket in a temporary directory, as an
//! unprivileged user when the tests run as root, stopped and removed at the end.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Cluster {
    directory: PathBuf,
    server: Child,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let binaries = binaries();
        let directory = std::env::temp_dir().join(format!("mapwright-test-{}", std::process::id()));
        // A killed run leaves its own behind, and numbers of processes come again.
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir(&directory).expect("a fresh directory");
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o700)).unwrap();
        if let Some((uid, gid)) = other_user() {
            std::os::unix::fs::chown(&directory, Some(uid), Some(gid)).unwrap();
        }
        let data = directory.join("data");
        let made = command(&binaries.join("initdb"))
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(&data)
            .current_dir(&directory)
            .output()
            .expect("initdb starts");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let server = command(&binaries.join("postgres"))
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&directory)
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .current_dir(&directory)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(directory.join("log")).unwrap())
            .spawn()
            .expect("postgres starts");
        Self { directory, server }
    }

    /// A session on a database.
    pub(crate) async fn connect(&self, database: &str) -> tokio_postgres::Client {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let attempt = tokio_postgres::Config::new()
                .host_path(&self.directory)
                .user("postgres")
                .dbname(database)
                .connect(tokio_postgres::NoTls)
                .await;
            match attempt {
                Ok((client, connection)) => {
                    tokio::spawn(connection);
                    return client;
                }
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A session on a new, empty database.
    pub(crate) async fn database(&self, name: &str, options: &str) -> tokio_postgres::Client {
        let client = self.connect("postgres").await;
        client
            .batch_execute(&format!(
                "CREATE DATABASE {name} TEMPLATE template0 {options}"
            ))
            .await
            .unwrap();
        self.connect(name).await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .args(["-QUIT", &self.server.id().to_string()])
            .status();
        let _ = self.server.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    if let Some((uid, gid)) = other_user() {
        command.uid(uid).gid(gid);
    }
    command
}

/// The unprivileged user that servers run as when the tests run as root.
fn other_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| -> Option<u32> {
        let output = Command::new("id").args(arguments).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    if id(&["-u"])? != 0 {
        return None;
    }
    ["postgres", "nobody"]
        .iter()
        .find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)))
}

fn binaries() -> PathBuf {
    let mut candidates: Vec<PathBuf> = std::env::var_os("PG_BINDIR")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path().join("bin"))
        .collect();
    versions.sort();
    candidates.extend(versions.into_iter().rev());
    candidates
        .into_iter()
        .find(|directory| directory.join("initdb").exists() && directory.join("postgres").exists())
        .expect("PostgreSQL's server binaries in $PG_BINDIR or /usr/lib/postgresql/*/bin")
}

//! A throwaway PostgreSQL server for one test, gone with its value.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// A running server. Listens on a UNIX socket in [`Cluster::socket_dir`] and on 127.0.0.1.
pub(crate) struct Cluster {
    dir: PathBuf,
    port: u16,
    server: Child,
    _template: Arc<Template>,
}

/// What differs between servers.
pub(crate) struct Setup<'a> {
    /// `pg_hba.conf`.
    pub(crate) hba: &'a str,
    /// Certificate and key, as PEM; without, TLS is off.
    pub(crate) tls: Option<(&'a str, &'a str)>,
    /// Root certificates for the clients' certificates, as PEM.
    pub(crate) client_roots: Option<&'a str>,
    /// Run as superuser before the test.
    pub(crate) sql: &'a str,
}

impl Default for Setup<'_> {
    fn default() -> Self {
        Self {
            hba: "local all all trust\nhost all all 127.0.0.1/32 trust\n",
            tls: None,
            client_roots: None,
            sql: "",
        }
    }
}

static COUNT: AtomicU32 = AtomicU32::new(0);

fn fresh_dir() -> PathBuf {
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("mapwright-connect-{}-{number}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    // A killed run leaves its own behind, and numbers of processes come again.
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    give(&dir, 0o700);
    dir
}

/// The user to run servers as: root cannot.
fn unprivileged() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").unwrap();
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = passwd
            .lines()
            .find(|line| line.starts_with(&format!("{name}:")))?;
        let mut numbers = line.split(':').skip(2).map(|field| field.parse().unwrap());
        Some((numbers.next()?, numbers.next()?))
    })
}

fn give(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if let Some((user, group)) = unprivileged() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

fn bin_dir() -> PathBuf {
    let mut candidates: Vec<PathBuf> = std::env::var_os("PG_BINDIR")
        .map(PathBuf::from)
        .into_iter()
        .collect();
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| {
            versions
                .map(|version| version.unwrap().path().join("bin"))
                .collect()
        })
        .unwrap_or_default();
    debian.sort();
    candidates.extend(debian.into_iter().rev());
    candidates.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    candidates
        .into_iter()
        .find(|dir| dir.join("initdb").exists() && dir.join("postgres").exists())
        .expect(
            "PostgreSQL's server programs are needed: apt-get install postgresql, or set PG_BINDIR",
        )
}

fn command(program: &str) -> Command {
    let mut command = Command::new(bin_dir().join(program));
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C");
    if let Some((user, group)) = unprivileged() {
        command.uid(user).gid(group);
    }
    command
}

/// A finished data directory to copy; removed with the last cluster that uses it.
struct Template(PathBuf);

impl Drop for Template {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn template() -> Arc<Template> {
    static TEMPLATE: Mutex<Weak<Template>> = Mutex::new(Weak::new());
    let mut known = TEMPLATE.lock().unwrap();
    if let Some(template) = known.upgrade() {
        return template;
    }
    let dir = fresh_dir();
    let output = command("initdb")
        .args([
            "--no-sync",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
        ])
        .arg(dir.join("data"))
        .current_dir("/")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let template = Arc::new(Template(dir));
    *known = Arc::downgrade(&template);
    template
}

impl Cluster {
    /// Starts a server and waits until it takes connections.
    pub(crate) fn start(setup: &Setup<'_>) -> Self {
        let dir = fresh_dir();
        let data = dir.join("data");
        let template = template();
        let copied = Command::new("cp")
            .arg("-a")
            .arg(template.0.join("data"))
            .arg(&data)
            .status();
        assert!(copied.unwrap().success());
        let file = |name: &str, text: &str| {
            let path = data.join(name);
            fs::write(&path, text).unwrap();
            give(&path, 0o600);
        };
        file(
            "pg_hba.conf",
            &format!("local all postgres trust\n{}", setup.hba),
        );
        // Asked of the system and free again: somebody else may take it, but hardly within a second.
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut config = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\n\
             password_encryption = 'scram-sha-256'\nlog_min_messages = warning\nmax_connections = 20\n",
            dir.display()
        );
        if let Some((certificate, key)) = setup.tls {
            file("server.crt", certificate);
            file("server.key", key);
            config.push_str("ssl = on\n");
        }
        if let Some(roots) = setup.client_roots {
            file("root.crt", roots);
            config.push_str("ssl_ca_file = 'root.crt'\n");
        }
        file("postgresql.conf", &config);
        let server = command("postgres")
            .arg("-D")
            .arg(&data)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut cluster = Self {
            dir,
            port,
            server,
            _template: template,
        };
        cluster.wait();
        if !setup.sql.is_empty() {
            cluster.sql(setup.sql);
        }
        cluster
    }

    fn wait(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.psql("SELECT 1").status.success() {
            let ended = self.server.try_wait().unwrap();
            let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "the server did not start:\n{log}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn psql(&self, sql: &str) -> std::process::Output {
        command("psql")
            .args([
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
                "-U",
                "postgres",
                "-d",
                "postgres",
                "-p",
            ])
            .arg(self.port.to_string())
            .arg("-h")
            .arg(&self.dir)
            .args(["-c", sql])
            .current_dir("/")
            .output()
            .unwrap()
    }

    /// Runs statements as superuser.
    pub(crate) fn sql(&self, sql: &str) {
        for statement in sql
            .split(';')
            .filter(|statement| !statement.trim().is_empty())
        {
            let output = self.psql(statement);
            assert!(
                output.status.success(),
                "{statement}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }

    /// The directory of the socket.
    pub(crate) fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// The port, also of the socket's name.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Writes a file that only its owner may read, beside the server's.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGQUIT ends the postmaster and its children at once; the data is not needed any more.
        let _ = Command::new("kill")
            .arg("-QUIT")
            .arg(self.server.id().to_string())
            .status();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}

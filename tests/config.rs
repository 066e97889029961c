//! `config generate` and `config lint` as people run them: what is written where, with which rights and
//! exit status, and what is never shown.

// A test may stop at once on what it did not expect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

const SYNAPSE: &str = include_str!("../src/config/generate/example.homeserver.yaml");

/// A directory with Synapse's configuration and the files it names, which goes away by itself.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("mapwright-config-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        let synapse = SYNAPSE.replace("/run/secrets", path.to_str().unwrap());
        fs::write(path.join("homeserver.yaml"), synapse).unwrap();
        fs::write(path.join("recaptcha"), "hunter3\n").unwrap();
        fs::write(path.join("github"), "hunter5").unwrap();
        Self(path)
    }

    fn run(&self, words: &str) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_mapwright"))
            .args(words.split_whitespace())
            .current_dir(&self.0)
            .env_clear()
            .output()
            .unwrap();
        Run(output)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Run(Output);

impl Run {
    #[track_caller]
    fn answered(&self, code: i32) -> &Self {
        assert_eq!(self.0.status.code(), Some(code), "{}", self.stderr());
        let stderr = self.stderr();
        assert!(
            !stderr.contains("hunter") && !stderr.contains("aHVud"),
            "{stderr}"
        );
        self
    }

    fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout())
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout()))
    }
}

const GENERATE: &str = "config generate --synapse-config homeserver.yaml";
const LINT: &str = "config lint --synapse-config homeserver.yaml --config mas.yaml";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_file_is_written_for_its_owner_alone_and_lint_agrees_with_it() {
    let scratch = Scratch::new("file");
    let run = scratch.run(&format!("{GENERATE} --output mas.yaml"));
    run.answered(0);
    assert_eq!(run.stdout(), "");
    let stderr = run.stderr();
    assert!(
        stderr.contains("warning[registration_requires_3pid]"),
        "{stderr}"
    );
    assert!(
        stderr.ends_with(
            "written: mas.yaml; 2 warnings to read; fill in http.public_base, database, email\n"
        ),
        "{stderr}"
    );
    assert_eq!(mode(&scratch.0.join("mas.yaml")), 0o600);
    assert_eq!(
        scratch.names(),
        ["github", "homeserver.yaml", "mas.yaml", "recaptcha"]
    );
    // What is to be filled in is not forgotten.
    let lint = scratch.run(LINT);
    lint.answered(11);
    assert!(lint.stderr().contains("warning[mas_placeholders]  once"));
    assert!(lint.stderr().contains("`database.password` in mas.yaml:"));
    assert!(lint.stderr().ends_with("1 value to fill in\n"));
    let mas = scratch.read("mas.yaml").replace("\"FILL IN\"", "hunter8");
    fs::write(scratch.0.join("mas.yaml"), mas).unwrap();
    let lint = scratch.run(LINT);
    lint.answered(0);
    assert_eq!(
        lint.stderr(),
        "the same: MAS's configuration means what Synapse's does\n"
    );
}

#[test]
fn keys_are_four_and_can_be_read() {
    let scratch = Scratch::new("keys");
    let run = scratch.run(&format!("{GENERATE} --quiet"));
    run.answered(0);
    let document: serde_yaml::Value = serde_yaml::from_str(&run.stdout()).unwrap();
    let secrets = document.get("secrets").unwrap();
    let encryption = secrets.get("encryption").unwrap().as_str().unwrap();
    assert_eq!(encryption.len(), 64);
    assert!(encryption.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let keys = secrets.get("keys").unwrap().as_sequence().unwrap();
    let (mut names, mut lengths) = (Vec::new(), Vec::new());
    for key in keys {
        names.push(key.get("kid").unwrap().as_str().unwrap().to_owned());
        let pem = key.get("key").unwrap().as_str().unwrap();
        let PrivateKeyDer::Pkcs8(key) = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap()
        else {
            panic!("no PKCS#8");
        };
        lengths.push(key.secret_pkcs8_der().len());
    }
    names.dedup();
    assert_eq!(names.len(), 4);
    // RSA 2048, P-256, P-384, secp256k1.
    assert!((1210..1225).contains(&lengths[0]), "{lengths:?}");
    assert_eq!(lengths[1..], [138, 185, 135]);
    let again = scratch.run(&format!("{GENERATE} --quiet"));
    assert!(
        again.stdout() != run.stdout(),
        "secrets are fresh each time"
    );
}

#[test]
fn without_an_output_the_configuration_is_all_that_is_on_stdout() {
    let scratch = Scratch::new("stdout");
    let run = scratch.run(GENERATE);
    run.answered(0);
    assert!(run.stdout().starts_with("# Configuration of MAS"));
    assert!(run.stderr().ends_with(
        "written to stdout; 2 warnings to read; fill in http.public_base, database, email\n"
    ));
    let run = scratch.run(&format!("{GENERATE} --format json"));
    run.answered(0);
    assert!(run.stdout().starts_with("# Configuration of MAS"));
    let answer: serde_json::Value = serde_json::from_str(&run.stderr()).unwrap();
    assert_eq!(answer["command"], "config generate");
    assert!(answer.get("output").is_none());
}

#[test]
fn a_file_that_is_there_is_left_alone_unless_forced() {
    let scratch = Scratch::new("force");
    let path = scratch.0.join("mas.yaml");
    fs::write(&path, "mine").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let run = scratch.run(&format!("{GENERATE} --output mas.yaml"));
    run.answered(2);
    assert!(
        run.stderr()
            .contains("error[E0613]: the file `mas.yaml` is there already")
    );
    assert!(run.stderr().contains("`--force`"));
    assert_eq!(scratch.read("mas.yaml"), "mine");
    scratch
        .run(&format!("{GENERATE} --output mas.yaml --force"))
        .answered(0);
    assert!(
        scratch
            .read("mas.yaml")
            .starts_with("# Configuration of MAS")
    );
    assert_eq!(mode(&path), 0o600);
    // A configuration that cannot be understood leaves the file as it is.
    let before = scratch.read("mas.yaml");
    fs::write(scratch.0.join("homeserver.yaml"), "server_name: [").unwrap();
    scratch
        .run(&format!("{GENERATE} --output mas.yaml --force"))
        .answered(2);
    assert_eq!(scratch.read("mas.yaml"), before);
    scratch.run(&format!("{GENERATE} --force")).answered(2);
}

#[test]
fn places_that_cannot_be_written_to_are_named() {
    let scratch = Scratch::new("places");
    let run = scratch.run(&format!("{GENERATE} --output no/such/mas.yaml"));
    run.answered(2);
    let stderr = run.stderr();
    assert!(
        stderr.contains("the file `no/such/mas.yaml` cannot be written"),
        "{stderr}"
    );
    assert!(stderr.contains("its directory is `no/such`"), "{stderr}");
    assert_eq!(scratch.names(), ["github", "homeserver.yaml", "recaptcha"]);
}

#[test]
fn answers_as_json() {
    let scratch = Scratch::new("json");
    let run = scratch.run(&format!("{GENERATE} --output mas.yaml --format json"));
    let answer = run.answered(0).json();
    assert_eq!(answer["schema_version"], 1);
    assert_eq!(answer["output"], "mas.yaml");
    assert_eq!(
        answer["fill_in"],
        serde_json::json!(["http.public_base", "database", "email"])
    );
    assert_eq!(answer["findings"][0]["id"], "registration_requires_3pid");
    assert_eq!(answer["verdict"]["exit"], 0);
    assert!(!run.stdout().contains("hunter"));

    let mas = scratch.read("mas.yaml").replace("cost: 11", "cost: 12");
    let mas = mas.replace("\"FILL IN\"", "hunter8");
    fs::write(scratch.0.join("mas.yaml"), &mas).unwrap();
    let answer = scratch
        .run(&format!("{LINT} --format json"))
        .answered(11)
        .json();
    assert_eq!(answer["command"], "config lint");
    assert_eq!(answer["findings"][0]["id"], "password_cost_differs");
    assert_eq!(answer["findings"][0]["severity"], "warning");
    assert_eq!(answer["verdict"]["exit"], 11);
    assert_eq!(answer["verdict"]["text"], "1 difference in meaning");

    fs::write(
        scratch.0.join("mas.yaml"),
        mas.replace("homeserver: example.com", "homeserver: other"),
    )
    .unwrap();
    let answer = scratch
        .run(&format!("{LINT} --format json"))
        .answered(10)
        .json();
    assert_eq!(answer["findings"][0]["id"], "homeserver_mismatch");
    assert_eq!(
        answer["verdict"]["text"],
        "1 error that would stop a migration, 1 difference in meaning"
    );
}

#[test]
fn what_configurations_lack_is_told_where_it_matters() {
    let scratch = Scratch::new("lack");
    // A Synapse on SQLite, with a secret in a file that is not on this machine.
    let synapse = scratch.read("homeserver.yaml");
    let (_, database) = synapse.split_once("database:\n").unwrap();
    let (database, _) = database.split_once("password_config:").unwrap();
    let sqlite = synapse.replace(
        database,
        "  name: sqlite3\n  args: {database: /data/hs.db}\n",
    );
    fs::write(scratch.0.join("homeserver.yaml"), sqlite).unwrap();
    fs::remove_file(scratch.0.join("github")).unwrap();
    let run = scratch.run(GENERATE);
    run.answered(0);
    let stderr = run
        .stderr()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for words in [
        "warning[synapse_on_sqlite]",
        "docs/problems/synapse-on-sqlite.md",
        "warning[provider_secret_file_unreadable]",
        "oidc-github: `oidc_providers[1].client_secret_path` in homeserver.yaml:",
    ] {
        assert!(stderr.contains(words), "`{words}` is not in {stderr}");
    }
    // Without any database there is nothing to say against the meaning of the rest.
    let without = synapse.replace(database, "").replace("database:\n", "");
    fs::write(scratch.0.join("homeserver.yaml"), without).unwrap();
    fs::write(scratch.0.join("github"), "hunter5").unwrap();
    let made = scratch
        .run(GENERATE)
        .stdout()
        .replace("\"FILL IN\"", "hunter8");
    fs::write(scratch.0.join("mas.yaml"), made).unwrap();
    scratch.run(LINT).answered(0);
}

#[test]
fn files_that_lack_are_named_by_their_flag() {
    let scratch = Scratch::new("missing");
    let run = scratch.run("config generate --synapse-config nowhere.yaml");
    run.answered(2);
    assert!(run.stderr().contains("`nowhere.yaml` cannot be read"));
    assert_eq!(run.stdout(), "");
    scratch.run("config generate").answered(2);
    let run = scratch.run(LINT);
    run.answered(2);
    assert!(run.stderr().contains("`mas.yaml` cannot be read"));
}

#[test]
fn a_connection_string_where_none_belongs_is_not_repeated() {
    for arguments in [
        &["check", "postgres://u:hunter2@h/db"][..],
        &["syn2mas", "check", "postgres://u:hunter2@h/db"],
        &["syn2mas", "check", "--uri=postgres://u:hunter2@h/db"],
        &["migrate", "host=h password=hunter2"],
        &["--database-uri=postgres://u:hunter2@h/db"],
        &["check", "--synapse-config", "postgres://u:hunter2@h/db"],
        &["compile", "postgres://u:hunter2@h/db"],
        &["compile", "postgres://u:hunter2@h/db", "--format", "json"],
        &[
            "syn2mas",
            "check",
            "--synapse-config",
            "postgres://u:hunter2@h/db",
        ],
    ] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_mapwright"))
            .env_clear()
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        assert!(!said.is_empty());
    }
}

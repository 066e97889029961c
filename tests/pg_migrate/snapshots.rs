//! What the program prints, letter for letter: the help of each command, and a check.

use std::path::Path;

use crate::fixture::{Pair, run, tool};

/// Compares with the file of that name, or writes it under `UPDATE=1`.
#[track_caller]
fn compare(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/pg_migrate/snapshots")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        text,
        expected,
        "{} differs; UPDATE=1 rewrites it",
        path.display()
    );
}

#[test]
fn snapshots_of_help() {
    let commands: [&[&str]; 18] = [
        &[],
        &["check"],
        &["config"],
        &["config", "generate"],
        &["config", "lint"],
        &["migrate"],
        &["account"],
        &["verify-password"],
        &["demo"],
        &["compile"],
        &["plan"],
        &["catalog"],
        &["catalog", "list"],
        &["catalog", "ddl"],
        &["catalog", "dump"],
        &["catalog", "diff"],
        &["explain"],
        &["functions"],
    ];
    for words in commands {
        let mut command = tool(words);
        let help = run(command.arg("--help"));
        help.answered(0, &[]);
        assert_eq!(help.stderr, "");
        // The parser ends some lines in blanks.
        let text: String = help
            .stdout
            .lines()
            .map(|line| format!("{}\n", line.trim_end()))
            .collect();
        let name = if words.is_empty() {
            "mapwright".to_owned()
        } else {
            words.join("-")
        };
        compare(&format!("{name}.help.txt"), &text);
    }
}

#[tokio::test]
async fn snapshots_of_a_check() {
    let pair = Pair::new("snapshot").await;
    let run = pair.run(&["check"]);
    run.answered(11, &[]);
    assert_eq!(run.stdout, "");
    let socket = crate::harness::cluster()
        .socket_directory()
        .display()
        .to_string();
    let version = pair.source.psql("SHOW server_version");
    let version = version.split_whitespace().next().unwrap().to_owned();
    let text = run
        .stderr
        .replace(&format!("PostgreSQL {version}"), "PostgreSQL [version]")
        .replace(&socket, "[socket]")
        .replace(&pair.directory.path().display().to_string(), "[directory]")
        .replace(&pair.source.name, "[source]")
        .replace(&pair.target.name, "[target]")
        // Where a command is broken hangs on those lengths too.
        .replace(" \\\n       --", " --");
    // A slow machine is told of its progress.
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with("rehearsing: "))
        // How far a column is away hangs on the lengths of the names that were replaced.
        .map(|line| match line.split_once("  (") {
            Some((setting, origin)) => format!("{}  ({origin}\n", setting.trim_end()),
            None => format!("{}\n", line.trim_end()),
        })
        .collect();
    compare("check.txt", &text);
}

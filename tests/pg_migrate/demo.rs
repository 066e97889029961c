//! `demo --keep`: what it leaves running can be gone on with by the commands that it prints.

use std::process::Command;

use crate::fixture::{run, tool};

/// What removes the databases that were kept, run whatever becomes of the test.
struct Kept {
    removal: String,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let removed = Command::new("sh").args(["-c", &self.removal]).output();
        assert!(removed.unwrap().status.success(), "{}", self.removal);
    }
}

/// The directory and the commands to go on with, of what a demo said.
fn to_go_on(stderr: &str) -> (Kept, String, Vec<Vec<String>>) {
    let (_, removal) = stderr.split_once("\nremove it by: ").unwrap();
    let kept = Kept {
        removal: removal.trim().to_owned(),
    };
    let (_, rest) = stderr.split_once("\nto go on:\n").unwrap();
    let mut lines = rest.lines().take_while(|line| !line.is_empty());
    let directory = lines.next().unwrap().trim().strip_prefix("cd ").unwrap();
    let commands = lines.map(|line| {
        let words = line.trim().strip_prefix("mapwright ").unwrap();
        words.split(' ').map(str::to_owned).collect()
    });
    (kept, directory.to_owned(), commands.collect())
}

#[test]
fn what_is_kept_can_be_gone_on_with() {
    let demo = run(tool(&["demo", "--users", "200", "--keep"]).env("PATH", env!("PATH")));
    let (kept, directory, commands) = to_go_on(&demo.stderr);
    demo.answered(
        0,
        &[
            "@bob:demo.example source: 1 device, 3 access tokens, 3 refresh tokens, 2 addresses, 0 links",
            "target: 1 session, 1 access token, 1 refresh token, 2 addresses, 0 links;",
        ],
    );
    let names: Vec<&str> = commands.iter().map(|words| words[0].as_str()).collect();
    assert_eq!(names, ["verify", "account", "undo", "check"]);
    for (words, (code, said)) in commands.iter().zip([
        (0, "verified:"),
        (0, "in MAS as the mapping makes them"),
        (0, "undone:"),
        (11, "ready to migrate"),
    ]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run(tool(&words).current_dir(&directory)).answered(code, &[said]);
    }
    drop(kept);
    assert!(!std::path::Path::new(&directory).exists());
}

#[test]
fn what_is_kept_of_a_refused_migration_has_no_report() {
    let arguments = ["demo", "--users", "200", "--keep", "--with-blocking-errors"];
    let demo = run(tool(&arguments).env("PATH", env!("PATH")));
    let (_kept, directory, commands) = to_go_on(&demo.stderr);
    demo.answered(10, &["not ready to migrate"]);
    for (words, code) in commands.iter().zip([10, 10]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert!(!words.contains(&"--report"), "{words:?}");
        run(tool(&words).current_dir(&directory)).answered(code, &[]);
    }
}

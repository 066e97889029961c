//! Where nothing can be written and nothing is at home: as in a container with a read-only file system.

use std::process::Command;

use crate::fixture::{MIGRATED_AT, Pair, Run, run, tool};

/// The program in a directory in which not even root can make a file, which is told to be the place for
/// temporary files too; without `HOME`, and unable to write a byte to any file.
fn bare(pair: &Pair, arguments: &[&str]) -> Run {
    let inner = tool(&[]);
    let mut command = Command::new("sh");
    command
        .env_clear()
        .current_dir("/proc")
        .env("TMPDIR", "/proc")
        .args(["-c", "ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(inner.get_program())
        .args(arguments)
        .args(["--synapse-config", &pair.path("homeserver.yaml")])
        .args(["--config", &pair.path("mas.yaml")]);
    run(&mut command)
}

#[tokio::test]
async fn no_home_no_directory_to_write_to_and_no_file() {
    let pair = Pair::new("bare").await;
    // It is as it is said to be.
    let probe = Command::new("sh")
        .current_dir("/proc")
        .args(["-c", "touch /proc/here"])
        .output();
    assert!(!probe.unwrap().status.success());
    let at = ["--migrated-at", MIGRATED_AT];
    bare(&pair, &["check"]).answered(11, &["ready to migrate"]);
    bare(&pair, &["check", "--grants"]).answered(0, &[]);
    bare(&pair, &["migrate", "--dry-run", "--verify"]).answered(0, &["rolled back"]);
    let json = [&["migrate", "--verify", "--format", "json"][..], &at].concat();
    let migrated = bare(&pair, &json);
    migrated.answered(0, &["committed"]);
    bare(&pair, &[&["verify"][..], &at].concat()).answered(0, &["verified"]);
    let report = pair.path("kept.json");
    pair.write("kept.json", &migrated.stdout);
    bare(&pair, &["verify", "--report", &report]).answered(0, &["verified"]);
    // That the report cannot be marked does not undo the undoing.
    bare(&pair, &["undo", "--report", &report])
        .answered(0, &["could not be marked as taken back", "undone"]);
    // What is to be written and cannot be is said before anything is begun.
    let before = pair.states();
    bare(&pair, &["migrate", "--report", "report.json"]).answered(2, &["E0613", "report.json"]);
    assert_eq!(pair.states(), before);
}

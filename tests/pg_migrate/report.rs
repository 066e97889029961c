//! The report: what is in it, and that it is written whatever the end.

use serde_json::Value;

use crate::fixture::{Pair, SERVER_NAME};

#[tokio::test]
async fn a_check_reports_every_row() {
    let pair = Pair::new("report_check").await;
    let run = pair.run(&["check", "--format", "json"]);
    run.answered(11, &[]);
    let report = run.json();
    assert_eq!(
        serde_json::from_str::<Value>(&run.stdout).unwrap(),
        report,
        "stdout holds the same"
    );
    assert_eq!(report["schema_version"], 1);
    assert_eq!(report["command"], "check");
    assert_eq!(report["mapping"]["name"], "synapse_to_mas");
    assert_eq!(report["source"]["schema_version"], 94);
    assert_eq!(report["verdict"]["exit"], 11);
    assert_eq!(report["verdict"]["committed"], false);
    let list = |name: &str| report[name].as_array().unwrap().clone();
    let read = list("read");
    let users = read.iter().find(|table| table["table"] == "users").unwrap();
    let there = pair.source.psql("SELECT count(*) FROM users");
    assert_eq!(users["rows"].to_string(), there.trim());
    // Each finding of a row is a reason that applied as often.
    for finding in list("findings") {
        assert_eq!(finding["severity"], "warning", "{finding}");
        assert!(finding["count"].as_u64().unwrap() > 0);
        assert!(!finding["meaning"].as_str().unwrap().is_empty());
    }
    assert!(list("reasons").len() > 20);
    assert!(list("maps").len() >= 6);
    assert!(!run.report.contains("null_columns@"));
    assert!(
        run.report.contains(&format!(":{SERVER_NAME}")),
        "source keys are shown"
    );
}

#[tokio::test]
async fn a_migration_reports_what_the_target_holds() {
    let pair = Pair::new("report_migrate").await;
    let run = pair.run(&["migrate"]);
    run.answered(0, &["committed"]);
    assert_eq!(run.stdout, "", "stdout is for data");
    let report = run.json();
    assert_eq!(report["verdict"]["committed"], true);
    assert_eq!(report["verdict"]["exit"], 0);
    assert_eq!(report["dry_run"], false);
    let written = report["written"].as_array().unwrap();
    assert_eq!(written.len(), 8);
    for table in written {
        let name = table["table"].as_str().unwrap();
        let there = pair.target.psql(&format!("SELECT count(*) FROM {name}"));
        assert_eq!(table["rows"].to_string(), there.trim(), "{name}");
        assert_ne!(there.trim(), "0", "{name}");
    }
    assert!(report["phases"].as_array().unwrap().len() >= 10);
}

#[tokio::test]
async fn a_failure_is_reported_with_its_reasons() {
    let pair = Pair::new("report_failure").await;
    let run = pair.run(&[
        "migrate",
        "--mas-database-uri",
        "postgresql://nobody@127.0.0.1:1/mas",
    ]);
    run.answered(3, &["nothing was changed"]);
    let verdict = &run.json()["verdict"];
    assert_eq!(verdict["exit"], 3);
    let problem = &verdict["problems"][0];
    assert!(
        problem["code"].as_str().unwrap().starts_with("E06"),
        "{verdict}"
    );
    assert!(
        problem["message"]
            .as_str()
            .unwrap()
            .contains("`127.0.0.1`, port 1"),
        "{verdict}"
    );
}

#[tokio::test]
async fn a_report_that_cannot_be_written_stops_the_run_before_it_begins() {
    let pair = Pair::new("report_unwritable").await;
    let before = pair.states();
    for command in ["check", "migrate"] {
        let report = pair.path("missing/report.json");
        let mut command = crate::fixture::tool(&[command, "--report", &report]);
        command.args(["--synapse-config", &pair.path("homeserver.yaml")]);
        command.args(["--config", &pair.path("mas.yaml")]);
        crate::fixture::run(&mut command).answered(2, &["E0613", "missing/report.json"]);
    }
    assert_eq!(pair.states(), before);
}

#[tokio::test]
async fn quiet_says_the_verdict_alone() {
    let pair = Pair::new("quiet").await;
    let run = pair.run(&["migrate", "--quiet"]);
    run.answered(0, &["committed"]);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[tokio::test]
async fn a_verbose_run_shows_no_secret_either() {
    let pair = Pair::new("verbose").await;
    // Every run is searched for secrets; this one says the most.
    let mut command = pair.command(&["migrate", "-vv"]);
    command.env("RUST_LOG", "trace");
    let run = crate::fixture::run(&mut command);
    run.answered(0, &["committed"]);
}

#[tokio::test]
async fn programs_get_a_report_whatever_the_end() {
    let pair = Pair::new("report_json").await;
    pair.write("mas.yaml", &crate::fixture::mas("nowhere"));
    let run = pair.run(&["check", "--format", "json"]);
    run.answered(3, &["nowhere"]);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report, run.json(), "stdout holds the same");
    assert_eq!(report["verdict"]["exit"], 3);
    for line in run.stderr.lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        assert!(object.is_object(), "{line}");
    }
}

#[tokio::test]
async fn a_report_never_takes_the_place_of_an_input() {
    let pair = Pair::new("report_input").await;
    let path = pair.path("mas.yaml");
    let before = std::fs::read(&path).unwrap();
    let run = crate::fixture::run(
        crate::fixture::tool(&["check", "--report", &path, "--config", &path])
            .args(["--synapse-config", &pair.path("homeserver.yaml")]),
    );
    run.answered(2, &["E0613", "would replace another file"]);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn reports_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let pair = Pair::new("report_mode").await;
    pair.run(&["check"]).answered(11, &[]);
    let mode = std::fs::metadata(pair.path("report.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn data_that_cannot_be_written_is_no_success() {
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = crate::fixture::tool(&["mapping"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("stdout cannot be written"), "{said}");
}

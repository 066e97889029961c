//! `--events`: one object a line, from the start to the verdict, however a run ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mapwright::cli::population::PopulationOptions;
use serde_json::Value;

use crate::fixture::{MANY, Pair};

fn parsed(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}")))
        .collect()
}

/// The events of the last run, which begin and end as all do.
fn events(pair: &Pair) -> Vec<Value> {
    whole(parsed(
        &fs::read_to_string(pair.path("events.jsonl")).unwrap(),
    ))
}

fn whole(events: Vec<Value>) -> Vec<Value> {
    let verdicts = events.iter().filter(|event| event["event"] == "verdict");
    assert_eq!(verdicts.count(), 1, "{events:#?}");
    assert_eq!(events.last().unwrap()["event"], "verdict");
    assert_eq!(events[0]["event"], "run_started");
    assert_eq!(events[0]["schema_version"], 1);
    assert_eq!(events[0]["mapwright"], env!("CARGO_PKG_VERSION"));
    let mut elapsed = 0.0;
    for event in &events {
        let now = event["elapsed"].as_f64().unwrap();
        assert!(now >= elapsed, "{event}");
        elapsed = now;
        assert!(event["at"].as_str().unwrap().ends_with('Z'), "{event}");
    }
    events
}

fn of<'e>(events: &'e [Value], name: &str) -> Vec<&'e Value> {
    events
        .iter()
        .filter(|event| event["event"] == name)
        .collect()
}

fn verdict(events: &[Value]) -> &Value {
    events.last().unwrap()
}

#[tokio::test]
async fn a_migration_from_start_to_verdict() {
    let pair = Pair::new("events_whole").await;
    pair.source.psql("ANALYZE");
    let file = pair.path("events.jsonl");
    let run = pair.run(&["migrate", "--verify", "--events", &file]);
    run.answered(0, &["committed"]);
    assert_eq!(run.stdout, "");
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let events = events(&pair);
    let report = run.json();
    assert_eq!(events[0]["command"], "migrate");
    assert_eq!(events[0]["dry_run"], false);
    let mapping = of(&events, "mapping")[0];
    assert_eq!(mapping["name"], report["mapping"]["name"]);
    assert_eq!(mapping["source"], report["mapping"]["source"]);
    assert_eq!(mapping["migrated_at"], report["migrated_at"]);
    let databases = of(&events, "databases")[0];
    for side in ["source", "target"] {
        assert_eq!(databases[side], report[side]);
    }
    // Each step of the report began and ended, in its order.
    let names = |list: Vec<&Value>, key: &str| -> Vec<String> {
        let names = list.iter().map(|step| step[key].as_str().unwrap());
        names.map(str::to_owned).collect()
    };
    let started = names(of(&events, "phase_started"), "phase");
    let ended = names(of(&events, "phase_ended"), "phase");
    let mut reported = names(
        report["phases"].as_array().unwrap().iter().collect(),
        "name",
    );
    for list in [&started, &ended] {
        let mut list = list.clone();
        list.sort();
        reported.sort();
        assert_eq!(list, reported);
    }
    assert_eq!(started[0], "look at both databases");
    assert_eq!(started.last().unwrap(), "end the transaction");
    // The last word on the rows is the report's.
    let progress = *of(&events, "progress").last().unwrap();
    assert_eq!(progress["phase"], "copy rows");
    for (now, table) in progress["read"]
        .as_array()
        .unwrap()
        .iter()
        .zip(report["read"].as_array().unwrap())
    {
        assert_eq!(now["table"], table["table"]);
        assert_eq!(now["rows"], table["rows"]);
        // The source was analysed, so what is expected is what is there.
        assert_eq!(now["expected"], table["rows"]);
    }
    let written = report["written"].as_array().unwrap().iter();
    let written: u64 = written.map(|table| table["rows"].as_u64().unwrap()).sum();
    assert_eq!(progress["rows_written"], written);
    assert!(progress["bytes_written"].as_u64().unwrap() > written);
    // What is built is named with its size.
    let (building, built) = (of(&events, "building"), of(&events, "built"));
    assert_eq!(building.len(), built.len());
    assert!(building.len() > 10, "{}", building.len());
    for (begun, done) in building.iter().zip(&built) {
        assert_eq!(begun["name"], done["name"]);
        assert_eq!(begun["kind"], done["kind"]);
        assert!(begun["place"].as_u64() <= begun["of"].as_u64());
        assert_eq!(
            done["kind"] == "index",
            done["bytes"].as_u64().is_some_and(|bytes| bytes > 0)
        );
    }
    let users = building
        .iter()
        .find(|event| event["table"] == "public.users")
        .unwrap();
    let there = pair.target.psql("SELECT count(*) FROM users");
    assert_eq!(users["rows"].to_string(), there.trim());
    let findings: Vec<&str> = (of(&events, "finding").iter())
        .map(|finding| finding["id"].as_str().unwrap())
        .collect();
    let reported: Vec<&str> = (report["findings"].as_array().unwrap().iter())
        .map(|finding| finding["id"].as_str().unwrap())
        .collect();
    assert_eq!(findings, reported);
    for key in ["exit", "committed", "text", "problems"] {
        assert_eq!(verdict(&events)[key], report["verdict"][key]);
    }
}

#[tokio::test]
async fn on_stdout_there_is_nothing_else() {
    let pair = Pair::new("events_stdout").await;
    for (words, code) in [(&["check"][..], 11), (&["migrate", "--dry-run"], 0)] {
        let run = pair.run(&[words, &["--events", "-"]].concat());
        run.answered(code, &["nothing was changed"]);
        let events = whole(parsed(&run.stdout));
        assert_eq!(verdict(&events)["exit"], code);
        assert!(!of(&events, "progress").is_empty());
    }
    let both = pair.run(&["migrate", "--events", "-", "--format", "json"]);
    both.answered(2, &["both want stdout"]);
    assert_eq!(both.stdout, "");
}

#[tokio::test]
async fn a_run_that_fails_has_a_verdict_too() {
    let pair = Pair::new("events_failed").await;
    let file = pair.path("events.jsonl");
    // Findings.
    pair.target.psql(
        "INSERT INTO users (user_id, username, created_at) VALUES (gen_random_uuid(), 'x', now())",
    );
    pair.run(&["migrate", "--events", &file]).answered(10, &[]);
    let found = events(&pair);
    assert_eq!(verdict(&found)["exit"], 10);
    let ids: Vec<&Value> = of(&found, "finding")
        .iter()
        .map(|finding| &finding["id"])
        .collect();
    assert!(ids.contains(&&Value::from("target_not_empty")), "{ids:?}");
    pair.target.psql("DELETE FROM users");
    // A lock.
    let writer = pair.source.connect().await;
    writer
        .batch_execute("BEGIN; LOCK TABLE devices IN ROW EXCLUSIVE MODE")
        .await
        .unwrap();
    pair.run(&["migrate", "--events", &file]).answered(3, &[]);
    let locked = events(&pair);
    assert_eq!(verdict(&locked)["exit"], 3);
    assert_eq!(verdict(&locked)["problems"][0]["code"], "E0653");
    assert_eq!(verdict(&locked)["text"], "failed; nothing was changed");
    drop(writer);
    // Settings.
    for command in ["check", "migrate"] {
        pair.run(&[command, "--events", &file, "--set", "nonsense=1"])
            .answered(2, &[]);
        let refused = events(&pair);
        assert_eq!(verdict(&refused)["exit"], 2);
        assert!(
            verdict(&refused)["problems"].as_array().unwrap().len() == 1,
            "{refused:?}"
        );
    }
    fs::remove_file(pair.path("mas.yaml")).unwrap();
    pair.run(&["migrate", "--events", &file])
        .answered(2, &["E0601"]);
    assert_eq!(verdict(&events(&pair))["exit"], 2);
}

#[tokio::test]
async fn terminated_in_the_middle() {
    let pair = Pair::of("events_term", MANY, PopulationOptions::default()).await;
    let file = pair.path("events.jsonl");
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut running = pair.start(&["migrate", "--events", &file]);
        running.wait_for("[ 4/10] copy rows");
        running.signal(signal);
        pair.end(running).answered(code, &["interrupted"]);
        let events = events(&pair);
        assert_eq!(verdict(&events)["exit"], code);
        assert_eq!(verdict(&events)["committed"], false);
        assert_eq!(verdict(&events)["text"], "interrupted; nothing was changed");
        assert!(
            of(&events, "phase_started")
                .iter()
                .any(|event| event["phase"] == "copy rows")
        );
        assert!(
            !of(&events, "phase_ended")
                .iter()
                .any(|event| event["phase"] == "copy rows")
        );
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written() {
    let pair = Pair::new("events_file").await;
    let before = pair.states();
    for name in ["homeserver.yaml", "mas.yaml"] {
        let path = pair.path(name);
        let text = fs::read_to_string(&path).unwrap();
        pair.run(&["migrate", "--events", &path])
            .answered(2, &["E0613", name]);
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let both = pair.path("both.jsonl");
    pair.run(&["migrate", "--events", &both, "--rejects", &both])
        .answered(2, &["E0613", "would replace another file"]);
    pair.run(&["migrate", "--events", &pair.path("no/such/file")])
        .answered(2, &["E0613"]);
    pair.run(&["migrate", "--events", &pair.path("")])
        .answered(2, &["E0613"]);
    assert_eq!(pair.states(), before);
    // A disk that is full from the first line on: said, and for a check an error; what is committed
    // stays so.
    let said = [
        "`/dev/full` cannot be written",
        "its events are not all there",
    ];
    pair.run(&["check", "--events", "/dev/full", "--set", "orphans=quiet"])
        .answered(2, &said);
    pair.run(&["migrate", "--events", "/dev/full"])
        .answered(0, &["committed", said[0], said[1]]);
    pair.after(&["verify"]).answered(0, &["verified"]);
}

#[tokio::test]
async fn a_named_pipe_waits_for_its_reader_and_says_so() {
    let pair = Pair::new("events_pipe").await;
    for flag in ["--events", "--rejects"] {
        let pipe = pair.path(&format!("pipe{flag}"));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let mut running = pair.start(&["check", flag, &pipe]);
        running.wait_for("waiting for somebody to read from the named pipe");
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        pair.end(running).answered(11, &["ready to migrate"]);
        let text = reader.join().unwrap();
        if flag == "--events" {
            assert_eq!(verdict(&whole(parsed(&text)))["exit"], 11);
        } else {
            assert_eq!(text, "");
        }
    }
    // Nobody is told anything where a reader is there already.
    let pipe = pair.path("pipe--events");
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    let run = pair.run(&["check", "--events", &pipe]);
    run.answered(11, &[]);
    assert!(!run.stderr.contains("named pipe"), "{}", run.stderr);
    reader.join().unwrap();
}

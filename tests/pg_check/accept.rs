//! Accepted and denied warnings, and pages of findings.

use crate::case::{clean, finding, ids};
use crate::fixture::{Pair, run, tool};

const ORPHAN: &str = "INSERT INTO devices (user_id, device_id) VALUES ('@ghost:demo.example', ";

async fn with_an_orphan(name: &str) -> Pair {
    let pair = clean(name).await;
    pair.source.psql(&format!("{ORPHAN}'1')"));
    pair
}

#[tokio::test]
async fn a_warning_is_accepted_until_it_grows() {
    let pair = with_an_orphan("accept").await;
    let open = pair.run(&["check"]);
    open.answered(11, &["warning[orphan] once", "ready to migrate, 1 warning"]);
    assert_eq!(finding(&open, "orphan")["acceptance"], "open");
    let known = pair.run(&["check", "--accept", "orphan=1"]);
    known.answered(
        0,
        &[
            "accepted",
            "1 orphan of 1 (`--accept`)",
            "1 warning, accepted",
        ],
    );
    assert!(
        !known.stderr.contains("warning[orphan]"),
        "{}",
        known.stderr
    );
    assert_eq!(finding(&known, "orphan")["acceptance"], "accepted");
    assert_eq!(finding(&known, "orphan")["accepted_count"], 1);
    pair.source.psql(&format!("{ORPHAN}'2')"));
    let grown = pair.run(&["check", "--accept", "orphan=1"]);
    grown.answered(11, &["warning[orphan] 2 times, accepted for 1"]);
    assert_eq!(finding(&grown, "orphan")["acceptance"], "grown");
    assert_eq!(finding(&grown, "orphan")["tables"][0]["rows"], 2);
    // Without a number, any will do.
    pair.run(&["check", "--accept", "orphan"]).answered(0, &[]);
}

#[tokio::test]
async fn a_file_of_accepted_warnings() {
    let pair = with_an_orphan("accept_file").await;
    let path = pair.path("accepted.yaml");
    pair.write(
        "accepted.yaml",
        "# known\norphan 1 since 2019\nlong_email 3\n",
    );
    let run = pair.run(&["check", "--accept-file", &path]);
    run.answered(
        0,
        &[
            "accepted.yaml:2: since 2019)",
            "`long_email`",
            "is accepted but no longer occurs",
        ],
    );
    // A flag wins.
    pair.run(&["check", "--accept-file", &path, "--accept", "orphan=0"])
        .answered(11, &["accepted for 0"]);
    // What is written can be read, and keeps the note.
    let written = pair.path("written.yaml");
    pair.run(&[
        "check",
        "--accept-file",
        &path,
        "--write-accept-file",
        &written,
    ])
    .answered(0, &[]);
    let text = std::fs::read_to_string(&written).unwrap();
    assert!(
        text.ends_with("accepted:\n  - id: orphan\n    count: 1\n    note: \"since 2019\"\n"),
        "{text}"
    );
    pair.run(&["check", "--accept-file", &written])
        .answered(0, &["since 2019"]);
    // Written anew it keeps the note, though nobody accepted anything.
    pair.source.psql(&format!("{ORPHAN}'2')"));
    pair.run(&["check", "--write-accept-file", &written])
        .answered(11, &[]);
    assert_eq!(
        std::fs::read_to_string(&written).unwrap(),
        text.replace("count: 1", "count: 2")
    );
    // Another file is not written over.
    let other = pair.path("homeserver-of-others.yaml");
    pair.write("homeserver-of-others.yaml", "server_name: example.com\n");
    pair.run(&["check", "--write-accept-file", &other])
        .answered(
            2,
            &[
                "E0613",
                "is no list of accepted findings",
                "name another one",
            ],
        );
    assert_eq!(
        std::fs::read_to_string(&other).unwrap(),
        "server_name: example.com\n"
    );
}

#[tokio::test]
async fn errors_cannot_be_accepted() {
    let pair = with_an_orphan("accept_error").await;
    pair.run(&["check", "--accept", "homeserver_mismatch"])
        .answered(
            2,
            &["`homeserver_mismatch` is an error, and errors cannot be accepted"],
        );
    pair.run(&["check", "--accept", "orphans"]).answered(
        2,
        &["no finding has the id `orphans`", "did you mean `orphan`?"],
    );
    pair.run(&["migrate", "--accept-file", &pair.path("none")])
        .answered(2, &["E0601", "`--accept-file`"]);
    // A parameter makes an error of what can be a warning.
    pair.run(&["check", "--accept", "orphan", "--set", "orphans=error"])
        .answered(
            10,
            &[
                "error[orphan]",
                "is an error in this run, and errors cannot be accepted",
            ],
        );
}

#[tokio::test]
async fn denied_warnings_are_errors_for_both_commands() {
    let pair = with_an_orphan("deny").await;
    let before = pair.states();
    pair.run(&["check", "--deny-warnings"])
        .answered(10, &["1 warning not accepted (--deny-warnings)"]);
    for command in [&["migrate"][..], &["migrate", "--dry-run"]] {
        let mut arguments = command.to_vec();
        arguments.push("--deny-warnings");
        let run = pair.run(&arguments);
        run.answered(
            10,
            &[
                "warnings that are not accepted are denied",
                "nothing was changed",
            ],
        );
        assert_eq!(run.json()["verdict"]["exit"], 10);
        assert_eq!(pair.states(), before);
    }
    pair.run(&["check", "--deny-warnings", "--accept", "orphan=1"])
        .answered(0, &[]);
    pair.run(&["migrate", "--deny-warnings", "--accept", "orphan=1"])
        .answered(0, &["accepted: orphan", "committed"]);
}

#[tokio::test]
async fn orphans_are_told_by_table() {
    let pair = with_an_orphan("tables").await;
    pair.source.psql(
        "INSERT INTO access_tokens (id, user_id, token) VALUES (9, '@ghost:demo.example', 'syt_0g')",
    );
    let run = pair.run(&["check"]);
    run.answered(11, &["by table: devices 1, access_tokens 1"]);
    assert_eq!(ids(&run).len(), 1);
}

#[tokio::test]
async fn a_list_is_not_renewed_by_a_check_that_saw_no_rows() {
    let pair = with_an_orphan("renewed").await;
    let list = pair.path("accepted.yaml");
    pair.write("accepted.yaml", "orphan 1 of 2019\n");
    let both = ["--accept-file", &list, "--write-accept-file", &list];
    let mut arguments = vec!["check", "--mas-schema", "none"];
    arguments.extend(both);
    pair.run(&arguments)
        .answered(10, &["no list of warnings is written"]);
    assert_eq!(
        std::fs::read_to_string(&list).unwrap(),
        "orphan 1 of 2019\n"
    );
    let mut arguments = vec!["check"];
    arguments.extend(both);
    pair.run(&arguments).answered(0, &["accepted"]);
    let renewed = std::fs::read_to_string(&list).unwrap();
    assert!(renewed.contains("id: orphan"), "{renewed}");
}

#[tokio::test]
async fn what_people_named_acts_on_no_terminal() {
    let pair = with_an_orphan("escapes").await;
    pair.source.psql(
        "INSERT INTO user_external_ids VALUES (E'oidc-\\x1b[2Jevil\n', 'sub', '@ada:demo.example')",
    );
    let run = pair.run(&["check"]);
    run.answered(
        10,
        &["links by provider: oidc-␛[2Jevil", "missing_provider"],
    );
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
}

#[test]
fn a_finding_is_explained_without_any_database() {
    let page = run(&mut tool(&["check", "--explain-finding", "orphan"]));
    page.answered(0, &[]);
    for heading in [
        "orphan",
        "What it means",
        "Who is concerned",
        "What happens",
        "What to do",
        "SQL",
    ] {
        assert!(
            page.stdout.lines().any(|line| line == heading),
            "{}",
            page.stdout
        );
    }
    assert!(page.stdout.lines().all(|line| line.chars().count() <= 80));
    assert_eq!(run(&mut tool(&["explain", "orphan"])).stdout, page.stdout);
    let family = run(&mut tool(&[
        "check",
        "--explain-finding",
        "source_devices_ip_missing",
    ]));
    family.answered(0, &[]);
    let mut with_a_variable = tool(&["check", "--explain-finding", "orphan"]);
    with_a_variable.env(
        "MAPWRIGHT_TARGET_DATABASE_URI",
        "postgresql://nobody@nowhere/none",
    );
    assert_eq!(run(&mut with_a_variable).stdout, page.stdout);
    assert!(family.stdout.starts_with("source_devices_ip_missing\n"));
    run(&mut tool(&["check", "--explain-finding", "orphans"])).answered(
        2,
        &["no finding has the id `orphans`", "did you mean `orphan`?"],
    );
    // What the commands about configurations say has pages too.
    for (id, words) in [
        ("registration_shared_secret", "What to do"),
        ("provider_client_secret_differs", "client_secret_file"),
    ] {
        let page = run(&mut tool(&["explain", id]));
        page.answered(0, &[]);
        assert!(page.stdout.contains(words), "{}", page.stdout);
        assert!(page.stdout.lines().all(|line| line.chars().count() <= 80));
    }
    run(&mut tool(&["explain", "orphans"])).answered(2, &["did you mean `orphan`?"]);
    run(&mut tool(&["check"])).answered(2, &["--synapse-config"]);
}

//! Next steps: that they fit the two servers, show no secret, and that their commands work.

use serde_json::Value;

use crate::fixture::{Directory, Pair, Run, homeserver, mas};
use mapwright::pg::throwaway::SUPERUSER;

const SHARED_SECRET: &str = "hunter2-of-both";

/// Configurations with everything that the next steps draw from.
pub(crate) fn configure(pair: &Pair) {
    let synapse = homeserver(&pair.source.name, SUPERUSER)
        .replace("password_config:\n", "password_config:\n  enabled: true\n");
    pair.write(
        "homeserver.yaml",
        &format!(
            "public_baseurl: https://matrix.demo.example\n{synapse}enable_registration: true\nsession_lifetime: 1w\n"
        ),
    );
    let mas = mas(&pair.target.name).replace(
        "matrix:\n",
        &format!("matrix:\n  endpoint: http://localhost:8008/\n  secret: {SHARED_SECRET}\n"),
    );
    pair.write(
        "mas.yaml",
        &format!(
            "http:\n  public_base: https://auth.demo.example/\n  listeners:\n  - resources: [{{name: discovery}}, {{name: oauth}}, {{name: compat}}]\n    binds: [{{address: '[::]:8090'}}]\n{mas}"
        ),
    );
}

fn step<'r>(report: &'r Value, id: &str) -> &'r Value {
    let steps = report["next_steps"].as_array().unwrap();
    steps
        .iter()
        .find(|step| step["id"] == id)
        .unwrap_or_else(|| panic!("no step `{id}`: {steps:#?}"))
}

fn ids(report: &Value) -> Vec<&str> {
    let steps = report["next_steps"].as_array().unwrap();
    steps
        .iter()
        .map(|step| step["id"].as_str().unwrap())
        .collect()
}

/// No line of the next steps is wider than a terminal, unless a path of this test is in it.
fn fits(pair: &Pair, run: &Run) {
    let directory = pair.directory.path().display().to_string();
    let steps = run.stderr.split_once("\nnext steps\n").unwrap().1;
    // The verdict comes behind it.
    let steps = steps.split_once("\n\n").unwrap().0;
    assert!(steps.lines().count() < 60, "{steps}");
    for line in steps.lines().filter(|line| !line.contains(&directory)) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[tokio::test]
async fn they_name_what_these_two_servers_need() {
    let pair = Pair::new("next_steps").await;
    configure(&pair);
    let run = pair.run(&["migrate"]);
    let synapse = pair.path("homeserver.yaml");
    run.answered(
        0,
        &[
            "matrix_authentication_service: enabled: true endpoint: \"http://localhost:8090/\"",
            &format!(
                "the value of `matrix.secret` in {}:8 secret: \"FILL IN\"",
                pair.path("mas.yaml")
            ),
            &format!("`password_config.enabled` ({synapse}:4)"),
            &format!("`enable_registration` ({synapse}:14)"),
            &format!("`session_lifetime` ({synapse}:15)"),
            "location ~ ^/_matrix/client/[^/]+/(login|logout|refresh)(/|$) { proxy_pass http://localhost:8090;",
            "curl -sS https://matrix.demo.example/_matrix/client/v3/login",
        ],
    );
    assert!(
        run.stderr
            .trim_end()
            .lines()
            .last()
            .unwrap()
            .starts_with("migrated: "),
        "the verdict comes last: {}",
        run.stderr
    );
    for text in [&run.stderr, &run.report] {
        assert!(!text.contains(SHARED_SECRET), "{text}");
    }
    fits(&pair, &run);
    let report = run.json();
    assert_eq!(
        ids(&report),
        [
            "verify",
            "synapse_config",
            "proxy",
            "start",
            "well_known",
            "look",
            "live",
            "undo"
        ]
    );
    let section = step(&report, "synapse_config")["snippets"][0]["text"]
        .as_str()
        .unwrap();
    let section: serde_yaml::Value = serde_yaml::from_str(section).unwrap();
    let section = &section["matrix_authentication_service"];
    assert_eq!(section["enabled"], true);
    assert_eq!(section["endpoint"], "http://localhost:8090/");
    let well_known = step(&report, "well_known")["snippets"][0]["text"]
        .as_str()
        .unwrap();
    let well_known: Value = serde_json::from_str(well_known).unwrap();
    assert_eq!(
        well_known["m.homeserver"]["base_url"],
        "https://matrix.demo.example/"
    );
    assert_eq!(
        well_known["org.matrix.msc2965.authentication"]["issuer"],
        "https://auth.demo.example/"
    );
    let snippets = step(&report, "proxy")["snippets"].as_array().unwrap();
    let names: Vec<&str> = snippets
        .iter()
        .map(|snippet| snippet["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["nginx", "Caddy", "Traefik", "Apache"]);
    for snippet in snippets {
        let text = snippet["text"].as_str().unwrap();
        assert!(text.contains("http://localhost:8090"), "{text}");
        assert!(text.contains("(login|logout|refresh)"), "{text}");
    }
}

#[tokio::test]
async fn their_commands_work_as_they_stand_there() {
    let pair = Pair::new("next_commands").await;
    let report = pair.run(&["migrate"]).json();
    let bin = Directory::new();
    std::os::unix::fs::symlink(
        env!("CARGO_BIN_EXE_mapwright"),
        bin.path().join("mapwright"),
    )
    .unwrap();
    for (id, said) in [("verify", "verified: "), ("undo", "undone: ")] {
        let command = step(&report, id)["commands"][0].as_str().unwrap();
        let output = std::process::Command::new("/bin/sh")
            .args(["-c", command])
            .env_clear()
            .env("PATH", bin.path())
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}\n{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
}

#[tokio::test]
async fn before_the_night_they_say_what_to_stop() {
    let pair = Pair::new("next_before").await;
    let check = pair.run(&["check"]);
    check.answered(
        11,
        &["Rehearse on MAS's own tables", "stop Synapse with all"],
    );
    assert_eq!(ids(&check.json()), ["dry_run", "stop", "migrate"]);
    fits(&pair, &check);
    let dry_run = pair.run(&["migrate", "--dry-run"]);
    dry_run.answered(0, &["stop Synapse with all"]);
    let report = dry_run.json();
    assert_eq!(ids(&report), ["stop", "migrate"]);
    let command = step(&report, "migrate")["commands"][0].as_str().unwrap();
    assert!(!command.contains("--dry-run"), "{command}");
    assert!(command.ends_with("--report migrate.json --report migrate.html"));
}

#[tokio::test]
async fn there_are_none_when_something_stands_in_the_way() {
    let pair = Pair::new("next_refused").await;
    pair.source
        .psql("UPDATE users SET name = '@nobody:elsewhere.example' WHERE name = (SELECT min(name) FROM users)");
    for command in ["check", "migrate"] {
        let run = pair.run(&[command]);
        run.answered(10, &[]);
        assert_eq!(ids(&run.json()), Vec::<&str>::new());
        assert!(!run.stderr.contains("next steps"), "{}", run.stderr);
    }
}

#[tokio::test]
async fn the_proxy_is_the_one_that_was_asked_for() {
    let pair = Pair::new("next_proxy").await;
    for (proxy, there, not_there) in [
        ("caddy", "path_regexp", "proxy_pass"),
        ("traefik", "PathRegexp(`", "path_regexp"),
        ("apache", "ProxyPassMatch", "PathRegexp"),
    ] {
        let run = pair.run(&["migrate", "--proxy", proxy]);
        run.answered(0, &[there, "FILL-IN"]);
        assert!(!run.stderr.contains(not_there), "{}", run.stderr);
        assert_eq!(pair.after(&["undo"]).code, Some(0));
    }
}

//! The command lines of both guides, word by word, on databases.

use std::fs;

use crate::case::clean;
use crate::fixture::{MIGRATED_AT, Pair, Run, run, tool};

/// Runs a command line of a guide in a directory with the files it names.
fn guided(pair: &Pair, line: &str) -> Run {
    let directory = pair.directory.path();
    for (name, file) in [("mas_config.yaml", "mas.yaml"), ("config.yaml", "mas.yaml")] {
        fs::copy(directory.join(file), directory.join(name)).unwrap();
    }
    let words: Vec<&str> = ["syn2mas"].into_iter().chain(line.split(' ')).collect();
    run(tool(&words).current_dir(directory))
}

fn counts(pair: &Pair) -> String {
    let tables = [
        "users",
        "user_passwords",
        "user_emails",
        "upstream_oauth_links",
        "compat_sessions",
        "compat_access_tokens",
    ];
    let counts: Vec<String> = tables
        .iter()
        .map(|table| format!("(SELECT count(*) FROM {table})"))
        .collect();
    pair.target.psql(&format!("SELECT {}", counts.join(", ")))
}

#[tokio::test]
async fn the_current_guide_from_check_to_migration() {
    let pair = clean("older_current").await;
    let before = pair.states();
    guided(
        &pair,
        "check --config mas_config.yaml --synapse-config homeserver.yaml",
    )
    .answered(
        0,
        &[
            "understood as: mapwright check --config mas_config.yaml --synapse-config homeserver.yaml",
            "note: `check` makes no tables",
            "ready to migrate: no findings",
        ],
    );
    guided(
        &pair,
        "migrate --config mas_config.yaml --synapse-config homeserver.yaml --dry-run",
    )
    .answered(0, &["dry run:", "rolled back"]);
    assert_eq!(pair.states(), before);
    guided(
        &pair,
        "migrate --config mas_config.yaml --synapse-config homeserver.yaml",
    )
    .answered(0, &["note: `migrate` makes neither", "committed"]);
    assert_eq!(counts(&pair).trim(), "3|1|1|1|2|2");
}

#[tokio::test]
async fn the_older_guide_from_advisor_to_migration() {
    let pair = clean("older_npm").await;
    let before = pair.states();
    let run = guided(
        &pair,
        "--command=advisor --synapseConfigFile=homeserver.yaml",
    );
    run.answered(11, &["note: exit status 10", "0 ERROR"]);
    assert!(run.stdout.starts_with("WARN "), "{}", run.stdout);
    let line = "--command migrate --synapseConfigFile homeserver.yaml --masConfigFile config.yaml";
    guided(&pair, &format!("{line} --dryRun")).answered(0, &["note: a dry run", "rolled back"]);
    assert_eq!(pair.states(), before);
    guided(&pair, &format!("{line} --dryRun false")).answered(0, &["committed"]);
    assert_eq!(counts(&pair).trim(), "3|1|1|1|2|2");
}

#[tokio::test]
async fn the_older_provider_mapping_takes_the_place_of_the_configuration() {
    let pair = clean("older_mapping").await;
    let text = fs::read_to_string(pair.path("mas.yaml")).unwrap();
    let (id, _) = text
        .split_once("synapse_idp_id: oidc-dex, ")
        .map(|(before, _)| before.rsplit_once("id: ").unwrap())
        .map(|(_, id)| id.split_once(',').unwrap())
        .unwrap();
    pair.write("mas.yaml", &text.replace("synapse_idp_id: oidc-dex, ", ""));
    let line = format!(
        "--command migrate --synapseConfigFile homeserver.yaml --masConfigFile config.yaml --migrated-at {MIGRATED_AT}"
    );
    guided(&pair, &line).answered(
        10,
        &["note: providers are found by", "error[missing_provider]"],
    );
    let run = guided(
        &pair,
        &format!("{line} --upstreamProviderMapping oidc-dex:{id}"),
    );
    run.answered(0, &["committed"]);
    assert!(!run.stderr.contains("note: providers are found by"));
    assert_eq!(counts(&pair).trim(), "3|1|1|1|2|2");
}

#[test]
fn words_of_no_tool_are_told_with_ours() {
    run(&mut tool(&["syn2mas", "migrate", "--masConfigFiles", "m"])).answered(
        2,
        &[
            "error[E0615]: no older tool has a flag `--masConfigFiles`",
            "this program's own flag is `--config`",
        ],
    );
    run(&mut tool(&["syn2mas"])).answered(2, &["required", "<ARGUMENT>"]);
    let help = run(&mut tool(&["syn2mas", "--help"]));
    help.answered(0, &[]);
    assert!(help.stdout.contains("--command=advisor"));
}

use clap::Parser;

use super::*;

/// The arguments of `mapwright` that an older command line becomes.
fn ours(line: &str) -> String {
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    match translated(&words) {
        Ok(ours) => ours
            .arguments
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
            .join(" "),
        Err(problem) => format!("{} | {}", problem.message, problem.help.join("; ")),
    }
}

fn understand(line: &str) -> (Cli, Vec<String>) {
    let words = ["mapwright"].into_iter().chain(line.split_whitespace());
    understood(Cli::try_parse_from(words).unwrap()).unwrap()
}

#[test]
fn the_command_lines_of_the_current_guide_are_taken_word_by_word() {
    assert_eq!(
        ours("check --config mas_config.yaml --synapse-config homeserver.yaml"),
        "check --config mas_config.yaml --synapse-config homeserver.yaml"
    );
    assert_eq!(
        ours("migrate --config mas_config.yaml --synapse-config homeserver.yaml --dry-run"),
        "migrate --config mas_config.yaml --synapse-config homeserver.yaml --dry-run"
    );
    assert_eq!(
        ours("migrate --config mas_config.yaml --synapse-config homeserver.yaml"),
        "migrate --config mas_config.yaml --synapse-config homeserver.yaml"
    );
}

#[test]
fn the_command_lines_of_the_older_guide_are_taken_word_by_word() {
    assert_eq!(
        ours("--command=advisor --synapseConfigFile=homeserver.yaml"),
        "advisor --synapse-config homeserver.yaml"
    );
    assert_eq!(
        ours(
            "--command migrate --synapseConfigFile homeserver.yaml --masConfigFile config.yaml --dryRun"
        ),
        "migrate --synapse-config homeserver.yaml --config config.yaml --dry-run"
    );
    assert_eq!(
        ours(
            "--command migrate --synapseConfigFile homeserver.yaml --masConfigFile config.yaml --dryRun false"
        ),
        "migrate --synapse-config homeserver.yaml --config config.yaml"
    );
}

#[test]
fn values_may_be_attached_or_follow_and_the_command_may_stand_anywhere() {
    for line in [
        "--synapse-config=h -c m check",
        "--synapse-config h --config=m check",
        "check --synapseConfigFile=h --masConfigFile m",
    ] {
        let line = ours(line);
        let mut words: Vec<&str> = line.split(' ').collect();
        words[1..].sort_unstable();
        assert_eq!(
            words,
            ["check", "--config", "--synapse-config", "h", "m"],
            "{line}"
        );
    }
    for (dry, line) in [
        (true, "migrate --dryRun=true"),
        (true, "migrate --dryRun TRUE"),
        (true, "--dryRun migrate"),
        (false, "migrate --dryRun=false"),
        (false, "--dryRun False migrate"),
    ] {
        assert_eq!(ours(line).contains("--dry-run"), dry, "{line}");
    }
    assert_eq!(
        ours("--upstreamProviderMapping a:1 oidc-b:2 migrate --upstreamProviderMapping=c:3"),
        "migrate --upstream-provider-mapping a:1 --upstream-provider-mapping oidc-b:2 --upstream-provider-mapping c:3"
    );
    assert_eq!(
        ours("--i-swear-i-am-just-testing-in-a-staging-environment check"),
        "check"
    );
}

#[test]
fn flags_of_this_program_go_through() {
    assert_eq!(
        ours("check --report r.json --accept-file=a.yaml -vv --quiet --mas-config m"),
        "check --report r.json --accept-file=a.yaml -vv --quiet --mas-config m"
    );
    // A value that looks like a command is a value.
    assert_eq!(
        ours("--report migrate --set x=check check"),
        "check --report migrate --set x=check"
    );
}

#[test]
fn what_nobody_knows_is_told_with_the_flag_to_use() {
    for (line, said) in [
        (
            "migrate --masConfigFiles m",
            "no older tool has a flag `--masConfigFiles` | did you mean `--masConfigFile`? this program's own flag is `--config`",
        ),
        (
            "migrate --masConfig m",
            "no older tool has a flag `--masConfig` | did you mean `--mas-config`?",
        ),
        (
            "migrate --dryrun",
            "no older tool has a flag `--dryrun` | did you mean `--dryRun`? this program's own flag is `--dry-run`",
        ),
        (
            "check --synapse-confg h",
            "no older tool has a flag `--synapse-confg` | did you mean `--synapse-config`?",
        ),
        (
            "check --frobnicate",
            "no older tool has a flag `--frobnicate` | `mapwright syn2mas --help` shows both command lines, `mapwright migrate --help` all flags of this program",
        ),
        (
            "restore",
            "no older tool has the command `restore` | the commands are `check` and `migrate`, or `--command advisor` and `--command migrate`",
        ),
        (
            "--synapse-config h",
            "the older command line names no command | the commands are `check` and `migrate`, or `--command advisor` and `--command migrate`",
        ),
        (
            "check more",
            "`more` stands behind the command `check` and belongs to no flag | ",
        ),
        ("check --config", "`--config` has no value | "),
        ("migrate --dry-run=yes", "`--dry-run` takes no value | "),
        (
            "migrate --dryRun=yes",
            "`--dryRun=yes` is neither `true` nor `false` | ",
        ),
        (
            "check --dry-run",
            "`check` has no dry run: it never writes | leave the flag out, or give `migrate` in place of the command",
        ),
        (
            "--command advisor --masConfigFile m",
            "`advisor` looks at Synapse alone, and takes nothing of MAS | leave these flags out; `mapwright check` looks at both sides and takes `--config`",
        ),
    ] {
        assert_eq!(ours(line), said, "{line}");
    }
}

#[test]
fn where_a_word_means_something_else_a_line_says_so() {
    let notes = |line: &str| understand(line).1;
    assert_eq!(
        notes("syn2mas check --config m --synapse-config h"),
        [
            "understood as: mapwright check --config m --synapse-config h",
            "note: `check` makes no tables in MAS's database: `mas-cli database migrate` does, beforehand",
        ]
    );
    let lines = notes("syn2mas --command migrate --synapseConfigFile h --masConfigFile m --dryRun");
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines[2].contains("rolls all of it back"));
    let lines = notes("syn2mas --command=advisor --synapseConfigFile=h");
    assert!(lines[1].contains("11 with WARN lines alone"), "{lines:#?}");
    assert!(notes("check --synapse-config h").is_empty());
}

#[test]
fn no_line_shows_a_password() {
    for line in [
        "syn2mas check --synapse-config h --synapse-database-uri postgresql://u:hunter2@h/d",
        "syn2mas check --synapse-config h --synapse-database-uri=postgresql://u:hunter2@h/d",
        "syn2mas check --synapse-config h --mas-database-uri=postgresql://u:hunter2@h/d",
        "syn2mas check --synapse-config h --target-database-uri postgresql://u:hunter2@h/d",
    ] {
        let (_, notes) = understand(line);
        assert!(!notes.join("\n").contains("hunter2"), "{notes:#?}");
        assert!(notes[0].contains('…'), "{notes:#?}");
    }
}

#[test]
fn flags_for_every_command_count_before_and_inside() {
    let (cli, _) = understand("--format json syn2mas check --synapse-config h -q -v");
    assert_eq!(cli.global.format, OutputFormat::Json);
    assert!(cli.global.quiet);
    assert_eq!(cli.global.verbose, 1);
    let (cli, _) = understand("-v syn2mas check --synapse-config h --format short --max-errors 3");
    assert_eq!(cli.global.format, OutputFormat::Short);
    assert_eq!(cli.global.max_errors, 3);
    let Command::Check(args) = cli.command else {
        panic!("no check");
    };
    assert_eq!(args.sides.synapse_config, [std::path::PathBuf::from("h")]);
}

#[test]
fn every_flag_of_ours_exists() {
    let own = own_flags();
    for flag in FLAGS {
        if let Some(ours) = flag.becomes.flag() {
            assert!(own.contains_key(ours), "{ours}");
        }
    }
}

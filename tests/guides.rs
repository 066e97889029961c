//! What the guides say of the command line is so: every command and flag in them exists, snippets for
//! other tools are well formed and call the program rightly, and each page about a problem is short,
//! listed, and points at what is there.

// A test may stop at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory, Parser};
use mapwright::cli::args::Cli;
use mapwright::cli::finding_pages;
use mapwright::cli::older::{Becomes, FLAGS, Tool};
use mapwright::diagnostics::codes::REGISTRY;
use serde::Deserialize;
use serde_yaml::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn markdown(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            markdown(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
}

/// Every page for readers of the program.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("mappings/README.md")];
    markdown(&root().join("docs"), &mut pages);
    pages
}

/// The fenced blocks of a page that are in one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if info == language {
                found.push(body.join("\n"));
            }
        }
    }
    found
}

/// The command lines of a page: those of shell blocks, and those in its sentences.
fn command_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for block in blocks(text, "sh") {
        let joined = block.replace("\\\n", " ");
        lines.extend(joined.lines().map(|line| line.trim().to_owned()));
    }
    let mut prose = String::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            prose.push_str(line);
            prose.push(' ');
        }
    }
    lines.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    // The last is the name of a hash, and none of a command.
    lines.retain(|line| line.starts_with("mapwright ") && line != "mapwright ulid 1");
    lines
}

/// What is wrong with a command line: a command or a flag that does not exist.
fn problem(root: &Command, line: &str) -> Option<String> {
    let mut command = root;
    let mut older = false;
    for word in line.split_whitespace().skip(1) {
        if matches!(word, "|" | "#" | ";" | "&&" | "||") || word.starts_with('>') {
            break;
        }
        if let Some(flag) = word.strip_prefix("--") {
            let name: &str = flag.split(['=', '[', ']', ',', ';']).next().unwrap();
            if older && FLAGS.iter().any(|flag| flag.name == format!("--{name}")) {
                continue;
            }
            let exists = known(command, name) || (older && known_anywhere(root, name));
            if !exists {
                return Some(format!("`{line}`: no flag `--{name}`"));
            }
        } else if command.has_subcommands() && !word.starts_with('-') && !word.contains('…') {
            if word.chars().all(|c| c.is_ascii_uppercase()) {
                // A word that stands for any command.
                return None;
            }
            // `config lint|generate` names several.
            for one in word.split('|') {
                let Some(inner) = command.find_subcommand(one) else {
                    return Some(format!("`{line}`: no command `{one}`"));
                };
                older |= one == "syn2mas";
                if !word.contains('|') {
                    command = inner;
                }
            }
            if word.contains('|') {
                return None;
            }
        }
    }
    None
}

fn known(command: &Command, flag: &str) -> bool {
    let arguments = command.get_arguments();
    arguments
        .filter_map(|argument| argument.get_long_and_visible_aliases())
        .any(|names| names.contains(&flag))
}

fn known_anywhere(command: &Command, flag: &str) -> bool {
    known(command, flag)
        || command
            .get_subcommands()
            .any(|inner| known_anywhere(inner, flag))
}

fn built() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

#[test]
fn every_command_and_flag_of_the_documentation_exists() {
    let command = built();
    let (mut count, mut problems) = (0, Vec::new());
    for page in pages() {
        for line in command_lines(&read(&page)) {
            count += 1;
            if let Some(problem) = problem(&command, &line) {
                problems.push(format!("{}: {problem}", page.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 100, "only {count} command lines were found");
}

#[test]
fn a_wrong_command_line_would_be_noticed() {
    let command = built();
    for (line, said) in [
        ("mapwright chekc", Some("no command `chekc`")),
        ("mapwright migrate --dryrun", Some("no flag `--dryrun`")),
        (
            "mapwright config lint --report x",
            Some("no flag `--report`"),
        ),
        ("mapwright syn2mas migrate --dryRun", None),
        ("mapwright check --mas-config x --quiet", None),
    ] {
        let found = problem(&command, line);
        match said {
            None => assert_eq!(found, None),
            Some(said) => assert!(found.unwrap().contains(said), "{line}"),
        }
    }
}

/// Every list of words below a key that holds a command line.
fn argument_lists(value: &Value, lists: &mut Vec<Vec<String>>) {
    match value {
        Value::Mapping(map) => {
            for (key, inner) in map {
                if let (Some("args" | "argv"), Value::Sequence(words)) = (key.as_str(), inner) {
                    let words = words.iter().map(|word| word.as_str().unwrap().to_owned());
                    lists.push(words.collect());
                }
                argument_lists(inner, lists);
            }
        }
        Value::Sequence(items) => items.iter().for_each(|item| argument_lists(item, lists)),
        Value::Tagged(tagged) => argument_lists(&tagged.value, lists),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn snippets_for_other_tools_are_well_formed_and_call_the_program_rightly() {
    let text = read(&root().join("docs/guides/automation.md"));
    let snippets = blocks(&text, "yaml");
    assert!(snippets.len() >= 3, "{}", snippets.len());
    let mut lists = Vec::new();
    for snippet in &snippets {
        for document in serde_yaml::Deserializer::from_str(snippet) {
            let mut value =
                Value::deserialize(document).unwrap_or_else(|error| panic!("{error}\n{snippet}"));
            value.apply_merge().unwrap();
            argument_lists(&value, &mut lists);
        }
    }
    assert!(lists.len() >= 4, "{lists:?}");
    for list in &lists {
        let words = list.iter().map(String::as_str);
        let words = std::iter::once("mapwright").chain(words.filter(|word| *word != "mapwright"));
        Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{list:?}\n{error}"));
    }
    // The Job of the snippet is one as Kubernetes wants it.
    let documents: Vec<Value> = serde_yaml::Deserializer::from_str(&snippets[1])
        .map(|document| Value::deserialize(document).unwrap())
        .collect();
    let [claim, job] = &documents[..] else {
        panic!("{documents:?}");
    };
    assert_eq!(claim["kind"], "PersistentVolumeClaim");
    // It runs once: a hook of a chart would run, and fail, at each later upgrade.
    assert!(job["metadata"].get("annotations").is_none());
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(job["kind"], "Job");
    assert_eq!(pod["restartPolicy"], "Never");
    for container in ["initContainers", "containers"] {
        let container = &pod[container][0];
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(container["volumeMounts"][0]["name"], "conf");
        // Its report outlives it.
        let report = &container["volumeMounts"][1];
        assert!(report.get("readOnly").is_none());
        let args: Vec<&str> = container["args"]
            .as_sequence()
            .unwrap()
            .iter()
            .map(|arg| arg.as_str().unwrap())
            .collect();
        let flag = args.iter().position(|arg| *arg == "--report").unwrap();
        let path = Path::new(args[flag + 1]);
        assert!(path.starts_with(report["mountPath"].as_str().unwrap()));
        let volume = &pod["volumes"][0];
        assert_eq!(volume["name"], report["name"]);
        let name = &volume["persistentVolumeClaim"]["claimName"];
        assert_eq!(*name, claim["metadata"]["name"]);
        assert!(
            container["image"]
                .as_str()
                .unwrap()
                .contains(env!("CARGO_PKG_VERSION"))
        );
    }
    // A second run of the play asks the program for nothing, and finds the services started.
    let play = snippets
        .iter()
        .map(|snippet| serde_yaml::Deserializer::from_str(snippet).next().unwrap())
        .map(|document| Value::deserialize(document).unwrap())
        .find(|document| document.is_sequence())
        .unwrap();
    let tasks = play.as_sequence().unwrap();
    let mark = "/var/lib/mapwright/done";
    assert_eq!(tasks[0]["ansible.builtin.stat"]["path"], mark);
    let (guarded, open): (Vec<&Value>, Vec<&Value>) =
        tasks.iter().partition(|task| task.get("block").is_some());
    assert_eq!(guarded.len(), 1);
    assert_eq!(guarded[0]["when"], "not done.stat.exists");
    let block = guarded[0]["block"].as_sequence().unwrap();
    assert_eq!(block.last().unwrap()["ansible.builtin.copy"]["dest"], mark);
    for task in &open {
        assert!(task.get("ansible.builtin.command").is_none(), "{task:?}");
    }
    let last = open.last().unwrap();
    assert_eq!(last["ansible.builtin.systemd_service"]["state"], "started");
}

#[test]
fn every_flag_of_the_older_tools_is_in_the_table_with_ours() {
    let text = read(&root().join("docs/guides/coming-from-syn2mas.md"));
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("| `-"))
        .map(|line| line.split('|').map(str::trim).skip(1).take(2).collect())
        .collect();
    let spans = |cell: &str| -> Vec<String> {
        let spans = cell.split('`').skip(1).step_by(2);
        spans.map(str::to_owned).collect()
    };
    let command = built();
    let mut listed = BTreeSet::new();
    for row in &rows {
        let ours = spans(row[1]);
        for older in spans(row[0]) {
            let flag = FLAGS
                .iter()
                .find(|flag| flag.name == older)
                .unwrap_or_else(|| panic!("no older tool has `{older}`"));
            match flag.becomes.flag() {
                Some(becomes) => {
                    assert_eq!(ours, [becomes], "{older}");
                    assert!(known_anywhere(&command, &becomes[2..]), "{becomes}");
                }
                None if flag.becomes == Becomes::Command => {
                    for verb in &ours {
                        assert!(command.find_subcommand(verb).is_some(), "{verb}");
                    }
                }
                None => assert!(ours.is_empty(), "{older}"),
            }
            listed.insert(flag.name);
        }
    }
    let all: BTreeSet<&str> = FLAGS.iter().map(|flag| flag.name).collect();
    assert_eq!(listed, all);
    for tool in [Tool::MasCli, Tool::Npm] {
        assert!(FLAGS.iter().any(|flag| flag.tool == tool));
    }
}

#[test]
fn pages_about_problems_are_short_and_listed_and_point_at_what_is_there() {
    let folder = root().join("docs/problems");
    let index = read(&folder.join("README.md"));
    let mut pages = Vec::new();
    markdown(&folder, &mut pages);
    pages.retain(|page| !page.ends_with("README.md"));
    assert!(pages.len() >= 12, "{}", pages.len());
    let mut explained = 0;
    for page in &pages {
        let name = page.file_name().unwrap().to_str().unwrap();
        let text = read(page);
        assert!(text.lines().count() <= 15, "{name} is long");
        for part in ["# ", "**Seen as:** ", "**Meaning:** ", "**Remedy:** "] {
            assert!(
                text.lines().any(|line| line.starts_with(part)),
                "{name}: {part}"
            );
        }
        let title = text.lines().next().unwrap().trim_start_matches("# ");
        assert!(
            index.contains(&format!("[{title}]({name})")),
            "{name} is not listed"
        );
        for line in command_lines(&text) {
            let Some(id) = line.strip_prefix("mapwright explain ") else {
                continue;
            };
            explained += 1;
            let is_code = REGISTRY.iter().any(|info| info.code.as_str() == id);
            assert!(is_code || finding_pages::page(id).is_some(), "{name}: {id}");
        }
    }
    assert!(explained > 15, "{explained}");
    assert_eq!(index.matches(".md)").count(), pages.len());
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut count = 0;
    for page in pages() {
        let text = read(&page);
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            let (file, anchor) = match target.split_once('#') {
                Some((file, anchor)) => (file, Some(anchor)),
                None => (target, None),
            };
            if file.contains("://") || target.contains(' ') {
                continue;
            }
            count += 1;
            let path = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            assert!(path.exists(), "{}: {target}", page.display());
            if let (Some(anchor), true) = (anchor, path.extension().is_some()) {
                let there = read(&path).lines().any(|line| {
                    let heading = line.trim_start_matches('#');
                    heading != line && slug(heading) == anchor
                });
                assert!(there, "{}: {target}", page.display());
            }
        }
    }
    assert!(count > 50, "only {count} links were found");
}

/// What a heading is called in a link.
fn slug(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

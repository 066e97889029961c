//! What the program is shipped with: completions, manual pages, the notices of what it is built from,
//! the image and the Debian package. `UPDATE=1 cargo test --test packaging` rewrites the notices.

// A test may stop at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use mapwright::cli::args::Cli;
use mapwright::cli::commands::{completions, man};
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Gives text to a program; what it complained of, or `None` if the program is not there.
fn complaints(program: &str, arguments: &[&str], text: &str) -> Option<String> {
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{program}: {error}"),
    };
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let mut said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        let _ = write!(said, "{}", output.status);
    }
    Some(said)
}

#[test]
fn completions_are_understood_by_their_shells() {
    // Bash is what the tests themselves are started by; the others where they are installed.
    let bash = complaints("bash", &["-n"], &completions::script(Shell::Bash));
    assert_eq!(bash.as_deref(), Some(""));
    for (shell, program, arguments) in [
        (Shell::Zsh, "zsh", &["-n"][..]),
        (Shell::Fish, "fish", &["--no-execute", "/dev/stdin"]),
    ] {
        if let Some(said) = complaints(program, arguments, &completions::script(shell)) {
            assert_eq!(said, "", "{program}");
        }
    }
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let script = completions::script(Shell::Bash);
    let ask = |words: &[&str]| -> BTreeSet<String> {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let program = format!(
            "{script}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n_mapwright mapwright '{}' '{}'\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"",
            quoted.join(" "),
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2],
        );
        let output = Command::new("bash")
            .args(["-c", &program])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    let commands = ask(&["mapwright", ""]);
    for command in Cli::command().get_subcommands() {
        assert!(commands.contains(command.get_name()), "{commands:?}");
    }
    assert!(ask(&["mapwright", "migrate", "--dry"]).contains("--dry-run"));
    assert!(ask(&["mapwright", "config", "l"]).contains("lint"));
    let shells = ask(&["mapwright", "completions", ""]);
    for shell in Shell::value_variants() {
        assert!(shells.contains(&shell.to_string()), "{shells:?}");
    }
}

#[test]
fn manual_pages_are_set_without_a_warning() {
    for page in man::pages() {
        // Where there is a roff to ask.
        if let Some(said) = complaints("groff", &["-man", "-ww", "-Tutf8", "-z"], &page.text) {
            assert_eq!(said, "", "{}", page.file);
        }
        for line in page.text.lines() {
            // What begins a line and is no request would vanish.
            let first = line.chars().next().unwrap_or(' ');
            assert!(
                first != '\''
                    && (first != '.' || line.chars().nth(1).is_some_and(char::is_alphabetic)),
                "{}: {line}",
                page.file
            );
        }
    }
}

/// What `cargo metadata` says of a build for Linux.
fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A crate that the program is made of.
struct Crate {
    name: String,
    licence: String,
    /// Its texts: file name and words.
    texts: Vec<(String, String)>,
}

/// The crates that normal dependencies lead to, in the order of their names.
fn crates(metadata: &Value) -> Vec<Crate> {
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    let nodes: BTreeMap<String, &Value> = metadata["resolve"]["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| (id(&node["id"]), node))
        .collect();
    let mut reached = BTreeSet::new();
    let mut open = vec![id(&metadata["resolve"]["root"])];
    while let Some(next) = open.pop() {
        for dependency in nodes[&next]["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            let package = id(&dependency["pkg"]);
            if kinds.iter().any(|kind| kind["kind"].is_null()) && reached.insert(package.clone()) {
                open.push(package);
            }
        }
    }
    let packages = metadata["packages"].as_array().unwrap();
    let mut crates: Vec<Crate> = packages
        .iter()
        .filter(|package| reached.contains(package["id"].as_str().unwrap()))
        .map(|package| {
            let manifest = PathBuf::from(package["manifest_path"].as_str().unwrap());
            let licence = package["license"].as_str().unwrap().to_owned();
            Crate {
                name: format!(
                    "{} {}",
                    package["name"].as_str().unwrap(),
                    package["version"].as_str().unwrap()
                ),
                texts: texts(manifest.parent().unwrap(), &licence),
                licence,
            }
        })
        .collect();
    crates.sort_by(|one, other| one.name.cmp(&other.name));
    crates
}

/// The texts of a licence: where MIT may be chosen its own alone, else all there are.
fn texts(folder: &Path, licence: &str) -> Vec<(String, String)> {
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            let name = name.to_lowercase();
            [
                "license",
                "licence",
                "copying",
                "copyright",
                "notice",
                "unlicense",
            ]
            .iter()
            .any(|word| name.starts_with(word))
        })
        .collect();
    files.sort();
    let choice = licence.replace('/', " OR ");
    let may_be_mit = !choice.contains(" AND ")
        && choice.split(" OR ").any(|one| one.trim() == "MIT")
        && files.iter().any(|name| name.contains("MIT"));
    if may_be_mit {
        files.retain(|name| name.contains("MIT"));
    }
    files
        .into_iter()
        .map(|name| {
            let bytes = std::fs::read(folder.join(&name)).unwrap();
            let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
            let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
            (name, lines.join("\n").trim_matches('\n').to_owned())
        })
        .collect()
}

/// The notices as a text: a list of crates, then each text with the crates it belongs to.
fn notices(crates: &[Crate]) -> String {
    let mut page = String::from(
        "mapwright is built from the crates below, each under its own licence. Where a crate leaves the\n\
         choice and MIT is among it, it is used under MIT.\n\n\
         Made by `UPDATE=1 cargo test --test packaging`, for a build on Linux.\n\n",
    );
    for one in crates {
        let _ = writeln!(page, "{}: {}", one.name, one.licence);
    }
    let mut belongs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in crates {
        for (_, text) in &one.texts {
            belongs.entry(text).or_default().push(&one.name);
        }
    }
    let mut texts: Vec<(&str, Vec<&str>)> = belongs.into_iter().collect();
    texts.sort_by(|one, other| one.1.cmp(&other.1).then(one.0.cmp(other.0)));
    for (text, names) in texts {
        let line = "=".repeat(80);
        let _ = write!(page, "\n{line}\n{}\n{line}\n\n{text}\n", names.join(", "));
    }
    page
}

#[test]
fn the_notices_name_everything_that_ends_in_the_program() {
    let crates = crates(&metadata());
    assert!(crates.len() > 50, "only {} crates", crates.len());
    let without: Vec<&str> = crates
        .iter()
        .filter(|one| one.texts.iter().all(|(_, text)| text.is_empty()))
        .map(|one| one.name.as_str())
        .collect();
    assert!(without.is_empty(), "no text of the licence: {without:?}");
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for one in &crates {
        let (name, version) = one.name.split_once(' ').unwrap();
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"");
        assert!(lock.contains(&entry), "{} is not in Cargo.lock", one.name);
    }
    let made = notices(&crates);
    let path = root().join("examples/packaging/THIRD-PARTY-NOTICES.txt");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, &made).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "the notices are not those of Cargo.lock; `UPDATE=1 cargo test --test packaging` writes them"
    );
}

#[test]
fn the_debian_package_takes_what_its_script_makes() {
    let metadata = metadata();
    let deb = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|package| package["name"] == "mapwright")
        .map(|package| &package["metadata"]["deb"])
        .unwrap();
    let script = std::fs::read_to_string(root().join("examples/packaging/deb.sh")).unwrap();
    assert_eq!(complaints("bash", &["-n"], &script).as_deref(), Some(""));
    let mut installed = BTreeSet::new();
    for asset in deb["assets"].as_array().unwrap() {
        let from = asset[0].as_str().unwrap();
        match from.strip_prefix("target/") {
            None => assert!(root().join(from).is_file(), "{from}"),
            Some("release/mapwright") => {}
            Some(made) => {
                let (_, inside) = made.split_once('/').unwrap();
                let written = inside.trim_end_matches("/*.1");
                assert!(script.contains(&format!("\"$out/{written}\"")), "{from}");
            }
        }
        installed.insert(asset[1].as_str().unwrap());
    }
    for folder in [
        "usr/bin/",
        "usr/share/man/man1/",
        "usr/share/bash-completion/completions/",
        "usr/share/zsh/vendor-completions/",
        "usr/share/fish/vendor_completions.d/",
    ] {
        assert!(installed.contains(folder), "{folder}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(script.contains(&format!("completions {shell} ")));
    }
}

#[test]
fn the_image_is_built_with_the_version_that_cargo_names_and_runs_as_a_number() {
    let folder = root().join("examples/packaging");
    let file = std::fs::read_to_string(folder.join("Dockerfile")).unwrap();
    let ignored = std::fs::read_to_string(folder.join("Dockerfile.dockerignore")).unwrap();
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let rust = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""))
        .unwrap()
        .trim_end_matches('"');
    let joined = file.replace("\\\n", " ");
    let lines: Vec<&str> = joined
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .collect();
    assert!(lines[0].starts_with(&format!("FROM docker.io/library/rust:{rust}-")));
    assert!(lines[0].ends_with(" AS build"));
    let last_stage = lines
        .iter()
        .rposition(|line| line.starts_with("FROM "))
        .unwrap();
    assert!(last_stage > 0, "one stage alone");
    let (_, user) = lines[last_stage..]
        .iter()
        .find_map(|line| line.split_once("USER "))
        .unwrap();
    let (user, group) = user.split_once(':').unwrap();
    for id in [user, group] {
        assert_ne!(id.parse::<u32>().expect("a number"), 0);
    }
    for line in &lines[last_stage..] {
        assert!(!line.starts_with("RUN "), "the image has no shell: {line}");
        if line.starts_with("ENTRYPOINT") || line.starts_with("CMD") {
            assert!(line.contains('['), "a shell would be needed: {line}");
        }
        // What is taken over from the build is there, or is what the build makes.
        for source in line
            .split(' ')
            .filter_map(|word| word.strip_prefix("/build/"))
        {
            let there = source.starts_with("target/") || root().join(source).is_file();
            assert!(there, "{source}");
        }
    }
    for kept in ["target", ".git", "**/*.pem"] {
        assert!(ignored.lines().any(|line| line == kept), "{kept}");
    }
    // The catalogs are compiled in.
    assert!(ignored.contains("!mappings/catalogs/*.yaml"));
}

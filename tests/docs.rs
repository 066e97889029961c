//! Every example in the documentation is compiled: a block ```` ```map ```` must have no diagnostic,
//! ```` ```map E0203 ```` must have that code and no other, and a ```` ```text ```` block right behind it
//! must be what is printed (`UPDATE=1 cargo test --test docs` rewrites those).
//!
//! An example without the lines `mapping`, `source` and `target` is about the tiny catalogs of
//! `tests/catalogs/`.

// A test may stop at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "harness/catalogs.rs"]
mod catalogs;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mapwright::base::Files;
use mapwright::compile::compile;
use mapwright::diagnostics::Diagnostics;
use mapwright::diagnostics::codes::REGISTRY;
use mapwright::diagnostics::render::{Colour, Format, render};

/// How many examples there are at least: a change of their form must not hide them from this test.
const EXAMPLES: usize = 78;

/// The head that an example gets which has none.
const HEAD: &str = "mapping example\nsource tiny_source\ntarget tiny_target\n";

#[test]
fn every_example_compiles_or_fails_as_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    markdown(&root.join("docs"), &mut pages);
    let update = std::env::var_os("UPDATE").is_some_and(|value| value == "1");
    let (mut count, mut problems) = (0, Vec::new());
    for page in pages.iter().filter(|page| page.exists()) {
        let name = page.strip_prefix(root).unwrap().display().to_string();
        let text = std::fs::read_to_string(page).unwrap();
        let mut fresh = Vec::new();
        let mut shown: Option<String> = None;
        for block in blocks(&text) {
            let mut body = block.body.clone();
            match (block.info.split_once(' '), block.info.as_str()) {
                (Some(("map", code)), _) => {
                    count += 1;
                    shown = Some(example(&name, &block, Some(code), &mut problems));
                }
                (None, "map") => {
                    count += 1;
                    example(&name, &block, None, &mut problems);
                }
                (None, "text") => {
                    if let Some(expected) = shown.take().filter(|expected| *expected != body) {
                        if !update {
                            let line = block.line;
                            problems
                                .push(format!("{name}:{line}: what is printed is:\n{expected}"));
                        }
                        body = expected;
                    }
                }
                _ => shown = None,
            }
            fresh.push((block, body));
        }
        if update {
            rewrite(page, &text, &fresh);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count >= EXAMPLES, "only {count} examples were found");
}

/// Each code of the compiler shows a mistake and how it is mended.
#[test]
fn every_page_of_the_compiler_has_a_failing_and_a_mended_example() {
    for info in REGISTRY {
        let code = info.code.as_str();
        if !matches!(&code[1..3], "00" | "01" | "02" | "03" | "04") {
            continue;
        }
        let infos: Vec<String> = blocks(info.page).map(|block| block.info).collect();
        assert_eq!(
            infos,
            [&format!("map {code}"), "text", "map"],
            "the examples of {code}"
        );
    }
}

#[test]
fn every_page_opens_with_code_and_title() {
    for info in REGISTRY {
        let first = info.page.lines().next().unwrap_or_default();
        assert_eq!(first, format!("# {}: {}", info.code, info.title));
        assert!(
            info.page.lines().count() >= 5,
            "the page of {} says hardly anything",
            info.code
        );
    }
}

/// Compiles an example; gives what is printed about it.
fn example(page: &str, block: &Block, code: Option<&str>, problems: &mut Vec<String>) -> String {
    let headed = block.body.lines().any(|line| line.starts_with("mapping "));
    let text = if headed {
        block.body.clone()
    } else {
        format!("{}{HEAD}", block.body)
    };
    let catalogs: Vec<_> = ["tiny_source", "tiny_target", "synapse", "mas"]
        .map(catalogs::read)
        .into();
    let mut files = Files::new();
    let id = files.add("example.map", text);
    let mut found = Diagnostics::new();
    compile(&files, id, &catalogs, &mut found);
    let found = found.into_sorted();
    let shown = render(&files, &found, Format::Human, Colour::Never, usize::MAX);
    let codes: BTreeSet<&str> = found.iter().map(|one| one.code.as_str()).collect();
    if codes != code.into_iter().collect() {
        problems.push(format!("{page}:{}: {codes:?}\n{shown}", block.line));
    }
    format!("{}\n", shown.trim_end())
}

/// A fenced block of a page.
struct Block {
    /// The line of its fence, from 1.
    line: usize,
    /// What stands behind the fence.
    info: String,
    /// Its lines.
    body: String,
}

fn blocks(text: &str) -> impl Iterator<Item = Block> {
    let mut lines = text.lines().enumerate();
    std::iter::from_fn(move || {
        let (number, info) =
            lines.find_map(|(number, line)| Some((number + 1, line.strip_prefix("```")?)))?;
        let body = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .map(|line| format!("{line}\n"))
            .collect();
        Some(Block {
            line: number,
            info: info.to_owned(),
            body,
        })
    })
}

/// Writes the page with other bodies of its blocks.
fn rewrite(page: &Path, text: &str, fresh: &[(Block, String)]) {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut next = 0;
    for (block, body) in fresh {
        for line in &lines[next..block.line] {
            out.push_str(line);
            out.push('\n');
        }
        out.push_str(body);
        next = block.line + block.body.lines().count();
    }
    for line in &lines[next..] {
        out.push_str(line);
        out.push('\n');
    }
    if out != text {
        std::fs::write(page, out).unwrap();
    }
}

fn markdown(folder: &Path, pages: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            markdown(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
}

//! What the compiler says: each `tests/ui/<stage>/*.map` is compiled, and what is printed about it
//! must equal the `.stderr` beside it (`SNAPSHOTS=overwrite cargo test --test ui` rewrites them).
//!
//! The first line of a case names its catalogs, files of `tests/catalogs/`; a second line
//! `// render: short` (or `json`, or `human at most 2`) asks for another form than the one for
//! people. A comment `//~ E0203 words` stands on each line that a diagnostic points at, `//~^` one
//! line below it: a case has exactly the diagnostics it is annotated with, so that a rewritten
//! `.stderr` cannot hide a lost or a new one.

// A test may stop at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "harness/catalogs.rs"]
mod catalogs;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use mapwright::base::Files;
use mapwright::compile::compile;
use mapwright::diagnostics::render::{Colour, Format, render, tally};
use mapwright::diagnostics::{Diagnostic, Diagnostics};

fn main() {
    tryfn::Harness::new("tests/ui", case, run)
        .select(["*/*.map"])
        .test();
}

fn case(fixture: PathBuf) -> tryfn::Case {
    let stage = fixture.parent().unwrap().file_name().unwrap();
    let name = format!(
        "{}/{}",
        stage.to_str().unwrap(),
        fixture.file_stem().unwrap().to_str().unwrap()
    );
    let expected = tryfn::Data::read_from(&fixture.with_extension("stderr"), None).raw();
    tryfn::Case {
        name,
        fixture,
        expected,
    }
}

/// What is printed about a case, once it has the diagnostics it is annotated with.
fn run(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let head = Head::read(&text)?;
    let mut files = Files::new();
    let id = files.add(path.file_name().unwrap().to_str().unwrap(), text.as_str());
    let mut found = Diagnostics::new();
    let plan = compile(&files, id, &head.catalogs, &mut found);
    let failed = found.has_errors();
    let found = found.into_sorted();
    if plan.is_some() == failed {
        return Err("there is a plan exactly where there is no error".to_owned());
    }
    let shown = render(&files, &found, head.format, Colour::Never, head.limit);
    annotated(&files, &text, &found).map_err(|problems| format!("{problems}{shown}"))?;
    let tally = tally(&found);
    Ok(match (head.format, tally.as_str()) {
        (Format::Human, tally) if !tally.is_empty() => format!("{shown}{tally}\n"),
        _ => shown,
    })
}

/// The lines a case opens with.
struct Head {
    catalogs: Vec<mapwright::catalog::Catalog>,
    format: Format,
    limit: usize,
}

impl Head {
    fn read(text: &str) -> Result<Head, String> {
        let mut lines = text.lines();
        let names = lines
            .next()
            .and_then(|line| line.strip_prefix("// catalogs: "))
            .ok_or("the first line names the catalogs: `// catalogs: tiny_source, tiny_target`")?;
        let names = names.split("//~").next().unwrap_or_default();
        let mut head = Head {
            catalogs: names
                .split(',')
                .map(|name| catalogs::read(name.trim()))
                .collect(),
            format: Format::Human,
            limit: usize::MAX,
        };
        if let Some(form) = lines
            .next()
            .and_then(|line| line.strip_prefix("// render: "))
        {
            let (form, limit) = form.split_once(" at most ").unwrap_or((form, ""));
            head.format = match form {
                "human" => Format::Human,
                "short" => Format::Short,
                "json" => Format::Json,
                other => return Err(format!("no form `{other}`")),
            };
            if !limit.is_empty() {
                head.limit = limit.parse().map_err(|_| "the limit is a number")?;
            }
        }
        Ok(head)
    }
}

/// Compares the diagnostics with the annotations: line, code, and words of the message.
fn annotated(files: &Files, text: &str, found: &[Diagnostic]) -> Result<(), String> {
    let mut wanted: Vec<(usize, &str, &str)> = Vec::new();
    for (line, annotation) in text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, line.split_once("//~")?.1)))
        .flat_map(|(line, rest)| rest.split("//~").map(move |part| (line, part)))
    {
        let words = annotation.trim_start_matches('^');
        let above = annotation.len() - words.len();
        let (code, words) = words.trim().split_once(' ').ok_or_else(|| {
            format!("line {line}: an annotation has a code and words of the message")
        })?;
        wanted.push((line - above, code, words));
    }
    let mut problems = String::new();
    for diagnostic in found {
        let line = diagnostic
            .labels
            .iter()
            .find(|label| label.primary)
            .map_or(0, |label| {
                files.position(label.span.file, label.span.start).0
            });
        let position = wanted.iter().position(|(at, code, words)| {
            *at == line && *code == diagnostic.code.as_str() && diagnostic.message.contains(words)
        });
        match position {
            Some(index) => drop(wanted.remove(index)),
            None => {
                let _ = writeln!(
                    problems,
                    "line {line} is not annotated: {} {}",
                    diagnostic.code, diagnostic.message
                );
            }
        }
    }
    for (line, code, words) in wanted {
        let _ = writeln!(problems, "line {line} has no diagnostic {code} {words}");
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

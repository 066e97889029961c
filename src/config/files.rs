//! Which configuration files there are, and their trees.

use std::path::{Path, PathBuf};

use super::environment::{Environment, FileKind};
use super::raw::{self, Node, Schema};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};

/// The files that `paths` name: a directory stands for its `*.yaml` files by name.
///
/// What cannot be found is recorded, all of it.
pub(super) fn expand(
    paths: &[PathBuf],
    flag: &str,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        match environment.files().facts(path) {
            Err(error) => problems.push(unreadable(path, &error.to_string(), flag)),
            Ok(facts) if facts.kind == FileKind::Directory => {
                match environment.files().list(path) {
                    Err(error) => problems.push(unreadable(path, &error.to_string(), flag)),
                    Ok(mut entries) => {
                        entries.retain(|entry| {
                            entry
                                .extension()
                                .is_some_and(|extension| extension == "yaml")
                                && environment
                                    .files()
                                    .facts(entry)
                                    .is_ok_and(|facts| facts.kind != FileKind::Directory)
                        });
                        entries.sort();
                        if entries.is_empty() {
                            problems.push(
                                Diagnostic::error(
                                    codes::E0601,
                                    format!(
                                        "the directory `{}` has no configuration file",
                                        path.display()
                                    ),
                                )
                                .note("in a directory the files that end in `.yaml` are read")
                                .note(format!("it is named by {flag}")),
                            );
                        }
                        files.append(&mut entries);
                    }
                }
            }
            Ok(_) => files.push(path.clone()),
        }
    }
    files
}

/// Reads one file.
pub(super) fn read(
    path: &Path,
    flag: &str,
    schema: Schema,
    environment: &Environment,
    problems: &mut Diagnostics,
) -> Option<Node> {
    let text = match environment.files().read(path) {
        Ok(text) => text,
        Err(error) => {
            problems.push(unreadable(path, &error.to_string(), flag));
            return None;
        }
    };
    match raw::read(&path.display().to_string(), &text, schema) {
        Ok(node) => Some(node),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}

fn unreadable(path: &Path, reason: &str, flag: &str) -> Diagnostic {
    Diagnostic::error(
        codes::E0601,
        format!("the configuration file `{}` cannot be read", path.display()),
    )
    .note(reason.to_owned())
    .note(format!("it is named by {flag}"))
}

//! `--version`: the program's own, and those of everything that a result depends on.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::catalog::snapshot::SHIPPED;
use crate::plan;
use crate::syntax;

use super::mapping::BUNDLED;

/// The revision that the program was built from, where whoever built it said so in a variable.
const REVISION: Option<&str> = option_env!("MAPWRIGHT_REVISION");

/// What `--version` prints behind the name: a line for each version. `-V` prints the first alone.
pub fn long() -> String {
    let mut text = env!("CARGO_PKG_VERSION").to_owned();
    if let Some(revision) = REVISION.filter(|revision| !revision.is_empty()) {
        let _ = write!(text, " ({revision})");
    }
    let _ = write!(
        text,
        "\nlanguage: {}\nplan format: {}\nbundled mapping: synapse_to_mas, digest {}",
        syntax::LANGUAGE_VERSION,
        plan::FORMAT_VERSION,
        digest(BUNDLED),
    );
    // One that belongs to no database has no such versions.
    for (shipped, supported) in SHIPPED
        .iter()
        .filter_map(|shipped| Some((shipped, shipped.supported()?)))
    {
        let _ = write!(
            text,
            "\ncatalog: {} {}, for schema versions {} to {}",
            shipped.name, shipped.version, supported.oldest, supported.newest
        );
    }
    text
}

/// The first 48 bits of a text's SHA-256: programs that show the same one carry the same mapping.
fn digest(text: &str) -> String {
    let mut digest = String::new();
    for byte in Sha256::digest(text.as_bytes()).iter().take(6) {
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::snapshot;

    #[test]
    fn every_version_has_a_line() {
        let text = long();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with(env!("CARGO_PKG_VERSION")));
        assert_eq!(lines[1], "language: 1");
        assert_eq!(lines[2], "plan format: 1");
        let (_, digest) = lines[3].split_once("digest ").unwrap();
        assert_eq!(digest.len(), 12);
        let of_databases: Vec<_> = SHIPPED
            .iter()
            .filter_map(|shipped| {
                let supported = snapshot::shipped(shipped.name).unwrap().identity.supported;
                Some((shipped, supported?))
            })
            .collect();
        assert_eq!(lines.len(), 4 + of_databases.len());
        assert_eq!(of_databases.len(), 2);
        for (line, (shipped, supported)) in lines[4..].iter().zip(of_databases) {
            assert_eq!(
                *line,
                format!(
                    "catalog: {} {}, for schema versions {} to {}",
                    shipped.name, shipped.version, supported.oldest, supported.newest
                )
            );
        }
    }

    #[test]
    fn the_digest_is_that_of_the_text() {
        assert_eq!(digest("abc"), "ba7816bf8f01");
        assert_ne!(digest(BUNDLED), digest(&format!("{BUNDLED}\n")));
    }

    #[test]
    fn the_changelog_knows_the_version_of_the_language() {
        let changelog = include_str!("../../docs/dev/changelog.md");
        let version = format!("Version of the language: **{}**", syntax::LANGUAGE_VERSION);
        assert!(changelog.contains(&version));
    }
}

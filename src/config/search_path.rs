//! A `search_path` in the `options` of a connection. It is not followed: tables are looked for in one
//! schema, which a flag names, so that a run means the same whatever a connection was set up with. Where
//! the two differ that is said.

use crate::diagnostics::{Diagnostic, codes};
use crate::pg::Endpoint;

/// The warning that the `search_path` of an endpoint leads elsewhere than to `schema`, the value of
/// `flag`.
pub fn search_path_unused(endpoint: &Endpoint, schema: &str, flag: &str) -> Option<Diagnostic> {
    let options = endpoint.options.as_ref()?;
    let first = first_schema(&options.value).filter(|first| first != schema)?;
    Some(
        Diagnostic::warning(
            codes::W0602,
            format!(
                "the `search_path` of the {} database's `options` is not followed",
                endpoint.name
            ),
        )
        .note(format!("it comes from: {}", options.origin))
        .note(format!("tables are looked for in schema `{schema}`"))
        .help(format!("name the schema: `{flag} {first}`")),
    )
}

/// The first schema of the last `search_path` among the options of a session, but for the one that
/// has the user's name.
fn first_schema(options: &str) -> Option<String> {
    let mut found = None;
    let mut words = options.split_whitespace();
    while let Some(word) = words.next() {
        let setting = match word {
            "-c" => words.next(),
            _ => word.strip_prefix("--").or_else(|| word.strip_prefix("-c")),
        };
        let Some((name, value)) = setting.and_then(|setting| setting.split_once('=')) else {
            continue;
        };
        if name.replace('-', "_").eq_ignore_ascii_case("search_path") {
            found = value
                .split(',')
                .map(|name| name.trim_matches(['"', '\'', '\\']))
                .find(|name| !name.is_empty() && *name != "$user")
                .map(str::to_owned);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::endpoint_of;
    use super::super::environment::testing::environment;
    use super::*;
    use crate::pg::{Origin, Secret, Sourced};

    #[test]
    fn a_search_path_is_found_among_the_options() {
        for (options, schema) in [
            ("-c search_path=syn", Some("syn")),
            ("-csearch_path=syn", Some("syn")),
            ("--search-path=syn,public", Some("syn")),
            ("-c jit=off -c SEARCH_PATH=\"$user\",syn", Some("syn")),
            ("-c search_path=a -c search_path=b", Some("b")),
            ("-c search_path=$user", None),
            ("-c jit=off", None),
            ("-c", None),
            ("", None),
        ] {
            assert_eq!(first_schema(options).as_deref(), schema, "{options}");
        }
    }

    #[test]
    fn what_is_not_followed_is_said_with_the_flag_that_is() {
        let text = "host=h user=u options='-c search_path=syn'";
        let given = Sourced::new(Secret::new(text), Origin::Flag("--x".to_owned()));
        let endpoint = endpoint_of("Synapse", &given, &environment(&[], &[])).unwrap();
        let warning = search_path_unused(&endpoint, "public", "--source-schema").unwrap();
        assert_eq!(
            warning.message,
            "the `search_path` of the Synapse database's `options` is not followed"
        );
        assert_eq!(
            warning.notes,
            [
                "it comes from: `--x`",
                "tables are looked for in schema `public`"
            ]
        );
        assert_eq!(warning.help, ["name the schema: `--source-schema syn`"]);
        assert!(search_path_unused(&endpoint, "syn", "--source-schema").is_none());
    }
}

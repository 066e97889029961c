//! Reference pages that are made from the program's own registries: the page in `docs/reference/` must
//! equal what is made (`UPDATE=1 cargo test --test generated` rewrites it).

// A test may stop at once on what it did not expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt::Write;
use std::path::Path;

use mapwright::cli::finding_pages::{Group, page, pages};
use mapwright::cli::mapping;
use mapwright::diagnostics::codes::REGISTRY;
use mapwright::functions::{Function, GROUPS};

fn check(page: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/reference")
        .join(page);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, made).unwrap();
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == made,
        "docs/reference/{page} is not what the program says; `UPDATE=1 cargo test --test generated` writes it"
    );
}

const MADE: &str = "<!-- Made by `UPDATE=1 cargo test --test generated`. -->\n";

#[test]
fn the_page_of_functions_is_the_registry() {
    let mut page = format!(
        "# Functions\n\n{MADE}\n\
         Functions are pure: the same arguments give the same result, in every run. Arguments are never\n\
         null; `??` or a test makes a nullable value required. A call that can fail says by `else` what\n\
         happens then, and the examples leave that out.\n"
    );
    for (group, functions) in GROUPS {
        let _ = write!(page, "\n## {group}\n");
        for function in *functions {
            describe(&mut page, function);
        }
    }
    page.push_str(LANGUAGE);
    check("functions.md", &page);
}

fn describe(page: &mut String, function: &Function) {
    let parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, parameter.ty.ty()))
        .collect();
    let _ = write!(
        page,
        "\n### `{}({}) → {}`\n\n{}",
        function.name,
        parameters.join(", "),
        function.returns.to_type(),
        function.doc
    );
    if let Some(fails) = function.fails {
        let _ = write!(page, " Fails {fails}.");
    }
    if let Some(parameter) = function
        .injective_in
        .and_then(|at| function.parameters.get(at))
    {
        let _ = write!(
            page,
            " Keeps values apart: other values of `{}` give other results.",
            parameter.name
        );
    }
    page.push_str("\n\n");
    for (call, gives) in function.examples {
        let gives = match *gives {
            "fails" => "fails".to_owned(),
            value => format!("`{value}`"),
        };
        let _ = writeln!(page, "- `{call}` → {gives}");
    }
}

/// The functions that are part of the language: their forms are no plain lists of parameters.
const LANGUAGE: &str = "
## Part of the language

### `ulid(time: timestamp, key…) for TABLE → uuid`

An identifier whose first 48 bits are the time in milliseconds and whose other 80 are a hash of the
table's name and the key, the same in every run and release. Inside an `into` the table is known and
`for TABLE` can be left out. Other keys, another order of them, other types or another table give
another identifier.

### `matches(text: text, \"pattern\") → bool`

Whether the regular expression, a constant, is found in the text. `^` and `$` tie it to the ends. A brace
in it is written `\\{` or `\\}`, a backslash `\\\\`.

### `min(value)`, `max(value)`, `count()`, `count(value)`, `first(value by key desc, …)`

Values over the rows of a group, in a view with `group by`. `min` and `max` pass over nulls; `count()`
counts rows and `count(value)` the values that are not null; `first` takes the value of the row that comes
first in the given order.
";

#[test]
fn the_index_of_codes_is_the_registry() {
    let mut page = format!(
        "# Errors and warnings\n\n{MADE}\n\
         Every message carries a code, and `mapwright explain CODE` prints the code's page. A code keeps its\n\
         meaning for ever. `E` are errors, `W` warnings.\n"
    );
    let groups = [
        ("00", "Syntax"),
        ("01", "Names"),
        ("02", "Types"),
        ("03", "Coverage"),
        ("04", "Planning"),
        ("05", "Rows"),
        ("06", "Settings, connections, databases"),
        ("09", "Defects of mapwright"),
    ];
    let mut listed = 0;
    for (hundred, title) in groups {
        let _ = write!(page, "\n## {title}\n\n| code | title |\n|---|---|\n");
        for info in REGISTRY {
            let code = info.code.as_str();
            if &code[1..3] == hundred {
                listed += 1;
                let _ = writeln!(page, "| [{code}](../errors/{code}.md) | {} |", info.title);
            }
        }
    }
    assert_eq!(listed, REGISTRY.len(), "a code is in no group");
    check("errors.md", &page);
}

/// What `config generate` writes of its own, besides what is carried over.
const FRESH: &[(&str, &str)] = &[
    (
        "`http.public_base`",
        "a guess from `server_name`; **fill in**",
    ),
    (
        "`http.listeners`",
        "MAS's own: people and clients on port 8080, health checks on 8081",
    ),
    ("`database`", "**fill in**: a database of MAS's own"),
    ("`secrets.encryption`", "32 fresh random bytes"),
    (
        "`secrets.keys[]`",
        "fresh: RSA of 2048 bits, EC P-256, P-384 and secp256k1, as PKCS#8 in PEM, each with a fresh `kid`",
    ),
    (
        "`passwords.schemes[]`, version 1",
        "bcrypt; `cost` = `bcrypt_rounds`, `secret` = `password_config.pepper`, `unicode_normalization: true`",
    ),
    (
        "`passwords.schemes[]`, version 2",
        "argon2id, for new passwords",
    ),
    ("`upstream_oauth2.providers[].id`", "a fresh ULID"),
];

#[test]
fn the_page_of_configurations_is_what_is_generated_and_compared() {
    let mut page = format!(
        "# `config generate` and `config lint`\n\n{MADE}\n\
         `mapwright config generate` makes a configuration for MAS of Synapse's; `mapwright config lint` compares a\n\
         configuration that is there with what would be made. Both look at the same options.\n\n\
         ## What is carried over\n\n\
         Keys of a provider stand below `oidc_providers[]` or `oidc_config` in Synapse's configuration; templates below\n\
         `user_mapping_provider.config`.\n\n\
         | MAS | from Synapse | if the sides differ |\n|---|---|---|\n"
    );
    for option in mapwright::config::option_reference() {
        let finding = option.finding.map_or(String::new(), |id| format!("`{id}`"));
        let _ = writeln!(
            page,
            "| `{}` | {} | {finding} |",
            option.mas, option.synapse
        );
    }
    page.push_str("\n## What is made besides\n\n| MAS | |\n|---|---|\n");
    for (key, how) in FRESH {
        let _ = writeln!(page, "| {key} | {how} |");
    }
    page.push_str(
        "\n## Warnings of `config generate`\n\n\
         What has no counterpart, or none that means quite the same. They are printed by what they are about, then in\n\
         the order in which their settings stand in Synapse's configuration, and change no exit status.\n\n\
         | warning | Synapse | meaning | what to do |\n|---|---|---|---|\n",
    );
    for warning in mapwright::config::warning_reference() {
        let keys: Vec<String> = warning
            .synapse
            .split(", ")
            .map(|key| format!("`{key}`"))
            .collect();
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            warning.id,
            keys.join(", "),
            warning.meaning,
            warning.remedy.replace('|', "\\|")
        );
    }
    page.push_str(
        "\n## Findings of `config lint`\n\n\
         Exit status 0: none; 11: differences; 10: also what `check` calls errors, such as `homeserver_mismatch` or\n\
         `password_secret_mismatch`. Warnings of `check` that are about both configurations come along\n\
         (`provider_issuer_differs`, `provider_client_id_differs`, `password_normalization_off`, `captcha_missing` and\n\
         the like). What has no counterpart in MAS is not listed, since no change of a configuration could mend it.\n\n\
         Names, brands and `matrix.endpoint` may differ. Blanks inside of `{{ }}`, the order of scopes and a slash at the\n\
         end of an issuer say nothing. An option that is missing counts as what MAS does without it. Secrets are\n\
         compared, in files too, and never shown.\n\n\
         | finding | meaning |\n|---|---|\n",
    );
    let mut listed = std::collections::BTreeSet::new();
    for option in mapwright::config::option_reference() {
        if let (Some(id), Some(meaning)) = (option.finding, option.meaning)
            && listed.insert(id)
        {
            let _ = writeln!(page, "| `{id}` | {meaning} |");
        }
    }
    for (id, meaning) in mapwright::config::OTHER_DIFFERENCES {
        let _ = writeln!(page, "| `{id}` | {meaning} |");
    }
    page.push_str(ANSWERS);
    check("config.md", &page);
}

/// The JSON of both commands.
const ANSWERS: &str = "
## As JSON

`--format json` prints one document: of `config lint` on stdout; of `config generate` on stdout if `--output`
takes the configuration, else on stderr, on one line.

| key | |
|---|---|
| `schema_version` | 1; raised with every change that a reader could notice |
| `mapwright` | the version of the program |
| `command` | `config generate` or `config lint` |
| `output` | the file that was written, if any (`config generate`) |
| `fill_in` | keys to look at before MAS starts (`config generate`) |
| `findings[]` | `id`, `severity`, `count`, `samples`, `meaning`, `remedy`, `group`, as in the [report](report.md) |
| `verdict` | `exit`, the exit status, and `text`, one sentence |
";

#[test]
fn the_page_of_findings_is_the_registry() {
    let plan = mapping::load(None, &[]).unwrap().plan;
    let mut text = format!(
        "# Findings\n\n{MADE}\n\
         What `mapwright check` can find. An id keeps its meaning for ever; `mapwright explain ID` prints what\n\
         stands here. `<side>` is `source` (Synapse) or `target` (MAS), another name in such brackets is that of\n\
         a table, column, constraint or key. Errors stop a migration and have to be mended. Warnings do not, and\n\
         can be [accepted](../guides/migrate.md#accepting-warnings).\n"
    );
    for group in Group::ALL {
        let title = group.title();
        let (first, rest) = title.split_at(1);
        let _ = write!(text, "\n## {}{rest}\n", first.to_uppercase());
        for page in pages().filter(|page| page.group == group) {
            let _ = write!(text, "\n### `{}`\n", page.id);
            for (heading, words) in page.parts(&plan) {
                let _ = match heading {
                    "SQL" => write!(text, "\n```sql\n{words}\n```\n"),
                    _ => write!(text, "\n**{heading}:** {words}.\n"),
                };
            }
        }
    }
    check("findings.md", &text);
}

/// The words of code that look like ids and are none.
const NO_IDS: &[&str] = &[
    // Keys of configurations.
    "matrix_authentication_service",
    "secret_path",
    "public_base",
    // What `config lint` alone says.
    "matrix_secret_not_compared",
    // Parameters of the mapping.
    "server_name",
    "migrated_at",
    "disabled_providers",
    "missing_providers",
    // Tables.
    "users",
    "user_passwords",
    "upstream_oauth_links",
    "user_emails",
    "compat_access_tokens",
    "user_unsupported_third_party_ids",
    "compat_refresh_tokens",
    "user_threepids",
    "user_external_ids",
    "queue_jobs",
    "queue_workers",
    // A reason of what is compared while both are in use.
    "provider_not_mapped",
    "active_accounts",
    "known_devices",
    "_since",
    // Causes of the forecast.
    "passwords_disabled",
    "provider_disabled",
    "provider_missing",
    "nothing_in_synapse",
    // Parts of ids.
    "not_recognised",
    "version_too_old",
    "version_not_tested",
    "version_not_noted",
    "not_set",
    "not_unique",
    "no_reference",
    "access_tokens",
    "refresh_tokens",
    "compat_sessions",
    // Of serde.
    "snake_case",
    "snake_case\")",
];

/// Every text in quotes of a source file's code that consists of two words or more, joined by `_`.
fn quoted_ids(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let is_id = |word: &&str| {
        word.contains('_')
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(is_id)
        .map(str::to_owned)
        .collect()
}

#[test]
fn findings_and_their_pages_are_the_same() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut made: Vec<String> = Vec::new();
    for file in [
        "config/delegation.rs",
        "config/findings.rs",
        "config/password_findings.rs",
        "config/provider_findings.rs",
        "cli/commands/check.rs",
        "cli/operator/findings.rs",
        "cli/operator/preflight.rs",
        "cli/operator/rehearsal.rs",
        "cli/operator/across.rs",
        "cli/operator/forecast.rs",
        "cli/operator/live/disagreement.rs",
        "cli/operator/live/told.rs",
    ] {
        made.extend(quoted_ids(&root.join(file)));
    }
    // What ends so is the beginning of a family's ids.
    made.retain(|id| !NO_IDS.contains(&id.as_str()) && !id.ends_with('_'));
    assert!(made.len() > 50, "{made:?}");
    // The sides' ids are put together.
    for (file, parts) in [
        (
            "catalog/identify.rs",
            &[
                "swapped",
                "empty",
                "not_recognised",
                "version_too_old",
                "version_not_tested",
                "version_not_noted",
            ][..],
        ),
        (
            "catalog/diff.rs",
            &[
                "missing",
                "generated",
                "type",
                "nullness",
                "not_set",
                "not_unique",
                "no_reference",
                "unknown",
            ],
        ),
    ] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        for part in parts {
            assert!(
                text.contains(&format!("\"{part}\"")),
                "{file} makes no `…_{part}`"
            );
            made.push(match file {
                "catalog/identify.rs" => format!("source_database_{part}"),
                _ => format!("target_some_table_{part}"),
            });
        }
    }
    for family in [
        "missing_in_table",
        "duplicate_some_unique",
        "unproven_some_unique",
        "dangling_some_reference",
        "unchecked_some_reference",
    ] {
        made.push(family.to_owned());
    }
    made.push("source_encoding_not_utf8".to_owned());
    let plan = mapping::load(None, &[]).unwrap().plan;
    made.extend(plan.reasons.iter().map(|reason| reason.name.clone()));
    let without: Vec<&String> = made.iter().filter(|id| page(id).is_none()).collect();
    assert!(without.is_empty(), "findings without a page: {without:#?}");
    let unused: Vec<&str> = pages()
        .filter(|known| !made.iter().any(|id| page(id) == Some(*known)))
        .map(|page| page.id)
        .collect();
    assert!(
        unused.is_empty(),
        "pages of what is never found: {unused:#?}"
    );
}

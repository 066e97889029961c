//! Command lines of mapwright for the same two sides, to be pasted into a shell.

use std::path::PathBuf;

use crate::cli::args::{FindingArgs, SideArgs};
use crate::cli::operator::files;
use crate::cli::uri;
use crate::pg::Origin;

/// How the command was called whose next steps are told.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// Both sides.
    pub sides: &'a SideArgs,
    /// What becomes of warnings.
    pub findings: &'a FindingArgs,
    /// What `--max-rejects` was given.
    pub max_rejects: Option<String>,
    /// The files of `--report`.
    pub reports: &'a [PathBuf],
}

impl Invocation<'_> {
    /// `mapwright VERB` with flags for the same two sides, and more flags behind. Connection strings
    /// and parameters may hold secrets: an ellipsis stands for them.
    pub(super) fn command(&self, verb: &str, more: &[&str]) -> String {
        let mut words = vec!["mapwright".to_owned(), verb.to_owned()];
        let sides = self.sides;
        let mut flag = |name: &str, value: String| {
            words.push(name.to_owned());
            words.push(value);
        };
        let path = |path: &PathBuf| quoted(&path.display().to_string());
        for file in &sides.synapse_config {
            flag("--synapse-config", path(file));
        }
        for file in &sides.config {
            flag("--config", path(file));
        }
        let uris = [
            (
                "--source-database-uri",
                &sides.source_database_uri,
                "MAPWRIGHT_SOURCE_DATABASE_URI",
            ),
            (
                "--target-database-uri",
                &sides.target_database_uri,
                "MAPWRIGHT_TARGET_DATABASE_URI",
            ),
        ];
        for (name, given, variable) in uris {
            // What came from the environment is there still.
            let by_flag =
                |text: &String| matches!(uri::given(text, name, variable).origin, Origin::Flag(_));
            if given.as_ref().is_some_and(by_flag) {
                flag(name, "…".to_owned());
            }
        }
        for (name, schema) in [
            ("--source-schema", &sides.source_schema),
            ("--target-schema", &sides.target_schema),
        ] {
            if schema != "public" {
                flag(name, quoted(schema));
            }
        }
        for mapping in &sides.upstream_provider_mapping {
            flag("--upstream-provider-mapping", quoted(mapping));
        }
        if let Some(file) = &sides.mapping {
            flag("--mapping", path(file));
        }
        for file in &sides.catalogs {
            flag("--catalog", path(file));
        }
        for set in &sides.set {
            let name = set.split('=').next().unwrap_or_default();
            flag("--set", format!("{}=…", quoted(name)));
        }
        if sides.ignore_missing_auth_providers {
            words.push("--ignore-missing-auth-providers".to_owned());
        }
        words.extend(more.iter().map(|word| quoted(word)));
        words.join(" ")
    }

    /// `mapwright verify --live`, which has mappings of its own.
    pub(super) fn live(&self, more: &[String]) -> String {
        let sides = SideArgs {
            mapping: None,
            catalogs: Vec::new(),
            set: Vec::new(),
            ..self.sides.clone()
        };
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let like = Invocation {
            sides: &sides,
            ..self.clone()
        };
        like.command("verify", &[&["--live"], more.as_slice()].concat())
    }

    /// `mapwright migrate` as `check` or a dry run was called.
    pub(super) fn migrate(&self, more: &[&str]) -> String {
        let mut flags: Vec<String> = Vec::new();
        let mut flag = |name: &str, value: &str| {
            flags.push(name.to_owned());
            flags.push(value.to_owned());
        };
        if let Some(moment) = &self.sides.migrated_at {
            flag("--migrated-at", moment);
        }
        for accepted in &self.findings.accept {
            flag("--accept", accepted);
        }
        for file in &self.findings.accept_file {
            flag("--accept-file", &file.display().to_string());
        }
        if let Some(limit) = &self.max_rejects {
            flag("--max-rejects", limit);
            // They are left out only where they are listed.
            flag("--rejects", "rejects.jsonl");
        }
        if self.findings.deny_warnings {
            flags.push("--deny-warnings".to_owned());
        }
        flags.extend(more.iter().map(|word| (*word).to_owned()));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        self.command("migrate", &flags)
    }

    /// The report that `verify` and `undo` can read, if one was asked for.
    pub(super) fn report(&self) -> Option<String> {
        self.reports
            .iter()
            .find(|path| !files::is_page(path))
            .map(|path| path.display().to_string())
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:=@%+,-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_the_flags_of_the_run_and_no_secrets() {
        let sides = SideArgs {
            synapse_config: vec!["homeserver.yaml".into(), "conf d".into()],
            config: vec!["it's.yaml".into()],
            source_database_uri: Some("postgresql://u:hunter2@h/synapse".to_owned()),
            source_schema: "public".to_owned(),
            target_schema: "mas".to_owned(),
            upstream_provider_mapping: vec!["oidc:01H8PKNWKKRPCBW4YGH1RWV279".to_owned()],
            ignore_missing_auth_providers: true,
            set: vec!["salt=hunter2".to_owned()],
            migrated_at: Some("2026-05-01T02:00:00Z".to_owned()),
            ..SideArgs::default()
        };
        let findings = FindingArgs {
            accept: vec!["orphan=3".to_owned()],
            accept_file: vec!["accepted.yaml".into()],
            deny_warnings: true,
        };
        let reports = [PathBuf::from("night.HTML"), "night.json".into()];
        let invocation = Invocation {
            sides: &sides,
            findings: &findings,
            max_rejects: Some("2%".to_owned()),
            reports: &reports,
        };
        let common = "--synapse-config homeserver.yaml --synapse-config 'conf d' --config 'it'\\''s.yaml' \
            --source-database-uri … --target-schema mas \
            --upstream-provider-mapping oidc:01H8PKNWKKRPCBW4YGH1RWV279 --set salt=… \
            --ignore-missing-auth-providers";
        assert_eq!(
            invocation.command("undo", &["--report", "night.json"]),
            format!("mapwright undo {common} --report night.json")
        );
        assert_eq!(
            invocation.migrate(&["--dry-run"]),
            format!(
                "mapwright migrate {common} --migrated-at 2026-05-01T02:00:00Z --accept orphan=3 \
                 --accept-file accepted.yaml --max-rejects 2% --rejects rejects.jsonl --deny-warnings --dry-run"
            )
        );
        assert_eq!(invocation.report().unwrap(), "night.json");
    }
}

//! What a case is, and how it is run.

use std::collections::BTreeSet;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::fixture::{PROVIDER_IDS, Pair, Run, make_tables, mas_with, target_database};
use crate::harness::{self, Database};

/// One finding, and what brings it about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// The finding.
    pub(crate) id: &'static str,
    pub(crate) severity: &'static str,
    pub(crate) count: u64,
    /// Findings that cannot but come along.
    pub(crate) also: &'static [&'static str],
    /// SQL that changes Synapse's database.
    pub(crate) source: &'static str,
    /// SQL that changes MAS's database.
    pub(crate) target: &'static str,
    /// A text of Synapse's configuration and what stands there instead; an empty one means the end.
    pub(crate) synapse: &'static [(&'static str, &'static str)],
    /// The same of MAS's.
    pub(crate) mas: &'static [(&'static str, &'static str)],
    /// The same of the mapping; without any it is the bundled one.
    pub(crate) mapping: &'static [(&'static str, &'static str)],
    pub(crate) arguments: &'static [&'static str],
}

impl Case {
    pub(crate) const fn error(id: &'static str) -> Self {
        Self::new(id, "error")
    }

    pub(crate) const fn warning(id: &'static str) -> Self {
        Self::new(id, "warning")
    }

    const fn new(id: &'static str, severity: &'static str) -> Self {
        Self {
            id,
            severity,
            count: 1,
            also: &[],
            source: "",
            target: "",
            synapse: &[],
            mas: &[],
            mapping: &[],
            arguments: &[],
        }
    }

    pub(crate) const fn count(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    pub(crate) const fn also(mut self, ids: &'static [&'static str]) -> Self {
        self.also = ids;
        self
    }

    pub(crate) const fn source(mut self, sql: &'static str) -> Self {
        self.source = sql;
        self
    }

    pub(crate) const fn target(mut self, sql: &'static str) -> Self {
        self.target = sql;
        self
    }

    pub(crate) const fn synapse(mut self, edits: &'static [(&'static str, &'static str)]) -> Self {
        self.synapse = edits;
        self
    }

    pub(crate) const fn mas(mut self, edits: &'static [(&'static str, &'static str)]) -> Self {
        self.mas = edits;
        self
    }

    pub(crate) const fn mapping(mut self, edits: &'static [(&'static str, &'static str)]) -> Self {
        self.mapping = edits;
        self
    }

    pub(crate) const fn with(mut self, arguments: &'static [&'static str]) -> Self {
        self.arguments = arguments;
        self
    }

    /// Makes the change, checks, and looks that this finding and no other is there.
    pub(crate) async fn prove(&self) {
        // A side that nobody changes need not be a copy of its own.
        let pair = pair(self.id, !self.source.is_empty(), !self.target.is_empty()).await;
        self.change(&pair);
        let mut arguments = vec!["check"];
        let mapping = pair.path("own.map");
        if !self.mapping.is_empty() {
            let text = edited(
                include_str!("../../mappings/synapse-to-mas.map"),
                self.mapping,
            );
            pair.write("own.map", &text);
            arguments.extend(["--mapping", &mapping]);
        }
        arguments.extend(self.arguments);
        let run = pair.run(&arguments);
        let expected: BTreeSet<&str> = self.also.iter().copied().chain([self.id]).collect();
        assert!(
            run.code.is_some_and(|code| code >= 10),
            "{}: {}",
            self.id,
            run.stderr
        );
        assert_eq!(ids(&run), expected, "{}\n{}", self.id, run.stderr);
        let found = finding(&run, self.id);
        assert_eq!(found["severity"], self.severity, "{}", self.id);
        assert_eq!(found["count"], self.count, "{}: {found}", self.id);
        assert!(found["samples"].as_array().unwrap().len() <= 5);
        for field in ["meaning", "remedy"] {
            let text = found[field].as_str().unwrap();
            assert!(
                !text.is_empty() && !text.ends_with('.'),
                "{}: {text}",
                self.id
            );
        }
        let errors = run.json()["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| finding["severity"] == "error");
        assert_eq!(
            run.code,
            Some(if errors { 10 } else { 11 }),
            "{}",
            run.stderr
        );
        // The verdict is one line, whatever its length: it is what a cut log ends with.
        // What says where each side leads comes first, with paths of any length.
        let mut lines: Vec<&str> = run
            .stderr
            .lines()
            .skip_while(|line| !line.is_empty())
            .collect();
        lines.pop();
        // So do the lines of a mapping and what is said of them.
        let of_mapping = |line: &str| {
            let head = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
            line.starts_with("error[E")
                || line.starts_with("warning[W")
                || head.starts_with(['│', '=', '┌', '·'])
        };
        lines.retain(|line| {
            line.chars().count() > 80 && !line.contains("mapwright-test-") && !of_mapping(line)
        });
        assert!(lines.is_empty(), "more than 80 columns: {lines:#?}");
    }

    fn change(&self, pair: &Pair) {
        if !self.source.is_empty() {
            pair.source.psql(self.source);
        }
        if !self.target.is_empty() {
            pair.target.psql(self.target);
        }
        for (file, edits) in [("homeserver.yaml", self.synapse), ("mas.yaml", self.mas)] {
            let text = std::fs::read_to_string(pair.path(file)).unwrap();
            pair.write(file, &edited(&text, edits));
        }
    }
}

fn edited(text: &str, edits: &[(&str, &str)]) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        if from.is_empty() {
            return format!("{text}\n{to}\n");
        }
        assert!(text.contains(from), "`{from}` is not in:\n{text}");
        text.replacen(from, to, 1)
    })
}

/// The ids of a report's findings.
pub(crate) fn ids(run: &Run) -> BTreeSet<&'static str> {
    let report = run.json();
    let ids: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| finding["id"].as_str().unwrap().to_owned())
        .collect();
    // They are few, and live as long as the test.
    ids.into_iter().map(|id| &*id.leak()).collect()
}

/// One finding of a report.
pub(crate) fn finding(run: &Run, id: &str) -> Value {
    let report = run.json();
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .find(|finding| finding["id"] == id)
        .unwrap_or_else(|| panic!("no `{id}`:\n{}", run.stderr))
        .clone()
}

/// Proves cases one after the other, all of them, and fails with what was wrong with each.
pub(crate) async fn prove(cases: &[Case]) {
    let mut failed = Vec::new();
    for case in cases {
        let case = *case;
        if let Err(error) = tokio::spawn(async move { case.prove().await }).await {
            failed.push((case.id, error));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// A pair of which nothing is to be said.
pub(crate) async fn clean(name: &str) -> Pair {
    pair(name, true, true).await
}

/// A clean pair, of databases that may be changed or of ones that all tests share.
async fn pair(name: &str, own_source: bool, own_target: bool) -> Pair {
    static SOURCE: OnceCell<Database> = OnceCell::const_new();
    static TARGET: OnceCell<Database> = OnceCell::const_new();
    static SHARED_SOURCE: OnceCell<Database> = OnceCell::const_new();
    static SHARED_TARGET: OnceCell<Database> = OnceCell::const_new();
    let source = SOURCE
        .get_or_init(|| async {
            let database = harness::fresh_database("clean_source").await;
            make_tables(&database, "synapse");
            database.psql(include_str!("clean.sql"));
            database
        })
        .await;
    let target = TARGET
        .get_or_init(|| async { target_database(&[("oidc-dex", dex().1)]).await })
        .await;
    let short: String = name.chars().take(40).collect();
    let source = if own_source {
        harness::copy_of(source, &format!("{short}_s")).await
    } else {
        shared(&SHARED_SOURCE, source).await
    };
    let target = if own_target {
        harness::copy_of(target, &format!("{short}_t")).await
    } else {
        shared(&SHARED_TARGET, target).await
    };
    let pair = Pair::between(source, target);
    let text = std::fs::read_to_string(pair.path("homeserver.yaml")).unwrap();
    pair.write("homeserver.yaml", &format!("{text}{OIDC_IN_SYNAPSE}"));
    let mas = mas_with(&pair.target.name, [("oidc-dex", dex().0)]);
    pair.write("mas.yaml", &mas);
    pair
}

/// A copy that is made once.
async fn shared(cell: &'static OnceCell<Database>, template: &Database) -> Database {
    let copy = cell
        .get_or_init(|| harness::copy_of(template, "shared"))
        .await;
    Database {
        name: copy.name.clone(),
    }
}

/// The provider of a clean pair: its ULID and UUID.
fn dex() -> (&'static str, &'static str) {
    PROVIDER_IDS[1]
}

const OIDC_IN_SYNAPSE: &str = "oidc_providers:
  - {idp_id: dex, issuer: \"https://sso.example\", client_id: test}
";

#[tokio::test]
async fn a_clean_pair_gives_no_finding() {
    let pair = clean("nothing").await;
    let run = pair.run(&["check"]);
    run.answered(0, &["ready to migrate: no findings"]);
    assert!(ids(&run).is_empty());
    pair.run(&["migrate", "--deny-warnings"])
        .answered(0, &["committed"]);
}

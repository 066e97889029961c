//! L: links to accounts at single sign-on providers.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mapwright::config::{CommandLine, Environment, FileFacts, FileKind, FileSystem, Settings};
use mapwright::types::SeverityValue;

use super::fixture::*;

const FORGE: [u8; 16] = [1; 16];
const SCHOOL: [u8; 16] = [2; 16];

#[test]
fn l1_a_link_becomes_a_link_to_the_provider_of_the_map() {
    let outcome = synapse([
        user(ADA),
        link(ADA, "oidc-forge", "ada-at-the-forge"),
        link(ADA, "saml", "ada-at-school"),
    ])
    .provider("oidc-forge", FORGE)
    .provider("saml", SCHOOL)
    .migrate();
    let owner = outcome.only("users").get("user_id").clone();
    for (subject, provider) in [("ada-at-the-forge", FORGE), ("ada-at-school", SCHOOL)] {
        outcome
            .row("upstream_oauth_links", "subject", subject)
            .has("user_id", owner.clone())
            .has(
                "upstream_oauth_provider_id",
                mapwright::types::OwnedValue::Uuid(provider),
            )
            .has("created_at", seconds(CREATED))
            .nulls(["human_account_name"]);
    }
    outcome.ledger("upstream_links", ["written 2"]);
    outcome.counted([]);
}

#[test]
fn l1_two_links_to_one_provider_are_both_kept() {
    let outcome = synapse([
        user(ADA),
        link(ADA, "oidc", "first"),
        link(ADA, "oidc", "second"),
    ])
    .provider("oidc", FORGE)
    .migrate();
    assert_eq!(
        outcome.texts("upstream_oauth_links", "subject"),
        ["first", "second"]
    );
}

#[test]
fn l1_deactivated_accounts_and_guests_keep_their_links() {
    for account in [deactivated(ADA), guest(ADA)] {
        let outcome = synapse([account, link(ADA, "oidc", "subject")])
            .provider("oidc", FORGE)
            .migrate();
        outcome.only("upstream_oauth_links");
    }
}

#[test]
fn l1_the_link_of_a_bridge_account_is_left_out() {
    let outcome = synapse([bridge(ADA), link(ADA, "oidc", "subject")])
        .provider("oidc", FORGE)
        .migrate();
    outcome.empty(["upstream_oauth_links"]);
    outcome.ledger("upstream_links", ["owner bridge_user 1"]);
}

/// Configuration files that are made up.
struct MadeUp(BTreeMap<PathBuf, &'static str>);

impl FileSystem for MadeUp {
    fn read(&self, path: &Path) -> io::Result<String> {
        let text = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok((*text).to_owned())
    }

    fn list(&self, _: &Path) -> io::Result<Vec<PathBuf>> {
        Err(io::ErrorKind::NotADirectory.into())
    }

    fn facts(&self, path: &Path) -> io::Result<FileFacts> {
        self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(FileFacts {
            kind: FileKind::File,
            mode: 0o600,
        })
    }
}

const SYNAPSE_CONFIG: &str = "\
server_name: hs.example
database: {name: psycopg2, args: {user: s, host: h}}
";

const MAS_CONFIG: &str = "\
database: {uri: 'postgresql://m@h/mas'}
matrix: {homeserver: hs.example}
upstream_oauth2:
  providers:
    - {id: 01H8PKNWKKRPCBW4YGH1RWV279, synapse_idp_id: oidc-forge}
    - {id: 01H8PKNWKKRPCBW4YGH1RWV27A, synapse_idp_id: oidc}
    - {id: 01H8PKNWKKRPCBW4YGH1RWV27B}
";

/// A run with the provider map that the configurations of both sides give.
fn configured(rows: impl IntoIterator<Item = Row>) -> Synapse {
    let files = BTreeMap::from([
        (PathBuf::from("/synapse.yaml"), SYNAPSE_CONFIG),
        (PathBuf::from("/mas.yaml"), MAS_CONFIG),
    ]);
    let environment = Environment::new(BTreeMap::new(), None, None, Arc::new(MadeUp(files)));
    let command_line = CommandLine {
        synapse_config: vec!["/synapse.yaml".into()],
        mas_config: vec!["/mas.yaml".into()],
        ..CommandLine::default()
    };
    let settings = Settings::resolve(&command_line, &environment).unwrap();
    let synapse = synapse(rows).server_name(&settings.server_name.value);
    settings
        .providers
        .iter()
        .fold(synapse, |synapse, (name, id)| {
            synapse.provider(name, id.value.to_bytes())
        })
}

#[test]
fn l2_the_map_is_made_of_the_providers_with_a_synapse_idp_id() {
    // A ULID is 26 digits of Crockford's base 32; these are the same 128 bits in base 16.
    let forge = 0x018a_2d3a_f273_c598_be13_d088_71cd_88e9;
    let outcome = configured([
        user(ADA),
        link(ADA, "oidc-forge", "at the forge"),
        link(ADA, "oidc", "at the legacy provider"),
    ])
    .migrate();
    for (subject, provider) in [
        ("at the forge", forge),
        ("at the legacy provider", forge + 1),
    ] {
        let row = outcome.row("upstream_oauth_links", "subject", subject);
        assert_eq!(row.bits("upstream_oauth_provider_id"), provider);
    }
    outcome.counted([]);
}

#[test]
fn l2_names_are_compared_as_synapse_writes_them() {
    // `forge` is the `idp_id`, but Synapse writes `oidc-forge`; and no other name is guessed.
    for provider in [
        "forge",
        "oidc-oidc",
        "OIDC",
        "oidc-",
        "saml",
        "cas",
        "ldap",
        "",
    ] {
        let outcome = configured([user(ADA), link(ADA, provider, "subject")]).migrate();
        outcome.counted(["error missing_provider 1"]);
    }
}

#[test]
fn l2_saml_cas_and_other_names_can_be_mapped() {
    for name in ["saml", "cas", "ldap", "oidc"] {
        let outcome = synapse([user(ADA), link(ADA, name, "subject")])
            .provider(name, SCHOOL)
            .migrate();
        outcome
            .only("upstream_oauth_links")
            .has("subject", "subject");
        outcome.counted([]);
    }
}

#[test]
fn l3_a_link_left_by_an_earlier_run_of_mas_is_an_error() {
    // Even where a provider is mapped to that name, and missing providers are accepted.
    let outcome = synapse([user(ADA), link(ADA, "oauth-delegated", "ada")])
        .provider("oauth-delegated", FORGE)
        .severity("missing_providers", SeverityValue::Warn)
        .migrate();
    outcome.counted(["error delegated_before 1"]);
    outcome.ledger("upstream_links", ["rejected delegated_before 1"]);
    outcome.empty(super::outcome::TARGETS);
}

#[test]
fn l3_a_link_of_another_provider_is_none() {
    let outcome = synapse([user(ADA), link(ADA, "oidc-oauth-delegated", "ada")])
        .provider("oidc-oauth-delegated", FORGE)
        .migrate();
    outcome.only("upstream_oauth_links");
    outcome.counted([]);
}

#[test]
fn l4_a_provider_without_mapping_is_an_error() {
    let outcome = synapse([
        user(ADA),
        link(ADA, "oidc-forge", "one"),
        link(ADA, "oidc-gone", "two"),
    ])
    .provider("oidc-forge", FORGE)
    .migrate();
    outcome.counted(["error missing_provider 1"]);
    outcome.ledger(
        "upstream_links",
        ["written 1", "rejected missing_provider 1"],
    );
    outcome.empty(super::outcome::TARGETS);
}

#[test]
fn l4_a_provider_without_mapping_is_skipped_and_counted_when_the_operator_says_so() {
    let outcome = synapse([
        user(ADA),
        link(ADA, "oidc-forge", "one"),
        link(ADA, "oidc-gone", "two"),
        link(ADA, "saml", "three"),
    ])
    .provider("oidc-forge", FORGE)
    .severity("missing_providers", SeverityValue::Warn)
    .migrate();
    outcome.only("upstream_oauth_links").has("subject", "one");
    outcome.counted(["warn missing_provider 2"]);
    outcome.ledger("upstream_links", ["written 1", "missing_provider 2"]);
}

#[test]
fn l4_a_provider_that_mas_does_not_hold_yet_is_an_error() {
    // Its link would break the foreign key.
    let outcome = synapse([user(ADA), link(ADA, "oidc-forge", "one")])
        .configured_provider("oidc-forge", FORGE)
        .migrate();
    outcome.counted(["error provider_not_synced 1"]);
}

#[test]
fn l4_a_mapping_without_links_is_no_error() {
    let outcome = synapse([user(ADA)])
        .configured_provider("oidc-forge", FORGE)
        .migrate();
    outcome.counted([]);
}

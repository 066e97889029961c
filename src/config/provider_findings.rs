//! What the links in Synapse's database say about the providers of both configurations. The database
//! decides which providers are in use, never Synapse's configuration: that one lists none once MAS
//! is switched on.

use std::collections::BTreeSet;

use super::findings::warning;
use super::settings::Settings;
use crate::base::counted;
use crate::diagnostics::{Finding, suggest};

/// How many links name a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderLinks {
    /// What `user_external_ids` calls it.
    pub provider: String,
    /// How many links.
    pub links: u64,
}

/// What an earlier delegation left behind; it is no provider.
const DELEGATED: &str = "oauth-delegated";

/// Findings about the providers' names.
pub fn provider_findings(settings: &Settings, used: &[ProviderLinks]) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(unknown_names(settings, used));
    findings.extend(not_in_synapse(settings, used));
    findings
}

/// The names that Synapse's configuration gives its log-ins, as `user_external_ids` has them.
fn names_in_synapse(settings: &Settings) -> BTreeSet<&str> {
    let synapse = &settings.synapse;
    let mut names: BTreeSet<&str> = synapse
        .oidc_providers
        .iter()
        .map(|provider| provider.id.value.as_str())
        .collect();
    names.extend(synapse.saml2.as_ref().map(|_| "saml"));
    names.extend(synapse.cas.as_ref().map(|_| "cas"));
    names
}

/// Names on MAS's side that nobody else knows.
fn unknown_names(settings: &Settings, used: &[ProviderLinks]) -> Option<Finding> {
    let mut known = names_in_synapse(settings);
    known.extend(
        used.iter()
            .map(|used| used.provider.as_str())
            .filter(|name| *name != DELEGATED),
    );
    let samples: Vec<String> = settings
        .providers
        .iter()
        .filter(|(name, _)| !known.contains(name.as_str()))
        .map(|(name, id)| {
            // A name that is mapped is not what another one was meant to be.
            let free = known
                .iter()
                .copied()
                .filter(|known| !settings.providers.contains_key(*known));
            match suggest::nearest(name, free) {
                Some(near) => format!("`{name}` (`{near}` was perhaps meant): {}", id.origin),
                None => format!("`{name}`: {}", id.origin),
            }
        })
        .collect();
    (!samples.is_empty()).then(|| {
        warning(
            "unknown_synapse_idp_id",
            samples,
            "a provider of MAS is to stand for one of Synapse that neither the links in Synapse's database nor Synapse's configuration know",
            "correct `synapse_idp_id` in MAS's configuration if it is a slip of the pen; a provider that is new needs none",
        )
    })
}

/// Providers in use and mapped, but not in Synapse's configuration.
fn not_in_synapse(settings: &Settings, used: &[ProviderLinks]) -> Option<Finding> {
    if settings.synapse.delegated.is_some() {
        // With MAS switched on, Synapse refuses to start while it lists one.
        return None;
    }
    let listed = names_in_synapse(settings);
    let mut samples = Vec::new();
    for ProviderLinks { provider, links } in used {
        if settings.providers.contains_key(provider) && !listed.contains(provider.as_str()) {
            samples.push(format!("`{provider}`: {}", counted(*links, "link")));
        }
    }
    (!samples.is_empty()).then(|| {
        warning(
            "provider_not_in_synapse",
            samples,
            "links in Synapse's database name a provider that Synapse's configuration does not list; they are migrated all the same",
            "nothing to do if it was taken out of the configuration, as is due once MAS is switched on; otherwise see whether all files of Synapse's configuration are named",
        )
    })
}

/// The providers in use that no provider of MAS stands for, each with its nearest name; for the
/// finding about their links. Empty if there is none.
pub fn missing_providers(settings: &Settings, used: &[ProviderLinks]) -> Vec<String> {
    used.iter()
        .filter(|used| {
            used.provider != DELEGATED && !settings.providers.contains_key(&used.provider)
        })
        .map(|ProviderLinks { provider, links }| {
            let links = counted(*links, "link");
            let known = settings.providers.keys().map(String::as_str);
            match suggest::nearest(provider, known) {
                Some(near) => {
                    format!("`{provider}` ({links}; nearest `synapse_idp_id` of MAS: `{near}`)")
                }
                None => format!("`{provider}` ({links})"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::environment;
    use super::super::settings::CommandLine;
    use super::*;

    const A: &str = "01H8PKNWKKRPCBW4YGH1RWV279";

    fn settings(synapse: &str, mas: &str) -> Settings {
        let synapse = format!("server_name: hs\ndatabase: {{name: psycopg2}}\n{synapse}");
        let mas = format!(
            "matrix: {{homeserver: hs}}\nupstream_oauth2: {{providers: [{{id: {A}, synapse_idp_id: {mas}}}]}}\n"
        );
        let environment = environment(&[], &[("/s", &synapse), ("/m", &mas)]);
        let line = CommandLine {
            synapse_config: vec!["/s".into()],
            mas_config: vec!["/m".into()],
            ..CommandLine::default()
        };
        Settings::resolve(&line, &environment).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    fn used(names: &[&str]) -> Vec<ProviderLinks> {
        names
            .iter()
            .map(|name| ProviderLinks {
                provider: (*name).to_owned(),
                links: 3,
            })
            .collect()
    }

    fn found(synapse: &str, mas: &str, names: &[&str]) -> Vec<(String, Vec<String>)> {
        provider_findings(&settings(synapse, mas), &used(names))
            .into_iter()
            .map(|finding| (finding.id, finding.samples))
            .collect()
    }

    const DEX: &str = "oidc_providers: [{idp_id: dex}]";

    #[test]
    fn names_that_agree_give_no_finding() {
        assert_eq!(found(DEX, "oidc-dex", &["oidc-dex", DELEGATED]), []);
        assert_eq!(found(DEX, "oidc-dex", &[]), []);
        let saml = "saml2_config: {sp_config: {a: b}}";
        assert_eq!(found(saml, "saml", &["saml"]), []);
    }

    #[test]
    fn a_slip_of_the_pen_is_told_with_what_was_meant() {
        for (synapse, names) in [(DEX, &[][..]), ("", &["oidc-dex"]), (DEX, &["oidc-dex"])] {
            let found = found(synapse, "oidc-dxe", names);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].0, "unknown_synapse_idp_id");
            assert!(
                found[0].1[0].starts_with("`oidc-dxe` (`oidc-dex` was perhaps meant): "),
                "{found:?}"
            );
        }
        let found = found("", "oidc-new", &[]);
        assert!(found[0].1[0].starts_with("`oidc-new`: "), "{found:?}");
    }

    #[test]
    fn the_data_decides_and_the_configuration_is_only_named() {
        assert_eq!(
            found("", "oidc-dex", &["oidc-dex"]),
            [(
                "provider_not_in_synapse".to_owned(),
                vec!["`oidc-dex`: 3 links".to_owned()]
            )]
        );
        let on = "matrix_authentication_service: {enabled: true, endpoint: 'http://m/', secret: s}";
        assert_eq!(found(on, "oidc-dex", &["oidc-dex"]), []);
    }

    #[test]
    fn missing_providers_come_with_the_nearest_name() {
        let settings = settings("", "oidc-dex");
        assert_eq!(
            missing_providers(
                &settings,
                &used(&["oidc-dexx", "cas", "oidc-dex", DELEGATED])
            ),
            [
                "`oidc-dexx` (3 links; nearest `synapse_idp_id` of MAS: `oidc-dex`)",
                "`cas` (3 links)"
            ]
        );
    }
}

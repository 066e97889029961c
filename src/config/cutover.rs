//! What both configurations tell of the switch from one to the other, once the rows are over there:
//! where each side is reached, what Synapse must be told, and what it refuses beside that.
//!
//! Every value is optional: what a configuration does not say is not guessed. No secret is in here,
//! only the places of secrets.

use super::section::At;
use super::settings::Settings;
use crate::diagnostics::Diagnostics;
use crate::pg::{Origin, Sourced};

use super::raw::Schema;

/// Where the secret stands that Synapse and MAS share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SharedSecret {
    /// In MAS's configuration itself.
    Inline(Origin),
    /// In a file that MAS's configuration names.
    File(Sourced<String>),
    /// Nowhere.
    Missing,
}

/// What is known of the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cutover {
    /// Where people and clients reach MAS (`http.public_base`), with a slash at its end.
    pub mas_address: Option<Sourced<String>>,
    /// What MAS calls itself in tokens (`http.issuer`, else the address).
    pub issuer: Option<Sourced<String>>,
    /// Where Synapse reaches MAS: a listener with the resources `discovery` and `oauth`, without a
    /// slash at its end.
    pub for_synapse: Option<Sourced<String>>,
    /// Where a reverse proxy reaches MAS's log-in endpoints: a listener with the resource `compat`,
    /// without a slash at its end.
    pub for_proxy: Option<Sourced<String>>,
    /// The secret that both share.
    pub secret: SharedSecret,
    /// Where clients reach Synapse (`public_baseurl`), with a slash at its end. Where it is set,
    /// Synapse serves `.well-known/matrix/client` itself.
    pub synapse_address: Option<Sourced<String>>,
    /// Where MAS reaches Synapse (`matrix.endpoint`).
    pub for_mas: Option<Sourced<String>>,
    /// Keys of Synapse's configuration with which it does not start once MAS is on, in its order of
    /// looking; only those that are there.
    pub refused: Vec<Origin>,
    /// Where Synapse is told of MAS already.
    pub switched_on: Option<Origin>,
}

impl Cutover {
    /// Looks it up in both configurations. What is there but of no use, such as an address with a
    /// password in it, counts as not there.
    pub fn of(settings: &Settings) -> Self {
        // Problems with these keys are the products' business, not the migration's.
        let mut ignored = Diagnostics::new();
        let synapse = At::top(settings.synapse.tree.node(), Schema::Python);
        let mas = At::top(settings.mas.tree.node(), Schema::Core);
        let http = mas.section("http", &mut ignored);
        let text = |section: &Option<At<'_>>, key: &str| {
            let section = section.as_ref()?;
            address(section.text(key, &mut Diagnostics::new())?)
        };
        let mas_address = text(&http, "public_base").map(with_slash);
        let issuer = text(&http, "issuer").map(with_slash);
        let listeners: Vec<Listener> = http
            .map(|http| http.sections("listeners", &mut ignored))
            .unwrap_or_default()
            .iter()
            .filter_map(Listener::read)
            .collect();
        let listener = |resources: &[&str]| {
            listeners
                .iter()
                .find(|listener| listener.has(resources))
                .map(|listener| listener.url.clone())
        };
        let matrix = mas.section("matrix", &mut ignored);
        Self {
            issuer: issuer.or_else(|| mas_address.clone()),
            mas_address,
            for_synapse: listener(&["discovery", "oauth"]),
            for_proxy: listener(&["compat"]),
            secret: shared_secret(matrix.as_ref()),
            synapse_address: settings
                .synapse
                .public_baseurl
                .clone()
                .and_then(address)
                .map(with_slash),
            for_mas: text(&matrix, "endpoint"),
            refused: refused(settings, &synapse),
            switched_on: synapse
                .section("matrix_authentication_service", &mut ignored)
                .filter(|section| is_set(section, "enabled"))
                .map(|section| section.origin()),
        }
    }

    /// The host name of Synapse's address, without its port.
    pub fn synapse_host(&self) -> Option<&str> {
        let address = self.synapse_address.as_ref()?;
        let (_, rest) = address.value.split_once("://")?;
        let authority = rest.split('/').next()?;
        match authority.rsplit_once(':') {
            // The colons of an IPv6 address are inside its brackets.
            Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => Some(host),
            _ => Some(authority),
        }
    }
}

/// A web address that can be shown and pasted: without user, blanks, quotes and the like.
fn address(text: Sourced<String>) -> Option<Sourced<String>> {
    let (scheme, rest) = text.value.split_once("://")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/[]%".contains(c);
    let usable = matches!(scheme, "http" | "https") && !rest.is_empty() && rest.chars().all(plain);
    usable.then_some(text)
}

fn with_slash(address: Sourced<String>) -> Sourced<String> {
    address.map(|text| format!("{}/", text.trim_end_matches('/')))
}

/// Whether a switch is on, as Python sees it.
fn is_set(section: &At<'_>, key: &str) -> bool {
    section.get(key).is_some_and(|value| value.is_truthy())
}

fn shared_secret(matrix: Option<&At<'_>>) -> SharedSecret {
    let Some(matrix) = matrix else {
        return SharedSecret::Missing;
    };
    if let Some(secret) = matrix.get("secret") {
        return SharedSecret::Inline(secret.origin());
    }
    matrix
        .text("secret_file", &mut Diagnostics::new())
        .map_or(SharedSecret::Missing, SharedSecret::File)
}

/// A listener of MAS on this machine that speaks HTTP over TCP at the top of its addresses.
struct Listener {
    resources: Vec<String>,
    url: Sourced<String>,
}

impl Listener {
    /// Nothing for one that a proxy could not be pointed at by an address alone.
    fn read(section: &At<'_>) -> Option<Self> {
        let mut ignored = Diagnostics::new();
        let prefix = section.text("prefix", &mut ignored);
        let proxy_protocol = section.switch("proxy_protocol", &mut ignored);
        if prefix.is_some_and(|prefix| !prefix.value.trim_matches('/').is_empty())
            || proxy_protocol.is_some_and(|switch| switch.value)
        {
            return None;
        }
        let scheme = match section.get("tls") {
            Some(_) => "https",
            None => "http",
        };
        let url = section
            .sections("binds", &mut ignored)
            .iter()
            .find_map(|bind| {
                let (host, port) = bound(bind)?;
                let url = format!("{scheme}://{}:{port}", reachable(&host));
                address(Sourced::new(url, bind.origin()))
            })?;
        let resources = section
            .sections("resources", &mut ignored)
            .iter()
            .filter_map(|resource| resource.text("name", &mut ignored))
            .map(|name| name.value)
            .collect();
        Some(Self { resources, url })
    }

    fn has(&self, resources: &[&str]) -> bool {
        resources
            .iter()
            .all(|wanted| self.resources.iter().any(|name| name == wanted))
    }
}

/// Host and port of a bind; nothing for sockets and descriptors.
pub(super) fn bound(bind: &At<'_>) -> Option<(String, u16)> {
    let mut ignored = Diagnostics::new();
    if let Some(address) = bind.text("address", &mut ignored) {
        let (host, port) = address.value.rsplit_once(':')?;
        return Some((host.to_owned(), port.parse().ok()?));
    }
    let port = bind.integer("port", 1..=65535, &mut ignored)?;
    let host = bind.text("host", &mut ignored);
    Some((
        host.map(|host| host.value).unwrap_or_default(),
        u16::try_from(port.value).ok()?,
    ))
}

/// What stands for an address to listen at when one wants to connect.
fn reachable(host: &str) -> String {
    match host.trim_matches(['[', ']']) {
        "" | "::" | "0.0.0.0" => "localhost".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    }
}

/// What Synapse does not start with once MAS is on.
fn refused(settings: &Settings, top: &At<'_>) -> Vec<Origin> {
    let synapse = &settings.synapse;
    let mut ignored = Diagnostics::new();
    let mut refused = Vec::new();
    let mut add = |origin: Option<Origin>| refused.extend(origin);
    let mut nested = |section: &str, key: &str| {
        let section = top.section(section, &mut ignored)?;
        let value = section.get(key).filter(|value| value.is_truthy())?;
        Some(value.origin())
    };
    let truthy = |key: &str| {
        let value = top.get(key).filter(|value| value.is_truthy())?;
        Some(value.origin())
    };
    let there = |key: &str| Some(top.get(key)?.origin());
    add(nested("experimental_features", "msc3861"));
    add(nested("password_config", "enabled"));
    add(synapse
        .enable_registration
        .value
        .then(|| synapse.enable_registration.origin.clone()));
    add(synapse.user_consent.clone());
    add(truthy("oidc_providers"));
    add(nested("oidc_config", "enabled").and_then(|_| there("oidc_config")));
    add(synapse.saml2.clone());
    add(synapse.cas.clone());
    add(synapse.jwt.clone());
    add(truthy("password_providers"));
    add(nested("ldap_config", "enabled").and_then(|_| there("ldap_config")));
    add(truthy("enable_registration_captcha"));
    add(nested("login_via_existing_session", "enabled"));
    for key in [
        "refresh_token_lifetime",
        "nonrefreshable_access_token_lifetime",
        "session_lifetime",
    ] {
        add(there(key));
    }
    add(truthy("enable_3pid_changes"));
    refused
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::environment;
    use super::super::settings::CommandLine;
    use super::*;

    const SYNAPSE: &str =
        "server_name: hs.example\ndatabase: {name: psycopg2, args: {user: s, host: sh}}\n";
    const MAS: &str =
        "matrix: {homeserver: hs.example, SECRET}\ndatabase: {uri: 'postgresql://m@mh/mas'}\n";

    fn of(synapse: &str, mas: &str) -> Cutover {
        let synapse = format!("{SYNAPSE}{synapse}");
        let (matrix, rest) = mas.split_once('|').unwrap_or(("kind: synapse", mas));
        let mas = format!("{}{rest}", MAS.replace("SECRET", matrix));
        let files = [("/h.yaml", synapse.as_str()), ("/m.yaml", mas.as_str())];
        let command_line = CommandLine {
            synapse_config: vec!["/h.yaml".into()],
            mas_config: vec!["/m.yaml".into()],
            ..CommandLine::default()
        };
        match Settings::resolve(&command_line, &environment(&[], &files)) {
            Ok(settings) => Cutover::of(&settings),
            Err(problems) => panic!("{problems:?}"),
        }
    }

    fn value(sourced: Option<Sourced<String>>) -> Option<String> {
        sourced.map(|sourced| sourced.value)
    }

    #[test]
    fn what_is_not_said_is_not_guessed() {
        let cutover = of("", "");
        assert_eq!(
            cutover,
            Cutover {
                mas_address: None,
                issuer: None,
                for_synapse: None,
                for_proxy: None,
                secret: SharedSecret::Missing,
                synapse_address: None,
                for_mas: None,
                refused: Vec::new(),
                switched_on: None,
            }
        );
    }

    #[test]
    fn addresses_end_in_one_slash_and_hold_no_password() {
        let cutover = of(
            "public_baseurl: https://matrix.hs.example:8443",
            "http: {public_base: 'https://auth.hs.example'}",
        );
        assert_eq!(cutover.synapse_host(), Some("matrix.hs.example"));
        assert_eq!(
            value(cutover.mas_address).unwrap(),
            "https://auth.hs.example/"
        );
        assert_eq!(
            value(cutover.issuer).unwrap(),
            "https://auth.hs.example/",
            "the address is the issuer where none is set"
        );
        assert_eq!(
            value(cutover.synapse_address).unwrap(),
            "https://matrix.hs.example:8443/"
        );
        for odd in [
            "https://user:hunter2@auth.hs.example/",
            "https://a b/",
            "https://a\"/",
            "https://`x`/",
            "auth.hs.example",
            "https://",
            "unix:///run/mas",
        ] {
            let mas = format!("http: {{public_base: {odd:?}}}");
            assert_eq!(of("", &mas).mas_address, None, "{odd}");
        }
        let issuer = of(
            "public_baseurl: https://[2001:db8::1]/",
            "http: {public_base: 'https://a/', issuer: 'https://b/'}",
        );
        assert_eq!(issuer.synapse_host(), Some("[2001:db8::1]"));
        assert_eq!(value(issuer.issuer).unwrap(), "https://b/");
    }

    #[test]
    fn listeners_are_found_by_what_they_serve() {
        let both = "http:\n  listeners:\n  - resources: [{name: health}]\n    binds: [{host: localhost, port: 8081}]\n  - resources: [{name: discovery}, {name: oauth}, {name: compat}]\n    binds: [BIND]\n";
        for (bind, url) in [
            ("{address: '[::]:8080'}", Some("http://localhost:8080")),
            ("{address: '0.0.0.0:80'}", Some("http://localhost:80")),
            ("{address: '[::1]:8080'}", Some("http://[::1]:8080")),
            ("{port: 8090}", Some("http://localhost:8090")),
            ("{host: mas.lan, port: 8090}", Some("http://mas.lan:8090")),
            (
                "{socket: /run/mas}, {port: 8090}",
                Some("http://localhost:8090"),
            ),
            ("{socket: /run/mas}", None),
            ("{fd: 0}", None),
            ("{port: 0}", None),
        ] {
            let cutover = of("", &both.replace("BIND", bind));
            assert_eq!(value(cutover.for_synapse).as_deref(), url, "{bind}");
            assert_eq!(value(cutover.for_proxy).as_deref(), url, "{bind}");
        }
        let split = "http:\n  listeners:\n  - resources: [{name: compat}]\n    prefix: PREFIX\n    binds: [{port: 1}]\n  - resources: [{name: compat}]\n    tls: {}\n    binds: [{port: 2}]\n";
        let proxy = |prefix: &str| value(of("", &split.replace("PREFIX", prefix)).for_proxy);
        assert_eq!(proxy("/").unwrap(), "http://localhost:1");
        assert_eq!(proxy("/mas").unwrap(), "https://localhost:2");
        assert_eq!(of("", split).for_synapse, None);
    }

    #[test]
    fn the_secret_is_named_by_its_place() {
        let inline = of("", "secret: hunter2|");
        assert!(!format!("{inline:?}").contains("hunter2"));
        let SharedSecret::Inline(origin) = inline.secret else {
            panic!("{:?}", inline.secret)
        };
        assert_eq!(origin.to_string(), "`matrix.secret` in /m.yaml:1");
        let file = of("", "secret_file: /run/secret|").secret;
        assert!(matches!(file, SharedSecret::File(path) if path.value == "/run/secret"));
    }

    #[test]
    fn only_what_synapse_refuses_and_what_is_there_is_listed() {
        let keys = |text: &str| -> Vec<String> {
            of(text, "")
                .refused
                .iter()
                .map(|origin| match origin {
                    Origin::File { key, line, .. } => format!("{key}:{}", line - 2),
                    other => other.to_string(),
                })
                .collect()
        };
        for (text, expected) in [
            (
                "password_config: {enabled: true}",
                "password_config.enabled:1",
            ),
            (
                "password_config:\n  enabled: only_for_reauth",
                "password_config.enabled:2",
            ),
            ("enable_registration: yes", "enable_registration:1"),
            ("user_consent: {version: 1}", "user_consent:1"),
            ("oidc_providers: [{idp_id: a}]", "oidc_providers:1"),
            ("oidc_config: {enabled: true}", "oidc_config:1"),
            ("saml2_config: {sp_config: {a: b}}", "saml2_config:1"),
            ("cas_config: {server_url: a}", "cas_config:1"),
            ("jwt_config: {enabled: on}", "jwt_config:1"),
            ("password_providers: [{module: a}]", "password_providers:1"),
            ("ldap_config: {enabled: true}", "ldap_config:1"),
            (
                "enable_registration_captcha: true",
                "enable_registration_captcha:1",
            ),
            (
                "login_via_existing_session: {enabled: true}",
                "login_via_existing_session.enabled:1",
            ),
            ("refresh_token_lifetime: 1w", "refresh_token_lifetime:1"),
            (
                "nonrefreshable_access_token_lifetime: 1w",
                "nonrefreshable_access_token_lifetime:1",
            ),
            ("session_lifetime: 1w", "session_lifetime:1"),
            ("enable_3pid_changes: true", "enable_3pid_changes:1"),
            (
                "experimental_features: {msc3861: {enabled: true}}",
                "experimental_features.msc3861:1",
            ),
        ] {
            assert_eq!(keys(text), [expected], "{text}");
        }
        for text in [
            "password_config: {enabled: false, pepper: x}",
            "password_config: {pepper: x}",
            "enable_registration: no",
            "oidc_providers: []",
            "oidc_providers:",
            "oidc_config: {enabled: false}",
            "saml2_config: {enabled: false, sp_config: {a: b}}",
            "cas_config: {enabled: false}",
            "session_lifetime:",
            "enable_3pid_changes: false",
            "experimental_features: {msc3866: {enabled: true}}",
            "refreshable_access_token_lifetime: 5m",
        ] {
            assert_eq!(keys(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_switch_that_was_made_already_is_seen() {
        let on = "matrix_authentication_service: {enabled: true, secret: hunter2}";
        assert!(of(on, "").switched_on.is_some());
        let off = "matrix_authentication_service: {enabled: false}";
        assert!(of(off, "").switched_on.is_none());
    }
}

//! What each configuration says of the other product: the secret that both share, and the address at
//! which Synapse reaches MAS. None of it is read by a migration; without it nobody can log in after
//! one.

use std::path::Path;

use super::cutover::bound;
use super::environment::Environment;
use super::findings::warning;
use super::raw::Schema;
use super::section::At;
use super::settings::Settings;
use crate::diagnostics::{Diagnostics, Finding};
use crate::pg::{Origin, Secret, Sourced};

/// Synapse's section about MAS, whether it is switched on or not.
pub(super) const SECTION: &str = "matrix_authentication_service";

/// The port where MAS listens if it is not told of any.
const DEFAULT_PORT: u16 = 8080;

/// The secret that both sides share, as one of them has it. Its text is never shown.
#[derive(Clone, Debug)]
pub enum SharedText {
    /// It stands in the configuration itself.
    Inline(Sourced<Secret>),
    /// It stands in a file.
    File {
        /// The file's path, and where it is named.
        path: Sourced<String>,
        /// What is in the file, without blanks at its ends, as both products read it; `None` if it
        /// cannot be read here.
        text: Option<Secret>,
    },
}

impl SharedText {
    /// What `section` says at `key`, else in the file that `file_key` names.
    pub(super) fn read(
        section: &At<'_>,
        key: &str,
        file_key: &str,
        environment: &Environment,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let inline = section.secret(key, problems);
        if let Some(secret) = inline.filter(|secret| !secret.value.reveal().is_empty()) {
            return Some(Self::Inline(secret));
        }
        let path = section.text(file_key, problems)?;
        let text = environment.files().read(Path::new(&path.value)).ok();
        Some(Self::File {
            path,
            text: text.map(|text| Secret::new(text.trim())),
        })
    }

    fn origin(&self) -> &Origin {
        match self {
            Self::Inline(secret) => &secret.origin,
            Self::File { path, .. } => &path.origin,
        }
    }

    fn text(&self) -> Option<&Secret> {
        match self {
            Self::Inline(secret) => Some(&secret.value),
            Self::File { text, .. } => text.as_ref(),
        }
    }
}

/// What Synapse's configuration says of MAS.
#[derive(Clone, Debug)]
pub struct Delegation {
    /// Where the section stands.
    pub origin: Origin,
    /// Whether Synapse leaves log-ins to MAS already.
    pub enabled: bool,
    /// Where Synapse reaches MAS, if it is said; an address can hold a password.
    pub endpoint: Option<Sourced<Secret>>,
    /// The secret that both share.
    pub secret: Option<SharedText>,
}

impl Delegation {
    /// Reads the section, if there is one.
    pub(super) fn read(
        top: &At<'_>,
        environment: &Environment,
        problems: &mut Diagnostics,
    ) -> Option<Self> {
        let section = top.section(SECTION, problems)?;
        let enabled = section.switch_or("enabled", Sourced::default_value(false), problems);
        Some(Self {
            origin: section.origin(),
            enabled: enabled.value,
            endpoint: section.secret("endpoint", problems),
            secret: SharedText::read(&section, "secret", "secret_path", environment, problems),
        })
    }
}

/// In what the two configurations contradict each other about the way between them.
pub(super) fn findings(settings: &Settings) -> Vec<Finding> {
    let Some(delegation) = &settings.synapse.delegation else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    findings.extend(secret(delegation, settings.mas.matrix_secret.as_ref()));
    findings.extend(endpoint(delegation, settings));
    findings
}

fn secret(delegation: &Delegation, theirs: Option<&SharedText>) -> Option<Finding> {
    let sample = match (&delegation.secret, theirs) {
        (Some(ours), Some(theirs)) => {
            let (Some(mine), Some(other)) = (ours.text(), theirs.text()) else {
                return None;
            };
            if mine == other {
                return None;
            }
            let how = if mine.reveal().trim() == other.reveal().trim() {
                "differs by blanks or line breaks at its ends only"
            } else {
                "is another one"
            };
            format!(
                "Synapse's stands at {}; MAS's {how} ({})",
                ours.origin(),
                theirs.origin()
            )
        }
        (Some(ours), None) => {
            format!("Synapse's stands at {}; MAS's is missing", ours.origin())
        }
        (None, Some(theirs)) if delegation.enabled => format!(
            "MAS's stands at {}; Synapse's is missing ({})",
            theirs.origin(),
            delegation.origin
        ),
        // What is not switched on need not be complete.
        (None, _) => return None,
    };
    Some(warning(
        "matrix_secret_differs",
        vec![sample],
        "Synapse and MAS do not have the same secret for each other: Synapse accepts no token of MAS's, and MAS can make no account in Synapse",
        "make `matrix.secret` of MAS and `matrix_authentication_service.secret` of Synapse the same, character by character",
    ))
}

/// That the secrets could not be compared, because a file with one of them cannot be read here.
pub(super) fn not_compared(settings: &Settings) -> Option<Finding> {
    let ours = settings.synapse.delegation.as_ref()?.secret.as_ref()?;
    let theirs = settings.mas.matrix_secret.as_ref()?;
    let samples: Vec<String> = [ours, theirs]
        .into_iter()
        .filter_map(|side| match side {
            SharedText::File { path, text: None } => {
                Some(format!("`{}`, named by {}", path.value, path.origin))
            }
            SharedText::File { .. } | SharedText::Inline(_) => None,
        })
        .collect();
    (!samples.is_empty()).then(|| {
        warning(
            "matrix_secret_not_compared",
            samples,
            "whether Synapse and MAS have the same secret for each other was not compared: a file with it cannot be read here",
            "compare again where both files can be read",
        )
    })
}

fn endpoint(delegation: &Delegation, settings: &Settings) -> Option<Finding> {
    let endpoint = delegation.endpoint.as_ref()?;
    let text = endpoint.value.reveal();
    let address = Address::of(text)?;
    let top = At::top(settings.mas.tree.node(), Schema::Core);
    // What is wrong with these keys is MAS's business.
    let http = top.section("http", &mut Diagnostics::new());
    if is_public(&address, http.as_ref()) || is_listened_to(&address, http.as_ref()) {
        return None;
    }
    let shown = if text.contains('@') {
        endpoint.origin.to_string()
    } else {
        format!("`{text}` ({})", endpoint.origin)
    };
    Some(warning(
        "mas_endpoint_unknown",
        vec![shown],
        "Synapse looks for MAS at an address that is neither MAS's `http.public_base` nor has the port of one of its listeners with `discovery` and `oauth`: if nothing forwards it, Synapse finds no MAS and lets nobody in",
        "correct `matrix_authentication_service.endpoint` in Synapse's configuration, unless a proxy or the like forwards that address to MAS",
    ))
}

/// Whether an address is where people reach MAS.
fn is_public(address: &Address, http: Option<&At<'_>>) -> bool {
    http.and_then(|http| http.text("public_base", &mut Diagnostics::new()))
        .and_then(|public| Address::of(&public.value))
        .is_some_and(|public| public == *address)
}

/// Whether a listener that answers Synapse may be behind an address. Its host is not judged: from
/// elsewhere, a machine or a container has other names.
fn is_listened_to(address: &Address, http: Option<&At<'_>>) -> bool {
    let mut ignored = Diagnostics::new();
    let listeners = http.filter(|http| http.get("listeners").is_some());
    let Some(listeners) = listeners.map(|http| http.sections("listeners", &mut ignored)) else {
        return address.port == DEFAULT_PORT;
    };
    listeners.iter().any(|listener| {
        let resources: Vec<String> = listener
            .sections("resources", &mut ignored)
            .iter()
            .filter_map(|resource| resource.text("name", &mut Diagnostics::new()))
            .map(|name| name.value)
            .collect();
        let answers = ["discovery", "oauth"]
            .iter()
            .all(|wanted| resources.iter().any(|name| name == wanted));
        // Behind a socket or a descriptor any port may stand.
        answers
            && listener
                .sections("binds", &mut ignored)
                .iter()
                .any(|bind| bound(bind).is_none_or(|(_, port)| port == address.port))
    })
}

/// The parts of a web address that say where it leads.
#[derive(Debug, PartialEq, Eq)]
struct Address {
    scheme: String,
    host: String,
    port: u16,
    path: String,
}

impl Address {
    /// `None` for what is no web address.
    fn of(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        // The colons of an IPv6 address stand in its brackets.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
            _ => (authority, default),
        };
        Some(Self {
            scheme,
            host: host.trim_end_matches('.').to_ascii_lowercase(),
            port,
            path: path.trim_end_matches('/').to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::environment::testing::environment;
    use super::super::settings::CommandLine;
    use super::*;

    /// Both configurations with a section about the other side.
    fn settings(synapse: &str, matrix: &str, http: &str) -> Settings {
        let synapse = format!(
            "server_name: hs\ndatabase: {{name: psycopg2}}\nmatrix_authentication_service: {synapse}\n"
        );
        let mas = format!("matrix: {{homeserver: hs, {matrix}}}\nhttp: {http}\n");
        let files = [
            ("/s", synapse.as_str()),
            ("/m", mas.as_str()),
            ("/secret", "hunter1\n"),
            ("/other", "hunter2\n"),
        ];
        let line = CommandLine {
            synapse_config: vec!["/s".into()],
            mas_config: vec!["/m".into()],
            ..CommandLine::default()
        };
        Settings::resolve(&line, &environment(&[], &files))
            .unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    /// Ids and samples.
    fn found(synapse: &str, matrix: &str, http: &str) -> Vec<(String, Vec<String>)> {
        let settings = settings(synapse, matrix, http);
        assert!(!format!("{settings:?}").contains("hunter"));
        let found = findings(&settings);
        found
            .into_iter()
            .chain(not_compared(&settings))
            .map(|finding| {
                assert!(!format!("{finding:?}").contains("hunter"), "{finding:?}");
                (finding.id, finding.samples)
            })
            .collect()
    }

    const NONE: [(String, Vec<String>); 0] = [];

    #[test]
    fn secrets_are_compared_wherever_they_stand() {
        for (synapse, mas) in [
            ("secret: hunter1", "secret: hunter1"),
            ("secret: hunter1", "secret_file: /secret"),
            ("secret_path: /secret", "secret: hunter1"),
            ("secret_path: /secret", "secret_file: /secret"),
            ("enabled: false", "secret: hunter1"),
            ("enabled: true", "kind: synapse"),
        ] {
            assert_eq!(
                found(&format!("{{{synapse}}}"), mas, ""),
                NONE,
                "{synapse}, {mas}"
            );
        }
        for (synapse, mas, sample) in [
            (
                "secret: hunter1",
                "secret: hunter2",
                "Synapse's stands at `matrix_authentication_service.secret` in /s:3; MAS's is another one (`matrix.secret` in /m:1)",
            ),
            (
                "secret_path: /secret",
                "secret_file: /other",
                "Synapse's stands at `matrix_authentication_service.secret_path` in /s:3; MAS's is another one (`matrix.secret_file` in /m:1)",
            ),
            (
                "secret: hunter1",
                "secret: 'hunter1 '",
                "Synapse's stands at `matrix_authentication_service.secret` in /s:3; MAS's differs by blanks or line breaks at its ends only (`matrix.secret` in /m:1)",
            ),
            (
                "enabled: false, secret: hunter1",
                "kind: synapse",
                "Synapse's stands at `matrix_authentication_service.secret` in /s:3; MAS's is missing",
            ),
            (
                "enabled: true",
                "secret: hunter1",
                "MAS's stands at `matrix.secret` in /m:1; Synapse's is missing (`matrix_authentication_service` in /s:3)",
            ),
        ] {
            let found = found(&format!("{{{synapse}}}"), mas, "");
            let expected = ("matrix_secret_differs".to_owned(), vec![sample.to_owned()]);
            assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn a_secret_that_cannot_be_read_is_told_as_not_compared() {
        assert_eq!(
            found("{secret: hunter1}", "secret_file: /none", ""),
            [(
                "matrix_secret_not_compared".to_owned(),
                vec!["`/none`, named by `matrix.secret_file` in /m:1".to_owned()]
            )]
        );
    }

    #[test]
    fn an_endpoint_is_mas_s_address_or_has_the_port_of_a_listener() {
        let web = "{public_base: 'https://Auth.example.com', listeners: [{resources: [{name: discovery}, {name: oauth}], binds: [{address: '[::]:8090'}]}, {resources: [{name: health}], binds: [{host: localhost, port: 8081}]}]}";
        let socket = "{listeners: [{resources: [{name: discovery}, {name: oauth}], binds: [{socket: /run/mas}]}]}";
        for (endpoint, http) in [
            ("https://auth.example.com/", web),
            ("https://auth.example.com:443", web),
            ("http://mas:8090/", web),
            ("http://[::1]:8090", web),
            ("http://localhost:8080/", ""),
            ("http://anything/", socket),
            ("no address", web),
        ] {
            let section = format!("{{endpoint: '{endpoint}'}}");
            assert_eq!(found(&section, "kind: synapse", http), NONE, "{endpoint}");
        }
        for (endpoint, http) in [
            ("http://wrong.example/", web),
            ("http://auth.example.com/", web),
            ("https://auth.example.com/below/", web),
            // Nothing but health checks.
            ("http://localhost:8081/", web),
            ("http://localhost:8090/", ""),
            ("http://[::1]/", web),
        ] {
            let section = format!("{{endpoint: '{endpoint}'}}");
            let found = found(&section, "kind: synapse", http);
            assert_eq!(
                found,
                [(
                    "mas_endpoint_unknown".to_owned(),
                    vec![format!(
                        "`{endpoint}` (`matrix_authentication_service.endpoint` in /s:3)"
                    )]
                )]
            );
        }
        let found = found(
            "{endpoint: 'http://me:hunter1@wrong/'}",
            "kind: synapse",
            web,
        );
        assert_eq!(
            found[0].1,
            ["`matrix_authentication_service.endpoint` in /s:3"]
        );
    }
}

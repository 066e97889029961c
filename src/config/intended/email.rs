//! What MAS's `email` should say, given the relay that Synapse sends through.

use super::{Builder, OptionValue, Setting, options, warning};
use crate::config::generate::PLACEHOLDER;
use crate::config::section::At;
use crate::diagnostics::Diagnostics;
use crate::pg::{Origin, Secret, Sourced};

/// Synapse's name for itself in `notif_from`.
const APP_NAME: &str = "Matrix";

/// The ports that Synapse takes where none is set.
const IMPLICIT_TLS_PORT: u64 = 465;
const PLAIN_PORT: u64 = 25;

impl Builder<'_> {
    /// The relay, if Synapse has one.
    pub(super) fn email(&mut self, problems: &mut Diagnostics) {
        let Some(section) = self.top.section("email", problems) else {
            return;
        };
        let origin = section.origin();
        let host = section
            .text("smtp_host", problems)
            .unwrap_or(Sourced::default_value("localhost".to_owned()));
        let mode = self.mode(&section, &host.value, problems);
        let is_implicit = mode.value == "tls";
        let port = section
            .integer("smtp_port", 1..=65535, problems)
            .map(|port| port.map(|port| u64::try_from(port).unwrap_or(PLAIN_PORT)))
            .unwrap_or(Sourced::default_value(if is_implicit {
                IMPLICIT_TLS_PORT
            } else {
                PLAIN_PORT
            }));
        if let Some(name) = section.text("tlsname", problems)
            && name.value != host.value
            && mode.value != "plain"
        {
            self.note(&warning::EMAIL_TLS_NAME, &name.origin);
        }
        let settings = &mut self.settings;
        settings.word(&options::EMAIL_TRANSPORT, "smtp", &origin);
        settings.text(&options::EMAIL_MODE, Some(mode));
        settings.text(&options::EMAIL_HOSTNAME, Some(host));
        settings.add(Setting::new(
            &options::EMAIL_PORT,
            OptionValue::Number(port.value),
            port.origin,
        ));
        self.login(&section, problems);
        self.sender(&section, problems);
    }

    /// How the way to the relay is protected.
    fn mode(
        &mut self,
        section: &At<'_>,
        host: &str,
        problems: &mut Diagnostics,
    ) -> Sourced<String> {
        let mode = |mode: &str, origin: Origin| Sourced::new(mode.to_owned(), origin);
        let mut switch =
            |key, default| section.switch_or(key, Sourced::default_value(default), problems);
        let implicit = switch("force_tls", false);
        let enabled = switch("enable_tls", true);
        let demanded = switch("require_transport_security", false);
        if implicit.value {
            return mode("tls", implicit.origin);
        }
        if !enabled.value {
            return mode("plain", enabled.origin);
        }
        if demanded.value {
            return mode("starttls", demanded.origin);
        }
        self.note(&warning::EMAIL_TLS_OPTIONAL, &section.origin());
        // On the way to a relay of this machine there is nobody to be kept out, nor a certificate.
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "::1");
        mode(if is_here { "plain" } else { "starttls" }, enabled.origin)
    }

    /// MAS wants a name and a password, or neither; a password without a name Synapse does not use.
    fn login(&mut self, section: &At<'_>, problems: &mut Diagnostics) {
        let name = section.text("smtp_user", problems);
        let password = section.secret("smtp_pass", problems);
        let Some(name) = name.filter(|name| !name.value.is_empty()) else {
            return;
        };
        let origin = name.origin.clone();
        self.settings.text(&options::EMAIL_USERNAME, Some(name));
        match password {
            Some(password) => self.settings.secret(&options::EMAIL_PASSWORD, password),
            None => self.settings.add(
                Setting::new(
                    &options::EMAIL_PASSWORD,
                    OptionValue::Secret(Secret::new(PLACEHOLDER)),
                    origin,
                )
                .remarked("FILL IN: Synapse has a user and no password"),
            ),
        }
    }

    /// Whom the mail comes from.
    fn sender(&mut self, section: &At<'_>, problems: &mut Diagnostics) {
        let Some(from) = section.text("notif_from", problems) else {
            return;
        };
        let app = section
            .text("app_name", problems)
            .map_or_else(|| APP_NAME.to_owned(), |name| name.value);
        let from = from.map(|from| mailbox(&from.replace("%(app)s", &app)));
        let reply_to = OptionValue::Text(from.value.clone());
        let setting = Setting::new(&options::EMAIL_REPLY_TO, reply_to, from.origin.clone());
        self.settings.text(&options::EMAIL_FROM, Some(from));
        self.settings
            .add(setting.remarked("Synapse sets none, and MAS's default is of no use"));
    }
}

/// `Name <address>` with the name in quotes where it has signs that a stricter reader would not take.
fn mailbox(text: &str) -> String {
    let Some((name, address)) = text.rsplit_once('<') else {
        return text.trim().to_owned();
    };
    let name = name.trim();
    let is_plain = name
        .chars()
        .all(|c| c.is_alphanumeric() || c == ' ' || "!#$%&'*+-/=?^_`{|}~".contains(c));
    let is_quoted = name.len() > 1 && name.starts_with('"') && name.ends_with('"');
    if name.is_empty() || is_plain || is_quoted {
        return format!("{name} <{address}").trim().to_owned();
    }
    let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{quoted}\" <{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_odd_signs_are_quoted() {
        for (text, expected) in [
            ("a@example.com", "a@example.com"),
            ("<a@example.com>", "<a@example.com>"),
            ("Your Friendly server <a@x>", "Your Friendly server <a@x>"),
            ("example.com: mail <a@x>", "\"example.com: mail\" <a@x>"),
            ("\"example.com\" <a@x>", "\"example.com\" <a@x>"),
            (
                "the \"best\", ever <a@x>",
                "\"the \\\"best\\\", ever\" <a@x>",
            ),
        ] {
            assert_eq!(mailbox(text), expected);
        }
    }
}

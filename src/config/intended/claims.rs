//! What becomes of what a provider says about people: subject, user name, display name, e-mail.

use super::Setting;
use super::option::OptionValue;
use super::options;
use super::provider::Builder;
use super::warning;
use crate::diagnostics::Diagnostics;
use crate::pg::{Origin, Sourced};

/// The mapping provider that Synapse ships with, by its present and its former name.
const JINJA: [&str; 2] = [
    "synapse.handlers.oidc.JinjaOidcMappingProvider",
    "synapse.handlers.oidc_handler.JinjaOidcMappingProvider",
];

/// Filters of Jinja, or of Synapse, that MAS's templates do not have.
const FOREIGN_FILTERS: [&str; 5] = [
    "localpart_from_email",
    "center",
    "forceescape",
    "urlize",
    "xmlattr",
];

impl Builder<'_> {
    /// What becomes of what the provider says about people; whether a module of the operator's own
    /// decides that.
    pub(super) fn claims(&mut self, problems: &mut Diagnostics) -> bool {
        let mapping = self.section.section("user_mapping_provider", problems);
        let module = mapping
            .as_ref()
            .and_then(|mapping| mapping.text("module", problems))
            .filter(|module| !JINJA.contains(&module.value.as_str()));
        if let Some(module) = module {
            self.note(&warning::PROVIDER_MAPPING, &module.origin);
            return true;
        }
        let config = mapping.and_then(|mapping| mapping.section("config", problems));
        let text = |key: &str, problems: &mut Diagnostics| {
            config
                .as_ref()
                .and_then(|config| config.text(key, problems))
        };
        let subject = text("subject_template", problems)
            .filter(|template| !template.value.is_empty())
            .or_else(|| {
                text("subject_claim", problems)
                    .map(|claim| claim.map(|claim| format!("{{{{ user.{claim} }}}}")))
            })
            .unwrap_or_else(|| Sourced::default_value("{{ user.sub }}".to_owned()));
        let confirm = config
            .as_ref()
            .and_then(|config| config.switch("confirm_localpart", problems))
            .filter(|confirm| confirm.value);
        let localpart = text("localpart_template", problems);
        let displayname = text("display_name_template", problems);
        let email = text("email_template", problems);
        let templates = [
            Some(&subject),
            localpart.as_ref(),
            displayname.as_ref(),
            email.as_ref(),
        ];
        for template in templates.into_iter().flatten() {
            if uses_foreign_filter(&template.value) {
                self.note(&warning::PROVIDER_FILTER, &template.origin);
            }
        }
        self.settings.text(&options::SUBJECT, Some(subject));
        self.localpart(localpart, confirm.as_ref(), problems);
        let action = if confirm.is_some() {
            "suggest"
        } else {
            "force"
        };
        for (template, option, action_option) in [
            (
                displayname,
                &options::DISPLAYNAME,
                &options::DISPLAYNAME_ACTION,
            ),
            (email, &options::EMAIL, &options::EMAIL_ACTION),
        ] {
            match template {
                Some(template) => {
                    self.settings.word(action_option, action, &template.origin);
                    self.settings.text(option, Some(template));
                }
                None => {
                    let origin = Origin::default_value();
                    self.settings.word(action_option, "ignore", &origin);
                }
            }
        }
        if let Some(config) = &config {
            for (warning, key) in [
                (&warning::PROVIDER_PICTURE, "picture_template"),
                (&warning::PROVIDER_PICTURE, "picture_claim"),
                (&warning::PROVIDER_EXTRA, "extra_attributes"),
            ] {
                self.note_if_set(warning, config, key);
            }
        }
        false
    }

    fn localpart(
        &mut self,
        template: Option<Sourced<String>>,
        confirm: Option<&Sourced<bool>>,
        problems: &mut Diagnostics,
    ) {
        let existing = self.switch("allow_existing_users", false, problems);
        let Some(template) = template else {
            // Synapse asks for a user name then, and finds nobody by it.
            self.settings.add(
                Setting::new(
                    &options::LOCALPART_ACTION,
                    OptionValue::Text("ignore".to_owned()),
                    Origin::default_value(),
                )
                .remarked("there is no `localpart_template`: people choose a user name"),
            );
            return;
        };
        let (action, origin) = match confirm {
            // MAS does not start with `suggest` and `on_conflict: add` together.
            Some(confirm) if existing.value => {
                self.note(&warning::PROVIDER_CONFIRM, &confirm.origin);
                ("require", &template.origin)
            }
            Some(confirm) => ("suggest", &confirm.origin),
            None => ("require", &template.origin),
        };
        self.settings
            .word(&options::LOCALPART_ACTION, action, origin);
        self.settings.add(
            Setting::new(
                &options::LOCALPART,
                OptionValue::Text(template.value),
                template.origin,
            )
            .remarked("Synapse also writes the result in small letters, and escapes what no user name has"),
        );
        if existing.value {
            self.settings
                .word(&options::ON_CONFLICT, "add", &existing.origin);
        }
    }
}

/// Whether one of the filters stands behind a bar in the template.
fn uses_foreign_filter(template: &str) -> bool {
    template.split('|').skip(1).any(|part| {
        let name: String = part
            .trim_start()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        FOREIGN_FILTERS.contains(&name.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_told_from_other_words() {
        assert!(uses_foreign_filter(
            "{{ user.email | localpart_from_email }}"
        ));
        assert!(uses_foreign_filter("{{ user.x|lower|center(80) }}"));
        assert!(!uses_foreign_filter(
            "{{ user.center }}|{{ user.name|lower }}"
        ));
        assert!(!uses_foreign_filter("{{ user.localpart_from_email }}"));
    }
}

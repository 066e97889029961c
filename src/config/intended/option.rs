//! What an option of MAS's configuration is: its key, the kind of its values and when two of them
//! mean the same, how it is read, and what it means if the two sides differ.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::section::At;
use crate::diagnostics::Diagnostics;
use crate::pg::{Secret, Sourced};

/// One of MAS's options.
#[derive(Debug)]
pub(in crate::config) struct MasOption {
    /// Its key, below its section; dots between the levels.
    pub(in crate::config) key: &'static str,
    /// What its values are.
    pub(in crate::config) kind: Kind,
    /// What MAS does without it.
    pub(in crate::config) default: Default,
    /// What it comes from, in Markdown.
    pub(in crate::config) synapse: &'static str,
    /// What it means if the sides differ; nothing for what may differ, or is compared elsewhere.
    pub(in crate::config) difference: Option<Difference>,
}

/// What it means if the sides differ.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Difference {
    /// The finding's id; several options may share one.
    pub(in crate::config) id: &'static str,
    /// One sentence.
    pub(in crate::config) meaning: &'static str,
}

/// What the values of an option are, and when two of them mean the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    /// `true` or `false`.
    Switch,
    /// Text, of which every character counts.
    Text,
    /// A URL: a slash at its end says nothing.
    Url,
    /// Words in any order.
    Words,
    /// A Jinja template: blanks around expressions say nothing.
    Template,
    /// Text that is never shown.
    Secret,
    /// Names and texts.
    Texts,
    /// A whole number.
    Number,
}

/// What MAS does without an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Default {
    /// Nothing that could be compared.
    None,
    /// The same as with this switch.
    Switch(bool),
    /// The same as with this text.
    Text(&'static str),
    /// The same as with an empty map.
    Empty,
}

/// The value of an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) enum OptionValue {
    /// Of [`Kind::Switch`].
    Switch(bool),
    /// Of every kind of text that may be shown.
    Text(String),
    /// Of [`Kind::Secret`].
    Secret(Secret),
    /// Of [`Kind::Texts`].
    Texts(BTreeMap<String, String>),
    /// Of [`Kind::Number`].
    Number(u64),
}

impl MasOption {
    pub(super) const fn new(
        key: &'static str,
        kind: Kind,
        default: Default,
        synapse: &'static str,
    ) -> Self {
        Self {
            key,
            kind,
            default,
            synapse,
            difference: None,
        }
    }

    pub(super) const fn differing(self, id: &'static str, meaning: &'static str) -> Self {
        Self {
            difference: Some(Difference { id, meaning }),
            ..self
        }
    }

    /// What MAS does without it, as a value.
    pub(in crate::config) fn default_value(&self) -> Option<OptionValue> {
        match self.default {
            Default::None => None,
            Default::Switch(value) => Some(OptionValue::Switch(value)),
            Default::Text(text) => Some(OptionValue::Text(text.to_owned())),
            Default::Empty => Some(OptionValue::Texts(BTreeMap::new())),
        }
    }

    /// Its value in `section` of MAS's configuration.
    pub(in crate::config) fn read(
        &self,
        section: &At<'_>,
        problems: &mut Diagnostics,
    ) -> Option<Sourced<OptionValue>> {
        let mut section = section.clone();
        let mut key = self.key;
        while let Some((head, rest)) = key.split_once('.') {
            section = section.section(head, problems)?;
            key = rest;
        }
        match self.kind {
            Kind::Switch => Some(section.switch(key, problems)?.map(OptionValue::Switch)),
            Kind::Text | Kind::Url | Kind::Words | Kind::Template => {
                Some(section.text(key, problems)?.map(OptionValue::Text))
            }
            Kind::Number => {
                let number = section.integer(key, 0..=i128::from(u64::MAX), problems)?;
                Some(
                    number.map(|number| {
                        OptionValue::Number(u64::try_from(number).unwrap_or(u64::MAX))
                    }),
                )
            }
            Kind::Secret => Some(section.secret(key, problems)?.map(OptionValue::Secret)),
            Kind::Texts => {
                let map = section.section(key, problems)?;
                let mut texts = BTreeMap::new();
                for (name, value) in map.entries() {
                    if let Some(text) = value.as_text(problems) {
                        texts.insert(name.to_owned(), text.value);
                    }
                }
                Some(Sourced::new(OptionValue::Texts(texts), map.origin()))
            }
        }
    }

    /// Whether two of its values mean the same.
    pub(in crate::config) fn same(&self, left: &OptionValue, right: &OptionValue) -> bool {
        match (self.kind, left, right) {
            (Kind::Url, OptionValue::Text(left), OptionValue::Text(right)) => {
                left.trim_end_matches('/') == right.trim_end_matches('/')
            }
            (Kind::Words, OptionValue::Text(left), OptionValue::Text(right)) => {
                let words = |text: &'_ str| -> BTreeSet<String> {
                    text.split_whitespace().map(str::to_owned).collect()
                };
                words(left) == words(right)
            }
            (Kind::Template, OptionValue::Text(left), OptionValue::Text(right)) => {
                plain_template(left) == plain_template(right)
            }
            (
                Kind::Switch
                | Kind::Text
                | Kind::Secret
                | Kind::Texts
                | Kind::Number
                | Kind::Url
                | Kind::Words
                | Kind::Template,
                left,
                right,
            ) => left == right,
        }
    }
}

/// A template without the blanks that say nothing: those just inside of an expression, and those
/// at both ends, which both products cut off.
fn plain_template(text: &str) -> String {
    let mut plain = String::new();
    for (at, part) in text.trim().split("{{").enumerate() {
        if at == 0 {
            plain.push_str(part);
            continue;
        }
        plain.push_str("{{");
        match part.split_once("}}") {
            Some((inside, after)) => {
                plain.push_str(inside.trim());
                plain.push_str("}}");
                plain.push_str(after);
            }
            None => plain.push_str(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::options::{ISSUER, LOCALPART, SCOPE, SUBJECT, TOKEN_ENDPOINT};
    use super::*;

    fn text(text: &str) -> OptionValue {
        OptionValue::Text(text.to_owned())
    }

    #[test]
    fn blanks_in_templates_and_the_order_of_scopes_say_nothing() {
        for (option, left, right, same) in [
            (&SUBJECT, "{{user.sub}}", " {{ user.sub }}\n", true),
            (&SUBJECT, "{{ user.sub }}", "{{ user.id }}", false),
            (&LOCALPART, "a {{ x }}b", "a {{x}}b", true),
            (&LOCALPART, "a {{ x }}b", "a {{ x }} b", false),
            (&LOCALPART, "{{ x", "{{x", false),
            (&SCOPE, "openid email", "email  openid", true),
            (&SCOPE, "openid", "openid email", false),
            (&ISSUER, "https://x/", "https://x", true),
            (&TOKEN_ENDPOINT, "https://x/", "https://x", false),
        ] {
            assert_eq!(
                option.same(&text(left), &text(right)),
                same,
                "{left}|{right}"
            );
        }
    }
}

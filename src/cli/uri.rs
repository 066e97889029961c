//! Connection strings, and where they were given.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::pg::{Origin, Secret, Sourced};

/// What stands in a flag, which may have been filled in from a variable of the environment.
pub fn given(text: &str, flag: &str, name: &str) -> Sourced<Secret> {
    from_variable(name)
        .filter(|variable| variable.value.reveal() == text)
        .unwrap_or_else(|| Sourced::new(Secret::new(text), Origin::Flag(flag.to_owned())))
}

/// What stands in a variable of the environment, unless it is empty.
pub fn from_variable(name: &str) -> Option<Sourced<Secret>> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(Sourced::new(
        Secret::new(value),
        Origin::Variable(name.to_owned()),
    ))
}

/// What stands in connection strings before the host, and behind `password=`.
static SECRETS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)(?P<uri>[a-z][a-z0-9+.-]*://)[^\s'"`]*@|(?P<word>password\s*=\s*)(?:'[^']*'|[^\s'"`&]+)"#,
    )
    .ok()
});

/// A text that repeats words of a command line, without what may be a password in them.
pub fn masked(text: &str) -> Cow<'_, str> {
    let Some(secrets) = &*SECRETS else {
        return Cow::Borrowed("");
    };
    secrets.replace_all(text, |found: &regex::Captures<'_>| {
        match (found.name("uri"), found.name("word")) {
            (Some(scheme), _) => format!("{}…@", scheme.as_str()),
            (None, Some(word)) => format!("{}…", word.as_str()),
            (None, None) => String::new(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_connection_strings_are_not_repeated() {
        for (text, shown) in [
            (
                "error: unexpected argument 'postgres://u:p/w@x@h/db' found",
                "error: unexpected argument 'postgres://…@h/db' found",
            ),
            (
                "`host=h password = 'a b' user=u`",
                "`host=h password = … user=u`",
            ),
            (
                "postgresql:///db?password=secret&user=u",
                "postgresql:///db?password=…&user=u",
            ),
            (
                "unexpected argument '--frobnicate' found",
                "unexpected argument '--frobnicate' found",
            ),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}

//! Connection strings, and where they were given.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::diagnostics::Diagnostic;
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

/// The password of a URI, and what stands behind `password=`.
static PASSWORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?i)(?P<uri>[a-z][a-z0-9+.-]*://[^\s'"`:@/]*:)[^\s'"`]*@|(?P<word>password\s*=\s*)(?:'[^']*'|[^\s'"`&]+)"#,
    )
    .ok()
});

/// A text that may repeat words of the command line, without passwords of connection strings in it.
pub fn masked(text: &str) -> Cow<'_, str> {
    let Some(passwords) = &*PASSWORDS else {
        return Cow::Borrowed("");
    };
    passwords.replace_all(text, |found: &Captures<'_>| {
        match (found.name("uri"), found.name("word")) {
            (Some(user), _) => format!("{}…@", user.as_str()),
            (None, Some(word)) => format!("{}…", word.as_str()),
            (None, None) => String::new(),
        }
    })
}

/// A diagnostic without passwords of connection strings: somebody may have given one where a file or a
/// command was meant, and messages repeat what was given.
pub fn without_passwords(diagnostic: &Diagnostic) -> Diagnostic {
    let all = |texts: &[String]| texts.iter().map(|text| masked(text).into_owned()).collect();
    Diagnostic {
        message: masked(&diagnostic.message).into_owned(),
        notes: all(&diagnostic.notes),
        help: all(&diagnostic.help),
        ..diagnostic.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_connection_strings_are_not_repeated() {
        for (text, shown) in [
            (
                "error: unexpected argument 'postgres://u:p/w@x@h/db' found",
                "error: unexpected argument 'postgres://u:…@h/db' found",
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
                "name it: `--target-database-uri postgresql://user@host/database`",
                "name it: `--target-database-uri postgresql://user@host/database`",
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

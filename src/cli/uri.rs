//! Connection strings, and where they were given.

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

//! The parameters of a plan for people: type, default, which values there are, what each is for.

use std::fmt::{Result, Write};

use crate::plan::Param;
use crate::types::{Ty, constant};

/// Columns in front of the documentation, and where it ends.
const INDENT: usize = 6;
const WIDTH: usize = 80;

/// Writes one parameter.
///
/// # Errors
/// What `out` says.
pub(super) fn write_parameter(out: &mut String, param: &Param) -> Result {
    write!(out, "  {}: {}", param.name, param.ty)?;
    match &param.default {
        Some(default) => write!(out, " = {}", constant(default))?,
        None => out.write_str("  (must be set)")?,
    }
    match param.ty.ty {
        Ty::Severity => out.write_str("  (error, warn or quiet)")?,
        Ty::Bool => out.write_str("  (true or false)")?,
        _ => {}
    }
    out.push('\n');
    let mut line = String::new();
    for word in param.docs.split_whitespace() {
        if line.is_empty() {
            line.push_str(word);
        } else if INDENT + line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(out, "{:INDENT$}{line}", "")?;
            word.clone_into(&mut line);
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    if !line.is_empty() {
        writeln!(out, "{:INDENT$}{line}", "")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::samples::planned;

    fn shown(mapping: &str) -> String {
        let plan = planned(mapping).unwrap();
        let mut text = String::new();
        for param in &plan.params {
            write_parameter(&mut text, param).unwrap();
        }
        text
    }

    #[test]
    fn parameters_are_shown_with_all_that_is_known() {
        let text = shown(
            r#"
/// How much strangers matter: a sentence that is long enough to go over the end of a line of a terminal.
param strangers: severity = warn
param since: timestamp
/// For how long.
param grace: duration = 36h
param greeting: text? = "a \"b\" \{c\}"
param loud: bool = false
param names: map<text, int> = {}
"#,
        );
        assert_eq!(
            text,
            "  strangers: severity = warn  (error, warn or quiet)
      How much strangers matter: a sentence that is long enough to go over the
      end of a line of a terminal.
  since: timestamp  (must be set)
  grace: duration = 36h
      For how long.
  greeting: text? = \"a \\\"b\\\" \\{c\\}\"
  loud: bool = false  (true or false)
  names: map<text, int> = {}
"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 80));
    }
}

//! Quoting for SQL text: the only place that puts a name or a text between quotes.
//!
//! Names are always quoted, so that a keyword or a capital letter is never a special case. Texts
//! are quoted for the few statements that take no parameters (`COMMENT ON`).

/// A name as a quoted identifier.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table or index with its schema.
pub fn qualified(schema: &str, name: &str) -> String {
    format!("{}.{}", identifier(schema), identifier(name))
}

/// Names as a list of quoted identifiers.
pub fn identifiers<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| identifier(name.as_ref())).collect();
    quoted.join(", ")
}

/// A text as a literal, whatever `standard_conforming_strings` says.
pub(crate) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') {
        format!(" E'{}'", quoted.replace('\\', "\\\\"))
    } else {
        format!("'{quoted}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_inside_names_are_doubled() {
        assert_eq!(identifier("books"), "\"books\"");
        assert_eq!(identifier("odd\"name"), "\"odd\"\"name\"");
        assert_eq!(qualified("My Schema", "order"), "\"My Schema\".\"order\"");
        assert_eq!(identifiers(&["a", "B"]), "\"a\", \"B\"");
    }

    #[test]
    fn literals_survive_quotes_and_backslashes() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal(r"a\'b"), r" E'a\\''b'");
    }
}

//! Which columns a check constraint speaks of.

use super::{Check, Table};

impl Check {
    /// The columns of its table that its condition names.
    pub fn columns<'t>(&self, table: &'t Table) -> Vec<&'t str> {
        let words = words(&self.expression);
        table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .filter(|name| words.iter().any(|word| word == name))
            .collect()
    }
}

/// The names in a piece of SQL, as they are without quotes: also those of functions and types, but
/// nothing of a text.
fn words(sql: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' | '"' => {
                let mut word = String::new();
                while let Some(inner) = rest.next() {
                    if inner != c {
                        word.push(inner);
                    } else if rest.next_if_eq(&c).is_some() {
                        word.push(c);
                    } else {
                        break;
                    }
                }
                if c == '"' {
                    found.push(word);
                }
            }
            c if c.is_alphabetic() || c == '_' => {
                let mut word = String::from(c);
                while let Some(more) =
                    rest.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
                {
                    word.push(more);
                }
                found.push(word);
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn names_are_told_from_texts() {
        assert_eq!(
            words(r#"((n > 0) AND ("Odd ""name" <> 'it''s n'::text) AND (a_1$ = 7))"#),
            ["n", "AND", "Odd \"name", "text", "AND", "a_1$"]
        );
    }
}

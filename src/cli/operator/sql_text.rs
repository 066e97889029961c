//! SQL for people: broken into lines where a blank may be a line break.

/// Breaks a statement into lines of 80 columns, each with the indent; never inside quotes, so that it
/// stays the same statement.
pub fn wrap(sql: &str, indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::from(indent);
    for word in words(sql) {
        let begun = line.len() > indent.len();
        if begun && line.chars().count() + 1 + word.chars().count() > 80 {
            lines.push(std::mem::replace(&mut line, format!("{indent}  ")));
        } else if begun {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}

/// The pieces between blanks that stand outside quotes.
fn words(sql: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quote) = (0, None);
    for (at, c) in sql.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => quote = Some(c),
            (None, c) if c.is_whitespace() => {
                words.push(sql.get(start..at).unwrap_or_default());
                start = at + c.len_utf8();
            }
            (Some(_) | None, _) => {}
        }
    }
    words.push(sql.get(start..).unwrap_or_default());
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_kept_whole() {
        assert_eq!(words("a 'b  c' \"d e\" f"), ["a", "'b  c'", "\"d e\"", "f"]);
        let sql = format!("SELECT {} FROM t WHERE x = 'a  b'", "column, ".repeat(20));
        let text = wrap(&sql, "  ");
        assert!(
            text.lines()
                .all(|line| line.len() <= 80 && line.starts_with("  "))
        );
        assert_eq!(words(&text), words(&sql));
    }

    #[test]
    fn what_begins_a_line_after_the_first_is_moved_in() {
        let text = wrap(&"word ".repeat(40), "");
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")));
    }
}

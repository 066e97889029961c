//! Numbers with the nouns that they count: the one place that knows plurals.

/// A number with its thousands apart: `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number and a noun, in the plural where it has one: `1 map`, `2 maps`, `0 addresses`.
pub fn counted(number: u64, noun: &str) -> String {
    counted_as(number, noun, &plural(noun))
}

/// A number and what is counted, where more than the noun's end depends on it: `1 row was`,
/// `2 rows were`.
pub fn counted_as(number: u64, one: &str, more: &str) -> String {
    let words = if number == 1 { one } else { more };
    format!("{} {words}", thousands(number))
}

/// How often: `once`, `2 times`.
pub fn times(number: u64) -> String {
    if number == 1 {
        "once".to_owned()
    } else {
        counted(number, "time")
    }
}

/// A noun in the plural, by the rules of spelling; there are no others in messages.
fn plural(noun: &str) -> String {
    let hisses = ["s", "x", "z", "ch", "sh"]
        .iter()
        .any(|end| noun.ends_with(end));
    let before_y = noun.strip_suffix('y');
    match before_y {
        _ if hisses => format!("{noun}es"),
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let texts = [0, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn nouns_are_counted() {
        for (number, noun, text) in [
            (0, "address", "0 addresses"),
            (1, "address", "1 address"),
            (2, "e-mail address", "2 e-mail addresses"),
            (1, "device", "1 device"),
            (1200, "device", "1,200 devices"),
            (2, "key", "2 keys"),
            (2, "query", "2 queries"),
            (2, "index", "2 indexes"),
        ] {
            assert_eq!(counted(number, noun), text);
        }
        assert_eq!(counted_as(1, "row was", "rows were"), "1 row was");
        assert_eq!(counted_as(0, "row was", "rows were"), "0 rows were");
        assert_eq!([times(1), times(2)], ["once", "2 times"]);
    }
}

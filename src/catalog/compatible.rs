//! Which type of a live column will do for the one that a mapping was compiled with.

/// Why values of a live column cannot be read as the type expected; `None` if they can.
///
/// Integers of all widths become the same values, and `varchar` of any length is read as `text`.
pub(super) fn unreadable_as(expected: &str, live: &str) -> Option<String> {
    if expected == live
        || (is_integer(expected) && is_integer(live))
        || (is_text(expected) && is_text(live))
    {
        return None;
    }
    Some(if is_text(expected) && live.starts_with("character(") {
        "its values are padded with blanks, which `text` would keep".to_owned()
    } else {
        format!("values of `{live}` have another meaning or form than those of `{expected}`")
    })
}

/// Why values of the type expected cannot be written to a live column; `None` if all of them can.
///
/// Stricter than reading: values travel in the binary form of their type, so an integer of another
/// width does not do, and a shorter text may not fit.
pub(super) fn unwritable_to(expected: &str, live: &str) -> Option<String> {
    if expected == live {
        return None;
    }
    if is_text(expected) && is_text(live) {
        return match (text_limit(expected), text_limit(live)) {
            (_, None) => None,
            (Some(longest), Some(limit)) if longest <= limit => None,
            (_, Some(limit)) => Some(format!(
                "it holds {limit} characters at most, and longer values are possible"
            )),
        };
    }
    Some(if is_integer(expected) && is_integer(live) {
        "rows are written in the binary form of their type, which has another width".to_owned()
    } else {
        format!("values of `{expected}` have another meaning or form than those of `{live}`")
    })
}

fn is_integer(ty: &str) -> bool {
    matches!(ty, "smallint" | "integer" | "bigint")
}

fn is_text(ty: &str) -> bool {
    ty == "text" || ty == "character varying" || ty.starts_with("character varying(")
}

fn text_limit(ty: &str) -> Option<u32> {
    ty.strip_prefix("character varying(")?
        .strip_suffix(')')?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_takes_every_width_and_length() {
        for (expected, live) in [
            ("integer", "bigint"),
            ("bigint", "smallint"),
            ("text", "character varying"),
            ("text", "character varying(20)"),
            ("character varying(20)", "text"),
            ("uuid", "uuid"),
        ] {
            assert_eq!(unreadable_as(expected, live), None, "{expected} {live}");
        }
        for (expected, live) in [
            ("text", "character(5)"),
            ("timestamp with time zone", "timestamp without time zone"),
            ("bigint", "text"),
            ("boolean", "smallint"),
            ("jsonb", "json"),
            ("text", "text[]"),
        ] {
            assert!(unreadable_as(expected, live).is_some(), "{expected} {live}");
        }
    }

    #[test]
    fn writing_takes_what_holds_every_value_in_the_same_form() {
        for (expected, live) in [
            ("text", "character varying"),
            ("character varying(5)", "text"),
            ("character varying(5)", "character varying(6)"),
            ("inet", "inet"),
        ] {
            assert_eq!(unwritable_to(expected, live), None, "{expected} {live}");
        }
        for (expected, live) in [
            ("integer", "bigint"),
            ("bigint", "integer"),
            ("text", "character varying(255)"),
            ("character varying(6)", "character varying(5)"),
            ("text", "bytea"),
            ("timestamp with time zone", "timestamp(3) with time zone"),
        ] {
            assert!(unwritable_to(expected, live).is_some(), "{expected} {live}");
        }
    }
}

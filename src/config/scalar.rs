//! What a plain YAML scalar means: by YAML 1.1 as PyYAML reads it, or by YAML 1.2's core schema.

use std::sync::LazyLock;

use regex::Regex;

/// The rules by which plain scalars become values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Schema {
    /// YAML 1.1 as PyYAML reads it: `no` and `off` are booleans, `010` is eight, `<<` merges, of
    /// equal keys the last wins. Values are used as Python uses them.
    Python,
    /// YAML 1.2: only `true` and `false` are booleans, equal keys are an error. Values must have the
    /// type that is asked for.
    Core,
}

/// A scalar's value.
#[derive(Clone, PartialEq)]
pub(super) enum Scalar {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// Text.
    Text(String),
    /// Something no setting here can be: its name with an article.
    Other(&'static str),
}

const FRACTION: &str = "a number with a fraction";

impl Schema {
    /// The value of a scalar that stands without quotes and tag.
    pub(super) fn resolve(self, text: &str) -> Scalar {
        match self {
            Self::Python => resolve_python(text),
            Self::Core => resolve_core(text),
        }
    }
}

fn resolve_python(text: &str) -> Scalar {
    // The expressions of YAML 1.1's type repository, with PyYAML's own narrowing.
    static INTEGER: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"^[-+]?(0b[0-1_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*|[1-9][0-9_]*(:[0-5]?[0-9])+)$",
        )
        .ok()
    });
    static FLOAT: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"^([-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?|\.[0-9][0-9_]*([eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$",
        )
        .ok()
    });
    static DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(
            r"^([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\.[0-9]*)?([ \t]*(Z|[-+][0-9]{1,2}(:?[0-9]{2})?))?)$",
        )
        .ok()
    });
    let is = |expression: &LazyLock<Option<Regex>>| {
        expression
            .as_ref()
            .is_some_and(|expression| expression.is_match(text))
    };
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        _ => {}
    }
    if is(&INTEGER) {
        python_integer(text)
    } else if is(&FLOAT) {
        Scalar::Other(FRACTION)
    } else if is(&DATE) {
        Scalar::Other("a date")
    } else {
        Scalar::Text(text.to_owned())
    }
}

fn python_integer(text: &str) -> Scalar {
    let digits = text.replace('_', "");
    let (negative, digits) = match digits.strip_prefix(['-', '+']) {
        Some(rest) => (digits.starts_with('-'), rest),
        None => (false, digits.as_str()),
    };
    let number = if let Some(digits) = digits.strip_prefix("0b") {
        i128::from_str_radix(digits, 2).ok()
    } else if let Some(digits) = digits.strip_prefix("0x") {
        i128::from_str_radix(digits, 16).ok()
    } else if digits.contains(':') {
        // 1:30 is ninety: base 60.
        digits.split(':').try_fold(0i128, |sum, part| {
            sum.checked_mul(60)?.checked_add(part.parse().ok()?)
        })
    } else if digits.len() > 1 && digits.starts_with('0') {
        i128::from_str_radix(digits, 8).ok()
    } else {
        digits.parse().ok()
    };
    match number {
        Some(number) => Scalar::Integer(if negative { -number } else { number }),
        None => Scalar::Other("a number beyond 38 digits"),
    }
}

fn resolve_core(text: &str) -> Scalar {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" => return Scalar::Bool(false),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Scalar::Other(FRACTION);
    }
    let number = [("0x", 16), ("0o", 8), ("0b", 2)]
        .iter()
        .find_map(|(prefix, base)| {
            let digits = unsigned.strip_prefix(prefix)?;
            if digits.starts_with(['-', '+']) {
                return None;
            }
            i128::from_str_radix(digits, *base).ok()
        });
    if let Some(number) = number {
        return Scalar::Integer(if text.starts_with('-') {
            -number
        } else {
            number
        });
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Scalar::Text(text.to_owned());
    }
    let has_leading_zero = unsigned.len() > 1
        && unsigned.starts_with('0')
        && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if has_leading_zero {
        return Scalar::Text(text.to_owned());
    }
    if let Ok(number) = text.parse() {
        return Scalar::Integer(number);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Scalar::Other(FRACTION),
        Ok(_) | Err(_) => Scalar::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(scalar: &Scalar) -> String {
        match scalar {
            Scalar::Null => "null".to_owned(),
            Scalar::Bool(value) => value.to_string(),
            Scalar::Integer(value) => value.to_string(),
            Scalar::Text(text) => format!("'{text}'"),
            Scalar::Other(what) => (*what).to_owned(),
        }
    }

    /// Expected values are what PyYAML 6.0.3's `safe_load` gives.
    #[test]
    fn yaml_1_1_scalars_are_read_as_pyyaml_reads_them() {
        for (text, expected) in [
            ("no", "false"),
            ("No", "false"),
            ("NO", "false"),
            ("off", "false"),
            ("Off", "false"),
            ("yes", "true"),
            ("ON", "true"),
            ("true", "true"),
            ("y", "'y'"),
            ("n", "'n'"),
            ("nO", "'nO'"),
            ("", "null"),
            ("~", "null"),
            ("null", "null"),
            ("nil", "'nil'"),
            ("0", "0"),
            ("-12", "-12"),
            ("+12", "12"),
            ("010", "8"),
            ("0_1_0", "8"),
            ("08", "'08'"),
            ("0o10", "'0o10'"),
            ("0x1F", "31"),
            ("0b101", "5"),
            ("1_000", "1000"),
            ("1:30", "90"),
            ("1:30:00", "5400"),
            ("1:60", "'1:60'"),
            ("1.5", FRACTION),
            ("1.", FRACTION),
            ("1e3", "'1e3'"),
            ("1.0e+3", FRACTION),
            ("1.0e3", "'1.0e3'"),
            (".inf", FRACTION),
            ("2024-01-02", "a date"),
            ("2024-1-2", "'2024-1-2'"),
            ("2024-01-02 03:04:05", "a date"),
            ("12 apples", "'12 apples'"),
        ] {
            assert_eq!(show(&Schema::Python.resolve(text)), expected, "{text}");
        }
    }

    #[test]
    fn yaml_1_2_scalars_are_read_as_serde_yaml_reads_them() {
        for text in [
            "no",
            "off",
            "yes",
            "on",
            "true",
            "True",
            "TRUE",
            "tRUE",
            "false",
            "~",
            "null",
            "Null",
            "NULL",
            "nULL",
            "0",
            "-12",
            "+12",
            "010",
            "00",
            "-010",
            "0o10",
            "0x1F",
            "-0x1F",
            "0b11",
            "0x",
            "0x+1",
            "1_000",
            "1:30",
            "1.5",
            ".5",
            "5.",
            "1e3",
            "1e+3",
            "1e999",
            ".inf",
            "-.inf",
            "+.inf",
            ".nan",
            "-.nan",
            "inf",
            "nan",
            "NaN",
            "infinity",
            "2024-01-02",
            "+",
            "--1",
            "+-1",
            "1-",
            "12a",
            "18446744073709551615",
            ".",
            "-.5",
        ] {
            let expected = match serde_yaml::from_str::<serde_yaml::Value>(&format!("k: {text}"))
                .unwrap()
                .get("k")
                .unwrap()
            {
                serde_yaml::Value::Null => "null".to_owned(),
                serde_yaml::Value::Bool(value) => value.to_string(),
                serde_yaml::Value::Number(number) if number.is_f64() => FRACTION.to_owned(),
                serde_yaml::Value::Number(number) => number.to_string(),
                serde_yaml::Value::String(text) => format!("'{text}'"),
                other => format!("{other:?}"),
            };
            let found = show(&Schema::Core.resolve(text));
            assert_eq!(found, expected, "{text}");
        }
    }
}

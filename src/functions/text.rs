//! Text.

use super::{EvalError, Function, Kind, Returns, int_at, parameter, text_at};
use crate::types::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "lower",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Text),
        fails: None,
        injective_in: None,
        doc: "The text in lower case, by Unicode's rules.",
        examples: &[("lower(\"ÄBc\")", "\"äbc\"")],
        body: |arguments, arena| {
            Ok(Value::Text(
                arena.alloc_str(&text_at(arguments, 0)?.to_lowercase()),
            ))
        },
    },
    Function {
        name: "upper",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Text),
        fails: None,
        injective_in: None,
        doc: "The text in upper case, by Unicode's rules.",
        examples: &[("upper(\"äb\")", "\"ÄB\"")],
        body: |arguments, arena| {
            Ok(Value::Text(
                arena.alloc_str(&text_at(arguments, 0)?.to_uppercase()),
            ))
        },
    },
    Function {
        name: "trim",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Text),
        fails: None,
        injective_in: None,
        doc: "The text without white space at its ends.",
        examples: &[("trim(\" a b\\n\")", "\"a b\""), ("trim(\"\")", "\"\"")],
        body: |arguments, _| Ok(Value::Text(text_at(arguments, 0)?.trim())),
    },
    Function {
        name: "length",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Int),
        fails: None,
        injective_in: None,
        doc: "How many characters (Unicode scalar values) the text has.",
        examples: &[("length(\"äb\")", "2")],
        body: |arguments, _| {
            let length = text_at(arguments, 0)?.chars().count();
            i64::try_from(length)
                .map(Value::Int)
                .map_err(|_| EvalError::DEFECT)
        },
    },
    Function {
        name: "starts_with",
        parameters: &[
            parameter("text", Kind::Text),
            parameter("prefix", Kind::Text),
        ],
        returns: Returns::Required(Kind::Bool),
        fails: None,
        injective_in: None,
        doc: "Whether the text begins with the prefix.",
        examples: &[
            ("starts_with(\"syt_a\", \"syt_\")", "true"),
            ("starts_with(\"a\", \"ab\")", "false"),
        ],
        body: |arguments, _| {
            Ok(Value::Bool(
                text_at(arguments, 0)?.starts_with(text_at(arguments, 1)?),
            ))
        },
    },
    Function {
        name: "ends_with",
        parameters: &[
            parameter("text", Kind::Text),
            parameter("suffix", Kind::Text),
        ],
        returns: Returns::Required(Kind::Bool),
        fails: None,
        injective_in: None,
        doc: "Whether the text ends with the suffix.",
        examples: &[
            ("ends_with(\"a.png\", \".png\")", "true"),
            ("ends_with(\"a\", \"b\")", "false"),
        ],
        body: |arguments, _| {
            Ok(Value::Bool(
                text_at(arguments, 0)?.ends_with(text_at(arguments, 1)?),
            ))
        },
    },
    Function {
        name: "contains",
        parameters: &[parameter("text", Kind::Text), parameter("part", Kind::Text)],
        returns: Returns::Required(Kind::Bool),
        fails: None,
        injective_in: None,
        doc: "Whether the part occurs in the text.",
        examples: &[
            ("contains(\"a:b\", \":\")", "true"),
            ("contains(\"ab\", \":\")", "false"),
        ],
        body: |arguments, _| {
            Ok(Value::Bool(
                text_at(arguments, 0)?.contains(text_at(arguments, 1)?),
            ))
        },
    },
    Function {
        name: "replace",
        parameters: &[
            parameter("text", Kind::Text),
            parameter("part", Kind::Text),
            parameter("by", Kind::Text),
        ],
        returns: Returns::Required(Kind::Text),
        fails: None,
        injective_in: None,
        doc: "The text with every occurrence of the part replaced.",
        examples: &[("replace(\"a-b-c\", \"-\", \"\")", "\"abc\"")],
        body: |arguments, arena| {
            let replaced =
                text_at(arguments, 0)?.replace(text_at(arguments, 1)?, text_at(arguments, 2)?);
            Ok(Value::Text(arena.alloc_str(&replaced)))
        },
    },
    Function {
        name: "before",
        parameters: &[parameter("text", Kind::Text), parameter("mark", Kind::Text)],
        returns: Returns::Required(Kind::Text),
        fails: Some("where the mark does not occur"),
        injective_in: None,
        doc: "What stands before the first occurrence of the mark.",
        examples: &[
            ("before(\"a@b@c\", \"@\")", "\"a\""),
            ("before(\"abc\", \"@\")", "fails"),
        ],
        body: |arguments, _| match text_at(arguments, 0)?.split_once(text_at(arguments, 1)?) {
            Some((before, _)) => Ok(Value::Text(before)),
            None => Err(EvalError::new("does not hold the mark")),
        },
    },
    Function {
        name: "after",
        parameters: &[parameter("text", Kind::Text), parameter("mark", Kind::Text)],
        returns: Returns::Required(Kind::Text),
        fails: Some("where the mark does not occur"),
        injective_in: None,
        doc: "What stands after the first occurrence of the mark.",
        examples: &[
            ("after(\"a@b@c\", \"@\")", "\"b@c\""),
            ("after(\"abc\", \"@\")", "fails"),
        ],
        body: |arguments, _| match text_at(arguments, 0)?.split_once(text_at(arguments, 1)?) {
            Some((_, after)) => Ok(Value::Text(after)),
            None => Err(EvalError::new("does not hold the mark")),
        },
    },
    Function {
        name: "substring",
        parameters: &[
            parameter("text", Kind::Text),
            parameter("start", Kind::Int),
            parameter("length", Kind::Int),
        ],
        returns: Returns::Required(Kind::Text),
        fails: Some("where start or length is negative"),
        injective_in: None,
        doc: "Up to `length` characters from the character number `start`, the first being 0.",
        examples: &[
            ("substring(\"äbcd\", 1, 2)", "\"bc\""),
            ("substring(\"ab\", 1, 9)", "\"b\""),
            ("substring(\"ab\", -1, 1)", "fails"),
        ],
        body: |arguments, _| {
            let text = text_at(arguments, 0)?;
            let negative = || EvalError::new("is a negative position or length");
            let start = usize::try_from(int_at(arguments, 1)?).map_err(|_| negative())?;
            let length = usize::try_from(int_at(arguments, 2)?).map_err(|_| negative())?;
            let rest = text
                .char_indices()
                .nth(start)
                .and_then(|(at, _)| text.get(at..))
                .unwrap_or("");
            let end = rest
                .char_indices()
                .nth(length)
                .map_or(rest.len(), |(at, _)| at);
            Ok(Value::Text(rest.get(..end).unwrap_or("")))
        },
    },
    Function {
        name: "parse_int",
        parameters: &[parameter("text", Kind::Text)],
        returns: Returns::Required(Kind::Int),
        fails: Some("where the text is no whole number of 64 bits"),
        injective_in: None,
        doc: "Reads a whole number in decimal digits, with or without a sign.",
        examples: &[
            ("parse_int(\"-42\")", "-42"),
            ("parse_int(\"4 2\")", "fails"),
            ("parse_int(\"9223372036854775808\")", "fails"),
        ],
        body: |arguments, _| match text_at(arguments, 0)?.parse() {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) => Err(EvalError::new("is no whole number of 64 bits")),
        },
    },
];

//! The parser that pest makes of `grammar/map.pest`, and its keywords.

use std::sync::{Mutex, PoisonError};

/// The parser.
#[derive(pest_derive::Parser)]
#[grammar = "grammar/map.pest"]
pub(super) struct MapParser;

/// Held by the one parse that keeps its attempts: pest's switch for that is the whole process's.
static DETAIL: Mutex<()> = Mutex::new(());

/// Parses `text` by `rule`; errors keep every attempt at the furthest position.
pub(super) fn parse(
    rule: Rule,
    text: &str,
) -> Result<pest::iterators::Pairs<'_, Rule>, Box<pest::error::Error<Rule>>> {
    let parse = || <MapParser as pest::Parser<Rule>>::parse(rule, text);
    // Without the attempts an error knows only where the outermost rule began; keeping them takes
    // many times as long as the parse. So they are kept only where there is an error to explain.
    parse().or_else(|_| {
        let _held = DETAIL.lock().unwrap_or_else(PoisonError::into_inner);
        pest::set_error_detail(true);
        let explained = parse();
        pest::set_error_detail(false);
        explained.map_err(Box::new)
    })
}

/// The words that cannot be names without backquotes, as the rule `keyword` lists them.
pub(super) const KEYWORDS: &[&str] = &[
    "and",
    "as",
    "by",
    "else",
    "exists",
    "fail",
    "false",
    "from",
    "group",
    "if",
    "in",
    "into",
    "is",
    "join",
    "left",
    "let",
    "match",
    "not",
    "null",
    "on",
    "or",
    "otherwise",
    "skip",
    "then",
    "true",
    "warn",
    "when",
    "where",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keywords_are_those_of_the_grammar() {
        let grammar = include_str!("../../grammar/map.pest");
        let line = grammar
            .lines()
            .find(|line| line.starts_with("keyword "))
            .unwrap();
        let mut listed: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        listed.sort_unstable();
        assert_eq!(listed, KEYWORDS);
        for word in KEYWORDS {
            assert!(parse(Rule::header, "").is_ok() && parse(Rule::name, word).is_err());
        }
    }
}

//! The place where a text stops to fit: what stands there, and what a reader would type.
//!
//! pest gives the furthest position it reached and the tokens that would have been right there. Its
//! rules are of no use: it folds the attempts of four alternatives or more into the rule above them.
//! The tokens are many, since nearly every expression can go on with an operator or a bracket. What a
//! reader would type next is among them; [`Place::expected`] picks it out.

use std::collections::BTreeSet;

use crate::diagnostics::{Diagnostic, suggest};

use super::grammar::{KEYWORDS, Rule};
use super::scan::{Open, first_token, skip_blank};
use super::split::ITEM_WORDS;

/// Stands among the tokens for: anything but the keyword that was found.
pub(super) const KEYWORD: &str = "no keyword";

/// Where parsing stopped, what stands there, and what would have been right.
pub(super) struct Place<'t> {
    /// The chunk.
    pub(super) text: &'t str,
    /// Where in it.
    pub(super) position: usize,
    /// The word or sign there; empty at the end.
    pub(super) found: &'t str,
    tokens: BTreeSet<String>,
}

impl<'t> Place<'t> {
    pub(super) fn new(text: &'t str, error: &pest::error::Error<Rule>) -> Self {
        let attempts = error.parse_attempts();
        let reached = attempts
            .as_ref()
            .map_or(0, |attempts| attempts.max_position);
        let tokens = attempts
            .iter()
            .flat_map(|attempts| attempts.expected_tokens())
            .map(|token| token.to_string())
            .collect();
        let mut place = Self {
            text,
            position: reached.min(text.len()),
            found: "",
            tokens,
        };
        place.position = place.adjusted();
        place.found = first_token(text.get(place.position..).unwrap_or_default());
        if place.expects("ms") && place.found.starts_with(char::is_alphabetic) {
            // A number that runs into letters is one word to a reader.
            let before = text.get(..place.position).unwrap_or_default();
            let number = before.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
            if number.len() < before.len() {
                place.position = number.len();
                place.found = first_token(text.get(number.len()..).unwrap_or_default());
                place.tokens = BTreeSet::from(["0..9".to_owned()]);
            }
        }
        place
    }

    /// The position where a reader sees the mistake: behind blanks and comments, and at the start of a
    /// word or sign that was read in part.
    fn adjusted(&mut self) -> usize {
        let before = self.text.get(..self.position).unwrap_or_default();
        if Open::before(self.text, self.position).text.is_some() {
            return self.position;
        }
        let slashes = before.trim_end_matches('/').len();
        let documentation = self
            .text
            .get(slashes..)
            .is_some_and(|rest| rest.starts_with("///") || rest.starts_with("//!"));
        if documentation && slashes < before.len() {
            return slashes;
        }
        if before.ends_with('<')
            && self
                .text
                .get(self.position..)
                .is_some_and(|rest| rest.starts_with('>'))
        {
            self.tokens = BTreeSet::from(["??".to_owned()]);
            return self.position - 1;
        }
        // A keyword where a name must stand: pest has read it and asks for more letters.
        let only_letters = self
            .tokens
            .iter()
            .all(|token| token == "_" || (token.contains("..") && token.len() == 4));
        let word = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        let is_keyword = before
            .get(word.len()..)
            .is_some_and(|word| KEYWORDS.contains(&word));
        if only_letters && is_keyword {
            self.tokens = BTreeSet::from([KEYWORD.to_owned()]);
            return word.len();
        }
        skip_blank(self.text, self.position)
    }

    pub(super) fn expects(&self, token: &str) -> bool {
        self.tokens.contains(token)
    }

    fn expects_value(&self) -> bool {
        self.expects("if") && self.expects("match")
    }

    /// Whether an expression has just ended, so that an operator could follow.
    fn after_value(&self) -> bool {
        self.expects("??")
    }

    /// What was meant by a sign of other languages.
    pub(super) fn meant(&self) -> Option<&'static str> {
        let found = self.found;
        if self.after_value() {
            return match found {
                "=" => Some("=="),
                "<>" => Some("!="),
                "&&" => Some("and"),
                "||" => Some("or"),
                _ => None,
            };
        }
        match found {
            "!" if self.expects_value() => Some("not"),
            "->" if self.expects("=>") => Some("=>"),
            _ => None,
        }
    }

    /// Where an operator stands at the end of a line whose operand was taken from the next line,
    /// `name = …`.
    pub(super) fn dangling_operator(&self) -> Option<usize> {
        if self.found != "=" || !self.after_value() {
            return None;
        }
        let before = self.text.get(..self.position)?;
        let line = before.rfind('\n')?;
        let name = before.get(line..)?.trim();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let earlier = before.get(..Open::before(self.text, line).end)?;
        let operator = earlier
            .rfind(|c: char| c.is_whitespace())
            .map_or(0, |at| at + 1);
        let word = earlier.get(operator..)?;
        let dangles = matches!(
            word,
            "+" | "-"
                | "*"
                | "/"
                | "%"
                | "??"
                | "=="
                | "!="
                | "<"
                | "<="
                | ">"
                | ">="
                | "and"
                | "or"
                | "not"
        );
        (is_name && dangles).then_some(operator)
    }

    pub(super) fn token_length(&self, at: usize) -> usize {
        self.text
            .get(at..)
            .and_then(|rest| rest.split_whitespace().next())
            .map_or(0, str::len)
    }

    /// What a reader would write here, the most telling first.
    pub(super) fn expected(&self, open: &Open) -> Vec<String> {
        let has = |token: &str| self.expects(token);
        let sign = |token: &str| format!("`{token}`");
        if has(KEYWORD) {
            return vec![self.other_than_keyword(open).to_owned()];
        }
        if self.found.is_empty() && has("}") && open.brackets.last().is_some_and(|(c, _)| *c == '{')
        {
            return vec![sign("}")];
        }
        if has("mapping") {
            return vec!["an item".to_owned()];
        }
        if self.expects_value() {
            let noun = if has("quiet") {
                "a constant"
            } else {
                "an expression"
            };
            let mut list = vec![noun.to_owned()];
            list.extend(
                ["skip", "fail", "warn"]
                    .into_iter()
                    .filter(|word| has(word))
                    .map(sign),
            );
            return list;
        }
        let mut list: Vec<String> = Vec::new();
        if has("true") {
            list.push("a constant".to_owned());
        }
        if has("let") {
            let block = if has("into") { "map" } else { "view" };
            list.push(format!("a line of the {block}"));
        } else if has("`") {
            let rule = has("///");
            list.push(
                if rule {
                    "a rule `column = …`"
                } else {
                    self.name()
                }
                .to_owned(),
            );
        } else if has("skip") {
            list.extend(["skip", "fail"].map(sign));
        } else if has("quiet") {
            list.push("a severity".to_owned());
        } else if has("source") {
            list.extend(["source", "target"].map(sign));
        } else if has("map") {
            list.push("a type".to_owned());
        }
        if has("\"") && !has("true") {
            list.push("a text in double quotes".to_owned());
        }
        let after_value = self.after_value();
        for token in [
            "{", "}", ")", "]", ">", ",", "=>", "|", "=", ":", "<", ".", "(", "then", "from", "on",
            "by", "many", "skipped", "limit", "help", "sql", "null", "not",
        ] {
            // Behind a value these go on with it, and so can every operator.
            let goes_on = after_value && matches!(token, "." | "(" | "<" | ">" | "|" | "not")
                || token == "(" && has("quiet");
            if has(token) && !goes_on && !(token == "many" && has("`")) {
                list.push(sign(if token == "not" { "not null" } else { token }));
            }
        }
        for token in ["join", "where", "group"] {
            if has(token) {
                list.push(sign(if token == "group" { "group by" } else { token }));
            }
        }
        // `as`, `when` and `else` can often follow; they are told where nothing else must.
        let word = self.found.chars().all(|c| c.is_alphanumeric() || c == '_');
        if has("as") && word {
            list.push(sign("as"));
        }
        for token in ["when", "otherwise", "else"] {
            if has(token) && !has("let") && (!after_value || list.is_empty()) {
                list.push(sign(token));
            }
        }
        if list.is_empty() && after_value {
            list.push("an operator".to_owned());
        }
        if list.is_empty() && has("0..9") && !has("_") {
            list.push("a whole number".to_owned());
        }
        if list.is_empty() && has(" ") {
            list.push("the next item".to_owned());
        }
        list
    }

    /// What is wanted where a keyword was found.
    fn other_than_keyword(&self, open: &Open) -> &'static str {
        let before = self.text.get(..open.end).unwrap_or_default();
        let word = before
            .rsplit(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default();
        let names = [
            "let",
            "map",
            "view",
            "param",
            "reason",
            "mapping",
            "source",
            "target",
            "from",
            "join",
            "many",
            "as",
            "into",
            "skip",
            "fail",
            "warn",
            "for",
            "broadcast",
            "exists",
        ];
        if names.contains(&word) {
            return self.name();
        }
        let gap = self.text.get(open.end..self.position).unwrap_or_default();
        let sets = self.next_sign() == "=";
        let braces = open.brackets.iter().filter(|(c, _)| *c == '{').count();
        let is_view = self
            .text
            .lines()
            .any(|line| line.trim_start().starts_with("view "));
        match (gap.contains('\n') || before.ends_with('{'), braces) {
            (true, 1) if is_view && sets => "a name",
            (true, 1) if is_view => "a line of the view",
            (true, 1) => "a line of the map",
            (true, 2) => "a rule `column = …`",
            _ if before.ends_with(',') || before.ends_with('.') => "a name",
            _ => "an expression",
        }
    }

    /// The sign or word behind what was found.
    fn next_sign(&self) -> &'t str {
        let behind = skip_blank(self.text, self.position + self.found.len());
        first_token(self.text.get(behind..).unwrap_or_default())
    }

    /// What kind of name is wanted, by the word before it.
    fn name(&self) -> &'static str {
        let before = self
            .text
            .get(..self.position)
            .unwrap_or_default()
            .trim_end();
        let word = before
            .rsplit(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default();
        match word {
            "skip" | "fail" | "warn" => "the name of a reason",
            "into" => "the name of a table",
            _ => "a name",
        }
    }

    /// Adds what helps a reader to go on.
    pub(super) fn advice(&self, mut diagnostic: Diagnostic) -> Diagnostic {
        let wants_line = self.expects("let") && !self.found.is_empty();
        if wants_line && self.meant().is_none() {
            diagnostic = diagnostic.note(if self.expects("into") {
                "lines of a map begin with `skip`, `fail`, `warn`, `let`, `into` or `otherwise`"
            } else {
                "lines of a view are `skip`, `fail`, `warn`, `let` and `name = …`"
            });
        }
        let severity = self.expects("quiet") && !self.expects_value();
        if severity {
            diagnostic = diagnostic.note(
                "a severity is `error`, `warn`, `quiet`, or a parameter in parentheses: `(name)`",
            );
        }
        if self.expects("mapping") {
            let near = suggest::nearest(self.found, ITEM_WORDS.iter().copied());
            diagnostic = match near.filter(|_| !self.found.is_empty()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.note(format!(
                    "items begin with {}",
                    ITEM_WORDS
                        .iter()
                        .map(|word| format!("`{word}`"))
                        .collect::<Vec<_>>()
                        .join(", ")
                )),
            };
        }
        match self.help() {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }

    fn help(&self) -> Option<String> {
        let found = self.found;
        let before = self
            .text
            .get(..self.position)
            .unwrap_or_default()
            .trim_end();
        let last_line = before.lines().next_back().unwrap_or_default().trim_start();
        if last_line.starts_with("///") && !last_line.starts_with("////") && found != "///" {
            return Some(
                "the doc comment documents nothing; a plain comment begins with `//`".to_owned(),
            );
        }
        let fixed = match found {
            "&&" | "||" | "!" | "->" | "<>" => return None,
            "=" if self.meant().is_some() => return None,
            "=" if self.expects_value() => "values are compared with `==`",
            "'" | "“" | "”" | "‘" | "’" => "text stands in double quotes: `\"…\"`",
            "=>" if self.expects("skip") => "arms of a `match` are parted by commas",
            ";" => "lines need no sign at their end",
            "," if self.expects("///") => "lines need no sign at their end",
            "#" | "--" | "/*" => "a comment begins with `//`",
            "." if before.ends_with(|c: char| c.is_ascii_digit()) => "numbers are whole",
            "." if self.after_value() => {
                "a value is named by its relation and its column: `relation.column`"
            }
            "where" if self.expects("{") => "a map leaves rows out by `skip REASON when …`",
            "into" if self.expects("let") => "only a map writes rows: make it a `map`",
            "into" if self.expects(KEYWORD) => "only a map writes rows: make it a `map`",
            "fail" | "skip" | "warn" if self.expects(KEYWORD) => {
                "what fails is handled behind the call itself; inside `if … then …` put both in parentheses"
            }
            "when" if before.ends_with("case") => {
                "a choice is written `if … then … else …` or `match … { … }`"
            }
            "," if self.expects(")") && !self.expects(",") => "a list is written `[a, b]`",
            "-" if before.len() == self.position && self.expects("_") && !self.after_value() => {
                "names hold letters, digits and `_`; any other stands in backquotes"
            }
            "when" if self.name() == "the name of a reason" => {
                "every such line says why: `skip REASON when …`"
            }
            _ if KEYWORDS.contains(&found) && (self.expects(KEYWORD) || self.expects("`")) => {
                return Some(format!(
                    "`{found}` is a word of the language; as a name it stands in backquotes: `` `{found}` ``"
                ));
            }
            "in" | "(" | "[" | "{" | "}" | ")" | "]" => return None,
            _ if self.expects("as") && found.starts_with(char::is_alphabetic) => {
                "another name for a relation is given by `as`"
            }
            _ if self.expects("into") && self.next_sign() == "=" => {
                "columns are set inside `into TABLE { … }`"
            }
            _ => return None,
        };
        Some(fixed.to_owned())
    }
}

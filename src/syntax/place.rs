//! The place where a text stops to fit: what stands there, and what a reader would type.
//!
//! pest gives the furthest position it reached and the tokens that would have been right there. Its
//! rules are of no use: it folds the attempts of four alternatives or more into the rule above them.
//! The tokens are many, since nearly every expression can go on with an operator or a bracket. What a
//! reader would type next is among them; [`Place::expected`] picks it out.

use std::collections::BTreeSet;

use crate::diagnostics::{Diagnostic, suggest};

use super::grammar::{KEYWORDS, Rule, parse};
use super::scan::{Open, first_token, skip_blank};
use super::split::{BLANKS, ITEM_WORDS};

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
        place.leave_word();
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

    /// Goes back to the start of a word that was read in part, as `skip` is in `skipp`; what would be
    /// right there the grammar tells if something stands there that nothing begins with.
    fn leave_word(&mut self) {
        let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (before, behind) = self
            .text
            .split_at_checked(self.position)
            .unwrap_or_default();
        let word = before.trim_end_matches(is_letter).len();
        let begins = self.text.get(word..).unwrap_or_default();
        let in_word = word < before.len() && behind.starts_with(is_letter);
        if !in_word
            || begins.starts_with(|c: char| c.is_ascii_digit())
            || Open::before(self.text, self.position).text.is_some()
        {
            return;
        }
        let cut = format!("{}\u{1}", before.get(..word).unwrap_or_default());
        let Err(error) = parse(Rule::chunk, &cut) else {
            return;
        };
        if let Some(attempts) = error.parse_attempts()
            && attempts.max_position == word
        {
            self.position = word;
            self.tokens = attempts
                .expected_tokens()
                .into_iter()
                .map(|token| token.to_string())
                .collect();
        }
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

    /// Where an operator stands whose operand was taken from what follows, `name = …`.
    pub(super) fn dangling_operator(&self) -> Option<usize> {
        if self.found != "=" || !self.after_value() {
            return None;
        }
        let before = self.text.get(..self.position)?.trim_end_matches(BLANKS);
        let name = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
        if name.len() == before.len() {
            return None;
        }
        let earlier = before.get(..Open::before(self.text, name.len()).end)?;
        let operator = earlier
            .rfind(|c: char| c.is_whitespace())
            .map_or(0, |at| at + 1);
        let next_line = before.get(earlier.len()..name.len())?.contains('\n');
        let arithmetic = ["+", "-", "*", "/", "%", "??"];
        let others = ["==", "!=", "<", "<=", ">", ">=", "and", "or", "not"];
        let word = earlier.get(operator..)?;
        // On one line a `=` behind `and` or `==` is more likely a comparison.
        let dangles = arithmetic.contains(&word) || next_line && others.contains(&word);
        dangles.then_some(operator)
    }

    /// The bracket that was not closed before something that no expression can hold.
    pub(super) fn unclosed(&self, open: &Open) -> Option<(char, usize)> {
        const HOLDS: &[&str] = &[
            "and", "as", "by", "else", "exists", "false", "if", "in", "is", "match", "not", "null",
            "on", "or", "then", "true",
        ];
        let innermost = open.brackets.last().copied();
        let bracket = innermost.filter(|(bracket, _)| *bracket != '{')?;
        let closer = if bracket.0 == '(' { ")" } else { "]" };
        let keyword = KEYWORDS.contains(&self.found) && !HOLDS.contains(&self.found);
        let rule = self.found == "=" && !self.expects("=");
        let other_closer = matches!(self.found, "}" | ")" | "]") && self.found != closer;
        let next_line = self.expects(closer)
            && self
                .text
                .get(open.end..self.position)
                .is_some_and(|gap| gap.contains('\n'));
        let wants_value = self.expects_value();
        let ends = rule || other_closer || next_line || self.found.is_empty();
        (keyword || ends && !wants_value).then_some(bracket)
    }

    /// The first and the last byte of documentation right before the position, which documents nothing.
    pub(super) fn idle_documentation(&self) -> Option<std::ops::Range<usize>> {
        if !matches!(self.found, "" | "}") {
            return None;
        }
        let before = self.text.get(..self.position)?.trim_end_matches(BLANKS);
        let line = before.rfind('\n').map_or(0, |at| at + 1);
        let mark = line + before.get(line..)?.find("///")?;
        let is_doc = !before.get(mark..)?.starts_with("////");
        (is_doc && Open::before(self.text, mark).text.is_none()).then_some(mark..before.len())
    }

    /// A word before the position that was read as a name and is likely a misspelt keyword of a line.
    pub(super) fn misspelt_line(&self) -> Option<(usize, &'t str, &'static str)> {
        let begins_word = self
            .found
            .starts_with(|c: char| c.is_alphabetic() || c == '`');
        if !self.expects("=") || !begins_word {
            return None;
        }
        let before = self.text.get(..self.position)?.trim_end_matches(BLANKS);
        let start = before
            .trim_end_matches(|c: char| c.is_alphanumeric() || c == '_')
            .len();
        let word = before.get(start..)?;
        let lines = ["skip", "fail", "warn", "let"];
        let meant = suggest::nearest(word, lines).filter(|_| word.len() > 2)?;
        Some((start, word, lines.into_iter().find(|line| *line == meant)?))
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
        let is_view = self.is_view();
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
        let comment = matches!(self.found, "#" | "--" | "/*");
        if self.expects("mapping") && !comment {
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
        if let Some(letter) = found.chars().find(|c| c.is_alphanumeric() && !c.is_ascii()) {
            let number = u32::from(letter);
            return Some(format!(
                "`{letter}` is the character U+{number:04X}; outside texts, comments and backquotes all letters are ASCII"
            ));
        }
        if let Some(meant) = self.near_word() {
            return Some(format!("did you mean `{meant}`?"));
        }
        let is_item = !self.expects("mapping") && !self.expects(KEYWORD);
        if is_item && ITEM_WORDS.contains(&found) && !before.is_empty() && !self.expects("`") {
            return Some("an item begins on a line of its own".to_owned());
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
            "where" if self.is_view() => "`where` stands before `group by`",
            "where" if self.expects("{") => "a map leaves rows out by `skip REASON when …`",
            "into" if self.expects("let") => "only a map writes rows: make it a `map`",
            "into" if self.expects(KEYWORD) && self.is_view() => {
                "only a map writes rows: make it a `map`"
            }
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
            _ if self.expects("as") && before.ends_with(" many") => {
                "a left join finds one partner at most; `join many` without `left` makes a row for each"
            }
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

    /// The word of the language that a word which does not fit is likely meant to be.
    pub(super) fn near_word(&self) -> Option<&str> {
        let is_word = |word: &str| word.chars().all(|c| c.is_ascii_alphabetic());
        let known = KEYWORDS.contains(&self.found) || self.expects("mapping");
        if self.found.len() < 3 || !is_word(self.found) || known {
            return None;
        }
        if self.expects("quiet") {
            let known = match self.found.to_ascii_lowercase().as_str() {
                "warning" | "warnings" => Some("warn"),
                "err" | "fatal" | "critical" => Some("error"),
                "info" | "note" | "silent" | "ignore" => Some("quiet"),
                _ => None,
            };
            if known.is_some() {
                return known;
            }
        }
        let words = self.tokens.iter().map(String::as_str);
        let near = suggest::nearest(
            self.found,
            words.filter(|word| word.len() > 1 && is_word(word)),
        );
        near.filter(|near| *near != self.found)
    }

    fn is_view(&self) -> bool {
        let mut lines = self.text.lines().map(str::trim_start);
        lines
            .find(|line| !line.is_empty() && !line.starts_with("//"))
            .is_some_and(|line| line.starts_with("view"))
    }
}

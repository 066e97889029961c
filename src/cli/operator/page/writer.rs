//! HTML, written so that it is well formed and that no text of a database can become part of it:
//! elements are closures, and whatever is not known at compile time is escaped.

use std::fmt::Display;

/// A piece of a page that grows.
#[derive(Debug, Default)]
pub(super) struct Html {
    text: String,
}

impl Html {
    /// The page as it is now.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// What the program itself brings along: never a value.
    pub(super) fn literal(&mut self, text: &'static str) {
        self.text.push_str(text);
    }

    /// An element with what `content` writes into it.
    pub(super) fn element(
        &mut self,
        tag: &'static str,
        attributes: &[(&'static str, &dyn Display)],
        content: impl FnOnce(&mut Self),
    ) {
        self.open(tag, attributes);
        content(self);
        self.text.push_str("</");
        self.text.push_str(tag);
        self.text.push('>');
        if !INLINE.contains(&tag) {
            self.text.push('\n');
        }
    }

    /// An element with nothing but a text in it.
    pub(super) fn leaf(
        &mut self,
        tag: &'static str,
        attributes: &[(&'static str, &dyn Display)],
        text: impl Display,
    ) {
        self.element(tag, attributes, |html| html.text(text));
    }

    /// An element with nothing but a name in it, which may be broken behind its underscores.
    pub(super) fn name(
        &mut self,
        tag: &'static str,
        attributes: &[(&'static str, &dyn Display)],
        name: &str,
    ) {
        self.element(tag, attributes, |html| {
            for part in name.split_inclusive('_') {
                html.text(part);
                if part.ends_with('_') {
                    html.literal("<wbr>");
                }
            }
        });
    }

    /// An element that has no end, such as `meta`.
    pub(super) fn open(&mut self, tag: &'static str, attributes: &[(&'static str, &dyn Display)]) {
        self.text.push('<');
        self.text.push_str(tag);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(&value.to_string(), &mut self.text);
            self.text.push('"');
        }
        self.text.push('>');
    }

    /// Text.
    pub(super) fn text(&mut self, text: impl Display) {
        escape(&text.to_string(), &mut self.text);
    }

    /// Text in which words between backquotes are code.
    pub(super) fn prose(&mut self, text: &str) {
        for (number, part) in text.split('`').enumerate() {
            if number % 2 == 0 {
                self.text(part);
            } else {
                self.leaf("code", &[], part);
            }
        }
    }
}

/// After these no line break is set: it would show as a blank.
const INLINE: [&str; 8] = ["code", "a", "bdi", "span", "b", "text", "title", "time"];

/// Every character that means something to HTML becomes a reference; those that would not be seen
/// but change how others look (control characters, overrides of direction) become a replacement
/// character.
fn escape(text: &str, into: &mut String) {
    for c in text.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            '\n' | '\t' => into.push(c),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => into.push('\u{fffd}'),
            c if c.is_control() => into.push('\u{fffd}'),
            c => into.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_means_anything_to_html() {
        let mut html = Html::default();
        let hostile = "<script>alert(\"1\")</script>&amp;'\u{202e}\u{0}\u{85}";
        html.leaf("p", &[("title", &hostile)], hostile);
        let escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;&#39;\u{fffd}\u{fffd}\u{fffd}";
        assert_eq!(
            html.into_text(),
            format!("<p title=\"{escaped}\">{escaped}</p>\n")
        );
    }

    #[test]
    fn names_can_be_broken() {
        let mut html = Html::default();
        html.name("b", &[], "a_b<_");
        assert_eq!(html.into_text(), "<b>a_<wbr>b&lt;_<wbr></b>");
    }

    #[test]
    fn words_in_backquotes_are_code() {
        let mut html = Html::default();
        html.prose("`a<b` and c");
        assert_eq!(html.into_text(), "<code>a&lt;b</code> and c");
    }
}

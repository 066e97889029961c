//! Text of others on its way to a terminal: what would act on the terminal, or stay unseen, is shown.

use std::borrow::Cow;

/// The text with a visible sign for each character that is none: a picture for the control characters
/// of ASCII, `�` for others that are invisible or change the direction of what follows. Line ends and
/// tabs stay. There are as many characters as before.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let line_end = c == '\r' && rest.peek().is_none_or(|next| *next == '\n');
        shown.push(if line_end { c } else { picture(c) });
    }
    Cow::Owned(shown)
}

/// The text on one line: as [`visible`], and a blank for a tab or the end of a line.
pub fn one_line(text: &str) -> String {
    visible(text).replace(['\n', '\r', '\t'], " ")
}

/// Whether a character cannot be told by looking, apart from blanks, tabs and line feeds. Those that
/// join letters and pictures into one are left alone: they show in what they join.
pub fn is_hidden(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        c => c.is_control(),
    }
}

fn picture(c: char) -> char {
    match c {
        c if !is_hidden(c) => c,
        '\u{7f}' => '\u{2421}',
        c if c.is_ascii() => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        _ => '\u{fffd}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_shown() {
        assert_eq!(visible("a\tb\r\nä\n"), "a\tb\r\nä\n");
        assert_eq!(visible("\u{1b}[31mred\0\u{7f}"), "␛[31mred␀␡");
        assert_eq!(visible("a\rb\u{202e}c\u{feff}\u{9b}"), "a␍b�c��");
        assert_eq!(one_line("a\n\u{1b}b\tc"), "a ␛b c");
        let odd = "\u{1b}ä\u{200b}";
        assert_eq!(visible(odd).chars().count(), odd.chars().count());
    }
}

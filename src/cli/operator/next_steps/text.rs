//! Next steps on a terminal, 80 columns wide.

use std::fmt::Write;

use crate::cli::args::Proxy;
use crate::cli::operator::findings::wrap;

use super::{Shown, Step};

/// The essence of the steps, numbered; of the proxies the one that was chosen.
pub fn render(steps: &[Step], proxy: Proxy) -> String {
    let mut text = String::from("next steps\n");
    for (number, step) in steps.iter().enumerate() {
        let title = format!("{}. {}", number + 1, step.title);
        // Writing into a String cannot fail.
        let _ = writeln!(text, "{}", hanging(&title));
        for command in &step.commands {
            text.push_str(&shell(command));
        }
        for paragraph in &step.text {
            let _ = writeln!(text, "{}", wrap(paragraph, "   "));
        }
        for snippet in &step.snippets {
            let chosen = match snippet.shown {
                Shown::Always => true,
                Shown::For(its) => its == proxy,
                Shown::InReports => false,
            };
            if !chosen {
                continue;
            }
            if let Shown::For(its) = snippet.shown {
                let others: Vec<String> = Proxy::ALL
                    .into_iter()
                    .filter(|other| *other != its)
                    .map(|other| other.name().to_lowercase())
                    .collect();
                let _ = writeln!(
                    text,
                    "   For {}, above its rules for Synapse (--proxy {}):",
                    its.name(),
                    others.join("|")
                );
            }
            for line in snippet.text.lines() {
                let _ = writeln!(text, "     {line}");
            }
        }
        if !step.remove.is_empty() {
            let keys: Vec<String> = step
                .remove
                .iter()
                .map(|removal| format!("`{}` ({})", removal.key, removal.place))
                .collect();
            let list = format!("Take out what it does not start with: {}", keys.join(", "));
            let _ = writeln!(text, "{}", wrap(&list, "   "));
        }
    }
    text
}

/// A numbered line, whose further lines stand under its first word.
fn hanging(title: &str) -> String {
    let lines = wrap(title, "   ");
    // The number stands in the margin of the first line.
    let (first, rest) = lines.split_once('\n').unwrap_or((&lines, ""));
    let mut text = first.trim_start().to_owned();
    if !rest.is_empty() {
        text.push('\n');
        text.push_str(rest);
    }
    text
}

/// A command, broken where a flag begins.
fn shell(command: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for piece in pieces(command) {
        let room = if lines.is_empty() { 73 } else { 71 };
        if line.is_empty() {
            line = piece.to_owned();
        } else if line.chars().count() + 1 + piece.chars().count() > room {
            lines.push(std::mem::replace(&mut line, piece.to_owned()));
        } else {
            line.push(' ');
            line.push_str(piece);
        }
    }
    lines.push(line);
    format!("     {}\n", lines.join(" \\\n       "))
}

/// A command in parts that each begin with a flag; nothing in quotes is divided.
fn pieces(command: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = command;
    let mut from = 0;
    while let Some(found) = rest.get(from..).and_then(|text| text.find(" --")) {
        let at = from + found;
        let (before, after) = rest.split_at(at);
        if before.matches('\'').count() % 2 == 0 {
            pieces.push(before);
            rest = after.trim_start();
            from = 0;
        } else {
            from = at + 1;
        }
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_broken_at_flags() {
        let long = "mapwright verify --synapse-config homeserver.yaml --synapse-config conf.d --config mas.yaml --report migrate.json";
        let text = shell(long);
        assert_eq!(
            text,
            "     mapwright verify --synapse-config homeserver.yaml --synapse-config conf.d \\\n       --config mas.yaml --report migrate.json\n"
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert_eq!(
            pieces("a --b 'c --d' --e"),
            ["a", "--b 'c --d'", "--e"],
            "nothing in quotes is divided"
        );
    }
}

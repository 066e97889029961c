//! Next steps on the page: all of what there is to them.

use crate::cli::operator::next_steps::Step;
use crate::cli::operator::report::Report;

use super::writer::Html;

/// The steps in their order.
pub(super) fn list(html: &mut Html, report: &Report) {
    html.element("ol", &[("class", &"steps")], |html| {
        for step in &report.next_steps {
            html.element("li", &[], |html| one(html, step));
        }
    });
}

fn one(html: &mut Html, step: &Step) {
    html.element("h3", &[], |html| html.prose(&step.title));
    for command in &step.commands {
        // Broken where it is too long for the screen: what is copied is one line all the same.
        html.element("pre", &[("class", &"command")], |html| {
            html.leaf("code", &[], command);
        });
    }
    for text in &step.text {
        html.element("p", &[], |html| html.prose(text));
    }
    for snippet in &step.snippets {
        html.leaf("h4", &[], snippet.name);
        block(html, snippet.name, snippet.text.trim_end());
    }
    if !step.remove.is_empty() {
        html.leaf(
            "p",
            &[],
            "Take out of it what Synapse does not start with once MAS is on:",
        );
        html.element("ul", &[], |html| {
            for removal in &step.remove {
                html.element("li", &[], |html| {
                    html.leaf("code", &[], &removal.key);
                    html.text(format!(" in {}", removal.place));
                });
            }
        });
    }
    if !step.notes.is_empty() {
        html.element("ul", &[("class", &"notes")], |html| {
            for note in &step.notes {
                html.element("li", &[], |html| html.prose(note));
            }
        });
    }
}

/// Text to be copied, line for line.
pub(super) fn block(html: &mut Html, label: &str, text: &str) {
    html.element(
        "pre",
        &[
            ("tabindex", &"0"),
            ("role", &"region"),
            ("aria-label", &label),
        ],
        |html| html.leaf("code", &[], text),
    );
}

//! Rows that end or are counted: under which reason, and by which key they are named.

use crate::eval::Stop;
use crate::plan::{NodeId, Relation, builtin};
use crate::types::{SeverityValue, Value};

use super::super::ledger::{Reject, SAMPLES};
use super::{Partition, REJECTS, RowFate};

impl<'b> Partition<'b, '_, '_> {
    /// Ends a row: counts it under its reason unless that was done where the value failed.
    pub(super) fn end_row(&mut self, frame: usize, member: u32, stop: &Stop) {
        if !stop.counted && !stop.owner {
            self.event(frame, member, stop);
        }
        self.set_fate(
            frame,
            member,
            RowFate::Ended {
                reason: stop.reason,
                owner: stop.owner,
            },
        );
    }

    /// Counts a row under a reason, and keeps its key as a sample.
    pub(super) fn event(&mut self, frame: usize, member: u32, stop: &Stop) {
        self.results.noted.reasons.push(stop.reason);
        self.record_event(frame, member, stop);
        let severity = self.program.severity(stop.reason);
        let is_error = severity == SeverityValue::Error;
        let wanted = self
            .results
            .reasons
            .get(stop.reason)
            .is_some_and(|counts| counts.samples.len() < SAMPLES)
            && severity != SeverityValue::Quiet;
        let keep = is_error && self.results.rejects.len() < REJECTS;
        let list = is_error && self.results.lists_rejects;
        let key = if wanted || keep || list {
            self.row_key(frame, member)
        } else {
            String::new()
        };
        if is_error {
            self.results.rejected += 1;
        }
        if keep || list {
            let reject = Reject {
                reason: stop.reason,
                node: (stop.node != NodeId::MAX).then_some(stop.node),
                why: stop.why.to_owned(),
                block: self
                    .plan_frame(frame)
                    .map_or_else(String::new, |frame| frame.name.clone()),
                frame,
                table: super::super::root_table(self.program, frame),
                key: key.clone(),
            };
            if keep {
                self.results.rejects.push(reject.clone());
            }
            if list {
                self.results.listed.push(reject);
            }
        }
        if let Some(counts) = self.results.reasons.get_mut(stop.reason) {
            counts.rows += 1;
            // A row can come under one reason several times; it is one sample.
            if wanted && (key.is_empty() || !counts.samples.contains(&key)) {
                counts.samples.push(key);
            }
        }
    }

    /// Ends a row that was written but refers to one that was not: it is rejected after all, once,
    /// however many references of it are open. Its bytes were taken back by then.
    pub(super) fn dangling(&mut self, reference: usize, frame: usize, row: u32) {
        if let Some(count) = self.results.dangling.get_mut(reference) {
            count.1 += 1;
        }
        if self.member_fate(frame, row) != RowFate::Live {
            return;
        }
        let why = "refers to a row that is not written";
        let reason = builtin::DANGLING_REFERENCE;
        self.end_row(frame, row, &Stop::new(reason, NodeId::MAX, why));
        if let Some(counts) = self.results.frames.get_mut(frame) {
            counts.written -= 1;
            if let Some(count) = counts.ended.get_mut(reason) {
                *count += 1;
            }
        }
    }

    /// The key of the source row at the root of a frame's row, without values that must not be
    /// shown.
    pub(super) fn row_key(&self, frame: usize, member: u32) -> String {
        self.root_row(frame, member)
            .map_or_else(String::new, |(scan, row)| self.scan_row_key(scan, row))
    }

    /// The row of a scan at the root of a frame's row.
    pub(super) fn root_row(&self, frame: usize, member: u32) -> Option<(usize, u32)> {
        let driver = self.frames.get(frame)?.binding(member, 0)?;
        match self.plan_frame(frame)?.slots.first()?.relation {
            Relation::Scan(scan) => Some((scan, driver)),
            Relation::Frame(inner) => self.root_row(inner, self.first_member(inner, driver)),
            Relation::Broadcast(_) => None,
        }
    }

    /// The key of a row of a scan, without values that must not be shown.
    pub(super) fn scan_row_key(&self, scan: usize, row: u32) -> String {
        let Some(scan_plan) = self.program.plan.scans.get(scan) else {
            return String::new();
        };
        let mut text = String::new();
        let others = scan_plan
            .row_key
            .iter()
            .filter(|column| **column != scan_plan.key);
        for column in std::iter::once(&scan_plan.key).chain(others) {
            let Some(definition) = scan_plan.columns.get(*column) else {
                continue;
            };
            if definition.sensitive {
                continue;
            }
            let cell = self.scans.get(scan).map(|cells| cells.value(row, *column));
            let (shown, speaks_for_itself) = match cell.unwrap_or(Ok(&Value::Null)) {
                Ok(Value::Text(text)) => (shown(text), !text.is_empty()),
                Ok(Value::Int(number)) => (number.to_string(), true),
                Ok(Value::Uuid(bytes)) => (crate::functions::uuid_text(bytes), true),
                Ok(Value::Null) => ("null".to_owned(), false),
                _ => continue,
            };
            if !text.is_empty() {
                text.push(' ');
            }
            if *column != scan_plan.key || !speaks_for_itself {
                text.push_str(&definition.name);
                text.push('=');
            }
            text.push_str(&shown);
        }
        text
    }
}

/// A text as it stands, but in quotes with escapes where it has what a terminal would act upon or
/// what would blur its ends.
fn shown(text: &str) -> String {
    let odd = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\\');
    // Formatting of `Debug` escapes what cannot be seen, such as marks that turn the writing direction.
    let debug = format!("{text:?}");
    if text.is_empty() || text.contains(odd) || debug.len() != text.len() + 2 {
        debug
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn keys_are_shown_as_they_are_unless_they_would_deceive() {
        for plain in ["@alice:example.com", "7", "@ü:x", "a'b"] {
            assert_eq!(shown(plain), plain);
        }
        for (odd, quoted) in [
            ("", r#""""#),
            ("a b", r#""a b""#),
            ("\u{1b}[2J", r#""\u{1b}[2J""#),
            ("x\u{202e}y", r#""x\u{202e}y""#),
            ("line\nbreak", r#""line\nbreak""#),
        ] {
            assert_eq!(shown(odd), quoted);
        }
    }
}

//! A plan for people: what is read, in which order; what is joined and why that is unique; what
//! becomes of every row; what is written; what is proven.

use std::fmt::{self, Write};

use crate::base::{Files, visible};
use crate::types::SeverityValue;

mod parameters;

use self::parameters::write_parameter;
use super::{
    ClauseKind, FateKind, Frame, IntoCondition, Join, JoinKind, KeyVerdict, NodeId, Plan,
    ReasonSeverity, ReferenceScope, ReferenceTo, Relation, Rule, Side,
};

/// The plan as text; `files` are the ones it was compiled from, whose words the rules are shown in.
pub fn explain(plan: &Plan, files: &Files) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = Explainer { plan, files }.write(&mut text);
    text.lines().map(wrapped).collect()
}

/// A line of at most 80 columns, as far as its words allow; what is too much stands under it, further
/// in.
fn wrapped(line: &str) -> String {
    const WIDTH: usize = 80;
    let indent = line.len() - line.trim_start().len();
    let further = " ".repeat(indent + 4);
    let mut text = String::new();
    let mut width = 0;
    for (place, word) in line.trim_start().split(' ').enumerate() {
        let length = word.chars().count();
        if place == 0 {
            text.push_str(&" ".repeat(indent));
            width = indent + length;
        } else if width + 1 + length > WIDTH && !word.is_empty() {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&further);
            width = further.len() + length;
        } else {
            text.push(' ');
            width += 1 + length;
        }
        text.push_str(word);
    }
    text.push('\n');
    text
}

struct Explainer<'p> {
    plan: &'p Plan,
    files: &'p Files,
}

impl Explainer<'_> {
    fn write(&self, out: &mut String) -> fmt::Result {
        let plan = self.plan;
        writeln!(
            out,
            "plan of mapping `{}` (format {})",
            plan.mapping, plan.format_version
        )?;
        writeln!(
            out,
            "  source  {} {}",
            plan.source.name, plan.source.version
        )?;
        writeln!(
            out,
            "  target  {} {}",
            plan.target.name, plan.target.version
        )?;
        if !plan.params.is_empty() {
            writeln!(out, "\nparameters")?;
            for param in &plan.params {
                write_parameter(out, param)?;
            }
        }
        for (number, pass) in plan.passes.iter().enumerate() {
            writeln!(
                out,
                "\npass {} of {}: rows that share the partition key meet",
                number + 1,
                plan.passes.len()
            )?;
            for scan in pass.scans.iter().filter_map(|scan| plan.scans.get(*scan)) {
                let columns: Vec<&str> = scan
                    .columns
                    .iter()
                    .map(|column| column.name.as_str())
                    .collect();
                let key = scan
                    .columns
                    .get(scan.key)
                    .map_or("", |column| column.name.as_str());
                writeln!(
                    out,
                    "  SELECT {}\n    FROM {} ORDER BY {key}",
                    columns.join(", "),
                    scan.table
                )?;
            }
        }
        for broadcast in &plan.broadcasts {
            let side = if broadcast.side == Side::Source {
                "source"
            } else {
                "target"
            };
            writeln!(
                out,
                "\nbroadcast {}: {} of the {side}, held whole (at most {} rows)",
                broadcast.name, broadcast.table, broadcast.limit
            )?;
        }
        for frame in &plan.frames {
            self.frame(out, frame)?;
        }
        self.targets(out)?;
        self.reasons(out)
    }

    fn frame(&self, out: &mut String, frame: &Frame) -> fmt::Result {
        let kind = if frame.is_map { "map" } else { "view" };
        let driver = frame.slots.first();
        writeln!(
            out,
            "\n{kind} {} from {}",
            frame.name,
            driver.map_or_else(String::new, |slot| self.relation(slot.relation))
        )?;
        for join in &frame.joins {
            self.join(out, frame, join)?;
        }
        if let Some(filter) = frame.filter {
            writeln!(out, "  where {}", self.words(filter))?;
        }
        if !frame.group.is_empty() {
            let keys: Vec<String> = frame.group.iter().map(|key| self.words(*key)).collect();
            writeln!(out, "  group by {}", keys.join(", "))?;
        }
        for clause in &frame.clauses {
            let word = match clause.kind {
                ClauseKind::Skip => "skip",
                ClauseKind::Fail => "fail",
                ClauseKind::Warn => "warn",
            };
            writeln!(
                out,
                "  {word} {} when {}",
                self.reason(clause.reason),
                self.words(clause.when)
            )?;
        }
        for local in &frame.locals {
            let mark = if local.is_field { "" } else { "let " };
            writeln!(
                out,
                "  {mark}{}: {} = {}",
                local.name,
                local.ty,
                self.words(local.value)
            )?;
        }
        for into in &frame.intos {
            let Some(target) = self.plan.targets.get(into.target) else {
                continue;
            };
            let when = match into.condition {
                IntoCondition::Always => String::new(),
                IntoCondition::When(node) => format!(" when {}", self.words(node)),
                IntoCondition::Otherwise => " otherwise".to_owned(),
            };
            writeln!(out, "  into {}{when}", target.table)?;
            for (rule, column) in into.rules.iter().zip(&target.columns) {
                let (node, mark) = match rule {
                    Rule::Copy { node, .. } => (*node, "  (copied as it is)"),
                    Rule::Value(node) => (*node, ""),
                };
                writeln!(
                    out,
                    "    {}: {} = {}{mark}",
                    column.name,
                    column.pg_type,
                    self.words(node)
                )?;
            }
        }
        if let Some(fate) = frame.otherwise {
            writeln!(
                out,
                "  otherwise {} {}",
                word_of(fate.kind),
                self.reason(fate.reason)
            )?;
        }
        Ok(())
    }

    fn join(&self, out: &mut String, frame: &Frame, join: &Join) -> fmt::Result {
        let kind = match join.kind {
            JoinKind::Inner => "join",
            JoinKind::Left => "left join",
            JoinKind::Many => "join many",
        };
        let slot = frame.slots.get(join.lookup.slot);
        let right = slot.map_or_else(String::new, |slot| self.relation(slot.relation));
        let mut on: Vec<String> = Vec::new();
        if join.lookup.aligned {
            on.push("the partition key".to_owned());
        }
        for (left, right) in join.lookup.left.iter().zip(&join.lookup.right) {
            on.push(format!("{} == {}", self.words(*left), self.words(*right)));
        }
        on.extend(join.lookup.residual.map(|node| self.words(node)));
        write!(out, "  {kind} {right} on {}", on.join(" and "))?;
        if let Some(fate) = join.otherwise {
            write!(
                out,
                " else {} {}",
                word_of(fate.kind),
                self.reason(fate.reason)
            )?;
        }
        if let Some(fate) = join.skipped {
            write!(
                out,
                " when skipped {} {}",
                word_of(fate.kind),
                self.reason(fate.reason)
            )?;
        }
        writeln!(out)?;
        if !join.unique_by.is_empty() {
            writeln!(out, "    at most one, by {}", join.unique_by)?;
        }
        Ok(())
    }

    fn targets(&self, out: &mut String) -> fmt::Result {
        let plan = self.plan;
        writeln!(out, "\nkeys of the target")?;
        for proof in &plan.keys {
            let table = plan
                .targets
                .get(proof.target)
                .map_or("", |target| target.table.as_str());
            write!(out, "  {table} ({})  ", proof.columns.join(", "))?;
            match &proof.verdict {
                KeyVerdict::Proven {
                    rests_on,
                    one_to_one,
                    others,
                } => {
                    let keys = rests_on.iter().map(|key| {
                        format!(
                            "`{}` of {} ({})",
                            key.key,
                            key.table,
                            key.columns.join(", ")
                        )
                    });
                    let all: Vec<String> = keys.chain(others.iter().cloned()).collect();
                    write!(out, "unique by {}", all.join(" and "))?;
                    for param in one_to_one
                        .iter()
                        .filter_map(|param| plan.params.get(*param))
                    {
                        write!(out, ", if `{}` has no value twice", param.name)?;
                    }
                    writeln!(out)?;
                }
                KeyVerdict::Unproven(why) => writeln!(out, "not proven: {why}")?,
            }
        }
        if !plan.references.is_empty() {
            writeln!(out, "\nreferences of the target")?;
        }
        for reference in &plan.references {
            let from = plan
                .targets
                .get(reference.from)
                .map_or("", |target| target.table.as_str());
            match &reference.to {
                ReferenceTo::Target { target, scope, .. } => {
                    let to = plan
                        .targets
                        .get(*target)
                        .map_or("", |target| target.table.as_str());
                    match scope {
                        ReferenceScope::Partition => {
                            writeln!(out, "  {from} → {to}  checked inside each partition")?;
                        }
                        ReferenceScope::Run(why) => {
                            writeln!(out, "  {from} → {to}  checked at the end of the run: {why}")?;
                        }
                        ReferenceScope::Database(why) => {
                            writeln!(out, "  {from} → {to}  checked by the foreign key: {why}")?;
                        }
                    }
                }
                ReferenceTo::Table { table, .. } => {
                    writeln!(out, "  {from} → {table}  must be there already")?
                }
            }
        }
        Ok(())
    }

    fn reasons(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "\nreasons")?;
        for reason in &self.plan.reasons {
            let severity = match reason.severity {
                ReasonSeverity::Fixed(SeverityValue::Error) => "error".to_owned(),
                ReasonSeverity::Fixed(SeverityValue::Warn) => "warn".to_owned(),
                ReasonSeverity::Fixed(SeverityValue::Quiet) => "quiet".to_owned(),
                ReasonSeverity::Param(param) => {
                    format!(
                        "({})",
                        self.plan
                            .params
                            .get(param)
                            .map_or("", |param| param.name.as_str())
                    )
                }
            };
            writeln!(out, "  {} {severity}: {}", reason.name, reason.meaning)?;
        }
        Ok(())
    }

    fn relation(&self, relation: Relation) -> String {
        let name = match relation {
            Relation::Scan(scan) => self.plan.scans.get(scan).map(|scan| &scan.table),
            Relation::Broadcast(broadcast) => self
                .plan
                .broadcasts
                .get(broadcast)
                .map(|broadcast| &broadcast.name),
            Relation::Frame(frame) => self.plan.frames.get(frame).map(|frame| &frame.name),
        };
        name.cloned().unwrap_or_default()
    }

    fn reason(&self, reason: usize) -> &str {
        self.plan
            .reasons
            .get(reason)
            .map_or("", |reason| reason.name.as_str())
    }

    /// The words of the mapping a node was made of, on one line.
    fn words(&self, node: NodeId) -> String {
        let Some(span) = self.plan.origin(node) else {
            return String::new();
        };
        let text = self
            .files
            .text(span.file)
            .get(span.range())
            .unwrap_or_default();
        visible(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
    }
}

fn word_of(kind: FateKind) -> &'static str {
    match kind {
        FateKind::Skip => "skip",
        FateKind::Fail => "fail",
    }
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_lines_are_broken_at_words() {
        assert_eq!(wrapped("  a  b"), "  a  b\n");
        assert_eq!(wrapped(""), "\n");
        let text = wrapped(&format!("  key{}", " word".repeat(40)));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
        assert!(
            text.lines()
                .skip(1)
                .all(|line| line.starts_with("      word"))
        );
        assert_eq!(text.split_whitespace().count(), 41);
        let long = "x".repeat(100);
        assert_eq!(wrapped(&format!("a {long}")), format!("a\n    {long}\n"));
    }
}

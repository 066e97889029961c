//! What is known not to be null at a place: narrowing.

use std::collections::HashSet;

use super::ir::{Expr, ExprKind};

/// Something that is known to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    /// A slot has a row.
    Present(usize),
    /// A column of a slot is not null.
    Column(usize, usize),
    /// A field of a slot is not null.
    Field(usize, usize),
    /// A local is not null.
    Local(usize),
}

/// All that is known at a place.
#[derive(Clone, Debug, Default)]
pub(super) struct Facts(HashSet<Fact>);

impl Facts {
    /// Whether it is known.
    pub(super) fn has(&self, fact: Fact) -> bool {
        self.0.contains(&fact)
    }

    /// Adds that a slot has a row.
    pub(super) fn present(&mut self, slot: usize) {
        self.0.insert(Fact::Present(slot));
    }

    /// Adds what follows from `condition` being `truth`.
    pub(super) fn learn(&mut self, condition: &Expr, truth: bool) {
        match (&condition.kind, truth) {
            (ExprKind::Not(operand), _) => self.learn(operand, !truth),
            (ExprKind::And(left, right), true) | (ExprKind::Or(left, right), false) => {
                self.learn(left, truth);
                self.learn(right, truth);
            }
            (ExprKind::IsNull(operand), false) => self.not_null(operand),
            (ExprKind::Present(slot), true) => {
                self.present(*slot);
            }
            _ => {}
        }
    }

    fn not_null(&mut self, operand: &Expr) {
        match operand.kind {
            // A value that is not null also shows that its slot has a row.
            ExprKind::Column { slot, column } => {
                self.0
                    .extend([Fact::Column(slot, column), Fact::Present(slot)]);
            }
            ExprKind::Field { slot, local } => {
                self.0
                    .extend([Fact::Field(slot, local), Fact::Present(slot)]);
            }
            ExprKind::Local(local) => {
                self.0.insert(Fact::Local(local));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::samples::checked;

    /// Whether the lines of a map use nullable values only where they are known to be there.
    fn narrowed(lines: &str) -> bool {
        let text = format!(
            "reason odd warn \"odd\"\nreason orphan warn \"orphan\"\n\
             map lines from people as p\n\
             left join pets as q on q.id == p.id\n\
             {{\n skip orphan when p.id == 0 or q is not null and q.id == 0\n\
             skip odd when p.id == 1\n{lines}\n}}\n"
        );
        match checked(&text) {
            Ok(_) => true,
            Err(messages) => {
                assert!(
                    messages
                        .iter()
                        .all(|message| message.starts_with("E0202") || message.starts_with("E0203")),
                    "{messages:?}"
                );
                false
            }
        }
    }

    fn all(lines: &[&str]) -> Vec<bool> {
        lines.iter().map(|lines| narrowed(lines)).collect()
    }

    const WRITE: &str = "into log_lines { line = p.nick }";

    #[test]
    fn clauses_that_end_rows_narrow_what_follows_them() {
        let after = |clause: &str| narrowed(&format!("{clause}\n{WRITE}"));
        assert!(after("skip odd when p.nick is null"));
        assert!(after("skip odd when p.nick is null or p.id == 1"));
        assert!(after(
            "skip odd when not (p.nick is not null and p.id == 1)"
        ));
        assert!(after("skip odd when not (p.nick is not null)"));
        assert!(!after("warn odd when p.nick is null"), "`warn` ends no row");
        assert!(!after("skip odd when p.nick is null and p.id == 1"));
        assert!(!after("skip odd when p.nick is not null"));
        assert!(!after("skip odd when p.email is null"));
        assert!(!narrowed(&format!("{WRITE}\nskip odd when p.nick is null")));
    }

    #[test]
    fn conditions_narrow_their_own_right_side() {
        let when = |condition: &str| {
            narrowed(&format!(
                "skip odd when {condition}\ninto log_lines {{ line = \"\" }}"
            ))
        };
        assert!(when("p.nick is not null and p.nick == \"a\""));
        assert!(when("p.nick is null or p.nick == \"a\""));
        assert!(when(
            "not (p.nick is null) and (p.id == 1 and p.nick == \"a\")"
        ));
        assert!(!when("p.nick is not null or p.nick == \"a\""));
        assert!(!when("p.nick is null and p.nick == \"a\""));
        assert!(!when("p.nick == \"a\" and p.nick is not null"));
        assert!(!when(
            "(p.nick is not null and p.id == 1) or p.nick == \"a\""
        ));
    }

    #[test]
    fn branches_and_intos_narrow_what_they_hold() {
        let value = |value: &str| narrowed(&format!("into log_lines {{ line = {value} }}"));
        assert_eq!(
            all(&[
                "into log_lines when p.nick is not null { line = p.nick } otherwise skip odd",
                "into log_lines when p.nick is null { line = \"\" } into log_lines otherwise { line = p.nick }",
                "into log_lines when p.nick is null and p.id == 1 { line = \"\" } into log_lines otherwise { line = p.nick }",
                "into log_lines when p.nick is not null { line = p.nick } into log_lines otherwise { line = p.nick }",
            ]),
            [true, true, false, false]
        );
        assert!(value("if p.nick is not null then p.nick else \"\""));
        assert!(value("if p.nick is null then \"\" else p.nick"));
        assert!(!value("if p.nick is null then p.nick else \"\""));
        assert!(!value("if p.id == 1 then p.nick else \"\""));
        assert!(!value("if p.nick is not null then \"\" else p.nick"));
    }

    #[test]
    fn values_and_joined_rows_are_narrowed_too() {
        assert_eq!(
            all(&[
                // A value by its own name, not the column behind it.
                "let n = p.nick skip odd when n is null into log_lines { line = n }",
                "let n = p.nick skip odd when n is null into log_lines { line = p.nick }",
                // A row that is there has its required columns, and a column that is there its row.
                "skip odd when q is null into log_lines { line = q.name }",
                "skip odd when q.name is null into log_lines { line = \"{q.id}\" }",
                "skip odd when q is null into log_lines { line = q.kind }",
                "skip odd when p.nick is null into log_lines { line = q.name }",
                "into log_lines { line = q.name }",
            ]),
            [true, false, true, true, false, false, false]
        );
    }
}

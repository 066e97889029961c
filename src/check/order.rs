//! The order of views and maps: each after what it builds on; cycles are errors.

use std::collections::HashMap;

use crate::base::Span;
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::syntax::ast::{self, ExprKind, Handler, IntoCondition, ItemKind, LineKind, TextPart};

/// A view or map of the file.
#[derive(Clone, Copy)]
pub(super) enum Block<'a> {
    View(&'a ast::View),
    Map(&'a ast::Map),
}

impl<'a> Block<'a> {
    pub(super) fn name(&self) -> &'a ast::Name {
        match self {
            Block::View(view) => &view.name,
            Block::Map(map) => &map.name,
        }
    }

    pub(super) fn relation(&self) -> &'a ast::Relation {
        match self {
            Block::View(view) => &view.relation,
            Block::Map(map) => &map.relation,
        }
    }

    pub(super) fn lines(&self) -> &'a [ast::Line] {
        match self {
            Block::View(view) => &view.lines,
            Block::Map(map) => &map.lines,
        }
    }
}

/// The blocks of the file with their documentation, views before what builds on them, otherwise as
/// written. Blocks on a cycle are left out, and reported.
pub(super) fn sorted<'a>(
    file: &'a ast::File,
    diagnostics: &mut Diagnostics,
) -> Vec<(Block<'a>, &'a str)> {
    let mut blocks: Vec<(Block<'a>, &'a str)> = Vec::new();
    for item in &file.items {
        match &item.kind {
            ItemKind::View(view) => blocks.push((Block::View(view), &item.docs)),
            ItemKind::Map(map) => blocks.push((Block::Map(map), &item.docs)),
            ItemKind::Mapping(_)
            | ItemKind::Source(_)
            | ItemKind::Target(_)
            | ItemKind::Param(_)
            | ItemKind::Reason(_)
            | ItemKind::Broadcast(_) => {}
        }
    }
    let mut views: HashMap<&str, usize> = HashMap::new();
    for (index, (block, _)) in blocks.iter().enumerate() {
        if let Block::View(view) = block {
            views.entry(&view.name.node).or_insert(index);
        }
    }
    let uses: Vec<Vec<(usize, Span)>> = blocks
        .iter()
        .map(|(block, _)| {
            let mut names = Vec::new();
            relations_of(block, &mut names);
            names
                .iter()
                .filter_map(|name| Some((*views.get(name.node.as_str())?, name.span)))
                .collect()
        })
        .collect();
    let mut search = Search {
        uses: &uses,
        state: vec![State::New; blocks.len()],
        path: Vec::new(),
        order: Vec::new(),
        cycles: Vec::new(),
    };
    for index in 0..blocks.len() {
        search.visit(index);
    }
    for cycle in &search.cycles {
        let names: Vec<&ast::Name> = cycle
            .iter()
            .filter_map(|(index, _)| Some(blocks.get(*index)?.0.name()))
            .collect();
        let (Some(first), Some((_, place))) = (names.first(), cycle.last()) else {
            continue;
        };
        let way: Vec<String> = names
            .iter()
            .chain([first])
            .map(|name| format!("`{}`", name.node))
            .collect();
        let diagnostic = Diagnostic::error(
            codes::E0401,
            format!("view `{}` builds on itself", first.node),
        )
        .primary(*place, "closes the circle")
        .secondary(first.span, "begins here")
        .note(format!("the way round: {}", way.join(" → ")));
        diagnostics.push(diagnostic);
    }
    let broken: std::collections::HashSet<usize> = search
        .cycles
        .iter()
        .flatten()
        .map(|(index, _)| *index)
        .collect();
    search
        .order
        .iter()
        .filter(|index| !broken.contains(index))
        .filter_map(|index| blocks.get(*index).copied())
        .collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

struct Search<'u> {
    uses: &'u [Vec<(usize, Span)>],
    state: Vec<State>,
    /// The blocks on the way, each with the place where it names the next one.
    path: Vec<(usize, Span)>,
    order: Vec<usize>,
    cycles: Vec<Vec<(usize, Span)>>,
}

impl Search<'_> {
    fn visit(&mut self, index: usize) {
        match self.state.get(index) {
            Some(State::New) => {}
            _ => return,
        }
        self.set(index, State::Open);
        for (used, span) in self.uses.get(index).into_iter().flatten() {
            self.path.push((index, *span));
            if self.state.get(*used) == Some(&State::Open) {
                let start = self
                    .path
                    .iter()
                    .position(|(on_way, _)| on_way == used)
                    .unwrap_or(0);
                self.cycles
                    .push(self.path.get(start..).unwrap_or_default().to_vec());
            } else {
                self.visit(*used);
            }
            self.path.pop();
        }
        self.set(index, State::Done);
        self.order.push(index);
    }

    fn set(&mut self, index: usize, state: State) {
        if let Some(slot) = self.state.get_mut(index) {
            *slot = state;
        }
    }
}

/// The relations that a block names, in `from`, in joins and in `exists`.
fn relations_of<'a>(block: &Block<'a>, names: &mut Vec<&'a ast::Name>) {
    let relation = block.relation();
    names.push(&relation.from.relation);
    for join in &relation.joins {
        names.push(&join.right.relation);
        expr(&join.on, names);
    }
    if let Block::View(view) = block {
        view.filter.iter().for_each(|filter| expr(filter, names));
    }
    for line in block.lines() {
        match &line.kind {
            LineKind::Clause { when, .. } => expr(when, names),
            LineKind::Let { value, .. } | LineKind::Field { value, .. } => expr(value, names),
            LineKind::Into(into) => {
                if let IntoCondition::When(when) = &into.condition {
                    expr(when, names);
                }
                into.rules.iter().for_each(|rule| expr(&rule.value, names));
            }
            LineKind::Otherwise(_) => {}
        }
    }
}

fn expr<'a>(tree: &'a ast::Expr, names: &mut Vec<&'a ast::Name>) {
    match &tree.node {
        ExprKind::Null
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Bytes(_)
        | ExprKind::Timestamp(_)
        | ExprKind::Duration(_)
        | ExprKind::Path(_)
        | ExprKind::Broken => {}
        ExprKind::Text(parts) => {
            for part in parts {
                if let TextPart::Expr(part) = part {
                    expr(part, names);
                }
            }
        }
        ExprKind::Lookup { key, .. } => expr(key, names),
        ExprKind::Call { arguments, .. } => {
            arguments.iter().for_each(|argument| expr(argument, names))
        }
        ExprKind::First { value, orders } => {
            expr(value, names);
            orders.iter().for_each(|(key, _)| expr(key, names));
        }
        ExprKind::Not(operand) | ExprKind::Negate(operand) => expr(operand, names),
        ExprKind::IsNull { operand, .. } => expr(operand, names),
        ExprKind::Binary { left, right, .. } => {
            expr(left, names);
            expr(right, names);
        }
        ExprKind::Chain { first, rest } => {
            expr(first, names);
            rest.iter().for_each(|(_, operand)| expr(operand, names));
        }
        ExprKind::List(values) => values.iter().for_each(|value| expr(value, names)),
        ExprKind::If {
            branches,
            otherwise,
        } => {
            for branch in branches {
                expr(&branch.condition, names);
                expr(&branch.then, names);
            }
            expr(otherwise, names);
        }
        ExprKind::Match { subject, arms } => {
            expr(subject, names);
            arms.iter().for_each(|arm| expr(&arm.result, names));
        }
        ExprKind::Exists { right, on } => {
            names.push(&right.relation);
            expr(on, names);
        }
        ExprKind::Handled { operand, handler } => {
            expr(operand, names);
            match handler.as_ref() {
                Handler::Value(value) | Handler::Warn(_, value) => expr(value, names),
                Handler::Fate(_) => {}
            }
        }
    }
}

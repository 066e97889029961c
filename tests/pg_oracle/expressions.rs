//! Random expressions of a wanted type.

use crate::case::{
    Aggregate, Arithmetic, Expr, Fate, FateKind, Function, Handler, Op, Part, TYPES, Ty, Value,
};
use crate::generate::Generator;
use crate::scope::Scope;
use crate::values;

/// An expression, and whether its value may be null.
type Typed = (Expr, bool);

#[derive(Clone, Copy)]
enum Shape {
    Leaf,
    If,
    Match,
    Coalesce,
    Handled,
    Aggregate,
    /// One of the operators and calls that give the type.
    Own(usize),
}

impl Generator {
    /// An expression that is never null.
    pub(crate) fn required(&mut self, scope: &Scope, ty: Ty, depth: usize) -> Expr {
        match self.expr(scope, ty, depth) {
            (expr, false) => expr,
            (expr, true) => Expr::Coalesce(Box::new(expr), Box::new(self.constant(ty))),
        }
    }

    fn boxed(&mut self, scope: &Scope, ty: Ty, depth: usize) -> Box<Expr> {
        Box::new(self.required(scope, ty, depth.saturating_sub(1)))
    }

    /// An expression that may be null.
    pub(crate) fn expr(&mut self, scope: &Scope, ty: Ty, depth: usize) -> Typed {
        let total = scope.candidate.is_some();
        let grouped = !scope.group.is_empty() && !scope.in_aggregate;
        if depth == 0 {
            return self.leaf(scope, ty);
        }
        let own = match ty {
            Ty::Bool => 10,
            Ty::Int => 4,
            Ty::Text => 3,
            Ty::Bytes => 2,
            Ty::Time => 1,
            Ty::Uuid => 0,
        };
        let can_handle = !total && matches!(ty, Ty::Int | Ty::Text | Ty::Time | Ty::Uuid);
        let which = self.random.below(own.max(1));
        let shape = self.random.weighted(&[
            (30, Shape::Leaf),
            (8, Shape::If),
            (6, Shape::Match),
            (8, Shape::Coalesce),
            (if can_handle { 14 } else { 0 }, Shape::Handled),
            (
                if grouped && ty != Ty::Bool { 60 } else { 0 },
                Shape::Aggregate,
            ),
            (if ty == Ty::Bool { 50 } else { 8 * own }, Shape::Own(which)),
        ]);
        match shape {
            Shape::Leaf => self.leaf(scope, ty),
            Shape::If => self.branch(scope, ty, depth),
            Shape::Match => self.choice(scope, ty, depth),
            Shape::Coalesce => match self.expr(scope, ty, depth - 1) {
                (left, true) => {
                    let (right, nullable) = self.expr(scope, ty, depth - 1);
                    (Expr::Coalesce(Box::new(left), Box::new(right)), nullable)
                }
                required => required,
            },
            Shape::Handled => self.handled(scope, ty, depth),
            Shape::Aggregate => self.aggregate(scope, ty, depth),
            Shape::Own(which) => match ty {
                Ty::Bool => (self.truth(scope, which, depth), false),
                Ty::Int => (self.number(scope, which, depth), false),
                Ty::Text => (self.text(scope, which, depth), false),
                Ty::Bytes if which == 0 => {
                    let text = self.required(scope, Ty::Text, depth - 1);
                    (Expr::Call(Function::Utf8, vec![text]), false)
                }
                Ty::Bytes => {
                    let bytes = self.required(scope, Ty::Bytes, depth - 1);
                    (Expr::Call(Function::Sha256, vec![bytes]), false)
                }
                Ty::Time if !total => {
                    let moment = self.boxed(scope, Ty::Time, depth);
                    let micros =
                        *self
                            .random
                            .pick(&[1, -1, 3_600_000_000, -86_400_000_000, i64::MAX]);
                    (Expr::Shift(moment, micros), false)
                }
                Ty::Time | Ty::Uuid => self.leaf(scope, ty),
            },
        }
    }

    /// A constant or a parameter.
    pub(crate) fn constant(&mut self, ty: Ty) -> Expr {
        let value = self.value(ty);
        if self.random.chance(15) || !values::is_constant(&value) {
            return Expr::Param(ty);
        }
        Expr::Literal(value)
    }

    fn leaf(&mut self, scope: &Scope, ty: Ty) -> Typed {
        let mut found: Vec<Typed> = Vec::new();
        for attr in scope.attrs(&self.case) {
            let (known, nullable) = scope.attr_ty(&self.case, attr);
            if known == ty {
                found.push((Expr::Attr(attr), nullable));
            }
        }
        if !scope.in_aggregate && scope.candidate.is_none() {
            for local in 0..scope.locals.len() {
                let (known, nullable) = scope.local_ty(local);
                if known == ty {
                    found.push((Expr::Local(local), nullable));
                }
            }
        }
        if let Some(relation) = scope.candidate {
            for index in 0..self.case.width(relation) {
                let (known, nullable) = self.case.attr_ty(relation, index);
                if known == ty
                    && !self.case.attr_fails(relation, index)
                    && (!scope.of_ended || self.case.is_steady(relation, index))
                {
                    found.push((Expr::Candidate(index), nullable));
                }
            }
        }
        if found.is_empty() || self.random.chance(10) {
            (self.constant(ty), false)
        } else {
            self.random.pick(&found).clone()
        }
    }

    fn branch(&mut self, scope: &Scope, ty: Ty, depth: usize) -> Typed {
        let condition = self.required(scope, Ty::Bool, depth - 1);
        let mut inner = scope.clone();
        inner.learn(&condition, true);
        let (then, a) = self.expr(&inner, ty, depth - 1);
        let mut inner = scope.clone();
        inner.learn(&condition, false);
        let (otherwise, b) = if self.random.chance(20) {
            (Expr::Null(ty), true)
        } else {
            self.expr(&inner, ty, depth - 1)
        };
        let parts = (Box::new(condition), Box::new(then), Box::new(otherwise));
        (Expr::If(parts.0, parts.1, parts.2), a || b)
    }

    fn choice(&mut self, scope: &Scope, ty: Ty, depth: usize) -> Typed {
        let over = *self
            .random
            .pick(&[Ty::Bool, Ty::Int, Ty::Text, Ty::Time, Ty::Bytes]);
        let subject = self.boxed(scope, over, depth);
        let mut seen: Vec<Value> = Vec::new();
        let (mut arms, mut nullable) = (Vec::new(), false);
        for _ in 0..=self.random.below(2) {
            let mut values = Vec::new();
            for _ in 0..=self.random.below(2) {
                let value = self.value(over);
                if values::is_constant(&value) && !seen.contains(&value) {
                    seen.push(value.clone());
                    values.push(value);
                }
            }
            if !values.is_empty() {
                let (result, null) = self.expr(scope, ty, depth - 1);
                nullable |= null;
                arms.push((values, result));
            }
        }
        if arms.is_empty() {
            return self.leaf(scope, ty);
        }
        let complete = over == Ty::Bool && seen.len() == 2;
        let otherwise = if complete && self.random.chance(70) {
            None
        } else {
            let (result, null) = self.expr(scope, ty, depth - 1);
            nullable |= null;
            Some(Box::new(result))
        };
        let expr = Expr::Match {
            subject,
            arms,
            otherwise,
        };
        (expr, nullable)
    }

    /// A call that can fail, with what happens then.
    fn handled(&mut self, scope: &Scope, ty: Ty, depth: usize) -> Typed {
        let argument = |this: &mut Self, ty| this.required(scope, ty, depth - 1);
        let call = match (ty, self.random.below(3)) {
            (Ty::Int, 0) => Expr::Lookup(Box::new(argument(self, Ty::Text))),
            (Ty::Int, _) => Expr::Call(Function::ParseInt, vec![argument(self, Ty::Text)]),
            (Ty::Text, 0) => {
                let text = argument(self, Ty::Text);
                let start = argument(self, Ty::Int);
                Expr::Call(
                    Function::Substring,
                    vec![text, start, Expr::Literal(Value::Int(2))],
                )
            }
            (Ty::Text, which) => {
                let function = if which == 1 {
                    Function::Before
                } else {
                    Function::After
                };
                let text = argument(self, Ty::Text);
                Expr::Call(function, vec![text, self.mark()])
            }
            (Ty::Time, 0) => Expr::Call(Function::FromSeconds, vec![argument(self, Ty::Int)]),
            (Ty::Time, _) => Expr::Call(Function::FromMillis, vec![argument(self, Ty::Int)]),
            (_, _) => Expr::Call(Function::ParseUuid, vec![argument(self, Ty::Text)]),
        };
        let call = Box::new(call);
        match self.random.below(10) {
            0..=4 => {
                let (value, nullable) = if self.random.chance(30) {
                    (Expr::Null(ty), true)
                } else {
                    self.expr(scope, ty, depth - 1)
                };
                (
                    Expr::Handled(call, Handler::Value(Box::new(value))),
                    nullable,
                )
            }
            5..=6 => {
                let reason = self.reason(FateKind::Skip, false);
                let (value, nullable) = self.expr(scope, ty, depth - 1);
                let handler = Handler::Warn(reason, Box::new(value));
                (Expr::Handled(call, handler), nullable)
            }
            which => {
                let kind = if which == 9 {
                    FateKind::Fail
                } else {
                    FateKind::Skip
                };
                let reason = self.reason(kind, false);
                (
                    Expr::Handled(call, Handler::Fate(Fate { kind, reason })),
                    false,
                )
            }
        }
    }

    fn mark(&mut self) -> Expr {
        let mark = *self.random.pick(&[":", "a", " ", "\\", "ä", "", "\u{308}"]);
        Expr::Literal(Value::Text(mark.to_owned()))
    }

    pub(crate) fn aggregate(&mut self, scope: &Scope, ty: Ty, depth: usize) -> Typed {
        let inner = Scope {
            in_aggregate: true,
            ..scope.clone()
        };
        if ty == Ty::Int && self.random.chance(40) {
            let counted = *self.random.pick(&TYPES);
            let value = self
                .random
                .chance(60)
                .then(|| Box::new(self.expr(&inner, counted, depth - 1).0));
            let op = Aggregate::Count;
            let orders = Vec::new();
            return (
                Expr::Aggregate {
                    op,
                    value,
                    ty: counted,
                    orders,
                },
                false,
            );
        }
        let op = self.random.weighted(&[
            (1, Aggregate::Min),
            (1, Aggregate::Max),
            (2, Aggregate::First),
        ]);
        // Mostly what differs from row to row, or it would not matter which of them is taken.
        let (value, nullable) = if self.random.chance(60) {
            self.leaf(&inner, ty)
        } else {
            self.expr(&inner, ty, depth - 1)
        };
        let mut orders = Vec::new();
        if op == Aggregate::First {
            for _ in 0..=self.random.below(2) {
                orders.push(self.order(&inner, depth));
            }
        }
        let value = Some(Box::new(value));
        let expr = Expr::Aggregate {
            op,
            value,
            ty,
            orders,
        };
        (expr, nullable)
    }

    /// What `first` orders by, and whether descending.
    fn order(&mut self, scope: &Scope, depth: usize) -> (Expr, Ty, bool) {
        let descending = self.random.chance(50);
        let attrs = scope.attrs(&self.case);
        if !attrs.is_empty() && self.random.chance(75) {
            let attr = *self.random.pick(&attrs);
            let (by, _) = scope.attr_ty(&self.case, attr);
            return (Expr::Attr(attr), by, descending);
        }
        let by = *self.random.pick(&TYPES);
        (self.expr(scope, by, depth - 1).0, by, descending)
    }

    fn truth(&mut self, scope: &Scope, which: usize, depth: usize) -> Expr {
        let total = scope.candidate.is_some();
        match which {
            0 => Expr::Not(self.boxed(scope, Ty::Bool, depth)),
            1 | 2 => {
                let left = self.boxed(scope, Ty::Bool, depth);
                let mut inner = scope.clone();
                inner.learn(&left, which == 1);
                let right = self.boxed(&inner, Ty::Bool, depth);
                if which == 1 {
                    Expr::And(left, right)
                } else {
                    Expr::Or(left, right)
                }
            }
            3 | 4 => {
                let ty = *self.random.pick(&TYPES);
                let op = if ty == Ty::Bool {
                    *self.random.pick(&[Op::Equal, Op::NotEqual])
                } else {
                    *self.random.pick(&[
                        Op::Equal,
                        Op::NotEqual,
                        Op::Less,
                        Op::AtMost,
                        Op::Greater,
                        Op::AtLeast,
                    ])
                };
                let left = self.boxed(scope, ty, depth);
                Expr::Compare(op, ty, left, self.boxed(scope, ty, depth))
            }
            5 => {
                let negated = self.random.chance(50);
                let optional: Vec<usize> = (0..scope.slots.len())
                    .filter(|slot| scope.slots[*slot].1)
                    .collect();
                if !optional.is_empty() && self.random.chance(40) && scope.group.is_empty() {
                    let slot = *self.random.pick(&optional);
                    return Expr::Present { negated, slot };
                }
                let ty = *self.random.pick(&TYPES);
                let operand = Box::new(self.leaf(scope, ty).0);
                Expr::IsNull { negated, operand }
            }
            6 => {
                let negated = self.random.chance(30);
                if self.random.chance(30) {
                    let operand = self.boxed(scope, Ty::Text, depth);
                    return Expr::InMap { negated, operand };
                }
                let ty = *self.random.pick(&TYPES);
                let operand = self.boxed(scope, ty, depth);
                let values = (0..=self.random.below(3))
                    .map(|_| self.required(scope, ty, 0))
                    .collect();
                Expr::InList {
                    negated,
                    operand,
                    values,
                }
            }
            7 => {
                let function = *self.random.pick(&[
                    Function::StartsWith,
                    Function::EndsWith,
                    Function::Contains,
                ]);
                let text = self.required(scope, Ty::Text, depth - 1);
                let part = if self.random.chance(60) {
                    self.mark()
                } else {
                    self.required(scope, Ty::Text, 0)
                };
                Expr::Call(function, vec![text, part])
            }
            8 if !total => {
                let left = self.boxed(scope, Ty::Time, depth);
                let right = self.boxed(scope, Ty::Time, depth);
                let op = *self.random.pick(&[Op::Less, Op::AtLeast, Op::Equal]);
                let micros = *self.random.pick(&[0, 1_000, 86_400_000_000]);
                Expr::Gap(op, left, right, micros)
            }
            _ if !total && scope.group.is_empty() && !scope.in_aggregate => self.exists(scope),
            _ => Expr::Not(self.boxed(scope, Ty::Bool, depth)),
        }
    }

    fn number(&mut self, scope: &Scope, which: usize, depth: usize) -> Expr {
        let total = scope.candidate.is_some();
        match which {
            0 => Expr::Call(
                Function::Length,
                vec![self.required(scope, Ty::Text, depth - 1)],
            ),
            1 => {
                let function = *self
                    .random
                    .pick(&[Function::UnixMillis, Function::UnixSeconds]);
                Expr::Call(function, vec![self.required(scope, Ty::Time, depth - 1)])
            }
            _ if total => self.constant(Ty::Int),
            2 => {
                let op = *self.random.pick(&[
                    Arithmetic::Add,
                    Arithmetic::Add,
                    Arithmetic::Subtract,
                    Arithmetic::Times,
                    Arithmetic::Divide,
                    Arithmetic::Remainder,
                ]);
                let left = self.boxed(scope, Ty::Int, depth);
                Expr::Arithmetic(op, left, self.boxed(scope, Ty::Int, depth))
            }
            _ => Expr::Negate(self.boxed(scope, Ty::Int, depth)),
        }
    }

    fn text(&mut self, scope: &Scope, which: usize, depth: usize) -> Expr {
        match which {
            0 => Expr::Call(
                Function::Hex,
                vec![self.required(scope, Ty::Bytes, depth - 1)],
            ),
            1 => {
                let text = self.required(scope, Ty::Text, depth - 1);
                let part = *self.random.pick(&["a", " ", "\\", "日", "aa"]);
                let by = self.required(scope, Ty::Text, 0);
                let part = Expr::Literal(Value::Text(part.to_owned()));
                Expr::Call(Function::Replace, vec![text, part, by])
            }
            _ => {
                let mut parts = Vec::new();
                for _ in 0..=self.random.below(2) {
                    if self.random.chance(50) {
                        let text = *self.random.pick(&["-", "{", "\"", "ß", "\\"]);
                        parts.push(Part::Text(text.to_owned()));
                    }
                    let ty = *self
                        .random
                        .pick(&[Ty::Text, Ty::Text, Ty::Int, Ty::Bool, Ty::Uuid]);
                    parts.push(Part::Value(self.required(scope, ty, depth - 1)));
                }
                Expr::Text(parts)
            }
        }
    }
}

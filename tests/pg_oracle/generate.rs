//! Random cases: tables with rows, views over them, maps.

use crate::case::{
    Attr, Block, Case, ClauseKind, Column, Expr, Fate, FateKind, Into, Join, JoinKind, Line, Local,
    On, Op, Reason, Relation, Severity, TYPES, Table, Target, Ty, Value, When,
};
use crate::random::Random;
use crate::scope::Scope;
use crate::values;

pub(crate) struct Generator {
    pub(crate) random: Random,
    pub(crate) case: Case,
    /// A few values of each type, in the order of [`TYPES`].
    pools: Vec<Vec<Value>>,
    relations: Vec<Known>,
    exists: usize,
    /// The targets that any map may write.
    shared_targets: usize,
}

/// What joins need to know of a relation.
#[derive(Clone)]
struct Known {
    relation: Relation,
    /// The attribute that is the partition key.
    key: usize,
    /// Attributes that tell its rows apart.
    unique: Vec<Vec<usize>>,
    /// Whether a map may be driven by it: no row vanishes without a reason.
    complete: bool,
}

/// The cases of a seed: one mapping over several sets of rows.
pub(crate) fn cases(seed: u64, row_sets: usize) -> Vec<Case> {
    let mut generator = generator(seed);
    let mut cases = vec![generator.case.clone()];
    while cases.len() < row_sets {
        for table in 0..generator.case.tables.len() {
            let Table { columns, keys, .. } = generator.case.tables[table].clone();
            generator.case.tables[table].rows = generator.rows(&columns, &keys);
        }
        cases.push(generator.case.clone());
    }
    cases
}

fn generator(seed: u64) -> Generator {
    let mut random = Random::new(seed);
    let pools = TYPES
        .iter()
        .map(|ty| {
            (0..3 + random.below(4))
                .map(|_| values::any(&mut random, *ty))
                .collect()
        })
        .collect();
    let mut generator = Generator {
        random,
        case: Case {
            tables: Vec::new(),
            targets: Vec::new(),
            blocks: Vec::new(),
            reasons: Vec::new(),
            params: Vec::new(),
            entries: Vec::new(),
        },
        pools,
        relations: Vec::new(),
        exists: 0,
        shared_targets: 0,
    };
    generator.settings();
    generator.tables();
    for _ in 0..generator.random.weighted(&[(2, 0), (4, 1), (4, 2), (2, 3)]) {
        generator.block(false);
        if generator.random.chance(60) {
            generator.dump();
        }
    }
    for _ in 0..generator.random.weighted(&[(5, 1), (3, 2)]) {
        generator.block(true);
    }
    generator
}

impl Generator {
    /// A value that others of its type are likely to equal.
    pub(crate) fn value(&mut self, ty: Ty) -> Value {
        let index = TYPES.iter().position(|known| *known == ty).unwrap();
        if self.random.chance(85) {
            let pool = &self.pools[index];
            pool[self.random.below(pool.len())].clone()
        } else {
            values::any(&mut self.random, ty)
        }
    }

    fn settings(&mut self) {
        self.case.params = TYPES.iter().map(|ty| self.value(*ty)).collect();
        for _ in 0..self.random.below(4) {
            if let (Value::Text(key), Value::Int(value)) =
                (self.value(Ty::Text), self.value(Ty::Int))
                && !self.case.entries.iter().any(|(known, _)| *known == key)
            {
                self.case.entries.push((key, value));
            }
        }
        for _ in 0..=self.random.below(2) {
            let mut columns = Vec::new();
            for number in 0..2 + self.random.below(3) {
                columns.push(self.column(&format!("c{number}")));
            }
            self.case.targets.push(Target { columns });
        }
        self.shared_targets = self.case.targets.len();
    }

    fn column(&mut self, name: &str) -> Column {
        let ty = *self.random.pick(&TYPES);
        let odd = match self.random.below(20) {
            0 => format!("from {name}"),
            1 => format!("Ö{name}"),
            _ => name.to_owned(),
        };
        Column {
            name: odd,
            pg: self.random.pick::<&str>(values::pg_types(ty)),
            ty,
            nullable: self.random.chance(60),
        }
    }

    fn tables(&mut self) {
        let key_ty = *self.random.pick(&[Ty::Text, Ty::Text, Ty::Int, Ty::Uuid]);
        for number in 0..2 + self.random.below(2) {
            let mut columns = vec![Column {
                name: if self.random.chance(10) { "group" } else { "k" }.to_owned(),
                pg: self.random.pick::<&str>(values::pg_types(key_ty)),
                ty: key_ty,
                nullable: true,
            }];
            let id_ty = *self.random.pick(&[Ty::Int, Ty::Text, Ty::Uuid]);
            columns.push(Column {
                name: "id".to_owned(),
                pg: self.random.pick::<&str>(values::pg_types(id_ty)),
                ty: id_ty,
                nullable: false,
            });
            for extra in 0..1 + self.random.below(4) {
                columns.push(self.column(&format!("c{extra}")));
            }
            let mut keys = match self.random.below(4) {
                0 | 1 => vec![vec![1]],
                2 => vec![vec![0, 1]],
                _ => vec![vec![0]],
            };
            columns[0].nullable = !keys[0].contains(&0);
            match self.random.below(6) {
                0 if keys[0] != [0] => keys.push(vec![0]),
                1 => keys.push(vec![0, 2]),
                2 => keys.push(vec![2]),
                _ => {}
            }
            let rows = self.rows(&columns, &keys);
            self.relations.push(Known {
                relation: Relation::Table(number),
                key: 0,
                unique: keys.clone(),
                complete: true,
            });
            self.case.tables.push(Table {
                name: format!("t{number}"),
                columns,
                keys,
                rows,
            });
        }
    }

    fn rows(&mut self, columns: &[Column], keys: &[Vec<usize>]) -> Vec<Vec<Value>> {
        let wanted = match self.random.below(12) {
            0 => 0,
            // So many that a relation of one partition is searched through an index, and its groups are.
            1 => 14 + self.random.below(20),
            2 => 30 + self.random.below(30),
            _ => 1 + self.random.below(10),
        };
        let crowded = self.random.chance(60);
        let mut rows: Vec<Vec<Value>> = Vec::new();
        for _ in 0..wanted * 2 {
            if rows.len() == wanted {
                break;
            }
            let mut row = Vec::new();
            for (index, column) in columns.iter().enumerate() {
                if column.nullable && self.random.chance(25) {
                    row.push(Value::Null);
                    continue;
                }
                let value = if index == 0 && crowded {
                    let pool = &self.pools[TYPES.iter().position(|ty| *ty == column.ty).unwrap()];
                    pool[self.random.below(2)].clone()
                } else if index == 1 && self.random.chance(40) {
                    values::any(&mut self.random, column.ty)
                } else {
                    self.value(column.ty)
                };
                row.push(if values::fits(column.pg, &value) {
                    value
                } else {
                    small(column.ty)
                });
            }
            let repeats = keys.iter().any(|key| {
                let of = |row: &[Value]| -> Vec<Value> {
                    key.iter().map(|column| row[*column].clone()).collect()
                };
                let own = of(&row);
                !own.contains(&Value::Null) && rows.iter().any(|other| of(other) == own)
            });
            if !repeats {
                rows.push(row);
            }
        }
        rows
    }

    /// A reason of its own for one place.
    pub(crate) fn reason(&mut self, kind: FateKind, counted: bool) -> usize {
        let (severity, by_param) = if kind == FateKind::Fail {
            (Severity::Error, false)
        } else {
            self.random.weighted(&[
                (40, (Severity::Warn, false)),
                (30, (Severity::Quiet, false)),
                (10, (Severity::Quiet, true)),
                (10, (Severity::Warn, true)),
                (6, (Severity::Error, true)),
            ])
        };
        self.case.reasons.push(Reason {
            severity,
            by_param,
            counted,
        });
        self.case.reasons.len() - 1
    }

    fn fate(&mut self) -> Fate {
        let kind = self
            .random
            .weighted(&[(92, FateKind::Skip), (8, FateKind::Fail)]);
        Fate {
            kind,
            reason: self.reason(kind, true),
        }
    }

    fn block(&mut self, is_map: bool) {
        let drivers: Vec<Known> = self
            .relations
            .iter()
            .filter(|known| known.complete || !is_map)
            .cloned()
            .collect();
        // The newest are joined and read the most, so that views build on views.
        let newest = drivers.len() - 1 - self.random.below(drivers.len()).min(self.random.below(3));
        let driver = drivers[newest].clone();
        let mut block = Block {
            is_map,
            driver: driver.relation,
            joins: Vec::new(),
            filter: None,
            group: Vec::new(),
            locals: Vec::new(),
            lines: Vec::new(),
            intos: Vec::new(),
            otherwise: None,
        };
        let mut scope = Scope {
            slots: vec![(driver.relation, false)],
            ..Scope::default()
        };
        let mut keys = vec![Attr {
            slot: 0,
            index: driver.key,
        }];
        let complete = is_map || self.random.chance(60);
        for _ in 0..self.random.weighted(&[(5, 0), (5, 1), (3, 2), (1, 3)]) {
            self.join(&mut block, &mut scope, &mut keys, complete);
        }
        if is_map {
            self.lines(&mut block, &mut scope, 3);
            self.intos(&mut block, &mut scope);
        } else {
            self.view(&mut block, &mut scope, &driver, complete);
        }
        self.case.blocks.push(block);
    }

    /// The equalities that tie a relation to the rows before: the key first, then `unique`.
    fn on(
        &mut self,
        scope: &Scope,
        key: Attr,
        right: &Known,
        unique: &[usize],
        with_locals: bool,
        of_ended: bool,
    ) -> On {
        let mut equal = vec![(Expr::Attr(key), right.key)];
        let mut wanted: Vec<usize> = unique.iter().copied().filter(|i| *i != right.key).collect();
        if self.random.chance(20) {
            let more = self.random.below(self.case.width(right.relation));
            let steady = !of_ended || self.case.is_steady(right.relation, more);
            if steady && more != right.key && !wanted.contains(&more) {
                wanted.push(more);
            }
        }
        for index in wanted {
            let (ty, _) = self.case.attr_ty(right.relation, index);
            let mut left: Vec<Expr> = scope
                .attrs(&self.case)
                .into_iter()
                .filter(|attr| scope.attr_ty(&self.case, *attr).0 == ty)
                .map(Expr::Attr)
                .collect();
            if with_locals {
                let locals = (0..scope.locals.len()).filter(|local| scope.local_ty(*local).0 == ty);
                left.extend(locals.map(Expr::Local));
            }
            let left = if left.is_empty() || self.random.chance(10) {
                self.constant(ty)
            } else {
                self.random.pick(&left).clone()
            };
            equal.push((left, index));
        }
        let residual = self.random.chance(20).then(|| {
            let inner = Scope {
                candidate: Some(right.relation),
                of_ended,
                ..scope.clone()
            };
            Box::new(self.required(&inner, Ty::Bool, 2))
        });
        On { equal, residual }
    }

    /// The partition key of a slot: mostly the driver's own.
    fn some_key(&mut self, keys: &[Attr]) -> Attr {
        if self.random.chance(85) {
            keys[0]
        } else {
            *self.random.pick(keys)
        }
    }

    fn join(&mut self, block: &mut Block, scope: &mut Scope, keys: &mut Vec<Attr>, complete: bool) {
        let right = self.random.pick(&self.relations.clone()).clone();
        let has_many = block.joins.iter().any(|join| join.kind == JoinKind::Many);
        let kind = if right.unique.is_empty() || self.random.chance(25) {
            JoinKind::Many
        } else if self.random.chance(50) {
            JoinKind::Left
        } else {
            JoinKind::Inner
        };
        if kind == JoinKind::Many && has_many {
            return;
        }
        let unique = if kind == JoinKind::Many {
            Vec::new()
        } else {
            self.random.pick(&right.unique).clone()
        };
        let key = self.some_key(keys);
        let on = self.on(scope, key, &right, &unique, false, kind != JoinKind::Left);
        let (mut otherwise, mut skipped) = (None, None);
        if kind != JoinKind::Left {
            if complete || self.random.chance(50) {
                otherwise = Some(self.fate());
            }
            if matches!(right.relation, Relation::View(_)) && self.random.chance(35) {
                skipped = Some(self.fate());
            }
        }
        scope.slots.push((right.relation, kind == JoinKind::Left));
        keys.push(Attr {
            slot: scope.slots.len() - 1,
            index: right.key,
        });
        block.joins.push(Join {
            kind,
            relation: right.relation,
            on,
            otherwise,
            skipped,
        });
    }

    pub(crate) fn exists(&mut self, scope: &Scope) -> Expr {
        let right = self.random.pick(&self.relations.clone()).clone();
        let driver = scope.slots[0].0;
        let index = self
            .relations
            .iter()
            .find(|known| known.relation == driver)
            .unwrap()
            .key;
        let unique: Vec<usize> = right.unique.first().cloned().unwrap_or_default();
        let unique = if self.random.chance(50) {
            unique
        } else {
            Vec::new()
        };
        let on = self.on(scope, Attr { slot: 0, index }, &right, &unique, true, false);
        self.exists += 1;
        Expr::Exists {
            relation: right.relation,
            on,
            number: self.exists,
        }
    }

    fn local(
        &mut self,
        block: &mut Block,
        scope: &mut Scope,
        value: Expr,
        ty: (Ty, bool),
        is_field: bool,
    ) {
        let can_fail = scope.can_fail(&self.case, &value);
        let local = Local {
            ty,
            value,
            is_field,
            can_fail,
        };
        block.lines.push(Line::Local(block.locals.len()));
        block.locals.push(local.clone());
        scope.locals.push(local);
    }

    /// `let`s and clauses.
    fn lines(&mut self, block: &mut Block, scope: &mut Scope, most: usize) {
        for _ in 0..self.random.below(most + 1) {
            if self.random.chance(45) {
                let ty = *self.random.pick(&TYPES);
                let (value, nullable) = self.expr(scope, ty, 3);
                self.local(block, scope, value, (ty, nullable), false);
                continue;
            }
            let mut when = self.required(scope, Ty::Bool, 3);
            let kind = self.random.weighted(&[
                (55, ClauseKind::Skip),
                (8, ClauseKind::Fail),
                (35, ClauseKind::Warn),
            ]);
            if kind != ClauseKind::Warn && self.random.chance(60) {
                // Most rows live on.
                let ty = *self.random.pick(&TYPES);
                let left = Box::new(self.required(scope, ty, 1));
                let same = Expr::Compare(Op::Equal, ty, left, Box::new(self.constant(ty)));
                when = Expr::And(Box::new(same), Box::new(when));
            }
            let severity = if kind == ClauseKind::Fail {
                FateKind::Fail
            } else {
                FateKind::Skip
            };
            let reason = self.reason(severity, true);
            if kind != ClauseKind::Warn {
                scope.learn(&when, false);
            }
            block.lines.push(Line::Clause { kind, reason, when });
        }
    }

    fn view(&mut self, block: &mut Block, scope: &mut Scope, driver: &Known, complete: bool) {
        let key = Attr {
            slot: 0,
            index: driver.key,
        };
        if !complete && self.random.chance(50) {
            let filter = self.required(scope, Ty::Bool, 3);
            scope.learn(&filter, true);
            block.filter = Some(filter);
        }
        let grouped = self.random.chance(45);
        if grouped {
            scope.group = vec![key];
            let all = Scope {
                group: Vec::new(),
                ..scope.clone()
            };
            for _ in 0..self.random.weighted(&[(3, 0), (3, 1), (2, 2)]) {
                let attr = *self.random.pick(&all.attrs(&self.case));
                if !scope.group.contains(&attr) {
                    scope.group.push(attr);
                }
            }
            block.group.clone_from(&scope.group);
        } else {
            self.lines(block, scope, 2);
        }
        // The first field is the partition key; others are what a join can be unique by.
        let first_field = |block: &Block| block.fields().len();
        let mut copies: Vec<(Attr, usize)> = Vec::new();
        let mut wanted = vec![key];
        if grouped {
            wanted.extend(scope.group.iter().skip(1).filter(|_| true));
        } else {
            for index in driver.unique.iter().flatten() {
                let attr = Attr {
                    slot: 0,
                    index: *index,
                };
                if !wanted.contains(&attr) && self.random.chance(70) {
                    wanted.push(attr);
                }
            }
        }
        for attr in wanted {
            let ty = scope.attr_ty(&self.case, attr);
            copies.push((attr, first_field(block)));
            self.local(block, scope, Expr::Attr(attr), ty, true);
        }
        for _ in 0..1 + self.random.below(3) {
            let ty = *self.random.pick(&TYPES);
            let (value, nullable) = if grouped && ty != Ty::Bool && self.random.chance(60) {
                self.aggregate(scope, ty, 2)
            } else {
                self.expr(scope, ty, 3)
            };
            let is_field = self.random.chance(80);
            self.local(block, scope, value, (ty, nullable), is_field);
        }
        if !grouped {
            self.lines(block, scope, 1);
        }
        let field = |attr: Attr| {
            copies
                .iter()
                .find(|(copied, _)| *copied == attr)
                .map(|(_, f)| *f)
        };
        let fans_out = block.joins.iter().any(|join| join.kind == JoinKind::Many);
        let unique = if grouped {
            vec![block.group.iter().filter_map(|attr| field(*attr)).collect()]
        } else if fans_out {
            Vec::new()
        } else {
            let sets = driver.unique.iter().map(|set| {
                set.iter()
                    .map(|index| {
                        field(Attr {
                            slot: 0,
                            index: *index,
                        })
                    })
                    .collect::<Option<Vec<usize>>>()
            });
            sets.flatten().collect()
        };
        let all_end = block
            .joins
            .iter()
            .all(|join| join.kind == JoinKind::Left || join.otherwise.is_some());
        self.relations.push(Known {
            relation: Relation::View(self.case.blocks.len()),
            key: 0,
            unique,
            complete: grouped || (driver.complete && block.filter.is_none() && all_end),
        });
    }

    /// A map that writes the fields of the newest view as they are, where no row of it vanishes.
    fn dump(&mut self) {
        let known = self.relations[self.relations.len() - 1].clone();
        if !known.complete {
            return;
        }
        let with_failures = self.random.chance(25);
        let (mut columns, mut rules) = (Vec::new(), Vec::new());
        for index in 0..self.case.width(known.relation) {
            if with_failures || !self.case.attr_fails(known.relation, index) {
                let (ty, nullable) = self.case.attr_ty(known.relation, index);
                columns.push(Column {
                    name: format!("c{index}"),
                    pg: values::pg_types(ty)[0],
                    ty,
                    nullable,
                });
                rules.push(Expr::Attr(Attr { slot: 0, index }));
            }
        }
        self.case.targets.push(Target { columns });
        self.case.blocks.push(Block {
            is_map: true,
            driver: known.relation,
            joins: Vec::new(),
            filter: None,
            group: Vec::new(),
            locals: Vec::new(),
            lines: Vec::new(),
            intos: vec![Into {
                target: self.case.targets.len() - 1,
                when: When::Always,
                rules,
            }],
            otherwise: None,
        });
    }

    fn intos(&mut self, block: &mut Block, scope: &mut Scope) {
        #[derive(Clone, Copy)]
        enum Kind {
            Always,
            When,
            Otherwise,
        }
        let kinds: &[Kind] = self.random.pick::<&[Kind]>(&[
            &[Kind::Always][..],
            &[Kind::When, Kind::Otherwise],
            &[Kind::When],
            &[Kind::When, Kind::When],
            &[Kind::When, Kind::Always],
            &[Kind::Always, Kind::When, Kind::Otherwise],
            &[Kind::When, Kind::When, Kind::Otherwise],
            &[Kind::When, Kind::Otherwise, Kind::Otherwise],
        ]);
        for kind in kinds {
            let target = self.random.below(self.shared_targets);
            let mut inner = scope.clone();
            let when = match kind {
                Kind::Always => When::Always,
                Kind::When => {
                    let when = self.required(scope, Ty::Bool, 2);
                    inner.learn(&when, true);
                    When::Holds(when)
                }
                Kind::Otherwise => {
                    for into in &block.intos {
                        if let When::Holds(when) = &into.when {
                            inner.learn(when, false);
                        }
                    }
                    When::Otherwise
                }
            };
            let mut rules = Vec::new();
            for column in self.case.targets[target].columns.clone() {
                rules.push(self.rule(&inner, target, &column));
            }
            block.intos.push(Into {
                target,
                when,
                rules,
            });
        }
        let always = |into: &Into| matches!(into.when, When::Always | When::Otherwise);
        if !block.intos.iter().any(always) {
            block.otherwise = Some(self.fate());
        }
    }

    fn rule(&mut self, scope: &Scope, target: usize, column: &Column) -> Expr {
        if column.ty == Ty::Uuid && self.random.chance(40) {
            let time = Box::new(self.required(scope, Ty::Time, 1));
            let keys = (0..=self.random.below(2))
                .map(|_| {
                    let ty = *self.random.pick(&TYPES);
                    (self.required(scope, ty, 1), ty)
                })
                .collect();
            return Expr::Ulid { target, time, keys };
        }
        if column.nullable {
            self.expr(scope, column.ty, 2).0
        } else {
            self.required(scope, column.ty, 2)
        }
    }
}

/// A value that every column of the type can hold.
fn small(ty: Ty) -> Value {
    match ty {
        Ty::Bool => Value::Bool(false),
        Ty::Int => Value::Int(5),
        Ty::Text => Value::Text("b".to_owned()),
        Ty::Bytes => Value::Bytes(Vec::new()),
        Ty::Time => Value::Time(0),
        Ty::Uuid => Value::Uuid([1; 16]),
    }
}

//! What a plan needs of the two live databases, each need with the rules it comes from.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Catalog;
use crate::catalog::needs::{
    ColumnAccess, ColumnNeed, KeyNeed, KnownConstraints, Needs, Side as NeedsSide, TableNeeds,
};
use crate::types::PgType;

use super::{Frame, KeyVerdict, Lookup, Node, NodeId, Plan, Relation, RestsOn, Rule, Side};

/// What is read of and written to each side; `source` and `target` are the catalogs the plan was
/// compiled against.
pub fn needs(plan: &Plan, source: &Catalog, target: &Catalog) -> (Needs, Needs) {
    let mut wanted = Wanted {
        plan,
        source,
        target,
        sides: [BTreeMap::new(), BTreeMap::new()],
    };
    wanted.read();
    wanted.keys();
    wanted.written();
    let [source, target] = wanted.sides;
    (
        Needs {
            side: NeedsSide::Source,
            tables: source,
        },
        Needs {
            side: NeedsSide::Target,
            tables: target,
        },
    )
}

struct Wanted<'p> {
    plan: &'p Plan,
    source: &'p Catalog,
    target: &'p Catalog,
    sides: [BTreeMap<String, TableNeeds>; 2],
}

impl Wanted<'_> {
    fn table(&mut self, side: Side, table: &str) -> &mut TableNeeds {
        let [source, target] = &mut self.sides;
        let tables = if side == Side::Source { source } else { target };
        tables
            .entry(table.to_owned())
            .or_insert_with(|| TableNeeds {
                needed_by: Vec::new(),
                columns: BTreeMap::new(),
                keys: Vec::new(),
                foreign_keys: Vec::new(),
                written: None,
            })
    }

    fn column(
        &mut self,
        side: Side,
        table: &str,
        name: &str,
        ty: &PgType,
        access: ColumnAccess,
        by: &str,
    ) {
        let columns = &mut self.table(side, table).columns;
        let need = columns
            .entry(name.to_owned())
            .or_insert_with(|| ColumnNeed {
                ty: ty.to_string(),
                access,
                needed_by: Vec::new(),
            });
        note(&mut need.needed_by, by);
    }

    fn read(&mut self) {
        let plan = self.plan;
        for frame in &plan.frames {
            for (node, place) in roots(plan, frame) {
                let mut seen = BTreeSet::new();
                columns(plan, frame, node, &mut seen);
                for (relation, column) in seen {
                    self.read_column(relation, column, &place);
                }
            }
            let place = place_of(frame);
            for slot in &frame.slots {
                if let Some((side, table)) = self.table_of(slot.relation) {
                    note(&mut self.table(side, &table).needed_by, &place);
                }
            }
        }
        for scan in &plan.scans {
            for index in std::iter::once(&scan.key).chain(&scan.row_key) {
                if let Some(column) = scan.columns.get(*index) {
                    let access = access(column.nullable);
                    self.column(
                        Side::Source,
                        &scan.table,
                        &column.name,
                        &column.pg_type,
                        access,
                        "the order of the rows",
                    );
                }
            }
        }
    }

    fn read_column(&mut self, relation: Relation, index: usize, place: &str) {
        let plan = self.plan;
        let found = match relation {
            Relation::Scan(scan) => plan
                .scans
                .get(scan)
                .map(|scan| (Side::Source, &scan.table, &scan.columns)),
            Relation::Broadcast(broadcast) => plan
                .broadcasts
                .get(broadcast)
                .map(|broadcast| (broadcast.side, &broadcast.table, &broadcast.columns)),
            Relation::Frame(_) => None,
        };
        if let Some((side, table, columns)) = found
            && let Some(column) = columns.get(index)
        {
            self.column(
                side,
                table,
                &column.name,
                &column.pg_type,
                access(column.nullable),
                place,
            );
        }
    }

    fn table_of(&self, relation: Relation) -> Option<(Side, String)> {
        match relation {
            Relation::Scan(scan) => self
                .plan
                .scans
                .get(scan)
                .map(|scan| (Side::Source, scan.table.clone())),
            Relation::Broadcast(broadcast) => self
                .plan
                .broadcasts
                .get(broadcast)
                .map(|broadcast| (broadcast.side, broadcast.table.clone())),
            Relation::Frame(_) => None,
        }
    }

    /// The keys of the source that joins and target keys rest on.
    fn keys(&mut self) {
        let plan = self.plan;
        for frame in &plan.frames {
            for join in &frame.joins {
                let alias = frame
                    .slots
                    .get(join.lookup.slot)
                    .map_or("", |slot| slot.alias.as_str());
                let by = format!("the join of `{alias}` in {}", place_of(frame));
                for key in &join.rests_on {
                    self.key(key, &by);
                }
            }
        }
        for proof in &plan.keys {
            if let KeyVerdict::Proven { rests_on, .. } = &proof.verdict {
                let table = plan
                    .targets
                    .get(proof.target)
                    .map_or("", |target| target.table.as_str());
                let by = format!("key `{}` of target table `{table}`", proof.name);
                for key in rests_on {
                    self.key(key, &by);
                }
            }
        }
    }

    fn key(&mut self, key: &RestsOn, by: &str) {
        let side = if self.source.tables.contains_key(&key.table) {
            Side::Source
        } else {
            Side::Target
        };
        let keys = &mut self.table(side, &key.table).keys;
        match keys.iter_mut().find(|known| known.columns == key.columns) {
            Some(known) => note(&mut known.needed_by, by),
            None => keys.push(KeyNeed {
                columns: key.columns.clone(),
                needed_by: vec![by.to_owned()],
            }),
        }
    }

    fn written(&mut self) {
        let plan = self.plan;
        for frame in &plan.frames {
            for into in &frame.intos {
                let Some(target) = plan.targets.get(into.target) else {
                    continue;
                };
                for column in &target.columns {
                    let by = format!("`{}.{}` in map {}", target.table, column.name, frame.name);
                    let access = if column.nullable {
                        ColumnAccess::WrittenNullable
                    } else {
                        ColumnAccess::WrittenRequired
                    };
                    self.column(
                        Side::Target,
                        &target.table,
                        &column.name,
                        &column.pg_type,
                        access,
                        &by,
                    );
                }
                let known = self
                    .target
                    .tables
                    .get(&target.table)
                    .map(KnownConstraints::of);
                let need = self.table(Side::Target, &target.table);
                note(&mut need.needed_by, &place_of(frame));
                need.written = known;
            }
        }
    }
}

fn access(nullable: bool) -> ColumnAccess {
    if nullable {
        ColumnAccess::ReadNullable
    } else {
        ColumnAccess::ReadRequired
    }
}

fn note(list: &mut Vec<String>, entry: &str) {
    if !list.iter().any(|known| known == entry) {
        list.push(entry.to_owned());
    }
}

fn place_of(frame: &Frame) -> String {
    format!(
        "{} {}",
        if frame.is_map { "map" } else { "view" },
        frame.name
    )
}

/// The nodes that stand in a frame, each with what it is for.
fn roots(plan: &Plan, frame: &Frame) -> Vec<(NodeId, String)> {
    let place = place_of(frame);
    let mut found: Vec<(NodeId, String)> = Vec::new();
    let mut lookup = |lookup: &Lookup, what: &str| {
        for node in lookup
            .left
            .iter()
            .chain(&lookup.right)
            .chain(&lookup.residual)
        {
            found.push((*node, format!("{what} in {place}")));
        }
    };
    for join in &frame.joins {
        let alias = frame
            .slots
            .get(join.lookup.slot)
            .map_or("", |slot| slot.alias.as_str());
        lookup(&join.lookup, &format!("the join of `{alias}`"));
    }
    found.extend(
        frame
            .filter
            .iter()
            .map(|node| (*node, format!("`where` in {place}"))),
    );
    found.extend(
        frame
            .group
            .iter()
            .map(|node| (*node, format!("`group by` in {place}"))),
    );
    found.extend(
        frame
            .locals
            .iter()
            .map(|local| (local.value, format!("`{}` in {place}", local.name))),
    );
    for clause in &frame.clauses {
        let reason = plan
            .reasons
            .get(clause.reason)
            .map_or("", |reason| reason.name.as_str());
        found.push((clause.when, format!("reason `{reason}` in {place}")));
    }
    for into in &frame.intos {
        let target = plan.targets.get(into.target);
        if let super::IntoCondition::When(node) = into.condition {
            found.push((node, format!("`when` in {place}")));
        }
        for (index, rule) in into.rules.iter().enumerate() {
            let (Rule::Copy { node, .. } | Rule::Value(node)) = rule;
            let name = target.and_then(|target| {
                Some(format!(
                    "{}.{}",
                    target.table,
                    target.columns.get(index)?.name
                ))
            });
            found.push((*node, format!("`{}` in {place}", name.unwrap_or_default())));
        }
    }
    found
}

/// The columns of tables that a node reads in its own frame.
fn columns(plan: &Plan, frame: &Frame, node: NodeId, seen: &mut BTreeSet<(Relation, usize)>) {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        let Some(found) = plan.nodes.get(node as usize) else {
            continue;
        };
        if let Node::Column { slot, column } = found
            && let Some(slot) = frame.slots.get(*slot)
        {
            seen.insert((slot.relation, *column));
        }
        open.extend(found.children());
    }
}

//! Queries that a plan asks of the source where its proofs leave something open.

use super::Program;
use crate::base::ident::{identifier, literal, qualified};
use crate::types::OwnedValue;

use crate::plan::{Frame, KeyProof, KeyVerdict, Node, NodeId, Plan, Relation, Rule};

/// The look-up tables that a proof needs to be one-to-one and that are not in this run.
pub fn open_maps<'p>(program: &'p Program, proof: &KeyProof) -> Vec<&'p str> {
    let KeyVerdict::Proven { one_to_one, .. } = &proof.verdict else {
        return Vec::new();
    };
    one_to_one
        .iter()
        .filter(|param| !is_one_to_one(program.param(**param)))
        .filter_map(|param| program.plan.params.get(*param))
        .map(|param| param.name.as_str())
        .collect()
}

fn is_one_to_one(value: &OwnedValue) -> bool {
    match value {
        OwnedValue::Map(entries) => {
            let values: Vec<&OwnedValue> = entries.values().collect();
            values
                .iter()
                .enumerate()
                .all(|(at, value)| !values.iter().skip(at + 1).any(|other| other == value))
        }
        _ => true,
    }
}

/// A query that counts the values of a key which several rows of the source would give; `None`
/// where the rules cannot be said in SQL. Rows that a clause would leave out are counted too.
pub fn duplicates(program: &Program, proof: &KeyProof, schema: &str) -> Option<String> {
    let plan = &program.plan;
    let target = plan.targets.get(proof.target)?;
    let positions: Vec<usize> = proof
        .columns
        .iter()
        .map(|name| {
            target
                .columns
                .iter()
                .position(|column| column.name == *name)
        })
        .collect::<Option<_>>()?;
    let mut writers = plan
        .frames
        .iter()
        .flat_map(|frame| frame.intos.iter().map(move |into| (frame, into)));
    let (frame, into) = writers.find(|(_, into)| into.target == proof.target)?;
    if writers.any(|(_, into)| into.target == proof.target) {
        return None;
    }
    let Relation::Scan(scan) = frame.slots.first()?.relation else {
        return None;
    };
    let table = &plan.scans.get(scan)?.table;
    let mut values = Vec::new();
    for position in positions {
        let (Rule::Copy { node, .. } | Rule::Value(node)) = into.rules.get(position)?;
        values.push(sql(program, frame, *node)?);
    }
    let all = values.join(", ");
    let present: Vec<String> = values
        .iter()
        .map(|value| format!("{value} IS NOT NULL"))
        .collect();
    Some(format!(
        "SELECT count(*) FROM (SELECT 1 FROM {} AS t WHERE {} GROUP BY {all} HAVING count(*) > 1) AS duplicates",
        qualified(schema, table),
        present.join(" AND "),
    ))
}

/// A node as SQL over the driver's columns, if it means the same there.
fn sql(program: &Program, frame: &Frame, node: NodeId) -> Option<String> {
    let plan: &Plan = &program.plan;
    match plan.nodes.get(node as usize)? {
        Node::Column { slot: 0, column } => {
            let Relation::Scan(scan) = frame.slots.first()?.relation else {
                return None;
            };
            Some(format!(
                "t.{}",
                identifier(&plan.scans.get(scan)?.columns.get(*column)?.name)
            ))
        }
        Node::Local(local) => sql(program, frame, frame.locals.get(*local)?.value),
        Node::Handled { operand, .. } => sql(program, frame, *operand),
        Node::Lookup { param, key } => {
            let key = sql(program, frame, *key)?;
            let OwnedValue::Map(entries) = program.param(*param) else {
                return None;
            };
            let arms: Vec<String> = entries
                .iter()
                .map(|(from, to)| Some(format!("WHEN {} THEN {}", literal(from), constant(to)?)))
                .collect::<Option<_>>()?;
            if arms.is_empty() {
                Some("NULL::text".to_owned())
            } else {
                Some(format!("CASE {key} {} END", arms.join(" ")))
            }
        }
        _ => None,
    }
}

fn constant(value: &OwnedValue) -> Option<String> {
    Some(match value {
        OwnedValue::Text(text) => literal(text),
        OwnedValue::Int(number) => number.to_string(),
        OwnedValue::Bool(truth) => truth.to_string(),
        OwnedValue::Uuid(bytes) => literal(&crate::functions::uuid_text(bytes)),
        _ => return None,
    })
}

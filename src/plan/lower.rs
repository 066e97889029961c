//! From the typed tree to the plan. Fails only for what planning finds: relations that cannot be
//! aligned, joins whose right side is not unique.

use std::collections::BTreeMap;

use crate::base::{Files, Span};
use crate::catalog::{Catalog, Table};
use crate::check::ir::{self, JoinKind, Relation};
use crate::diagnostics::{Diagnostic, Diagnostics, codes};
use crate::types::Ty;

use super::keys::{Grounds, Prover};
use super::known::Known;
use super::partition::{self, Alignment};
use super::programs::Lower;
use super::reasons::reasons;
use super::references;
use super::*;

/// Makes the plan of a checked mapping; reports what cannot be planned.
///
/// Of a mapping that is not sound there is no plan, but what else is wrong with the parts that are
/// known is reported all the same.
pub fn plan(
    mut mapping: ir::Mapping,
    files: &Files,
    source: &Catalog,
    target: &Catalog,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let known = Known::of(&mapping);
    let alignment = partition::align(&mut mapping, &known, source, diagnostics);
    let prover = Prover {
        mapping: &mapping,
        source,
        target,
    };
    let mut unique: BTreeMap<(usize, usize), Grounds> = BTreeMap::new();
    for (number, frame) in mapping.frames.iter().enumerate() {
        for (place, join) in frame.joins.iter().enumerate() {
            if !known.join(&mapping, number, join) {
                continue;
            }
            match (
                join.kind,
                prover.join_is_unique(number, join.slot, &join.on),
            ) {
                (JoinKind::Many, _) => {}
                (JoinKind::Inner | JoinKind::Left, Some(grounds)) => {
                    unique.insert((number, place), grounds);
                }
                (JoinKind::Inner | JoinKind::Left, None) => {
                    diagnostics.push(not_unique(&mapping, source, frame, join))
                }
            }
        }
    }
    if !mapping.sound {
        return None;
    }
    let keys = prover.target_keys();
    for proof in &keys {
        if let KeyVerdict::Unproven(why) = &proof.verdict {
            diagnostics.push(unproven(&mapping, proof, why));
        }
    }
    references::warn_of_unwritten(&mapping, target, diagnostics);
    let alignment = alignment?;
    if diagnostics.has_errors() {
        return None;
    }
    let mut lower = Lower {
        mapping: &mapping,
        alignment: &alignment,
        nodes: Vec::new(),
        origins: Vec::new(),
    };
    let frames: Vec<Frame> = (0..mapping.frames.len())
        .filter_map(|frame| lower.frame(frame, &unique))
        .collect();
    let (nodes, origins) = (lower.nodes, lower.origins);
    let scans: Vec<Scan> = mapping
        .scans
        .iter()
        .zip(&alignment.keys)
        .map(|(scan, key)| lower_scan(scan, *key, source.tables.get(&scan.table)))
        .collect();
    let passes = passes(&mapping, &alignment, &scans);
    let sensitive = |catalog: &Catalog, table: &str, name: &str| {
        catalog
            .tables
            .get(table)
            .and_then(|table| table.column(name))
            .is_some_and(|column| column.sensitive)
    };
    Some(Plan {
        format_version: FORMAT_VERSION,
        mapping: mapping.name.clone(),
        docs: mapping.docs.clone(),
        files: files.ids().map(|id| files.name(id).to_owned()).collect(),
        source: CatalogName {
            name: source.catalog.clone(),
            version: source.version.clone(),
        },
        target: CatalogName {
            name: target.catalog.clone(),
            version: target.version.clone(),
        },
        params: mapping
            .params
            .iter()
            .map(|param| Param {
                name: param.name.clone(),
                docs: param.docs.clone(),
                ty: param.ty.clone(),
                default: param.default.clone(),
            })
            .collect(),
        reasons: reasons(&mapping),
        scans,
        broadcasts: mapping
            .broadcasts
            .iter()
            .map(|broadcast| {
                let catalog = if broadcast.side == Side::Source {
                    source
                } else {
                    target
                };
                Broadcast {
                    name: broadcast.name.clone(),
                    side: broadcast.side,
                    table: broadcast.table.clone(),
                    columns: broadcast
                        .columns
                        .iter()
                        .map(|column| {
                            scan_column(column, sensitive(catalog, &broadcast.table, &column.name))
                        })
                        .collect(),
                    limit: broadcast.limit,
                }
            })
            .collect(),
        frames,
        references: references::references(&mapping, source, target, &alignment),
        targets: mapping
            .targets
            .iter()
            .map(|written| Target {
                table: written.table.clone(),
                columns: written
                    .columns
                    .iter()
                    .map(|column| TargetColumn {
                        name: column.name.clone(),
                        pg_type: column.pg_type.clone(),
                        nullable: column.nullable,
                        sensitive: sensitive(target, &written.table, &column.name),
                    })
                    .collect(),
                key: primary_key(written, target.tables.get(&written.table)),
            })
            .collect(),
        passes,
        keys,
        nodes,
        origins,
    })
}

fn not_unique(
    mapping: &ir::Mapping,
    source: &Catalog,
    frame: &ir::Frame,
    join: &ir::Join,
) -> Diagnostic {
    let slot = frame.slots.get(join.slot);
    let alias = slot.map_or("", |slot| slot.alias.as_str());
    let table = slot.and_then(|slot| match slot.relation {
        Relation::Scan(scan) => source.tables.get_key_value(&mapping.scans.get(scan)?.table),
        Relation::Broadcast(_) | Relation::Frame(_) => None,
    });
    let message = format!("join of `{alias}` may find several rows");
    let mut diagnostic = Diagnostic::error(codes::E0402, message)
        .primary(join.on.span, "holds no key of the joined relation");
    if let Some((name, table)) = table {
        let keys: Vec<String> = table
            .keys
            .iter()
            .filter(|key| !key.deferrable)
            .map(|key| format!("({})", key.columns.join(", ")))
            .collect();
        diagnostic = diagnostic.note(if keys.is_empty() {
            format!("table `{name}` has no key")
        } else {
            format!("keys of table `{name}`: {}", keys.join(", "))
        });
    }
    diagnostic
        .note("a `join` finds one row at most; that must follow from a unique key in the catalog or from a `group by`")
        .help("make a row for each partner by `join many`, or join a view with `group by` that picks one")
}

fn unproven(mapping: &ir::Mapping, proof: &KeyProof, why: &str) -> Diagnostic {
    let table = mapping
        .targets
        .get(proof.target)
        .map_or("", |target| target.table.as_str());
    let place = mapping
        .frames
        .iter()
        .flat_map(|frame| &frame.intos)
        .find(|into| into.target == proof.target)
        .map_or(Span::new(crate::base::FileId(0), 0, 0), |into| into.span);
    let message = format!(
        "key `{}` of `{table}` ({}) does not follow from the source's keys",
        proof.name,
        proof.columns.join(", ")
    );
    let start = Span {
        end: place.start + 4,
        ..place
    };
    Diagnostic::warning(codes::W0401, message)
        .primary(start, why.to_owned())
        .note("a run finds a violation only when the key is built again at its end; then everything is rolled back")
}

/// The places of the primary key's columns among those that are written, if all of them are.
fn primary_key(written: &ir::Target, table: Option<&Table>) -> Vec<usize> {
    let columns = table
        .and_then(Table::primary_key)
        .map_or(&[][..], |key| &key.columns);
    let place = |name: &String| {
        let mut columns = written.columns.iter();
        columns.position(|column| column.name == *name)
    };
    let places: Option<Vec<usize>> = columns.iter().map(place).collect();
    places.unwrap_or_default()
}

fn scan_column(column: &ir::Column, sensitive: bool) -> ScanColumn {
    ScanColumn {
        name: column.name.clone(),
        pg_type: column.pg_type.clone(),
        nullable: column.nullable,
        sensitive,
    }
}

/// The scan with the columns that order the rows of a partition: the primary key, else the first
/// unique key, else all columns that are read.
fn lower_scan(scan: &ir::Scan, key: usize, table: Option<&Table>) -> Scan {
    let sensitive = |name: &str| {
        table
            .and_then(|table| table.column(name))
            .is_some_and(|column| column.sensitive)
    };
    let mut columns: Vec<ScanColumn> = scan
        .columns
        .iter()
        .map(|column| scan_column(column, sensitive(&column.name)))
        .collect();
    let row_key = table.and_then(|table| {
        table
            .primary_key()
            .or_else(|| table.keys.first())
            .zip(Some(table))
    });
    let row_key: Vec<usize> = match row_key {
        Some((unique, table)) => unique
            .columns
            .iter()
            .filter_map(|name| {
                if let Some(index) = columns.iter().position(|column| column.name == *name) {
                    return Some(index);
                }
                let column = table.column(name)?;
                columns.push(ScanColumn {
                    name: name.clone(),
                    pg_type: PgType::parse(&column.ty),
                    nullable: column.nullable,
                    sensitive: column.sensitive,
                });
                Some(columns.len() - 1)
            })
            .collect(),
        None => (0..columns.len()).collect(),
    };
    Scan {
        table: scan.table.clone(),
        columns,
        key,
        row_key,
        origin: scan.span,
    }
}

/// One pass for each group of scans that are read in step, in the order of their first frame.
fn passes(mapping: &ir::Mapping, alignment: &Alignment, scans: &[Scan]) -> Vec<Pass> {
    let mut passes: Vec<(usize, Pass)> = Vec::new();
    for (number, component) in alignment.component.iter().enumerate() {
        let Some(scan) = scans.get(number) else {
            continue;
        };
        let kind = match scan.columns.get(scan.key).map(|column| column.pg_type.ty()) {
            Some(Ty::Int) => KeyKind::Int,
            Some(Ty::Uuid) => KeyKind::Uuid,
            _ => KeyKind::Text,
        };
        match passes.iter_mut().find(|(known, _)| known == component) {
            Some((_, pass)) => pass.scans.push(number),
            None => passes.push((
                *component,
                Pass {
                    key: kind,
                    scans: vec![number],
                    frames: Vec::new(),
                },
            )),
        }
    }
    for number in 0..mapping.frames.len() {
        let root = partition::root(mapping, Relation::Frame(number));
        let component = root.and_then(|root| alignment.component.get(root));
        if let Some((_, pass)) = passes
            .iter_mut()
            .find(|(known, _)| Some(known) == component)
        {
            pass.frames.push(number);
        }
    }
    passes.into_iter().map(|(_, pass)| pass).collect()
}

//! Mappings between catalogs of a test's own, compiled and run in memory.

// Each test file uses its own part.
#![allow(dead_code)]

use std::collections::BTreeMap;

use mapwright::base::Files;
use mapwright::catalog::snapshot::from_yaml;
use mapwright::compile::compile;
use mapwright::diagnostics::Diagnostics;
use mapwright::eval::Program;
use mapwright::plan::Plan;
use mapwright::run::memory::{MemorySource, NamedRow};
use mapwright::run::{Inputs, Limits, NoSink, RunReport, Silent, run};
use mapwright::types::OwnedValue;

/// The plan of a mapping between two catalogs, given as YAML, or the codes and messages of what is
/// wrong with it.
///
/// # Panics
/// When a catalog is none.
pub(crate) fn compiled(catalogs: [&str; 2], mapping: &str) -> Result<Plan, Vec<String>> {
    let mut files = Files::new();
    let catalogs = catalogs.map(|text| {
        let id = files.add("catalog.yaml", text);
        from_yaml(&files, id).unwrap_or_else(|found| panic!("{found:#?}"))
    });
    let id = files.add("m.map", mapping);
    let mut found = Diagnostics::new();
    compile(&files, id, &catalogs, &mut found).ok_or_else(|| {
        let found = found.into_sorted().into_iter();
        found
            .map(|found| format!("{} {}", found.code, found.message))
            .collect()
    })
}

/// What a run over such tables came to; what it writes goes nowhere.
///
/// # Panics
/// When the tables do not fit the plan, or the run breaks off.
pub(crate) fn report<const N: usize>(plan: Plan, tables: [(&str, Vec<NamedRow>); N]) -> RunReport {
    let program = Program::new(plan, BTreeMap::new()).unwrap();
    let tables = tables.map(|(name, rows)| (name.to_owned(), rows)).into();
    let mut source = MemorySource::new(&program.plan, &tables).unwrap();
    let inputs = Inputs {
        program: &program,
        broadcasts: Vec::new(),
        limits: Limits::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime
        .block_on(run(inputs, &mut source, &mut NoSink, &mut Silent))
        .unwrap()
}

/// A row of named cells.
pub(crate) fn row<const N: usize>(cells: [(&str, OwnedValue); N]) -> NamedRow {
    cells
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

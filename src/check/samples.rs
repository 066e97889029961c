//! Small mappings for tests, over the tiny catalogs of `tests/catalogs/`.

use crate::base::Files;
use crate::catalog::{Catalog, snapshot};
use crate::diagnostics::Diagnostics;
use crate::syntax;

use super::ir;

/// The tiny source and the tiny target.
pub(crate) fn catalogs() -> [Catalog; 2] {
    let texts = [
        include_str!("../../tests/catalogs/tiny_source.yaml"),
        include_str!("../../tests/catalogs/tiny_target.yaml"),
    ];
    texts.map(|text| {
        let mut files = Files::new();
        let id = files.add("catalog.yaml", text);
        snapshot::from_yaml(&files, id).unwrap()
    })
}

/// The typed tree of a mapping without its head, or the codes and messages of its errors.
pub(crate) fn checked(blocks: &str) -> Result<ir::Mapping, Vec<String>> {
    let mut files = Files::new();
    let text = format!("mapping m\nsource tiny_source\ntarget tiny_target\n{blocks}");
    let id = files.add("m.map", text);
    let mut found = Diagnostics::new();
    let file = syntax::parse(&files, id, &mut found);
    super::check(&file, id, &catalogs(), &mut found)
        .filter(|mapping| mapping.sound)
        .ok_or_else(|| messages(found))
}

/// `E0203 nullable value …` for each diagnostic, warnings too.
pub(crate) fn messages(found: Diagnostics) -> Vec<String> {
    found
        .into_sorted()
        .iter()
        .map(|diagnostic| format!("{} {}", diagnostic.code, diagnostic.message))
        .collect()
}

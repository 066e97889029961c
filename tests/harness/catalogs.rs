//! The catalogs of `tests/catalogs/`, and the shipped ones, by name.

use mapwright::base::Files;
use mapwright::catalog::{Catalog, snapshot};

/// The catalog of that name: a file of `tests/catalogs/`, else a shipped one.
///
/// # Panics
/// When there is neither, or the file is no catalog.
pub(crate) fn read(name: &str) -> Catalog {
    let path = format!("{}/tests/catalogs/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        return snapshot::shipped(name).expect("a shipped catalog");
    };
    let mut files = Files::new();
    let id = files.add(path, text);
    snapshot::from_yaml(&files, id).expect("a catalog without contradictions")
}

//! The compiler as one call: text and catalogs in, a plan or diagnostics out. Touches no database,
//! no clock, no randomness.

use crate::base::{FileId, Files};
use crate::catalog::Catalog;
use crate::check::check;
use crate::diagnostics::Diagnostics;
use crate::plan::{self, Plan};
use crate::syntax;

/// Compiles the file `id` of `files`; `source` and `target` in it name one of the catalogs each.
///
/// Everything that is wrong is pushed into `diagnostics`, warnings too; the plan is given back
/// unless there was an error.
pub fn compile(
    files: &Files,
    id: FileId,
    catalogs: &[Catalog],
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let mut found = Diagnostics::new();
    let file = syntax::parse(files, id, &mut found);
    let mapping = check(&file, id, catalogs, &mut found);
    let plan = mapping.and_then(|mapping| {
        let source = catalogs
            .iter()
            .find(|catalog| catalog.catalog == mapping.source)?;
        let target = catalogs
            .iter()
            .find(|catalog| catalog.catalog == mapping.target)?;
        plan::plan(mapping, files, source, target, &mut found)
    });
    let failed = found.has_errors();
    diagnostics.extend(found);
    if failed { None } else { plan }
}

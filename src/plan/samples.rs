//! Plans of small mappings for tests.

use crate::base::Files;
use crate::check::samples::{catalogs, checked, messages};
use crate::diagnostics::Diagnostics;

use super::Plan;

/// The plan of a mapping without its head, or the codes and messages of its errors.
pub(crate) fn planned(blocks: &str) -> Result<Plan, Vec<String>> {
    let mapping = checked(blocks)?;
    let [source, target] = catalogs();
    let mut found = Diagnostics::new();
    super::plan(mapping, &Files::new(), &source, &target, &mut found).ok_or_else(|| messages(found))
}

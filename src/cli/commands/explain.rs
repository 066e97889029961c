//! `explain`: what does a code or a finding mean?

use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::cli::{finding_pages, mapping};
use crate::diagnostics::{Diagnostic, codes, suggest};

/// Prints the page of a code or a finding.
///
/// # Errors
/// One that does not exist.
pub fn run(code: &str, printer: &Printer) -> Result<ExitStatus, Failure> {
    let wanted = code.trim().to_uppercase();
    let info = codes::REGISTRY
        .iter()
        .find(|info| info.code.as_str() == wanted);
    if let Some(info) = info {
        printer.data(info.page);
        return Ok(ExitStatus::Done);
    }
    if finding_pages::page(code.trim()).is_some() {
        return finding(code, printer);
    }
    let known = codes::REGISTRY.iter().map(|info| info.code.as_str());
    let near = suggest::nearest(&wanted, known)
        .map(str::to_owned)
        .or_else(|| finding_pages::suggestion(code.trim(), []));
    let mut diagnostic = Diagnostic::error(codes::E0615, format!("no code or finding `{code}`"));
    if let Some(near) = near {
        diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
    }
    Err(Failure::one(ExitStatus::Usage, diagnostic))
}

/// Prints the page of a finding.
///
/// # Errors
/// One that does not exist.
pub fn finding(id: &str, printer: &Printer) -> Result<ExitStatus, Failure> {
    let id = id.trim();
    let Some(page) = finding_pages::page(id) else {
        let mut diagnostic =
            Diagnostic::error(codes::E0615, format!("no finding has the id `{id}`"));
        if let Some(near) = finding_pages::suggestion(id, []) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        return Err(Failure::one(ExitStatus::Usage, diagnostic));
    };
    let bundled = mapping::load(None, &[])?;
    printer.data(&page.text(id, &bundled.plan));
    Ok(ExitStatus::Done)
}

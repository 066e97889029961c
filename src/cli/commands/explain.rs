//! `explain`: what does a code mean?

use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::diagnostics::{Diagnostic, codes, suggest};

/// Prints the page of a code.
///
/// # Errors
/// A code that does not exist.
pub fn run(code: &str, printer: &Printer) -> Result<ExitStatus, Failure> {
    let wanted = code.trim().to_uppercase();
    let Some(info) = codes::REGISTRY
        .iter()
        .find(|info| info.code.as_str() == wanted)
    else {
        let mut diagnostic = Diagnostic::error(codes::E0615, format!("no code `{code}`"));
        if let Some(near) = suggest::nearest(
            &wanted,
            codes::REGISTRY.iter().map(|info| info.code.as_str()),
        ) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        return Err(Failure::one(ExitStatus::Usage, diagnostic));
    };
    printer.data(info.page);
    Ok(ExitStatus::Done)
}

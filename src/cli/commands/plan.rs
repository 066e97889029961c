//! `plan`: what does the mapping do?

use crate::cli::args::{MappingArgs, OutputFormat};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::mapping;
use crate::cli::printer::Printer;
use crate::plan::display::explain;

/// Prints the plan, for people or as JSON.
///
/// # Errors
/// A mapping with errors, a file that cannot be read.
pub fn run(args: &MappingArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let compiled = mapping::load(args.file.as_deref(), &args.catalogs)?;
    printer.diagnostics(&compiled.files, &compiled.warnings);
    if printer.format == OutputFormat::Json {
        // Numbers, texts and lists of them: nothing that could fail.
        let mut text = serde_json::to_string_pretty(&compiled.plan).unwrap_or_default();
        text.push('\n');
        printer.data(&text);
    } else {
        printer.data(&explain(&compiled.plan, &compiled.files));
    }
    Ok(ExitStatus::Done)
}

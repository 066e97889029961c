//! `compile`: is the mapping right?

use crate::cli::args::MappingArgs;
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::mapping;
use crate::cli::printer::{Printer, Style};

/// Compiles the mapping and says so.
///
/// # Errors
/// A mapping with errors, a file that cannot be read.
pub fn run(args: &MappingArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let compiled = mapping::load(args.file.as_deref(), &args.catalogs)?;
    printer.diagnostics(&compiled.files, &compiled.warnings);
    let plan = &compiled.plan;
    let maps = plan.frames.iter().filter(|frame| frame.is_map).count();
    printer.say(&format!(
        "{}: mapping `{}` compiles: {}, {}, {}, {}",
        printer.styled(Style::Good, "ok"),
        plan.mapping,
        counted(plan.scans.len(), "source table"),
        counted(plan.frames.len() - maps, "view"),
        counted(maps, "map"),
        counted(plan.targets.len(), "target table"),
    ));
    Ok(ExitStatus::Done)
}

/// `1 map`, `2 maps`.
fn counted(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

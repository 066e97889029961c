//! `compile`: is the mapping right?

use crate::cli::args::{MappingArgs, OutputFormat};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::mapping;
use crate::cli::operator::table::counted;
use crate::cli::printer::{Printer, Style};

/// Compiles the mapping and says so.
///
/// # Errors
/// A mapping with errors, a file that cannot be read.
pub fn run(args: &MappingArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let compiled = mapping::load(args.file.as_deref(), &args.catalogs)?;
    printer.warnings(&compiled.files, &compiled.warnings);
    let plan = &compiled.plan;
    let maps = plan.frames.iter().filter(|frame| frame.is_map).count();
    let views = plan.frames.len() - maps;
    if printer.format == OutputFormat::Json {
        let compiled = serde_json::json!({
            "mapping": plan.mapping,
            "source_tables": plan.scans.len(),
            "views": views,
            "maps": maps,
            "target_tables": plan.targets.len(),
            "warnings": compiled.warnings.len(),
        });
        printer.data(&format!("{compiled}\n"));
        return Ok(ExitStatus::Done);
    }
    printer.say(&format!(
        "{}: mapping `{}` compiles: {}, {}, {}, {}",
        printer.styled(Style::Good, "ok"),
        plan.mapping,
        counted(plan.scans.len() as u64, "source table"),
        counted(views as u64, "view"),
        counted(maps as u64, "map"),
        counted(plan.targets.len() as u64, "target table"),
    ));
    Ok(ExitStatus::Done)
}

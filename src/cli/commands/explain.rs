//! `explain`: what does a code or a finding mean?

use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::findings::wrap;
use crate::cli::printer::Printer;
use crate::cli::{finding_pages, mapping};
use crate::config::{OTHER_DIFFERENCES, option_reference, warning_reference};
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
    if let Some(page) = of_configurations(code.trim()) {
        printer.data(&page);
        return Ok(ExitStatus::Done);
    }
    let known = codes::REGISTRY.iter().map(|info| info.code.as_str());
    let near = suggest::nearest(&wanted, known)
        .map(str::to_owned)
        .or_else(|| finding_pages::suggestion(code.trim(), []));
    let mut diagnostic = Diagnostic::error(codes::E0615, format!("no code or finding `{code}`"));
    if let Some(near) = near {
        diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
    }
    let diagnostic = diagnostic.help(
        "`docs/reference/findings.md` lists what `check` finds, `docs/reference/config.md` what the `config` commands say",
    );
    Err(Failure::one(ExitStatus::Usage, diagnostic))
}

/// What a warning of `config generate`, or a difference that `config lint` finds, is about.
fn of_configurations(id: &str) -> Option<String> {
    let part = |heading: &str, text: &str| format!("\n{heading}\n{}\n", wrap(text, "  "));
    if let Some(warning) = (warning_reference().into_iter()).find(|known| known.id == id) {
        return Some(format!(
            "{id}\n{}{}{}",
            part("What it means", warning.meaning),
            part(
                "Keys of Synapse's configuration",
                &warning.synapse.replace('`', "")
            ),
            part("What to do", warning.remedy),
        ));
    }
    let other = OTHER_DIFFERENCES.iter().find(|(known, _)| *known == id);
    let other = other.map(|(_, meaning)| *meaning);
    let options: Vec<_> = (option_reference().into_iter())
        .filter(|option| option.finding == Some(id))
        .collect();
    let Some(first) = options.first() else {
        return other.map(|meaning| format!("{id}\n{}", part("What it means", meaning)));
    };
    let meaning = other
        .or(first.meaning)
        .unwrap_or("MAS's configuration says something else than Synapse's");
    let keys: Vec<&str> = options.iter().map(|option| option.mas.as_str()).collect();
    Some(format!(
        "{id}\n{}{}{}",
        part("What it means", meaning),
        part("Keys of MAS's configuration", &keys.join(", ")),
        part("What Synapse's say", &first.synapse.replace('`', "")),
    ))
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

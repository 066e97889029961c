//! `functions`: what can a mapping call?

use std::fmt::Write;

use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::printer::Printer;
use crate::diagnostics::{Diagnostic, codes, suggest};
use crate::functions::{self, Function};

/// Lists the functions, or prints one with its examples.
///
/// # Errors
/// A name that no function has.
pub fn run(name: Option<&str>, printer: &Printer) -> Result<ExitStatus, Failure> {
    let mut text = String::new();
    match name {
        None => {
            for (group, functions) in functions::GROUPS {
                let _ = writeln!(text, "{group}");
                for function in *functions {
                    let _ = writeln!(text, "  {}\n      {}", signature(function), function.doc);
                    if let Some(fails) = function.fails {
                        let _ = writeln!(text, "      Fails {fails}.");
                    }
                }
            }
            let _ = writeln!(text, "Part of the language itself");
            for (_, usage, doc) in functions::OF_THE_LANGUAGE {
                let _ = writeln!(text, "  {usage}\n      {doc}");
            }
        }
        Some(name)
            if functions::OF_THE_LANGUAGE
                .iter()
                .any(|(known, _, _)| *known == name) =>
        {
            for (_, usage, doc) in functions::OF_THE_LANGUAGE
                .iter()
                .filter(|(known, _, _)| *known == name)
            {
                let _ = writeln!(text, "{usage}\n\n{doc}");
            }
        }
        Some(name) => {
            let Some(function) = functions::find(name) else {
                let mut diagnostic =
                    Diagnostic::error(codes::E0615, format!("no function `{name}`"));
                if let Some(near) =
                    suggest::nearest(name, functions::all().map(|function| function.name))
                {
                    diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                }
                return Err(Failure::one(ExitStatus::Usage, diagnostic));
            };
            let _ = writeln!(text, "{}\n\n{}", signature(function), function.doc);
            if let Some(fails) = function.fails {
                let _ = writeln!(
                    text,
                    "Fails {fails}; a call says what happens then by `else`."
                );
            }
            let _ = writeln!(text);
            for (call, gives) in function.examples {
                let _ = writeln!(text, "  {call}  →  {gives}");
            }
        }
    }
    printer.data(&text);
    Ok(ExitStatus::Done)
}

fn signature(function: &Function) -> String {
    let parameters: Vec<String> = function
        .parameters
        .iter()
        .map(|parameter| format!("{}: {}", parameter.name, parameter.ty.ty()))
        .collect();
    format!(
        "{}({}) → {}",
        function.name,
        parameters.join(", "),
        function.returns.to_type()
    )
}

//! Which mapping a command works with: the bundled one, or a file; and its parameters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::Files;
use crate::catalog::{Catalog, snapshot};
use crate::compile::compile;
use crate::diagnostics::{Diagnostic, Diagnostics, codes, suggest};
use crate::eval::{ParamProblem, Program};
use crate::plan::Plan;
use crate::types::{OwnedValue, SeverityValue, Ty};

use super::exit::ExitStatus;
use super::failure::Failure;

/// The mapping that is compiled into the program.
pub const BUNDLED: &str = include_str!("../../mappings/synapse-to-mas.map");
/// The name it goes by in messages.
pub const BUNDLED_NAME: &str = "synapse-to-mas.map (bundled)";

/// A compiled mapping with everything it came from.
#[derive(Debug)]
pub struct Compiled {
    /// Its text.
    pub files: Files,
    /// The plan.
    pub plan: Plan,
    /// The catalog of the source.
    pub source: Catalog,
    /// The catalog of the target.
    pub target: Catalog,
    /// What it could be better at.
    pub warnings: Vec<Diagnostic>,
}

/// Reads and compiles a mapping; the bundled one where no file is given.
///
/// # Errors
/// A file that cannot be read (usage), or a mapping with errors.
pub fn load(file: Option<&Path>, catalog_files: &[PathBuf]) -> Result<Compiled, Failure> {
    let mut files = Files::new();
    let id = match file {
        None => files.add(BUNDLED_NAME, BUNDLED),
        Some(path) => files.add(path.display().to_string(), read(path)?),
    };
    let mut catalogs = Vec::new();
    for path in catalog_files {
        let mut own = Files::new();
        let id = own.add(path.display().to_string(), read(path)?);
        let catalog = snapshot::from_yaml(&own, id).map_err(|problems| Failure {
            status: ExitStatus::Usage,
            diagnostics: problems.into_sorted(),
            files: own,
        })?;
        catalogs.push(catalog);
    }
    let mut names: Vec<&str> = snapshot::SHIPPED
        .iter()
        .map(|shipped| shipped.name)
        .collect();
    names.dedup();
    for name in names {
        let catalog = snapshot::shipped(name)
            .map_err(|problems| Failure::new(ExitStatus::Unexpected, problems.into_sorted()))?;
        catalogs.push(catalog);
    }
    let mut diagnostics = Diagnostics::new();
    let plan = compile(&files, id, &catalogs, &mut diagnostics);
    let diagnostics = diagnostics.into_sorted();
    let Some(plan) = plan else {
        return Err(Failure {
            status: ExitStatus::MappingErrors,
            diagnostics,
            files,
        });
    };
    let find = |name: &str| {
        let place = catalogs
            .iter()
            .position(|catalog| catalog.catalog == name)?;
        Some(catalogs.get(place)?.clone())
    };
    match (find(&plan.source.name), find(&plan.target.name)) {
        (Some(source), Some(target)) => Ok(Compiled {
            files,
            plan,
            source,
            target,
            warnings: diagnostics,
        }),
        _ => Err(Failure {
            status: ExitStatus::MappingErrors,
            diagnostics,
            files,
        }),
    }
}

/// The text of a file.
///
/// # Errors
/// E0607 when it cannot be read.
pub fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let diagnostic =
            Diagnostic::error(codes::E0613, format!("`{}` cannot be read", path.display()))
                .note(error.to_string())
                .help("check the path, and that the file may be read");
        Failure::one(ExitStatus::Usage, diagnostic)
    })
}

/// Joins a plan with the values of its parameters: `known` for those of its parameters that have
/// such a name, then `--set` above them.
///
/// # Errors
/// Every value that does not fit, at once.
pub fn program(
    plan: Plan,
    known: BTreeMap<String, OwnedValue>,
    set: &[String],
) -> Result<Program, Failure> {
    let mut values: BTreeMap<String, OwnedValue> = known
        .into_iter()
        .filter(|(name, _)| plan.params.iter().any(|param| param.name == *name))
        .collect();
    let mut problems = Vec::new();
    for setting in set {
        match setting_value(&plan, setting) {
            Ok((name, value)) => {
                values.insert(name, value);
            }
            Err(diagnostic) => problems.push(*diagnostic),
        }
    }
    let given: Vec<String> = set
        .iter()
        .filter_map(|text| text.split('=').next())
        .map(str::to_owned)
        .collect();
    match Program::new(plan, values) {
        Ok(program) if problems.is_empty() => Ok(program),
        Ok(_) => Err(Failure::new(ExitStatus::Usage, problems)),
        Err(found) => {
            let found: Vec<Diagnostic> = found
                .into_iter()
                .filter_map(|problem| param_problem(problem, &given, &problems))
                .collect();
            problems.extend(found);
            Err(Failure::new(ExitStatus::Usage, problems))
        }
    }
}

fn param_problem(
    problem: ParamProblem,
    given: &[String],
    reported: &[Diagnostic],
) -> Option<Diagnostic> {
    Some(match problem {
        ParamProblem::Missing(name) if given.contains(&name) && !reported.is_empty() => {
            return None;
        }
        ParamProblem::Missing(name) => Diagnostic::error(
            codes::E0614,
            format!("parameter `{name}` of the mapping has no value"),
        )
        .help(format!("set it: `--set {name}=…`")),
        ParamProblem::Unknown(name) => Diagnostic::error(
            codes::E0614,
            format!("the mapping has no parameter `{name}`"),
        ),
        ParamProblem::WrongType { name, wanted } => Diagnostic::error(
            codes::E0614,
            format!("value of parameter `{name}` is no `{wanted}`"),
        ),
        ParamProblem::Foreign(name) => Diagnostic::error(
            codes::E0614,
            format!("the plan uses `{name}`, which this version does not know"),
        )
        .help("compile the mapping anew"),
    })
}

/// `name=value` as a value of the parameter's type. The value is never shown: it may be a secret.
fn setting_value(plan: &Plan, setting: &str) -> Result<(String, OwnedValue), Box<Diagnostic>> {
    let Some((name, text)) = setting.split_once('=') else {
        let diagnostic = Diagnostic::error(codes::E0614, "`--set` takes `name=value`")
            .help("write `--set name=value`");
        return Err(Box::new(diagnostic));
    };
    let Some(param) = plan.params.iter().find(|param| param.name == name) else {
        let mut diagnostic = Diagnostic::error(
            codes::E0614,
            format!("the mapping has no parameter `{name}`"),
        );
        if let Some(help) = suggest::help(name, plan.params.iter().map(|param| param.name.as_str()))
        {
            diagnostic = diagnostic.help(help);
        }
        return Err(Box::new(diagnostic));
    };
    match value(&param.ty.ty, text) {
        Some(value) => Ok((name.to_owned(), value)),
        None => {
            let diagnostic = Diagnostic::error(
                codes::E0614,
                format!("value of `--set {name}=…` is no `{}`", param.ty),
            )
            .help(example(&param.ty.ty));
            Err(Box::new(diagnostic))
        }
    }
}

fn value(ty: &Ty, text: &str) -> Option<OwnedValue> {
    Some(match ty {
        Ty::Bool => OwnedValue::Bool(match text {
            "true" => true,
            "false" => false,
            _ => return None,
        }),
        Ty::Int => OwnedValue::Int(text.parse().ok()?),
        Ty::Text => OwnedValue::Text(text.to_owned()),
        Ty::Json => OwnedValue::Json(
            serde_json::from_str::<serde_json::Value>(text)
                .ok()
                .map(|_| text.to_owned())?,
        ),
        Ty::Timestamp => {
            OwnedValue::Timestamp(text.parse::<jiff::Timestamp>().ok()?.as_microsecond())
        }
        Ty::Uuid => OwnedValue::Uuid(
            crate::functions::parse_uuid(text).or_else(|| crate::functions::parse_ulid(text))?,
        ),
        Ty::Inet => OwnedValue::Inet(crate::types::Inet::host(text.parse().ok()?)),
        Ty::Severity => OwnedValue::Severity(match text {
            "error" => SeverityValue::Error,
            "warn" => SeverityValue::Warn,
            "quiet" => SeverityValue::Quiet,
            _ => return None,
        }),
        Ty::Map(_, of) => {
            let entries: BTreeMap<String, String> = serde_json::from_str(text).ok()?;
            let entries: Option<BTreeMap<String, OwnedValue>> = entries
                .into_iter()
                .map(|(key, text)| Some((key, value(of, &text)?)))
                .collect();
            OwnedValue::Map(entries?)
        }
        Ty::Bytes | Ty::Duration | Ty::Other(_) | Ty::Null | Ty::Error => return None,
    })
}

fn example(ty: &Ty) -> String {
    match ty {
        Ty::Bool => "write `true` or `false`".to_owned(),
        Ty::Int => "write a whole number".to_owned(),
        Ty::Timestamp => "write a form such as `2026-05-01T02:00:00Z`".to_owned(),
        Ty::Uuid => "write a UUID or a ULID".to_owned(),
        Ty::Severity => "write `error`, `warn` or `quiet`".to_owned(),
        Ty::Map(..) => "write a JSON object such as `{\"key\": \"value\"}`".to_owned(),
        other => format!("write a value of `{other}`"),
    }
}

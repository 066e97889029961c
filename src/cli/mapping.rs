//! Which mapping a command works with: the bundled one, or a file; and its parameters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::Files;
use crate::catalog::{Catalog, snapshot};
use crate::compile::compile;
use crate::diagnostics::{Diagnostic, Diagnostics, codes, suggest};
use crate::eval::{ParamProblem, Program};
use crate::plan::Plan;
use crate::types::OwnedValue;

use super::exit::ExitStatus;
use super::failure::Failure;
use super::parameter::{self, NoValue};

/// The mapping that is used unless a file is given.
pub const BUNDLED: &str = include_str!("../../mappings/synapse-to-mas.map");
/// The name it goes by in messages.
pub const BUNDLED_NAME: &str = "synapse-to-mas.map (bundled)";

/// A mapping that is compiled into the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Bundled {
    /// The migration
    SynapseToMas,
    /// What `verify --live` reads of Synapse
    AccountsInSynapse,
    /// What `verify --live` reads of MAS
    AccountsInMas,
}

impl Bundled {
    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Self::SynapseToMas => BUNDLED,
            Self::AccountsInSynapse => include_str!("../../mappings/accounts-in-synapse.map"),
            Self::AccountsInMas => include_str!("../../mappings/accounts-in-mas.map"),
        }
    }

    /// The name it goes by in messages.
    fn name(self) -> &'static str {
        match self {
            Self::SynapseToMas => BUNDLED_NAME,
            Self::AccountsInSynapse => "accounts-in-synapse.map (bundled)",
            Self::AccountsInMas => "accounts-in-mas.map (bundled)",
        }
    }
}

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
    match file {
        None => compiled(BUNDLED_NAME, BUNDLED, catalog_files),
        Some(path) => compiled(&path.display().to_string(), &read(path)?, catalog_files),
    }
}

/// Compiles one of the bundled mappings.
///
/// # Errors
/// None but defects of the program.
pub fn bundled(mapping: Bundled) -> Result<Compiled, Failure> {
    compiled(mapping.name(), mapping.text(), &[])
}

fn compiled(name: &str, text: &str, catalog_files: &[PathBuf]) -> Result<Compiled, Failure> {
    let mut files = Files::new();
    let id = files.add(name, text);
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
/// E0613 when it cannot be read, or is no UTF-8.
pub fn read(path: &Path) -> Result<String, Failure> {
    let message = format!("`{}` cannot be read", path.display());
    let failed = |note: String, help: &str| {
        let diagnostic = Diagnostic::error(codes::E0613, message.as_str())
            .note(note)
            .help(help);
        Failure::one(ExitStatus::Usage, diagnostic)
    };
    let bytes = std::fs::read(path).map_err(|error| {
        failed(
            error.to_string(),
            "check the path, and that the file may be read",
        )
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let (note, help) = no_utf8(error.as_bytes(), error.utf8_error().valid_up_to());
        failed(note, help)
    })
}

/// What is told about bytes that are no UTF-8 from `valid` on.
fn no_utf8(bytes: &[u8], valid: usize) -> (String, &'static str) {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let note = "the file is in UTF-16, not in UTF-8".to_owned();
        return (note, "save it as UTF-8");
    }
    let before = bytes.get(..valid).unwrap_or_default();
    let line_start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let line_before = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default());
    let column = line_before.chars().count() + 1;
    let byte = bytes.get(valid).copied().unwrap_or_default();
    let note = format!("line {line}, column {column}: the byte 0x{byte:02x} is no UTF-8");
    (note, "save the file as UTF-8")
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
    // What configurations and other flags decide is not suggested, though it can be set.
    let offered: Vec<String> = plan
        .params
        .iter()
        .map(|param| param.name.clone())
        .filter(|name| !values.contains_key(name))
        .collect();
    let mut problems = Vec::new();
    let mut given: Vec<String> = Vec::new();
    for setting in set {
        let name = setting.split('=').next().unwrap_or_default();
        if !name.is_empty() && given.iter().any(|known| known == name) {
            let diagnostic =
                Diagnostic::error(codes::E0614, format!("parameter `{name}` is set twice"))
                    .help(format!("give `--set {name}=…` once"));
            if !problems.contains(&diagnostic) {
                problems.push(diagnostic);
            }
            continue;
        }
        given.push(name.to_owned());
        match setting_value(&plan, &offered, setting) {
            Ok((name, value)) => {
                values.insert(name, value);
            }
            Err(diagnostic) => problems.push(*diagnostic),
        }
    }
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

/// Where more can be learnt about parameters.
const ALL_PARAMETERS: &str =
    "`mapwright plan` lists the parameters of a mapping, with types and defaults";

/// `name=value` as a value of the parameter's type. The value is never shown: it may be a secret.
/// `offered` are the parameters that are suggested.
fn setting_value(
    plan: &Plan,
    offered: &[String],
    setting: &str,
) -> Result<(String, OwnedValue), Box<Diagnostic>> {
    let Some((name, text)) = setting.split_once('=').filter(|(name, _)| !name.is_empty()) else {
        let message = if setting.starts_with('=') {
            "`--set` names no parameter before the `=`"
        } else {
            "`--set` takes `name=value`"
        };
        let diagnostic = Diagnostic::error(codes::E0614, message)
            .help("write `--set name=value`")
            .help(ALL_PARAMETERS);
        return Err(Box::new(diagnostic));
    };
    let Some(param) = plan.params.iter().find(|param| param.name == name) else {
        let mut diagnostic = Diagnostic::error(
            codes::E0614,
            format!("the mapping has no parameter `{name}`"),
        );
        if let Some(help) = suggest::help(name, offered.iter().map(String::as_str)) {
            diagnostic = diagnostic.help(help);
        }
        diagnostic = diagnostic.help(ALL_PARAMETERS);
        return Err(Box::new(diagnostic));
    };
    parameter::value(&param.ty.ty, text)
        .map(|value| (name.to_owned(), value))
        .map_err(|problem| {
            let message = match problem {
                NoValue::Form => format!("value of `--set {name}=…` is no `{}`", param.ty),
                NoValue::KeyTwice => format!("value of `--set {name}=…` has a key twice"),
            };
            Box::new(
                Diagnostic::error(codes::E0614, message).help(parameter::example(&param.ty.ty)),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(params: &str, set: &[&str]) -> Vec<String> {
        let text = format!("mapping m\nsource tiny_source\ntarget tiny_target\n{params}");
        let mut files = Files::new();
        let id = files.add("m.map", text);
        let catalogs = crate::check::samples::catalogs();
        let plan = compile(&files, id, &catalogs, &mut Diagnostics::new()).unwrap();
        let set: Vec<String> = set.iter().map(|text| (*text).to_owned()).collect();
        match program(plan, BTreeMap::new(), &set) {
            Ok(_) => Vec::new(),
            Err(failure) => failure
                .diagnostics
                .into_iter()
                .map(|one| one.message)
                .collect(),
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_told_by_their_place() {
        let note = |bytes: &[u8]| {
            let valid = std::str::from_utf8(bytes).unwrap_err().valid_up_to();
            no_utf8(bytes, valid).0
        };
        assert_eq!(
            note(
                "a\nä = "
                    .bytes()
                    .chain([0xe9, b'\n'])
                    .collect::<Vec<_>>()
                    .as_slice()
            ),
            "line 2, column 5: the byte 0xe9 is no UTF-8"
        );
        assert_eq!(
            note(&[0xff, 0xfe, b'm', 0]),
            "the file is in UTF-16, not in UTF-8"
        );
    }

    #[test]
    fn what_other_settings_decide_is_not_suggested() {
        let plan = load(None, &[]).unwrap().plan;
        let known = [
            "server_name",
            "providers",
            "disabled_providers",
            "migrated_at",
        ];
        let values = known.map(|name| {
            let param = plan.params.iter().find(|param| param.name == name).unwrap();
            let value = param.default.clone().unwrap_or_else(|| match param.ty.ty {
                crate::types::Ty::Text => OwnedValue::Text("hs".to_owned()),
                _ => OwnedValue::Timestamp(0),
            });
            (name.to_owned(), value)
        });
        let helps = |setting: &str| {
            let set = [setting.to_owned()];
            match program(plan.clone(), BTreeMap::from(values.clone()), &set) {
                Ok(_) => Vec::new(),
                Err(failure) => failure.diagnostics[0].help.clone(),
            }
        };
        let list = helps("server_nam=x");
        assert!(list[0].starts_with("known here: `keep_admin_on_deviceless_tokens`"));
        let offers = |name: &&str| list[0].contains(&format!("`{name}`"));
        assert!(!known.iter().any(offers), "{list:?}");
        assert_eq!(list[1], ALL_PARAMETERS);
        assert_eq!(helps("orphan=warn")[0], "did you mean `orphans`?");
        // It can be set all the same.
        assert!(helps("server_name=x").is_empty());
    }

    #[test]
    fn every_setting_is_looked_at_and_told_once() {
        let params = "param n: int = 1\nparam d: duration = -3h\nparam m: map<text, int> = {}";
        let none: [&str; 0] = [];
        assert_eq!(messages(params, &["n=2", "d=90m", "m={\"a\": 1}"]), none);
        assert_eq!(
            messages(params, &["n=1", "n=2", "n=3"]),
            ["parameter `n` is set twice"]
        );
        assert_eq!(
            messages(params, &["=1"]),
            ["`--set` names no parameter before the `=`"]
        );
        assert_eq!(messages(params, &["n"]), ["`--set` takes `name=value`"]);
        assert_eq!(
            messages(params, &["o=1", "d=3", "m={\"a\": 1, \"a\": 2}"]),
            [
                "the mapping has no parameter `o`",
                "value of `--set d=…` is no `duration`",
                "value of `--set m=…` has a key twice",
            ]
        );
    }
}

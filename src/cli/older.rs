//! The command lines of the older migration tools, put into words of this program's own.
//!
//! A command line goes in and another comes out, which is then read like any other: nothing is done
//! here that the commands would not do by themselves. Flags of this program go through as they are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;

use clap::{CommandFactory, Parser};

use crate::diagnostics::{Diagnostic, codes, suggest};

use super::args::{Cli, ColourChoice, Command, Global, OutputFormat};
use super::uri;

/// A tool whose command line is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// `mas-cli syn2mas`, a part of MAS.
    MasCli,
    /// The npm package that came before it.
    Npm,
}

/// What an older flag becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Becomes {
    /// Its value is the command.
    Command,
    /// Our flag, with the same value.
    Value(&'static str),
    /// Our flag, once for each of the values that follow.
    Values(&'static str),
    /// Our flag, which like it takes no value.
    Switch(&'static str),
    /// Our flag, unless `false` follows.
    Unless(&'static str),
    /// Nothing: it has no meaning any more.
    Nothing,
}

impl Becomes {
    /// Our flag.
    pub fn flag(self) -> Option<&'static str> {
        match self {
            Self::Value(flag) | Self::Values(flag) | Self::Switch(flag) | Self::Unless(flag) => {
                Some(flag)
            }
            Self::Command | Self::Nothing => None,
        }
    }
}

/// A flag of an older tool.
#[derive(Clone, Copy, Debug)]
pub struct OlderFlag {
    /// Whose it is.
    pub tool: Tool,
    /// Its name, with its hyphens.
    pub name: &'static str,
    /// What it becomes.
    pub becomes: Becomes,
}

const fn flag(tool: Tool, name: &'static str, becomes: Becomes) -> OlderFlag {
    OlderFlag {
        tool,
        name,
        becomes,
    }
}

/// Every flag of both tools; `docs/guides/coming-from-syn2mas.md` lists them too.
pub const FLAGS: &[OlderFlag] = &[
    flag(Tool::MasCli, "--config", Becomes::Value("--config")),
    flag(Tool::MasCli, "-c", Becomes::Value("--config")),
    flag(
        Tool::MasCli,
        "--synapse-config",
        Becomes::Value("--synapse-config"),
    ),
    flag(
        Tool::MasCli,
        "--synapse-database-uri",
        Becomes::Value(URI_FLAG),
    ),
    flag(
        Tool::MasCli,
        "--ignore-missing-auth-providers",
        Becomes::Switch("--ignore-missing-auth-providers"),
    ),
    flag(Tool::MasCli, "--dry-run", Becomes::Switch(DRY_RUN)),
    flag(
        Tool::MasCli,
        "--i-swear-i-am-just-testing-in-a-staging-environment",
        Becomes::Nothing,
    ),
    flag(Tool::Npm, "--command", Becomes::Command),
    flag(
        Tool::Npm,
        "--synapseConfigFile",
        Becomes::Value("--synapse-config"),
    ),
    flag(Tool::Npm, "--masConfigFile", Becomes::Value("--config")),
    flag(
        Tool::Npm,
        "--upstreamProviderMapping",
        Becomes::Values(MAPPING),
    ),
    flag(Tool::Npm, "--dryRun", Becomes::Unless(DRY_RUN)),
];

const DRY_RUN: &str = "--dry-run";
const MAPPING: &str = "--upstream-provider-mapping";
const URI_FLAG: &str = "--synapse-database-uri";

/// The commands that an older tool has.
const VERBS: [&str; 3] = ["check", "migrate", "advisor"];

/// Why there is nothing to run.
#[derive(Debug)]
pub enum NotUnderstood {
    /// The words are ours, and do not go together; or they ask for help.
    Usage(clap::Error),
    /// The words are those of no older tool.
    Older(Global, Box<Diagnostic>),
}

/// Puts an older command line in place of itself; gives every other back as it is. The lines beside it
/// are for people: what it was understood as, and where a word means something else here.
///
/// # Errors
/// Words that neither an older tool nor this program knows.
pub fn understood(cli: Cli) -> Result<(Cli, Vec<String>), NotUnderstood> {
    let Command::Syn2mas(args) = &cli.command else {
        return Ok((cli, Vec::new()));
    };
    let ours = translated(&args.arguments)
        .map_err(|problem| NotUnderstood::Older(cli.global.clone(), problem))?;
    let program = std::iter::once(OsString::from("mapwright"));
    let mut inner = Cli::try_parse_from(program.chain(ours.arguments.iter().cloned()))
        .map_err(NotUnderstood::Usage)?;
    inner.global = both(&cli.global, &inner.global);
    Ok((inner, ours.notes()))
}

/// Flags given before the older command line, and in it.
fn both(before: &Global, inside: &Global) -> Global {
    Global {
        format: match inside.format {
            OutputFormat::Human => before.format,
            OutputFormat::Short | OutputFormat::Json => inside.format,
        },
        color: match inside.color {
            ColourChoice::Auto => before.color,
            ColourChoice::Always | ColourChoice::Never => inside.color,
        },
        quiet: before.quiet || inside.quiet,
        verbose: before.verbose.saturating_add(inside.verbose),
        max_errors: if inside.max_errors == super::printer::MAX_ERRORS {
            before.max_errors
        } else {
            inside.max_errors
        },
    }
}

/// A command line in our words.
#[derive(Debug)]
struct Ours {
    verb: &'static str,
    tool: Tool,
    /// The command and its flags.
    arguments: Vec<OsString>,
}

impl Ours {
    fn has(&self, flag: &str) -> bool {
        self.arguments.iter().any(|argument| argument == flag)
    }

    /// What people should know who have the older tool in mind.
    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!("understood as: {}", self.shown())];
        let mut note = |text: &str| notes.push(format!("note: {text}"));
        match (self.tool, self.verb) {
            (Tool::MasCli, "check") => note(
                "`check` makes no tables in MAS's database: `mas-cli database migrate` does, beforehand",
            ),
            (Tool::MasCli, "migrate") => note(
                "`migrate` makes neither MAS's tables nor its providers: `mas-cli database migrate` and `mas-cli config sync` do, beforehand",
            ),
            (Tool::Npm, "migrate") => {
                note(
                    "warnings do not stop `migrate` as they did there; `--deny-warnings` makes them do so",
                );
                if self.has(DRY_RUN) {
                    note(
                        "a dry run writes every row and rolls all of it back, where nothing was written; MAS must not be running",
                    );
                }
                if !self.has(MAPPING) {
                    note(
                        "providers are found by `synapse_idp_id` in MAS's configuration, and by `--upstreamProviderMapping` before it",
                    );
                }
            }
            (Tool::Npm, "check") => {
                note("the npm package has no `check`; this is the one of this program")
            }
            (_, "advisor") => note(
                "exit status 10 with an ERROR line, 11 with WARN lines alone; there it was 1, and 0",
            ),
            _ => {}
        }
        notes
    }

    /// The command line as one could type it, without URIs, which may hold a password, and without
    /// passwords where a URI stands that was not meant to.
    fn shown(&self) -> String {
        let mut text = "mapwright".to_owned();
        let mut is_uri = false;
        for argument in &self.arguments {
            let word = argument.to_string_lossy();
            let word = uri::masked(&word);
            let uri_flag = word.ends_with("-database-uri");
            let attached = word
                .split_once('=')
                .filter(|(name, _)| name.ends_with("-database-uri"));
            if is_uri {
                text.push_str(" …");
            } else if let Some((name, _)) = attached {
                let _ = write!(text, " {name}=…");
            } else if word.is_empty() || word.contains([' ', '\'', '"', '$', '\\', '\n']) {
                let _ = write!(text, " '{}'", word.replace('\'', "'\\''"));
            } else {
                let _ = write!(text, " {word}");
            }
            is_uri = uri_flag;
        }
        text
    }
}

/// Puts an older command line into our words.
fn translated(arguments: &[OsString]) -> Result<Ours, Box<Diagnostic>> {
    let own = own_flags();
    let mut verb: Option<String> = None;
    let mut tool = Tool::MasCli;
    let mut ours: Vec<OsString> = Vec::new();
    let mut words = arguments.iter().peekable();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if !text.starts_with('-') || text == "-" {
            set_verb(&mut verb, &text)?;
            continue;
        }
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (&*text, None),
        };
        let Some(older) = FLAGS.iter().find(|flag| flag.name == name) else {
            // Short flags are ours or nobody's; the parser behind knows.
            let takes_value = match own.get(name) {
                Some(takes_value) => *takes_value,
                None if name.starts_with("--") => return Err(unknown_flag(name, &own)),
                None => false,
            };
            ours.push(word.clone());
            if takes_value && attached.is_none() {
                ours.extend(words.next().cloned());
            }
            continue;
        };
        if older.tool == Tool::Npm {
            tool = Tool::Npm;
        }
        let mut value = || {
            attached
                .clone()
                .or_else(|| words.next().cloned())
                .ok_or_else(|| problem(format!("`{name}` has no value")))
        };
        match older.becomes {
            Becomes::Command => set_verb(&mut verb, &value()?.to_string_lossy())?,
            Becomes::Value(flag) => ours.extend([OsString::from(flag), value()?]),
            Becomes::Values(flag) => {
                ours.extend([OsString::from(flag), value()?]);
                // A pair holds a colon; a command does not.
                let pair = |next: &&OsString| {
                    let next = next.to_string_lossy();
                    !next.starts_with('-') && next.contains(':')
                };
                while let Some(more) = words.next_if(pair) {
                    ours.extend([OsString::from(flag), more.clone()]);
                }
            }
            Becomes::Switch(flag) => match attached {
                None => ours.push(OsString::from(flag)),
                Some(_) => return Err(Box::new(problem(format!("`{name}` takes no value")))),
            },
            Becomes::Unless(flag) => {
                let truth = |word: &OsString| {
                    let word = word.to_string_lossy();
                    if word.eq_ignore_ascii_case("true") {
                        Some(true)
                    } else if word.eq_ignore_ascii_case("false") {
                        Some(false)
                    } else {
                        None
                    }
                };
                let on = match &attached {
                    Some(value) => truth(value).ok_or_else(|| {
                        problem(format!("`{text}` is neither `true` nor `false`"))
                    })?,
                    None => words
                        .next_if(|next| truth(next).is_some())
                        .and_then(truth)
                        .unwrap_or(true),
                };
                if on {
                    ours.push(OsString::from(flag));
                }
            }
            Becomes::Nothing => {}
        }
    }
    let verb = verb
        .as_deref()
        .and_then(|verb| VERBS.iter().find(|known| **known == verb))
        .ok_or_else(|| {
            let message = match &verb {
                Some(verb) => format!("no older tool has the command `{verb}`"),
                None => "the older command line names no command".to_owned(),
            };
            Box::new(
                problem(message)
                    .help("the commands are `check` and `migrate`, or `--command advisor` and `--command migrate`"),
            )
        })?;
    ours.insert(0, OsString::from(*verb));
    let ours = Ours {
        verb,
        tool,
        arguments: ours,
    };
    misplaced(&ours)?;
    Ok(ours)
}

/// Flags that mean nothing for a command, where saying so helps more than the parser's own words.
fn misplaced(ours: &Ours) -> Result<(), Box<Diagnostic>> {
    if ours.verb != "migrate" && ours.has(DRY_RUN) {
        return Err(Box::new(
            problem(format!("`{}` has no dry run: it never writes", ours.verb))
                .help("leave the flag out, or give `migrate` in place of the command"),
        ));
    }
    let of_mas = ["--config", MAPPING];
    if ours.verb == "advisor" && of_mas.iter().any(|flag| ours.has(flag)) {
        return Err(Box::new(
            problem("`advisor` looks at Synapse alone, and takes nothing of MAS").help(
                "leave these flags out; `mapwright check` looks at both sides and takes `--config`",
            ),
        ));
    }
    Ok(())
}

fn set_verb(verb: &mut Option<String>, word: &str) -> Result<(), Box<Diagnostic>> {
    match verb {
        None => *verb = Some(word.to_owned()),
        Some(known) if known == word => {}
        Some(known) => {
            return Err(Box::new(problem(format!(
                "`{word}` stands behind the command `{known}` and belongs to no flag"
            ))));
        }
    }
    Ok(())
}

/// Our long flags with their aliases, and whether each takes a value.
fn own_flags() -> BTreeMap<String, bool> {
    let mut root = Cli::command();
    root.build();
    let mut flags = BTreeMap::new();
    for command in root.get_subcommands() {
        if !VERBS.contains(&command.get_name()) {
            continue;
        }
        for argument in command.get_arguments() {
            let takes_value = argument.get_action().takes_values();
            let names = argument.get_long_and_visible_aliases().unwrap_or_default();
            for name in names {
                flags.insert(format!("--{name}"), takes_value);
            }
        }
    }
    flags
}

fn problem(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::E0615, message)
}

fn unknown_flag(name: &str, own: &BTreeMap<String, bool>) -> Box<Diagnostic> {
    let problem = problem(format!("no older tool has a flag `{name}`"));
    let older = FLAGS.iter().map(|flag| flag.name);
    let known = older.chain(own.keys().map(String::as_str));
    let help = match suggest::nearest(name, known) {
        None => "`mapwright syn2mas --help` shows both command lines, `mapwright migrate --help` all flags of this program".to_owned(),
        Some(near) => match FLAGS.iter().find(|flag| flag.name == near).map(|flag| flag.becomes.flag()) {
            Some(Some(ours)) if ours != near => {
                format!("did you mean `{near}`? this program's own flag is `{ours}`")
            }
            _ => format!("did you mean `{near}`?"),
        },
    };
    Box::new(problem.help(help))
}

#[cfg(test)]
mod tests;

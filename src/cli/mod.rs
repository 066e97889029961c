//! The command line: arguments in, exit status out.
//!
//! Everything that people see goes through [`printer`]; every way to end through [`exit`].

use std::borrow::Cow;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

pub mod args;
pub mod commands;
pub mod exit;
pub mod failure;
pub mod finding_pages;
pub mod mapping;
pub mod older;
pub mod operator;
pub mod output_file;
mod parameter;
pub mod population;
pub mod printer;
mod replaced_file;
#[cfg(test)]
mod scratch;
mod terminal;
pub mod uri;
pub mod version;

use tokio::signal::unix::{SignalKind, signal};

use args::{Cli, Command, Global};
use exit::ExitStatus;
use failure::Failure;
use older::NotUnderstood;
use printer::Printer;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return no_command(&error).into(),
    };
    let (cli, notes) = match older::understood(cli) {
        Ok(understood) => understood,
        Err(NotUnderstood::Usage(error)) => return no_command(&error).into(),
        Err(NotUnderstood::Older(global, diagnostic)) => {
            let failure = Failure::one(ExitStatus::Usage, *diagnostic);
            return end(&failure, &printer(&global)).into();
        }
    };
    let global = &cli.global;
    let printer = printer(global);
    for note in notes {
        printer.say(&note);
    }
    log(global.verbose, printer.colours());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(async {
            survive_file_limits();
            dispatch(&cli.command, &printer).await
        }),
        Err(error) => {
            printer.always(&format!("error: no threads can be started: {error}"));
            return ExitStatus::Unexpected.into();
        }
    };
    match outcome {
        // Rows that were committed are there, whatever became of the words about them.
        Ok(ExitStatus::Done | ExitStatus::Warnings)
            if printer.lost_data() && !matches!(cli.command, Command::Migrate(_)) =>
        {
            ExitStatus::Usage.into()
        }
        Ok(status) => status.into(),
        Err(failure) => end(&failure, &printer).into(),
    }
}

/// The end where arguments are no command, or ask for help.
fn no_command(error: &clap::Error) -> ExitStatus {
    if !error.use_stderr() {
        // Nobody is left to tell if this fails.
        let _printed = error.print();
        return ExitStatus::Done;
    }
    let text = error.render().to_string();
    let _printed = match uri::masked(&text) {
        Cow::Borrowed(_) => error.print(),
        // A connection string where none belongs: what holds a password is not repeated.
        Cow::Owned(masked) => std::io::stderr().write_all(masked.as_bytes()),
    };
    ExitStatus::Usage
}

/// The signal for a file that has grown beyond what the process may write, on Linux and macOS.
const SIGXFSZ: i32 = 25;

/// Lets a write beyond the limit of files fail: it is told, and does not end the process, which may have
/// committed a moment before.
fn survive_file_limits() {
    // Once somebody has listened, the signal ends the process no more. Without it, the limit does.
    drop(signal(SignalKind::from_raw(SIGXFSZ)));
}

fn printer(global: &Global) -> Printer {
    Printer::new(global.format, global.color, global.quiet, global.max_errors)
}

async fn dispatch(command: &Command, printer: &Printer) -> Result<ExitStatus, Failure> {
    match command {
        Command::Check(args) => Box::pin(commands::check::run(args, printer)).await,
        Command::Config(command) => commands::config::run(command, printer),
        Command::Migrate(args) => Box::pin(commands::migrate::run(args, printer)).await,
        Command::Verify(args) if args.live => {
            Box::pin(commands::verify_live::run(args, printer)).await
        }
        Command::Verify(args) => Box::pin(commands::verify::run(args, printer)).await,
        Command::Undo(args) => Box::pin(commands::undo::run(args, printer)).await,
        Command::Account(args) => Box::pin(commands::account::run(args, printer)).await,
        Command::VerifyPassword(args) => {
            Box::pin(commands::verify_password::run(args, printer)).await
        }
        Command::Advisor(args) => Box::pin(commands::advisor::run(args, printer)).await,
        // Became another command before anything was begun.
        Command::Syn2mas(_) => Ok(ExitStatus::Usage),
        Command::Demo(args) => Box::pin(commands::demo::run(args, printer)).await,
        Command::Compile(args) => commands::compile::run(args, printer),
        Command::Plan(args) => commands::plan::run(args, printer),
        Command::Mapping { name } => {
            printer.data(name.text());
            Ok(ExitStatus::Done)
        }
        Command::Catalog(command) => commands::catalog::run(command, printer).await,
        Command::Explain { code } => commands::explain::run(code, printer),
        Command::Functions { name } => commands::functions::run(name.as_deref(), printer),
        Command::Completions { shell } => {
            printer.data(&commands::completions::script(*shell));
            Ok(ExitStatus::Done)
        }
        Command::Man { output } => commands::man::run(output.as_deref(), printer),
    }
}

/// Says why a command failed, and what became of the data.
fn end(failure: &Failure, printer: &Printer) -> ExitStatus {
    printer.diagnostics(&failure.files, &failure.diagnostics);
    match failure.status {
        ExitStatus::CouldNotStart | ExitStatus::Unexpected | ExitStatus::Findings => {
            printer.always("nothing was changed")
        }
        ExitStatus::OutcomeUnknown => {
            printer.always(
                "whether the target was changed is unknown: look at it before anything else",
            );
        }
        ExitStatus::Done
        | ExitStatus::MappingErrors
        | ExitStatus::Differs
        | ExitStatus::NotFound
        | ExitStatus::NotAccepted
        | ExitStatus::Usage
        | ExitStatus::Warnings
        | ExitStatus::Interrupted
        | ExitStatus::Terminated => {}
    }
    failure.status
}

fn log(verbose: u8, colours: bool) {
    let level = match verbose {
        0 => "off",
        1 => "mapwright=info",
        _ => "mapwright=debug",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .finish();
    // A second subscriber could only have been set by ourselves.
    let _set = tracing::subscriber::set_global_default(subscriber);
}

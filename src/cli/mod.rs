//! The command line: arguments in, exit status out.

use std::process::ExitCode;

pub mod commands;
pub mod population;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}

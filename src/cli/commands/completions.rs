//! `completions`: what completes commands and flags in a shell.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::args::Cli;

/// The script for a shell.
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "mapwright", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_knows_every_command() {
        let command = Cli::command();
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for known in command.get_subcommands() {
                let name = known.get_name();
                assert!(script.contains(name), "{shell} does not know `{name}`");
            }
            for flag in ["synapse-config", "dry-run", "accept-file"] {
                assert!(script.contains(flag), "{shell} does not know `--{flag}`");
            }
        }
    }
}

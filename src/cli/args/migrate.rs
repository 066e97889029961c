//! The flags of `migrate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::{FindingArgs, Proxy, RejectArgs, SideArgs};
use crate::cli::operator::waiting::parse_wait;
use crate::pg::source::AllowedSession;

/// `migrate`.
#[derive(Clone, Debug, Default, Args)]
pub struct MigrateArgs {
    /// Both sides.
    #[command(flatten)]
    pub sides: SideArgs,
    /// What becomes of warnings.
    #[command(flatten)]
    pub findings: FindingArgs,
    /// What becomes of rejected rows.
    #[command(flatten)]
    pub rejects: RejectArgs,
    /// Do everything, then roll it back; can run beside a live Synapse
    #[arg(long)]
    pub dry_run: bool,
    /// Wait so long for each lock that others hold, and for sessions that may write to Synapse's
    /// tables to end, such as 30s or 5m, instead of giving up at once
    #[arg(long, value_name = "DURATION", value_parser = parse_wait)]
    pub wait_lock: Option<Duration>,
    /// Go on without locks on Synapse's tables, where the role may not take them
    #[arg(long)]
    pub no_source_lock: bool,
    /// Go on beside sessions that may write to Synapse's tables, as application=NAME or user=NAME
    /// (repeatable): only those known not to write, for their rows would not come along
    #[arg(long, value_name = "WHO")]
    pub allow_source_session: Vec<AllowedSession>,
    /// Before COMMIT read the written rows back, and roll back if they are not what was written
    #[arg(long)]
    pub verify: bool,
    /// Tell what happens as JSON lines, in this file (mode 0600) or on stdout (-)
    #[arg(long, value_name = "FILE|-")]
    pub events: Option<PathBuf>,
    /// Write the report to this file, on failure too (not for status 2): a page if its name ends in
    /// .html, else JSON (repeatable)
    #[arg(long, value_name = "FILE")]
    pub report: Vec<PathBuf>,
    /// The reverse proxy that the next steps are written for; the report has all
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    pub proxy: Proxy,
}

//! The flags by which `check` prints what has to be granted.

use clap::{Args, ValueEnum};

/// What has to be granted to whom.
#[derive(Clone, Debug, Default, Args)]
pub struct GrantArgs {
    /// Only print, as SQL on stdout, what has to be granted to each side's role: of `source`,
    /// `target` or both; rows are not looked at
    #[arg(
        long,
        value_enum,
        value_name = "SIDE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "both"
    )]
    pub grants: Option<GrantSide>,
    /// With --grants: the source's role, which need not exist yet; else the one connected as
    #[arg(long, value_name = "NAME", requires = "grants")]
    pub source_role: Option<String>,
    /// With --grants: the target's role; else the one connected as
    #[arg(long, value_name = "NAME", requires = "grants")]
    pub target_role: Option<String>,
}

/// Whose grants are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GrantSide {
    /// Of the database that is read
    Source,
    /// Of the database that is written
    Target,
    /// Of both
    Both,
}

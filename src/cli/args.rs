//! The command line: every command and flag, in one place.

mod grants;
mod migrate;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
pub use grants::{GrantArgs, GrantSide};
pub use migrate::MigrateArgs;

use super::mapping::Bundled;
use super::operator::reject_limit::RejectLimit;
use super::operator::waiting::parse_wait;

/// mapwright moves rows from one database to another, as a mapping says, in one transaction that is
/// committed whole or rolled back whole.
///
/// It ships with the mapping that moves a Matrix homeserver's accounts from Synapse to the Matrix
/// Authentication Service (MAS), so that nobody has to log in again. The usual way:
/// `mapwright config generate`, `mapwright check`, `mapwright migrate --dry-run`,
/// `mapwright migrate`, `mapwright verify`.
#[derive(Debug, Parser)]
#[command(
    name = "mapwright",
    version,
    long_version = super::version::long(),
    about,
    long_about,
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Exit status: 0 done · 1 the mapping has errors, verify found differences, no such account, a password not accepted · 2 usage or settings · 3 could not start · \
4 unexpected database failure · 5 outcome of COMMIT unknown · 10 findings of severity error · \
11 warnings only (check) · 130, 143 interrupted. Unless it is 0 or 5, nothing was changed."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags that every command has.
    #[command(flatten, next_help_heading = "Options of every command")]
    pub global: Global,
}

/// Flags that every command has.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Form of reports and diagnostics
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORM")]
    pub format: OutputFormat,
    /// When to use colours (also: NO_COLOR, CLICOLOR_FORCE)
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: ColourChoice,
    /// Print errors and the verdict alone
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Log what is done (-v) and every detail (-vv); RUST_LOG decides more finely
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Show at most so many errors of a mapping
    #[arg(long, global = true, value_name = "N", default_value_t = super::printer::MAX_ERRORS)]
    pub max_errors: usize,
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people
    #[default]
    Human,
    /// One line each
    Short,
    /// For programs: the report as JSON on stdout, diagnostics one object a line on stderr
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// Where stderr is a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// A reverse proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "their names say all, in the help as well")]
pub enum Proxy {
    #[default]
    Nginx,
    Caddy,
    Traefik,
    Apache,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Find out whether a migration would succeed, and what it would leave out
    ///
    /// Reads both configurations, looks at both databases, and rehearses: every row goes through
    /// the mapping, into nothing. Reads both databases, writes to neither, and can run beside a
    /// live Synapse.
    Check(CheckArgs),
    /// Make a configuration for MAS of Synapse's, or compare the two
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Move the accounts: everything, or nothing
    ///
    /// Stop Synapse and MAS first (not for --dry-run). Reads the source; writes the target in one
    /// transaction, which --dry-run rolls back at the very end.
    Migrate(MigrateArgs),
    /// Prove that MAS's tables hold what the mapping makes, row by row
    ///
    /// After `migrate`, before MAS is started. Every row of the source goes through the mapping
    /// again, and what comes out is compared with what is in the target, in both directions. Reads
    /// both databases, writes to neither. Exit status 1 where they differ.
    Verify(VerifyArgs),
    /// Take back what a migration wrote, while MAS has not been started
    ///
    /// Empties the tables of the run in one transaction, if they hold exactly what it wrote and
    /// nothing hangs on it; Synapse's database is not touched. With --force even if not: what is
    /// lost with it is listed.
    Undo(UndoArgs),
    /// Show one account: what Synapse holds of it, and what becomes of that in MAS
    ///
    /// Its rows go through the mapping as in a migration: each is told with what it becomes, or why
    /// it is left out, and which rows MAS holds already. Values that are secret are never shown.
    /// With --token-stdin: what becomes of a token, which is read from stdin and shown nowhere.
    ///
    /// Reads both databases, writes to neither, and can run beside a live Synapse.
    #[command(after_help = "Examples:
  mapwright account @ada:example.com --synapse-config homeserver.yaml
  mapwright account --token-stdin --synapse-config homeserver.yaml < token.txt

Exit status: 0 told · 1 no such account, or a token that neither database knows ·
10 rows of the account are rejected, so that a migration would not begin unless --max-rejects
leaves them out.")]
    Account(AccountArgs),
    /// Try whether a password will be accepted after the migration
    ///
    /// Asks for the password on the terminal, without showing it, or reads a line from stdin. Says
    /// whether Synapse accepts it, whether MAS will under its `passwords.schemes`, and if not, why:
    /// another pepper, no normalisation, the 72 bytes of bcrypt, no hash, a foreign one.
    ///
    /// Reads both databases, writes to neither, and can run beside a live Synapse.
    #[command(
        after_help = "Exit status: 0 accepted · 1 not accepted, or no such account · 10 cannot be told."
    )]
    VerifyPassword(VerifyPasswordArgs),
    /// Say what a migration will meet, in WARN and ERROR lines
    ///
    /// What the advisor of the older tool told, counted on the rows as the mapping takes them:
    /// administrators, guests, accounts without an e-mail address, passwords, tokens, third-party
    /// IDs, providers. Needs nothing of MAS. Reads Synapse's database, writes to none. Exit status
    /// 10 with an ERROR line, 11 with WARN lines alone.
    Advisor(AdvisorArgs),
    /// Take the command line of an older tool, and do what it means here
    ///
    /// Both are understood word by word: that of `mas-cli syn2mas` and that of the npm package.
    /// Flags of this program go through. Where a word meant something else there, a line on stderr
    /// says so; exit statuses are those of this program.
    #[command(after_help = "Examples:
  mapwright syn2mas check --config mas.yaml --synapse-config homeserver.yaml
  mapwright syn2mas migrate --config mas.yaml --synapse-config homeserver.yaml \\
      --dry-run
  mapwright syn2mas --command=advisor --synapseConfigFile=homeserver.yaml
  mapwright syn2mas --command migrate --synapseConfigFile homeserver.yaml \\
      --masConfigFile mas.yaml --dryRun")]
    Syn2mas(Syn2masArgs),
    /// See a whole migration on a throwaway PostgreSQL
    ///
    /// Starts a PostgreSQL of its own in a temporary directory, makes a Synapse-shaped and a
    /// MAS-shaped database, fills the first with made-up accounts of every kind, and runs check,
    /// migrate --dry-run and migrate on them. Touches no other database and removes everything.
    Demo(DemoArgs),
    /// Compile a mapping and say what is wrong with it
    ///
    /// Touches no database.
    Compile(MappingArgs),
    /// Show what a mapping does, step by step
    ///
    /// Touches no database.
    Plan(MappingArgs),
    /// Print a bundled mapping, to read it or to make one's own of it
    ///
    /// Touches no database.
    Mapping {
        /// Which one
        #[arg(value_enum, default_value_t = Bundled::SynapseToMas)]
        name: Bundled,
    },
    /// Catalogs: the tables of one side as data
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Explain an error code, such as E0203, or a finding, such as orphan
    ///
    /// Touches no database.
    Explain {
        /// The code, or the finding's id
        code: String,
    },
    /// List the functions of the language
    ///
    /// Touches no database.
    Functions {
        /// Only this one, with its examples
        name: Option<String>,
    },
    /// Print what completes the commands and flags in a shell
    ///
    /// Touches no database.
    #[command(after_help = "Examples:
  mapwright completions bash > /usr/share/bash-completion/completions/mapwright
  mapwright completions zsh > ~/.zfunc/_mapwright
  mapwright completions fish > ~/.config/fish/completions/mapwright.fish")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one for each command
    ///
    /// Touches no database.
    Man {
        /// Write all pages to this directory, which is made where it is missing; else mapwright(1)
        /// goes to stdout
        #[arg(long, short, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

/// Which mapping, with which parameters.
#[derive(Clone, Debug, Default, Args)]
pub struct MappingArgs {
    /// The mapping; the bundled Synapse → MAS mapping unless given
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Compile against this catalog file too (repeatable); it comes before the shipped one of its name
    #[arg(long = "catalog", value_name = "FILE")]
    pub catalogs: Vec<PathBuf>,
}

/// Which two sides, and how they are reached.
#[derive(Clone, Debug, Default, Args)]
pub struct SideArgs {
    /// Synapse's configuration: a file or a directory of *.yaml (repeatable; later ones win); needed
    /// for the bundled mapping
    #[arg(long, value_name = "FILE")]
    pub synapse_config: Vec<PathBuf>,
    /// MAS's configuration (repeatable); else $MAS_CONFIG, else config.yaml
    #[arg(long, visible_alias = "mas-config", value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// The database that is read; of Synapse, in place of what its configuration says
    #[arg(
        long,
        visible_alias = "synapse-database-uri",
        value_name = "URI",
        env = "MAPWRIGHT_SOURCE_DATABASE_URI",
        hide_env_values = true
    )]
    pub source_database_uri: Option<String>,
    /// The database that is written; of MAS, in place of what its configuration says
    #[arg(
        long,
        visible_alias = "mas-database-uri",
        value_name = "URI",
        env = "MAPWRIGHT_TARGET_DATABASE_URI",
        hide_env_values = true
    )]
    pub target_database_uri: Option<String>,
    /// PostgreSQL schema of the source's tables
    #[arg(
        long,
        visible_alias = "synapse-schema",
        value_name = "NAME",
        default_value = "public"
    )]
    pub source_schema: String,
    /// PostgreSQL schema of the target's tables
    #[arg(
        long,
        visible_alias = "mas-schema",
        value_name = "NAME",
        default_value = "public"
    )]
    pub target_schema: String,
    /// Which MAS provider stands for a Synapse provider (repeatable); else synapse_idp_id of MAS's
    /// configuration
    #[arg(long, value_name = "SYNAPSE_ID:ULID")]
    pub upstream_provider_mapping: Vec<String>,
    /// Leave out links whose provider MAS does not know, and count them
    #[arg(long)]
    pub ignore_missing_auth_providers: bool,
    /// Another mapping in place of the bundled one
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Compile against this catalog file too (repeatable)
    #[arg(long = "catalog", value_name = "FILE")]
    pub catalogs: Vec<PathBuf>,
    /// Set a parameter (repeatable); `mapwright plan` lists them
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// The moment of the migration, so that two runs give identical rows; now unless given
    #[arg(long, value_name = "RFC3339")]
    pub migrated_at: Option<String>,
    /// The most memory that the rows of one partition key (one account) may take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub max_partition_memory: usize,
}

impl SideArgs {
    /// The files that are read.
    pub fn inputs(&self) -> Vec<&Path> {
        let lists = [&self.synapse_config, &self.config, &self.catalogs];
        let listed = lists.into_iter().flatten();
        listed.chain(&self.mapping).map(PathBuf::as_path).collect()
    }
}

/// What becomes of rejected rows.
#[derive(Clone, Debug, Default, Args)]
pub struct RejectArgs {
    /// List every rejected row in this file, as JSON lines (mode 0600)
    #[arg(long, value_name = "FILE")]
    pub rejects: Option<PathBuf>,
    /// Leave out up to N rejected rows, or N% of the rows read, instead of changing nothing; needs
    /// --rejects, which lists them
    #[arg(long, value_name = "N|N%", requires = "rejects")]
    pub max_rejects: Option<RejectLimit>,
}

/// What becomes of warnings.
#[derive(Clone, Debug, Default, Args)]
pub struct FindingArgs {
    /// Accept a warning, while it concerns no more than N (repeatable)
    #[arg(long, value_name = "ID[=N]")]
    pub accept: Vec<String>,
    /// Accept the warnings listed in this file: YAML, or a line each with id, count, note
    /// (repeatable)
    #[arg(long, value_name = "FILE")]
    pub accept_file: Vec<PathBuf>,
    /// Take warnings that are not accepted for errors
    #[arg(long)]
    pub deny_warnings: bool,
}

/// `check`.
#[derive(Clone, Debug, Default, Args)]
pub struct CheckArgs {
    /// Both sides.
    #[command(flatten)]
    pub sides: SideArgs,
    /// What becomes of warnings.
    #[command(flatten)]
    pub findings: FindingArgs,
    /// What becomes of rejected rows.
    #[command(flatten)]
    pub rejects: RejectArgs,
    /// Write the warnings to FILE for --accept-file; its notes are kept
    #[arg(long, value_name = "FILE")]
    pub write_accept_file: Option<PathBuf>,
    /// List the accounts that nobody will be able to sign in to, as CSV (mode 0600)
    #[arg(long, value_name = "FILE")]
    pub lockout_csv: Option<PathBuf>,
    /// Only explain a finding: what it means, whom it concerns, what to do; all else is ignored
    #[arg(long, value_name = "ID")]
    pub explain_finding: Option<String>,
    /// What has to be granted.
    #[command(flatten)]
    pub grants: GrantArgs,
    /// Tell what happens as JSON lines, in this file (mode 0600) or on stdout (-)
    #[arg(long, value_name = "FILE|-")]
    pub events: Option<PathBuf>,
    /// Write the report to this file, on failure too (not for status 2): a page if its name ends in
    /// .html, else JSON (repeatable)
    #[arg(long, value_name = "FILE")]
    pub report: Vec<PathBuf>,
}

/// `config …`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Make a configuration for MAS of Synapse's
    ///
    /// Carries over all that has a counterpart in MAS, each value with a comment that says where it
    /// comes from, and warns of what has none. Secrets and signing keys are made afresh. What
    /// Synapse's configuration cannot tell is marked FILL IN: MAS's database, its address, its
    /// e-mail relay.
    ///
    /// Reads Synapse's configuration and the files it names. Touches no database.
    #[command(after_help = "Examples:
  mapwright config generate --synapse-config homeserver.yaml --output mas.yaml
  mapwright config generate --synapse-config homeserver.yaml --synapse-config conf.d | less")]
    Generate(ConfigGenerateArgs),
    /// Say in what MAS's configuration differs in meaning from Synapse's
    ///
    /// Compares what MAS is told with what `config generate` would tell it: passwords, registration,
    /// CAPTCHA, and each provider with its scopes, claims and log-out. Only what a change of a
    /// configuration can mend is listed. Secrets are compared and not shown.
    ///
    /// Reads both configurations and the files they name. Touches no database.
    #[command(
        after_help = "Exit status: 0 the same · 10 what `check` calls errors, too · 11 differences."
    )]
    Lint(ConfigLintArgs),
}

/// `config generate`.
#[derive(Clone, Debug, Args)]
pub struct ConfigGenerateArgs {
    /// Synapse's configuration: a file or a directory of *.yaml (repeatable; later ones win)
    #[arg(long, value_name = "FILE", required = true)]
    pub synapse_config: Vec<PathBuf>,
    /// Write to this file, which only its owner can read; to stdout unless given
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "output")]
    pub force: bool,
}

/// `config lint`.
#[derive(Clone, Debug, Args)]
pub struct ConfigLintArgs {
    /// Synapse's configuration: a file or a directory of *.yaml (repeatable; later ones win)
    #[arg(long, value_name = "FILE", required = true)]
    pub synapse_config: Vec<PathBuf>,
    /// MAS's configuration (repeatable); else $MAS_CONFIG, else config.yaml
    #[arg(long, visible_alias = "mas-config", value_name = "FILE")]
    pub config: Vec<PathBuf>,
}

/// `verify`.
#[derive(Clone, Debug, Args)]
#[command(mut_arg("migrated_at", |arg| {
    arg.help("The moment of the migration, in place of --report")
}))]
#[command(mut_arg("accept", |arg| arg.requires("live")))]
#[command(mut_arg("accept_file", |arg| arg.requires("live")))]
#[command(mut_arg("deny_warnings", |arg| arg.hide(true)))]
#[command(group(ArgGroup::new("moment").args(["report", "migrated_at"]).required(true)))]
pub struct VerifyArgs {
    /// Both sides.
    #[command(flatten)]
    pub sides: SideArgs,
    /// The report that `migrate --report` wrote: knows the moment of the migration (this or
    /// --migrated-at must be given)
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// How many rejected rows the migration may have left out; --report knows it
    #[arg(long, value_name = "N|N%", conflicts_with = "report")]
    pub max_rejects: Option<RejectLimit>,
    /// MAS is in use: compare what must be the same in both databases all the same (accounts,
    /// passwords, links, devices), and say what use has changed
    #[arg(long, conflicts_with_all = ["mapping", "catalogs", "set", "max_rejects"])]
    pub live: bool,
    /// With --live: how long both services get to agree before a difference counts, such as 5s, 1min
    #[arg(long, value_name = "DURATION", value_parser = parse_wait, default_value = "5s", requires = "live")]
    pub settle: Duration,
    /// What becomes of warnings.
    #[command(flatten)]
    pub findings: FindingArgs,
}

/// `undo`.
#[derive(Clone, Debug, Args)]
#[command(mut_arg("migrated_at", |arg| arg.hide(true)))]
pub struct UndoArgs {
    /// Both sides.
    #[command(flatten)]
    pub sides: SideArgs,
    /// The report that `migrate --report` wrote: knows what was written
    #[arg(long, value_name = "FILE")]
    pub report: PathBuf,
    /// Even if rows were changed since or others hang on them: all of them go, and are listed
    #[arg(long)]
    pub force: bool,
    /// Remove everything, say what went, then roll it back
    #[arg(long)]
    pub dry_run: bool,
}

/// `account`.
#[derive(Clone, Debug, Args)]
pub struct AccountArgs {
    /// The account: a user ID (@ada:example.com), or its part before the `:` alone
    #[arg(value_name = "ACCOUNT", required_unless_present = "token_stdin")]
    pub account: Option<String>,
    /// Read an access or refresh token from stdin and tell what becomes of it; without ACCOUNT, show
    /// the account that it belongs to
    #[arg(long)]
    pub token_stdin: bool,
    /// Show e-mail addresses, external IDs, IP addresses and user agents too; tokens and hashes never
    #[arg(long)]
    pub show_values: bool,
    /// The report that `migrate --report` wrote: knows the moment of the migration
    #[arg(long, value_name = "FILE", conflicts_with = "migrated_at")]
    pub report: Option<PathBuf>,
    /// Both sides.
    #[command(flatten)]
    pub sides: SideArgs,
}

/// `verify-password`.
#[derive(Clone, Debug, Args)]
pub struct VerifyPasswordArgs {
    /// The account: a user ID (@ada:example.com), or its part before the `:` alone
    #[arg(value_name = "ACCOUNT")]
    pub account: String,
    /// Whose hash is tried: Synapse's, as it is migrated, or the one that MAS holds
    #[arg(long, value_enum, default_value_t, value_name = "SIDE")]
    pub side: PasswordSide,
    /// Read the password from stdin without asking for it, as it is done where stdin is no terminal
    #[arg(long)]
    pub password_stdin: bool,
    /// Both sides.
    #[command(flatten)]
    pub sides: SideArgs,
}

/// Whose password hash is tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PasswordSide {
    /// The one in Synapse's database
    #[default]
    Synapse,
    /// The one in MAS's database
    Mas,
}

/// `advisor`.
#[derive(Clone, Debug, Args)]
pub struct AdvisorArgs {
    /// Synapse's configuration: a file or a directory of *.yaml (repeatable; later ones win)
    #[arg(long, value_name = "FILE", required = true)]
    pub synapse_config: Vec<PathBuf>,
    /// Synapse's database, in place of what its configuration says
    #[arg(
        long,
        visible_alias = "synapse-database-uri",
        value_name = "URI",
        env = "MAPWRIGHT_SOURCE_DATABASE_URI",
        hide_env_values = true
    )]
    pub source_database_uri: Option<String>,
    /// PostgreSQL schema of Synapse's tables
    #[arg(
        long,
        visible_alias = "synapse-schema",
        value_name = "NAME",
        default_value = "public"
    )]
    pub source_schema: String,
    /// The most memory that the rows of one account may take, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 512)]
    pub max_partition_memory: usize,
}

/// `syn2mas`.
#[derive(Clone, Debug, Args)]
pub struct Syn2masArgs {
    /// The older tool's command line, without the tool's name
    #[arg(
        value_name = "ARGUMENT",
        trailing_var_arg = true,
        allow_hyphen_values = true,
        required = true
    )]
    pub arguments: Vec<OsString>,
}

/// `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// How many made-up accounts
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(50..))]
    pub users: u64,
    /// Directory of PostgreSQL's server programs; else the usual places
    #[arg(long, value_name = "DIR")]
    pub pg_bindir: Option<PathBuf>,
    /// Leave the databases running, and say how to reach and remove them
    #[arg(long)]
    pub keep: bool,
    /// Add rows that make a migration impossible, to see how it is refused
    #[arg(long)]
    pub with_blocking_errors: bool,
}

/// `catalog …`.
#[derive(Debug, Subcommand)]
pub enum CatalogCommand {
    /// List the catalogs that are shipped
    List,
    /// Print a shipped catalog, or one table of it, as YAML
    Show {
        /// The catalog
        name: String,
        /// Only this table
        table: Option<String>,
    },
    /// Print the DDL that makes the tables of a catalog
    Ddl {
        /// A shipped catalog's name, or a catalog file
        name: String,
        /// PostgreSQL schema to make them in
        #[arg(long, value_name = "NAME")]
        schema: Option<String>,
    },
    /// Read the catalog of a live database, as YAML (reads only)
    Dump {
        /// The database
        #[arg(
            long,
            value_name = "URI",
            env = "MAPWRIGHT_DATABASE_URI",
            hide_env_values = true
        )]
        database_uri: String,
        /// The name the catalog gets
        #[arg(long, value_name = "NAME")]
        name: String,
        /// PostgreSQL schema of the tables
        #[arg(long, value_name = "NAME", default_value = "public")]
        schema: String,
        /// Only these tables (repeatable)
        #[arg(long = "table", value_name = "NAME")]
        tables: Vec<String>,
    },
    /// Compare a live database with what a mapping needs of it (reads only)
    Diff {
        /// The database
        #[arg(
            long,
            value_name = "URI",
            env = "MAPWRIGHT_DATABASE_URI",
            hide_env_values = true
        )]
        database_uri: String,
        /// The catalog it should be like: the source or the target of the mapping
        name: String,
        /// PostgreSQL schema of the tables
        #[arg(long, value_name = "NAME", default_value = "public")]
        schema: String,
        /// Another mapping in place of the bundled one
        #[arg(long, value_name = "FILE")]
        mapping: Option<PathBuf>,
        /// Compile against this catalog file too (repeatable)
        #[arg(long = "catalog", value_name = "FILE")]
        catalogs: Vec<PathBuf>,
        /// Show every difference from the catalog, not only what the mapping needs
        #[arg(long)]
        all: bool,
    },
}

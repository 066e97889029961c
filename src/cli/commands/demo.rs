//! `demo`: a whole migration on a PostgreSQL of its own, before the reader's eyes.

use std::path::{Path, PathBuf};

use crate::catalog::{ddl, snapshot};
use crate::cli::args::{
    CheckArgs, DemoArgs, FindingArgs, GrantArgs, MigrateArgs, Proxy, RejectArgs, SideArgs,
};
use crate::cli::exit::ExitStatus;
use crate::cli::failure::Failure;
use crate::cli::operator::interrupt::Interrupts;
use crate::cli::operator::table::{counted, thousands};
use crate::cli::population::{self, PopulationOptions};
use crate::cli::printer::{Printer, Style};
use crate::diagnostics::{Diagnostic, codes};
use crate::pg::throwaway::{Cluster, ClusterOptions, ServerBinaries};
use crate::pg::{Origin, Secret, Sourced, connect};

/// The server of the demo's accounts.
const SERVER_NAME: &str = "demo.example";
/// The report of the migration, in the directory of the configurations.
const REPORT: &str = "migrate.json";
/// The configurations, for commands that are given in that directory.
const SIDES: &str = "--synapse-config homeserver.yaml --config mas.yaml";
/// The provider IDs of the demo's MAS.
const PROVIDER_IDS: [&str; 3] = [
    "01JSHPZHAXC50QBKH67MH33TNF",
    "01JSHPZHAXC50QBKH67MH33TNG",
    "01JSHPZHAXC50QBKH67MH33TNH",
];

/// Makes the databases, fills the source, and runs check, migrate --dry-run and migrate.
///
/// # Errors
/// No PostgreSQL programs; a step that fails.
pub async fn run(args: &DemoArgs, printer: &Printer) -> Result<ExitStatus, Failure> {
    let step = |number: usize, text: &str| {
        printer.say(&printer.styled(Style::Bold, &format!("\n── {number}. {text} ")));
    };
    // From before there is anything to remove.
    let mut interrupts = Interrupts::listen();
    let binaries = ServerBinaries::find(args.pg_bindir.as_deref())?;
    step(1, &format!("a throwaway PostgreSQL {}", binaries.version()));
    let cluster =
        tokio::task::block_in_place(|| Cluster::start(&binaries, &ClusterOptions::default()))?;
    printer.say(&format!(
        "running in {}, reachable through a UNIX socket alone",
        cluster.socket_directory().display()
    ));
    let directory = configurations(&cluster)?;
    let outcome = tokio::select! {
        outcome = Box::pin(show(args, &cluster, directory.path(), printer, &step)) => outcome,
        status = interrupts.wait() => {
            printer.always("interrupted");
            Err(Failure::new(status, Vec::new()))
        }
    };
    let ended_early = interrupts.received().is_some();
    if args.keep && !ended_early {
        let source = cluster.uri("synapse");
        let target = cluster.uri("mas");
        let remove = cluster.keep()?;
        let directory = directory.keep();
        let has_report = directory.join(REPORT).exists();
        let files = directory.display().to_string();
        printer.always(&format!(
            "\nkept running:\n  source  {source}\n  target  {target}\n  files   {files}/\n\nto go on:\n{}\n\nremove it by: {remove}; rm -r {files}",
            to_go_on(&files, has_report)
        ));
    } else {
        printer.say("\nthe throwaway PostgreSQL and everything in it is removed");
    }
    outcome
}

async fn show(
    args: &DemoArgs,
    cluster: &Cluster,
    directory: &Path,
    printer: &Printer,
    step: &impl Fn(usize, &str),
) -> Result<ExitStatus, Failure> {
    make_databases(cluster).await?;
    step(
        2,
        &format!(
            "a source like Synapse's with {} made-up accounts of every kind",
            thousands(args.users)
        ),
    );
    let mut source = reach(cluster, "synapse").await?;
    let options = PopulationOptions {
        blocking_rows: args.with_blocking_errors,
    };
    let summary = population::fill(&mut source, args.users, SERVER_NAME, options).await?;
    for (table, rows) in &summary.tables {
        printer.say(&format!("  {:<22} {:>11}", table, thousands(*rows)));
    }
    let sides = sides(directory);
    step(3, "mapwright check: every row rehearsed, nothing written");
    let check = CheckArgs {
        findings: FindingArgs::default(),
        rejects: RejectArgs::default(),
        events: None,
        write_accept_file: None,
        lockout_csv: None,
        explain_finding: None,
        grants: GrantArgs::default(),
        report: Vec::new(),
        sides: sides.clone(),
    };
    let status = Box::pin(super::check::run(&check, printer)).await?;
    if status == ExitStatus::Findings {
        return Ok(status);
    }
    step(
        4,
        "mapwright migrate --dry-run: everything, then rolled back",
    );
    let mut migrate = MigrateArgs {
        findings: FindingArgs::default(),
        rejects: RejectArgs::default(),
        events: None,
        verify: false,
        report: Vec::new(),
        proxy: Proxy::default(),
        sides,
        dry_run: true,
        no_source_lock: false,
        allow_source_session: Vec::new(),
        wait_lock: None,
    };
    let status = Box::pin(super::migrate::run(&migrate, printer)).await?;
    if status != ExitStatus::Done {
        return Ok(status);
    }
    step(5, "mapwright migrate");
    migrate.dry_run = false;
    if args.keep {
        migrate.report.push(directory.join(REPORT));
    }
    let status = Box::pin(super::migrate::run(&migrate, printer)).await?;
    if status == ExitStatus::Done {
        step(6, "three accounts, before and after");
        accounts(cluster, printer).await?;
    }
    Ok(status)
}

/// What can be tried on the databases that are kept: after a migration that was committed, else before
/// one.
fn to_go_on(directory: &str, committed: bool) -> String {
    let report = format!("--report {REPORT}");
    let account = population::NAMED_ACCOUNTS
        .first()
        .map_or("", |account| account.localpart);
    let commands = if committed {
        vec![
            format!("verify {SIDES} {report}"),
            format!("account {account} {SIDES} {report}"),
            format!("undo {SIDES} {report}"),
            format!("check {SIDES}"),
        ]
    } else {
        vec![
            format!("check {SIDES}"),
            format!("account {account} {SIDES}"),
        ]
    };
    let commands: Vec<String> = commands
        .iter()
        .map(|command| format!("  mapwright {command}"))
        .collect();
    format!("  cd {directory}\n{}", commands.join("\n"))
}

/// Two databases with the tables of both catalogs, and what MAS's own tools would have put there.
async fn make_databases(cluster: &Cluster) -> Result<(), Failure> {
    let server = reach(cluster, "postgres").await?;
    for (database, catalog) in [("synapse", "synapse"), ("mas", "mas")] {
        let create = format!("CREATE DATABASE {database}");
        server
            .batch_execute(&create)
            .await
            .map_err(|error| unexpected(&error))?;
        let catalog = snapshot::shipped(catalog)
            .map_err(|problems| Failure::new(ExitStatus::Unexpected, problems.into_sorted()))?;
        let client = reach(cluster, database).await?;
        client
            .batch_execute(&ddl(&catalog, None))
            .await
            .map_err(|error| unexpected(&error))?;
    }
    let target = reach(cluster, "mas").await?;
    let mut rows = String::from(include_str!("../population/mas.sql"));
    for (name, id) in population::PROVIDERS.iter().zip(PROVIDER_IDS) {
        let uuid = crate::functions::parse_ulid(id)
            .map(|bytes| crate::functions::uuid_text(&bytes))
            .unwrap_or_default();
        rows.push_str(&format!(
            "INSERT INTO upstream_oauth_providers (upstream_oauth_provider_id, human_name, scope, client_id, token_endpoint_auth_method, created_at) VALUES ('{uuid}', '{name}', 'openid', 'demo', 'none', now());\n"
        ));
    }
    target
        .batch_execute(&rows)
        .await
        .map_err(|error| unexpected(&error))?;
    Ok(())
}

async fn reach(cluster: &Cluster, database: &str) -> Result<tokio_postgres::Client, Failure> {
    let environment = crate::config::Environment::system();
    let origin = Origin::Default("the demo's own".to_owned());
    let uri = Sourced::new(Secret::new(cluster.uri(database)), origin);
    let endpoint = crate::config::endpoint_of("demo", &uri, &environment)
        .map_err(|problems| Failure::new(ExitStatus::Unexpected, problems))?;
    Ok(connect(&endpoint).await?.client)
}

fn unexpected(error: &tokio_postgres::Error) -> Failure {
    let what = error
        .as_db_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned());
    Failure::one(
        ExitStatus::Unexpected,
        Diagnostic::error(codes::E0682, "the demo's databases cannot be made").note(what),
    )
}

/// A temporary directory that goes when it is dropped.
struct Directory(PathBuf);

impl Directory {
    fn path(&self) -> &Path {
        &self.0
    }

    /// Leaves the directory where it is.
    fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if self.0.as_os_str().is_empty() {
            return;
        }
        // The system clears its temporary directory if this fails.
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// The configuration files that an operator would have.
fn configurations(cluster: &Cluster) -> Result<Directory, Failure> {
    let failed = |error: std::io::Error| {
        let diagnostic = Diagnostic::error(
            codes::E0613,
            "the demo's configuration files cannot be written",
        )
        .note(error.to_string());
        Failure::one(ExitStatus::Unexpected, diagnostic)
    };
    let directory = std::env::temp_dir().join(format!("mapwright-demo-{}", std::process::id()));
    std::fs::create_dir_all(&directory).map_err(failed)?;
    let directory = Directory(directory);
    let socket = cluster.socket_directory().display().to_string();
    let port = crate::pg::throwaway::PORT;
    let user = crate::pg::throwaway::SUPERUSER;
    let homeserver = format!(
        "server_name: {SERVER_NAME}\npublic_baseurl: https://matrix.{SERVER_NAME}/\npassword_config:\n  pepper: {}\ndatabase:\n  name: psycopg2\n  args:\n    host: {socket}\n    port: {port}\n    user: {user}\n    dbname: synapse\n",
        population::PEPPER
    );
    let mut mas = format!(
        "http:\n  public_base: https://auth.{SERVER_NAME}/\n  listeners:\n  - resources: [{{name: discovery}}, {{name: oauth}}, {{name: compat}}]\n    binds: [{{address: \"[::]:8080\"}}]\nmatrix:\n  homeserver: {SERVER_NAME}\n  secret: made-up\ndatabase:\n  socket: {socket}\n  port: {port}\n  username: {user}\n  database: mas\npasswords:\n  schemes:\n  - {{version: 1, algorithm: bcrypt, secret: {}, unicode_normalization: true}}\n  - {{version: 2, algorithm: argon2id}}\nupstream_oauth2:\n  providers:\n",
        population::PEPPER
    );
    for (name, id) in population::PROVIDERS.iter().zip(PROVIDER_IDS) {
        mas.push_str(&format!(
            "  - {{id: {id}, synapse_idp_id: {name}, issuer: \"https://sso.example\", client_id: demo, scope: openid, token_endpoint_auth_method: none}}\n"
        ));
    }
    std::fs::write(directory.path().join("homeserver.yaml"), homeserver).map_err(failed)?;
    std::fs::write(directory.path().join("mas.yaml"), mas).map_err(failed)?;
    Ok(directory)
}

fn sides(directory: &Path) -> SideArgs {
    SideArgs {
        synapse_config: vec![directory.join("homeserver.yaml")],
        config: vec![directory.join("mas.yaml")],
        source_schema: "public".to_owned(),
        target_schema: "public".to_owned(),
        max_partition_memory: 512,
        ..SideArgs::default()
    }
}

/// What the source holds for three accounts, what the target holds now, and whether their passwords
/// still fit.
async fn accounts(cluster: &Cluster, printer: &Printer) -> Result<(), Failure> {
    let source = reach(cluster, "synapse").await?;
    let target = reach(cluster, "mas").await?;
    for account in &population::NAMED_ACCOUNTS {
        let mxid = format!("@{}:{SERVER_NAME}", account.localpart);
        let before = source
            .query_one(include_str!("../population/account_before.sql"), &[&mxid])
            .await
            .map_err(|error| unexpected(&error))?;
        let after = target
            .query_one(
                include_str!("../population/account_after.sql"),
                &[&account.localpart],
            )
            .await
            .map_err(|error| unexpected(&error))?;
        let counts = |row: &tokio_postgres::Row, first: &str| {
            let nouns = [first, "access token", "refresh token", "address", "link"];
            let counts = nouns.iter().enumerate().map(|(column, noun)| {
                counted(
                    row.try_get::<_, i64>(column).unwrap_or(0).unsigned_abs(),
                    noun,
                )
            });
            counts.collect::<Vec<_>>().join(", ")
        };
        printer.say(&format!(
            "  {mxid}\n    source: {}",
            counts(&before, "device")
        ));
        let hash: Option<String> = after.try_get(5).ok();
        let fits = hash.is_some_and(|hash| {
            bcrypt::verify(format!("{}{}", account.password, population::PEPPER), &hash)
                .unwrap_or(false)
        });
        printer.say(&format!(
            "    target: {};\n            password `{}` {}",
            counts(&after, "session"),
            account.password,
            if fits { "fits" } else { "does NOT fit" },
        ));
    }
    Ok(())
}

//! Which steps there are, and what each says.

use serde_json::json;

use crate::cli::args::Proxy;
use crate::cli::operator::Job;
use crate::config::{Cutover, SharedSecret};
use crate::pg::{Origin, Sourced};

use super::{Invocation, Removal, Shown, Snippet, Step};

/// The steps after a migration that was committed.
pub fn after_commit(job: &Job, invocation: &Invocation<'_>) -> Vec<Step> {
    let mut steps = vec![verify(job, invocation)];
    if let Some(settings) = &job.settings.products {
        let cutover = Cutover::of(settings);
        steps.push(synapse_config(&cutover));
        steps.push(proxy(&cutover));
        steps.push(
            Step::new("start", "Start MAS, then Synapse")
                .note("Synapse must not be started with its old configuration in between: whoever signs in or changes a password there is not in MAS.")
                .note("From now on MAS changes its tables. Going back afterwards costs what happens in it."),
        );
        steps.push(well_known(&cutover, &settings.server_name.value));
        steps.push(look(&cutover));
        steps.push(live(job, invocation));
    }
    steps.push(undo(job, invocation));
    steps
}

/// The steps after a rehearsal that found nothing in the way; `rehearsed` is whether that was a dry
/// run.
pub fn before(job: &Job, invocation: &Invocation<'_>, rehearsed: RehearsedBy) -> Vec<Step> {
    let shipped = job.settings.products.is_some();
    let mut steps = Vec::new();
    if rehearsed == RehearsedBy::Check {
        let title = if shipped {
            "Rehearse on MAS's own tables; Synapse may run, MAS may not"
        } else {
            "Rehearse on the target's own tables"
        };
        steps.push(
            Step::new("dry_run", title)
                .command(invocation.migrate(&["--dry-run"]))
                .note("It takes the path of the real run up to ROLLBACK, and shows how long that will take."),
        );
    }
    let stop = if shipped {
        Step::new(
            "stop",
            "For the real run, back up both databases and both configurations, then stop Synapse with all its workers, whatever else writes to its database, and MAS",
        )
        .note("While a session that may write is connected to Synapse's database, `migrate` does not begin, and names it; with `--wait-lock 5m` it waits for it to end.")
    } else {
        Step::new(
            "stop",
            "For the real run, back up both databases, then stop whatever writes to them",
        )
    };
    steps.push(stop);
    steps.push(
        Step::new("migrate", "Migrate, and keep the report: `undo` needs it")
            .command(invocation.migrate(&["--report", "migrate.json", "--report", "migrate.html"])),
    );
    steps
}

/// How the rows were rehearsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RehearsedBy {
    /// By `check`, in memory.
    Check,
    /// By a dry run, in the target's tables.
    DryRun,
}

fn verify(job: &Job, invocation: &Invocation<'_>) -> Step {
    let (title, change) = if job.settings.products.is_some() {
        ("Prove it, before MAS is started", "once MAS runs it")
    } else {
        ("Prove it, before the target is used", "whoever uses it")
    };
    let moment = job.migrated_at.to_string();
    let command = match invocation.report() {
        Some(report) => invocation.command("verify", &["--report", &report]),
        None => {
            let mut flags = vec!["--migrated-at", moment.as_str()];
            if let Some(limit) = &invocation.max_rejects {
                flags.extend(["--max-rejects", limit]);
            }
            invocation.command("verify", &flags)
        }
    };
    Step::new("verify", title).command(command).note(format!(
        "Every row is made anew and compared with what the target holds. Status 0: the same. It can only be done now: {change} changes the tables."
    ))
}

fn live(job: &Job, invocation: &Invocation<'_>) -> Step {
    let moment = job.migrated_at.to_string();
    let flags = match invocation.report() {
        Some(report) => ["--report".to_owned(), report],
        None => ["--migrated-at".to_owned(), moment],
    };
    Step::new("live", "In the days after, see that Synapse and MAS agree")
        .command(invocation.live(&flags))
        .note("While both are in use. Status 0: they agree, and what use has changed is told.")
}

fn undo(job: &Job, invocation: &Invocation<'_>) -> Step {
    let (title, then) = if job.settings.products.is_some() {
        (
            "To go back, while MAS has not been started",
            "Then start Synapse with its old configuration: its data was never changed.",
        )
    } else {
        (
            "To go back, while the target has not been used",
            "The source was never changed.",
        )
    };
    let step = Step::new("undo", title);
    match invocation.report() {
        Some(report) => step
            .command(invocation.command("undo", &["--report", &report]))
            .text(then),
        None => step
            .text("`mapwright undo` needs the report of the run, and none was asked for (`--report FILE.json`): put the backup of the target back, or make its database anew.")
            .text(then),
    }
}

fn synapse_config(cutover: &Cutover) -> Step {
    let mut step = match &cutover.switched_on {
        Some(origin) => Step::new(
            "synapse_config",
            "See that Synapse's configuration leads to MAS",
        )
        .text(format!(
            "It has {origin}. Its `secret` must be {}.",
            secret_words(&cutover.secret)
        )),
        None => {
            let mut step = Step::new("synapse_config", "Add this to Synapse's configuration");
            step.snippets.push(Snippet {
                name: "homeserver.yaml",
                text: section(cutover),
                shown: Shown::Always,
            });
            step
        }
    };
    step.remove = cutover.refused.iter().map(removal).collect();
    if cutover.switched_on.is_none() {
        step = step.note("Synapse knows this section from version 1.136 on.");
    }
    if let SharedSecret::Inline(_) = cutover.secret {
        step = step
            .note("The secret may stand in a file too: `secret_path` in place of `secret`, readable by Synapse's user.");
    }
    step.note("Keep the old configuration: going back needs it.")
}

/// The section that switches MAS on.
fn section(cutover: &Cutover) -> String {
    let endpoint = match &cutover.for_synapse {
        Some(url) => format!("  endpoint: {}\n", yaml(&format!("{}/", url.value))),
        None => "  # where Synapse reaches MAS: a listener with `discovery` and `oauth`\n  endpoint: \"FILL IN\"\n".to_owned(),
    };
    let secret = match &cutover.secret {
        SharedSecret::File(path) => format!(
            "  # the file that MAS reads, which Synapse's user must be able to read too\n  secret_path: {}\n",
            yaml(&path.value)
        ),
        other => format!("  # {}\n  secret: \"FILL IN\"\n", secret_words(other)),
    };
    format!("matrix_authentication_service:\n  enabled: true\n{endpoint}{secret}")
}

fn secret_words(secret: &SharedSecret) -> String {
    match secret {
        SharedSecret::Inline(origin) => format!("the value of {origin}"),
        SharedSecret::File(path) => format!("the content of the file named by {}", path.origin),
        SharedSecret::Missing => {
            "the value of `matrix.secret`, which MAS's configuration does not have yet".to_owned()
        }
    }
}

/// Text in double quotes, as YAML and JSON write it.
fn yaml(text: &str) -> String {
    json!(text).to_string()
}

fn removal(origin: &Origin) -> Removal {
    match origin {
        Origin::File { file, line, key } => Removal {
            key: key.clone(),
            place: format!("{file}:{line}"),
        },
        other => Removal {
            key: other.to_string(),
            place: String::new(),
        },
    }
}

fn proxy(cutover: &Cutover) -> Step {
    let mas = cutover.for_proxy.as_ref().map(|url| url.value.as_str());
    let host = cutover.synapse_host();
    let mut step = Step::new(
        "proxy",
        "Let the reverse proxy send the log-in endpoints to MAS",
    )
    .text("`/_matrix/client/*/login`, `…/logout` and `…/refresh`; all else to Synapse.");
    for proxy in Proxy::ALL {
        step.snippets.push(Snippet {
            name: proxy.name(),
            text: proxy.rule(mas, host),
            shown: Shown::For(proxy),
        });
        step = step.note(proxy.place());
    }
    step = match &cutover.for_proxy {
        Some(url) => step.note(format!(
            "{} is where MAS listens ({}). From another machine or container it has another name.",
            url.value, url.origin
        )),
        None => step.text("FILL-IN: where the proxy reaches the listener of MAS with `compat`."),
    };
    match &cutover.mas_address {
        Some(address) => step.note(format!(
            "{} ({}) is an address of its own, which leads to MAS as a whole.",
            address.value, address.origin
        )),
        None => step,
    }
}

fn well_known(cutover: &Cutover, server_name: &str) -> Step {
    let served = cutover.synapse_address.as_ref();
    let step = Step::new(
        "well_known",
        format!("See that `https://{server_name}/.well-known/matrix/client` names MAS"),
    );
    let mut step = match served {
        Some(address) => step.text(format!(
            "Synapse does so by itself ({}); a file in its place must, too.",
            address.origin
        )),
        None => {
            step.text("Synapse serves none without `public_baseurl`. Where something else does:")
        }
    };
    let or_fill_in = |address: Option<&Sourced<String>>, path: &str| {
        address.map_or_else(
            || "FILL IN".to_owned(),
            |address| format!("{}{path}", address.value),
        )
    };
    let mas = cutover.mas_address.as_ref();
    step.snippets.push(Snippet {
        name: ".well-known/matrix/client",
        text: format!(
            "{{\n  \"m.homeserver\": {{\"base_url\": {}}},\n  \"org.matrix.msc2965.authentication\": {{\n    \"issuer\": {},\n    \"account\": {}\n  }}\n}}\n",
            yaml(&or_fill_in(served, "")),
            yaml(&or_fill_in(cutover.issuer.as_ref(), "")),
            yaml(&or_fill_in(mas, "account/")),
        ),
        shown: if served.is_some() {
            Shown::InReports
        } else {
            Shown::Always
        },
    });
    let mut unknown = Vec::new();
    if served.is_none() {
        unknown.push("`base_url` is where clients reach Synapse");
    }
    if mas.is_none() {
        unknown.push("`issuer` and `account` begin with MAS's `http.public_base`; `account` goes on with `account/`");
    }
    if unknown.is_empty() {
        step
    } else {
        step.note(format!("To fill in: {}.", unknown.join("; ")))
    }
}

fn look(cutover: &Cutover) -> Step {
    let url = |address: &Option<Sourced<String>>, unknown: &str, path: &str| {
        let base = address
            .as_ref()
            .map_or(unknown, |address| address.value.as_str());
        format!("curl -sS {base}{path}")
    };
    let step = Step::new("look", "See that it works")
        .command(url(
            &cutover.synapse_address,
            "https://SYNAPSE/",
            "_matrix/client/v3/login",
        ))
        .text("MAS answers with `flows`; `M_UNRECOGNIZED` is Synapse's: the rule is missing.")
        .text("Sign in with a password and by single sign-on; see that old sessions go on.");
    let step = match &cutover.mas_address {
        Some(_) => step.note(format!(
            "MAS itself: `{}` answers with its `issuer`.",
            url(&cutover.mas_address, "", ".well-known/openid-configuration")
        )),
        None => step,
    };
    match &cutover.for_mas {
        Some(address) => step.note(format!(
            "MAS must reach Synapse at {} ({}).",
            address.value, address.origin
        )),
        None => step,
    }
}

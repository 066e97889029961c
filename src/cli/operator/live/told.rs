//! What a comparison of two databases in use found, for people and for programs.

use std::fmt::Write;

use serde::Serialize;

use crate::cli::operator::findings::wrap;
use crate::cli::operator::table::thousands;
use crate::diagnostics::{Finding, FindingSeverity};
use crate::run::RunReport;

use super::disagreement::counted;
use super::{Compared, Live};

/// How the names of reasons end that count what use has changed.
const SINCE: &str = "_since";
/// The reason of links that are not compared.
const NOT_MAPPED: &str = "provider_not_mapped";

/// The tables that people are shown, and of which column of which table the numbers of each side are. Of
/// devices MAS must have what are logins in Synapse, and Synapse must know what is in use in MAS.
const SHOWN: [(&str, &str, &str); 4] = [
    ("accounts", "accounts", "accounts"),
    ("passwords", "passwords", "passwords"),
    ("links", "links", "links"),
    ("devices", "devices", "known_devices"),
];

/// The comparison as a part of the report.
#[derive(Debug, Serialize)]
pub struct LiveReport {
    /// What was compared.
    pub compared: Vec<ComparedReport>,
    /// What use has changed since the migration.
    pub since: Vec<SinceReport>,
    /// Links in Synapse that were not compared, because MAS's configuration does not map their
    /// provider.
    pub links_not_compared: u64,
    /// What MAS has still to tell Synapse, by queue; asked only where something differs, null where the
    /// role may not ask.
    pub jobs: Option<Vec<JobsReport>>,
}

/// Rows of one kind.
#[derive(Debug, Serialize)]
pub struct ComparedReport {
    /// The kind.
    pub what: String,
    /// How many Synapse holds.
    pub synapse: u64,
    /// How many MAS holds.
    pub mas: u64,
    /// How many only Synapse holds.
    pub only_synapse: u64,
    /// How many only MAS holds.
    pub only_mas: u64,
    /// Whether there may be more differences than were counted.
    pub more: bool,
}

/// Something that use has changed.
#[derive(Debug, Serialize)]
pub struct SinceReport {
    /// The name of its reason in the mapping `accounts_in_mas`.
    pub id: String,
    /// What it is.
    pub meaning: String,
    /// How many.
    pub count: u64,
}

/// Jobs of MAS.
#[derive(Debug, Serialize)]
pub struct JobsReport {
    /// The queue.
    pub queue: String,
    /// How many.
    pub count: i64,
}

/// Puts the part of the report together.
pub fn report(live: &Live<'_>, compared: &Compared) -> LiveReport {
    let plan = &live.synapse.program.plan;
    let rows = |report: &RunReport, table: &str| {
        let number = plan.targets.iter().position(|target| target.table == table);
        number
            .and_then(|number| report.written.get(number).copied())
            .unwrap_or_default()
    };
    let count = |rows: &[Vec<Vec<u8>>]| u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let of_tables = SHOWN.iter().map(|(what, table, of_mas)| {
        let (alone, alone_in_mas) = (
            compared.disagreement.table(table),
            compared.disagreement.table(of_mas),
        );
        ComparedReport {
            what: (*what).to_owned(),
            synapse: rows(&compared.synapse, table),
            mas: rows(&compared.mas, table),
            only_synapse: count(&alone.synapse),
            only_mas: count(&alone_in_mas.mas),
            more: alone.more || alone_in_mas.more,
        }
    });
    let reasons = &live.mas.program.plan.reasons;
    let since = compared.mas.reasons.iter().filter_map(|counted| {
        let reason = reasons
            .iter()
            .find(|reason| reason.name == counted.reason && reason.name.ends_with(SINCE))?;
        Some(SinceReport {
            id: reason.name.clone(),
            meaning: reason.meaning.clone(),
            count: counted.rows,
        })
    });
    let not_mapped = (compared.synapse.reasons.iter()).find(|counted| counted.reason == NOT_MAPPED);
    LiveReport {
        compared: of_tables.collect(),
        since: since.collect(),
        links_not_compared: not_mapped.map_or(0, |counted| counted.rows),
        jobs: compared.jobs.as_ref().map(|jobs| {
            jobs.iter()
                .map(|(queue, count)| JobsReport {
                    queue: queue.clone(),
                    count: *count,
                })
                .collect()
        }),
    }
}

/// What must be the same and is not; and rows that could not be read.
pub fn findings(live: &Live<'_>, compared: &Compared, report: &LiveReport) -> Vec<Finding> {
    let mut found = compared.disagreement.findings(report.links_not_compared);
    for (half, report) in [
        (&live.synapse, &compared.synapse),
        (&live.mas, &compared.mas),
    ] {
        let errors = report.findings(&half.program).into_iter();
        found.extend(errors.filter(|finding| finding.severity == FindingSeverity::Error));
    }
    found
}

/// The finding that one side has nothing to compare, if it is so.
pub fn nothing_to_compare(report: &LiveReport) -> Option<Finding> {
    let accounts = (report.compared.iter()).find(|compared| compared.what == "accounts")?;
    counted(
        "no_accounts_to_compare",
        u64::from(accounts.synapse == 0 || accounts.mas == 0),
    )
}

/// The numbers for people: what both hold, and what use has changed since that moment.
pub fn render(report: &LiveReport, since: jiff::Timestamp) -> String {
    let since = since.round(jiff::Unit::Second).unwrap_or(since);
    let mut text = format!(
        "{:<34} {:>11} {:>11}\n",
        "what both databases hold", "in Synapse", "in MAS"
    );
    // Writing into a String cannot fail.
    for compared in &report.compared {
        let _ = writeln!(
            text,
            "  {:<32} {:>11} {:>11}",
            compared.what,
            thousands(compared.synapse),
            thousands(compared.mas)
        );
    }
    if report.since.is_empty() {
        let _ = writeln!(text, "\nuse has changed nothing since {since}");
    } else {
        let _ = writeln!(text, "\nwhat use has changed since {since}");
        for change in &report.since {
            let lines = wrap(&change.meaning, "             ");
            let count = thousands(change.count);
            let _ = writeln!(text, "{count:>11}  {}", lines.trim_start());
        }
    }
    let words = match &report.jobs {
        None => "whether MAS has still to tell Synapse something cannot be asked: the role may not read `queue_jobs`".to_owned(),
        Some(jobs) if jobs.is_empty() => return text,
        Some(jobs) => {
            let jobs: Vec<String> = (jobs.iter())
                .map(|jobs| format!("{} {}", jobs.count, jobs.queue))
                .collect();
            format!(
                "MAS has still to tell Synapse something, which may be why they differ: {}",
                jobs.join(", ")
            )
        }
    };
    let _ = write!(text, "\n{}\n", wrap(&words, ""));
    text
}

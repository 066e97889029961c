//! What a migration of a Synapse will meet, in lines of three levels: what the advisor of the older
//! tool told, from this program's own facts.
//!
//! The numbers are those of the rehearsal: rows as the mapping takes them, not rows as they lie in
//! Synapse's tables. Accounts of application services are in none of them.

use serde::Serialize;

use crate::base::{counted_as, one_line, times};
use crate::config::{PasswordLogin, ProviderLinks, SynapseConfig};
use crate::diagnostics::{Finding, FindingSeverity};
use crate::plan::Plan;
use crate::run::RunReport;

use super::forecast::Accounts;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// It stops a migration.
    Error,
    /// Something to do, or to know.
    Warn,
    /// What comes along.
    Info,
}

impl Level {
    /// The word at the head of a line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
        }
    }
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Advice {
    /// How much it matters.
    pub level: Level,
    /// What it is about; of a finding, its id.
    pub id: String,
    /// How many rows, accounts or settings it is about.
    pub count: u64,
    /// What was found, the number in it.
    pub text: String,
    /// What to do; empty where nothing is.
    pub remedy: String,
}

impl Advice {
    /// The line for people.
    pub fn line(&self) -> String {
        let mut line = format!("{:<5} {}", self.level.word(), self.text);
        if !self.remedy.is_empty() {
            line = format!("{line} → {}", self.remedy);
        }
        // Names of providers are what somebody wrote into a database.
        one_line(&line)
    }
}

/// The numbers of a rehearsal that lines are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The accounts in numbers.
    pub accounts: Accounts,
    /// Sessions that MAS will hold.
    pub sessions: u64,
    /// Of these: for an access token that belongs to no device.
    pub deviceless: u64,
    /// How many links name each provider.
    pub links: Vec<ProviderLinks>,
}

impl Numbers {
    /// The numbers of a rehearsal.
    pub fn of(plan: &Plan, run: &RunReport, accounts: Accounts, links: Vec<ProviderLinks>) -> Self {
        let target = plan
            .targets
            .iter()
            .position(|target| target.table == "compat_sessions");
        let sessions = target
            .and_then(|target| run.written.get(target))
            .copied()
            .unwrap_or(0);
        // That map makes a session of each device, and no other row.
        let of_devices = run
            .maps
            .iter()
            .find(|map| map.map == "sessions")
            .map_or(0, |map| map.written);
        Self {
            accounts,
            sessions,
            deviceless: sessions.saturating_sub(of_devices),
            links,
        }
    }
}

/// Findings about rows that a line of their own tells with its number already.
const TOLD: [&str; 3] = ["guest", "phone_number_kept_apart", "missing_provider"];

/// What Synapse calls the provider of accounts that it has left to MAS before.
const DELEGATED: &str = "oauth-delegated";

/// All lines, the gravest first; `findings` are those of the configuration, the database and the rows.
/// `numbers` is `None` where the rows could not be read.
pub fn advice(
    synapse: &SynapseConfig,
    findings: &[Finding],
    numbers: Option<&Numbers>,
) -> Vec<Advice> {
    let mut lines = of_configuration(synapse);
    if let Some(numbers) = numbers {
        lines.extend(of_accounts(numbers));
        lines.extend(of_what_comes_along(numbers));
    }
    let untold = |finding: &&Finding| !TOLD.contains(&finding.id.as_str());
    lines.extend(findings.iter().filter(untold).map(of_finding));
    lines.sort_by_key(|line| line.level);
    lines
}

fn of_finding(finding: &Finding) -> Advice {
    let level = match finding.severity {
        FindingSeverity::Error => Level::Error,
        FindingSeverity::Warning => Level::Warn,
    };
    // By its id `mapwright explain` tells more.
    let id = &finding.id;
    let behind = match finding.count {
        0 | 1 => id.clone(),
        count => format!("{id}, {}", times(count)),
    };
    Advice {
        level,
        id: finding.id.clone(),
        count: finding.count,
        text: format!("{} ({behind})", finding.meaning),
        remedy: finding.remedy.clone(),
    }
}

fn warn(id: &str, count: u64, text: String, remedy: &str) -> Advice {
    Advice {
        level: Level::Warn,
        id: id.to_owned(),
        count,
        text,
        remedy: remedy.to_owned(),
    }
}

/// What Synapse's configuration has that will be MAS's business.
fn of_configuration(synapse: &SynapseConfig) -> Vec<Advice> {
    let mut lines = Vec::new();
    if synapse.enable_registration.value {
        lines.push(warn(
            "registration",
            1,
            "people may register in Synapse, which will be for MAS to decide".to_owned(),
            "set `account.password_registration_enabled` in MAS, and take `enable_registration` out of Synapse",
        ));
    }
    if synapse.enable_registration_captcha.value {
        lines.push(warn(
            "captcha",
            1,
            "registration in Synapse is protected by a CAPTCHA".to_owned(),
            "set `captcha` in MAS",
        ));
    }
    if synapse.user_consent.is_some() {
        lines.push(warn(
            "user_consent",
            1,
            "Synapse asks for consent to its terms, which it will no longer do".to_owned(),
            "set `branding.tos_uri` in MAS, and take `user_consent` out of Synapse",
        ));
    }
    for provider in &synapse.oidc_providers {
        let issuer = match &provider.issuer {
            Some(issuer) => format!(" ({})", issuer.value),
            None => String::new(),
        };
        lines.push(Advice {
            remedy: format!(
                "give MAS a provider with `synapse_idp_id: {}`, as `config generate` writes it",
                provider.id.value
            ),
            ..warn(
                "oidc_provider",
                1,
                format!(
                    "Synapse signs people in with the OpenID Connect provider `{}`{issuer}",
                    provider.id.value
                ),
                "",
            )
        });
    }
    let asks_passwords = synapse.password_login.value != PasswordLogin::Disabled;
    if asks_passwords && !synapse.localdb_enabled.value {
        lines.push(warn(
            "passwords_elsewhere",
            1,
            "Synapse does not look at its own password hashes (`localdb_enabled: false`): a module checks passwords, and MAS has none".to_owned(),
            "put an OpenID Connect provider in front of what the module asks",
        ));
    }
    lines
}

/// What accounts have that somebody should think of.
fn of_accounts(numbers: &Numbers) -> Vec<Advice> {
    let accounts = &numbers.accounts;
    let mut lines = Vec::new();
    let mut about = |id, count, one: &str, many: &str, remedy| {
        if count > 0 {
            lines.push(warn(id, count, counted_as(count, one, many), remedy));
        }
    };
    about(
        "administrators",
        accounts.administrators,
        "account is an administrator of Synapse, and may ask MAS for the same rights",
        "accounts are administrators of Synapse, and may ask MAS for the same rights",
        "look whether each of them still should",
    );
    about(
        "guests",
        accounts.guests,
        "account is a guest's: it comes along as one, without sessions, and MAS lets no guest in",
        "accounts are guests': they come along as such, without sessions, and MAS lets no guest in",
        "",
    );
    about(
        "without_email",
        accounts.without_email,
        "account has no e-mail address: MAS cannot send it a new password",
        "accounts have no e-mail address: MAS cannot send them a new password",
        "`check --lockout-csv FILE` lists those that could not sign in at all",
    );
    about(
        "passwords",
        accounts.with_password,
        "account keeps its password",
        "accounts keep their passwords",
        "MAS needs the password scheme version 1 `bcrypt`, with Synapse's pepper as `secret` and `unicode_normalization: true`",
    );
    about(
        "tokens_without_device",
        numbers.deviceless,
        "access token belongs to no device: it gets a session of its own, without an administrator's rights",
        "access tokens belong to no device: each gets a session of its own, without an administrator's rights",
        "give bots tokens of their own in MAS, or keep the rights by `migrate --set keep_admin_on_deviceless_tokens=true`",
    );
    about(
        "other_third_party_ids",
        accounts.other_third_party_ids,
        "third-party ID is no e-mail address: MAS keeps it and does not use it",
        "third-party IDs are no e-mail addresses: MAS keeps them and does not use them",
        "",
    );
    // Links of an earlier try are an error of their own.
    let in_use = |used: &&ProviderLinks| used.provider != DELEGATED;
    for used in numbers.links.iter().filter(in_use) {
        lines.push(Advice {
            remedy: format!(
                "give MAS a provider with `synapse_idp_id: {0}`, or name one by `--upstream-provider-mapping {0}:ULID`",
                used.provider
            ),
            ..warn(
                "provider_in_use",
                used.links,
                format!(
                    "{} to the provider `{}`",
                    counted_as(used.links, "link leads", "links lead"),
                    used.provider
                ),
                "",
            )
        });
    }
    lines
}

/// What comes along, and needs nothing.
fn of_what_comes_along(numbers: &Numbers) -> Vec<Advice> {
    let accounts = &numbers.accounts;
    [
        ("accounts", accounts.migrated, "account", "accounts"),
        (
            "emails",
            accounts.emails,
            "e-mail address",
            "e-mail addresses",
        ),
        ("sessions", numbers.sessions, "session", "sessions"),
        (
            "access_tokens",
            accounts.access_tokens,
            "access token",
            "access tokens",
        ),
        (
            "refresh_tokens",
            accounts.refresh_tokens,
            "refresh token",
            "refresh tokens",
        ),
    ]
    .into_iter()
    .map(|(id, count, one, many)| Advice {
        level: Level::Info,
        id: id.to_owned(),
        count,
        text: format!(
            "{} along",
            counted_as(count, &format!("{one} comes"), &format!("{many} come"))
        ),
        remedy: String::new(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::cli::finding_pages;
    use crate::config::Environment;

    /// A configuration that has everything lines are made of.
    fn synapse() -> SynapseConfig {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mapwright-advice-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("homeserver.yaml");
        let text = "server_name: x\nenable_registration: true\nenable_registration_captcha: true\n\
            user_consent: {version: 1}\npassword_config: {localdb_enabled: false}\n\
            oidc_providers: [{idp_id: a, issuer: 'https://a'}, {idp_id: b}]\n";
        std::fs::write(&path, text).unwrap();
        let read = SynapseConfig::read(&[path], "`--synapse-config`", &Environment::system());
        std::fs::remove_dir_all(&folder).unwrap();
        read.unwrap()
    }

    fn numbers(each: u64) -> Numbers {
        Numbers {
            accounts: Accounts {
                migrated: each,
                administrators: each,
                guests: each,
                without_email: each,
                with_password: each,
                with_link: each,
                emails: each,
                other_third_party_ids: each,
                access_tokens: each,
                refresh_tokens: each,
            },
            sessions: each,
            deviceless: each,
            links: ["oidc-a", DELEGATED]
                .map(|provider| ProviderLinks {
                    provider: provider.to_owned(),
                    links: each,
                })
                .into(),
        }
    }

    fn finding(id: &str, severity: FindingSeverity, count: u64) -> Finding {
        Finding {
            id: id.to_owned(),
            severity,
            count,
            samples: Vec::new(),
            meaning: "what it is".to_owned(),
            remedy: "what to do".to_owned(),
            sql: None,
        }
    }

    #[test]
    fn the_gravest_lines_stand_first_and_nothing_is_told_twice() {
        let findings = [
            finding("orphan", FindingSeverity::Warning, 1_200),
            finding("guest", FindingSeverity::Warning, 3),
            finding("foreign_user", FindingSeverity::Error, 1),
        ];
        let lines = advice(&synapse(), &findings, Some(&numbers(3)));
        assert_eq!(
            lines[0].line(),
            "ERROR what it is (foreign_user) → what to do"
        );
        // What concerns the most stands before what is special about single rows.
        let orphans = lines.iter().position(|line| line.id == "orphan").unwrap();
        assert_eq!(
            lines[orphans].line(),
            "WARN  what it is (orphan, 1,200 times) → what to do"
        );
        assert_eq!(lines[orphans + 1].level, Level::Info);
        assert!(lines.is_sorted_by_key(|line| line.level));
        assert!(!lines.iter().any(|line| line.id == "guest"));
        let guests: Vec<&Advice> = lines.iter().filter(|line| line.id == "guests").collect();
        assert_eq!(guests.len(), 1);
        // A provider that stands for an earlier try is no provider to be had.
        let providers = lines.iter().filter(|line| line.id == "provider_in_use");
        assert_eq!(providers.count(), 1);
    }

    #[test]
    fn one_is_told_as_one_and_none_not_at_all() {
        let one = advice(&synapse(), &[], Some(&numbers(1)));
        let text = |id: &str| &one.iter().find(|line| line.id == id).unwrap().text;
        assert!(text("passwords").starts_with("1 account keeps its password"));
        assert_eq!(text("sessions"), "1 session comes along");
        let none = advice(&synapse(), &[], Some(&numbers(0)));
        assert!(!none.iter().any(|line| line.id == "administrators"));
        // Of what comes along a nought is worth knowing.
        assert!(none.iter().any(|line| line.text == "0 accounts come along"));
        let unread = advice(&synapse(), &[], None);
        assert!(unread.iter().all(|line| line.level == Level::Warn));
    }

    #[test]
    fn ids_are_documented_and_none_is_a_finding_s() {
        let page = include_str!("../../../docs/guides/coming-from-syn2mas.md");
        for line in advice(&synapse(), &[], Some(&numbers(2))) {
            assert!(page.contains(&format!("`{}`", line.id)), "{}", line.id);
            assert!(finding_pages::page(&line.id).is_none(), "{}", line.id);
        }
    }
}

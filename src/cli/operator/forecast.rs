//! Who will be able to sign in: gathered account by account from what the mapping does with its rows.
//!
//! An account is a partition in which a row of MAS's `users` was made. What it may do is told by the
//! rows made beside it and by the reasons that applied; nothing is asked of the databases.

use serde::Serialize;

use crate::diagnostics::{Finding, FindingSeverity};
use crate::eval::Program;
use crate::plan::Plan;
use crate::run::PartitionOutcome;
use crate::types::SeverityValue;

use super::lockout::Lockout;

/// How many keys a finding shows.
const SAMPLES: usize = 5;

/// Why nobody will be able to sign in to an account anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// There is a password, but MAS has passwords switched off.
    PasswordsDisabled,
    /// The provider of its link is switched off in MAS.
    ProviderDisabled,
    /// No provider of MAS stands for that of its link.
    ProviderMissing,
    /// The password's hash is no bcrypt hash.
    PasswordNotBcrypt,
    /// There is neither a password nor a link in Synapse.
    NothingInSynapse,
}

impl Cause {
    const ALL: [Self; 5] = [
        Self::PasswordsDisabled,
        Self::ProviderDisabled,
        Self::ProviderMissing,
        Self::PasswordNotBcrypt,
        Self::NothingInSynapse,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::PasswordsDisabled => "passwords_disabled",
            Self::ProviderDisabled => "provider_disabled",
            Self::ProviderMissing => "provider_missing",
            Self::PasswordNotBcrypt => "password_not_bcrypt",
            Self::NothingInSynapse => "nothing_in_synapse",
        }
    }

    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::PasswordsDisabled => "MAS has passwords switched off",
            Self::ProviderDisabled => "the provider is switched off in MAS",
            Self::ProviderMissing => "no provider in MAS for the link",
            Self::PasswordNotBcrypt => "the password hash is not bcrypt",
            Self::NothingInSynapse => "no password and no link in Synapse",
        }
    }
}

/// How many accounts cannot be signed in to anew for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CauseCount {
    /// Why.
    pub cause: Cause,
    /// How many.
    pub accounts: u64,
}

/// Every migrated account, each counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SignIn {
    /// With a password; perhaps with a link too.
    pub password: u64,
    /// Without a password, with a link to a provider that is switched on.
    pub link: u64,
    /// With neither, but with an access token that MAS accepts: signed in until they sign out.
    pub sessions_only: u64,
    /// With nothing at all.
    pub nothing: u64,
    /// Locked, or waiting for approval.
    pub locked: u64,
    /// Deactivated.
    pub deactivated: u64,
    /// Guests.
    pub guests: u64,
    /// With rejected rows: what becomes of them is open until the errors are mended.
    pub rejected: u64,
    /// The causes for `sessions_only` and `nothing`.
    pub causes: Vec<CauseCount>,
}

/// Numbers about the accounts and what comes along with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Accounts {
    /// Accounts that are migrated.
    pub migrated: u64,
    /// Of these: administrators.
    pub administrators: u64,
    /// Of these: guests.
    pub guests: u64,
    /// Of these: without an e-mail address.
    pub without_email: u64,
    /// Of these: with a password that comes along.
    pub with_password: u64,
    /// Of these: with a link to a provider.
    pub with_link: u64,
    /// E-mail addresses.
    pub emails: u64,
    /// Third-party IDs that are no e-mail addresses.
    pub other_third_party_ids: u64,
    /// Access tokens that come along.
    pub access_tokens: u64,
    /// Refresh tokens that come along.
    pub refresh_tokens: u64,
}

/// Where the plan keeps what is looked at.
#[derive(Clone, Copy, Debug)]
struct Places {
    users: usize,
    passwords: usize,
    links: usize,
    emails: usize,
    other_ids: usize,
    access_tokens: usize,
    refresh_tokens: usize,
    administrator: Option<usize>,
    deactivated: Option<usize>,
    locked: Option<usize>,
    unapproved: Option<usize>,
    guest: Option<usize>,
    not_bcrypt: Option<usize>,
    missing_provider: Option<usize>,
    disabled_provider: Option<usize>,
    not_accepted: Option<usize>,
}

impl Places {
    /// `None` for a mapping that does not make MAS's accounts in a single pass.
    fn of(plan: &Plan) -> Option<Self> {
        let [_] = plan.passes.as_slice() else {
            return None;
        };
        let target = |name: &str| plan.targets.iter().position(|target| target.table == name);
        let reason = |name: &str| plan.reasons.iter().position(|reason| reason.name == name);
        Some(Self {
            users: target("users")?,
            passwords: target("user_passwords")?,
            links: target("upstream_oauth_links")?,
            emails: target("user_emails")?,
            other_ids: target("user_unsupported_third_party_ids")?,
            access_tokens: target("compat_access_tokens")?,
            refresh_tokens: target("compat_refresh_tokens")?,
            administrator: reason("administrator"),
            deactivated: reason("deactivated_user"),
            locked: reason("locked_user"),
            unapproved: reason("unapproved_user"),
            guest: reason("guest"),
            not_bcrypt: reason("password_not_bcrypt"),
            missing_provider: reason("missing_provider"),
            disabled_provider: reason("link_of_disabled_provider"),
            not_accepted: reason("token_not_accepted"),
        })
    }
}

/// The forecast while and after the rows go by.
#[derive(Debug)]
pub struct Forecast {
    places: Places,
    /// Which reasons reject a row, by number.
    is_error: Vec<bool>,
    passwords_work: bool,
    causes: [u64; Cause::ALL.len()],
    samples: Vec<String>,
    lockout: Option<Lockout>,
    /// Who can sign in how.
    pub sign_in: SignIn,
    /// The accounts in numbers.
    pub accounts: Accounts,
}

impl Forecast {
    /// A forecast for a mapping, if it makes MAS's accounts. `passwords_work` is whether MAS asks for
    /// passwords at all.
    pub fn new(program: &Program, passwords_work: bool) -> Option<Self> {
        let plan = &program.plan;
        Some(Self {
            places: Places::of(plan)?,
            is_error: (0..plan.reasons.len())
                .map(|reason| program.severity(reason) == SeverityValue::Error)
                .collect(),
            passwords_work,
            causes: [0; Cause::ALL.len()],
            samples: Vec::new(),
            lockout: None,
            sign_in: SignIn::default(),
            accounts: Accounts::default(),
        })
    }

    /// Writes down the accounts that nobody can sign in to anew.
    pub fn list(&mut self, lockout: Lockout) {
        self.lockout = Some(lockout);
    }

    /// The list, once all accounts have gone by.
    pub fn take_list(&mut self) -> Option<Lockout> {
        self.lockout.take()
    }

    /// Looks at one account.
    pub fn account(&mut self, outcome: &PartitionOutcome<'_>) {
        let places = self.places;
        let rows = |target: usize| outcome.written.get(target).copied().unwrap_or(0);
        let applied = |reason: Option<usize>| {
            reason.map_or(0, |reason| {
                outcome
                    .reasons
                    .iter()
                    .filter(|seen| **seen == reason)
                    .count() as u64
            })
        };
        let flag = |reason: Option<usize>| applied(reason) > 0;
        if rows(places.users) == 0 {
            return;
        }
        let has_password = rows(places.passwords) > 0;
        let has_email = rows(places.emails) > 0;
        let numbers = &mut self.accounts;
        numbers.migrated += 1;
        numbers.administrators += u64::from(flag(places.administrator));
        numbers.guests += u64::from(flag(places.guest));
        numbers.without_email += u64::from(!has_email);
        numbers.with_password += u64::from(has_password);
        numbers.with_link += u64::from(rows(places.links) > 0);
        numbers.emails += rows(places.emails);
        numbers.other_third_party_ids += rows(places.other_ids);
        numbers.access_tokens += rows(places.access_tokens);
        numbers.refresh_tokens += rows(places.refresh_tokens);

        let password = has_password && self.passwords_work;
        let link = rows(places.links) > applied(places.disabled_provider);
        let signed_in = rows(places.access_tokens) > applied(places.not_accepted);
        let sign_in = &mut self.sign_in;
        let is_error = |reason: &usize| self.is_error.get(*reason) == Some(&true);
        let count = if outcome.reasons.iter().any(is_error) {
            &mut sign_in.rejected
        } else if flag(places.deactivated) {
            &mut sign_in.deactivated
        } else if flag(places.guest) {
            &mut sign_in.guests
        } else if flag(places.locked) || flag(places.unapproved) {
            &mut sign_in.locked
        } else if password {
            &mut sign_in.password
        } else if link {
            &mut sign_in.link
        } else {
            let cause = if has_password {
                Cause::PasswordsDisabled
            } else if rows(places.links) > 0 {
                Cause::ProviderDisabled
            } else if flag(places.missing_provider) {
                Cause::ProviderMissing
            } else if flag(places.not_bcrypt) {
                Cause::PasswordNotBcrypt
            } else {
                Cause::NothingInSynapse
            };
            self.locked_out(outcome.key, cause, signed_in, has_email);
            if signed_in {
                &mut self.sign_in.sessions_only
            } else {
                &mut self.sign_in.nothing
            }
        };
        *count += 1;
    }

    fn locked_out(&mut self, key: Option<&[u8]>, cause: Cause, signed_in: bool, has_email: bool) {
        if let Some(count) = Cause::ALL
            .iter()
            .position(|known| *known == cause)
            .and_then(|place| self.causes.get_mut(place))
        {
            *count += 1;
        }
        let key = key.map(String::from_utf8_lossy).unwrap_or_default();
        if self.samples.len() < SAMPLES {
            self.samples.push(key.clone().into_owned());
        }
        if let Some(lockout) = &mut self.lockout {
            lockout.add(&key, cause, signed_in, has_email);
        }
    }

    /// Counts the causes together; once all accounts have gone by.
    pub fn finish(&mut self) {
        self.sign_in.causes = Cause::ALL
            .into_iter()
            .zip(self.causes)
            .filter(|(_, accounts)| *accounts > 0)
            .map(|(cause, accounts)| CauseCount { cause, accounts })
            .collect();
    }

    /// The accounts that nobody will be able to sign in to anew.
    pub fn finding(&self) -> Option<Finding> {
        let SignIn {
            sessions_only,
            nothing,
            causes,
            ..
        } = &self.sign_in;
        let count = sessions_only + nothing;
        if count == 0 {
            return None;
        }
        let causes: Vec<String> = causes
            .iter()
            .map(|count| {
                let accounts = super::table::thousands(count.accounts);
                format!("{accounts}: {}", count.cause.words())
            })
            .collect();
        Some(Finding {
            id: "no_way_to_sign_in".to_owned(),
            severity: FindingSeverity::Warning,
            count,
            samples: self.samples.clone(),
            meaning: format!(
                "nobody will be able to sign in to the account anew ({}); sessions that exist go on",
                causes.join("; ")
            ),
            remedy: "see by the causes what can be given back; `mapwright check --lockout-csv FILE` lists the accounts".to_owned(),
            sql: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::types::OwnedValue;

    /// A forecast, and the numbers of targets and reasons by name.
    fn forecast(passwords_work: bool) -> (Forecast, Plan) {
        let plan = crate::cli::mapping::load(None, &[]).unwrap().plan;
        let server = ("server_name".to_owned(), OwnedValue::Text("hs".to_owned()));
        let moment = ("migrated_at".to_owned(), OwnedValue::Timestamp(0));
        let known = BTreeMap::from([server, moment]);
        let set = ["missing_providers=warn".to_owned()];
        let program = crate::cli::mapping::program(plan.clone(), known, &set).unwrap();
        (Forecast::new(&program, passwords_work).unwrap(), plan)
    }

    /// Lets accounts go by: the rows they got, the reasons that applied.
    fn see(passwords_work: bool, accounts: &[(&[&str], &[&str])]) -> Forecast {
        let (mut forecast, plan) = forecast(passwords_work);
        for (number, (rows, reasons)) in accounts.iter().enumerate() {
            let mut written = vec![0; plan.targets.len()];
            for row in *rows {
                let place = plan.targets.iter().position(|target| target.table == *row);
                written[place.unwrap_or_else(|| panic!("{row}"))] += 1;
            }
            let reasons: Vec<usize> = reasons
                .iter()
                .map(|name| {
                    let place = plan.reasons.iter().position(|reason| reason.name == *name);
                    place.unwrap_or_else(|| panic!("{name}"))
                })
                .collect();
            let key = format!("@user{number}:hs");
            forecast.account(&PartitionOutcome {
                key: Some(key.as_bytes()),
                written: &written,
                reasons: &reasons,
            });
        }
        forecast.finish();
        forecast
    }

    #[test]
    fn each_account_is_in_one_class() {
        let forecast = see(
            true,
            &[
                (&["users", "user_passwords", "upstream_oauth_links"], &[]),
                (
                    &["users", "upstream_oauth_links", "user_emails"],
                    &["administrator"],
                ),
                (
                    &["users", "upstream_oauth_links"],
                    &["link_of_disabled_provider"],
                ),
                (
                    &["users", "upstream_oauth_links", "upstream_oauth_links"],
                    &["link_of_disabled_provider"],
                ),
                (&["users", "compat_access_tokens"], &["password_not_bcrypt"]),
                (&["users", "compat_access_tokens"], &["token_not_accepted"]),
                (&["users"], &["missing_provider", "password_not_bcrypt"]),
                (
                    &["users", "user_passwords"],
                    &["deactivated_user", "locked_user"],
                ),
                (&["users"], &["guest"]),
                (&["users", "user_passwords"], &["unapproved_user"]),
                (&["users", "user_passwords"], &["locked_user"]),
                (&["users", "user_passwords"], &["provider_not_synced"]),
                (&[], &["bridge_user"]),
            ],
        );
        let count = |cause, accounts| CauseCount { cause, accounts };
        assert_eq!(
            forecast.sign_in,
            SignIn {
                password: 1,
                link: 2,
                sessions_only: 1,
                nothing: 3,
                locked: 2,
                deactivated: 1,
                guests: 1,
                rejected: 1,
                causes: vec![
                    count(Cause::ProviderDisabled, 1),
                    count(Cause::ProviderMissing, 1),
                    count(Cause::PasswordNotBcrypt, 1),
                    count(Cause::NothingInSynapse, 1),
                ],
            }
        );
        assert_eq!(forecast.accounts.migrated, 12);
        assert_eq!(forecast.accounts.administrators, 1);
        assert_eq!(forecast.accounts.without_email, 11);
        assert_eq!(forecast.accounts.with_link, 4);
        let finding = forecast.finding().unwrap();
        assert_eq!(finding.count, 4);
        assert_eq!(
            finding.samples,
            ["@user2:hs", "@user4:hs", "@user5:hs", "@user6:hs"]
        );
    }

    #[test]
    fn passwords_that_mas_does_not_ask_for_are_no_way_in() {
        let account: (&[&str], &[&str]) = (&["users", "user_passwords"], &[]);
        assert_eq!(see(true, &[account]).finding(), None);
        let forecast = see(false, &[account]);
        assert_eq!(forecast.sign_in.nothing, 1);
        assert_eq!(forecast.sign_in.causes[0].cause, Cause::PasswordsDisabled);
    }
}

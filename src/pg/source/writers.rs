//! Other sessions that may write to the source: who they are, which of them a run goes on beside.
//!
//! A service that is idle between two transactions holds no lock that would be in the way, and goes on
//! writing as soon as the locks of a run are gone: its rows would be in the source alone. So a real run
//! looks at the sessions themselves: before it locks, once it has locked, and before the target's COMMIT.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::time::sleep;
use tokio_postgres::Client;

use super::SourceOptions;
use super::error;
use super::lock;
use crate::pg::PgError;
use crate::pg::connector::Connect;
use crate::pg::patience::Patience;
use crate::pg::relation::{self, Relation};
use crate::pg::session::{self, Session};

/// What is waited for, in words.
const OTHERS: &str = "other sessions of the source to end";

/// How often is looked at least: a session that has just ended may take a moment to be gone.
const LOOKS: usize = 5;

/// The time between two looks, in which nobody has to stand in line behind us.
const PAUSE: Duration = Duration::from_millis(200);

/// Sessions that are known to change nothing although their role may: a monitor's, for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedSession {
    /// Those that call themselves so.
    Application(String),
    /// Those of that role.
    User(String),
}

impl AllowedSession {
    /// Whether it is one of these.
    fn is_of(&self, session: &Session) -> bool {
        match self {
            AllowedSession::Application(name) => session.application_name == *name,
            AllowedSession::User(name) => session.user.as_ref() == Some(name),
        }
    }
}

impl FromStr for AllowedSession {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((_, "")) => Err("a name is missing after `=`".to_owned()),
            Some(("application", name)) => Ok(AllowedSession::Application(name.to_owned())),
            Some(("user", name)) => Ok(AllowedSession::User(name.to_owned())),
            Some(_) | None => Err("expected `application=NAME` or `user=NAME`".to_owned()),
        }
    }
}

impl fmt::Display for AllowedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllowedSession::Application(name) => write!(f, "application={name}"),
            AllowedSession::User(name) => write!(f, "user={name}"),
        }
    }
}

/// What a look at the sessions gave.
struct Seen {
    /// Who may write, and is not allowed.
    in_the_way: Vec<Session>,
    /// Who is allowed, and holds or waits for no lock under which rows are changed.
    beside: Vec<Session>,
}

/// Looks for sessions that may write.
pub(super) struct Writers {
    tables: Vec<u32>,
    own: Vec<i32>,
    allowed: Vec<AllowedSession>,
}

impl Writers {
    /// Looks for those that may write to `tables`.
    pub(super) fn new(tables: &[Relation], options: &SourceOptions) -> Self {
        Self {
            tables: relation::oids(tables),
            own: options.own_sessions.clone(),
            allowed: options.allowed_sessions.clone(),
        }
    }

    async fn look(&self, client: &Client) -> Result<Seen, PgError> {
        let sessions = session::writing_sessions(client, &self.tables, &self.own).await?;
        // Whoever is about to change rows of these tables is not what it was allowed as.
        let (beside, in_the_way) = sessions.into_iter().partition(|session| {
            session.locks.is_empty() && self.allowed.iter().any(|allowed| allowed.is_of(session))
        });
        Ok(Seen { in_the_way, beside })
    }

    /// Locks the tables and takes the snapshot, once nobody else may write; answers the snapshot and the
    /// sessions that are allowed. Nothing is locked while others are waited for.
    pub(super) async fn lock_alone<C: Connect>(
        &self,
        connect: &C,
        leader: &Client,
        leader_pid: i32,
        tables: &[Relation],
        options: &SourceOptions,
    ) -> Result<(String, Vec<Session>), PgError> {
        let wait = options.patience.begin(OTHERS);
        let mut looks = 0;
        loop {
            let mut seen = self.look(leader).await?;
            if seen.in_the_way.is_empty() {
                lock::begin_and_lock(leader, tables, options.lock, &options.patience).await?;
                let snapshot =
                    lock::export_snapshot(connect, leader, leader_pid, options.snapshot_wait)
                        .await?;
                // Whoever has come in between goes on writing once the locks are gone.
                seen = self.look(leader).await?;
                if seen.in_the_way.is_empty() {
                    return Ok((snapshot, seen.beside));
                }
                leader
                    .batch_execute("ROLLBACK")
                    .await
                    .map_err(|error| error::request("its locks were released", &error))?;
            }
            looks += 1;
            if looks >= LOOKS && !wait.goes_on(&seen.in_the_way) {
                return Err(error::others_may_write(&seen.in_the_way, wait.note()));
            }
            sleep(PAUSE).await;
        }
    }

    /// Looks whether somebody has come since. Who only sits there is waited for; who holds or waits for a
    /// lock under which rows are changed is not: while the run holds its own, that has no end.
    pub(super) async fn nobody_came(
        &self,
        leader: &Client,
        patience: &Patience,
    ) -> Result<(), PgError> {
        let wait = patience.begin(OTHERS);
        let mut looks = 0;
        loop {
            let seen = self.look(leader).await?.in_the_way;
            if seen.is_empty() {
                return Ok(());
            }
            looks += 1;
            let is_writing = seen.iter().any(|session| !session.locks.is_empty());
            if looks >= LOOKS && (is_writing || !wait.goes_on(&seen)) {
                return Err(error::others_came(&seen, wait.note()));
            }
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(application: &str, user: &str) -> Session {
        Session {
            pid: Some(1),
            application_name: application.to_owned(),
            user: Some(user.to_owned()),
            client_address: None,
            connected_since: None,
            state: None,
            backend_type: None,
            locks: Vec::new(),
            prepared: None,
        }
    }

    #[test]
    fn sessions_are_allowed_by_what_they_call_themselves_or_by_their_role() {
        let application: AllowedSession = "application=postgres exporter".parse().unwrap();
        let user: AllowedSession = "user=a=b".parse().unwrap();
        assert!(application.is_of(&session("postgres exporter", "x")));
        assert!(!application.is_of(&session("postgres exporter 2", "postgres exporter")));
        assert!(user.is_of(&session("x", "a=b")));
        assert!(!user.is_of(&session("a=b", "a")));
        assert_eq!(user.to_string(), "user=a=b");
        assert_eq!(application.to_string(), "application=postgres exporter");
    }

    #[test]
    fn a_session_without_a_name_cannot_be_allowed_by_its_name() {
        for text in ["application=", "user=", "synapse", "pid=7", "=", ""] {
            assert!(AllowedSession::from_str(text).is_err(), "{text}");
        }
    }
}

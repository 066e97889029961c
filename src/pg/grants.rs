//! Which statements give a role what a run needs of it, and no more: made of the tables that a plan
//! reads, locks and writes, and of who owns them in this database. Reads the server's catalog alone,
//! so that a role without any right can ask.

use std::collections::BTreeSet;

use tokio_postgres::{Client, Error};

use super::PgError;
use super::introspect::failed;
use super::query;
use super::relation::{self, Relation};
use super::rights::{Rights, SchemaUse, schemas};
use super::source::missing_tables;
use crate::base::ident::identifier;

/// What a role needs in one database.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Grants {
    /// The database.
    pub database: String,
    /// The role.
    pub role: String,
    /// Whether there is such a role.
    pub role_exists: bool,
    /// Tables that the role must own, itself or as a member of the role that does.
    pub owns: Vec<Ownership>,
    /// What is to be granted, in an order in which it can be run. What everybody may is not among it,
    /// nor what the role may as an owner, nor what comes with a membership among it.
    pub statements: Vec<Statement>,
}

/// A table that must be owned.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Ownership {
    /// The table, with its schema.
    pub table: String,
    /// Who owns it.
    pub owner: String,
    /// Whether it hangs on the written tables by way of others, so that `undo` alone empties it.
    pub for_undo_only: bool,
    /// Whether the role owns it too.
    pub held: bool,
}

/// A statement that gives a right.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Statement {
    /// The statement, with its semicolon.
    pub sql: String,
    /// What the right is needed for.
    pub purpose: String,
    /// Whether the role has all of it already.
    pub held: bool,
}

impl Grants {
    /// Whether the role has everything already.
    pub fn complete(&self) -> bool {
        self.role_exists && self.statements.iter().all(|statement| statement.held)
    }
}

/// What the source's role needs: to read `read`, of which those that are there count, and to read and
/// lock `locked`. For the role connected as unless another is named.
///
/// # Errors
/// E0649 if the catalog cannot be asked, E0674 if one of `locked` is not there.
pub async fn source_grants(
    client: &Client,
    schema: &str,
    role: Option<&str>,
    locked: &[&str],
    read: &[&str],
) -> Result<Grants, PgError> {
    let locked = find_all(client, "source", schema, locked).await?;
    let asked = async {
        let more = relation::find(client, schema, read).await?.relations;
        let read = joined(&locked, more);
        let rights = Asked::of(client, role, &read, &[]).await?;
        let mut statements = rights.entrance();
        statements.extend(rights.on_schemas(schemas(&read), SchemaUse::Reach));
        statements.extend(rights.on_tables("SELECT", &read, "reads these tables"));
        let lock = if rights.role.server_version >= 170_000 {
            "MAINTAIN"
        } else {
            "UPDATE"
        };
        statements.extend(rights.on_tables(
            lock,
            &locked,
            "`migrate` locks these tables against writers, which PostgreSQL allows nobody who may \
             only read; nothing is written. Can be revoked afterwards; `check`, `migrate --dry-run`, \
             `verify` and `migrate --no-source-lock` do without",
        ));
        Ok(rights.grants(Vec::new(), statements))
    };
    asked.await.map_err(unasked)
}

/// Tables by what is done with them in the target.
#[derive(Clone, Debug)]
pub(super) struct TargetUse {
    /// Altered by a run: these must be owned.
    pub(super) altered: Vec<Relation>,
    /// Emptied by `undo`, for what hangs on the altered ones: these must be owned, too.
    pub(super) emptied: Vec<Relation>,
    /// Read alone.
    pub(super) read: Vec<Relation>,
}

/// What the target's role needs.
pub(super) async fn target_grants(
    client: &Client,
    role: Option<&str>,
    tables: &TargetUse,
) -> Result<Grants, Error> {
    let owned = joined(&tables.altered, tables.emptied.clone());
    let all = joined(&owned, tables.read.clone());
    let rights = Asked::of(client, role, &all, &owned).await?;
    let mut owns = Vec::new();
    let mut owners = BTreeSet::new();
    let mut statements = rights.entrance();
    for (table, of_role) in owned.iter().zip(&rights.role.tables) {
        owns.push(Ownership {
            table: table.to_string(),
            owner: of_role.owner.clone(),
            for_undo_only: !tables.altered.contains(table),
            held: of_role.owned,
        });
        if of_role.owner == rights.name {
            continue;
        }
        if of_role.owner_is_superuser {
            statements.push(Statement {
                sql: format!(
                    "ALTER TABLE {} OWNER TO {};",
                    table.sql(),
                    identifier(&rights.name)
                ),
                purpose: format!(
                    "its keys and indexes are dropped and put back; a membership in `{}`, a superuser, would give far more",
                    of_role.owner
                ),
                held: of_role.owned,
            });
        } else if owners.insert(of_role.owner.clone()) {
            statements.extend(rights.membership(&of_role.owner, of_role.owned));
        }
    }
    statements.extend(rights.on_schemas(schemas(&tables.altered), SchemaUse::Make));
    let mut reached = schemas(&all);
    reached.retain(|schema| !schemas(&tables.altered).contains(schema));
    statements.extend(rights.on_schemas(reached, SchemaUse::Reach));
    statements.extend(rights.on_tablespaces(tables.altered.len()));
    statements.extend(rights.on_tables("SELECT", &tables.read, "reads these tables"));
    Ok(rights.grants(owns, statements))
}

/// The tables of these names, all of which have to be there.
pub(super) async fn find_all(
    client: &Client,
    side: &str,
    schema: &str,
    names: &[&str],
) -> Result<Vec<Relation>, PgError> {
    let found = relation::find(client, schema, names)
        .await
        .map_err(unasked)?;
    if found.missing.is_empty() {
        Ok(found.relations)
    } else {
        Err(missing_tables(side, schema, &found.missing))
    }
}

/// The catalog could not be asked.
pub(super) fn unasked(error: Error) -> PgError {
    failed(
        "what a role may do cannot be read off the catalog".to_owned(),
        &error,
    )
}

/// Tables and those of others that are not among them.
pub(super) fn joined(tables: &[Relation], more: Vec<Relation>) -> Vec<Relation> {
    let mut all = tables.to_vec();
    for relation in more {
        if !all.contains(&relation) {
            all.push(relation);
        }
    }
    all
}

/// What the role has, and what need not be granted to it.
#[derive(Debug)]
struct Asked {
    name: String,
    role: Rights,
    /// What everybody has, and what the roles have whose membership is granted.
    given: Vec<Rights>,
}

impl Asked {
    /// Asks about the role, everybody, and those who own `owned`.
    async fn of(
        client: &Client,
        role: Option<&str>,
        tables: &[Relation],
        owned: &[Relation],
    ) -> Result<Self, Error> {
        let name = match role {
            Some(name) => name.to_owned(),
            None => client
                .query_one("SELECT current_user::text", &[])
                .await?
                .try_get(0)?,
        };
        let role = Rights::of(client, &name, tables).await?;
        // No role has this name.
        let mut given = vec![Rights::of(client, "", tables).await?];
        let owners: BTreeSet<&String> = role
            .tables
            .iter()
            .filter(|on| owned.contains(&on.table) && !on.owner_is_superuser)
            .map(|on| &on.owner)
            .filter(|owner| **owner != name)
            .collect();
        for owner in owners {
            given.push(Rights::of(client, owner, tables).await?);
        }
        Ok(Self { name, role, given })
    }

    /// Whether the role has a right; `None` if nobody has to give it.
    fn held(&self, has: impl Fn(&Rights) -> bool) -> Option<bool> {
        (!self.given.iter().any(&has)).then(|| has(&self.role))
    }

    fn grants(self, owns: Vec<Ownership>, statements: Vec<Statement>) -> Grants {
        Grants {
            database: self.role.database,
            role: self.name,
            role_exists: self.role.exists,
            owns,
            statements,
        }
    }

    /// The role itself, and the way into the database.
    fn entrance(&self) -> Vec<Statement> {
        let role = identifier(&self.name);
        let mut statements = Vec::new();
        if !self.role.exists {
            statements.push(Statement {
                sql: format!("CREATE ROLE {role} LOGIN;"),
                purpose: "there is no such role yet; give it a password by psql's \\password"
                    .to_owned(),
                held: false,
            });
        }
        if !self.role.owns_database
            && let Some(held) = self.held(|rights| rights.connects)
        {
            statements.push(Statement {
                sql: format!(
                    "GRANT CONNECT ON DATABASE {} TO {role};",
                    identifier(&self.role.database)
                ),
                purpose: "connects; not everybody may here".to_owned(),
                held,
            });
        }
        statements
    }

    /// Makes the role a member of an owner, with what the owner may.
    fn membership(&self, owner: &str, held: bool) -> Vec<Statement> {
        let (role, owner) = (identifier(&self.name), identifier(owner));
        let purpose = "keys and indexes of the tables are dropped and put back, which takes their owner, or a member of the role that is".to_owned();
        let mut statements = Vec::new();
        let inherit = if self.role.server_version >= 160_000 {
            " WITH INHERIT TRUE"
        } else {
            if !self.role.inherits {
                statements.push(Statement {
                    sql: format!("ALTER ROLE {role} INHERIT;"),
                    purpose: "has at once what it is a member of".to_owned(),
                    held: false,
                });
            }
            ""
        };
        statements.push(Statement {
            sql: format!("GRANT {owner} TO {role}{inherit};"),
            purpose,
            held,
        });
        statements
    }

    fn on_schemas(&self, schemas: Vec<String>, wanted: SchemaUse) -> Vec<Statement> {
        let (privilege, purpose) = match wanted {
            SchemaUse::Reach => ("USAGE", "reaches the tables in the schema"),
            SchemaUse::Make => (
                "USAGE, CREATE",
                "reaches the tables in the schema, and makes their indexes anew",
            ),
        };
        let statement = |schema: &String| {
            let held = self.held(|rights| rights.may_in(schema, wanted))?;
            Some(Statement {
                sql: query::grant_on_schema(privilege, schema, &self.name),
                purpose: purpose.to_owned(),
                held,
            })
        };
        schemas
            .iter()
            .filter(|schema| !self.role.owned_schemas.contains(schema))
            .filter_map(statement)
            .collect()
    }

    /// For the first tables that were asked about.
    fn on_tablespaces(&self, tables: usize) -> Vec<Statement> {
        let everybody = self.given.first();
        everybody
            .map(|rights| rights.closed(tables))
            .unwrap_or_default()
            .into_iter()
            .filter_map(|tablespace| {
                let held = self.held(|rights| !rights.closed(tables).contains(tablespace))?;
                Some(Statement {
                    sql: format!(
                        "GRANT CREATE ON TABLESPACE {} TO {};",
                        identifier(tablespace),
                        identifier(&self.name)
                    ),
                    purpose: "makes indexes anew where they are".to_owned(),
                    held,
                })
            })
            .collect()
    }

    /// One statement for those of the tables of which somebody has to give something.
    fn on_tables(&self, privilege: &str, tables: &[Relation], purpose: &str) -> Option<Statement> {
        let own = |table: &&Relation| {
            let mut known = self.role.tables.iter();
            known.any(|on| on.table == **table && on.owner == self.name)
        };
        let asked: Vec<(Relation, bool)> = tables
            .iter()
            .filter(|table| !own(table))
            .filter_map(|table| {
                let held = self.held(|rights| rights.may(privilege, table))?;
                Some((table.clone(), held))
            })
            .collect();
        let (wanted, held): (Vec<Relation>, Vec<bool>) = asked.into_iter().unzip();
        let names: Vec<String> = wanted.iter().map(Relation::sql).collect();
        (!wanted.is_empty()).then(|| Statement {
            sql: format!(
                "GRANT {privilege} ON\n    {}\nTO {};",
                names.join(",\n    "),
                identifier(&self.name)
            ),
            purpose: purpose.to_owned(),
            held: held.into_iter().all(|held| held),
        })
    }
}

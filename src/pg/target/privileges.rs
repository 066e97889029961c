//! What the role must own to drop keys and put them back.

use tokio_postgres::Client;

use super::error;
use crate::base::ident::identifier;
use crate::pg::PgError;
use crate::pg::relation::{self, Relation};

/// The role owns every table that will be altered and may make indexes where they are.
pub(super) async fn check(client: &Client, touched: &[Relation]) -> Result<(), PgError> {
    let failed = |error| error::request("its privileges were read", &error);
    let rows = client
        .query(
            include_str!("../sql/target_privileges.sql"),
            &[&relation::oids(touched)],
        )
        .await
        .map_err(failed)?;
    let mut lacking = Vec::new();
    let mut role = String::new();
    for row in &rows {
        role = row.try_get("role").map_err(failed)?;
        let schema: &str = row.try_get("schema").map_err(failed)?;
        let name: &str = row.try_get("name").map_err(failed)?;
        if !row.try_get::<_, bool>("owned").map_err(failed)? {
            let owner: &str = row.try_get("owner").map_err(failed)?;
            lacking.push(format!("table `{schema}.{name}` belongs to `{owner}`"));
        }
        if !row.try_get::<_, bool>("may_create").map_err(failed)? {
            lacking.push(format!(
                "rebuilding indexes needs: GRANT USAGE, CREATE ON SCHEMA {} TO {}",
                identifier(schema),
                identifier(&role)
            ));
        }
        let tablespaces: Vec<String> = row.try_get("closed_tablespaces").map_err(failed)?;
        for tablespace in tablespaces {
            lacking.push(format!(
                "rebuilding indexes needs: GRANT CREATE ON TABLESPACE {} TO {}",
                identifier(&tablespace),
                identifier(&role)
            ));
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    lacking.retain(|entry| seen.insert(entry.clone()));
    if lacking.is_empty() {
        Ok(())
    } else {
        Err(error::may_not_alter(&role, &lacking))
    }
}

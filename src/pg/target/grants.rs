//! What the target's role needs: which tables a run alters, and which `undo` may have to empty.

use tokio_postgres::Client;

use super::dependents::Dependents;
use super::structure;
use crate::pg::PgError;
use crate::pg::grants::{self, Grants, TargetUse};
use crate::pg::relation;

/// What the target's role needs to write `written` and to read `read`, of which those that are there
/// count. For the role connected as unless another is named. Reads the server's catalog alone.
///
/// # Errors
/// E0649 if the catalog cannot be asked, E0674 if one of `written` is not there.
pub async fn target_grants(
    client: &Client,
    schema: &str,
    role: Option<&str>,
    written: &[&str],
    read: &[&str],
) -> Result<Grants, PgError> {
    let written = grants::find_all(client, "target", schema, written).await?;
    let asked = async {
        let altered = structure::touched(client, &written).await?;
        let dependents = Dependents::of(client, &written).await?;
        let mut emptied = dependents.other_relations();
        emptied.retain(|table| !altered.contains(table));
        let mut read = relation::find(client, schema, read).await?.relations;
        read.retain(|table| !altered.contains(table) && !emptied.contains(table));
        let tables = TargetUse {
            altered,
            emptied,
            read,
        };
        grants::target_grants(client, role, &tables).await
    };
    asked.await.map_err(grants::unasked)
}

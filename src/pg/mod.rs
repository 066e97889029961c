//! PostgreSQL: connections, catalogs read off live databases, the source's snapshot and streams,
//! the target's one transaction. Knows plans and catalogs, not what the tables mean.

mod error;
pub mod throwaway;

pub use error::{PgError, PgErrorKind};

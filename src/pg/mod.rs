//! PostgreSQL: connections, catalogs read off live databases, the source's snapshot and streams,
//! the target's one transaction. Knows plans and catalogs, not what the tables mean.

mod connector;
mod error;
mod lock;
mod query;
pub mod quote;
mod relation;
mod server_error;
mod session;
mod settings;
pub mod source;
pub mod target;

pub use connector::Connect;
pub use error::{PgError, PgErrorKind};
pub use session::{Session, other_sessions};

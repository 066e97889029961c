//! PostgreSQL: connections, catalogs read off live databases, the source's snapshot and streams,
//! the target's one transaction. Knows plans and catalogs, not what the tables mean.

mod certificate;
mod connect;
mod connect_error;
mod endpoint;
mod error;
mod tls;

pub(crate) use connect::socket_path;
pub use connect::{Canceller, Connection, ServerFacts, connect};
pub use endpoint::{
    ChannelBinding, Endpoint, EndpointSummary, Host, HostEntry, Keepalive, Origin, Pem, Secret,
    SettingSummary, Sourced, SslMode, TargetSession, TlsSettings,
};
pub use error::{PgError, PgErrorKind};
pub use tls::{Checked, TlsState};

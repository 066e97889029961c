//! PostgreSQL: connections, catalogs read off live databases, the source's snapshot and streams,
//! the target's one transaction, throwaway clusters. Knows plans and catalogs, not what the tables
//! mean.

mod certificate;
mod connect;
mod connect_error;
mod connection;
mod connector;
pub mod database;
mod endpoint;
mod error;
pub mod grants;
pub mod introspect;
mod lock;
pub mod lookup;
mod origin;
mod patience;
mod query;
pub mod references;
mod relation;
mod rights;
mod server_certificate;
mod server_error;
mod session;
mod settings;
pub mod source;
pub mod target;
pub mod throwaway;
mod tls;
mod tls_files;

pub use connect::connect;
pub(crate) use connect::socket_path;
pub use connection::{Canceller, Connection, ServerFacts};
pub use connector::Connect;
pub use endpoint::{
    ChannelBinding, Endpoint, EndpointSummary, Host, HostEntry, Keepalive, Pem, SettingSummary,
    SslMode, TargetSession, TlsSettings,
};
pub use error::{PgError, PgErrorKind};
pub use origin::{Origin, Secret, Sourced};
pub use patience::{Patience, WaitObserver, Waiting};
pub use server_certificate::Checked;
pub use session::{Session, other_sessions, who_keeps_readers_out};
pub use tls::TlsState;

//! The way to one more connection, without saying how it is made.

use std::future::Future;

use tokio_postgres::Client;

use super::PgError;

/// Makes connections to one database, all alike.
///
/// The future that drives a connection has been spawned when the client is handed out. Any
/// `async` closure that returns a client is one.
pub trait Connect: Send + Sync {
    /// One more connection.
    ///
    /// # Errors
    /// Why there is none: address, authentication, TLS.
    fn connect(&self) -> impl Future<Output = Result<Client, PgError>> + Send;
}

impl<F, Connecting> Connect for F
where
    F: Fn() -> Connecting + Send + Sync,
    Connecting: Future<Output = Result<Client, PgError>> + Send,
{
    fn connect(&self) -> impl Future<Output = Result<Client, PgError>> + Send {
        self()
    }
}

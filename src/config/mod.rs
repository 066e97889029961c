//! Settings of a run: the configuration files of both sides, connection settings as libpq finds
//! them, flags of the command line, and what all of them together tell before any connection.
//!
//! `cli` calls [`Settings::resolve`] once. Everything outside comes in through an [`Environment`];
//! nothing here opens a connection or writes.

mod accept_file;
mod connection_string;
mod cutover;
mod delegation;
mod endpoint;
mod environment;
mod files;
mod findings;
mod generate;
mod given;
mod intended;
mod keywords;
mod lint;
mod mas;
mod mas_database;
mod password_file;
mod password_findings;
mod provider_findings;
mod provider_id;
mod raw;
mod reference;
mod scalar;
mod search_path;
mod section;
mod service_file;
mod settings;
mod synapse;
mod synapse_database;
mod tls_settings;

pub use accept_file::{AcceptEntry, accept_file, accept_flag, accept_notes};
pub use cutover::{Cutover, SharedSecret};
pub use delegation::{Delegation, SharedText};
pub use environment::{Environment, FileFacts, FileKind, FileSystem};
pub use findings::{BcryptHashes, DataFacts, PLACEHOLDERS, config_findings, synapse_findings};
pub use generate::{Generated, KeyKind, NoRandomness, Randomness, SystemSource, generate};
pub use given::Keyword;
pub use lint::lint;
pub use mas::{MasConfig, MasProvider, PasswordAlgorithm, PasswordScheme};
pub use provider_findings::{ProviderLinks, missing_providers, provider_findings};
pub use provider_id::ProviderId;
pub use reference::{
    OTHER_DIFFERENCES, OptionReference, WarningReference, is_said_of_configurations,
    option_reference, warning_reference,
};
pub use search_path::search_path_unused;
pub use settings::{CommandLine, Connections, Settings, SynapseSettings, endpoint_of};
pub use synapse::{PasswordLogin, SynapseConfig, SynapseDatabase, SynapseProvider};

//! One module a command.

pub mod account;
pub mod advisor;
pub mod catalog;
pub mod check;
pub mod compile;
pub mod completions;
pub mod config;
pub mod demo;
pub mod explain;
pub mod functions;
pub mod man;
pub mod migrate;
pub mod plan;
pub mod undo;
pub mod verify;
pub mod verify_live;
pub mod verify_password;

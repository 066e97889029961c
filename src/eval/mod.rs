//! Evaluating a plan's programs: one node over one row. No IO, no clock; what it needs of other
//! rows it asks a [`Rows`] for.

mod attempt;
mod cell;
mod evaluate;
mod operators;
mod program;
pub mod query;

pub use cell::{Unencodable, decode, encode};
pub use evaluate::{Place, Rows, Stop, evaluate, holds};
pub use operators::{compare, equal, order};
pub use program::{ParamProblem, Program};

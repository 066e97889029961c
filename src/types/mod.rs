//! The types of the language, what they are in PostgreSQL, and values of them.

mod constant;
mod pg_type;
mod ty;
mod value;
pub mod written;

pub use constant::constant;
pub use pg_type::PgType;
pub use ty::{Nullability, Ty, Type};
pub use value::{Inet, OwnedValue, SeverityValue, Value};

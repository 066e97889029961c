//! The registry of diagnostic codes: append-only, a number is never used again for something else.
//!
//! `E` and four digits, hundreds by stage: 00 syntax, 01 names, 02 types, 03 coverage, 04 planning,
//! 05 rows at run time, 06 environment (settings, connections, databases), 09 defects of mapwright;
//! `W` likewise for warnings. Each code has a page in `docs/errors/`.

use std::fmt;

use serde::{Serialize, Serializer};

/// A code of the registry, such as `E0203`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

impl Code {
    /// The code as text.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Its entry in the registry.
    pub fn info(self) -> Option<&'static CodeInfo> {
        REGISTRY.iter().find(|info| info.code == self)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// What the registry knows of a code.
#[derive(Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// The first version of mapwright that had it.
    pub since: &'static str,
    /// The page that `mapwright explain` prints.
    pub page: &'static str,
}

macro_rules! registry {
    ($($name:ident, $since:literal, $title:literal;)*) => {
        $(#[doc = $title] pub const $name: Code = Code(stringify!($name));)*

        /// Every code, in the order of its number.
        pub const REGISTRY: &[CodeInfo] = &[
            $(CodeInfo {
                code: $name,
                title: $title,
                since: $since,
                page: include_str!(concat!("../../docs/errors/", stringify!($name), ".md")),
            },)*
        ];
    };
}

registry! {
    E0001, "0.1.0", "syntax error";
    E0680, "0.1.0", "PostgreSQL's server programs not found";
    E0681, "0.1.0", "throwaway cluster not started";
    E0682, "0.1.0", "no directory for a throwaway cluster";
    E0683, "0.1.0", "no account for a throwaway cluster";
    E0684, "0.1.0", "synthetic population not filled in";
    E0900, "0.1.0", "defect of mapwright";
}

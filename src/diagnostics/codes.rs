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
    E0601, "0.1.0", "configuration file cannot be read";
    E0602, "0.1.0", "configuration file is not well-formed YAML";
    E0603, "0.1.0", "setting has the wrong kind of value";
    E0604, "0.1.0", "required setting is missing";
    E0605, "0.1.0", "settings contradict each other";
    E0606, "0.1.0", "unknown connection setting";
    E0607, "0.1.0", "value is not one of those allowed";
    E0608, "0.1.0", "malformed connection string";
    E0609, "0.1.0", "connection service cannot be used";
    E0610, "0.1.0", "malformed provider mapping";
    E0611, "0.1.0", "connection setting is not supported";
    E0612, "0.1.0", "file named by a setting cannot be used";
    E0630, "0.1.0", "database server cannot be reached";
    E0631, "0.1.0", "unknown host";
    E0632, "0.1.0", "authentication failed";
    E0633, "0.1.0", "no such database";
    E0634, "0.1.0", "no such role";
    E0635, "0.1.0", "server has no rule for this connection";
    E0636, "0.1.0", "TLS cannot be had as demanded";
    E0637, "0.1.0", "certificate of the server is not accepted";
    E0638, "0.1.0", "database server did not answer in time";
    E0639, "0.1.0", "log-in did not succeed";
    E0900, "0.1.0", "defect of mapwright";
    W0601, "0.1.0", "password file is ignored";
}

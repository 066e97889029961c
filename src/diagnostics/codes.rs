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
    E0650, "0.1.0", "source is a standby server";
    E0651, "0.1.0", "database encoding is not UTF8";
    E0652, "0.1.0", "privileges lacking on the source";
    E0653, "0.1.0", "source tables in use";
    E0654, "0.1.0", "no snapshot of the source in time";
    E0655, "0.1.0", "reading the source failed";
    E0656, "0.1.0", "broadcast relation too large";
    E0660, "0.1.0", "another run is under way";
    E0661, "0.1.0", "target tables in use";
    E0662, "0.1.0", "privileges lacking on the target";
    E0663, "0.1.0", "target not empty";
    E0664, "0.1.0", "target tables unsuitable";
    E0665, "0.1.0", "writing rows failed";
    E0666, "0.1.0", "written rows violate a unique key";
    E0667, "0.1.0", "written rows violate a foreign key";
    E0668, "0.1.0", "rebuilding an index or key failed";
    E0669, "0.1.0", "target structure not restored exactly";
    E0670, "0.1.0", "row counts differ";
    E0671, "0.1.0", "outcome of the commit unknown";
    E0672, "0.1.0", "server did not commit";
    E0673, "0.1.0", "target failed";
    E0674, "0.1.0", "table or column missing in a live database";
    E0675, "0.1.0", "run interrupted";
    E0676, "0.1.0", "sessions could not be looked at";
    E0900, "0.1.0", "defect of mapwright";
}

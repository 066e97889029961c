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
    E0002, "0.1.0", "constant that cannot be read";
    E0003, "0.1.0", "nesting too deep";
    E0101, "0.1.0", "unknown table or view";
    W0101, "0.1.0", "binding that nothing uses";
    E0102, "0.1.0", "unknown column or field";
    W0102, "0.1.0", "default for what is never null";
    E0103, "0.1.0", "unknown name";
    W0103, "0.1.0", "condition that never changes";
    E0104, "0.1.0", "unknown function";
    E0105, "0.1.0", "unknown reason";
    E0106, "0.1.0", "name declared twice";
    E0107, "0.1.0", "unknown type";
    E0108, "0.1.0", "head of the file missing or repeated";
    E0109, "0.1.0", "unknown catalog";
    E0201, "0.1.0", "wrong type";
    E0202, "0.1.0", "operand that may be null";
    E0203, "0.1.0", "nullable value in a required place";
    E0204, "0.1.0", "call that can fail without `else`";
    E0205, "0.1.0", "`else` on what cannot fail";
    E0206, "0.1.0", "wrong number of arguments";
    E0208, "0.1.0", "arms of a `match`";
    E0209, "0.1.0", "severity that does not fit";
    E0210, "0.1.0", "expression in a place that cannot hold it";
    E0211, "0.1.0", "not a constant";
    E0212, "0.1.0", "not a regular expression";
    E0213, "0.1.0", "constant outside its range";
    E0301, "0.1.0", "required column without a rule";
    E0302, "0.1.0", "column set twice";
    E0304, "0.1.0", "row without a fate";
    E0305, "0.1.0", "rules for one table that disagree";
    E0306, "0.1.0", "column that the database fills";
    E0307, "0.1.0", "clause that can never apply";
    E0308, "0.1.0", "map that writes nothing";
    E0401, "0.1.0", "views that build on each other";
    W0401, "0.1.0", "uniqueness that cannot be shown";
    E0402, "0.1.0", "join whose right side is not unique";
    W0402, "0.1.0", "reference to a table that is not written";
    E0403, "0.1.0", "relation not aligned with the partition key";
    E0404, "0.1.0", "type that can only be copied";
    E0405, "0.1.0", "join without an equality";
    E0406, "0.1.0", "`ulid` without a table";
    E0407, "0.1.0", "partition key of a type without order";
    E0501, "0.1.0", "rows rejected";
    E0502, "0.1.0", "rows out of order";
    E0503, "0.1.0", "partition too large";
    E0504, "0.1.0", "row that cannot be read";
    E0601, "0.1.0", "configuration file cannot be read";
    W0601, "0.1.0", "password file is ignored";
    E0602, "0.1.0", "configuration file is not well-formed YAML";
    W0602, "0.1.0", "search path is not followed";
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
    E0613, "0.1.0", "file that cannot be read or written";
    E0614, "0.1.0", "value of a parameter";
    E0615, "0.1.0", "value of a flag";
    E0616, "0.1.0", "report of a run that is none";
    E0617, "0.1.0", "no randomness";
    E0620, "0.1.0", "catalog file cannot be read";
    E0621, "0.1.0", "catalog contradicts itself";
    E0622, "0.1.0", "no such catalog is shipped";
    E0630, "0.1.0", "database server cannot be reached";
    W0630, "0.1.0", "connection without TLS";
    E0631, "0.1.0", "unknown host";
    E0632, "0.1.0", "authentication failed";
    E0633, "0.1.0", "no such database";
    E0634, "0.1.0", "no such role";
    E0635, "0.1.0", "server has no rule for this connection";
    E0636, "0.1.0", "TLS cannot be had as demanded";
    E0637, "0.1.0", "certificate of the server is not accepted";
    E0638, "0.1.0", "database server did not answer in time";
    E0639, "0.1.0", "log-in did not succeed";
    E0640, "0.1.0", "table is missing in the database";
    W0640, "0.1.0", "constraint of the database that the mapping does not know";
    E0641, "0.1.0", "column is missing in the database";
    E0642, "0.1.0", "column has another type in the database";
    E0643, "0.1.0", "column differs in whether it can be null";
    E0644, "0.1.0", "column must be set but no rule sets it";
    E0645, "0.1.0", "key that a proof rests on is not there";
    E0646, "0.1.0", "column is generated by the database";
    E0647, "0.1.0", "foreign key that a proof rests on is not there";
    E0648, "0.1.0", "database is not of the kind expected";
    W0648, "0.1.0", "schema version that was not tested";
    E0649, "0.1.0", "catalog of a database cannot be read";
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
    E0677, "0.1.0", "target differs from what was written";
    E0678, "0.1.0", "target changed since the run";
    E0679, "0.1.0", "row refused by the target";
    E0680, "0.1.0", "PostgreSQL's server programs not found";
    E0681, "0.1.0", "throwaway cluster not started";
    E0682, "0.1.0", "no directory for a throwaway cluster";
    E0683, "0.1.0", "no account for a throwaway cluster";
    E0684, "0.1.0", "synthetic population not filled in";
    E0900, "0.1.0", "defect of mapwright";
    E0901, "0.1.0", "ledger that does not add up";
}

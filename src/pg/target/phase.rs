//! The numbered steps of a target transaction, and what an observer hears of them.

use std::fmt;
use std::time::Duration;

use crate::pg::PgError;

/// A step of the target's transaction, in the order they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The advisory lock, the locks on the tables.
    Lock,
    /// Ownership, emptiness, structure.
    Inspect,
    /// Foreign keys, keys and indexes that slow COPY are dropped, the tables truncated.
    Strip,
    /// The batches come in.
    Copy,
    /// Indexes and keys are made anew.
    RebuildIndexes,
    /// Foreign keys are made anew, and so checked.
    RebuildForeignKeys,
    /// The structure is compared with what it was before.
    CompareStructure,
    /// The planner's statistics are made.
    Analyze,
    /// The rows are counted.
    Count,
    /// COMMIT, or ROLLBACK for a dry run.
    End,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Phase; 10] = [
        Phase::Lock,
        Phase::Inspect,
        Phase::Strip,
        Phase::Copy,
        Phase::RebuildIndexes,
        Phase::RebuildForeignKeys,
        Phase::CompareStructure,
        Phase::Analyze,
        Phase::Count,
        Phase::End,
    ];

    /// Its number, from 1.
    pub fn number(self) -> u8 {
        match self {
            Phase::Lock => 1,
            Phase::Inspect => 2,
            Phase::Strip => 3,
            Phase::Copy => 4,
            Phase::RebuildIndexes => 5,
            Phase::RebuildForeignKeys => 6,
            Phase::CompareStructure => 7,
            Phase::Analyze => 8,
            Phase::Count => 9,
            Phase::End => 10,
        }
    }

    /// What is done in it, for people: "lock the tables".
    pub fn name(self) -> &'static str {
        match self {
            Phase::Lock => "lock the tables",
            Phase::Inspect => "look at the tables",
            Phase::Strip => "drop keys and indexes",
            Phase::Copy => "copy rows",
            Phase::RebuildIndexes => "rebuild indexes and keys",
            Phase::RebuildForeignKeys => "rebuild foreign keys",
            Phase::CompareStructure => "compare the structure",
            Phase::Analyze => "analyze the tables",
            Phase::Count => "count the rows",
            Phase::End => "end the transaction",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RebuiltKind {
    /// An index, of a key or not.
    Index,
    /// A foreign key.
    ForeignKey,
}

/// Something that happened in a target transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetEvent {
    /// A phase begins; nothing of it has been done.
    Started(Phase),
    /// A phase is done.
    Ended(Phase, Duration),
    /// An index or a foreign key is about to be made.
    Rebuilding {
        /// What it is.
        kind: RebuiltKind,
        /// Its name.
        name: String,
        /// Its table, with the schema.
        table: String,
        /// How many rows of that table were written; `None` for a table that is not.
        rows: Option<u64>,
        /// Its place among those of its kind, from 1.
        place: usize,
        /// How many of its kind there are.
        of: usize,
    },
    /// It has been made.
    Rebuilt {
        /// What it is.
        kind: RebuiltKind,
        /// Its name.
        name: String,
        /// How long it took.
        took: Duration,
        /// The size of an index, in bytes.
        bytes: Option<u64>,
    },
}

/// Hears of every event; an error from it ends the run as if the step had failed.
pub type TargetObserver = Box<dyn FnMut(&TargetEvent) -> Result<(), PgError> + Send>;

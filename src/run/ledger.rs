//! What became of every row: counts that add up, and samples of keys.

use serde::{Deserialize, Serialize};

use crate::plan::NodeId;
use crate::types::SeverityValue;

/// How many keys of rows are kept for a reason.
pub const SAMPLES: usize = 5;

/// What became of the rows that drive one map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapLedger {
    /// The map's name.
    pub map: String,
    /// The source table at its root.
    pub table: String,
    /// Rows that drove it.
    pub read: u64,
    /// Rows that were written, to one target table or more.
    pub written: u64,
    /// Rows that were left out, by reason.
    pub skipped: Vec<ReasonCount>,
    /// Rows that were rejected, by reason.
    pub rejected: Vec<ReasonCount>,
}

impl MapLedger {
    /// Whether every row ended exactly once.
    pub fn adds_up(&self) -> bool {
        let sum = |counts: &[ReasonCount]| counts.iter().map(|count| count.rows).sum::<u64>();
        self.read == self.written + sum(&self.skipped) + sum(&self.rejected)
    }
}

/// How many rows ended for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// The reason.
    pub reason: String,
    /// For `owner_not_migrated`: the reason of the row it belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub owner: Option<String>,
    /// How many.
    pub rows: u64,
}

/// What is known of a reason after a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonReport {
    /// The reason.
    pub reason: String,
    /// How much it matters in this run.
    pub severity: SeverityValue,
    /// How many rows it applied to.
    pub rows: u64,
    /// How many rows were left out because the row they belong to was.
    pub dependents: u64,
    /// Keys of the first rows.
    pub samples: Vec<String>,
}

/// Where and why a row was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The reason's number.
    pub reason: usize,
    /// The node that ended the row, if one did.
    pub node: Option<NodeId>,
    /// What was wrong with the value.
    pub why: String,
    /// The map or view.
    pub block: String,
    /// Its number in the plan.
    pub frame: usize,
    /// The source table at its root.
    pub table: String,
    /// The row's key.
    pub key: String,
}

/// Counts while a pass runs.
#[derive(Clone, Debug, Default)]
pub(super) struct FrameCounts {
    pub(super) read: u64,
    pub(super) written: u64,
    /// By reason.
    pub(super) ended: Vec<u64>,
    /// By the owner's reason.
    pub(super) owner: Vec<u64>,
}

/// Counts of one reason.
#[derive(Clone, Debug, Default)]
pub(super) struct ReasonCounts {
    pub(super) rows: u64,
    pub(super) dependents: u64,
    pub(super) samples: Vec<String>,
}

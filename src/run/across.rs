//! Foreign keys whose rows may refer to rows of other partitions: followed over the whole run.

use std::collections::{BTreeMap, HashMap, HashSet};

/// How many bytes may be held of a reference that leaves its partition; with more, it is left to the
/// constraint itself.
const LIMIT: usize = 64 * 1024 * 1024;
/// What a held value takes beside its bytes, about.
const HELD: usize = 48;
/// How many values without partner are kept as samples.
const SAMPLES: usize = 5;

/// What became of a foreign key whose rows may refer to rows of other partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcrossReference {
    /// The foreign key's number in the plan.
    pub reference: usize,
    /// How many rows refer to none that is written; `None` where there were too many values to hold,
    /// or only the database can compare them.
    pub rows: Option<u64>,
    /// How many distinct values these hold.
    pub values: u64,
    /// The first of the values, in PostgreSQL's binary form with integers as `bigint`; empty where a
    /// foreign key has several columns.
    pub samples: Vec<Vec<u8>>,
}

/// Values of a foreign key that leaves its partition, by what became of them so far.
#[derive(Default)]
pub(super) struct Across {
    /// Referred to or not, a row has it.
    there: HashSet<Box<[u8]>>,
    /// Referred to by so many rows, and no row has it yet.
    open: HashMap<Box<[u8]>, u64>,
    size: usize,
    given_up: bool,
}

impl Across {
    /// A row has the value in its foreign key.
    pub(super) fn refer(&mut self, value: &[u8]) {
        if self.given_up || self.there.contains(value) {
            return;
        }
        match self.open.get_mut(value) {
            Some(rows) => *rows += 1,
            None => {
                self.open.insert(value.into(), 1);
                self.hold(value.len());
            }
        }
    }

    /// A row has the value in what the foreign key refers to.
    pub(super) fn have(&mut self, value: &[u8]) {
        if self.given_up {
            return;
        }
        if self.open.remove(value).is_some() {
            self.size -= value.len() + HELD;
        }
        if self.there.insert(value.into()) {
            self.hold(value.len());
        }
    }

    fn hold(&mut self, length: usize) {
        self.size += length + HELD;
        if self.size > LIMIT {
            *self = Self {
                given_up: true,
                ..Self::default()
            };
        }
    }

    /// The rows and first values that no row fulfils; `None` where that was not followed to the end.
    pub(super) fn end(self) -> Option<(u64, u64, Vec<Vec<u8>>)> {
        if self.given_up {
            return None;
        }
        let open: BTreeMap<Box<[u8]>, u64> = self.open.into_iter().collect();
        let samples = open.keys().take(SAMPLES).map(|value| value.to_vec());
        Some((open.values().sum(), open.len() as u64, samples.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_to_hold_is_given_up() {
        let mut across = Across::default();
        across.refer(b"x");
        let long = vec![0u8; 1024];
        for number in 0u32..70_000 {
            let mut value = long.clone();
            value.extend(number.to_be_bytes());
            across.have(&value);
        }
        assert!(across.given_up && across.there.is_empty());
        assert_eq!(across.end(), None);
    }

    #[test]
    fn partners_may_come_before_and_after() {
        let mut across = Across::default();
        across.have(b"a");
        for value in [b"a", b"b", b"c", b"c"] {
            across.refer(value);
        }
        across.have(b"b");
        assert_eq!(across.end(), Some((2, 1, vec![b"c".to_vec()])));
    }
}

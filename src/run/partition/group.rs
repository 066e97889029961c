//! Rows gathered by equal keys.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::types::Value;

use super::{NONE, SCAN_LIMIT};

/// The groups of a frame's rows, in the order of their first rows.
#[derive(Default)]
pub(super) struct Groups<'b> {
    /// The keys of the groups, one after the other.
    keys: Vec<Value<'b>>,
    /// Where many groups are, those of each hash.
    by_hash: HashMap<u64, Vec<u32>>,
    /// The rows that were added, each with its group.
    rows: Vec<(u32, u32)>,
    /// The same rows by group, and where each group's are.
    members: Vec<u32>,
    ranges: Vec<Range<usize>>,
}

impl<'b> Groups<'b> {
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.by_hash.clear();
        self.rows.clear();
        self.members.clear();
        self.ranges.clear();
    }

    /// How many groups.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The rows of a group, in the order they were added.
    pub(super) fn members(&self, group: u32) -> &[u32] {
        let range = self.ranges.get(group as usize);
        let members = range.and_then(|range| self.members.get(range.clone()));
        members.unwrap_or_default()
    }

    /// Adds a row to the group of its key; nulls are equal here.
    pub(super) fn add(&mut self, key: &[Value<'b>], row: u32) {
        let group = self.find(key).unwrap_or_else(|| self.begin(key));
        self.rows.push((group, row));
        if let Some(range) = self.ranges.get_mut(group as usize) {
            range.end += 1;
        }
    }

    fn key(&self, group: u32, width: usize) -> &[Value<'b>] {
        let start = group as usize * width;
        self.keys.get(start..start + width).unwrap_or_default()
    }

    fn find(&self, key: &[Value<'b>]) -> Option<u32> {
        let is = |group: &u32| self.key(*group, key.len()) == key;
        if self.len() > SCAN_LIMIT {
            self.by_hash.get(&hash(key))?.iter().copied().find(is)
        } else {
            (0..).take(self.len()).find(is)
        }
    }

    fn begin(&mut self, key: &[Value<'b>]) -> u32 {
        let group = u32::try_from(self.len()).unwrap_or(NONE);
        self.keys.extend_from_slice(key);
        self.ranges.push(0..0);
        // With the one that makes them many, all before it are entered.
        let first = match self.len() {
            few if few <= SCAN_LIMIT => return group,
            many if many == SCAN_LIMIT + 1 => 0,
            _ => group,
        };
        for entered in first..=group {
            let hash = hash(self.key(entered, key.len()));
            self.by_hash.entry(hash).or_default().push(entered);
        }
        group
    }

    /// Puts the rows in the order of their groups, when all are added.
    pub(super) fn close(&mut self) {
        // Stable, so that the rows of a group stay in their order.
        self.rows.sort_by_key(|(group, _)| *group);
        self.members.extend(self.rows.iter().map(|(_, row)| *row));
        let mut start = 0;
        for range in &mut self.ranges {
            *range = start..start + range.end;
            start = range.end;
        }
    }
}

fn hash(key: &[Value<'_>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for value in key {
        hash_value(value, &mut hasher);
    }
    hasher.finish()
}

/// Equal values have equal hashes.
pub(super) fn hash_value(value: &Value<'_>, into: &mut impl Hasher) {
    match value {
        Value::Null => 0u8.hash(into),
        Value::Bool(value) => value.hash(into),
        Value::Int(value) | Value::Timestamp(value) | Value::Duration(value) => value.hash(into),
        Value::Text(value) | Value::Json(value) => value.hash(into),
        Value::Bytes(value) | Value::Raw(value) => value.hash(into),
        Value::Uuid(value) => value.hash(into),
        Value::Inet(value) => value.hash(into),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_equal_keys_are_together_however_many_groups_there_are() {
        for count in [1, 2, 8, 9, 10, 40] {
            let mut groups = Groups::default();
            // Twice, so that nothing of the first time is left.
            for _ in 0..2 {
                groups.clear();
                for row in 0..count * 3 {
                    let number = i64::from(row % count);
                    let key = if number == 0 {
                        Value::Null
                    } else {
                        Value::Int(number)
                    };
                    groups.add(&[key, Value::Text("same")], row);
                }
                groups.close();
                assert_eq!(groups.len(), count as usize);
                for group in 0..count {
                    let rows = [group, group + count, group + 2 * count];
                    assert_eq!(groups.members(group), rows, "{count}");
                }
            }
        }
    }
}

//! What becomes of the changes of a run that did not fail themselves.
//!
//! Invariant: the host's own rule. A later change of an item whose change is delivered again is not done either, nor is one that has read the state
//! that a change which is not done had written.

use std::collections::{BTreeMap, BTreeSet};

use crate::item::{self, Item};

/// Which item a change is of; text that is no key is equal to its like alone.
type Key = Result<Item, String>;

/// A batch under way.
#[derive(Debug, Default)]
pub(super) struct Run {
    keys: Vec<Key>,
    /// Reader and writer: positions of two changes.
    reads: BTreeSet<(u32, u32)>,
}

impl Run {
    pub(super) fn new<'k>(keys_json: impl Iterator<Item = &'k str>) -> Self {
        let key = |json: &str| item::from_json::<Item>(json).map_err(|_| json.to_owned());
        Self { keys: keys_json.map(key).collect(), reads: BTreeSet::new() }
    }

    pub(super) fn read(&mut self, reader: u32, writer: u32) {
        if reader != writer {
            self.reads.insert((reader, writer));
        }
    }

    /// `failed`: by position, whether the change is delivered again.
    pub(super) fn held_back(&self, failed: &BTreeMap<u32, bool>) -> BTreeSet<u32> {
        let mut held = BTreeSet::new();
        loop {
            let before = held.len();
            for (reader, writer) in &self.reads {
                if failed.contains_key(writer) || held.contains(writer) {
                    held.insert(*reader);
                }
            }
            let mut waiting: Vec<&Key> = Vec::new();
            for (index, key) in (0u32..).zip(&self.keys) {
                if failed.get(&index) == Some(&true) || held.contains(&index) {
                    waiting.push(key);
                } else if waiting.contains(&key) {
                    held.insert(index);
                }
            }
            held.retain(|index| !failed.contains_key(index));
            // A handler may go through its batch in any order.
            if held.len() == before {
                return held;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(keys: &[&str], reads: &[(u32, u32)], failed: &[(u32, bool)], expected: &[u32]) {
        let mut run = Run::new(keys.iter().copied());
        reads.iter().for_each(|(reader, writer)| run.read(*reader, *writer));
        let held = run.held_back(&failed.iter().copied().collect());
        assert_eq!(held.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn held_as_the_host_holds() {
        let (a, b, a_again) =
            (r#"{"p":{"S":"x"},"q":{"N":"1"}}"#, r#"{"p":{"S":"y"},"q":{"N":"1"}}"#, r#"{ "q":{"N":"1"}, "p":{"S":"x"} }"#);
        check(&[a, a], &[], &[], &[]);
        // Behind a retried change of the item, however its key is spelled; nothing before it, nothing of another.
        check(&[a, a, b, a_again], &[], &[(1, true)], &[3]);
        check(&["no key", "no key", "other"], &[], &[(0, true)], &[1]);
        // A rejected change is given up: nothing waits for it.
        check(&[a, a], &[], &[(0, false)], &[]);
        // Who read what a failed change wrote is held, whatever the failure was, and so is what comes after in turn.
        check(&[a, b], &[(1, 0)], &[(0, false)], &[1]);
        check(&[a, b, b], &[(1, 0)], &[(0, false)], &[1, 2]);
        check(&[a, a, b], &[(2, 1)], &[(0, true)], &[1, 2]);
        // In any order: the first has read what the last wrote.
        check(&[b, b, a], &[(0, 2)], &[(2, true)], &[0, 1]);
        // A change that failed is not held.
        check(&[a, a, a], &[(1, 0)], &[(0, true), (1, false)], &[2]);
        check(&[a], &[(0, 0)], &[(0, true)], &[]);
    }
}

//! Rows that the writer knows by heart, so that a hot counter costs no read.
//!
//! Invariant: `committed` holds only what the disk has. What a transaction is about to write stands apart until it has
//! committed, and when one fails everything is forgotten: the next read asks the disk.

use std::collections::HashMap;
use std::hash::Hash;

/// A bound on memory, not a tuning knob: beyond it the cache begins anew.
const ENTRIES_MAX: usize = 50_000;

#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    committed: HashMap<K, V>,
    /// Of the transaction under way.
    pending: HashMap<K, V>,
    /// Of the one commit in it that is being applied, and may yet be refused.
    staged: HashMap<K, V>,
}

impl<K: Eq + Hash, V> Cache<K, V> {
    pub(crate) fn new() -> Self {
        Self { committed: HashMap::new(), pending: HashMap::new(), staged: HashMap::new() }
    }

    /// As the transaction under way sees it; none: ask the disk.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.staged.get(key).or_else(|| self.pending.get(key)).or_else(|| self.committed.get(key))
    }

    pub(crate) fn stage(&mut self, key: K, value: V) {
        self.staged.insert(key, value);
    }

    /// The commit was applied.
    pub(crate) fn keep(&mut self) {
        self.pending.extend(self.staged.drain());
    }

    /// The commit was refused.
    pub(crate) fn discard(&mut self) {
        self.staged.clear();
    }

    /// The disk has these no more: nothing of them is written or known any longer.
    pub(crate) fn remove(&mut self, gone: impl Fn(&K) -> bool) {
        for rows in [&mut self.staged, &mut self.pending, &mut self.committed] {
            rows.retain(|key, _| !gone(key));
        }
    }

    /// What the transaction under way changes.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (&K, &V)> {
        self.pending.iter()
    }

    /// The transaction has committed.
    pub(crate) fn settle(&mut self) {
        if self.committed.len() + self.pending.len() > ENTRIES_MAX {
            self.committed.clear();
        }
        self.committed.extend(self.pending.drain());
    }

    /// The transaction has failed.
    pub(crate) fn forget(&mut self) {
        self.committed.clear();
        self.pending.clear();
        self.staged.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_commit_and_a_failed_transaction_leave_nothing() {
        let mut cache = Cache::new();
        cache.stage("a", 1);
        cache.keep();
        cache.settle();
        cache.stage("a", 2);
        cache.discard();
        assert_eq!(cache.get(&"a"), Some(&1));
        cache.stage("a", 3);
        cache.keep();
        assert_eq!(cache.get(&"a"), Some(&3));
        assert_eq!(cache.pending().collect::<Vec<_>>(), [(&"a", &3)]);
        cache.forget();
        assert_eq!(cache.get(&"a"), None);
    }

    #[test]
    fn memory_is_bounded() {
        let mut cache = Cache::new();
        for n in 0..=ENTRIES_MAX {
            cache.stage(n, ());
            cache.keep();
            cache.settle();
        }
        assert_eq!(cache.committed.len(), 1);
    }
}

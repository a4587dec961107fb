//! What one call has read of its trigger's committed state.
//!
//! Invariants: a key is read from the store once in a call; however often the guest asks again, it gets the same answer: the one that the commit
//! is validated by. Counts and bytes are bounded.
//! Does not know what the call itself has written: `effects` does, and is asked first.

use std::collections::HashMap;

use tripline_core::delivery::Seen;
use tripline_core::limits::{SEEN_BYTES_MAX, SEEN_MAX};
use tripline_core::port::StateEntry;
use tripline_core::time::Timestamp;

#[derive(Debug, Default)]
pub(crate) struct SeenState {
    entries: HashMap<Box<str>, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    found: Option<StateEntry>,
    at: Timestamp,
}

impl SeenState {
    /// None: the store has not been asked yet.
    pub(crate) fn value(&self, key: &str) -> Option<Option<&[u8]>> {
        let entry = self.entries.get(key)?;
        Some(entry.found.as_ref().map(|found| &*found.value))
    }

    /// Of a key that was not seen before.
    pub(crate) fn add(&mut self, key: Box<str>, found: Option<StateEntry>, at: Timestamp) -> Result<(), String> {
        let bytes = self.bytes + key.len() + found.as_ref().map_or(0, |found| found.value.len());
        if self.entries.len() >= SEEN_MAX || bytes > SEEN_BYTES_MAX {
            return Err(format!(
                "one batch may read {SEEN_MAX} keys of state, and {SEEN_BYTES_MAX} bytes of them and their values: make the trigger's batches smaller"
            ));
        }
        self.bytes = bytes;
        self.entries.insert(key, Entry { found, at });
        Ok(())
    }

    /// In the order of the keys.
    pub(crate) fn into_seen(self) -> Vec<Seen> {
        let seen = |(key, entry): (Box<str>, Entry)| Seen { key, version: entry.found.map(|found| found.version), at: entry.at };
        let mut all: Vec<Seen> = self.entries.into_iter().map(seen).collect();
        all.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_is_kept_and_told() {
        let mut seen = SeenState::default();
        assert_eq!(seen.value("k"), None);
        let (early, late) = (Timestamp::from_ms(1), Timestamp::from_ms(2));
        seen.add("k".into(), Some(StateEntry { value: b"v".to_vec(), version: 7 }), late).unwrap();
        seen.add("gone".into(), None, early).unwrap();
        assert_eq!((seen.value("k"), seen.value("gone")), (Some(Some(&b"v"[..])), Some(None)));
        let expected = [Seen { key: "gone".into(), version: None, at: early }, Seen { key: "k".into(), version: Some(7), at: late }];
        assert_eq!(seen.into_seen(), expected);
    }

    #[test]
    fn bounds() {
        let mut seen = SeenState::default();
        let accepted = (0..SEEN_MAX + 5)
            .filter(|n| seen.add(n.to_string().into(), None, Timestamp::default()).is_ok())
            .count();
        assert_eq!(accepted, SEEN_MAX);
        let mut seen = SeenState::default();
        let large = StateEntry { value: vec![0; 1024 * 1024], version: 1 };
        let accepted = (0..80)
            .filter(|n: &u32| seen.add(n.to_string().into(), Some(large.clone()), Timestamp::default()).is_ok())
            .count();
        assert_eq!(accepted, 63);
    }
}

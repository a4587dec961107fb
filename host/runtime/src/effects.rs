//! What one call leaves behind, each piece with its change, within core's bounds; and what it read of its own writes.
//!
//! Always holds: every effect names a change of the batch; counts and bytes are bounded; effects stand in the order made.
//! Does not know what was granted.

use std::collections::{BTreeSet, HashMap};

use tripline_core::delivery::ReadFrom;
use tripline_core::effect::{Effect, Mutation};
use tripline_core::limits::{EFFECT_BYTES_MAX, EFFECTS_MAX};
use tripline_core::time::Timestamp;

#[derive(Debug)]
pub(crate) struct Effects {
    changes: u32,
    made: Vec<Effect>,
    bytes: usize,
    /// Key of the state to the position in `made` of its last write.
    written: HashMap<Box<str>, usize>,
    reads: BTreeSet<ReadFrom>,
}

/// What the batch itself has written to a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Nothing: the store knows.
    Not,
    /// A value; none where it was deleted or has expired.
    Value(Option<Vec<u8>>),
}

impl Written {
    pub(crate) fn len_bytes(&self) -> usize {
        match self {
            Self::Value(Some(value)) => value.len(),
            Self::Value(None) | Self::Not => 0,
        }
    }

    pub(crate) fn into_value(self) -> Option<Vec<u8>> {
        match self {
            Self::Value(value) => value,
            Self::Not => None,
        }
    }
}

impl Effects {
    pub(crate) fn new(changes: usize) -> Self {
        Self {
            changes: u32::try_from(changes).unwrap_or(u32::MAX),
            made: Vec::new(),
            bytes: 0,
            written: HashMap::new(),
            reads: BTreeSet::new(),
        }
    }

    /// `Err` says that there is no such change.
    pub(crate) fn check_change(&self, change: u32) -> Result<(), String> {
        if change < self.changes {
            return Ok(());
        }
        Err(format!("change {change} is not in this batch of {}", self.changes))
    }

    pub(crate) fn push(&mut self, change: u32, mutation: Mutation) -> Result<(), String> {
        self.check_change(change)?;
        if self.made.len() >= EFFECTS_MAX {
            return Err(format!("more than {EFFECTS_MAX} writes in one batch: make the trigger's batches smaller"));
        }
        let bytes = self.bytes + mutation.size_bytes();
        if bytes > EFFECT_BYTES_MAX {
            return Err(format!("more than {EFFECT_BYTES_MAX} bytes of writes in one batch: make the trigger's batches smaller"));
        }
        if let Mutation::SetState { key, .. } | Mutation::DeleteState { key } = &mutation {
            self.written.insert(key.clone(), self.made.len());
        }
        self.bytes = bytes;
        self.made.push(Effect { change, mutation });
        Ok(())
    }

    /// The batch's own last write to `key`, on which `reader` depends from now on.
    pub(crate) fn read(&mut self, reader: u32, key: &str, now: Timestamp) -> Result<Written, String> {
        self.check_change(reader)?;
        let Some(effect) = self.written.get(key).map(|position| &self.made[*position]) else {
            return Ok(Written::Not);
        };
        if effect.change != reader {
            if self.reads.len() >= EFFECTS_MAX {
                return Err(format!("changes of this batch read each other's writes more than {EFFECTS_MAX} times"));
            }
            self.reads.insert(ReadFrom { reader, writer: effect.change });
        }
        Ok(Written::Value(match &effect.mutation {
            Mutation::SetState { value, expires_ms, .. } => {
                // As the store has it: alive at the very millisecond.
                let expired = expires_ms.is_some_and(|at| at < now.as_ms());
                (!expired).then(|| value.clone())
            }
            _ => None,
        }))
    }

    pub(crate) fn into_parts(self) -> (Vec<Effect>, Vec<ReadFrom>) {
        (self.made, self.reads.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &[u8], expires_ms: Option<u64>) -> Mutation {
        Mutation::SetState { key: key.into(), value: value.into(), expires_ms }
    }

    fn read(effects: &mut Effects, reader: u32, key: &str) -> Written {
        effects.read(reader, key, Timestamp::from_ms(100)).unwrap()
    }

    #[test]
    fn reads_see_the_last_write_and_depend_on_it() {
        let mut effects = Effects::new(4);
        effects.push(0, set("k", b"a", None)).unwrap();
        effects.push(1, set("k", b"b", None)).unwrap();
        assert_eq!(read(&mut effects, 1, "k"), Written::Value(Some(b"b".to_vec())));
        assert_eq!(read(&mut effects, 2, "k"), Written::Value(Some(b"b".to_vec())));
        assert_eq!(read(&mut effects, 2, "other"), Written::Not);
        effects.push(2, Mutation::DeleteState { key: "k".into() }).unwrap();
        assert_eq!(read(&mut effects, 3, "k"), Written::Value(None));
        let (made, reads) = effects.into_parts();
        assert_eq!(made.len(), 3);
        assert_eq!(reads, [ReadFrom { reader: 2, writer: 1 }, ReadFrom { reader: 3, writer: 2 }]);
    }

    #[test]
    fn an_expired_write_is_no_value_and_still_a_dependency() {
        let mut effects = Effects::new(2);
        effects.push(0, set("gone", b"a", Some(99))).unwrap();
        effects.push(0, set("there", b"a", Some(100))).unwrap();
        assert_eq!(read(&mut effects, 1, "gone"), Written::Value(None));
        assert_eq!(read(&mut effects, 1, "there"), Written::Value(Some(b"a".to_vec())));
        assert_eq!(effects.into_parts().1, [ReadFrom { reader: 1, writer: 0 }]);
    }

    #[test]
    fn bounds() {
        let mut effects = Effects::new(1);
        assert!(effects.push(1, set("k", b"", None)).is_err());
        assert!(effects.read(1, "k", Timestamp::default()).is_err());
        let megabyte = vec![0; 1024 * 1024];
        let accepted = (0..40).filter(|_| effects.push(0, set("k", &megabyte, None)).is_ok()).count();
        assert_eq!(accepted, 31);
        let mut effects = Effects::new(1);
        let accepted = (0..EFFECTS_MAX + 5).filter(|_| effects.push(0, set("k", b"", None)).is_ok()).count();
        assert_eq!(accepted, EFFECTS_MAX);
    }
}

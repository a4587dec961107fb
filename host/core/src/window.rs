//! The changes of a shard that some trigger still needs, held once for all triggers.
//!
//! Invariant: positions count up from 0 as changes are read and never come again; what is below the lowest cursor is let go.
//! Bounded in bytes: when it is full the reader waits, and at most one page comes on top.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::change::Change;

#[derive(Debug)]
pub struct Window {
    changes: VecDeque<Arc<Change>>,
    /// Position of the front.
    first: u64,
    bytes: usize,
    bytes_max: usize,
}

impl Window {
    pub fn new(bytes_max: usize) -> Self {
        Self { changes: VecDeque::new(), first: 0, bytes: 0, bytes_max }
    }

    pub fn has_room(&self) -> bool {
        self.bytes < self.bytes_max
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The position that the next change will get.
    pub fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    pub fn push(&mut self, change: Change) {
        self.bytes += weight(&change);
        self.changes.push_back(Arc::new(change));
    }

    /// The change at `position`; none where it is not read yet, or let go.
    pub fn get(&self, position: u64) -> Option<&Arc<Change>> {
        let index = position.checked_sub(self.first)?;
        self.changes.get(usize::try_from(index).ok()?)
    }

    /// Lets go of everything below `position`.
    pub fn release_below(&mut self, position: u64) {
        while self.first < position {
            let Some(change) = self.changes.pop_front() else { break };
            self.bytes -= weight(&change);
            self.first += 1;
        }
    }
}

/// What a change costs in memory: its bytes of the body, and about as much again as the struct and its short strings take.
fn weight(change: &Change) -> usize {
    const OVERHEAD: usize = 256;
    change.len_bytes() + OVERHEAD
}

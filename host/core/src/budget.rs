//! What all shards of a host share: the bytes that their windows may hold together, and the calls that idle ones may cost.
//!
//! Invariant: every byte taken is given back. A window that holds nothing may always take a page, so that no shard starves because others are slow:
//! what is held is bounded by the budget and one page for each shard.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes_max: usize,
    bytes: AtomicUsize,
    readers: AtomicUsize,
}

/// Polls of idle shards in a second, of a host: thousands of them are asked less often each.
const IDLE_POLLS_MAX: u64 = 1_000;

impl Budget {
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Shared { bytes_max, bytes: AtomicUsize::new(0), readers: AtomicUsize::new(0) }))
    }

    pub fn bytes(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// How long an idle shard must wait for its turn.
    pub(crate) fn idle_min(&self) -> Duration {
        let readers = self.0.readers.load(Ordering::Relaxed) as u64;
        Duration::from_millis(readers * 1_000 / IDLE_POLLS_MAX)
    }

    /// A reader more, until what is returned is dropped.
    pub(crate) fn enter(&self) -> Entered {
        self.0.readers.fetch_add(1, Ordering::Relaxed);
        Entered(self.clone())
    }

    pub(crate) fn has_room(&self) -> bool {
        self.bytes() < self.0.bytes_max
    }

    pub(crate) fn take(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// What one holder has taken of a budget; given back when it goes.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Share {
    pub(crate) fn of(budget: Budget) -> Self {
        Self { budget, bytes: 0 }
    }

    pub(crate) fn take(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.budget.take(bytes);
    }

    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.bytes -= bytes;
        self.budget.give_back(bytes);
    }

    /// As a window: who holds nothing always has.
    pub(crate) fn has_room(&self) -> bool {
        self.bytes == 0 || self.budget.has_room()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// One reader's place.
#[derive(Debug)]
pub(crate) struct Entered(Budget);

impl Entered {
    pub(crate) fn budget(&self) -> &Budget {
        &self.0
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

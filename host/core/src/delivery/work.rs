//! Changes on their way through a lane.

use std::sync::{Arc, OnceLock};

use crate::change::Change;
use crate::item_key::ItemKey;
use crate::time::Timestamp;

/// A change that was taken from the window, and how often it was delivered to no avail.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    /// Counts up in stream order, from 0 in each run.
    pub(super) no: u64,
    pub(super) change: Arc<Change>,
    pub(super) attempts: u32,
    pub(super) first_attempt: Option<Timestamp>,
    /// It was to be given up, and `Then::Block` says not to.
    pub(super) blocked: bool,
    item: OnceLock<ItemKey>,
}

impl Taken {
    pub(super) fn new(no: u64, change: Arc<Change>) -> Self {
        Self { no, change, attempts: 0, first_attempt: None, blocked: false, item: OnceLock::new() }
    }

    /// It was delivered before.
    pub(super) fn after(self, attempts: u32, first_attempt: Timestamp) -> Self {
        Self { attempts, first_attempt: Some(first_attempt), ..self }
    }

    /// Read once, and only of changes that something of their item may have to wait for.
    pub(super) fn item(&self) -> ItemKey {
        *self.item.get_or_init(|| ItemKey::of(&self.change))
    }

    /// What it costs in memory while it waits.
    pub(super) fn weight(&self) -> usize {
        const OVERHEAD: usize = 512;
        self.change.len_bytes() + OVERHEAD
    }

    /// It will be here for longer than its page.
    pub(super) fn stay(&mut self) {
        if !self.change.is_alone() {
            self.change = Arc::new(self.change.alone());
        }
    }
}

/// Changes that go out together, in stream order.
#[derive(Clone, Debug, Default)]
pub(super) struct Work {
    pub(super) changes: Vec<Taken>,
    pub(super) not_before: Timestamp,
    /// Deliveries in a row that ended before the plugin ran, or that lost to another's write: they cost no attempt, and yet must not come at once again.
    pub(super) free_tries: u32,
}

impl Work {
    pub(super) fn of(changes: Vec<Taken>) -> Self {
        Self { changes, ..Self::default() }
    }

    /// Changes are in stream order, so the first was created first, to the second that creation is cut to.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.changes.first().map(|taken| taken.change.created)
    }

    pub(super) fn items(&self) -> impl Iterator<Item = ItemKey> + '_ {
        self.changes.iter().map(Taken::item)
    }
}

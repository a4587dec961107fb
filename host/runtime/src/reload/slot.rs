//! The version that a trigger runs now.
//!
//! Always holds: reading takes no lock; whoever has read a version keeps it until it is done with it.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::plugin::Plugin;

/// Cheap to clone; all clones are the same slot.
#[derive(Clone, Debug)]
pub struct Slot(Arc<ArcSwap<Plugin>>);

impl Slot {
    pub fn new(plugin: Plugin) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(plugin)))
    }

    /// For the next batch.
    pub fn current(&self) -> Plugin {
        Plugin::clone(&self.0.load())
    }

    pub(crate) fn swap(&self, plugin: Plugin) {
        self.0.store(Arc::new(plugin));
    }
}

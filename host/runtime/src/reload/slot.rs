//! The version that a trigger runs now, and the instances that it keeps of it.
//!
//! Always holds: reading takes no lock; whoever has read a version keeps it until it is done with it; each version has instances of its own, and
//! those of one that was swapped out are not used again.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tripline_core::delivery::{Batch, Report};
use tripline_core::name::PluginVersion;
use tripline_core::reuse::Reuse;

use crate::context::TriggerContext;
use crate::plugin::Plugin;
use crate::warm::Pool;

/// Cheap to clone; all clones are the same slot. Each trigger has one of its own.
#[derive(Clone, Debug)]
pub struct Slot(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    serving: ArcSwap<Serving>,
    reuse: Option<Reuse>,
}

#[derive(Debug)]
struct Serving {
    plugin: Plugin,
    /// None: each batch has an instance of its own.
    pool: Option<Pool>,
}

impl Serving {
    fn new(plugin: Plugin, reuse: Option<Reuse>) -> Self {
        let pool = reuse.map(|reuse| Pool::new(plugin.engine().clone(), reuse));
        Self { plugin, pool }
    }
}

impl Slot {
    /// Each batch in a fresh instance.
    pub fn new(plugin: Plugin) -> Self {
        Self::of(plugin, None)
    }

    /// Instances are kept for the next batch, within these bounds.
    pub fn warm(plugin: Plugin, reuse: Reuse) -> Self {
        Self::of(plugin, Some(reuse))
    }

    /// As `reuse` says.
    pub fn of(plugin: Plugin, reuse: Option<Reuse>) -> Self {
        Self(Arc::new(Inner { serving: ArcSwap::from_pointee(Serving::new(plugin, reuse)), reuse }))
    }

    /// For the next batch.
    pub fn current(&self) -> Plugin {
        self.0.serving.load().plugin.clone()
    }

    /// Calls the handler of the version that serves now; a swap meanwhile concerns the next batch. May be dropped at any time.
    pub async fn handle(&self, batch: &Batch, context: &TriggerContext) -> (Report, PluginVersion) {
        let Serving { plugin, pool } = &*self.0.serving.load_full();
        (plugin.handle_in(batch, context, pool.as_ref()).await, plugin.version().clone())
    }

    pub(crate) fn swap(&self, plugin: Plugin) {
        let before = self.0.serving.swap(Arc::new(Serving::new(plugin, self.0.reuse)));
        if let Some(pool) = &before.pool {
            pool.close();
        }
    }
}

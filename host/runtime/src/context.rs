//! What a trigger gives to every call of its plugin: grants, settings, limits.
//!
//! Does not know the plugin: one context outlives many versions.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tripline_core::name::TriggerName;
use tripline_core::port::Grants;
use tripline_core::signal::Signals;
use tripline_core::time::Timestamp;

/// Tells the time: the host reads the system's clock in one place.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What one call of a handler may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, all memories of the component together. The engine's own maximum holds as well.
    pub memory_bytes_max: usize,
    /// From instantiation to the result, waiting in host calls included.
    pub time_max: Duration,
}

#[derive(Clone)]
pub struct TriggerContext {
    pub trigger: TriggerName,
    pub grants: Grants,
    /// A TOML string as it is, anything else as JSON.
    pub settings: Arc<BTreeMap<String, String>>,
    pub limits: Limits,
    pub signals: Arc<dyn Signals>,
    pub clock: Clock,
    /// Some: all that a guest finds around it is the same in every run: its randomness comes from this seed and the batch, its monotonic clock counts
    /// how often it is asked. For rehearsals; none, for a host.
    pub seed: Option<u64>,
}

impl TriggerContext {
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl fmt::Debug for TriggerContext {
    /// Without the settings' values: an operator may keep a webhook's URL there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TriggerContext")
            .field("trigger", &self.trigger)
            .field("grants", &self.grants)
            .field("settings", &self.settings.keys())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

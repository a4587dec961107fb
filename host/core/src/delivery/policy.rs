//! A trigger's settings for delivery. The names are those of `tripline.toml`; the field's reference is Lambda's event source mapping.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::backoff::Backoff;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A batch goes out when it holds so many changes,
    pub records_max: usize,
    /// or so many bytes of them; a single larger change goes alone.
    pub bytes_max: usize,
    /// or when its oldest change has waited so long; zero: whatever is there goes.
    pub window: Duration,
    /// Batches of one shard that run at once: those of one item one after the other. At least one.
    pub parallelism: usize,
    /// Deliveries in all; none: unlimited.
    pub attempts_max: Option<NonZeroU32>,
    /// A change that was created longer ago is not delivered again.
    pub age_max: Duration,
    pub backoff: Backoff,
    /// A batch that fails as a whole is halved down to the culprit; halving costs no attempt.
    pub bisect: bool,
    pub then: Then,
    /// Whether an item's next change may go out while what the one before left behind is still being committed: commits are fewer then, since what
    /// is settled meanwhile is committed together. Not where the plugin reads state: it must see what the item's change before has written.
    pub delivers_ahead: bool,
}

/// What becomes of a change that is not delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Kept whole in the store.
    DeadLetter,
    /// Its item waits, and it is delivered again and again, as seldom as the back-off allows.
    Block,
    /// Counted and logged.
    Skip,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            records_max: 100,
            bytes_max: 1024 * 1024,
            window: Duration::ZERO,
            parallelism: 1,
            attempts_max: NonZeroU32::new(5),
            age_max: Duration::from_secs(24 * 60 * 60),
            backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_secs(30) },
            bisect: true,
            then: Then::DeadLetter,
            delivers_ahead: true,
        }
    }
}

//! Those who are measured. Each runs in a process of its own, reads the whole shard once, and says what that took.

pub(crate) mod floor;
pub(crate) mod native;
pub(crate) mod node;
pub(crate) mod tripline;

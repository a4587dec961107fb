//! What the runs have met, so that a reader sees that nothing is idle.

use std::fmt;

macro_rules! counters {
    ($($name:ident = $text:literal),+ $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Met { $($name),+ }

        impl Met {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

counters! {
    Changes = "changes written",
    Handled = "changes handled durably",
    Filtered = "changes filtered out",
    Redelivered = "changes delivered again",
    DeadLetters = "dead letters",
    Skipped = "changes skipped by policy",
    Conflicts = "commits that lost to another's write",
    Beside = "deliveries beside another of their lane",
    Blocked = "changes that blocked their item",
    Pauses = "pauses",
    Parallel = "changes of parallelism",
    Holds = "items held for a redrive",
    Splits = "splits",
    Rolls = "rollovers",
    Reenablings = "streams enabled again",
    Remakes = "tables made again",
    Restarts = "restarts",
    Kills = "kills",
    Drains = "drains",
    Sleeps = "sleeps of the host",
    CommitsLost = "kills between a commit and its answer",
    CommitsFailed = "commits that failed first",
    PinsLost = "kills between a pin and its answer",
    Expired = "expired iterators",
    Trimmed = "trimmed positions",
    NotFound = "shards not found",
    Throttled = "throttled polls",
    Unavailable = "failed polls",
    EmptyPages = "empty pages",
    LastPages = "last pages with changes",
    Lags = "triggers that fell behind the window",
    Merges = "triggers that caught up",
    CatchUpPages = "pages of a second reader with changes",
    WindowsFull = "full windows",
    GapsTrimmed = "gaps told: trimmed",
    GapsGone = "gaps told: gone",
    GapsOfStreams = "gaps told: whole streams",
    GapsStopped = "triggers stopped at a gap",
    ChangesLost = "changes in gaps",
    PinsMoved = "triggers that moved to the next stream",
    LostStreams = "shards begun of lost streams",
    StuckHandlers = "deliveries that hung until the end",
}

#[derive(Clone, Debug)]
pub struct Coverage([u64; Met::ALL.len()]);

impl Default for Coverage {
    fn default() -> Self {
        Self([0; Met::ALL.len()])
    }
}

impl Coverage {
    pub(crate) fn met(&mut self, met: Met) {
        self.add(met, 1);
    }

    pub(crate) fn add(&mut self, met: Met, count: u64) {
        self.0[met as usize] += count;
    }

    pub fn of(&self, met: Met) -> u64 {
        self.0[met as usize]
    }

    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(all, more)| *all += more);
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Met::ALL.iter().try_for_each(|met| writeln!(f, "{:>12}  {}", self.of(*met), met.as_str()))
    }
}

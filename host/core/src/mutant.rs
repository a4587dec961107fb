//! Deliberate bugs, one line each, for the simulator to find: what it cannot find, it does not prove.
//!
//! Invariant: without the cargo feature `mutants`, which only `cargo xtask mutants` asks for, `on` is the constant `false` and nothing of this is built.

macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Mutant { $($(#[$doc])* $name),+ }

        #[cfg(feature = "mutants")]
        impl Mutant {
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// What it does wrong.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

mutants! {
    ChildAtLatest = "a shard is begun at LATEST: what it holds already is skipped",
    LastPageDropped = "the changes of a closing shard's last page are dropped",
    EndedOnEmptyPage = "an empty page is taken for the shard's end",
    GoneAtOnce = "one answer 'not found' ends a shard",
    ExpiredAtHorizon = "an expired iterator is reopened at the horizon, and what is known is handed on again",
    TipAtOnce = "one empty page is taken for the tip",
    PastUnacknowledged = "the watermark moves past a change that is pending",
    PastUnread = "after a restart, the watermark moves past what is not read again",
    AcknowledgedForgotten = "a restart forgets what is acknowledged above the watermark",
    ParentSkipped = "a shard that has children is not read",
    ChildBeforeParent = "a child is begun while its parent is read",
    ChildBeforeDurable = "a child is begun before its parent's end is durable",
    OrphanAtOnce = "one answer without a parent is believed",
    FinishedForgotten = "one answer without a finished shard, and it is begun again",
    GapSwallowed = "a gap is not told",
    GapNotDurable = "a gap is told, and not stored",
    LatestUnpinned = "a restart of `start = latest` begins at what is latest then",
    NewestNext = "after a stream comes the newest, not the next",
    MergesEarly = "a lane that enters a feed begins one change too late",
    EvictedLost = "a lane that falls behind the window goes on at its front",
    StaysFull = "a full window lets go once, and stays full of what lanes that left needed",
    OutOfOrder = "of two settlements in one commit the later one's mutations come first",
    StretchOverPending = "two stretches of acknowledged changes become one over a pending change",
    ItemsBeside = "a change goes out beside another of its item",
    RetryOvertaken = "a later change of an item goes out while an earlier one waits for its next try",
    HalvesBeside = "the halves of a batch go out at once, whatever their items",
    ParkedForgotten = "what waits for its item is forgotten when the item is free",
    FinishesEarly = "a shard is finished while a change of it waits for another try",
    SeenDropped = "what a batch read is not validated at its commit",
    ConflictAcknowledged = "a batch that lost to another's write counts as done",
    FreeTryCosts = "a delivery that never reached the plugin, or lost to another's write, costs an attempt",
    BlockGivesUp = "a change that is to block its item is kept as a dead letter after all",
    HeldDone = "a later change of an item that failed counts as done",
    FilterIgnored = "a trigger gets what its filters do not want",
    FilteredPastPending = "what the filters do not want is acknowledged with all before it, though some is pending",
    CatchUpUnfiltered = "what the second reader reads passes no filter",
    TwoPaces = "two readers of a shard poll as fast as one each",
}

#[cfg(feature = "mutants")]
thread_local! {
    static ON: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// For this thread, from now on.
#[cfg(feature = "mutants")]
pub fn set(mutant: Option<Mutant>) {
    ON.set(mutant);
}

#[cfg(feature = "mutants")]
pub(crate) fn on(mutant: Mutant) -> bool {
    ON.get() == Some(mutant)
}

#[cfg(not(feature = "mutants"))]
pub(crate) const fn on(_: Mutant) -> bool {
    false
}

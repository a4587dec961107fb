//! Warm instances: whether one that has handled a batch may handle another.
//!
//! Invariants: an instance whose batch did not end well is never used again; no instance outlives what its trigger's config allows, in batches, age or
//! memory; what waits for a free instance comes before what is kept for later.
//! Does not know what an instance is, nor any clock.

use std::time::Duration;

use crate::signal::{HandlerResult, RetireCause};

/// Handles of the host (streams, timers, requests) that an instance may still hold between two batches: what it leaks stays bounded.
pub const HANDLES_MAX: usize = 1000;

/// What a trigger allows its instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Batches that one instance handles, at least 1.
    pub batches_max: u32,
    /// Since it was made. One that is idle ends by then as well.
    pub age_max: Duration,
    /// What it may hold between two batches.
    pub memory_bytes_max: usize,
    /// Instances that wait for their next batch.
    pub idle_max: usize,
}

/// An instance after a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// How its last batch ended.
    pub result: HandlerResult,
    /// The last one among them.
    pub batches: u32,
    pub age: Duration,
    /// Its linear memories, and what the host holds for it.
    pub memory_bytes: usize,
    /// It asked for more memory than it may have, and went on without.
    pub was_denied_memory: bool,
    pub handles: usize,
    /// Http requests without an answer, and requests' bodies that it has not ended.
    pub requests_open: usize,
}

/// What there is besides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Around {
    /// The version that it is of still serves its trigger.
    pub serves: bool,
    /// Of the same trigger and version.
    pub idle: usize,
    /// Somebody waits for room in the engine.
    pub room_wanted: bool,
}

impl Reuse {
    /// Why it must end; none: it may handle another batch.
    pub fn retires(&self, used: &Used, around: &Around) -> Option<RetireCause> {
        let memory = used.was_denied_memory || used.memory_bytes > self.memory_bytes_max;
        let causes = [
            (!ended_well(used.result), RetireCause::Failed),
            (!around.serves, RetireCause::Reload),
            (used.requests_open > 0, RetireCause::Http),
            (used.handles > HANDLES_MAX, RetireCause::Handles),
            (memory, RetireCause::Memory),
            (used.batches >= self.batches_max, RetireCause::Batches),
            (self.is_too_old(used.age), RetireCause::Age),
            (around.room_wanted, RetireCause::Room),
            (around.idle >= self.idle_max, RetireCause::Surplus),
        ];
        causes.into_iter().find(|(holds, _)| *holds).map(|(_, cause)| cause)
    }

    pub fn is_too_old(&self, age: Duration) -> bool {
        age >= self.age_max
    }
}

/// The handler returned, and spoke for each of its changes. One that gave up on the whole batch may be what is broken.
fn ended_well(result: HandlerResult) -> bool {
    matches!(result, HandlerResult::Ok | HandlerResult::Partial)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REUSE: Reuse = Reuse { batches_max: 10, age_max: Duration::from_secs(60), memory_bytes_max: 1000, idle_max: 2 };
    const USED: Used = Used {
        result: HandlerResult::Ok,
        batches: 9,
        age: Duration::from_millis(59_999),
        memory_bytes: 1000,
        was_denied_memory: false,
        handles: HANDLES_MAX,
        requests_open: 0,
    };
    const AROUND: Around = Around { serves: true, idle: 1, room_wanted: false };

    #[track_caller]
    fn check(used: Used, around: Around, expected: Option<RetireCause>) {
        assert_eq!(REUSE.retires(&used, &around), expected, "{used:?} {around:?}");
    }

    #[test]
    fn only_a_batch_that_ended_well_leaves_an_instance() {
        for result in HandlerResult::ALL {
            let well = matches!(result, HandlerResult::Ok | HandlerResult::Partial);
            check(Used { result: *result, ..USED }, AROUND, (!well).then_some(RetireCause::Failed));
        }
    }

    #[test]
    fn each_bound_ends_it_just_beyond() {
        check(USED, AROUND, None);
        check(Used { batches: 10, ..USED }, AROUND, Some(RetireCause::Batches));
        check(Used { age: Duration::from_secs(60), ..USED }, AROUND, Some(RetireCause::Age));
        check(Used { memory_bytes: 1001, ..USED }, AROUND, Some(RetireCause::Memory));
        check(Used { was_denied_memory: true, memory_bytes: 0, ..USED }, AROUND, Some(RetireCause::Memory));
        check(Used { handles: HANDLES_MAX + 1, ..USED }, AROUND, Some(RetireCause::Handles));
        check(Used { requests_open: 1, ..USED }, AROUND, Some(RetireCause::Http));
    }

    #[test]
    fn it_gives_way_to_a_new_version_to_who_waits_and_to_enough_others() {
        check(USED, Around { serves: false, ..AROUND }, Some(RetireCause::Reload));
        check(USED, Around { room_wanted: true, ..AROUND }, Some(RetireCause::Room));
        check(USED, Around { idle: 2, ..AROUND }, Some(RetireCause::Surplus));
    }

    #[test]
    fn the_first_cause_that_holds_is_told() {
        let all = Used { result: HandlerResult::Trap, batches: 10, memory_bytes: 1001, ..USED };
        let around = Around { serves: false, idle: 9, room_wanted: true };
        check(all, around, Some(RetireCause::Failed));
        check(Used { result: HandlerResult::Ok, ..all }, around, Some(RetireCause::Reload));
        check(Used { result: HandlerResult::Ok, ..all }, Around { serves: true, ..around }, Some(RetireCause::Memory));
    }

    #[test]
    fn one_batch_for_each_instance_is_as_good_as_fresh() {
        let once = Reuse { batches_max: 1, ..REUSE };
        assert_eq!(once.retires(&Used { batches: 1, ..USED }, &AROUND), Some(RetireCause::Batches));
    }
}

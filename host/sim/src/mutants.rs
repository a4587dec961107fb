//! Each deliberate bug of core, run until the simulator finds it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tripline_core::mutant::{Mutant, set};

use crate::run;

/// What became of one.
#[derive(Clone, Debug)]
pub struct Hunt {
    pub mutant: Mutant,
    /// None: it survived. Else how many seeds it took, and which rule did not hold.
    pub found: Option<(u64, String)>,
}

/// All mutants on all cores, each with seeds from `first` on, `seeds` at most.
pub fn hunt(first: u64, seeds: u64) -> Vec<Hunt> {
    let next = AtomicUsize::new(0);
    let hunts = Mutex::new(Vec::new());
    let work = || {
        while let Some(mutant) = Mutant::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
            set(Some(*mutant));
            let found = (first..first + seeds).find_map(|seed| Some((seed - first + 1, run(seed, false).broken?)));
            set(None);
            hunts.lock().unwrap_or_else(PoisonError::into_inner).push(Hunt { mutant: *mutant, found });
        }
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(work)));
    });
    let mut hunts = hunts.into_inner().unwrap_or_else(PoisonError::into_inner);
    hunts.sort_by_key(|hunt| hunt.mutant as usize);
    hunts
}

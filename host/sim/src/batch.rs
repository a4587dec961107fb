//! Many seeds, on all cores.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::coverage::Coverage;
use crate::{Run, run};

/// What many seeds came to.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub coverage: Coverage,
    pub seeds: u64,
    pub events: u64,
    /// By their seeds.
    pub broken: Vec<Run>,
}

/// Seeds from `first` on. Unless `all`, none is begun once one has failed.
pub fn run_all(first: u64, seeds: u64, all: bool) -> Batch {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let done = Mutex::new(Batch::default());
    let work = || {
        let mut mine = Batch::default();
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= seeds {
                break;
            }
            let run = run(first.wrapping_add(index), false);
            mine.coverage.merge(&run.coverage);
            mine.seeds += 1;
            mine.events += run.events;
            if run.broken.is_some() {
                stop.store(!all, Ordering::Relaxed);
                mine.broken.push(run);
            }
        }
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        done.coverage.merge(&mine.coverage);
        done.seeds += mine.seeds;
        done.events += mine.events;
        done.broken.append(&mut mine.broken);
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(work)));
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.broken.sort_by_key(|run| run.seed);
    done
}

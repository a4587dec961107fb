//! What a contestant used between two moments: processor time of the whole process, and time on the wall; and where it may run.

use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// What a contestant prints.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Used {
    /// Changes handled; each counts once for each trigger.
    pub(crate) changes: usize,
    pub(crate) cpu_seconds: f64,
    pub(crate) wall_seconds: f64,
}

impl Used {
    pub(crate) fn changes_per_cpu_second(&self) -> f64 {
        self.changes as f64 / self.cpu_seconds
    }

    pub(crate) fn cpu_us_per_change(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.changes as f64
    }
}

/// Started when everything is set up and before the first page is asked for.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    cpu: Duration,
    wall: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self { cpu: cpu(), wall: Instant::now() }
    }

    pub(crate) fn stop(&self, changes: usize) -> Used {
        let wall_seconds = self.wall.elapsed().as_secs_f64();
        Used { changes, cpu_seconds: cpu().saturating_sub(self.cpu).as_secs_f64(), wall_seconds }
    }
}

/// Of all threads of this process, in the kernel too.
fn cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.try_into().unwrap_or(0), now.tv_nsec.try_into().unwrap_or(0))
}

/// The middle one by that figure; of an even number the upper.
pub(crate) fn median<T>(mut runs: Vec<T>, figure: impl Fn(&T) -> f64) -> T {
    runs.sort_by(|one, other| figure(one).total_cmp(&figure(other)));
    runs.swap_remove(runs.len() / 2)
}

/// Server and contestant get a processor each, where there are two.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Contestant,
    Server,
}

/// This process keeps to one of the processors that it may use.
#[cfg(target_os = "linux")]
pub(crate) fn keep_to(place: Place) {
    let Ok(allowed) = sched_getaffinity(None) else { return };
    let mut processors = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor));
    let (first, Some(second)) = (processors.next(), processors.next()) else { return };
    let mut one = CpuSet::new();
    match (place, first) {
        (Place::Contestant, Some(first)) => one.set(first),
        _ => one.set(second),
    }
    // Where it is not allowed, figures vary more.
    let _ = sched_setaffinity(None, &one);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_to(_: Place) {}

//! Warm instances: those that wait for their trigger's next batch, over all triggers of an engine.
//!
//! Always holds: an instance serves one trigger with one version of its plugin; it is lent to one call, and comes back only when `core::reuse` lets it;
//! whoever waits for room in the engine gets that of an idle instance first. Each that was made is told once, and so is its end.
//! Does not know what a batch is, nor when a version is swapped: whoever does closes the pool.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tripline_core::reuse::{Around, Reuse};
use tripline_core::signal::{HandlerResult, RetireCause, Signal};

use crate::context::TriggerContext;
use crate::engine::Engine;
use crate::live::Live;

/// How late an idle instance may be gone after its age is over.
const SWEEP: Duration = Duration::from_secs(1);

/// Idle instances of all triggers: as many as the engine has room for at most, since each keeps its own.
#[derive(Default)]
pub(crate) struct Idle {
    /// The one that rests longest first.
    resting: Mutex<Vec<Resting>>,
    /// Calls that wait for room.
    waiting: AtomicUsize,
    pools: AtomicU64,
    /// The first began to rest.
    begun: Notify,
}

struct Resting {
    pool: u64,
    reuse: Reuse,
    live: Box<Live>,
}

/// Until it is dropped, whoever gives an instance back ends it instead.
pub(crate) struct Waiting<'i>(&'i Idle);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Idle {
    /// For a call that found no room: the longest idle instance ends, and the next that would become idle too.
    pub(crate) fn make_room(&self) -> Waiting<'_> {
        // Before the look: what is given back after it sees that somebody waits.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let first = {
            let mut resting = self.resting();
            (!resting.is_empty()).then(|| resting.remove(0))
        };
        if let Some(Resting { live, .. }) = first {
            retire(*live, RetireCause::Room);
        }
        Waiting(self)
    }

    fn take(&self, pool: u64) -> Option<Box<Live>> {
        let mut resting = self.resting();
        let at = resting.iter().rposition(|one| one.pool == pool)?;
        Some(resting.remove(at).live)
    }

    /// To be ended by the caller, when the others are no longer locked: memory is given back.
    fn remove(&self, which: impl Fn(&Resting) -> bool) -> Vec<Resting> {
        self.resting().extract_if(.., |one| which(one)).collect()
    }

    fn end(&self, cause: RetireCause, which: impl Fn(&Resting) -> bool) {
        for Resting { live, .. } in self.remove(which) {
            retire(*live, cause);
        }
    }

    fn is_empty(&self) -> bool {
        self.resting().is_empty()
    }

    fn resting(&self) -> MutexGuard<'_, Vec<Resting>> {
        // Nothing in here panics halfway through a change.
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn retire(live: Live, cause: RetireCause) {
    let context = &live.guest().context;
    context.signals.emit(Signal::InstanceRetired { trigger: &context.trigger, cause });
}

impl Engine {
    /// Ends idle instances whose age is over, until `stop`. Without it they end when their trigger's next batch comes.
    pub async fn sweep_instances(self, stop: CancellationToken) {
        let idle = self.idle();
        loop {
            let next = async {
                if idle.is_empty() {
                    idle.begun.notified().await;
                }
                tokio::time::sleep(SWEEP).await;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = next => idle.end(RetireCause::Age, |one| one.reuse.is_too_old(one.live.age())),
            }
        }
    }
}

/// The warm instances of one trigger, with one version of its plugin.
pub(crate) struct Pool {
    engine: Engine,
    id: u64,
    reuse: Reuse,
    /// Another version serves.
    closed: AtomicBool,
}

impl Pool {
    pub(crate) fn new(engine: Engine, reuse: Reuse) -> Self {
        let id = engine.idle().pools.fetch_add(1, Ordering::Relaxed);
        Self { engine, id, reuse, closed: AtomicBool::new(false) }
    }

    /// The one that rested last.
    pub(crate) fn take(&self) -> Option<Live> {
        loop {
            let live = self.engine.idle().take(self.id)?;
            if !self.reuse.is_too_old(live.age()) {
                return Some(*live);
            }
            retire(*live, RetireCause::Age);
        }
    }

    /// After a batch that ended so.
    pub(crate) fn give_back(&self, mut live: Live, result: HandlerResult) {
        let idle = self.engine.idle();
        let used = live.used(result);
        live.guest_mut().rest();
        let mut resting = idle.resting();
        let around = Around {
            serves: !self.closed.load(Ordering::SeqCst),
            idle: resting.iter().filter(|one| one.pool == self.id).count(),
            room_wanted: idle.waiting.load(Ordering::SeqCst) > 0,
        };
        if let Some(cause) = self.reuse.retires(&used, &around) {
            drop(resting);
            return retire(live, cause);
        }
        let is_first = resting.is_empty();
        resting.push(Resting { pool: self.id, reuse: self.reuse, live: Box::new(live) });
        drop(resting);
        if is_first {
            idle.begun.notify_one();
        }
    }

    /// Another version serves now: idle instances end, and so do those that are at work, after their batch.
    pub(crate) fn close(&self) {
        // Before the look, as in `make_room`.
        self.closed.store(true, Ordering::SeqCst);
        self.engine.idle().end(RetireCause::Reload, |one| one.pool == self.id);
    }
}

impl Drop for Pool {
    /// Nobody is left who could use them, or hear of it.
    fn drop(&mut self) {
        drop(self.engine.idle().remove(|one| one.pool == self.id));
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("id", &self.id).field("reuse", &self.reuse).finish_non_exhaustive()
    }
}

/// Told where a call of a trigger with warm instances is dropped before its end.
pub(crate) struct Lent<'c> {
    context: &'c TriggerContext,
    is_back: bool,
}

impl<'c> Lent<'c> {
    pub(crate) fn new(context: &'c TriggerContext) -> Self {
        Self { context, is_back: false }
    }

    pub(crate) fn came_back(mut self) {
        self.is_back = true;
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if !self.is_back {
            let cut_off = Signal::InstanceRetired { trigger: &self.context.trigger, cause: RetireCause::CutOff };
            self.context.signals.emit(cut_off);
        }
    }
}

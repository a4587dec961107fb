//! Delivers one trigger's dead letters again, and keeps all of them within their bounds.
//!
//! Always holds: a commit is tried until it is durable or refused; what a stop cuts short stays marked, and is taken up by the next start.
//! Decides nothing: see `tripline_core::delivery::Redrive` and `tripline_core::keeper`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tripline_core::delivery::{Batch, Redrive, RedriveStep};
use tripline_core::keeper::Keeper;
use tripline_core::letter::{Bounds, Letters, RedriveCommit, RedriveError, Swept};
use tripline_core::name::ShardId;
use tripline_core::port::{StoreError, StreamInfo};
use tripline_core::signal::{Signal, Signals};
use tripline_core::time::Timestamp;

use crate::clock;
use crate::holds::{Hold, Holds};
use crate::trigger::Trigger;

/// Letters that are in memory at once, and their bytes.
const LETTERS_MAX: usize = 1_000;
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// How often what is kept is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// One trigger's letters.
#[derive(Debug)]
pub struct RedriveTask {
    pub trigger: Arc<Trigger>,
    /// Of its stream's triggers, which it is.
    pub index: usize,
    /// The latest stream of its table.
    pub info: StreamInfo,
    pub holds: Holds,
    pub letters: Arc<dyn Letters>,
    /// Changes when letters are marked.
    pub marked: watch::Receiver<u64>,
    pub signals: Arc<dyn Signals>,
}

impl RedriveTask {
    /// Until `stop`, and until what is under way then has ended.
    pub async fn run(mut self, stop: CancellationToken) -> Result<()> {
        let mut redrive = Redrive::new(self.trigger.origin(&self.info), &self.trigger.policy, fastrand::u64(..));
        let mut hold: Option<Hold> = None;
        let mut holds = self.holds.watch();
        loop {
            holds.mark_unchanged();
            redrive.set_paused(self.holds.is_paused(self.index));
            match redrive.next(clock::now()) {
                RedriveStep::Load => {
                    self.marked.mark_unchanged();
                    let letters = self.letters.marked(&self.trigger.name, LETTERS_MAX, BYTES_MAX).await;
                    redrive.loaded(clock::now(), letters.map_err(|error| self.tell_unreadable(&error)).ok());
                }
                RedriveStep::Hold(items) => {
                    let asked = self.holds.hold(self.index, items);
                    tokio::select! {
                        () = asked.settled() => {}
                        () = stop.cancelled() => return Ok(()),
                    }
                    hold = Some(asked);
                    redrive.held();
                }
                RedriveStep::Deliver(_) if stop.is_cancelled() => return Ok(()),
                RedriveStep::Deliver(batch) => self.deliver(&mut redrive, batch).await,
                RedriveStep::Commit(commit) => self.commit(&mut redrive, *commit).await,
                RedriveStep::Release => hold = None,
                RedriveStep::WaitUntil(time) => tokio::select! {
                    () = tokio::time::sleep(clock::until(time)) => {}
                    () = stop.cancelled() => return Ok(()),
                },
                RedriveStep::Idle => tokio::select! {
                    changed = self.marked.changed() => match changed {
                        Ok(()) => redrive.wake(),
                        Err(_) => bail!("the store has ended"),
                    },
                    // It may have been paused, or go on.
                    _ = holds.changed() => {}
                    () = stop.cancelled() => return Ok(()),
                },
                RedriveStep::Busy => bail!("a redrive of {} waits for nothing: {hold:?}", self.trigger.name),
            }
        }
    }

    async fn deliver(&self, redrive: &mut Redrive, batch: Batch) {
        let trigger = &self.trigger.name;
        let bytes = batch.changes.iter().map(|change| batch.origin.view.len_bytes(change)).sum();
        self.signals.emit(Signal::Delivered { trigger, changes: batch.changes.len(), bytes });
        let (report, version) = self.trigger.handle(&batch).await;
        let settled = redrive.reported(clock::now(), report, &version);
        if let Some(reason) = &settled.reason {
            let (shard, backtrace): (&ShardId, _) = (&batch.shard, settled.backtrace.as_deref());
            self.signals
                .emit(Signal::ChangesFailed { trigger, shard, changes: settled.failed, reason, backtrace });
        }
    }

    async fn commit(&self, redrive: &mut Redrive, commit: RedriveCommit) {
        // The store tells of its failures and of conflicts.
        let result: Result<(), RedriveError> = self.letters.redriven(commit).await;
        let (done, failed) = redrive.committed(clock::now(), result);
        if done + failed > 0 {
            self.signals.emit(Signal::Redriven { trigger: &self.trigger.name, done, failed });
        }
    }

    fn tell_unreadable(&self, error: &StoreError) {
        tracing::warn!(target: "tripline::store", trigger = %self.trigger.name, %error, "dead letters cannot be read; trying again");
    }
}

/// All triggers' letters.
#[derive(Debug)]
pub struct KeepTask {
    pub bounds: Bounds,
    pub letters: Arc<dyn Letters>,
    pub signals: Arc<dyn Signals>,
}

impl KeepTask {
    /// Until `stop`.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let mut keeper = Keeper::new(self.bounds);
        loop {
            let more = match self.look(&mut keeper, clock::now()).await {
                Ok(more) => more,
                Err(error) => {
                    tracing::warn!(target: "tripline::store", %error, "the dead letters could not be looked at; trying again");
                    false
                }
            };
            let pause = if more { Duration::ZERO } else { LOOK_EVERY };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// True: there is more to drop.
    async fn look(&self, keeper: &mut Keeper, now: Timestamp) -> Result<bool, StoreError> {
        let mut swept = self.letters.sweep(None, now).await?;
        let look = keeper.look(now, &swept.kept);
        if let Some(tell) = &look.tell {
            self.signals.emit(Signal::LettersNearBounds(tell.as_deref()));
        }
        if look.drops {
            swept = self.letters.sweep(Some(self.bounds), now).await?;
        }
        let Swept { kept, dropped, more } = swept;
        for (trigger, cause, letters) in &dropped {
            self.signals.emit(Signal::LettersDropped { trigger, cause: *cause, letters: *letters });
        }
        self.signals.emit(Signal::LettersKept(&kept));
        Ok(more)
    }
}

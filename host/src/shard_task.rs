//! Acts for one shard: does what the state machine names, and tells it what came of it.
//!
//! Always holds: every action is answered by one event; a settlement is retried until it is durable, since no later one of its lane may be
//! committed before.
//! Decides nothing: see `tripline_core::shard`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tripline_core::backoff::Backoff;
use tripline_core::delivery::{Batch, Lane, RunId, Settlement};
use tripline_core::feed::ReaderId;
use tripline_core::follower::Finished;
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{Commit, CommitError, Position};
use tripline_core::shard::{Action, End, Event, ShardConsumer};
use tripline_core::signal::{PollResult, Signal};
use tripline_core::time::Timestamp;

use crate::clock;
use crate::holds::Member;
use crate::stream_task::Stream;
use crate::trigger::Trigger;

const COMMIT_BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(5) };

/// Where a shard's machine acts.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    pub(crate) stream: Arc<Stream>,
    pub(crate) arn: StreamArn,
    pub(crate) id: ShardId,
    /// Who wants to know which trigger has finished the shard.
    pub(crate) tell: mpsc::Sender<Finished>,
}

/// What a shard's task is told, in order.
#[derive(Debug)]
pub(crate) enum Told {
    /// One more trigger may read the shard.
    Join { trigger: usize, lane: Box<Lane> },
    /// An operator pauses a trigger, or has it go on.
    Paused { trigger: usize, paused: bool },
    /// So many of its batches may be under way at once from now on.
    Parallel { trigger: usize, parallelism: usize },
}

impl Told {
    fn event(self, member: &Member) -> Event {
        match self {
            Self::Join { trigger, mut lane } => {
                member.begin(trigger, &mut lane);
                Event::Joined { trigger, lane }
            }
            Self::Paused { trigger, paused } => Event::Paused { trigger, paused },
            Self::Parallel { trigger, parallelism } => Event::Parallel { trigger, parallelism },
        }
    }
}

impl Shard {
    /// Runs until all that have joined have finished the shard, or until `stop` and what was under way has ended.
    pub(crate) async fn run(
        self,
        mut consumer: ShardConsumer,
        (told, mut member): (&mut mpsc::Receiver<Told>, Member),
        stop: CancellationToken,
    ) -> Result<End> {
        // Several batches compute at once, each on whatever thread is free. A single one stays where its changes are in the
        // processor's cache, and gives way at every tick. All else waits for others.
        let mut is_shared =
            self.stream.triggers.len() > 1 || self.stream.triggers.iter().any(|trigger| trigger.policy_now().parallelism > 1);
        let mut deliveries = JoinSet::new();
        let mut waits = FuturesUnordered::new();
        let mut draining = false;
        // All that are there begin together: so they share a reader from the start.
        let mut early = VecDeque::new();
        while let Ok(told) = told.try_recv() {
            match told {
                Told::Join { trigger, mut lane } => {
                    member.begin(trigger, &mut lane);
                    consumer.add(trigger, *lane);
                }
                other => early.push_back(other.event(&member)),
            }
        }
        let mut event = Event::Woke;
        loop {
            is_shared |= matches!(event, Event::Parallel { .. });
            for action in consumer.step(clock::now(), event) {
                match action {
                    Action::End(end) => return Ok(end),
                    Action::Held { items, .. } => member.held(&items),
                    Action::Finished { trigger, complete_until } => self.finished(trigger, complete_until).await,
                    Action::Deliver { trigger, run, batch } if is_shared => {
                        drop(deliveries.spawn(self.clone().deliver((trigger, run), batch)))
                    }
                    Action::Deliver { trigger, run, batch } => waits.push(self.clone().deliver((trigger, run), batch).boxed()),
                    Action::Open { reader, position } => waits.push(self.open(reader, position).boxed()),
                    Action::Poll { reader, iterator } => waits.push(self.poll(reader, iterator).boxed()),
                    Action::Commit { trigger, settlement } => waits.push(self.commit(trigger, *settlement).boxed()),
                }
            }
            if let Some(next) = early.pop_front() {
                event = next;
                continue;
            }
            event = tokio::select! {
                Some(ended) = deliveries.join_next() => ended.context("a delivery broke down")?,
                Some(event) = waits.next() => event,
                Some(told) = told.recv() => told.event(&member),
                () = member.changed() => {
                    early.extend(member.news());
                    Event::Woke
                }
                () = wake(&consumer) => Event::Woke,
                () = stop.cancelled(), if !draining => {
                    draining = true;
                    Event::Drain
                }
            };
        }
    }

    async fn finished(&self, trigger: usize, complete_until: Option<Timestamp>) {
        let finished = Finished { stream: self.arn.clone(), shard: self.id.clone(), trigger, complete_until };
        // Refused when the host stops: then nobody begins a child.
        let _ = self.tell.send(finished).await;
    }

    /// What the stream's clock shows.
    fn stream_clock(&self) -> Timestamp {
        self.stream.source.clock(clock::now())
    }

    async fn open(&self, reader: ReaderId, position: Position) -> Event {
        let asked = self.stream_clock();
        let result = self.stream.source.iterator(&self.arn, &self.id, &position).await;
        Event::Opened { reader, asked, result }
    }

    async fn poll(&self, reader: ReaderId, iterator: Box<str>) -> Event {
        let (asked, begun) = (self.stream_clock(), Instant::now());
        let page = self.stream.source.page(&iterator).await;
        if let Ok(page) = &page {
            let result = if page.changes.is_empty() { PollResult::Empty } else { PollResult::Changes };
            let (stream, shard) = (&self.stream.name, &self.id);
            let (changes, bytes, took) = (page.changes.len(), page.len_bytes, begun.elapsed());
            self.stream.signals.emit(Signal::Polled { stream, shard, result, changes, bytes, took });
            // What the other one reads was shown before.
            if reader == ReaderId::MAIN {
                self.stream.tap.publish(&self.arn, &page.changes);
            }
        }
        Event::Polled { reader, asked, result: page }
    }

    async fn deliver(self, (trigger, run): (usize, RunId), batch: Batch) -> Event {
        let named = &self.stream.triggers[trigger];
        let bytes = batch.changes.iter().map(|change| batch.origin.view.len_bytes(change)).sum();
        self.stream
            .signals
            .emit(Signal::Delivered { trigger: &named.name, changes: batch.changes.len(), bytes });
        let (report, version) = named.handle(&batch).await;
        Event::Reported { trigger, run, report, version }
    }

    async fn commit(&self, trigger: usize, settlement: Settlement) -> Event {
        let named = &self.stream.triggers[trigger];
        let mut random = fastrand::Rng::new();
        for failures in 1.. {
            let commit = Commit {
                trigger: named.name.clone(),
                stream: self.arn.clone(),
                shard: self.id.clone(),
                checkpoint: settlement.checkpoint.clone(),
                mutations: settlement.mutations.clone(),
                dead_letters: settlement.dead_letters.clone(),
                gaps: settlement.gaps.clone(),
                seen: settlement.seen.clone(),
                now: clock::now(),
            };
            match self.stream.store.commit(commit).await {
                Ok(()) => break,
                Err(CommitError::Conflict(keys)) => return Event::Conflicted { trigger, keys },
                // The store says why it failed; here it is only tried again.
                Err(CommitError::Failed(_)) => {}
            }
            tokio::time::sleep(COMMIT_BACKOFF.delay(failures, &mut random)).await;
        }
        self.tell_durable(named, &settlement);
        Event::Committed { trigger }
    }

    /// Says what is now durable.
    fn tell_durable(&self, trigger: &Trigger, settlement: &Settlement) {
        let signals = &self.stream.signals;
        let trigger = &trigger.name;
        let changes = settlement.acknowledged + settlement.filtered;
        if changes > 0 {
            signals.emit(Signal::Acknowledged { trigger, shard: &self.id, changes });
        }
        if settlement.filtered > 0 {
            signals.emit(Signal::Filtered { trigger, shard: &self.id, changes: settlement.filtered });
        }
        for letter in &settlement.dead_letters {
            let (event_id, attempts, reason) = (&*letter.event_id, letter.attempts, &*letter.reason);
            signals.emit(Signal::DeadLettered { trigger, event_id, attempts, reason });
        }
        for letter in &settlement.skipped {
            let (event_id, attempts, reason) = (&*letter.event_id, letter.attempts, &*letter.reason);
            signals.emit(Signal::Skipped { trigger, event_id, attempts, reason });
        }
    }
}

async fn wake(consumer: &ShardConsumer) {
    match consumer.wake_at() {
        Some(time) => tokio::time::sleep(clock::until(time)).await,
        None => std::future::pending().await,
    }
}

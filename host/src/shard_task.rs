//! Acts for one shard: does what the state machine names, and tells it what came of it.
//!
//! Always holds: every action is answered by one event; a settlement is retried until it is durable, since no later one of its lane may be
//! committed before.
//! Decides nothing: see `tripline_core::shard`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tripline_core::backoff::Backoff;
use tripline_core::delivery::{Batch, Settlement};
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{Commit, Position};
use tripline_core::shard::{Action, End, Event, ShardConsumer};
use tripline_core::signal::{PollResult, Signal};

use crate::clock;
use crate::stream_task::Stream;
use crate::trigger::Trigger;

const COMMIT_BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(5) };

/// Where a shard's machine acts.
#[derive(Clone, Debug)]
pub(crate) struct Shard {
    pub(crate) stream: Arc<Stream>,
    pub(crate) arn: StreamArn,
    pub(crate) id: ShardId,
    /// In the order of the machine's lanes.
    pub(crate) triggers: Arc<[Arc<Trigger>]>,
}

impl Shard {
    /// Runs until the shard's end, or until `stop` and what was under way has ended.
    pub(crate) async fn run(self, mut consumer: ShardConsumer, stop: CancellationToken) -> Result<End> {
        // Plugins of several triggers compute at once, each on whatever thread is free. A single one stays where its changes are in the
        // processor's cache, and gives way at every tick. All else waits for others.
        let is_shared = self.triggers.len() > 1;
        let mut deliveries = JoinSet::new();
        let mut waits = FuturesUnordered::new();
        let mut event = Event::Woke;
        let mut draining = false;
        loop {
            for action in consumer.step(clock::now(), event) {
                match action {
                    Action::End(end) => return Ok(end),
                    Action::Deliver { lane, batch } if is_shared => drop(deliveries.spawn(self.clone().deliver(lane, batch))),
                    Action::Deliver { lane, batch } => waits.push(self.clone().deliver(lane, batch).boxed()),
                    Action::Open(position) => waits.push(self.open(position).boxed()),
                    Action::Poll(iterator) => waits.push(self.poll(iterator).boxed()),
                    Action::Commit { lane, settlement } => waits.push(self.commit(lane, *settlement).boxed()),
                }
            }
            event = tokio::select! {
                Some(ended) = deliveries.join_next() => ended.context("a delivery broke down")?,
                Some(event) = waits.next() => event,
                () = wake(&consumer) => Event::Woke,
                () = stop.cancelled(), if !draining => {
                    draining = true;
                    Event::Drain
                }
            };
        }
    }

    async fn open(&self, position: Position) -> Event {
        Event::Opened(self.stream.source.iterator(&self.arn, &self.id, &position).await)
    }

    async fn poll(&self, iterator: Box<str>) -> Event {
        let begun = Instant::now();
        let page = self.stream.source.page(&iterator).await;
        if let Ok(page) = &page {
            let result = if page.changes.is_empty() { PollResult::Empty } else { PollResult::Changes };
            let (stream, changes, bytes) = (&self.stream.name, page.changes.len(), page.len_bytes);
            self.stream.signals.emit(Signal::Polled { stream, result, changes, bytes, took: begun.elapsed() });
            self.stream.tap.publish(&self.arn, &page.changes);
        }
        Event::Polled(page)
    }

    async fn deliver(self, lane: usize, batch: Batch) -> Event {
        let trigger = &self.triggers[lane];
        let bytes = batch.changes.iter().map(|change| batch.origin.view.len_bytes(change)).sum();
        self.stream
            .signals
            .emit(Signal::Delivered { trigger: &trigger.name, changes: batch.changes.len(), bytes });
        let (report, version) = trigger.handle(&batch).await;
        Event::Reported { lane, report, version }
    }

    async fn commit(&self, lane: usize, settlement: Settlement) -> Event {
        let trigger = &self.triggers[lane];
        let mut random = fastrand::Rng::new();
        for failures in 1.. {
            let commit = Commit {
                trigger: trigger.name.clone(),
                stream: self.arn.clone(),
                shard: self.id.clone(),
                checkpoint: settlement.checkpoint.clone(),
                mutations: settlement.mutations.clone(),
                dead_letters: settlement.dead_letters.clone(),
                now: clock::now(),
            };
            // The store says why it failed; here it is only tried again.
            if self.stream.store.commit(commit).await.is_ok() {
                break;
            }
            tokio::time::sleep(COMMIT_BACKOFF.delay(failures, &mut random)).await;
        }
        self.tell(trigger, &settlement);
        Event::Committed { lane }
    }

    /// Says what is now durable.
    fn tell(&self, trigger: &Trigger, settlement: &Settlement) {
        let signals = &self.stream.signals;
        let trigger = &trigger.name;
        if settlement.acknowledged > 0 {
            signals.emit(Signal::Acknowledged { trigger, changes: settlement.acknowledged });
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

//! The tasks of one table's shards: one for each shard that some trigger reads, which others join.
//!
//! Invariant: a shard has one task at a time. Lanes that come when it is just ending wait for its end, and begin another.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tripline_core::delivery::Lane;
use tripline_core::feed::Reading;
use tripline_core::follower::{Begin, Finished};
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::shard::{End, ShardConsumer};
use tripline_core::signal::Signal;
use tripline_core::time::Timestamp;

use crate::shard_task::{Join, Shard};
use crate::stream_task::Stream;

type Key = (StreamArn, ShardId);

/// How a shard's task ended, and who had joined too late for it.
type Ended = (Key, Result<End>, Vec<Join>);

pub(crate) struct Shards {
    stream: Arc<Stream>,
    running: HashMap<Key, Running>,
    tasks: JoinSet<Ended>,
    tell: mpsc::Sender<Finished>,
    stop: CancellationToken,
}

struct Running {
    join: mpsc::Sender<Join>,
    /// They wait for the task's end.
    late: Vec<Join>,
    lost: Option<Timestamp>,
}

impl Shards {
    pub(crate) fn new(stream: Arc<Stream>, tell: mpsc::Sender<Finished>, stop: CancellationToken) -> Self {
        Self { stream, running: HashMap::new(), tasks: JoinSet::new(), tell, stop }
    }

    pub(crate) fn begin(&mut self, begin: Begin) {
        let trigger = &self.stream.triggers[begin.trigger];
        let origin = trigger.origin(&begin.stream);
        let lane = Lane::new(origin, begin.shard.clone(), trigger.policy.clone(), begin.checkpoint, fastrand::u64(..));
        let mut lane = lane.with(begin.since, self.stream.on_gap);
        if begin.is_new {
            lane.announce();
        }
        let join = Join { trigger: begin.trigger, lane };
        let key = (begin.stream.arn, begin.shard);
        match self.running.get_mut(&key) {
            Some(running) => {
                // Full it cannot be: it has a place for each trigger, and each joins once.
                if let Err(refused) = running.join.try_send(join) {
                    running.late.push(refused.into_inner());
                }
            }
            None => self.start(key, vec![join], begin.lost),
        }
    }

    fn start(&mut self, key: Key, joining: Vec<Join>, lost: Option<Timestamp>) {
        let stream = &self.stream;
        let (arn, id) = &key;
        stream.signals.emit(Signal::ShardOpened { stream: &stream.name, shard: id });
        let reading = Reading { lost, ..stream.reading.clone() };
        let consumer = ShardConsumer::new(stream.name.clone(), id.clone(), reading, fastrand::u64(..), stream.signals.clone());
        let (join, joined) = mpsc::channel(stream.triggers.len().max(1));
        for joining in joining {
            // As above.
            let _ = join.try_send(joining);
        }
        let shard = Shard { stream: stream.clone(), arn: arn.clone(), id: id.clone(), tell: self.tell.clone() };
        let stop = self.stop.clone();
        self.running.insert(key.clone(), Running { join, late: Vec::new(), lost });
        self.tasks.spawn(async move {
            let mut joined = joined;
            let end = shard.run(consumer, &mut joined, stop).await;
            joined.close();
            let mut late = Vec::new();
            while let Ok(join) = joined.try_recv() {
                late.push(join);
            }
            (key, end, late)
        });
    }

    /// Takes note of the end of a shard's task. Never, where none runs.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        match self.tasks.join_next().await {
            Some(ended) => self.take(ended.context("a shard's task broke down")?),
            None => std::future::pending().await,
        }
    }

    fn take(&mut self, (key, end, mut late): Ended) -> Result<()> {
        let running = self.running.remove(&key);
        if end? == End::Finished {
            self.stream.signals.emit(Signal::ShardFinished { stream: &self.stream.name, shard: &key.1 });
        }
        let (more, lost) = running.map_or((Vec::new(), None), |running| (running.late, running.lost));
        late.extend(more);
        if !late.is_empty() && !self.stop.is_cancelled() {
            self.start(key, late, lost);
        }
        Ok(())
    }

    /// Until every task has ended, having been told to stop.
    pub(crate) async fn drain(mut self) -> Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            self.take(ended.context("a shard's task broke down")?)?;
        }
        Ok(())
    }
}

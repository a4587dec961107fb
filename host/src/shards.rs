//! The tasks of one table's shards: one for each shard that some trigger reads, which others join.
//!
//! Invariant: a shard has one task at a time, which is told everything in order. Lanes that come when it is just ending wait for its end, and begin
//! another. Telling never waits.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
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

use crate::shard_task::{Shard, Told};
use crate::stream_task::Stream;

type Key = (StreamArn, ShardId);

/// What a shard's task may be told while it is busy, besides who joins.
const TOLD_MAX: usize = 16;

/// How a shard's task ended, and what it was told too late.
type Ended = (Key, Result<End>, VecDeque<Told>);

pub(crate) struct Shards {
    stream: Arc<Stream>,
    running: HashMap<Key, Running>,
    tasks: JoinSet<Ended>,
    tell: mpsc::Sender<Finished>,
    stop: CancellationToken,
    /// Which triggers are paused now.
    paused: Vec<bool>,
}

struct Running {
    tell: mpsc::Sender<Told>,
    /// For which there was no room, or which wait for the task's end. Bounded: each trigger joins once, and an operator is slow.
    late: VecDeque<Told>,
    lost: Option<Timestamp>,
}

impl Running {
    /// Nothing overtakes what is late.
    fn tell(&mut self, told: Told) {
        self.late.push_back(told);
        while let Some(told) = self.late.pop_front() {
            if let Err(refused) = self.tell.try_send(told) {
                self.late.push_front(refused.into_inner());
                return;
            }
        }
    }

    /// Once there is room for what is late; never, where nothing is, or the task is ending.
    async fn make_up(&mut self) {
        while !self.late.is_empty() {
            let Ok(permit) = self.tell.reserve().await else { break };
            if let Some(told) = self.late.pop_front() {
                permit.send(told);
            }
        }
        std::future::pending().await
    }
}

impl Shards {
    /// `paused`: for each trigger of the stream.
    pub(crate) fn new(stream: Arc<Stream>, tell: mpsc::Sender<Finished>, stop: CancellationToken, paused: Vec<bool>) -> Self {
        for (trigger, paused) in paused.iter().enumerate() {
            stream.holds.set_paused(trigger, *paused);
        }
        Self { stream, running: HashMap::new(), tasks: JoinSet::new(), tell, stop, paused }
    }

    /// Tells every shard, those that are begun later included.
    pub(crate) fn pause(&mut self, trigger: usize, paused: bool) {
        self.paused[trigger] = paused;
        self.stream.holds.set_paused(trigger, paused);
        self.running.values_mut().for_each(|running| running.tell(Told::Paused { trigger, paused }));
    }

    /// Tells every shard; those that are begun later ask the trigger.
    pub(crate) fn run_at_once(&mut self, trigger: usize, parallelism: usize) {
        self.running.values_mut().for_each(|running| running.tell(Told::Parallel { trigger, parallelism }));
    }

    pub(crate) fn begin(&mut self, begin: Begin) {
        let trigger = &self.stream.triggers[begin.trigger];
        let origin = trigger.origin(&begin.stream);
        let lane = Lane::new(origin, begin.shard.clone(), trigger.policy_now(), begin.checkpoint, fastrand::u64(..));
        let mut lane = lane.with(begin.since, self.stream.on_gap).filtered_by(self.stream.filter_of(begin.trigger));
        if begin.is_new {
            lane.announce();
        }
        lane.set_paused(self.paused[begin.trigger]);
        let join = Told::Join { trigger: begin.trigger, lane: Box::new(lane) };
        let key = (begin.stream.arn, begin.shard);
        match self.running.get_mut(&key) {
            Some(running) => running.tell(join),
            None => self.start(key, VecDeque::from([join]), begin.lost),
        }
    }

    fn start(&mut self, key: Key, telling: VecDeque<Told>, lost: Option<Timestamp>) {
        let stream = &self.stream;
        let (arn, id) = &key;
        stream.signals.emit(Signal::ShardOpened { stream: &stream.name, shard: id });
        let reading = Reading { lost, ..stream.reading.clone() };
        let consumer = ShardConsumer::new(stream.name.clone(), id.clone(), reading, fastrand::u64(..), stream.signals.clone());
        // A place for each trigger to join, and then some.
        let (tell, mut told) = mpsc::channel(stream.triggers.len() + TOLD_MAX);
        let mut running = Running { tell, late: VecDeque::new(), lost };
        telling.into_iter().for_each(|told| running.tell(told));
        let shard = Shard { stream: stream.clone(), arn: arn.clone(), id: id.clone(), tell: self.tell.clone() };
        let (stop, member) = (self.stop.clone(), stream.holds.join());
        self.running.insert(key.clone(), running);
        self.tasks.spawn(async move {
            let end = shard.run(consumer, (&mut told, member), stop).await;
            told.close();
            let mut late = VecDeque::new();
            while let Ok(told) = told.try_recv() {
                late.push_back(told);
            }
            (key, end, late)
        });
    }

    /// Takes note of the end of a shard's task, and meanwhile tells what is late. Never, where no task runs.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        let late = self.running.values_mut().filter(|running| !running.late.is_empty());
        let mut late: FuturesUnordered<_> = late.map(Running::make_up).collect();
        let ended = tokio::select! {
            Some(ended) = self.tasks.join_next() => ended,
            Some(()) = late.next() => return Ok(()),
            else => std::future::pending().await,
        };
        drop(late);
        self.take(ended.context("a shard's task broke down")?)
    }

    fn take(&mut self, (key, end, mut late): Ended) -> Result<()> {
        let running = self.running.remove(&key);
        if end? == End::Finished {
            self.stream.signals.emit(Signal::ShardFinished { stream: &self.stream.name, shard: &key.1 });
        }
        let (more, lost) = running.map_or((VecDeque::new(), None), |running| (running.late, running.lost));
        late.extend(more);
        let joins = late.iter().any(|told| matches!(told, Told::Join { .. }));
        if joins && !self.stop.is_cancelled() {
            self.start(key, late, lost);
        }
        Ok(())
    }

    /// Ends every task as a crash would: what is not committed is delivered again. When this returns, none of them commits anything
    /// more.
    pub(crate) async fn set_down(&mut self) {
        self.tasks.shutdown().await;
        self.running.clear();
    }

    /// Until every task has ended, having been told to stop.
    pub(crate) async fn drain(mut self) -> Result<()> {
        while let Some(ended) = self.tasks.join_next().await {
            self.take(ended.context("a shard's task broke down")?)?;
        }
        Ok(())
    }
}

//! Follows one table's stream: finds it, asks for its shards, runs a task for each that may be read, and goes on with the table's next stream
//! when this one is over.
//!
//! Decides nothing: see `tripline_core::follower`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tripline_admin::Tap;
use tripline_core::backoff::Backoff;
use tripline_core::checkpoint::Checkpoint;
use tripline_core::delivery::Lane;
use tripline_core::follower::{Follower, Pace, Step};
use tripline_core::name::{ShardId, StreamName, TriggerName};
use tripline_core::port::{BoxFuture, Position, Store, StreamInfo, StreamSource};
use tripline_core::reader::{Pace as ReaderPace, Reader};
use tripline_core::sequence::SequenceNumber;
use tripline_core::shard::{End, ShardConsumer};
use tripline_core::signal::{Signal, Signals};
use tripline_core::window::Window;

use crate::clock;
use crate::shard_task::Shard;
use crate::trigger::Trigger;

const ASK_BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(10) };

/// A stream of the config with all that follows it.
#[derive(Debug)]
pub struct Stream {
    pub name: StreamName,
    pub source: Arc<dyn StreamSource>,
    pub store: Arc<dyn Store>,
    pub triggers: Vec<Arc<Trigger>>,
    pub signals: Arc<dyn Signals>,
    pub pace: ReaderPace,
    pub window_bytes_max: usize,
    /// For those who watch.
    pub tap: Tap,
}

/// What is stored of this stream, by shard and trigger.
type Checkpoints = HashMap<ShardId, HashMap<TriggerName, Checkpoint>>;

/// The end of one shard's task.
type Ended = (ShardId, Result<End>);

impl Stream {
    /// Follows the table's streams one after the other, from `info` on, until `stop`.
    pub async fn run(self: Arc<Self>, mut info: StreamInfo, stop: CancellationToken) -> Result<()> {
        self.finish_older(&info, &stop).await?;
        while !stop.is_cancelled() {
            self.signals.emit(Signal::StreamFound { stream: &self.name, arn: &info.arn });
            match self.follow(&info, &stop).await? {
                Some(next) => info = next,
                None => break,
            }
        }
        Ok(())
    }

    /// Follows one stream until it is over and the table has another, which is returned; none: stopped.
    pub(crate) async fn follow(self: &Arc<Self>, info: &StreamInfo, stop: &CancellationToken) -> Result<Option<StreamInfo>> {
        self.tap.holds(info.view);
        let Some(checkpoints) = self.checkpoints(info, stop).await else { return Ok(None) };
        let mut follower = Follower::new(Pace::default(), fastrand::u64(..));
        for (shard, of_shard) in &checkpoints {
            if self
                .triggers
                .iter()
                .all(|trigger| of_shard.get(&trigger.name).is_some_and(|checkpoint| checkpoint.finished))
            {
                follower.finished_before(shard);
            }
        }
        let mut shards = Shards { stream: self.clone(), info, checkpoints, stop, tasks: JoinSet::new() };
        loop {
            let wait = match follower.next(clock::now()) {
                Step::Describe => {
                    let answer = tokio::select! {
                        answer = self.source.shards(&info.arn) => answer,
                        () = stop.cancelled() => break,
                    };
                    if let Err(error) = &answer {
                        self.signals.emit(Signal::StreamUnavailable { stream: &self.name, reason: &error.to_string() });
                    }
                    follower.described(clock::now(), answer.as_deref().map(<[_]>::to_vec));
                    continue;
                }
                Step::Start(ready) => {
                    ready.into_iter().for_each(|shard| shards.start(shard));
                    continue;
                }
                Step::Exhausted => {
                    let next = tokio::select! {
                        next = self.successor(info) => next,
                        () = stop.cancelled() => break,
                    };
                    if next.is_some() {
                        return Ok(next);
                    }
                    continue;
                }
                Step::WaitUntil(time) => clock::until(time),
                // Not while this loop awaits each answer itself.
                Step::Busy => Duration::from_secs(1),
            };
            tokio::select! {
                Some(ended) = shards.tasks.join_next() => {
                    self.note_end(&mut follower, ended.context("a shard's task broke down")?)?;
                }
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => break,
            }
        }
        while let Some(ended) = shards.tasks.join_next().await {
            ended.context("a shard's task broke down")?.1?;
        }
        Ok(None)
    }

    fn note_end(&self, follower: &mut Follower, (shard, end): Ended) -> Result<()> {
        if end? == End::Finished {
            self.signals.emit(Signal::ShardFinished { stream: &self.name, shard: &shard });
            follower.ended(clock::now(), &shard);
        }
        Ok(())
    }

    /// The shard's machine: one reader from the lowest of the triggers' cursors, and a lane for each trigger.
    fn consumer(&self, info: &StreamInfo, shard: &ShardId, stored: Option<&HashMap<TriggerName, Checkpoint>>) -> ShardConsumer {
        let checkpoint = |trigger: &Trigger| stored.and_then(|stored| stored.get(&trigger.name)).cloned().unwrap_or_default();
        let checkpoints: Vec<Checkpoint> = self.triggers.iter().map(|trigger| checkpoint(trigger)).collect();
        let reader = Reader::new(lowest(&checkpoints), self.pace, fastrand::u64(..));
        let window = Window::new(self.window_bytes_max);
        let mut consumer = ShardConsumer::new(self.name.clone(), shard.clone(), reader, window, self.signals.clone());
        for (trigger, checkpoint) in self.triggers.iter().zip(checkpoints) {
            consumer.add_lane(Lane::new(trigger.origin(info), shard.clone(), trigger.policy.clone(), checkpoint, fastrand::u64(..)));
        }
        consumer
    }

    /// The table's next stream, where there is one. One that is over already is read as it is, with whatever view it had; the latest must have what
    /// every trigger wants.
    async fn successor(&self, current: &StreamInfo) -> Option<StreamInfo> {
        match self.find_successor(current).await {
            Ok(next) => next,
            Err(reason) => {
                self.signals.emit(Signal::StreamUnavailable { stream: &self.name, reason: &reason });
                None
            }
        }
    }

    async fn find_successor(&self, current: &StreamInfo) -> Result<Option<StreamInfo>, String> {
        let next = self.source.after(&current.arn).await.map_err(|error| error.to_string())?;
        if next.arn == current.arn {
            return Ok(None);
        }
        match self.triggers.iter().find_map(|trigger| trigger.wants_more_than(&next)) {
            Some(reason) if self.source.latest().await.is_ok_and(|latest| latest.arn == next.arn) => Err(reason),
            _ => Ok(Some(next)),
        }
    }

    /// None: stopped meanwhile.
    async fn checkpoints(&self, info: &StreamInfo, stop: &CancellationToken) -> Option<Checkpoints> {
        let mut checkpoints = Checkpoints::new();
        for row in self.until_answered(stop, || self.store.checkpoints(&info.arn)).await? {
            checkpoints.entry(row.shard).or_default().insert(row.trigger, row.checkpoint);
        }
        Some(checkpoints)
    }

    /// Asks again, ever less often, until there is an answer; none: stopped meanwhile.
    pub(crate) async fn until_answered<'a, T, E: fmt::Display>(
        &self,
        stop: &CancellationToken,
        ask: impl Fn() -> BoxFuture<'a, Result<T, E>>,
    ) -> Option<T> {
        let mut random = fastrand::Rng::new();
        let mut failures = 0;
        loop {
            let answer = tokio::select! {
                answer = ask() => answer,
                () = stop.cancelled() => return None,
            };
            let reason = match answer {
                Ok(answer) => return Some(answer),
                Err(error) => error.to_string(),
            };
            failures += 1;
            self.signals.emit(Signal::StreamUnavailable { stream: &self.name, reason: &reason });
            tokio::select! {
                () = tokio::time::sleep(ASK_BACKOFF.delay(failures, &mut random)) => {}
                () = stop.cancelled() => return None,
            }
        }
    }
}

/// The tasks of one stream's shards.
struct Shards<'a> {
    stream: Arc<Stream>,
    info: &'a StreamInfo,
    /// As they were when the stream was found.
    checkpoints: Checkpoints,
    stop: &'a CancellationToken,
    tasks: JoinSet<Ended>,
}

impl Shards<'_> {
    fn start(&mut self, shard: ShardId) {
        let stream = &self.stream;
        stream.signals.emit(Signal::ShardOpened { stream: &stream.name, shard: &shard });
        let consumer = stream.consumer(self.info, &shard, self.checkpoints.get(&shard));
        let task =
            Shard { stream: stream.clone(), arn: self.info.arn.clone(), id: shard.clone(), triggers: stream.triggers.clone().into() };
        let stop = self.stop.clone();
        self.tasks.spawn(async move { (shard, task.run(consumer, stop).await) });
    }
}

/// Where the one reader of all triggers begins: after the lowest watermark of those that are not finished.
fn lowest(checkpoints: &[Checkpoint]) -> Position {
    let unfinished = checkpoints.iter().filter(|checkpoint| !checkpoint.finished);
    let watermarks: Option<Vec<&SequenceNumber>> = unfinished.map(|checkpoint| checkpoint.watermark.as_ref()).collect();
    watermarks
        .and_then(|marks| marks.into_iter().min().cloned())
        .map_or(Position::TrimHorizon, Position::After)
}

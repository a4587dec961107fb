//! Follows one table's streams for all triggers of it: asks what the follower wants to know, and runs a task for each shard that it begins.
//!
//! Decides nothing: see `tripline_core::follower`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tripline_admin::Tap;
use tripline_core::backoff::Backoff;
use tripline_core::feed::Reading;
use tripline_core::filter::FilterSet;
use tripline_core::follower::{Begin, Follower, Follows, Pace, Step};
use tripline_core::gap::{Gap, OnGap};
use tripline_core::name::{StreamArn, StreamName, TriggerName};
use tripline_core::port::{BoxFuture, FindError, PinCommit, ReadError, Store, StoreError, StreamInfo, StreamSource};
use tripline_core::rewind::Rewind;
use tripline_core::shard_graph::ShardDescription;
use tripline_core::signal::{Signal, Signals};
use tripline_core::start::{Repin, Start};
use tripline_core::time::Timestamp;

use crate::clock;
use crate::holds::Holds;
use crate::shards::Shards;
use crate::trigger::Trigger;

const PIN_BACKOFF: Backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(10) };

/// Ends of lanes that nobody has taken note of yet: then shards wait.
const FINISHED_MAX: usize = 256;

/// A stream of the config with all that follows it.
#[derive(Debug)]
pub struct Stream {
    pub name: StreamName,
    pub source: Arc<dyn StreamSource>,
    pub store: Arc<dyn Store>,
    pub triggers: Vec<Arc<Trigger>>,
    pub on_gap: OnGap,
    pub signals: Arc<dyn Signals>,
    pub reading: Reading,
    /// What dead letters hold of its shards' items.
    pub holds: Holds,
    /// For those who watch.
    pub tap: Tap,
    /// Which triggers are paused now, in their order: for all that deliver to them.
    pub paused: watch::Sender<Vec<bool>>,
}

/// What an operator wants of a table's triggers.
#[derive(Debug)]
pub enum Command {
    Pause {
        trigger: usize,
        paused: bool,
    },
    Parallel {
        trigger: usize,
        parallelism: usize,
    },
    /// The table's shards are set down, as a crash would; once it is written, all set out again.
    Rewind {
        rewind: Box<Rewind>,
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// A table's streams as they are followed, from the first step on.
#[derive(Debug)]
pub struct Way {
    /// Of a stream of the table.
    arn: StreamArn,
    follower: Follower,
    /// Found while setting out.
    begins: Vec<Begin>,
}

/// What came of a call that the follower wanted. `Timestamp`: the stream's clock, when it began.
enum Answer {
    Listed(Timestamp, Result<Vec<StreamArn>, FindError>),
    Inspected(StreamArn, Timestamp, Result<Option<StreamInfo>, ReadError>),
    Described(StreamArn, Timestamp, Result<Vec<ShardDescription>, ReadError>),
    Pinned(Vec<Repin>),
}

impl Stream {
    /// The filters of all triggers that have some, as `Reading` wants them.
    pub fn filters(triggers: &[Arc<Trigger>]) -> Arc<FilterSet> {
        Arc::new(FilterSet::new(triggers.iter().map(|trigger| &trigger.filters[..]).filter(|filters| !filters.is_empty())))
    }

    /// The trigger's place among those filters; none: it gets every change.
    pub(crate) fn filter_of(&self, trigger: usize) -> Option<usize> {
        let has_filters = |trigger: &Arc<Trigger>| !trigger.filters.is_empty();
        let before = || self.triggers[..trigger].iter().filter(|trigger| has_filters(trigger)).count();
        has_filters(&self.triggers[trigger]).then(before)
    }

    /// Makes durable where each trigger begins; `info` is the table's latest stream. What the endpoint does not tell at once is left for `run`.
    pub async fn set_out(&self, info: &StreamInfo) -> Result<Way, StoreError> {
        self.tap.holds(info.view);
        let mut follower = Follower::new(&info.arn, self.follows().await?, Pace::default(), fastrand::u64(..));
        let mut begins = Vec::new();
        while !follower.has_set_out() {
            match follower.next(clock::now()) {
                Step::Begin(more) => begins.extend(more),
                Step::TooSmall { trigger, stream } => self.tell_too_small(trigger, &stream),
                Step::Stop { trigger, gap } => self.tell_gap(trigger, &gap, true),
                step => match self.call(step) {
                    Some(call) => self.take(&mut follower, call.await),
                    None => break,
                },
            }
        }
        Ok(Way { arn: info.arn.clone(), follower, begins })
    }

    /// Follows the table's streams until `stop`.
    pub async fn run(self: Arc<Self>, way: Way, mut commands: mpsc::Receiver<Command>, stop: CancellationToken) -> Result<()> {
        let Way { arn, mut follower, begins } = way;
        let (tell, mut finished) = mpsc::channel(FINISHED_MAX);
        let mut shards = Shards::new(self.clone(), tell, stop.clone(), self.paused.borrow().clone());
        begins.into_iter().for_each(|begin| shards.begin(begin));
        let mut call: Option<BoxFuture<'_, Answer>> = None;
        loop {
            let until = match follower.next(clock::now()) {
                Step::Begin(begins) => {
                    begins.into_iter().for_each(|begin| shards.begin(begin));
                    continue;
                }
                Step::TooSmall { trigger, stream } => {
                    self.tell_too_small(trigger, &stream);
                    continue;
                }
                Step::Stop { trigger, gap } => {
                    self.tell_gap(trigger, &gap, true);
                    continue;
                }
                Step::WaitUntil(time) => Some(time),
                Step::Busy => None,
                step => {
                    call = self.call(step);
                    None
                }
            };
            tokio::select! {
                answer = answered(&mut call) => {
                    call = None;
                    self.take(&mut follower, answer);
                }
                Some(end) = finished.recv() => {
                    follower.finished(clock::now(), &end);
                }
                ended = shards.ended() => ended?,
                Some(command) = commands.recv() => match command {
                    Command::Pause { trigger, paused } => {
                        self.paused.send_modify(|all| all[trigger] = paused);
                        shards.pause(trigger, paused);
                    }
                    Command::Parallel { trigger, parallelism } => shards.run_at_once(trigger, parallelism),
                    Command::Rewind { rewind, answer } => {
                        call = None;
                        shards.set_down().await;
                        let written = self.store.rewind(*rewind).await;
                        // Of what the old tasks told, nothing counts any more: what they finished is in the store.
                        let (tell, told) = mpsc::channel(FINISHED_MAX);
                        finished = told;
                        self.signals.emit(Signal::SetDown { stream: &self.name });
                        follower = self.follower(&arn).await;
                        shards = Shards::new(self.clone(), tell, stop.clone(), self.paused.borrow().clone());
                        // Who asked may be gone.
                        let _ = answer.send(written);
                    }
                },
                () = wait(until) => {}
                () = stop.cancelled() => break,
            }
        }
        // Nor does anybody wait for what operators want.
        drop(commands);
        // Nobody waits for what lanes tell now.
        finished.close();
        shards.drain().await
    }

    /// As after a restart. Tries until the store answers.
    async fn follower(&self, table: &StreamArn) -> Follower {
        let mut random = fastrand::Rng::new();
        for failures in 1.. {
            match self.follows().await {
                Ok(follows) => return Follower::new(table, follows, Pace::default(), fastrand::u64(..)),
                Err(error) => tracing::error!(stream = %self.name, %error, "the store cannot be read; trying again"),
            }
            tokio::time::sleep(PIN_BACKOFF.delay(failures, &mut random)).await;
        }
        unreachable!("u32 does not end")
    }

    /// What is known of each trigger from before.
    async fn follows(&self) -> Result<Vec<Follows>, StoreError> {
        let names: Vec<TriggerName> = self.triggers.iter().map(|trigger| trigger.name.clone()).collect();
        let mut ways = self.store.ways(&names).await?;
        let follows = self.triggers.iter().map(|trigger| {
            let at = ways.iter().position(|way| way.trigger == trigger.name);
            let way = at.map(|at| ways.swap_remove(at));
            let (pin, start, checkpoints) = way.map_or((None, None, Vec::new()), |way| (way.pin, way.start, way.checkpoints));
            Follows {
                // Having been rewound, it is not where the config says.
                start: start.map_or(trigger.start, Start::At),
                view: trigger.view.kind,
                on_gap: self.on_gap,
                pin,
                checkpoints: checkpoints.into_iter().map(|row| (row.stream, row.shard, row.checkpoint)).collect(),
            }
        });
        Ok(follows.collect())
    }

    /// None: the step is no call.
    fn call(&self, step: Step) -> Option<BoxFuture<'_, Answer>> {
        let asked = self.source.clock(clock::now());
        match step {
            Step::List => Some(Box::pin(async move { Answer::Listed(asked, self.source.streams().await) })),
            Step::Inspect { stream, latest } => Some(Box::pin(async move {
                let found = self.source.inspect(&stream, latest).await;
                Answer::Inspected(stream, asked, found)
            })),
            Step::Describe(stream) => Some(Box::pin(async move {
                let shards = self.source.shards(&stream).await;
                Answer::Described(stream, asked, shards)
            })),
            Step::Pin(repins) => Some(Box::pin(self.pin(repins))),
            _ => None,
        }
    }

    /// Tries until it is durable.
    async fn pin(&self, repins: Vec<Repin>) -> Answer {
        let now = clock::now();
        let commit = |repin: &Repin| PinCommit { trigger: self.triggers[repin.trigger].name.clone(), repin: repin.clone(), now };
        let mut random = fastrand::Rng::new();
        for failures in 1.. {
            // The store says why it failed; here it is only tried again.
            if self.store.pin(repins.iter().map(commit).collect()).await.is_ok() {
                break;
            }
            tokio::time::sleep(PIN_BACKOFF.delay(failures, &mut random)).await;
        }
        for repin in &repins {
            if let Some((_, gap)) = &repin.gap {
                self.tell_gap(repin.trigger, gap, false);
            }
        }
        Answer::Pinned(repins)
    }

    fn take(&self, follower: &mut Follower, answer: Answer) {
        let now = clock::now();
        match answer {
            Answer::Listed(asked, result) => {
                self.tell_failed(result.as_ref().err());
                follower.listed(now, asked, result.as_ref().map(Clone::clone));
            }
            Answer::Inspected(arn, asked, result) => {
                self.tell_failed(result.as_ref().err());
                if let Ok(Some(info)) = &result {
                    self.tap.holds(info.view);
                    self.signals.emit(Signal::StreamFound { stream: &self.name, arn: &info.arn });
                }
                follower.inspected(now, asked, &arn, result.as_ref().map(Clone::clone));
            }
            Answer::Described(arn, asked, result) => {
                self.tell_failed(result.as_ref().err());
                follower.described(now, asked, &arn, result.as_ref().map(Clone::clone));
            }
            Answer::Pinned(repins) => follower.pinned(&repins),
        }
    }

    fn tell_failed(&self, error: Option<&impl fmt::Display>) {
        if let Some(error) = error {
            self.signals.emit(Signal::StreamUnavailable { stream: &self.name, reason: &error.to_string() });
        }
    }

    fn tell_too_small(&self, trigger: usize, stream: &StreamInfo) {
        if let Some(reason) = self.triggers[trigger].wants_more_than(stream) {
            self.signals.emit(Signal::StreamUnavailable { stream: &self.name, reason: &reason });
        }
    }

    fn tell_gap(&self, trigger: usize, gap: &Gap, stops: bool) {
        let trigger = &self.triggers[trigger].name;
        self.signals.emit(Signal::Gap { stream: &self.name, trigger, gap, stops });
    }
}

async fn answered(call: &mut Option<BoxFuture<'_, Answer>>) -> Answer {
    match call {
        Some(call) => call.await,
        None => std::future::pending().await,
    }
}

async fn wait(until: Option<Timestamp>) {
    match until {
        Some(time) => tokio::time::sleep(clock::until(time)).await,
        None => std::future::pending().await,
    }
}

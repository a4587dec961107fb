//! The running host, steered by name: what it knows is told, and what is ordered reaches the stream's task.
//!
//! Always holds: what an operator orders is durable before it is obeyed, and survives restarts. One order is carried out at a time, and to its end,
//! whether or not who gave it still waits: by a task of its own (`Clerk`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tripline_admin::{Failure, Health, Letters as Chosen, Operator, Question, RewindWish};
use tripline_core::letter::{LetterChoice, LetterError, Letters as _};
use tripline_core::name::{StreamArn, StreamName, TriggerName};
use tripline_core::port::{BoxFuture, ReadError, Store as _};
use tripline_core::signal::{Signal, Signals};
use tripline_store::SqliteStore;
use tripline_stream::Source;

use super::known::{Known, Live, Lives, json, unavailable};
use super::steer;
use super::view::{LettersView, ShardView, StreamDetail};
use crate::clock;
use crate::stream_task::Command;
use crate::trigger::Trigger;

const GAPS_MAX: usize = 1_000;

/// Orders that wait for the one before them; beyond it, who gives one waits.
const ORDERS_MAX: usize = 16;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    inner: Arc<Inner>,
    orders: mpsc::Sender<Order>,
}

/// Carries out what is ordered.
#[derive(Debug)]
pub(crate) struct Clerk {
    inner: Arc<Inner>,
    orders: mpsc::Receiver<Order>,
}

#[derive(Debug)]
struct Order {
    question: Question,
    answer: oneshot::Sender<Result<Value, Failure>>,
}

#[derive(Debug)]
struct Inner {
    known: Arc<Known>,
    streams: BTreeMap<StreamName, Steered>,
    store: SqliteStore,
    health: Arc<Health>,
    signals: Arc<dyn Signals>,
}

/// A stream that the host follows.
#[derive(Debug)]
pub(crate) struct Steered {
    pub(crate) source: Arc<Source>,
    /// Of the table.
    pub(crate) arn: StreamArn,
    /// In the order in which the stream's task numbers them.
    pub(crate) triggers: Vec<Arc<Trigger>>,
    pub(crate) commands: mpsc::Sender<Command>,
}

impl Control {
    pub(crate) fn new(
        known: Known,
        streams: BTreeMap<StreamName, Steered>,
        store: SqliteStore,
        (health, signals): (Arc<Health>, Arc<dyn Signals>),
    ) -> (Self, Clerk) {
        let inner = Arc::new(Inner { known: Arc::new(known), streams, store, health, signals });
        let (giving, orders) = mpsc::channel(ORDERS_MAX);
        (Self { inner: inner.clone(), orders: giving }, Clerk { inner, orders })
    }

    async fn order(&self, question: Question) -> Result<Value, Failure> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order { question, answer }).await.map_err(|_| stopping())?;
        answered.await.map_err(|_| stopping())?
    }
}

impl Clerk {
    /// Until `stop`; an order that is begun is carried out.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let Order { question, answer } = tokio::select! {
                () = stop.cancelled() => return,
                Some(order) = self.orders.recv() => order,
                else => return stop.cancelled().await,
            };
            let done = match question {
                Question::Pause(name) => self.inner.pause(name, true).await,
                Question::Resume(name) => self.inner.pause(name, false).await,
                Question::Parallel(name, parallelism) => self.inner.run_at_once(name, parallelism).await,
                Question::Rewind(name, wish) => self.inner.rewind(name, wish).await,
                other => Err(Failure::Invalid(format!("{other:?} is no order"))),
            };
            // Who gave it may be gone.
            let _ = answer.send(done);
        }
    }
}

impl Operator for Control {
    fn ask(&self, question: Question) -> BoxFuture<'_, Result<Value, Failure>> {
        let inner = &self.inner;
        Box::pin(async move {
            match question {
                order @ (Question::Pause(_) | Question::Resume(_) | Question::Parallel(..) | Question::Rewind(..)) => {
                    self.order(order).await
                }
                Question::Redrive(chosen) => letters(inner.store.mark(choice(chosen), clock::now()).await),
                Question::Drop(chosen) => letters(inner.store.drop(choice(chosen)).await),
                Question::Stream(name) => inner.stream(name).await,
                question => inner.read(question).await,
            }
        })
    }
}

impl Inner {
    async fn read(&self, question: Question) -> Result<Value, Failure> {
        let (known, lives) = (self.known.clone(), self.lives());
        let read = self.store.list(move |reader| Ok(known.answer(&question, reader, &lives)));
        let answer = read.await.map_err(unavailable)?;
        answer.unwrap_or_else(|| Err(Failure::Invalid("that is no question".to_owned())))
    }

    fn lives(&self) -> Lives {
        let triggers = self.streams.values().flat_map(|stream| &stream.triggers);
        let live = |trigger: &Arc<Trigger>| Live {
            version: Some(trigger.slot.current().version().to_string()),
            parallelism: Some(trigger.parallelism.load(Ordering::Relaxed)),
            age: self.health.iterator_age(&trigger.name),
            filtered: Some(self.health.filtered(&trigger.name)),
            shards: self.health.of_trigger(&trigger.name),
        };
        triggers.map(|trigger| (trigger.name.clone(), live(trigger))).collect()
    }

    /// The stream that the trigger follows, and its number there.
    fn steered(&self, name: &TriggerName) -> Result<(&Steered, usize), Failure> {
        let known = self.known.trigger(name)?;
        let found = self.streams.get(&known.stream).and_then(|stream| {
            let number = stream.triggers.iter().position(|trigger| trigger.name == *name)?;
            Some((stream, number))
        });
        found.ok_or_else(|| Failure::Unavailable(format!("the host does not follow the stream of trigger {name}: the log says why")))
    }

    async fn pause(&self, name: TriggerName, paused: bool) -> Result<Value, Failure> {
        let (stream, trigger) = self.steered(&name)?;
        let known = self.known.trigger(&name)?;
        if !paused {
            steer::refuse_resume(&name, known)?;
        }
        let since = paused.then(clock::now);
        self.store.pause(name.clone(), since).await.map_err(unavailable)?;
        self.signals.emit(Signal::Paused { trigger: &name, paused });
        stream.commands.send(Command::Pause { trigger, paused }).await.map_err(|_| stopping())?;
        self.read(Question::Trigger(name)).await
    }

    /// Until the host ends: the next one does as the config says.
    async fn run_at_once(&self, name: TriggerName, parallelism: usize) -> Result<Value, Failure> {
        let (stream, trigger) = self.steered(&name)?;
        stream.triggers[trigger].parallelism.store(parallelism, Ordering::Relaxed);
        stream.commands.send(Command::Parallel { trigger, parallelism }).await.map_err(|_| stopping())?;
        self.read(Question::Trigger(name)).await
    }

    async fn rewind(&self, name: TriggerName, wish: RewindWish) -> Result<Value, Failure> {
        let (stream, _) = self.steered(&name)?;
        let ways = self.store.ways(std::slice::from_ref(&name)).await.map_err(unavailable)?;
        let way = ways
            .into_iter()
            .next()
            .ok_or_else(|| Failure::Unavailable("the store knows nothing of the trigger".to_owned()))?;
        let rewinding = steer::rewinding((&self.known, &stream.source), way, &stream.arn, &wish).await?;
        if !wish.dry_run {
            let (answer, written) = oneshot::channel();
            let command = Command::Rewind { rewind: Box::new(rewinding.rewind), answer };
            stream.commands.send(command).await.map_err(|_| stopping())?;
            written.await.map_err(|_| stopping())?.map_err(unavailable)?;
            self.signals.emit(Signal::Rewound { trigger: &name, to: &rewinding.view.to });
        }
        json(rewinding.view)
    }

    /// With its shards, as DescribeStream has them now.
    async fn stream(&self, name: StreamName) -> Result<Value, Failure> {
        let known = self.known.clone();
        let steered = self.streams.get(&name);
        let arn = steered.map(|stream| stream.arn.clone());
        let read = move |reader: &tripline_store::SqliteReader| {
            let gaps = arn.as_ref().map_or(Ok(Vec::new()), |arn| reader.gaps_of_table(arn, GAPS_MAX))?;
            Ok((known.stream(&name, reader), gaps, reader.checkpoints()?))
        };
        let (stream, gaps, checkpoints) = self.store.list(read).await.map_err(unavailable)?;
        let stream = stream?;
        let mut shards = Vec::new();
        for arn in stream.arns.iter().map(|arn| StreamArn::from(arn.as_str())) {
            let Some(steered) = steered else { break };
            let details = match steered.source.details(&arn).await {
                Ok(details) => details,
                // Its triggers learn of it in their time.
                Err(ReadError::Gone(_)) => continue,
                Err(error) => return Err(Failure::Unavailable(format!("the shards of {arn} cannot be listed: {error}"))),
            };
            for shard in details.shards {
                let id = shard.description.id.to_string();
                let of_shard = || checkpoints.iter().filter(|row| row.stream == arn.as_str() && row.shard == id);
                let names = |finished: bool| of_shard().filter(|row| row.finished == finished).map(|row| row.trigger.clone()).collect();
                shards.push(ShardView {
                    stream: arn.to_string(),
                    parent: shard.description.parent.as_ref().map(ToString::to_string),
                    first: shard.first.map(Into::into),
                    last: shard.last.map(Into::into),
                    reading: names(false),
                    finished: names(true),
                    shard: id.clone(),
                });
            }
        }
        json(StreamDetail { stream, shards, gaps })
    }
}

fn stopping() -> Failure {
    Failure::Unavailable("the host is stopping: ask again when it runs".to_owned())
}

pub(super) fn choice(chosen: Chosen) -> LetterChoice {
    match chosen.ids {
        Some(ids) => LetterChoice::Ids(ids),
        None => LetterChoice::Matching { trigger: chosen.trigger.map(TriggerName::from), pattern: chosen.pattern.map(Into::into) },
    }
}

pub(super) fn letters(done: Result<u64, LetterError>) -> Result<Value, Failure> {
    match done {
        Ok(letters) => json(LettersView { letters }),
        Err(error @ LetterError::Unknown(_)) => Err(Failure::Missing(error.to_string())),
        Err(LetterError::Failed(error)) => Err(unavailable(error)),
    }
}

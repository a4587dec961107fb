//! Reads a table's stream for one who watches, where no host does: every shard after its parent, as core's reader and follower say.
//!
//! Always holds: from the tip on, nothing is passed over: a shard that begins later is read from its start. Remembers nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tripline_core::budget::Budget;
use tripline_core::change::Change;
use tripline_core::follower::{self, Finished, Follower, Follows, Step};
use tripline_core::gap::OnGap;
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{Position, ReadError, StreamInfo, StreamSource as _};
use tripline_core::reader::{self, Note, Reader};
use tripline_core::shard_graph::ShardDescription;
use tripline_core::signal::PollResult;
use tripline_core::start::Start;
use tripline_core::view::ViewType;
use tripline_stream::Source;

use crate::clock;

#[derive(Debug)]
pub(super) struct Direct {
    pub(super) source: Arc<Source>,
    pub(super) is_local: bool,
    /// Not with what the stream holds already.
    pub(super) from_tip: bool,
    pub(super) changes: Sender<Read>,
}

#[derive(Debug)]
pub(super) enum Read {
    /// Every shard stands where reading begins: nothing that is written from now on is missed.
    Begun,
    Change(Change, StreamArn),
}

/// Nobody takes what is read any more.
struct Gone;

impl Direct {
    /// Follows the table's streams one after the other, until nobody takes what is read.
    pub(super) async fn run(self: Arc<Self>, info: StreamInfo) -> Result<()> {
        if !self.from_tip && self.changes.send(Read::Begun).await.is_err() {
            return Ok(());
        }
        let mut follower = Follower::new(&info.arn, vec![self.watcher()], follower::Pace::default(), fastrand::u64(..));
        // Shards that are read from their tips; none: not known yet.
        let mut tips: Option<BTreeSet<ShardId>> = (!self.from_tip).then(BTreeSet::new);
        let to_begin = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        loop {
            let now = clock::now();
            let asked = self.source.clock(now);
            let wait = match follower.next(now) {
                Step::List => {
                    let answer = told(self.source.streams().await);
                    follower.listed(clock::now(), asked, answer.as_ref().map(Clone::clone));
                    continue;
                }
                Step::Inspect { stream, latest } => {
                    let answer = told(self.source.inspect(&stream, latest).await);
                    follower.inspected(clock::now(), asked, &stream, answer.as_ref().map(Clone::clone));
                    continue;
                }
                Step::Describe(stream) => {
                    let answer = told(self.source.shards(&stream).await);
                    if let (Ok(shards), None) = (&answer, &tips) {
                        let found = not_over(shards);
                        to_begin.store(found.len(), Ordering::Relaxed);
                        if found.is_empty() && self.changes.send(Read::Begun).await.is_err() {
                            return Ok(());
                        }
                        tips = Some(found);
                    }
                    follower.described(clock::now(), asked, &stream, answer.as_ref().map(Clone::clone));
                    continue;
                }
                // Nothing is remembered.
                Step::Pin(repins) => {
                    follower.pinned(&repins);
                    continue;
                }
                Step::Begin(begins) => {
                    for begin in begins.into_iter().filter(|begin| begin.lost.is_none()) {
                        let at_tip = tips.as_mut().is_some_and(|tips| tips.remove(&begin.shard));
                        let to_begin = at_tip.then(|| to_begin.clone());
                        let (arn, shard) = (begin.stream.arn, begin.shard);
                        let task = ShardTask { direct: self.clone(), arn: arn.clone(), shard: shard.clone(), to_begin };
                        tasks.spawn(async move { (arn, shard, task.run().await) });
                    }
                    continue;
                }
                // It wants no more than any stream holds, and stops at nothing.
                Step::TooSmall { .. } | Step::Stop { .. } => continue,
                Step::WaitUntil(time) => clock::until(time),
                // Not while this loop awaits each answer itself.
                Step::Busy => Duration::from_secs(1),
            };
            tokio::select! {
                Some(ended) = tasks.join_next() => match ended.context("a shard's reader broke down")? {
                    (stream, shard, Ok(())) => {
                        follower.finished(clock::now(), &Finished { stream, shard, trigger: 0, complete_until: None });
                    }
                    (_, _, Err(Gone)) => return Ok(()),
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Who watches is like a trigger that nobody remembers.
    fn watcher(&self) -> Follows {
        let start = if self.from_tip { Start::Latest } else { Start::TrimHorizon };
        Follows { start, view: ViewType::KeysOnly, on_gap: OnGap::Continue, pin: None, checkpoints: Vec::new() }
    }
}

fn told<T, E: std::fmt::Display>(answer: Result<T, E>) -> Result<T, E> {
    answer.inspect_err(|error| tracing::warn!(%error, "the table's streams are not known; asking again"))
}

/// Shards with children are over; the others are read from their tips.
fn not_over(shards: &[ShardDescription]) -> BTreeSet<ShardId> {
    let parents: BTreeSet<_> = shards.iter().filter_map(|shard| shard.parent.as_ref()).collect();
    let tips = shards.iter().map(|shard| &shard.id).filter(|id| !parents.contains(id));
    tips.cloned().collect()
}

struct ShardTask {
    direct: Arc<Direct>,
    arn: StreamArn,
    shard: ShardId,
    /// How many shards have yet to stand at their tips, this one among them; none: it is read from the horizon.
    to_begin: Option<Arc<AtomicUsize>>,
}

impl ShardTask {
    /// Until the shard is closed and read to its end.
    async fn run(mut self) -> Result<(), Gone> {
        let pace = if self.direct.is_local { reader::Pace::unlimited() } else { reader::Pace::aws() };
        let mut reader = Reader::new(Position::TrimHorizon, pace, fastrand::u64(..), &Budget::new(0));
        // The reader knows no tip: as long as nothing was read there, its horizon is the tip.
        let mut at_tip = self.to_begin.is_some();
        loop {
            match reader.next(clock::now()) {
                reader::Step::Open(position) => {
                    let source = &self.direct.source;
                    let opened = match position {
                        Position::TrimHorizon if at_tip => source.tip(&self.arn, &self.shard).await,
                        position => source.iterator(&self.arn, &self.shard, &position).await,
                    };
                    let is_open = opened.is_ok();
                    self.tell(reader.opened(clock::now(), opened));
                    if is_open {
                        self.begin().await?;
                    }
                }
                reader::Step::Poll(iterator) => match self.direct.source.page(&iterator).await {
                    Ok(mut page) => {
                        let note = reader.polled(clock::now(), self.direct.source.clock(clock::now()), Ok(&mut page));
                        self.tell(note);
                        at_tip &= page.changes.is_empty();
                        for change in page.changes {
                            self.send(Read::Change(change, self.arn.clone())).await?;
                        }
                    }
                    Err(error) => {
                        // What is at the horizon is older than the tip was, but a gap may hide what came after it.
                        at_tip &= !matches!(error, ReadError::Trimmed(_));
                        self.tell(reader.polled(clock::now(), self.direct.source.clock(clock::now()), Err(error)));
                    }
                },
                reader::Step::WaitUntil(time) => tokio::time::sleep(clock::until(time)).await,
                // Each call is awaited above.
                reader::Step::Busy | reader::Step::Ended => return Ok(()),
            }
        }
    }

    /// The last of the shards that begins says so.
    async fn begin(&mut self) -> Result<(), Gone> {
        match self.to_begin.take() {
            Some(left) if left.fetch_sub(1, Ordering::AcqRel) == 1 => self.send(Read::Begun).await,
            _ => Ok(()),
        }
    }

    async fn send(&self, read: Read) -> Result<(), Gone> {
        self.direct.changes.send(read).await.map_err(|_| Gone)
    }

    fn tell(&self, note: Option<Note>) {
        match note {
            None => {}
            Some(Note { result: PollResult::Trimmed | PollResult::Gone, reason }) => {
                tracing::warn!(shard = %self.shard, reason, "changes may be missing");
            }
            Some(Note { reason, .. }) => tracing::warn!(shard = %self.shard, reason, "the shard was not read; trying again"),
        }
    }
}

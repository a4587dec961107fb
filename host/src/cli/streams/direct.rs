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
use tripline_core::change::Change;
use tripline_core::follower::{self, Follower};
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{Position, ReadError, StreamInfo, StreamSource};
use tripline_core::reader::{self, Note, Reader};
use tripline_core::shard_graph::ShardDescription;
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
    pub(super) async fn run(self: Arc<Self>, mut info: StreamInfo) -> Result<()> {
        let mut from_tip = self.from_tip;
        if !from_tip && self.changes.send(Read::Begun).await.is_err() {
            return Ok(());
        }
        loop {
            match self.follow(&info, from_tip).await? {
                Some(next) => info = next,
                None => return Ok(()),
            }
            // Made after this began: all of it is new.
            from_tip = false;
        }
    }

    /// Until the stream is over and the table has another; none: nobody takes what is read.
    async fn follow(self: &Arc<Self>, info: &StreamInfo, from_tip: bool) -> Result<Option<StreamInfo>> {
        let mut follower = Follower::new(follower::Pace::default(), fastrand::u64(..));
        // Shards that are read from their tips; none: not known yet.
        let mut tips: Option<BTreeSet<ShardId>> = (!from_tip).then(BTreeSet::new);
        let to_begin = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        loop {
            let wait = match follower.next(clock::now()) {
                follower::Step::Describe => {
                    let answer = self.source.shards(&info.arn).await;
                    match &answer {
                        Ok(shards) if tips.is_none() => {
                            let found = pass_over(shards, &mut follower);
                            to_begin.store(found.len(), Ordering::Relaxed);
                            if found.is_empty() && self.changes.send(Read::Begun).await.is_err() {
                                return Ok(None);
                            }
                            tips = Some(found);
                        }
                        Ok(_) => {}
                        Err(error) => tracing::warn!(%error, "the stream's shards are not known; asking again"),
                    }
                    follower.described(clock::now(), answer.as_deref().map(<[_]>::to_vec));
                    continue;
                }
                follower::Step::Start(ready) => {
                    for shard in ready {
                        let at_tip = tips.as_ref().is_some_and(|tips| tips.contains(&shard));
                        let to_begin = at_tip.then(|| to_begin.clone());
                        let task = ShardTask { direct: self.clone(), arn: info.arn.clone(), shard: shard.clone(), to_begin };
                        tasks.spawn(async move { (shard, task.run().await) });
                    }
                    continue;
                }
                follower::Step::Exhausted => {
                    let next = self.source.after(&info.arn).await;
                    match next {
                        Ok(next) if next.arn != info.arn => return Ok(Some(next)),
                        Ok(_) => {}
                        Err(error) => tracing::warn!(%error, "the stream is over; the table's next one is not found yet"),
                    }
                    continue;
                }
                follower::Step::WaitUntil(time) => clock::until(time),
                // Not while this loop awaits each answer itself.
                follower::Step::Busy => Duration::from_secs(1),
            };
            tokio::select! {
                Some(ended) = tasks.join_next() => match ended.context("a shard's reader broke down")? {
                    (shard, Ok(())) => follower.ended(clock::now(), &shard),
                    (_, Err(Gone)) => return Ok(None),
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// Shards with children are over; the others are read from their tips.
fn pass_over(shards: &[ShardDescription], follower: &mut Follower) -> BTreeSet<ShardId> {
    let parents: BTreeSet<_> = shards.iter().filter_map(|shard| shard.parent.as_ref()).collect();
    let (over, tips): (Vec<_>, Vec<_>) = shards.iter().partition(|shard| parents.contains(&shard.id));
    over.iter().for_each(|shard| follower.finished_before(&shard.id));
    tips.into_iter().map(|shard| shard.id.clone()).collect()
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
        let mut reader = Reader::new(Position::TrimHorizon, pace, fastrand::u64(..));
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
                        let note = reader.polled(clock::now(), Ok(&mut page));
                        self.tell(note);
                        at_tip &= page.changes.is_empty();
                        for change in page.changes {
                            self.send(Read::Change(change, self.arn.clone())).await?;
                        }
                    }
                    Err(error) => {
                        // What is at the horizon is older than the tip was, but a gap may hide what came after it.
                        at_tip &= !matches!(error, ReadError::Trimmed(_));
                        self.tell(reader.polled(clock::now(), Err(error)));
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
            Some(Note::Gap { reason, .. }) => tracing::warn!(shard = %self.shard, reason, "changes may be lost"),
            Some(Note::Failed { reason, .. }) => tracing::warn!(shard = %self.shard, reason, "the shard was not read; trying again"),
        }
    }
}

//! Streams that a table had before its latest one, and that some trigger had not finished when the host stopped.
//!
//! Invariant: what is still readable of them is read before anything newer; what is not is said to be lost, once.

use std::sync::Arc;

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use tripline_core::checkpoint::Checkpoint;
use tripline_core::name::{ShardId, StreamArn, TriggerName};
use tripline_core::port::{Commit, StreamInfo};
use tripline_core::sequence::SequenceNumber;
use tripline_core::signal::Signal;

use crate::clock;
use crate::stream_task::Stream;

impl Stream {
    /// Reads to their end the older streams of which something is stored. Returns early when stopped.
    pub(crate) async fn finish_older(self: &Arc<Self>, latest: &StreamInfo, stop: &CancellationToken) -> Result<()> {
        let older = self.older(latest, stop).await;
        let is_new = |info: &StreamInfo| info.arn != latest.arn && !older.contains(&info.arn);
        for arn in &older {
            let readable = self.until_answered(stop, || self.source.closing(arn)).await;
            match readable {
                None => return Ok(()),
                Some(Some(info)) => {
                    // After it come streams of which nothing is stored, made while the host was down, and then one that is known.
                    let mut next = Some(info);
                    while let Some(info) = next {
                        self.signals.emit(Signal::StreamFound { stream: &self.name, arn: &info.arn });
                        next = self.follow(&info, stop).await?.filter(is_new);
                    }
                }
                Some(None) => self.write_off(arn, stop).await,
            }
        }
        Ok(())
    }

    /// Oldest first: a stream's ARN ends in its label, which begins with the time of its making.
    async fn older(&self, latest: &StreamInfo, stop: &CancellationToken) -> Vec<StreamArn> {
        let Some((table, _)) = latest.arn.as_str().rsplit_once('/') else { return Vec::new() };
        let stored = self.until_answered(stop, || self.store.streams()).await.unwrap_or_default();
        let of_table = |arn: &StreamArn| *arn != latest.arn && arn.as_str().rsplit_once('/').is_some_and(|(other, _)| other == table);
        let mut older: Vec<StreamArn> = stored.into_iter().filter(of_table).collect();
        older.sort();
        older
    }

    /// The stream is gone: its unfinished shards are lost beyond what was acknowledged. Said once, since they are finished by it.
    async fn write_off(&self, arn: &StreamArn, stop: &CancellationToken) {
        let stored = self.until_answered(stop, || self.store.checkpoints(arn)).await.unwrap_or_default();
        let ours = |trigger: &TriggerName| self.triggers.iter().any(|ours| ours.name == *trigger);
        for row in stored.into_iter().filter(|row| !row.checkpoint.finished && ours(&row.trigger)) {
            self.tell_gap(&row.shard, row.checkpoint.watermark.as_ref());
            let commit = Commit {
                trigger: row.trigger,
                stream: arn.clone(),
                shard: row.shard,
                checkpoint: Checkpoint { watermark: row.checkpoint.watermark, finished: true, ..Checkpoint::default() },
                mutations: Vec::new(),
                dead_letters: Vec::new(),
                now: clock::now(),
            };
            // Stopped before it was durable: the next start says it again.
            self.until_answered(stop, || self.store.commit(commit.clone())).await;
        }
    }

    fn tell_gap(&self, shard: &ShardId, after: Option<&SequenceNumber>) {
        self.signals.emit(Signal::Gap { stream: &self.name, shard, after });
    }
}

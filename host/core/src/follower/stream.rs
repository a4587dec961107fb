//! One stream of a table, as far as it is known, and when to ask for it.

use crate::backoff::Backoff;
use crate::name::StreamArn;
use crate::port::StreamInfo;
use crate::shard_graph::ShardGraph;
use crate::time::Timestamp;
use crate::view::ViewType;

use super::Pace;

/// Answers in a row that there is no such stream which it takes to believe it: what is lost is lost for good.
const GONE_MIN: u32 = 4;

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) arn: StreamArn,
    /// ListStreams told of it in this run; else it is known from the store.
    pub(super) listed: bool,
    pub(super) info: Option<StreamInfo>,
    /// It is gone.
    pub(super) lost: bool,
    pub(super) graph: ShardGraph,
    pub(super) ask_at: Timestamp,
    /// Answers in a row that did not bring what was awaited, or failed.
    pub(super) in_vain: u32,
    gone: u32,
}

impl Stream {
    pub(super) fn new(arn: StreamArn, triggers: usize) -> Self {
        Self {
            arn,
            listed: false,
            info: None,
            lost: false,
            graph: ShardGraph::new(triggers),
            ask_at: Timestamp::default(),
            in_vain: 0,
            gone: 0,
        }
    }

    pub(super) fn order(&self) -> (&str, &StreamArn) {
        (self.arn.label(), &self.arn)
    }

    /// What is said of a stream of which nobody knows more than its name.
    pub(super) fn ghost(&self, view: ViewType) -> StreamInfo {
        let mut parts = self.arn.as_str().split(':').skip(3);
        let region = parts.next().unwrap_or_default();
        let table = self.arn.as_str().split('/').nth(1).unwrap_or_default();
        StreamInfo { arn: self.arn.clone(), view, table: table.into(), region: region.into() }
    }

    pub(super) fn succeeded(&mut self, now: Timestamp) {
        self.in_vain = 0;
        self.gone = 0;
        self.ask_at = now;
    }

    pub(super) fn described(&mut self, now: Timestamp, pace: Pace, random: &mut fastrand::Rng) {
        self.gone = 0;
        let awaited = self.graph.wants_children() || self.graph.doubts();
        self.in_vain = if awaited { self.in_vain.saturating_add(1) } else { 0 };
        self.ask_at = now + if awaited { pace.urgent.delay(self.in_vain, random) } else { pace.relaxed };
    }

    pub(super) fn failed(&mut self, now: Timestamp, backoff: Backoff, random: &mut fastrand::Rng) {
        self.gone = 0;
        self.wait(now, backoff, random);
    }

    /// The endpoint says that there is no such stream.
    pub(super) fn missing(&mut self, now: Timestamp, backoff: Backoff, random: &mut fastrand::Rng) {
        self.gone += 1;
        if self.gone >= GONE_MIN {
            self.lost = true;
            self.graph.lose();
        }
        self.wait(now, backoff, random);
    }

    fn wait(&mut self, now: Timestamp, backoff: Backoff, random: &mut fastrand::Rng) {
        self.in_vain = self.in_vain.saturating_add(1);
        self.ask_at = now + backoff.delay(self.in_vain, random);
    }
}

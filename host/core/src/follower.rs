//! One stream's shards, followed: when to ask for them, and which reader to begin.
//!
//! Invariant: a shard is begun once, after its parent has ended; an end asks for children at once, and again at growing intervals until
//! they show.
//! Knows no clock: the shell asks `next` what to do at a time, does it, and says what came of it.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::name::ShardId;
use crate::port::ReadError;
use crate::shard_graph::{ShardDescription, ShardGraph};
use crate::time::Timestamp;

/// How often DescribeStream is asked: AWS allows ten calls a second per account.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// While all shards are open: finds splits whose parent this host does not read.
    pub relaxed: Duration,
    /// While an answer is awaited (children of an ended shard, a parent that was left out), and after failures.
    pub urgent: Backoff,
}

impl Default for Pace {
    fn default() -> Self {
        Self { relaxed: Duration::from_secs(30), urgent: Backoff { first: Duration::from_millis(500), max: Duration::from_secs(10) } }
    }
}

/// What the shell does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    Describe,
    /// Begin a reader for each.
    Start(Vec<ShardId>),
    WaitUntil(Timestamp),
    /// DescribeStream is under way: its end decides.
    Busy,
    /// Everything is read and the last answer knew of no more: see whether the table has a newer stream.
    Exhausted,
}

#[derive(Debug)]
pub struct Follower {
    graph: ShardGraph,
    pace: Pace,
    random: fastrand::Rng,
    describe_at: Timestamp,
    describing: bool,
    /// Answers in a row that did not bring what was awaited, or failed.
    in_vain: u32,
    /// The stream's last word came after its last shard had ended.
    exhausted: bool,
}

impl Follower {
    pub fn new(pace: Pace, seed: u64) -> Self {
        Self {
            graph: ShardGraph::default(),
            pace,
            random: fastrand::Rng::with_seed(seed),
            describe_at: Timestamp::default(),
            describing: false,
            in_vain: 0,
            exhausted: false,
        }
    }

    /// A shard that every trigger had finished before a restart.
    pub fn finished_before(&mut self, shard: &ShardId) {
        self.graph.end(shard);
    }

    /// What to do at `now`. A call that this names must be made, and its end told.
    pub fn next(&mut self, now: Timestamp) -> Step {
        let ready = self.graph.ready();
        if !ready.is_empty() {
            ready.iter().for_each(|shard| self.graph.start(shard));
            return Step::Start(ready);
        }
        if self.describing {
            return Step::Busy;
        }
        if self.exhausted {
            self.exhausted = false;
            return Step::Exhausted;
        }
        if now < self.describe_at {
            return Step::WaitUntil(self.describe_at);
        }
        self.describing = true;
        Step::Describe
    }

    pub fn described(&mut self, now: Timestamp, result: Result<Vec<ShardDescription>, &ReadError>) {
        self.describing = false;
        let answered = match result {
            Ok(shards) => {
                self.graph.observe(&shards);
                true
            }
            // The stream is gone: whatever was read of it is all there was.
            Err(ReadError::Gone(_)) => true,
            Err(_) => false,
        };
        self.exhausted = answered && self.graph.all_ended();
        let awaited = !answered || self.graph.wants_children() || self.graph.doubts();
        self.in_vain = if awaited { self.in_vain.saturating_add(1) } else { 0 };
        let wait = if awaited { self.pace.urgent.delay(self.in_vain, &mut self.random) } else { self.pace.relaxed };
        self.describe_at = now + wait;
    }

    /// Every trigger has acknowledged all of the shard, or it is gone: its children may come.
    pub fn ended(&mut self, now: Timestamp, shard: &ShardId) {
        self.graph.end(shard);
        self.in_vain = 0;
        self.describe_at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(lineage: &[(&str, Option<&str>)]) -> Vec<ShardDescription> {
        lineage
            .iter()
            .map(|(id, parent)| ShardDescription { id: (*id).into(), parent: parent.map(ShardId::from) })
            .collect()
    }

    fn at(ms: u64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn start(shards: &[&str]) -> Step {
        Step::Start(shards.iter().map(|shard| ShardId::from(*shard)).collect())
    }

    #[test]
    fn begins_roots_then_children_once_their_parent_ended() {
        let mut follower = Follower::new(Pace::default(), 1);
        assert_eq!(follower.next(at(0)), Step::Describe);
        assert_eq!(follower.next(at(0)), Step::Busy);
        follower.described(at(1), Ok(shards(&[("a", None), ("b", Some("a"))])));
        assert_eq!(follower.next(at(1)), start(&["a"]));
        assert_eq!(follower.next(at(2)), Step::WaitUntil(at(30_001)));
        follower.ended(at(5), &"a".into());
        assert_eq!(follower.next(at(5)), start(&["b"]));
    }

    #[test]
    fn an_end_asks_for_children_at_once_and_then_ever_less_often() {
        let mut follower = Follower::new(Pace::default(), 1);
        follower.next(at(0));
        follower.described(at(0), Ok(shards(&[("a", None), ("x", None)])));
        follower.next(at(0));
        follower.ended(at(1000), &"a".into());
        let mut waits = Vec::new();
        let mut now = at(1000);
        for _ in 0..8 {
            assert_eq!(follower.next(now), Step::Describe);
            follower.described(now, Ok(shards(&[("a", None), ("x", None)])));
            let Step::WaitUntil(next) = follower.next(now) else { panic!("waits") };
            waits.push(next.since(now));
            now = next;
        }
        assert!(waits[0] <= Duration::from_millis(500), "{waits:?}");
        assert!(waits[7] >= Duration::from_secs(5), "{waits:?}");
    }

    #[test]
    fn is_exhausted_when_an_answer_after_the_last_end_brings_nothing() {
        let mut follower = Follower::new(Pace::default(), 1);
        follower.next(at(0));
        follower.described(at(0), Ok(shards(&[("a", None)])));
        follower.next(at(0));
        follower.ended(at(1), &"a".into());
        assert_eq!(follower.next(at(1)), Step::Describe);
        follower.described(at(2), Ok(shards(&[("a", None)])));
        assert_eq!(follower.next(at(2)), Step::Exhausted);
        assert!(matches!(follower.next(at(2)), Step::WaitUntil(_)));
    }

    #[test]
    fn failures_back_off() {
        let mut follower = Follower::new(Pace::default(), 1);
        follower.next(at(0));
        follower.described(at(0), Err(&ReadError::Throttled("slow down".into())));
        assert!(matches!(follower.next(at(0)), Step::WaitUntil(time) if time > at(0) && time <= at(500)));
    }
}

//! One table's streams, followed for all triggers: which stream each is in, when to ask for streams and shards, and which shards to begin for whom.
//!
//! Invariants: a shard is begun once for each trigger, after the trigger has finished its parent and every older stream; where a trigger is, is durable
//! (`Pin`) before it reads there. No trigger waits for another. One call is under way at a time.
//! Knows no clock: the shell asks `next` what to do at a time, does it, and says what came of it.

use std::collections::HashMap;

use crate::checkpoint::Checkpoint;
use crate::gap::{self, Cause, Gap, OnGap};
use crate::mutant::{Mutant, on};
use crate::name::{ShardId, StreamArn};
use crate::port::{FindError, ReadError, StreamInfo};
use crate::shard_graph::ShardDescription;
use crate::start::{Pin, Repin, Start};
use crate::time::Timestamp;
use crate::view::ViewType;

mod step;
mod stream;
#[cfg(test)]
mod tests;

pub use step::{Begin, Finished, Follows, Pace, Step};
use stream::Stream;

#[derive(Debug)]
struct Trigger {
    start: Start,
    view: ViewType,
    on_gap: OnGap,
    stopped: bool,
    pin: Option<Pin>,
    /// A pin of it is on its way to the store.
    pinning: bool,
    stored: HashMap<(StreamArn, ShardId), Checkpoint>,
    /// Of which stream it was told that it is too small.
    refused: Option<StreamArn>,
}

#[derive(Debug)]
pub struct Follower {
    triggers: Vec<Trigger>,
    /// In order of their making.
    streams: Vec<Stream>,
    pace: Pace,
    random: fastrand::Rng,
    busy: bool,
    listed: bool,
    list_at: Timestamp,
    listed_in_vain: u32,
    pins: Vec<Repin>,
    stops: Vec<(usize, Gap)>,
    /// Something was learnt since it was last looked at what may begin or move on.
    news: bool,
    /// The stream's clock, when it was last seen.
    clock: Timestamp,
}

impl Follower {
    /// Pins and checkpoints of other tables are none of its.
    pub fn new(table: &StreamArn, triggers: Vec<Follows>, pace: Pace, seed: u64) -> Self {
        let mut follower = Self {
            triggers: Vec::new(),
            streams: Vec::new(),
            pace,
            random: fastrand::Rng::with_seed(seed),
            busy: false,
            listed: false,
            list_at: Timestamp::default(),
            listed_in_vain: 0,
            pins: Vec::new(),
            stops: Vec::new(),
            news: true,
            clock: Timestamp::default(),
        };
        let count = triggers.len();
        for (index, mut trigger) in triggers.into_iter().enumerate() {
            trigger.checkpoints.retain(|(stream, _, _)| stream.table_part() == table.table_part());
            let pin = trigger.pin.filter(|pin| pin.stream.table_part() == table.table_part());
            let pin = pin.or_else(|| older_pin(&trigger.checkpoints));
            let pin = pin.filter(|_| !on(Mutant::LatestUnpinned) || trigger.start != Start::Latest);
            if let Some(pin) = &pin {
                follower.stream(&pin.stream, count);
            }
            for (arn, shard, checkpoint) in &trigger.checkpoints {
                let finished = checkpoint.finished.then_some(checkpoint.complete_until.map(gap::inherited));
                follower.stream(arn, count).graph.recall(shard, index, finished);
            }
            let stored = trigger.checkpoints.into_iter().map(|(stream, shard, checkpoint)| ((stream, shard), checkpoint));
            follower.triggers.push(Trigger {
                start: trigger.start,
                view: trigger.view,
                on_gap: trigger.on_gap,
                stopped: false,
                pin,
                pinning: false,
                stored: stored.collect(),
                refused: None,
            });
        }
        follower
    }

    fn stream(&mut self, arn: &StreamArn, triggers: usize) -> &mut Stream {
        let at = match self.streams.binary_search_by(|stream| stream.order().cmp(&(arn.label(), arn))) {
            Ok(at) => at,
            Err(at) => {
                self.streams.insert(at, Stream::new(arn.clone(), triggers));
                at
            }
        };
        &mut self.streams[at]
    }

    /// Whether it is durable for every trigger where it begins: nothing that is written from now on is missed, whatever happens.
    pub fn has_set_out(&self) -> bool {
        self.triggers.iter().all(|trigger| trigger.pin.is_some() && !trigger.pinning)
    }

    /// What to do at `now`. A call that this names must be made, and its end told.
    pub fn next(&mut self, now: Timestamp) -> Step {
        if self.busy {
            return Step::Busy;
        }
        if std::mem::take(&mut self.news) {
            let begins = self.begins();
            self.move_on();
            if !begins.is_empty() {
                return Step::Begin(begins);
            }
        }
        if let Some((trigger, gap)) = self.stops.pop() {
            return Step::Stop { trigger, gap };
        }
        if !self.pins.is_empty() {
            self.busy = true;
            return Step::Pin(std::mem::take(&mut self.pins));
        }
        if let Some(refusal) = self.refusal() {
            return refusal;
        }
        self.next_call(now)
    }

    fn next_call(&mut self, now: Timestamp) -> Step {
        let mut wake = None;
        if self.wants_list() {
            if now >= self.list_at {
                self.busy = true;
                return Step::List;
            }
            wake = Some(self.list_at);
        }
        let newest = self.streams.iter().rposition(|stream| stream.listed);
        for index in 0..self.streams.len() {
            if !self.is_wanted(index, newest) {
                continue;
            }
            let stream = &self.streams[index];
            if now < stream.ask_at {
                wake = Some(wake.map_or(stream.ask_at, |wake: Timestamp| wake.min(stream.ask_at)));
                continue;
            }
            // Which is the latest is not known before.
            if stream.info.is_none() && !self.listed {
                continue;
            }
            self.busy = true;
            let arn = stream.arn.clone();
            let latest = newest.is_none_or(|newest| index >= newest);
            return if stream.info.is_some() { Step::Describe(arn) } else { Step::Inspect { stream: arn, latest } };
        }
        Step::WaitUntil(wake.unwrap_or(now + self.pace.relaxed))
    }

    /// A trigger is in it and has not finished it, or goes there next, or is about to begin in it. Of a lost one there is nothing to ask.
    fn is_wanted(&self, index: usize, newest: Option<usize>) -> bool {
        let stream = &self.streams[index];
        let wanted = |trigger: &Trigger| match &trigger.pin {
            None => self.listed && newest == Some(index),
            Some(pin) if pin.stream == stream.arn => !pin.over || self.after(&pin.stream).is_none(),
            Some(pin) => (pin.over || self.is_lost(&pin.stream)) && stream.info.is_none() && self.after(&pin.stream) == Some(index),
        };
        !stream.lost && self.triggers.iter().any(wanted)
    }

    /// ListStreams is asked at the beginning, and while some trigger has come to the end of all streams that are known.
    fn wants_list(&self) -> bool {
        let waits = |trigger: &Trigger| match &trigger.pin {
            None => self.streams.iter().all(|stream| !stream.listed || stream.lost),
            Some(pin) => (pin.over || self.is_lost(&pin.stream)) && self.after(&pin.stream).is_none(),
        };
        !self.listed || self.triggers.iter().any(waits)
    }

    fn is_lost(&self, arn: &StreamArn) -> bool {
        self.at(arn).is_some_and(|at| self.streams[at].lost)
    }

    /// The stream that was made next.
    fn after(&self, arn: &StreamArn) -> Option<usize> {
        let order = (arn.label(), arn);
        let is_after = |stream: &Stream| stream.order() > order && (stream.listed || stream.info.is_some());
        if on(Mutant::NewestNext) {
            return self.streams.iter().rposition(is_after);
        }
        self.streams.iter().position(is_after)
    }

    fn at(&self, arn: &StreamArn) -> Option<usize> {
        self.streams.iter().position(|stream| stream.arn == *arn)
    }

    /// `clock`: the stream's, when the call began.
    pub fn listed(&mut self, now: Timestamp, clock: Timestamp, result: Result<Vec<StreamArn>, &FindError>) {
        self.busy = false;
        self.news = true;
        self.clock = clock;
        let known = self.streams.iter().filter(|stream| stream.listed).count();
        if let Ok(arns) = &result {
            self.listed = true;
            let triggers = self.triggers.len();
            arns.iter().for_each(|arn| self.stream(arn, triggers).listed = true);
        }
        let news = self.streams.iter().filter(|stream| stream.listed).count() > known;
        self.listed_in_vain = if news { 0 } else { self.listed_in_vain.saturating_add(1) };
        self.list_at = now + self.pace.urgent.delay(self.listed_in_vain.max(1), &mut self.random);
    }

    /// `clock`: the stream's, when the call began.
    pub fn inspected(&mut self, now: Timestamp, clock: Timestamp, arn: &StreamArn, result: Result<Option<StreamInfo>, &ReadError>) {
        self.busy = false;
        self.news = true;
        self.clock = clock;
        let Some(index) = self.at(arn) else { return };
        let stream = &mut self.streams[index];
        match result {
            Ok(Some(info)) => {
                stream.info = Some(info);
                stream.succeeded(now);
            }
            Ok(None) => stream.missing(now, self.pace.urgent, &mut self.random),
            Err(_) => stream.failed(now, self.pace.urgent, &mut self.random),
        }
    }

    /// `clock`: the stream's, when the call began.
    pub fn described(&mut self, now: Timestamp, clock: Timestamp, arn: &StreamArn, result: Result<Vec<ShardDescription>, &ReadError>) {
        self.busy = false;
        self.news = true;
        self.clock = clock;
        let Some(index) = self.at(arn) else { return };
        let stream = &mut self.streams[index];
        match result {
            Ok(shards) => {
                stream.graph.observe(&shards);
                stream.described(now, self.pace, &mut self.random);
                self.begin_at_latest(index, clock);
            }
            Err(ReadError::Gone(_)) => stream.missing(now, self.pace.urgent, &mut self.random),
            Err(_) => stream.failed(now, self.pace.urgent, &mut self.random),
        }
    }

    /// The pins of the last `Step::Pin` are durable.
    pub fn pinned(&mut self, repins: &[Repin]) {
        self.busy = false;
        self.news = true;
        for repin in repins {
            let trigger = &mut self.triggers[repin.trigger];
            trigger.pinning = false;
            trigger.pin = Some(repin.pin.clone());
            if let Some(index) = self.at(&repin.pin.stream) {
                let graph = &mut self.streams[index].graph;
                repin.finished.iter().for_each(|shard| graph.finish(shard, repin.trigger, repin.pin.since));
            }
        }
    }

    pub fn finished(&mut self, now: Timestamp, finished: &Finished) {
        self.news = true;
        if let Some(index) = self.at(&finished.stream) {
            let stream = &mut self.streams[index];
            let complete_until = finished.complete_until.map(gap::inherited);
            stream.graph.finish(&finished.shard, finished.trigger, complete_until);
            if stream.graph.wants_children() {
                stream.in_vain = 0;
                stream.ask_at = now;
            }
        }
    }

    /// Every shard that some trigger may begin.
    fn begins(&mut self) -> Vec<Begin> {
        let mut begins = Vec::new();
        for (index, trigger) in self.triggers.iter_mut().enumerate() {
            let Some(pin) = trigger.pin.as_ref().filter(|_| !trigger.pinning) else { continue };
            let Some(stream) = self.streams.iter_mut().find(|stream| stream.arn == pin.stream) else { continue };
            let Some(info) = stream.info.clone().or_else(|| stream.lost.then(|| stream.ghost(trigger.view))) else { continue };
            for (shard, complete_until) in stream.graph.ready(index) {
                stream.graph.start(&shard, index);
                let stored = trigger.stored.remove(&(stream.arn.clone(), shard.clone()));
                let is_new = stored.is_none();
                // What came before it is complete until then; where nothing did, the trigger's way is.
                let floor = pin.complete_until.or(Some(gap::owed_from(self.clock)));
                let new = || Checkpoint { complete_until: complete_until.max(floor), ..Checkpoint::default() };
                let checkpoint = stored.unwrap_or_else(new);
                let (info, since, lost) = (info.clone(), pin.since, stream.lost.then_some(self.clock));
                begins.push(Begin { trigger: index, stream: info, shard, checkpoint, is_new, since, lost });
            }
        }
        begins
    }

    /// Pins that are due: triggers that begin, that have finished their stream, or that find the next.
    fn move_on(&mut self) {
        for index in 0..self.triggers.len() {
            let trigger = &self.triggers[index];
            if !trigger.pinning
                && !trigger.stopped
                && let Some(repin) = self.repin(index)
            {
                self.triggers[index].pinning = true;
                self.pins.push(repin);
            }
        }
    }

    fn repin(&mut self, index: usize) -> Option<Repin> {
        let trigger = &self.triggers[index];
        let plain = |pin: Pin| Repin { trigger: index, pin, finished: Vec::new(), gap: None };
        let Some(pin) = &trigger.pin else {
            let mut listed = self.streams.iter().filter(|stream| stream.listed);
            let (stream, since) = match trigger.start {
                Start::TrimHorizon => (listed.next_back()?, None),
                Start::At(since) => (listed.next()?, Some(since)),
                // See `begin_at_latest`.
                Start::Latest => return None,
            };
            return Some(plain(self.beginning(stream.arn.clone(), since)));
        };
        let at = self.at(&pin.stream)?;
        let graph = &self.streams[at].graph;
        let next = self.after(&pin.stream);
        if !graph.has_finished(index) {
            return pin.over.then(|| plain(Pin { over: false, ..pin.clone() }));
        }
        // A stream without shards may only be too new to have any.
        if !pin.over && (!graph.is_over() || (next.is_none() && !graph.has_shards())) {
            return None;
        }
        let Some(next) = next.filter(|next| self.may_enter(index, *next)) else {
            // Of one that was lost the loss is told first, with the next pin.
            return (!pin.over && !self.streams[at].lost).then(|| plain(Pin { over: true, ..pin.clone() }));
        };
        let until = graph.complete_until(index).max(pin.complete_until);
        // It was lost before this trigger had come to its end. Its shards have told what was missing of them; of those that it never saw nobody can.
        let lost = self.streams[at].lost && !pin.over;
        let gap = Gap { shard: None, after: None, since: pin.complete_until, until: self.clock, cause: Cause::Gone };
        if lost && trigger.on_gap == OnGap::Stop {
            self.triggers[index].stopped = true;
            self.stops.push((index, gap));
            return None;
        }
        let gap = lost.then(|| (pin.stream.clone(), gap));
        // What is not in the gap is complete.
        let complete_until = if gap.is_some() { until.max(Some(gap::told_until(self.clock))) } else { until };
        let pin = Pin { stream: self.streams[next].arn.clone(), since: pin.since, over: false, complete_until };
        Some(Repin { gap, ..plain(pin) })
    }

    /// Of a trigger that has never run: older changes than the horizon's are none of its.
    fn beginning(&self, stream: StreamArn, since: Option<Timestamp>) -> Pin {
        Pin { stream, since, over: false, complete_until: since.max(Some(gap::owed_from(self.clock))) }
    }

    /// A stream that is known to be lost is passed through, so that its loss is told.
    fn may_enter(&self, trigger: usize, index: usize) -> bool {
        let stream = &self.streams[index];
        let is_latest = !self.streams[index + 1..].iter().any(|later| later.listed);
        match &stream.info {
            Some(info) => !is_latest || info.view.supplies(self.triggers[trigger].view),
            None => stream.lost,
        }
    }

    /// Triggers that begin with what is written from now on: what is in shards that have children already is older.
    fn begin_at_latest(&mut self, index: usize, clock: Timestamp) {
        let newest = self.streams.iter().rposition(|stream| stream.listed);
        if newest != Some(index) {
            return;
        }
        let pin = self.beginning(self.streams[index].arn.clone(), Some(clock));
        let finished = self.streams[index].graph.long_closed();
        for (index, trigger) in self.triggers.iter_mut().enumerate() {
            if trigger.pin.is_none() && !trigger.pinning && trigger.start == Start::Latest {
                trigger.pinning = true;
                self.pins.push(Repin { trigger: index, pin: pin.clone(), finished: finished.clone(), gap: None });
            }
        }
    }

    /// A trigger that stands before a stream which holds less than it wants.
    fn refusal(&mut self) -> Option<Step> {
        for index in 0..self.triggers.len() {
            let Some(pin) = self.triggers[index].pin.as_ref().filter(|pin| pin.over) else { continue };
            let Some(next) = self.after(&pin.stream) else { continue };
            let Some(info) = self.streams[next].info.clone() else { continue };
            if !self.may_enter(index, next) && self.triggers[index].refused.as_ref() != Some(&info.arn) {
                self.triggers[index].refused = Some(info.arn.clone());
                return Some(Step::TooSmall { trigger: index, stream: info });
            }
        }
        None
    }
}

/// Of a file that an earlier version wrote, which kept no pins: the oldest stream that is not finished, else the newest.
fn older_pin(checkpoints: &[(StreamArn, ShardId, Checkpoint)]) -> Option<Pin> {
    let order = |arn: &&StreamArn| (arn.label().to_owned(), (*arn).clone());
    let unfinished = checkpoints.iter().filter(|(_, _, checkpoint)| !checkpoint.finished).map(|(arn, _, _)| arn);
    let stream = unfinished
        .min_by_key(order)
        .or_else(|| checkpoints.iter().map(|(arn, _, _)| arn).max_by_key(order))?;
    Some(Pin { stream: stream.clone(), since: None, over: false, complete_until: None })
}

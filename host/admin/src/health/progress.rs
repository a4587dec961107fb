//! Whether each shard gets on: its reader, and each trigger that has changes of it waiting.
//!
//! Always holds: a reader is known from `ShardOpened` to `ShardFinished`, a trigger's part in a shard while changes of it wait; nothing else is
//! held, so that an idle shard costs a few words and a poll two look-ups. Who only waits for another is not called stalled: a reader for its triggers, a
//! trigger that stopped at a gap for an operator.
//! Reads no clock; knows nothing of components and how they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tripline_core::gap::Gap;
use tripline_core::name::{ShardId, StreamName, TriggerName};
use tripline_core::signal::{PollResult, Signal};
use tripline_core::time::Timestamp;

/// What makes no progress, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stall {
    pub(crate) place: Place,
    pub(crate) lasted: Duration,
    pub(crate) reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// None: nobody has said which stream the trigger follows, and no shard that is open tells.
    pub(crate) stream: Option<StreamName>,
    pub(crate) shard: ShardId,
    /// None: the shard's reader.
    pub(crate) trigger: Option<TriggerName>,
}

#[derive(Debug, Default)]
pub(crate) struct Progress {
    readers: BTreeMap<StreamName, BTreeMap<ShardId, Reader>>,
    triggers: BTreeMap<TriggerName, Waiting>,
    follows: BTreeMap<TriggerName, StreamName>,
    paused: BTreeMap<TriggerName, Pause>,
    /// Changes that each trigger's filters did not want.
    filtered: BTreeMap<TriggerName, u64>,
}

/// A trigger that is paused: nobody knows what is written meanwhile.
#[derive(Debug)]
struct Pause {
    /// Nothing that is older can be new to it: the oldest change that waited when it was paused, or when that was.
    since: Timestamp,
}

/// What is known of a trigger in one shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InShard {
    /// When the oldest change that waits there was created; none: at the tip.
    pub oldest: Option<Timestamp>,
    /// It is behind what the shard's window holds.
    pub lags: bool,
    /// Until somebody acts: at a gap.
    pub stopped: bool,
    /// Why the last delivery failed; none since something moved.
    pub failure: Option<String>,
}

#[derive(Debug)]
struct Reader {
    /// The last answered poll, or the opening.
    answered: Timestamp,
    /// Why the last call failed; none where it did not.
    failure: Option<Box<str>>,
    /// No room for more changes: it waits for the triggers.
    window_full: bool,
    /// A trigger stopped in this shard: perhaps nobody needs the reader any more.
    is_doubtful: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Shards of which changes wait.
    shards: BTreeMap<ShardId, Delivery>,
    lags_in: BTreeSet<ShardId>,
    stopped_in: BTreeSet<ShardId>,
    /// A change was given up on; whose shard it was, the next `Oldest` says.
    gave_up: bool,
}

#[derive(Debug)]
struct Delivery {
    /// Of the oldest change that is not acknowledged.
    created: Timestamp,
    /// When something was last acknowledged or given up on, or when changes began to wait.
    moved: Timestamp,
    /// Why the last delivery failed; none since something moved.
    failure: Option<Box<str>>,
}

impl Waiting {
    fn oldest(&self) -> Option<Timestamp> {
        self.shards.values().map(|delivery| delivery.created).min()
    }
}

impl Progress {
    pub(crate) fn follows(&mut self, trigger: TriggerName, stream: StreamName) {
        self.follows.insert(trigger, stream);
    }

    pub(crate) fn remove_stream(&mut self, stream: &StreamName) {
        self.readers.remove(stream);
    }

    pub(crate) fn remove_trigger(&mut self, trigger: &TriggerName) {
        self.triggers.remove(trigger);
    }

    pub(crate) fn observe(&mut self, signal: &Signal<'_>, now: Timestamp) {
        match *signal {
            Signal::ShardOpened { stream, shard } => {
                let reader = Reader { answered: now, failure: None, window_full: false, is_doubtful: false };
                self.readers.entry(stream.clone()).or_default().insert(shard.clone(), reader);
            }
            Signal::ShardFinished { stream, shard } => {
                if let Some(readers) = self.readers.get_mut(stream) {
                    readers.remove(shard);
                }
            }
            Signal::SetDown { stream } => {
                self.readers.remove(stream);
                for (_, waiting) in self.triggers.iter_mut().filter(|(trigger, _)| self.follows.get(*trigger) == Some(stream)) {
                    *waiting = Waiting::default();
                }
            }
            Signal::Lags { trigger, shard, lags, .. } => {
                let waiting = self.waiting(trigger);
                if lags {
                    waiting.lags_in.insert(shard.clone());
                } else {
                    waiting.lags_in.remove(shard);
                }
            }
            Signal::Paused { trigger, paused } => self.pause(trigger, paused, now),
            Signal::Polled { stream, shard, result: PollResult::Changes | PollResult::Empty, .. } => {
                if let Some(reader) = self.reader(stream, shard) {
                    (reader.answered, reader.failure, reader.window_full) = (now, None, false);
                }
            }
            Signal::PollFailed { stream, shard, reason, .. } => {
                if let Some(reader) = self.reader(stream, shard) {
                    // It asked again: it waits for the window no more.
                    (reader.failure, reader.window_full) = (Some(reason.into()), false);
                }
            }
            Signal::WindowFull { stream, shard, .. } => {
                if let Some(reader) = self.reader(stream, shard) {
                    reader.window_full = true;
                }
            }
            Signal::Gap { stream, trigger, gap, stops: true } => self.stopped(stream, trigger, gap),
            _ => self.delivered(signal, now),
        }
    }

    fn delivered(&mut self, signal: &Signal<'_>, now: Timestamp) {
        match *signal {
            Signal::PluginServes { trigger, .. } => drop(self.waiting(trigger)),
            Signal::Oldest { trigger, shard, created } => self.oldest(trigger, shard, created, now),
            Signal::Acknowledged { trigger, shard, changes: 1.. } => {
                if let Some(delivery) = self.delivery(trigger, shard) {
                    (delivery.moved, delivery.failure) = (now, None);
                }
            }
            Signal::Filtered { trigger, changes, .. } => *self.filtered.entry(trigger.clone()).or_default() += changes as u64,
            Signal::DeadLettered { trigger, .. } | Signal::Skipped { trigger, .. } => self.waiting(trigger).gave_up = true,
            Signal::ChangesFailed { trigger, shard, reason, .. } => {
                if let Some(delivery) = self.delivery(trigger, shard) {
                    delivery.failure = Some(reason.into());
                }
            }
            _ => {}
        }
    }

    fn pause(&mut self, trigger: &TriggerName, paused: bool, now: Timestamp) {
        if paused {
            let oldest = self.triggers.get(trigger).and_then(Waiting::oldest);
            self.paused.entry(trigger.clone()).or_insert(Pause { since: oldest.unwrap_or(now) });
            return;
        }
        if self.paused.remove(trigger).is_some() {
            // What stood still meanwhile was no stall, nor is it one now.
            self.waiting(trigger).shards.values_mut().for_each(|delivery| delivery.moved = now);
            let readers = self.follows.get(trigger).and_then(|stream| self.readers.get_mut(stream));
            readers.into_iter().flat_map(BTreeMap::values_mut).for_each(|reader| reader.answered = now);
        }
    }

    fn oldest(&mut self, trigger: &TriggerName, shard: &ShardId, created: Option<Timestamp>, now: Timestamp) {
        let waiting = self.waiting(trigger);
        let gave_up = std::mem::take(&mut waiting.gave_up);
        let Some(created) = created else {
            waiting.shards.remove(shard);
            return;
        };
        match waiting.shards.get_mut(shard) {
            Some(delivery) if delivery.created == created && !gave_up => {}
            Some(delivery) => *delivery = Delivery { created, moved: now, failure: None },
            None => drop(waiting.shards.insert(shard.clone(), Delivery { created, moved: now, failure: None })),
        }
    }

    fn stopped(&mut self, stream: &StreamName, trigger: &TriggerName, gap: &Gap) {
        let Some(shard) = &gap.shard else { return };
        if let Some(reader) = self.reader(stream, shard) {
            (reader.failure, reader.is_doubtful) = (None, true);
        }
        self.waiting(trigger).stopped_in.insert(shard.clone());
    }

    fn reader(&mut self, stream: &StreamName, shard: &ShardId) -> Option<&mut Reader> {
        self.readers.get_mut(stream)?.get_mut(shard)
    }

    fn waiting(&mut self, trigger: &TriggerName) -> &mut Waiting {
        self.triggers.entry(trigger.clone()).or_default()
    }

    fn delivery(&mut self, trigger: &TriggerName, shard: &ShardId) -> Option<&mut Delivery> {
        self.triggers.get_mut(trigger)?.shards.get_mut(shard)
    }

    /// For each trigger that has spoken: now minus the creation of its oldest change not acknowledged, zero at the tip.
    pub(crate) fn ages(&self, now: Timestamp) -> Vec<(TriggerName, Duration)> {
        let age = |(trigger, waiting): (&TriggerName, &Waiting)| {
            // Of one that is paused nobody knows: as much as it may be.
            let paused = self.paused.get(trigger).map(|pause| pause.since);
            let oldest = [waiting.oldest(), paused].into_iter().flatten().min();
            (trigger.clone(), oldest.map_or(Duration::ZERO, |created| now.since(created)))
        };
        self.triggers.iter().map(age).collect()
    }

    /// How many changes its filters did not want.
    pub(crate) fn filtered(&self, trigger: &TriggerName) -> u64 {
        self.filtered.get(trigger).copied().unwrap_or(0)
    }

    /// What is known of a trigger, shard by shard, where something is.
    pub(crate) fn of_trigger(&self, trigger: &TriggerName) -> BTreeMap<ShardId, InShard> {
        let mut known: BTreeMap<ShardId, InShard> = BTreeMap::new();
        let Some(waiting) = self.triggers.get(trigger) else { return known };
        for (shard, delivery) in &waiting.shards {
            let known = known.entry(shard.clone()).or_default();
            (known.oldest, known.failure) = (Some(delivery.created), delivery.failure.as_deref().map(Into::into));
        }
        waiting.lags_in.iter().for_each(|shard| known.entry(shard.clone()).or_default().lags = true);
        waiting.stopped_in.iter().for_each(|shard| known.entry(shard.clone()).or_default().stopped = true);
        known
    }

    /// What has made no progress for longer than `limit`, the longest first.
    pub(crate) fn stalls(&self, now: Timestamp, limit: Duration) -> Vec<Stall> {
        let mut stalls = Vec::new();
        for (stream, readers) in &self.readers {
            for (shard, reader) in readers {
                let lasted = now.since(reader.answered);
                if lasted > limit && self.is_wanted((stream, shard), reader) {
                    let place = Place { stream: Some(stream.clone()), shard: shard.clone(), trigger: None };
                    let why = because(reader.failure.as_deref());
                    stalls.push(Stall { place, lasted, reason: format!("no poll was answered for {} s{why}", lasted.as_secs()) });
                }
            }
        }
        for (trigger, waiting) in self.triggers.iter().filter(|(trigger, _)| !self.paused.contains_key(*trigger)) {
            for (shard, delivery) in waiting.shards.iter().filter(|(shard, _)| !waiting.stopped_in.contains(*shard)) {
                let lasted = now.since(delivery.moved);
                if lasted > limit {
                    let stream = self.stream_of(trigger, shard);
                    let (age, why) = (now.since(delivery.created), because(delivery.failure.as_deref()));
                    let reason = format!(
                        "nothing was acknowledged for {} s; the oldest change waiting is {} s old{why}",
                        lasted.as_secs(),
                        age.as_secs()
                    );
                    stalls.push(Stall { place: Place { stream, shard: shard.clone(), trigger: Some(trigger.clone()) }, lasted, reason });
                }
            }
        }
        stalls.sort_by(|a, b| b.lasted.cmp(&a.lasted).then_with(|| a.place.cmp(&b.place)));
        stalls
    }

    /// Whether a silent reader should have been heard of. One that failed is asking. One that says nothing at all may have read its shard to the end, or
    /// have nobody left to read for; not where no change of the shard waits for anybody and all that follow it are there. While a trigger is paused it
    /// may be the only one that has not finished the shard.
    fn is_wanted(&self, (stream, shard): (&StreamName, &ShardId), reader: &Reader) -> bool {
        if reader.window_full {
            return false;
        }
        let mut of_stream = self
            .follows
            .iter()
            .filter(|(_, of)| *of == stream)
            .map(|(trigger, _)| self.paused.contains_key(trigger));
        let is_doubtful = reader.is_doubtful || of_stream.any(|paused| paused);
        let waits_for_triggers = || self.triggers.values().any(|waiting| waiting.shards.contains_key(shard));
        let of_all_paused = !self.paused.is_empty()
            && self
                .follows
                .iter()
                .filter(|(_, of)| *of == stream)
                .all(|(trigger, _)| self.paused.contains_key(trigger));
        !of_all_paused && (reader.failure.is_some() || !(is_doubtful || waits_for_triggers()))
    }

    fn stream_of(&self, trigger: &TriggerName, shard: &ShardId) -> Option<StreamName> {
        let open = || self.readers.iter().find(|(_, readers)| readers.contains_key(shard)).map(|(stream, _)| stream);
        self.follows.get(trigger).or_else(open).cloned()
    }
}

fn because(failure: Option<&str>) -> String {
    failure.map(|reason| format!(": {reason}")).unwrap_or_default()
}

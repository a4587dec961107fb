//! Whether the host does its work: what each component says of itself, and whether every shard gets on.
//!
//! Always holds: a component that is expected and has not yet spoken is not ready; nor is one of which a shard makes no progress (`progress`), however
//! healthy it calls itself, nor a trigger that stopped at a gap. However much is wrong, a bounded part of it is listed, and how much else there is.
//! Reads no clock of its own and knows nothing of HTTP.

pub(crate) mod progress;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tripline_core::gap::Gap;
use tripline_core::name::{ShardId, StreamName, TriggerName};
use tripline_core::signal::{PollResult, Signal};
use tripline_core::time::Timestamp;

use crate::render_log;
pub use progress::InShard;
use progress::{Place, Progress, Stall};

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// An answer names so many problems, and a look at all shards logs so many changes; of the others, how many they are.
pub(crate) const LISTED_MAX: usize = 20;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    Store,
    Stream(StreamName),
    Trigger(TriggerName),
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store => f.write_str("store"),
            Self::Stream(name) => write!(f, "stream {name}"),
            Self::Trigger(name) => write!(f, "trigger {name}"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    Ready,
    /// Why, for the operator.
    NotReady(String),
}

/// Why the host is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub component: Component,
    /// Of a trigger's shard, where it is known.
    pub stream: Option<StreamName>,
    /// None: the component as a whole.
    pub shard: Option<ShardId>,
    pub reason: String,
}

/// None and none: the host is ready.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// At most `LISTED_MAX`.
    pub problems: Vec<Problem>,
    /// Problems that are not listed.
    pub others: usize,
    /// What will go wrong unless somebody acts. The host is ready all the same.
    pub warnings: Vec<String>,
}

impl Readiness {
    pub fn is_ready(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Cheap to share; fed by `set` and, through `Telemetry`, by every signal.
pub struct Health {
    clock: Clock,
    stalled_after: Duration,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    components: BTreeMap<Component, State>,
    progress: Progress,
    /// Triggers that stopped at a gap, until the process ends.
    stopped: BTreeMap<TriggerName, Stopped>,
    /// What was logged as stalled, and is.
    stalled: BTreeSet<Place>,
    /// When the oldest dead letter was written.
    oldest_letter: Option<Timestamp>,
    /// Why dead letters will be dropped.
    letters_near: Option<String>,
    /// When all shards were last looked at.
    looked: Timestamp,
}

struct Stopped {
    stream: StreamName,
    /// Of the first gap; others are counted.
    first: Gap,
    others: usize,
}

/// A stall that began or ended.
pub(crate) enum Turn {
    Began(Stall),
    Ended(Place),
}

impl Health {
    /// `stalled_after`: how long a shard may go without an answered poll, and a trigger without an acknowledgement while changes of the shard wait.
    pub fn new(clock: Clock, stalled_after: Duration) -> Arc<Self> {
        Arc::new(Self { clock, stalled_after, inner: Mutex::default() })
    }

    /// The component must speak before the host is ready.
    pub fn expect(&self, component: Component) {
        self.inner().components.entry(component).or_insert_with(|| State::NotReady("starting".into()));
    }

    pub fn set(&self, component: Component, state: State) {
        self.inner().components.insert(component, state);
    }

    /// Which stream a trigger's shards are of: shards are told apart within a stream only.
    pub(crate) fn follows(&self, trigger: &TriggerName, stream: &StreamName) {
        self.inner().progress.follows(trigger.clone(), stream.clone());
    }

    /// The component is none of the host's any more, or is paused: nothing of it is looked at until it is set again.
    pub fn remove(&self, component: &Component) {
        let mut inner = self.inner();
        inner.components.remove(component);
        match component {
            Component::Store => {}
            Component::Stream(name) => inner.progress.remove_stream(name),
            Component::Trigger(name) => inner.progress.remove_trigger(name),
        }
    }

    /// None: the host is ready. A host of which nothing is expected is not.
    pub fn problems(&self) -> Vec<Problem> {
        self.look().0.problems
    }

    /// Whether the host is ready, and every stall.
    pub(crate) fn look(&self) -> (Readiness, Vec<Stall>) {
        let now = (self.clock)();
        let mut inner = self.inner();
        let stalls = inner.progress.stalls(now, self.stalled_after);
        let turns = inner.turns(&stalls, now);
        let readiness = inner.readiness(&stalls);
        drop(inner);
        render_log::turns(&turns);
        (readiness, stalls)
    }

    /// For each trigger that has spoken: now minus the creation of its oldest change not acknowledged, zero at the tip.
    pub(crate) fn iterator_ages(&self) -> Vec<(TriggerName, Duration)> {
        let now = (self.clock)();
        self.inner().progress.ages(now)
    }

    /// What is known of a trigger, shard by shard, where something is.
    pub fn of_trigger(&self, trigger: &TriggerName) -> BTreeMap<ShardId, InShard> {
        self.inner().progress.of_trigger(trigger)
    }

    /// How many changes the trigger's filters did not want, since the host began.
    pub fn filtered(&self, trigger: &TriggerName) -> u64 {
        self.inner().progress.filtered(trigger)
    }

    /// Now minus the creation of the trigger's oldest change that is not acknowledged; of one that is paused, as much as it may be. None: it has not spoken.
    pub fn iterator_age(&self, trigger: &TriggerName) -> Option<Duration> {
        self.iterator_ages().into_iter().find(|(of, _)| of == trigger).map(|(_, age)| age)
    }

    /// How old the oldest dead letter is; zero: there is none.
    pub(crate) fn oldest_letter(&self) -> Duration {
        let now = (self.clock)();
        self.inner().oldest_letter.map_or(Duration::ZERO, |oldest| now.since(oldest))
    }

    pub(crate) fn observe(&self, signal: &Signal<'_>) {
        let now = (self.clock)();
        let mut inner = self.inner();
        inner.observe(signal, now);
        // Some signal comes every few seconds from whatever else still works.
        let is_due = now.since(inner.looked) >= self.stalled_after / 8;
        drop(inner);
        if is_due {
            self.look();
        }
    }

    /// Nothing that holds the lock can leave the maps half written.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn observe(&mut self, signal: &Signal<'_>, now: Timestamp) {
        self.progress.observe(signal, now);
        match *signal {
            Signal::StreamFound { stream, .. } => self.speak(Component::Stream(stream.clone()), State::Ready),
            Signal::StreamUnavailable { stream, reason } => {
                self.speak(Component::Stream(stream.clone()), State::NotReady(reason.into()));
            }
            // An answer ends what `StreamUnavailable` began: a lapse of discovery while shards are read says so only once.
            Signal::Polled { stream, result: PollResult::Changes | PollResult::Empty, .. } => {
                self.speak(Component::Stream(stream.clone()), State::Ready);
            }
            Signal::PluginServes { trigger, .. } => self.speak(Component::Trigger(trigger.clone()), State::Ready),
            Signal::Gap { stream, trigger, gap, stops: true } => match self.stopped.get_mut(trigger) {
                Some(stopped) => stopped.others += 1,
                None => {
                    let stopped = Stopped { stream: stream.clone(), first: gap.clone(), others: 0 };
                    self.stopped.insert(trigger.clone(), stopped);
                }
            },
            Signal::SetDown { stream } => self.stopped.retain(|_, stopped| stopped.stream != *stream),
            Signal::LettersKept(kept) => self.oldest_letter = kept.oldest,
            Signal::LettersNearBounds(reason) => self.letters_near = reason.map(Into::into),
            Signal::Committed { .. } => self.speak(Component::Store, State::Ready),
            Signal::CommitFailed { reason } => self.speak(Component::Store, State::NotReady(reason.into())),
            _ => {}
        }
    }

    /// A signal says nothing of components that nobody expects: a late one must not bring back what was removed.
    fn speak(&mut self, component: Component, state: State) {
        if let Some(held) = self.components.get_mut(&component) {
            *held = state;
        }
    }

    /// What components say, then who stopped, then who stalls, the longest first.
    fn readiness(&self, stalls: &[Stall]) -> Readiness {
        let whole = |component: &Component, reason: String| Problem { component: component.clone(), stream: None, shard: None, reason };
        if self.components.is_empty() {
            return Readiness { problems: vec![whole(&Component::Store, "starting".into())], ..Readiness::default() };
        }
        let said = self.components.iter().filter_map(|(component, state)| match state {
            State::NotReady(reason) => Some(whole(component, reason.clone())),
            State::Ready => None,
        });
        let stopped = self.stopped.iter().filter_map(|(trigger, stopped)| {
            let component = Component::Trigger(trigger.clone());
            self.components.contains_key(&component).then(|| stopped.problem(component))
        });
        let stalled = stalls.iter().filter_map(|stall| {
            let component = stall.place.component()?;
            let Place { stream, shard, .. } = stall.place.clone();
            self.components.contains_key(&component).then(|| Problem {
                component,
                stream,
                shard: Some(shard),
                reason: stall.reason.clone(),
            })
        });
        let mut problems: Vec<Problem> = said.chain(stopped).chain(stalled).collect();
        let others = problems.len().saturating_sub(LISTED_MAX);
        problems.truncate(LISTED_MAX);
        Readiness { problems, others, warnings: self.letters_near.iter().cloned().collect() }
    }

    /// What began and what ended since the last look.
    fn turns(&mut self, stalls: &[Stall], now: Timestamp) -> Vec<Turn> {
        self.looked = now;
        if stalls.is_empty() && self.stalled.is_empty() {
            return Vec::new();
        }
        let places: BTreeSet<Place> = stalls.iter().map(|stall| stall.place.clone()).collect();
        let before = std::mem::replace(&mut self.stalled, places);
        let began = stalls.iter().filter(|stall| !before.contains(&stall.place)).cloned().map(Turn::Began);
        let ended = before.difference(&self.stalled).cloned().map(Turn::Ended);
        began.chain(ended).collect()
    }
}

impl Place {
    /// Whose readiness suffers.
    fn component(&self) -> Option<Component> {
        match &self.trigger {
            Some(trigger) => Some(Component::Trigger(trigger.clone())),
            None => self.stream.clone().map(Component::Stream),
        }
    }
}

impl Stopped {
    fn problem(&self, component: Component) -> Problem {
        let others = match self.others {
            0 => String::new(),
            others => format!(", and at {others} other gaps"),
        };
        let reason = format!(
            "stopped at a gap{others}: {}; set on_gap = \"continue\" in [streams.{}] and restart the host to go on without them",
            render_log::missing(&self.first),
            self.stream
        );
        Problem { component, stream: Some(self.stream.clone()), shard: self.first.shard.clone(), reason }
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health")
            .field("stalled_after", &self.stalled_after)
            .field("components", &self.inner().components)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

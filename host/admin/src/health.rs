//! Whether the host does its work: what each component says of itself, and whether streams and triggers get on.
//!
//! Always holds: a component that is expected and has not yet spoken is not ready; a stream that is not polled and a trigger
//! that acknowledges nothing while changes wait are not ready either, however healthy they call themselves.
//! Reads no clock of its own and knows nothing of HTTP.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tripline_core::name::{ShardId, StreamName, TriggerName};
use tripline_core::signal::{PollResult, Signal};
use tripline_core::time::Timestamp;

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

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
    pub reason: String,
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
    streams: BTreeMap<StreamName, Polling>,
    triggers: BTreeMap<TriggerName, Waiting>,
}

/// How reading a stream goes.
struct Polling {
    /// The last sign of life.
    at: Timestamp,
    /// Why the last call failed; none where it did not.
    failure: Option<String>,
    /// No room for more changes: the triggers are to blame if this lasts.
    window_full: bool,
}

/// What a trigger has yet to do.
struct Waiting {
    /// Creation of the oldest change not acknowledged, in the shards where there is one.
    oldest: BTreeMap<ShardId, Timestamp>,
    /// When something was last acknowledged or given up on, or when changes began to wait.
    moved: Timestamp,
}

impl Polling {
    fn answered(at: Timestamp) -> Self {
        Self { at, failure: None, window_full: false }
    }
}

impl Health {
    /// `stalled_after`: how long a stream may go without an answered poll, and a trigger without an acknowledgement while
    /// changes wait.
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

    /// The component is none of the host's any more, or is paused: nothing of it is looked at until it is set again.
    pub fn remove(&self, component: &Component) {
        let mut inner = self.inner();
        inner.components.remove(component);
        match component {
            Component::Store => {}
            Component::Stream(name) => drop(inner.streams.remove(name)),
            Component::Trigger(name) => drop(inner.triggers.remove(name)),
        }
    }

    /// None: the host is ready. A host of which nothing is expected is not.
    pub fn problems(&self) -> Vec<Problem> {
        let now = (self.clock)();
        let inner = self.inner();
        if inner.components.is_empty() {
            return vec![Problem { component: Component::Store, reason: "starting".into() }];
        }
        let problem = |(component, state): (&Component, &State)| {
            let reason = match state {
                State::NotReady(reason) => reason.clone(),
                State::Ready => inner.stall(component, now, self.stalled_after)?,
            };
            Some(Problem { component: component.clone(), reason })
        };
        inner.components.iter().filter_map(problem).collect()
    }

    /// For each trigger that has spoken: now minus the creation of its oldest change not acknowledged, zero at the tip.
    pub(crate) fn iterator_ages(&self) -> Vec<(TriggerName, Duration)> {
        let now = (self.clock)();
        let inner = self.inner();
        let age = |waiting: &Waiting| waiting.oldest.values().min().map_or(Duration::ZERO, |created| now.since(*created));
        inner.triggers.iter().map(|(trigger, waiting)| (trigger.clone(), age(waiting))).collect()
    }

    pub(crate) fn observe(&self, signal: &Signal<'_>) {
        let now = (self.clock)();
        self.inner().observe(signal, now);
    }

    /// Nothing that holds the lock can leave the maps half written.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn observe(&mut self, signal: &Signal<'_>, now: Timestamp) {
        match *signal {
            Signal::StreamFound { stream, .. } => {
                *self.polling(stream, now) = Polling::answered(now);
                self.speak(Component::Stream(stream.clone()), State::Ready);
            }
            Signal::StreamUnavailable { stream, reason } => {
                self.speak(Component::Stream(stream.clone()), State::NotReady(reason.into()));
            }
            // An answer ends what `StreamUnavailable` began: a lapse of discovery while shards are read says so only once.
            Signal::Polled { stream, result: PollResult::Changes | PollResult::Empty, .. } => {
                *self.polling(stream, now) = Polling::answered(now);
                self.speak(Component::Stream(stream.clone()), State::Ready);
            }
            Signal::WindowFull { stream, .. } => self.polling(stream, now).window_full = true,
            Signal::PollFailed { stream, reason, .. } => {
                let polling = self.polling(stream, now);
                polling.failure = Some(reason.into());
                // The reader asked again: it waits for the window no more.
                polling.window_full = false;
            }
            Signal::PluginServes { trigger, .. } => {
                self.waiting(trigger, now);
                self.speak(Component::Trigger(trigger.clone()), State::Ready);
            }
            Signal::Oldest { trigger, shard, created } => self.oldest(trigger, shard, created, now),
            Signal::Acknowledged { trigger, changes: 1.. } | Signal::DeadLettered { trigger, .. } | Signal::Skipped { trigger, .. } => {
                self.waiting(trigger, now).moved = now
            }
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

    fn polling(&mut self, stream: &StreamName, now: Timestamp) -> &mut Polling {
        self.streams.entry(stream.clone()).or_insert_with(|| Polling::answered(now))
    }

    fn waiting(&mut self, trigger: &TriggerName, now: Timestamp) -> &mut Waiting {
        self.triggers
            .entry(trigger.clone())
            .or_insert_with(|| Waiting { oldest: BTreeMap::new(), moved: now })
    }

    fn oldest(&mut self, trigger: &TriggerName, shard: &ShardId, created: Option<Timestamp>, now: Timestamp) {
        let waiting = self.waiting(trigger, now);
        let Some(created) = created else {
            waiting.oldest.remove(shard);
            return;
        };
        if waiting.oldest.is_empty() {
            waiting.moved = now;
        }
        waiting.oldest.insert(shard.clone(), created);
    }

    /// Why a component that calls itself ready is not.
    fn stall(&self, component: &Component, now: Timestamp, stalled_after: Duration) -> Option<String> {
        match component {
            Component::Store => None,
            Component::Stream(name) => {
                let polling = self.streams.get(name)?;
                let silent = now.since(polling.at);
                let why = polling.failure.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                (silent > stalled_after && !polling.window_full).then(|| format!("no poll was answered for {} s{why}", silent.as_secs()))
            }
            Component::Trigger(name) => {
                let waiting = self.triggers.get(name)?;
                let created = waiting.oldest.values().min()?;
                let (silent, age) = (now.since(waiting.moved), now.since(*created));
                (silent > stalled_after).then(|| {
                    format!("nothing was acknowledged for {} s; the oldest change waiting is {} s old", silent.as_secs(), age.as_secs())
                })
            }
        }
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
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const LIMIT_S: u64 = 300;

    struct Bench {
        now: Arc<AtomicU64>,
        health: Arc<Health>,
    }

    impl Bench {
        fn new(components: &[Component]) -> Self {
            let now = Arc::new(AtomicU64::new(1_000_000));
            let read = Arc::clone(&now);
            let clock: Clock = Arc::new(move || Timestamp::from_ms(read.load(Ordering::Relaxed)));
            let health = Health::new(clock, Duration::from_secs(LIMIT_S));
            components.iter().for_each(|component| health.expect(component.clone()));
            Self { now, health }
        }

        fn pass(&self, seconds: u64) {
            self.now.fetch_add(seconds * 1000, Ordering::Relaxed);
        }

        fn now(&self) -> Timestamp {
            Timestamp::from_ms(self.now.load(Ordering::Relaxed))
        }

        #[track_caller]
        fn check(&self, problems: &[&str]) {
            let shown: Vec<_> = self.health.problems().into_iter().map(|p| format!("{}: {}", p.component, p.reason)).collect();
            assert_eq!(shown, problems);
        }
    }

    fn orders() -> StreamName {
        "orders".into()
    }

    fn polled(result: PollResult) -> Signal<'static> {
        let stream: &'static StreamName = Box::leak(Box::new(orders()));
        Signal::Polled { stream, result, changes: 0, bytes: 0, took: Duration::ZERO }
    }

    #[test]
    fn every_component_that_is_expected_must_speak() {
        let bench = Bench::new(&[]);
        bench.check(&["store: starting"]);
        let bench = Bench::new(&[Component::Trigger("mail".into()), Component::Stream(orders()), Component::Store]);
        bench.check(&["store: starting", "stream orders: starting", "trigger mail: starting"]);
        bench.health.set(Component::Store, State::Ready);
        bench.health.observe(&Signal::StreamFound { stream: &orders(), arn: &"arn".into() });
        bench.check(&["trigger mail: starting"]);
        let version = "ab".into();
        bench
            .health
            .observe(&Signal::PluginServes { trigger: &"mail".into(), plugin: "mailer.wasm", version: &version, reload: false });
        bench.check(&[]);
        bench.health.observe(&Signal::StreamUnavailable { stream: &orders(), reason: "the table is gone" });
        bench.check(&["stream orders: the table is gone"]);
        bench.health.remove(&Component::Stream(orders()));
        bench.health.observe(&Signal::StreamUnavailable { stream: &orders(), reason: "late" });
        bench.check(&[]);
    }

    #[test]
    fn a_stream_that_is_not_polled_is_not_ready() {
        let bench = Bench::new(&[Component::Stream(orders())]);
        bench.health.observe(&Signal::StreamFound { stream: &orders(), arn: &"arn".into() });
        bench.pass(LIMIT_S);
        bench.check(&[]);
        bench.health.observe(&polled(PollResult::Throttled));
        bench.pass(1);
        bench.check(&["stream orders: no poll was answered for 301 s"]);
        bench.health.observe(&Signal::PollFailed {
            stream: &orders(),
            shard: &"s".into(),
            result: PollResult::Unavailable,
            reason: "connection refused",
        });
        bench.check(&["stream orders: no poll was answered for 301 s: connection refused"]);
        bench.health.observe(&polled(PollResult::Empty));
        bench.check(&[]);
        bench.health.observe(&Signal::WindowFull { stream: &orders(), shard: &"s".into(), bytes: 1 });
        bench.pass(LIMIT_S + 1);
        bench.check(&[]);
    }

    #[test]
    fn an_answered_poll_ends_a_lapse_of_discovery() {
        let bench = Bench::new(&[Component::Stream(orders())]);
        bench.health.observe(&Signal::StreamUnavailable { stream: &orders(), reason: "throttled" });
        bench.check(&["stream orders: throttled"]);
        bench.health.observe(&polled(PollResult::Changes));
        bench.check(&[]);
    }

    #[test]
    fn a_trigger_that_acknowledges_nothing_while_changes_wait_is_not_ready() {
        let (trigger, shard) = (TriggerName::from("mail"), ShardId::from("shard-1"));
        let bench = Bench::new(&[Component::Trigger(trigger.clone())]);
        bench.health.set(Component::Trigger(trigger.clone()), State::Ready);
        let created = bench.now();
        bench.pass(100);
        let oldest = |created| bench.health.observe(&Signal::Oldest { trigger: &trigger, shard: &shard, created });
        oldest(Some(created));
        bench.pass(LIMIT_S + 1);
        bench.check(&["trigger mail: nothing was acknowledged for 301 s; the oldest change waiting is 401 s old"]);
        bench.health.observe(&Signal::Acknowledged { trigger: &trigger, changes: 0 });
        assert_eq!(bench.health.problems().len(), 1, "an acknowledgement of nothing is none");
        bench.health.observe(&Signal::Acknowledged { trigger: &trigger, changes: 1 });
        bench.check(&[]);
        oldest(None);
        bench.pass(LIMIT_S * 10);
        bench.check(&[]);
    }

    #[test]
    fn iterator_age_is_that_of_the_worst_shard_and_zero_at_the_tip() {
        let trigger = TriggerName::from("mail");
        let bench = Bench::new(&[]);
        let start = bench.now();
        let oldest = |shard: &str, created| bench.health.observe(&Signal::Oldest { trigger: &trigger, shard: &shard.into(), created });
        let ages = || bench.health.iterator_ages().into_iter().map(|(_, age)| age.as_secs()).collect::<Vec<_>>();
        assert_eq!(ages(), Vec::<u64>::new());
        oldest("a", None);
        assert_eq!(ages(), [0]);
        oldest("a", Some(start));
        oldest("b", Some(start + Duration::from_secs(5)));
        bench.pass(10);
        assert_eq!(ages(), [10]);
        oldest("a", None);
        assert_eq!(ages(), [5]);
        // A clock behind the stream's.
        oldest("b", Some(start + Duration::from_secs(50)));
        assert_eq!(ages(), [0]);
    }
}

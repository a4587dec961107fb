//! Items of which no change may go out, while dead letters of theirs are delivered again.
//!
//! And which triggers are paused: whoever delivers dead letters again must know.
//!
//! Invariants: a hold is settled when each shard's task that ran when it began has said that no change of its items is under way, or has ended;
//! a task that begins later begins with it. A hold ends when it is dropped. Nobody waits for a task: each is woken, and looks here.
//! Knows nothing of what the tasks do with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tripline_core::delivery::Lane;
use tripline_core::item_key::ItemKey;
use tripline_core::shard::Event;

type Items = Arc<[ItemKey]>;

/// Of one table's shards. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Holds {
    inner: Arc<Mutex<Inner>>,
    /// Wakes whoever waits for anything here.
    changed: Arc<watch::Sender<()>>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    members: BTreeSet<u64>,
    holds: BTreeMap<u64, Held>,
    /// Triggers that run: nothing of any other is delivered again.
    running: BTreeSet<usize>,
}

#[derive(Debug)]
struct Held {
    trigger: usize,
    items: Items,
    /// Tasks that have not answered yet.
    waiting: BTreeSet<u64>,
}

impl Inner {
    fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl Holds {
    pub fn new() -> Self {
        Self { inner: Arc::default(), changed: Arc::new(watch::Sender::new(())) }
    }

    /// A trigger is not taken to run before this was said of it.
    pub(crate) fn set_paused(&self, trigger: usize, paused: bool) {
        let mut inner = self.inner();
        let changed = if paused { inner.running.remove(&trigger) } else { inner.running.insert(trigger) };
        drop(inner);
        if changed {
            self.changed.send_replace(());
        }
    }

    pub(crate) fn is_paused(&self, trigger: usize) -> bool {
        !self.inner().running.contains(&trigger)
    }

    /// Changes with whatever is said here.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(crate) fn hold(&self, trigger: usize, items: Items) -> Hold {
        let mut inner = self.inner();
        let (id, waiting) = (inner.id(), inner.members.clone());
        inner.holds.insert(id, Held { trigger, items, waiting });
        drop(inner);
        self.changed.send_replace(());
        Hold { holds: self.clone(), id }
    }

    /// For a shard's task, before it begins.
    pub(crate) fn join(&self) -> Member {
        let mut inner = self.inner();
        let id = inner.id();
        inner.members.insert(id);
        let applied = inner.holds.iter().map(|(id, held)| (*id, (held.trigger, held.items.clone()))).collect();
        drop(inner);
        Member { changed: self.changed.subscribe(), holds: self.clone(), id, applied }
    }

    fn answered(&self, member: u64, hold: Option<u64>) {
        let mut inner = self.inner();
        for (id, held) in &mut inner.holds {
            if hold.is_none_or(|hold| hold == *id) {
                held.waiting.remove(&member);
            }
        }
        drop(inner);
        self.changed.send_replace(());
    }

    /// Nothing that holds the lock can leave the maps half written.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Holds {
    fn default() -> Self {
        Self::new()
    }
}

/// Ends when dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    holds: Holds,
    id: u64,
}

impl Hold {
    /// Until no change of the items is under way.
    pub(crate) async fn settled(&self) {
        let mut changed = self.holds.changed.subscribe();
        while self.holds.inner().holds.get(&self.id).is_some_and(|held| !held.waiting.is_empty()) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.inner().holds.remove(&self.id);
        self.holds.changed.send_replace(());
    }
}

/// A shard's task. One that ends holds nothing back any more.
#[derive(Debug)]
pub(crate) struct Member {
    changed: watch::Receiver<()>,
    holds: Holds,
    id: u64,
    /// What the task's machine has been told, or its lanes began with.
    applied: BTreeMap<u64, (usize, Items)>,
}

impl Member {
    /// To be called of every lane before it begins: it begins with what holds its trigger's items now.
    pub(crate) fn begin(&self, trigger: usize, lane: &mut Lane) {
        for (_, items) in self.applied.values().filter(|(of, _)| *of == trigger) {
            lane.hold(items);
        }
    }

    /// When there may be news.
    pub(crate) async fn changed(&mut self) {
        if self.changed.changed().await.is_err() {
            std::future::pending().await
        }
    }

    /// What the machine must be told since the last look.
    pub(crate) fn news(&mut self) -> Vec<Event> {
        let inner = self.holds.inner();
        let mut news = Vec::new();
        self.applied.retain(|id, (trigger, items)| {
            let holds = inner.holds.contains_key(id);
            if !holds {
                news.push(Event::Release { trigger: *trigger, items: items.clone() });
            }
            holds
        });
        for (id, held) in &inner.holds {
            if !self.applied.contains_key(id) {
                self.applied.insert(*id, (held.trigger, held.items.clone()));
                news.push(Event::Hold { trigger: held.trigger, items: held.items.clone() });
            }
        }
        news
    }

    /// The machine has answered a `Hold`.
    pub(crate) fn held(&self, items: &Items) {
        if let Some((id, _)) = self.applied.iter().find(|(_, (_, of))| Arc::ptr_eq(of, items)) {
            self.holds.answered(self.id, Some(*id));
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.holds.inner().members.remove(&self.id);
        self.holds.answered(self.id, None);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn is_settled(hold: &Hold) -> bool {
        hold.settled().now_or_never().is_some()
    }

    fn shown(news: &[Event]) -> String {
        let word = |event: &Event| match event {
            Event::Hold { trigger, .. } => format!("hold {trigger}"),
            Event::Release { trigger, .. } => format!("release {trigger}"),
            other => panic!("{other:?}"),
        };
        news.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    fn items() -> Items {
        Arc::new([])
    }

    #[test]
    fn a_hold_is_settled_when_all_that_ran_have_answered_or_ended() {
        let holds = Holds::new();
        assert!(is_settled(&holds.hold(0, items())));
        let (mut a, b) = (holds.join(), holds.join());
        let held = items();
        let hold = holds.hold(7, held.clone());
        assert!(!is_settled(&hold));
        assert_eq!(shown(&a.news()), "hold 7");
        assert_eq!(shown(&a.news()), "");
        a.held(&held);
        assert!(!is_settled(&hold));
        drop(b);
        assert!(is_settled(&hold));
        drop(hold);
        assert_eq!(shown(&a.news()), "release 7");
    }

    #[test]
    fn who_begins_later_begins_with_it_and_is_not_waited_for() {
        let holds = Holds::new();
        let hold = holds.hold(7, items());
        let mut late = holds.join();
        assert!(is_settled(&hold));
        assert_eq!(shown(&late.news()), "");
        let other = holds.hold(8, items());
        assert!(!is_settled(&other));
        drop(hold);
        assert_eq!(shown(&late.news()), "release 7, hold 8");
    }

    #[test]
    fn two_holds_of_the_same_items_are_two() {
        let holds = Holds::new();
        let mut member = holds.join();
        let (first, second) = (items(), items());
        let (one, two) = (holds.hold(0, first.clone()), holds.hold(0, second));
        assert_eq!(shown(&member.news()), "hold 0, hold 0");
        member.held(&first);
        assert!(is_settled(&one) && !is_settled(&two));
        drop(one);
        assert_eq!(shown(&member.news()), "release 0");
    }

    #[test]
    fn a_trigger_is_paused_until_it_is_said_to_run() {
        let holds = Holds::new();
        let mut watch = holds.watch();
        let mut say = |paused| {
            holds.set_paused(3, paused);
            let told = watch.has_changed().unwrap();
            watch.mark_unchanged();
            (holds.is_paused(3), told)
        };
        assert_eq!([say(true), say(false), say(false), say(true)], [(true, false), (false, true), (false, false), (true, true)]);
    }

    #[tokio::test]
    async fn an_answer_wakes_who_waits() {
        let holds = Holds::new();
        let mut member = holds.join();
        let held = items();
        let hold = holds.hold(0, held.clone());
        let answers = async {
            member.changed().await;
            assert_eq!(member.news().len(), 1);
            tokio::task::yield_now().await;
            member.held(&held);
        };
        tokio::join!(hold.settled(), answers);
    }
}

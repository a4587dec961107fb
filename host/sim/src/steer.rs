//! What an operator does meanwhile: pauses, more or fewer batches at once, items held for a redrive; and that the host heeds it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tripline_core::delivery::Lane;
use tripline_core::item_key::ItemKey;
use tripline_core::shard::Event;

use crate::coverage::Met;
use crate::host::Slot;
use crate::scenario::Act;
use crate::sim::{Due, Sim, trace};

impl Sim {
    pub(crate) fn steer(&mut self, index: usize) {
        if let Some(at_ms) = self.sleeps_until() {
            return self.queue.push(at_ms, Due::Steer(index));
        }
        let steer = self.scenario.steers[index].clone();
        let trigger = steer.trigger;
        trace!(self, "trigger {trigger}: {:?}", steer.act);
        let of = &mut self.triggers[trigger];
        match steer.act {
            Act::Pause(paused) => {
                self.coverage.met(Met::Pauses);
                of.paused = paused;
                self.tell_all(|| Event::Paused { trigger, paused });
            }
            Act::Parallel(parallelism) => {
                self.coverage.met(Met::Parallel);
                of.parallelism = parallelism;
                of.parallelism_max = of.parallelism_max.max(parallelism);
                self.tell_all(|| Event::Parallel { trigger, parallelism });
            }
            Act::Hold { .. } if of.held.is_some() => {}
            Act::Hold { for_ms, items } => {
                self.coverage.met(Met::Holds);
                let items = self.some_items(items);
                self.triggers[trigger].held = Some(items.clone());
                self.tell_all(|| Event::Hold { trigger, items: items.clone() });
                self.queue.push(self.now_ms + for_ms, Due::Release(trigger));
            }
        }
    }

    pub(crate) fn release(&mut self, trigger: usize) {
        if let Some(at_ms) = self.sleeps_until() {
            return self.queue.push(at_ms, Due::Release(trigger));
        }
        let Some(items) = self.triggers[trigger].held.take() else { return };
        for running in self.host.iter_mut().flat_map(|host| host.shards.iter_mut().flatten()) {
            running.held.retain(|(other, _)| *other != trigger);
        }
        self.tell_all(|| Event::Release { trigger, items: items.clone() });
    }

    /// What an operator wants of a lane that begins. What it must hold.
    pub(crate) fn heed(&self, trigger: usize, lane: &mut Lane) -> Option<Arc<[ItemKey]>> {
        let of = &self.triggers[trigger];
        lane.set_paused(of.paused);
        lane.set_parallelism(of.parallelism);
        of.held.iter().for_each(|items| lane.hold(items));
        of.held.clone()
    }

    /// Nobody is paused or held any more.
    pub(crate) fn end_steering(&mut self) {
        for trigger in 0..self.triggers.len() {
            self.release(trigger);
            if std::mem::take(&mut self.triggers[trigger].paused) {
                self.tell_all(|| Event::Paused { trigger, paused: false });
            }
        }
    }

    fn some_items(&mut self, count: u32) -> Arc<[ItemKey]> {
        let keys: BTreeSet<&str> = self.facts.all.iter().map(|fact| &*fact.key).collect();
        let keys: Vec<&str> = keys.into_iter().collect();
        let rng = &mut self.rng;
        (0..count).filter_map(|_| rng.choice(&keys).map(|key| ItemKey::of_keys(key))).collect()
    }

    fn tell_all(&mut self, event: impl Fn() -> Event) {
        let slots = self.host.as_ref().map_or(0, |host| host.shards.len());
        (0..slots).for_each(|slot| self.step(slot, event()));
    }

    /// A shard's machine says that none of the items is under way.
    pub(crate) fn is_held(&mut self, slot: Slot, trigger: usize, items: Arc<[ItemKey]>) {
        let is_asked = self.triggers[trigger].held.as_ref() == Some(&items);
        let Some(running) = self.running(slot).filter(|_| is_asked) else { return };
        let is_under_way = running
            .delivering
            .iter()
            .any(|delivery| delivery.trigger == trigger && delivery.items.iter().any(|item| items.contains(item)));
        running.held.push((trigger, items));
        if is_under_way {
            self.fail(format!("trigger {trigger} holds items in shard {slot}, and one of them is delivered"));
        }
    }

    /// Err: what must not go out now.
    pub(crate) fn may_deliver(&mut self, slot: Slot, trigger: usize, items: &[ItemKey]) -> Result<(), String> {
        let of = &self.triggers[trigger];
        let (paused, most) = (of.paused, of.parallelism_max);
        let Some(running) = self.running(slot) else { return Ok(()) };
        let beside: Vec<_> = running.delivering.iter().filter(|delivery| delivery.trigger == trigger).collect();
        let count = beside.len();
        let same = beside.iter().any(|delivery| delivery.items.iter().any(|item| items.contains(item)));
        let held = running
            .held
            .iter()
            .any(|(other, held)| *other == trigger && held.iter().any(|item| items.contains(item)));
        if count > 0 {
            self.coverage.met(Met::Beside);
        }
        match () {
            () if paused => Err(format!("trigger {trigger} is paused, and gets a batch")),
            () if count >= most => Err(format!("{} deliveries of trigger {trigger} in shard {slot} under way", count + 1)),
            () if same => Err(format!("two deliveries of an item of trigger {trigger} in shard {slot} under way")),
            () if held => Err(format!("an item of trigger {trigger} in shard {slot} is held, and delivered")),
            () => Ok(()),
        }
    }
}

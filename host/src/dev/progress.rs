//! How far triggers have come with what a stream holds, by what the host says of it.
//!
//! Always holds: what is done with is durable: handled, filtered, or given up. The host says that a change is pending before it reads on, so who finds
//! nothing more and nothing pending is at the tip.

use std::collections::{BTreeMap, BTreeSet};

use tripline_core::name::{ShardId, StreamName, TriggerName};
use tripline_core::signal::{PollResult, Signal};

/// So many polls in a row that find nothing, of which the first may have begun before it was asked: streams answer so in the midst of a shard, too.
const EMPTY_MIN: u8 = 3;

#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// Those that are read, and how many polls in a row have found nothing.
    shards: BTreeMap<(StreamName, ShardId), u8>,
    pending: BTreeSet<(TriggerName, ShardId)>,
    /// So that who waits sees that something moves.
    settled: u64,
    /// Dead letters and changes that were skipped.
    given_up: u64,
}

impl Progress {
    /// Whether it says something new.
    pub(super) fn hear(&mut self, signal: &Signal<'_>) -> bool {
        match signal {
            Signal::ShardOpened { stream, shard } => self.shards.insert(((*stream).clone(), (*shard).clone()), 0).is_none(),
            Signal::ShardFinished { stream, shard } => {
                self.pending.retain(|(_, of)| of != *shard);
                self.shards.remove(&((*stream).clone(), (*shard).clone())).is_some()
            }
            Signal::Polled { stream, shard, result, .. } => {
                let Some(empty) = self.shards.get_mut(&((*stream).clone(), (*shard).clone())) else { return false };
                let before = *empty;
                *empty = if *result == PollResult::Empty { (before + 1).min(EMPTY_MIN) } else { 0 };
                *empty != before
            }
            Signal::Oldest { trigger, shard, created } => {
                let lane = ((*trigger).clone(), (*shard).clone());
                if created.is_some() { self.pending.insert(lane) } else { self.pending.remove(&lane) }
            }
            Signal::Acknowledged { changes, .. } => {
                self.settled += *changes as u64;
                true
            }
            Signal::DeadLettered { .. } | Signal::Skipped { .. } => {
                self.given_up += 1;
                true
            }
            _ => false,
        }
    }

    /// What is in the stream from now on is looked for anew.
    pub(super) fn look_again(&mut self) {
        self.shards.values_mut().for_each(|empty| *empty = 0);
    }

    /// These triggers have done with all that the stream holds.
    pub(super) fn is_at_tip(&self, stream: &StreamName, triggers: &[TriggerName]) -> bool {
        let mut read = self.shards.iter().filter(|((of, _), _)| of == stream).peekable();
        read.peek().is_some() && read.all(|(_, empty)| *empty >= EMPTY_MIN) && self.behind(triggers).is_empty()
    }

    /// Who has yet to do with what was read.
    pub(super) fn behind<'t>(&self, triggers: &'t [TriggerName]) -> Vec<&'t str> {
        let is_behind = |trigger: &&TriggerName| self.pending.iter().any(|(of, _)| of == *trigger);
        triggers.iter().filter(is_behind).map(|trigger| trigger.as_str()).collect()
    }

    pub(super) fn given_up(&self) -> u64 {
        self.given_up
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tripline_core::time::Timestamp;

    use super::*;

    /// `said`: `open S`, `end S`, `empty S`, `page S` (a poll with changes), `owes T S`, `done T S`, `letter`, `look` (anew). Triggers: `a` and `b`.
    #[track_caller]
    fn check(said: &str, at_tip: bool, given_up: u64) {
        let stream = StreamName::from("orders");
        let mut progress = Progress::default();
        for line in said.split(", ") {
            let words: Vec<&str> = line.split(' ').collect();
            let shard = ShardId::from(*words.last().unwrap());
            let trigger = TriggerName::from(words.get(1).copied().unwrap_or_default());
            let polled = |result| Signal::Polled { stream: &stream, shard: &shard, result, changes: 0, bytes: 0, took: Duration::ZERO };
            let oldest = |created| Signal::Oldest { trigger: &trigger, shard: &shard, created };
            let signal = match words[0] {
                "open" => Signal::ShardOpened { stream: &stream, shard: &shard },
                "end" => Signal::ShardFinished { stream: &stream, shard: &shard },
                "empty" => polled(PollResult::Empty),
                "page" => polled(PollResult::Changes),
                "owes" => oldest(Some(Timestamp::from_ms(1))),
                "done" => oldest(None),
                "letter" => Signal::DeadLettered { trigger: &trigger, event_id: "e", attempts: 1, reason: "r" },
                "look" => {
                    progress.look_again();
                    continue;
                }
                word => panic!("{word}"),
            };
            progress.hear(&signal);
        }
        let triggers = ["a", "b"].map(TriggerName::from);
        assert_eq!(progress.is_at_tip(&stream, &triggers), at_tip, "{said}");
        assert_eq!(progress.given_up(), given_up, "{said}");
    }

    #[test]
    fn who_finds_nothing_more_and_owes_nothing_is_at_the_tip() {
        check("open 1", false, 0);
        check("open 1, done a 1, done b 1", false, 0);
        check("open 1, empty 1, empty 1", false, 0);
        check("open 1, empty 1, empty 1, empty 1", true, 0);
        check("open 1, empty 1, empty 1, page 1, empty 1", false, 0);
        check("open 1, page 1, owes a 1, empty 1, empty 1, empty 1", false, 0);
        check("open 1, page 1, owes a 1, owes b 1, empty 1, empty 1, empty 1, done a 1", false, 0);
        check("open 1, page 1, owes a 1, owes b 1, empty 1, empty 1, empty 1, done a 1, letter, done b 1", true, 1);
        // Of another trigger, on another stream: nobody waits for it.
        check("open 1, owes c 1, empty 1, empty 1, empty 1", true, 0);
    }

    #[test]
    fn every_shard_that_is_read_counts() {
        check("open 1, open 2, empty 1, empty 1, empty 1", false, 0);
        check("open 1, open 2, empty 1, empty 1, empty 1, empty 2, empty 2, empty 2", true, 0);
        check("open 1, owes a 1, end 1", false, 0);
        check("open 1, end 1, empty 1, empty 1, empty 1", false, 0);
        check("open 1, owes a 1, end 1, open 2, empty 2, empty 2, empty 2", true, 0);
    }

    #[test]
    fn what_is_played_is_looked_for_anew() {
        check("open 1, empty 1, empty 1, empty 1, look", false, 0);
        check("open 1, empty 1, empty 1, empty 1, look, empty 1, empty 1", false, 0);
        check("open 1, empty 1, empty 1, empty 1, look, page 1, owes a 1, letter, done a 1, empty 1, empty 1, empty 1", true, 1);
    }
}

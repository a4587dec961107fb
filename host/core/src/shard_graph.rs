//! Shard lineage: which shards a trigger may read now.
//!
//! Invariant: a trigger never gets a child before it has finished the parent. DescribeStream's answers may contradict one another; a shard that
//! was seen once is not forgotten while anything depends on it, and a parent that is in no answer is believed gone only
//! after several answers in a row that hold the child and not the parent.
//! Knows nothing of AWS, clocks or tasks.

use std::collections::{BTreeMap, BTreeSet};

use crate::mutant::{Mutant, on};
use crate::name::ShardId;
use crate::time::Timestamp;

/// One shard as DescribeStream tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardDescription {
    pub id: ShardId,
    /// May name a shard that has aged out and is in no answer.
    pub parent: Option<ShardId>,
}

#[derive(Clone, Debug)]
pub struct ShardGraph {
    triggers: usize,
    shards: BTreeMap<ShardId, Node>,
    /// Answers in a row that told of no shard that was new, while all that are known are closed.
    barren: u8,
    /// The stream is gone: no more answers will come.
    lost: bool,
}

#[derive(Clone, Debug)]
struct Node {
    parent: Option<ShardId>,
    /// Of each trigger.
    progress: Vec<Progress>,
    /// In some answer of this run; a shard that is not is known from the store alone.
    listed: bool,
    /// Answers in a row that held this shard and not its parent.
    doubted: u8,
    /// Answers that held this shard and named no parent.
    parentless: u8,
    /// Answers in a row without this shard.
    absent: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// In no answer yet, and nothing of it is stored for this trigger: it is none of its.
    Unseen,
    /// Begun before a restart: its parent was done then, and whether it is still there, reading it tells.
    Begun,
    Waiting,
    Reading,
    /// Up to when the trigger's checkpoint of it is complete.
    Finished(Option<Timestamp>),
}

/// Answers it takes to believe that a shard is not there, or that no more will come: some eight seconds of them. What was wrongly believed costs order, or
/// changes.
const ANSWERS_MIN: u8 = 5;
/// Answers in a row without a finished shard that it takes to forget it: one that comes back would be read again.
const ABSENT_MIN: u8 = 10;

/// Answers without a parent that it takes to believe that a shard has none: begun too early, it would be read before its parent.
const ROOT_MIN: u8 = 3;

/// Generations of shards, the open one among them, of which some change may have been written since a call began: each lasts minutes at least.
const GENERATIONS: usize = 3;

impl ShardGraph {
    pub fn new(triggers: usize) -> Self {
        Self { triggers, shards: BTreeMap::new(), barren: 0, lost: false }
    }

    /// A shard of which something is stored for this trigger: what, if the trigger has finished it.
    pub fn recall(&mut self, shard: &ShardId, trigger: usize, finished: Option<Option<Timestamp>>) {
        self.node(shard).progress[trigger] = finished.map_or(Progress::Begun, Progress::Finished);
    }

    fn node(&mut self, shard: &ShardId) -> &mut Node {
        let triggers = self.triggers;
        self.shards.entry(shard.clone()).or_insert_with(|| Node {
            parent: None,
            progress: vec![Progress::Unseen; triggers],
            listed: false,
            doubted: 0,
            parentless: 0,
            absent: 0,
        })
    }

    /// Takes in one whole answer of DescribeStream, all pages of it.
    pub fn observe(&mut self, described: &[ShardDescription]) {
        let listed: BTreeSet<&ShardId> = described.iter().map(|shard| &shard.id).collect();
        let mut news = false;
        for shard in described {
            // An answer may leave the parent out; what was once said of it holds.
            let parent = shard.parent.clone().filter(|parent| !self.descends(parent, &shard.id));
            let node = self.node(&shard.id);
            news |= !node.listed;
            node.listed = true;
            node.progress
                .iter_mut()
                .filter(|of| **of == Progress::Unseen)
                .for_each(|of| *of = Progress::Waiting);
            node.parent = node.parent.take().or(parent);
            // One that stands alone has no parent to leave out.
            let alone = if described.len() == 1 { ROOT_MIN } else { 1 };
            node.parentless = if node.parent.is_none() { node.parentless.saturating_add(alone) } else { 0 };
            let orphan = node.parent.as_ref().is_some_and(|parent| !listed.contains(parent));
            node.doubted = if orphan { node.doubted.saturating_add(1) } else { 0 };
            if on(Mutant::OrphanAtOnce) && orphan {
                node.doubted = ANSWERS_MIN;
            }
        }
        if on(Mutant::ParentSkipped) {
            let parents: BTreeSet<_> = described.iter().filter_map(|shard| shard.parent.clone()).collect();
            let waiting = |of: &&mut Progress| **of == Progress::Waiting;
            let skipped = self
                .shards
                .iter_mut()
                .filter(|(id, _)| parents.contains(id))
                .flat_map(|(_, node)| &mut node.progress)
                .filter(waiting);
            skipped.for_each(|of| *of = Progress::Finished(None));
        }
        for (id, node) in &mut self.shards {
            node.absent = if listed.contains(id) { 0 } else { node.absent.saturating_add(1) };
        }
        let is_over = !news && self.all_closed();
        self.barren = if is_over { self.barren.saturating_add(1) } else { 0 };
        self.forget_aged_out();
    }

    /// The stream is gone: nothing more will be said of it, and whatever is not finished is lost.
    pub fn lose(&mut self) {
        self.shards.values_mut().for_each(|node| node.doubted = ANSWERS_MIN);
        self.lost = true;
    }

    /// Shards that this trigger may read now and does not yet, in order of their IDs, each with up to when what came before it is complete.
    pub fn ready(&self, trigger: usize) -> Vec<(ShardId, Option<Timestamp>)> {
        let done = |node: &Node| match node.progress[trigger] {
            Progress::Begun => Some(None),
            Progress::Waiting => self.parent_is_done(node, trigger),
            Progress::Unseen | Progress::Reading | Progress::Finished(_) => None,
        };
        self.shards.iter().filter_map(|(id, node)| Some((id.clone(), done(node)?))).collect()
    }

    /// It has begun to read.
    pub fn start(&mut self, shard: &ShardId, trigger: usize) {
        self.node(shard).progress[trigger] = Progress::Reading;
    }

    /// It has acknowledged all of the shard: the shard is closed.
    pub fn finish(&mut self, shard: &ShardId, trigger: usize, complete_until: Option<Timestamp>) {
        self.node(shard).progress[trigger] = Progress::Finished(complete_until);
        self.barren = 0;
    }

    /// Whether a shard is closed whose children are not known yet, or there are no shards yet: ask again soon.
    pub fn wants_children(&self) -> bool {
        let parents: BTreeSet<_> = self.shards.values().filter_map(|node| node.parent.as_ref()).collect();
        self.shards.is_empty() || self.shards.iter().any(|(id, node)| node.is_closed() && !parents.contains(id))
    }

    /// Whether some shard waits for an answer to be believed: ask again soon.
    pub fn doubts(&self) -> bool {
        let is_doubted = |node: &Node| {
            let by_parent = match node.parent {
                Some(_) => node.doubted > 0 && node.doubted < ANSWERS_MIN,
                None => node.parentless < ROOT_MIN,
            };
            !node.is_absent() && (by_parent || node.absent > 0)
        };
        let mut waiting = self.shards.values().filter(|node| node.progress.contains(&Progress::Waiting));
        waiting.any(is_doubted)
    }

    /// Whether the stream has ended, as far as can be known: all its shards are closed, and answer after answer names no other.
    pub fn is_over(&self) -> bool {
        self.lost || self.barren >= ANSWERS_MIN
    }

    /// Whether there is, or was, any shard.
    pub fn has_shards(&self) -> bool {
        !self.shards.is_empty()
    }

    /// Whether the trigger has finished every shard that is known and its.
    pub fn has_finished(&self, trigger: usize) -> bool {
        self.shards.values().all(|node| node.progress[trigger].is_done())
    }

    /// Up to when this trigger's way through the stream is complete: all that comes after the stream was created later.
    pub fn complete_until(&self, trigger: usize) -> Option<Timestamp> {
        let of = |node: &Node| match node.progress[trigger] {
            Progress::Finished(until) => until,
            _ => None,
        };
        self.shards.values().filter_map(of).max()
    }

    /// Shards that were closed before the call began which told of them, as well as can be known: what came of them has closed twice since. A
    /// younger one may have closed while the call was under way, or within what the stream's clock is behind, with changes that were written since it began.
    pub fn long_closed(&self) -> Vec<ShardId> {
        let parent = |id: &ShardId| self.shards.get(id).and_then(|node| node.parent.as_ref());
        let parents: BTreeSet<&ShardId> = self.shards.keys().filter_map(parent).collect();
        let mut last: BTreeSet<&ShardId> = self.shards.keys().filter(|id| !parents.contains(id)).collect();
        let mut young = last.clone();
        for _ in 0..GENERATIONS - 1 {
            last = last.into_iter().filter_map(parent).collect();
            young.extend(&last);
        }
        self.shards.keys().filter(|id| !young.contains(id)).cloned().collect()
    }

    fn all_closed(&self) -> bool {
        // Also one whose only readers stand still in it: it has children, or aged out.
        let parents: BTreeSet<_> = self.shards.values().filter_map(|node| node.parent.as_ref()).collect();
        self.shards.iter().all(|(id, node)| node.is_closed() || parents.contains(id) || node.is_absent())
    }

    /// None: not yet. Else up to when the parent is complete, as far as that is known.
    fn parent_is_done(&self, node: &Node, trigger: usize) -> Option<Option<Timestamp>> {
        let Some(parent) = &node.parent else {
            return (node.parentless >= ROOT_MIN || node.is_absent() || self.lost).then_some(None);
        };
        match self.shards.get(parent) {
            Some(parent) => match parent.progress[trigger] {
                Progress::Finished(until) => Some(until),
                Progress::Unseen => self.stands_alone(node, trigger).then_some(None),
                Progress::Reading if on(Mutant::ChildBeforeParent) => Some(None),
                Progress::Begun | Progress::Waiting | Progress::Reading => None,
            },
            None => self.stands_alone(node, trigger).then_some(None),
        }
    }

    /// Whether a shard whose parent nobody has ever seen may be read: what the trigger still has in hand of shards that aged out as well may be of
    /// that parent's parents, and comes first.
    fn stands_alone(&self, node: &Node, trigger: usize) -> bool {
        let in_hand = |other: &Node| other.is_absent() && !other.progress[trigger].is_done();
        node.is_absent() || (node.doubted >= ANSWERS_MIN && !self.shards.values().any(in_hand))
    }

    /// Whether `shard` is `ancestor`, or comes from it: an answer may go round in a circle, which nobody could ever begin to read.
    fn descends(&self, shard: &ShardId, ancestor: &ShardId) -> bool {
        let parent = |shard: &ShardId| self.shards.get(shard).and_then(|node| node.parent.as_ref());
        std::iter::successors(Some(shard), |shard| parent(shard)).any(|shard| shard == ancestor)
    }

    /// Drops finished shards that are in no answer any more and that no waiting child asks for.
    fn forget_aged_out(&mut self) {
        let waiting = |node: &&Node| node.progress.contains(&Progress::Waiting);
        let needed: BTreeSet<ShardId> = self.shards.values().filter(waiting).filter_map(|node| node.parent.clone()).collect();
        self.shards.retain(|id, node| {
            !node.is_finished()
                || (node.absent < ABSENT_MIN && !(on(Mutant::FinishedForgotten) && node.absent > 0))
                || needed.contains(id)
                || !node.listed
        });
    }
}

impl Node {
    /// Some trigger has come to its end.
    fn is_closed(&self) -> bool {
        self.progress.iter().any(|progress| matches!(progress, Progress::Finished(_)))
    }

    /// It is in no answer any more: nothing more will be learnt of it but by reading.
    fn is_absent(&self) -> bool {
        self.absent >= ANSWERS_MIN
    }

    /// All triggers have.
    fn is_finished(&self) -> bool {
        self.progress.iter().all(|progress| progress.is_done())
    }
}

impl Progress {
    /// Nothing is left to do for that trigger.
    fn is_done(self) -> bool {
        matches!(self, Self::Finished(_) | Self::Unseen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    /// `a>b` says that b is a child of a; a bare name has no parent; `~a>b` has a parent a that is not listed.
    fn answer(lineage: &str) -> Vec<ShardDescription> {
        let mut shards = BTreeMap::new();
        for edge in lineage.split_whitespace() {
            let (parent, child) = edge.split_once('>').map_or((None, edge), |(parent, child)| (Some(parent), child));
            if let Some(parent) = parent.filter(|parent| !parent.starts_with('~')) {
                shards.entry(parent).or_insert(None);
            }
            shards.insert(child, parent.map(|parent| parent.trim_start_matches('~')));
        }
        let describe = |(id, parent): (&str, Option<&str>)| ShardDescription { id: id.into(), parent: parent.map(ShardId::from) };
        shards.into_iter().map(describe).collect()
    }

    /// Each word of `script` is an answer (`=lineage`, edges joined by commas; `*5`: five times), an end (`-a`), a start (`+a`), a stored row (`?a`), or the
    /// stream's loss (`!`). Shows what two triggers may read, the second of which does none of this.
    #[track_caller]
    fn check(script: &str, expected: Expect) {
        let mut graph = ShardGraph::new(2);
        for word in script.split_whitespace() {
            match word.split_at(1) {
                ("=", lineage) => {
                    let (lineage, times) = lineage.split_once('*').unwrap_or((lineage, "1"));
                    (0..times.parse().unwrap()).for_each(|_| graph.observe(&answer(&lineage.replace(',', " "))));
                }
                ("-", id) => graph.finish(&id.into(), 0, None),
                ("+", id) => graph.start(&id.into(), 0),
                ("?", id) => graph.recall(&id.into(), 0, None),
                ("!", _) => graph.lose(),
                _ => panic!("{word}"),
            }
        }
        let ready = |trigger| graph.ready(trigger).iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(" ");
        let over = if graph.is_over() { " over" } else { "" };
        expected.assert_eq(&format!("{} | {}{over}", ready(0), ready(1)));
    }

    #[test]
    fn children_follow_their_parent_for_each_trigger() {
        check("=a>b,a>c", expect![" | "]);
        check("=a>b,a>c +a", expect![" | "]);
        check("=a>b,a>c +a -a", expect!["b c | "]);
        check("=a>b,b>c,b>d +a -a +b", expect![" | "]);
        check("=a>b,b>c,b>d +a -a +b -b", expect!["c d | "]);
        check("=a,b,c>d", expect![" | "]);
    }

    #[test]
    fn a_parent_that_aged_out_is_believed_gone_after_five_answers() {
        check("=~a>b*4", expect![" | "]);
        check("=~a>b*5", expect!["b | b"]);
        check("=x +x =~a>b*5", expect![" | x"]);
        check("=x +x =~a>b*5 -x", expect!["b | x"]);
    }

    #[test]
    fn a_parent_that_was_left_out_still_comes_first() {
        check("=~a>b =a>b", expect![" | "]);
        check("=~a>b*4 =a>b =~a>b*4", expect![" | "]);
    }

    #[test]
    fn an_answer_may_forget_whose_child_a_shard_is() {
        check("=a>b =a,b +a", expect![" | "]);
    }

    #[test]
    fn a_finished_shard_that_is_left_out_for_a_while_is_not_begun_again() {
        check("=a>b +a -a =b =b =b =a>b", expect!["b | "]);
    }

    #[test]
    fn a_circle_is_broken() {
        check("=a>a", expect!["a | a"]);
        check("=a>b,b>a", expect![" | "]);
    }

    #[test]
    fn a_shard_in_use_is_not_forgotten() {
        check("=a>b +a =b =b =b =b", expect![" | "]);
        check("=a>b +a =b -a", expect!["b | "]);
    }

    #[test]
    fn what_was_begun_before_a_restart_and_is_in_no_answer_is_read_to_find_out() {
        check("?a", expect!["a | "]);
        check("?a =b*9", expect!["a b | b"]);
        check("?b =~a>b", expect!["b | "]);
        check("?a =a>b", expect!["a | "]);
        check("=a,b =c*4", expect!["c | c"]);
        check("=a,b =c*5", expect!["a b c | a b c"]);
        check("?a !", expect!["a |  over"]);
    }

    #[test]
    fn ends_from_before_a_restart_count_for_their_trigger() {
        check("-a =a>b", expect!["b | "]);
        check("-a =~a>b", expect!["b | "]);
        check("-a =~a>b*5", expect!["b | b"]);
        check("-a -b =a>b,b>c", expect!["c | "]);
    }

    #[test]
    fn is_over_after_five_answers_that_bring_nothing() {
        check("=a +a -a =a*4", expect![" | a"]);
        check("=a +a -a =a*5", expect![" | a over"]);
        check("=a +a -a =a =a =a>b", expect!["b | a"]);
        check("=*5", expect![" |  over"]);
    }

    #[test]
    fn a_shard_that_vanishes_before_it_is_begun_is_begun_all_the_same() {
        let mut graph = ShardGraph::new(1);
        graph.observe(&answer("a>b"));
        (1..ANSWERS_MIN).for_each(|_| graph.observe(&answer("~b>c ~b>d")));
        assert!(graph.ready(0).is_empty() && graph.doubts());
        graph.observe(&answer("~b>c ~b>d"));
        assert_eq!(graph.ready(0), [("a".into(), None)]);
    }

    #[test]
    fn a_trigger_that_stands_still_in_a_shard_keeps_no_other_in_the_stream() {
        let mut graph = ShardGraph::new(2);
        graph.recall(&"a".into(), 1, None);
        graph.start(&"a".into(), 1);
        graph.observe(&answer("~a>b"));
        graph.finish(&"b".into(), 0, None);
        (0..ANSWERS_MIN).for_each(|_| graph.observe(&answer("~a>b")));
        assert!(graph.is_over() && graph.has_finished(0) && !graph.has_finished(1));
    }

    #[test]
    fn says_when_answers_are_wanted() {
        let mut graph = ShardGraph::new(1);
        assert!(graph.wants_children());
        graph.observe(&answer("a"));
        assert!(!graph.wants_children());
        graph.finish(&"a".into(), 0, Some(Timestamp::from_ms(7)));
        assert!(graph.wants_children());
        graph.observe(&answer("a>b"));
        assert!(!graph.wants_children() && !graph.doubts());
        assert_eq!(graph.ready(0), [("b".into(), Some(Timestamp::from_ms(7)))]);
        graph.observe(&answer("~x>c"));
        assert!(graph.doubts());
    }
}

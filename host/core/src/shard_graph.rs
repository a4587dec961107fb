//! Shard lineage: which shards may be read now.
//!
//! Invariant: a child is never ready before its parent has ended. DescribeStream's answers may contradict one another; a shard that
//! was seen once is not forgotten while anything depends on it, and a parent that is in no answer is believed gone only
//! after two answers in a row that hold the child and not the parent.
//! Knows nothing of AWS, clocks or tasks.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::ShardId;

/// One shard as DescribeStream tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardDescription {
    pub id: ShardId,
    /// May name a shard that has aged out and is in no answer.
    pub parent: Option<ShardId>,
}

#[derive(Clone, Debug, Default)]
pub struct ShardGraph {
    shards: BTreeMap<ShardId, Node>,
    /// Shards that were ended before they were ever described: finished by every trigger before a restart.
    ended_unseen: BTreeSet<ShardId>,
}

#[derive(Clone, Debug)]
struct Node {
    parent: Option<ShardId>,
    state: State,
    /// Answers in a row that held this shard and not its parent.
    orphaned: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Reading,
    Ended,
}

/// Answers without the parent that it takes to believe that the parent is gone.
const ORPHANED_MIN: u8 = 2;

impl ShardGraph {
    /// Takes in one whole answer of DescribeStream, all pages of it.
    pub fn observe(&mut self, described: &[ShardDescription]) {
        let listed: BTreeSet<&ShardId> = described.iter().map(|shard| &shard.id).collect();
        for shard in described {
            let state = if self.ended_unseen.remove(&shard.id) { State::Ended } else { State::Waiting };
            let node = self.shards.entry(shard.id.clone()).or_insert(Node { parent: None, state, orphaned: 0 });
            // An answer may leave the parent out; what was once said of it holds.
            node.parent = node.parent.take().or_else(|| shard.parent.clone());
            let orphan = node.parent.as_ref().is_some_and(|parent| !listed.contains(parent));
            node.orphaned = if orphan { node.orphaned.saturating_add(1) } else { 0 };
        }
        self.forget_aged_out(&listed);
    }

    /// Shards that may be read now and are not yet, in order of their IDs.
    pub fn ready(&self) -> Vec<ShardId> {
        let waiting = self.shards.iter().filter(|(_, node)| node.state == State::Waiting);
        waiting.filter(|(_, node)| self.parent_is_done(node)).map(|(id, _)| id.clone()).collect()
    }

    /// A reader has begun.
    pub fn start(&mut self, shard: &ShardId) {
        if let Some(node) = self.shards.get_mut(shard) {
            node.state = State::Reading;
        }
    }

    /// Every trigger has acknowledged all of the shard, or the shard is gone.
    pub fn end(&mut self, shard: &ShardId) {
        match self.shards.get_mut(shard) {
            Some(node) => node.state = State::Ended,
            None => drop(self.ended_unseen.insert(shard.clone())),
        }
    }

    /// Whether a shard ended whose children are not known yet, or there are no shards yet: ask again soon.
    pub fn wants_children(&self) -> bool {
        let parents: BTreeSet<_> = self.shards.values().filter_map(|node| node.parent.as_ref()).collect();
        self.shards.is_empty() || self.shards.iter().any(|(id, node)| node.state == State::Ended && !parents.contains(id))
    }

    /// Whether some shard waits for a parent that the last answer left out: ask again soon, to believe it or not.
    pub fn doubts(&self) -> bool {
        self.shards.values().any(|node| node.state == State::Waiting && node.orphaned == 1)
    }

    /// Whether all shards have ended, as after the stream was disabled, or there are none, as once they have aged out.
    pub fn all_ended(&self) -> bool {
        self.shards.values().all(|node| node.state == State::Ended)
    }

    fn parent_is_done(&self, node: &Node) -> bool {
        let Some(parent) = &node.parent else { return true };
        match self.shards.get(parent) {
            Some(parent) => parent.state == State::Ended,
            None => self.ended_unseen.contains(parent) || node.orphaned >= ORPHANED_MIN,
        }
    }

    /// Drops ended shards that are in no answer any more and that no waiting child asks for.
    fn forget_aged_out(&mut self, listed: &BTreeSet<&ShardId>) {
        let needed: BTreeSet<ShardId> = self
            .shards
            .values()
            .filter(|node| node.state == State::Waiting)
            .filter_map(|node| node.parent.clone())
            .collect();
        self.shards
            .retain(|id, node| node.state != State::Ended || listed.contains(id) || needed.contains(id));
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

    /// Each word of `script` is an answer (`=lineage`, edges joined by commas), an end (`-a`) or a start (`+a`).
    #[track_caller]
    fn check(script: &str, expected: Expect) {
        let mut graph = ShardGraph::default();
        for word in script.split_whitespace() {
            match word.split_at(1) {
                ("=", lineage) => graph.observe(&answer(&lineage.replace(',', " "))),
                ("-", id) => graph.end(&id.into()),
                ("+", id) => graph.start(&id.into()),
                _ => panic!("{word}"),
            }
        }
        let ready: Vec<_> = graph.ready().iter().map(ToString::to_string).collect();
        expected.assert_eq(&ready.join(" "));
    }

    #[test]
    fn children_follow_their_parent() {
        check("=a>b,a>c", expect!["a"]);
        check("=a>b,a>c +a", expect![""]);
        check("=a>b,a>c +a -a", expect!["b c"]);
        check("=a>b,b>c,b>d +a -a +b", expect![""]);
        check("=a>b,b>c,b>d +a -a +b -b", expect!["c d"]);
    }

    #[test]
    fn several_roots_are_read_at_once() {
        check("=a,b,c>d", expect!["a b c"]);
    }

    #[test]
    fn a_parent_that_aged_out_is_believed_gone_after_two_answers() {
        check("=~a>b", expect![""]);
        check("=~a>b =~a>b", expect!["b"]);
    }

    #[test]
    fn a_parent_that_was_left_out_once_still_comes_first() {
        check("=~a>b =a>b", expect!["a"]);
        check("=~a>b =a>b =~a>b", expect!["a"]);
    }

    #[test]
    fn an_answer_may_forget_whose_child_a_shard_is() {
        check("=a>b =a,b +a", expect![""]);
    }

    #[test]
    fn a_shard_in_use_is_not_forgotten() {
        check("=a>b +a =b =b", expect![""]);
        check("=a>b +a =b -a", expect!["b"]);
    }

    #[test]
    fn ends_from_before_a_restart_count() {
        check("-a =a>b", expect!["b"]);
        check("-a =~a>b", expect!["b"]);
        check("-a -b =a>b,b>c", expect!["c"]);
    }

    #[test]
    fn says_when_children_are_missing_and_when_all_is_read() {
        let mut graph = ShardGraph::default();
        assert!(graph.wants_children() && graph.all_ended());
        graph.observe(&answer("a"));
        assert!(!graph.wants_children() && !graph.all_ended());
        graph.end(&"a".into());
        assert!(graph.wants_children() && graph.all_ended());
        graph.observe(&answer("a>b"));
        assert!(!graph.wants_children() && !graph.all_ended());
    }
}

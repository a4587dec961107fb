//! A stream's shards as a tree, for people: who came from whom, and how.
//!
//! Invariant: every shard stands in it once, whatever the answer says, and a child below its parent. Knows no shard's state.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::ShardId;
use crate::shard_graph::ShardDescription;

/// How a shard came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It names no parent.
    First,
    /// Its parent aged out, or the answer left it out.
    ParentGone,
    /// Its parent's only child: the parent closed, as all do after some hours.
    Rollover,
    /// One of several children of its parent.
    Split,
    /// It is among its own ancestors: the answer contradicts itself.
    Circle,
}

impl Origin {
    /// As scripts read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::ParentGone => "parent-gone",
            Self::Rollover => "rollover",
            Self::Split => "split",
            Self::Circle => "circle",
        }
    }
}

/// A chain that goes deeper is drawn no further to the right: an endpoint may send one of any length.
const COLUMNS_MAX: usize = 96;

/// One line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Place in the list that was given.
    pub index: usize,
    pub origin: Origin,
    /// What is drawn before the shard: `│  └─ `.
    pub stem: String,
}

/// Parents before their children, siblings in order of their IDs.
pub fn tree(shards: &[ShardDescription]) -> Vec<Branch> {
    let known: BTreeMap<&ShardId, usize> = shards.iter().enumerate().map(|(index, shard)| (&shard.id, index)).collect();
    let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut roots = Vec::new();
    for (id, &index) in &known {
        match &shards[index].parent {
            None => roots.push((index, Origin::First)),
            Some(parent) => match known.get(parent) {
                Some(&parent) if shards[parent].id != **id => children.entry(parent).or_default().push(index),
                Some(_) => roots.push((index, Origin::Circle)),
                None => roots.push((index, Origin::ParentGone)),
            },
        }
    }
    let mut drawn = Drawn { children: &children, seen: BTreeSet::new(), branches: Vec::new() };
    roots.into_iter().for_each(|(root, origin)| drawn.draw(root, origin));
    // What no root leads to goes round in a circle.
    for &index in known.values() {
        drawn.draw(index, Origin::Circle);
    }
    drawn.branches
}

struct Drawn<'a> {
    children: &'a BTreeMap<usize, Vec<usize>>,
    seen: BTreeSet<usize>,
    branches: Vec<Branch>,
}

impl Drawn<'_> {
    /// Without recursion, for the same reason.
    fn draw(&mut self, root: usize, origin: Origin) {
        // The stem of the shard itself, and what stands before its children.
        let mut to_do = vec![(root, origin, String::new(), String::new())];
        while let Some((index, origin, stem, rail)) = to_do.pop() {
            if !self.seen.insert(index) {
                continue;
            }
            self.branches.push(Branch { index, origin, stem });
            let children = self.children.get(&index).map(Vec::as_slice).unwrap_or_default();
            let origin = if children.len() == 1 { Origin::Rollover } else { Origin::Split };
            for (at, &child) in children.iter().enumerate().rev() {
                let last = at + 1 == children.len();
                let (knee, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
                let below = if rail.chars().count() < COLUMNS_MAX { format!("{rail}{below}") } else { rail.clone() };
                to_do.push((child, origin, format!("{rail}{knee}"), below));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// `a>b` says that b is a child of a; a bare name has no parent; `~a>b` has a parent a that is not listed.
    #[track_caller]
    fn check(lineage: &str, expected: Expect) {
        let mut shards: Vec<ShardDescription> = Vec::new();
        for edge in lineage.split_whitespace() {
            let (parent, child) = edge.split_once('>').map_or((None, edge), |(parent, child)| (Some(parent), child));
            if let Some(parent) = parent.filter(|parent| !parent.starts_with('~'))
                && !lineage.split_whitespace().any(|other| other == parent || other.ends_with(&format!(">{parent}")))
            {
                shards.push(ShardDescription { id: parent.into(), parent: None });
            }
            let parent = parent.map(|parent| parent.trim_start_matches('~').into());
            shards.push(ShardDescription { id: child.into(), parent });
        }
        let unique: BTreeSet<_> = shards.iter().map(|shard| shard.id.clone()).collect();
        shards.dedup_by(|a, b| a.id == b.id);
        let branches = tree(&shards);
        assert_eq!(branches.len(), unique.len(), "each shard once");
        let line = |branch: &Branch| format!("{}{} {}\n", branch.stem, shards[branch.index].id, branch.origin.as_str());
        expected.assert_eq(&branches.iter().map(line).collect::<String>());
    }

    #[test]
    fn splits_and_rollovers_hang_below_their_parents() {
        check(
            "a>b a>c b>d d>e",
            expect![[r#"
                a first
                ├─ b split
                │  └─ d rollover
                │     └─ e rollover
                └─ c split
            "#]],
        );
    }

    #[test]
    fn shards_whose_parents_are_gone_stand_at_the_left() {
        check(
            "~x>b ~y>a a>c d",
            expect![[r#"
                a parent-gone
                └─ c rollover
                b parent-gone
                d first
            "#]],
        );
    }

    #[test]
    fn a_table_with_many_partitions_has_many_trees() {
        check(
            "a>d b>e b>f c",
            expect![[r#"
                a first
                └─ d rollover
                b first
                ├─ e split
                └─ f split
                c first
            "#]],
        );
        check("", expect![""]);
    }

    #[test]
    fn an_answer_that_goes_in_circles_ends() {
        check(
            "a>a b>c c>b",
            expect![[r#"
                a circle
                b circle
                └─ c rollover
            "#]],
        );
    }

    #[test]
    fn a_long_chain_is_no_danger() {
        let id = |n: usize| ShardId::from(format!("{n:06}"));
        let chain: Vec<_> = (0..20_000).map(|n| ShardDescription { id: id(n), parent: (n > 0).then(|| id(n - 1)) }).collect();
        let branches = tree(&chain);
        assert_eq!(branches.len(), 20_000);
        assert!(branches.iter().all(|branch| branch.stem.chars().count() <= COLUMNS_MAX + 3));
    }
}

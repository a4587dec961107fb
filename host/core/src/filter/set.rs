//! The patterns of all triggers of a stream, compiled: a tree of the paths that they name, and gates that count what holds.
//!
//! A **node** is a path. A **term** is what may hold of a node's value: a condition (one of some tests), or that the value is an object of which a group
//! holds. A **gate** belongs to the node of the object that it judges: a group's gate opens when all of its terms hold, a `$or`'s when one of its
//! choices does. Equal conditions, groups and choices of different patterns are one. A gate is tried only when the rarest of its terms holds, the one that
//! the fewest gates want: of thousands of choices, those that cannot be are not looked at.
//!
//! Invariant: a gate is fed by terms of its node's children and by gates of its own node alone, so an object is judged by itself: of an array of objects, one
//! element must be all that a group wants.

use super::compile::compile;
use super::passes::Passes;
use super::pattern::Pattern;
use super::shape::Shape;
use super::table::{Table, Target};
use super::walk;
use crate::change::Change;
use crate::name::StreamArn;

/// Compiled once for each stream.
#[derive(Debug, Default)]
pub struct FilterSet {
    /// The first is the event.
    pub(super) nodes: Vec<Node>,
    /// By term: the gates to be tried where it holds.
    pub(super) terms: Vec<Vec<GateId>>,
    pub(super) gates: Vec<Gate>,
    pub(super) filters: usize,
}

pub(super) type NodeId = usize;
pub(super) type TermId = u32;
pub(super) type GateId = usize;

#[derive(Debug)]
pub(super) struct Node {
    pub(super) shape: Shape,
    /// By name.
    pub(super) children: Vec<(Box<str>, NodeId)>,
    /// Of the conditions on its value.
    pub(super) table: Option<Box<Table>>,
    /// Conditions that hold where there is no value.
    pub(super) absent: Vec<TermId>,
    /// Whether some group wants an object here.
    pub(super) is_object: bool,
    /// The terms of groups that hold where there is no object.
    pub(super) absent_object: Vec<TermId>,
    /// All that may hold of its value.
    pub(super) terms: Vec<TermId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Feed {
    Term(TermId),
    Gate(GateId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Opens {
    WithOne,
    WithAll,
}

#[derive(Debug)]
pub(super) struct Gate {
    pub(super) opens: Opens,
    pub(super) feeds: Vec<Feed>,
    /// The gates to be tried when it opens.
    pub(super) next: Vec<GateId>,
    /// Of the node's value, in the object around it.
    pub(super) term: Option<TermId>,
    pub(super) filters: Vec<u32>,
}

/// Room to work in, of whoever looks at changes.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Counts objects: what is marked with another number is of another object.
    pub(super) frame: u32,
    /// By term: in which object it has held.
    pub(super) held: Vec<u32>,
    /// By gate: in which object it was opened last.
    pub(super) opened: Vec<u32>,
    /// By node: in which object it was seen.
    pub(super) seen: Vec<u32>,
    /// Terms of the objects that are looked at, to be told to those around them.
    pub(super) held_of_object: Vec<TermId>,
    /// Gates of the objects that are looked at, to be tried when all is known of them.
    pub(super) tries: Vec<GateId>,
    pub(super) hits: Vec<Target>,
}

impl FilterSet {
    /// `filters`: each a list of patterns, of which one must match.
    pub fn new<'p>(filters: impl IntoIterator<Item = &'p [Pattern]>) -> Self {
        compile(filters)
    }

    /// Of a stream whose triggers filter nothing.
    pub fn is_empty(&self) -> bool {
        self.filters == 0
    }

    /// Which filters this change passes. `stream`: what its event form has as `eventSourceARN`.
    pub fn passes(&self, change: &Change, stream: &StreamArn, scratch: &mut Scratch) -> Passes {
        if self.is_empty() {
            return Passes::default();
        }
        walk::passes(self, change, stream, scratch)
    }
}

impl Node {
    pub(super) fn child(&self, name: &str) -> Option<NodeId> {
        let at = self.children.binary_search_by(|(child, _)| (**child).cmp(name)).ok()?;
        Some(self.children[at].1)
    }
}

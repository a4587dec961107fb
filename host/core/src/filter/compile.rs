//! Makes one `FilterSet` of the patterns of a stream's triggers.

use std::collections::HashMap;

use super::pattern::{Field, Group, Pattern, Test, Wants};
use super::set::{Feed, FilterSet, Gate, GateId, Node, NodeId, Opens, Scratch, TermId};
use super::shape::Shape;
use super::table::Table;
use super::walk::Walk;

const EVENT: NodeId = 0;

pub(super) fn compile<'p>(filters: impl IntoIterator<Item = &'p [Pattern]>) -> FilterSet {
    let mut compiler = Compiler::default();
    compiler.node(Shape::Event);
    for (filter, patterns) in (0..).zip(filters) {
        for pattern in patterns {
            let gate = compiler.group(EVENT, &pattern.root);
            let filters = &mut compiler.set.gates[gate].filters;
            // A pattern may stand there twice.
            if filters.last() != Some(&filter) {
                filters.push(filter);
            }
        }
        compiler.set.filters += 1;
    }
    compiler.finish()
}

#[derive(Default)]
struct Compiler {
    set: FilterSet,
    conditions: HashMap<(NodeId, Vec<Test>), TermId>,
    gates: HashMap<(NodeId, Opens, Vec<Feed>), GateId>,
}

impl Compiler {
    fn node(&mut self, shape: Shape) -> NodeId {
        self.set.nodes.push(Node {
            shape,
            children: Vec::new(),
            table: None,
            absent: Vec::new(),
            is_object: false,
            absent_object: Vec::new(),
            terms: Vec::new(),
        });
        self.set.nodes.len() - 1
    }

    fn child(&mut self, parent: NodeId, name: &str) -> NodeId {
        let node = &self.set.nodes[parent];
        match node.children.binary_search_by(|(child, _)| (**child).cmp(name)) {
            Ok(at) => node.children[at].1,
            Err(at) => {
                let child = self.node(node.shape.of(name));
                self.set.nodes[parent].children.insert(at, (name.into(), child));
                child
            }
        }
    }

    /// The gate that opens where all of the group holds of the node's object.
    fn group(&mut self, node: NodeId, group: &Group) -> GateId {
        self.set.nodes[node].is_object = true;
        let mut feeds: Vec<Feed> = group.fields.iter().map(|field| Feed::Term(self.field(node, field))).collect();
        for choice in &group.choices {
            let choices = choice.groups.iter().map(|group| Feed::Gate(self.group(node, group))).collect();
            feeds.push(Feed::Gate(self.gate(node, Opens::WithOne, choices)));
        }
        self.gate(node, Opens::WithAll, feeds)
    }

    fn gate(&mut self, node: NodeId, opens: Opens, mut feeds: Vec<Feed>) -> GateId {
        feeds.sort_unstable();
        feeds.dedup();
        if let [Feed::Gate(only)] = *feeds {
            return only;
        }
        let gates = &mut self.set.gates;
        let gate = *self.gates.entry((node, opens, feeds.clone())).or_insert(gates.len());
        if gate == gates.len() {
            for feed in &feeds {
                if let Feed::Gate(other) = feed {
                    gates[*other].next.push(gate);
                }
            }
            gates.push(Gate { opens, feeds, next: Vec::new(), term: None, filters: Vec::new() });
        }
        gate
    }

    fn term(&mut self, node: NodeId) -> TermId {
        let term = self.set.terms.len() as TermId;
        self.set.terms.push(Vec::new());
        self.set.nodes[node].terms.push(term);
        term
    }

    fn field(&mut self, parent: NodeId, field: &Field) -> TermId {
        let node = self.child(parent, &field.name);
        match &field.wants {
            Wants::Value(alternatives) => {
                let mut tests: Vec<Test> = alternatives.iter().map(|alternative| alternative.test.clone()).collect();
                tests.sort_unstable();
                tests.dedup();
                self.condition(node, tests)
            }
            Wants::Object(group) => {
                let gate = self.group(node, group);
                match self.set.gates[gate].term {
                    Some(term) => term,
                    None => {
                        let term = self.term(node);
                        self.set.gates[gate].term = Some(term);
                        term
                    }
                }
            }
        }
    }

    fn condition(&mut self, node: NodeId, tests: Vec<Test>) -> TermId {
        if let Some(term) = self.conditions.get(&(node, tests.clone())) {
            return *term;
        }
        let term = self.term(node);
        let at = &mut self.set.nodes[node];
        let is_number = at.shape.is_number();
        at.table.get_or_insert_with(|| Box::new(Table::new(is_number))).add(&tests, term);
        if tests.contains(&Test::Exists(false)) {
            at.absent.push(term);
        }
        self.conditions.insert((node, tests), term);
        term
    }

    /// A gate that waits for terms alone is tried where the rarest of them holds.
    fn watch(&mut self) {
        let FilterSet { gates, terms, .. } = &mut self.set;
        let mut wanted_by = vec![0_u32; terms.len()];
        let of_terms = |gate: &Gate| gate.feeds.iter().all(|feed| matches!(feed, Feed::Term(_)));
        let wants = |gate: &Gate| {
            gate.feeds
                .iter()
                .filter_map(|feed| if let Feed::Term(term) = feed { Some(*term) } else { None })
                .collect()
        };
        for gate in &*gates {
            let wants: Vec<TermId> = wants(gate);
            wants.iter().for_each(|term| wanted_by[*term as usize] += 1);
        }
        for (id, gate) in gates.iter().enumerate().filter(|(_, gate)| of_terms(gate)) {
            let wants: Vec<TermId> = wants(gate);
            if let Some(rarest) = wants.into_iter().min_by_key(|term| wanted_by[*term as usize]) {
                terms[rarest as usize].push(id);
            }
        }
    }

    /// Children come after their parents: from the last on, each node knows what holds of it where there is nothing.
    fn finish(mut self) -> FilterSet {
        self.watch();
        let mut scratch = Scratch::default();
        for node in (1..self.set.nodes.len()).rev() {
            if self.set.nodes[node].is_object {
                self.set.nodes[node].absent_object = Walk::new(&self.set, &mut scratch).of_nothing(node);
            }
            if let Some(table) = &mut self.set.nodes[node].table {
                table.finish();
            }
        }
        self.set
    }
}

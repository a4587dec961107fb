//! Looks at one change for all filters at once.
//!
//! Invariant: an object is walked only where some pattern names a key of it, and only until all such keys are found; of a key that stands there twice,
//! the first counts. What stands in no pattern is passed over by its brackets.

use super::passes::Passes;
use super::set::{Feed, FilterSet, GateId, NodeId, Opens, Scratch, TermId};
use super::table::Value;
use crate::change::{Change, UserIdentity};
use crate::name::StreamArn;
use crate::scan::{ScanError, Scanner};

/// Arrays in arrays, which no item has.
const DEPTH_MAX: u32 = 32;

pub(super) fn passes(set: &FilterSet, change: &Change, stream: &StreamArn, scratch: &mut Scratch) -> Passes {
    let mut walk = Walk::new(set, scratch);
    // What is no JSON is for its reader to refuse.
    walk.event(change, stream).map_or_else(|_| Passes::all(set.filters), |()| walk.passes)
}

pub(super) struct Walk<'a> {
    set: &'a FilterSet,
    scratch: &'a mut Scratch,
    passes: Passes,
}

/// The number of the object that is looked at.
type Frame = u32;

/// An object that is looked at, and what is still open of those around it: all above is of itself.
#[derive(Clone, Copy)]
struct Object {
    frame: Frame,
    held: usize,
    tries: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(set: &'a FilterSet, scratch: &'a mut Scratch) -> Self {
        scratch.held.resize(set.terms.len(), 0);
        scratch.opened.resize(set.gates.len(), 0);
        scratch.seen.resize(set.nodes.len(), 0);
        scratch.held_of_object.clear();
        scratch.tries.clear();
        Self { set, scratch, passes: Passes::none(set.filters) }
    }

    /// The terms of `node` that hold where there is no object, those of its children being known.
    pub(super) fn of_nothing(mut self, node: NodeId) -> Vec<TermId> {
        let object = self.begin();
        self.end(node, object);
        self.scratch.held_of_object.clone()
    }

    fn begin(&mut self) -> Object {
        if self.scratch.frame == u32::MAX {
            // Once in four thousand million objects.
            self.scratch.held.fill(0);
            self.scratch.opened.fill(0);
            self.scratch.seen.fill(0);
            self.scratch.frame = 0;
        }
        self.scratch.frame += 1;
        Object { frame: self.scratch.frame, held: self.scratch.held_of_object.len(), tries: self.scratch.tries.len() }
    }

    /// All that was not seen in this object is absent; then it is judged.
    fn end(&mut self, node: NodeId, object: Object) {
        let set = self.set;
        for (_, child) in &set.nodes[node].children {
            if self.scratch.seen[*child] != object.frame {
                self.absent(*child, object.frame);
            }
        }
        while self.scratch.tries.len() > object.tries
            && let Some(gate) = self.scratch.tries.pop()
        {
            self.try_gate(gate, object.frame);
        }
    }

    fn absent(&mut self, node: NodeId, frame: Frame) {
        let set = self.set;
        let node = &set.nodes[node];
        for term in node.absent.iter().chain(&node.absent_object) {
            self.holds(*term, frame);
        }
    }

    fn holds(&mut self, term: TermId, frame: Frame) {
        let set = self.set;
        let held = &mut self.scratch.held[term as usize];
        if *held != frame {
            *held = frame;
            self.scratch.tries.extend(&set.terms[term as usize]);
        }
    }

    /// When all is known of the object. One that waits for another gate is tried again when that opens.
    fn try_gate(&mut self, id: GateId, frame: Frame) {
        let set = self.set;
        let gate = &set.gates[id];
        let is_open = self.scratch.opened[id] == frame;
        let holds = |feed: &Feed| match feed {
            Feed::Term(term) => self.scratch.held[*term as usize] == frame,
            Feed::Gate(gate) => self.scratch.opened[*gate] == frame,
        };
        if is_open || (gate.opens == Opens::WithAll && !gate.feeds.iter().all(holds)) {
            return;
        }
        self.scratch.opened[id] = frame;
        gate.filters.iter().for_each(|filter| self.passes.insert(*filter as usize));
        self.scratch.held_of_object.extend(gate.term);
        gate.next.iter().for_each(|next| self.try_gate(*next, frame));
    }

    /// What a change knows of itself is not read again.
    fn event(&mut self, change: &Change, stream: &StreamArn) -> Result<(), ScanError> {
        const EVENT: NodeId = 0;
        let set = self.set;
        let object = self.begin();
        let frame = object.frame;
        let mut others = false;
        for (name, child) in &set.nodes[EVENT].children {
            match &**name {
                "eventName" => self.given(*child, Some(change.event_name.as_str()), frame),
                "eventID" => self.given(*child, Some(&change.event_id), frame),
                "eventSourceARN" => self.given(*child, Some(stream.as_str()), frame),
                "userIdentity" => self.identity(*child, change.user_identity.as_ref(), frame),
                "dynamodb" => self.data(*child, change, frame)?,
                _ => others = true,
            }
        }
        if others {
            self.object(EVENT, &mut Scanner::new(change.record_json()), frame, true)?;
        }
        self.end(EVENT, object);
        Ok(())
    }

    /// A string that is known, or is known not to be there.
    fn given(&mut self, node: NodeId, text: Option<&str>, frame: Frame) {
        self.scratch.seen[node] = frame;
        match text {
            Some(text) => {
                self.look_up(node, Value::Text(text), frame);
                self.absent_parts(node, (true, false), frame);
            }
            None => self.absent(node, frame),
        }
    }

    fn identity(&mut self, node: NodeId, identity: Option<&UserIdentity>, frame: Frame) {
        self.scratch.seen[node] = frame;
        let set = self.set;
        let Some(identity) = identity else { return self.absent(node, frame) };
        let inner = self.begin();
        for (name, child) in &set.nodes[node].children {
            let text = match &**name {
                "type" => &*identity.kind,
                "principalId" => &*identity.principal_id,
                _ => "",
            };
            self.given(*child, Some(text).filter(|text| !text.is_empty()), inner.frame);
        }
        self.end(node, inner);
        self.leave(inner, frame);
        self.absent_parts(node, (false, true), frame);
    }

    fn data(&mut self, node: NodeId, change: &Change, frame: Frame) -> Result<(), ScanError> {
        self.scratch.seen[node] = frame;
        let set = self.set;
        let inner = self.begin();
        let mut others = false;
        for (name, child) in &set.nodes[node].children {
            let image = match &**name {
                "Keys" => Some(change.keys_json()),
                "NewImage" => change.new_image_json(),
                "OldImage" => change.old_image_json(),
                _ => {
                    others = true;
                    continue;
                }
            };
            match image {
                Some(image) => self.value(*child, &mut Scanner::new(image), inner.frame)?,
                None => {
                    self.scratch.seen[*child] = inner.frame;
                    self.absent(*child, inner.frame);
                }
            }
        }
        if others {
            Scanner::new(change.record_json()).object(|scanner, name| match &*name {
                "dynamodb" => self.object(node, scanner, inner.frame, false),
                _ => scanner.skip().map(drop),
            })?;
        }
        self.end(node, inner);
        self.leave(inner, frame);
        self.absent_parts(node, (false, true), frame);
        Ok(())
    }

    /// Of a key that is named.
    fn value(&mut self, node: NodeId, scanner: &mut Scanner<'_>, frame: Frame) -> Result<(), ScanError> {
        self.scratch.seen[node] = frame;
        let is_image = scanner.start() == 0;
        let mut found = Found::default();
        self.element(node, scanner, &mut found, Within { frame, depth: 0, is_image })?;
        self.absent_parts(node, (found.leaf, found.object), frame);
        Ok(())
    }

    /// A value, or one of those in an array.
    fn element(&mut self, node: NodeId, scanner: &mut Scanner<'_>, found: &mut Found, within: Within) -> Result<(), ScanError> {
        let set = self.set;
        let has_table = set.nodes[node].table.is_some();
        match scanner.peek() {
            Some(b'{') if set.nodes[node].is_object => {
                found.object = true;
                let inner = self.begin();
                self.object(node, scanner, inner.frame, within.is_image)?;
                self.end(node, inner);
                self.leave(inner, within.frame);
                Ok(())
            }
            Some(b'[') if within.depth < DEPTH_MAX => {
                let within = Within { depth: within.depth + 1, is_image: false, ..within };
                let array = scanner.skip()?;
                halted(Scanner::new(scanner.text(array)).array(|scanner| {
                    if self.all_hold(node, within.frame) {
                        return Err(Halt::Done);
                    }
                    Ok(self.element(node, scanner, found, within)?)
                }))
            }
            Some(b'{' | b'[') => scanner.skip().map(drop),
            _ if !has_table => scanner.skip().map(drop),
            Some(b'"') => {
                found.leaf = true;
                let text = scanner.string()?;
                self.look_up(node, Value::Text(&text), within.frame);
                Ok(())
            }
            _ => {
                found.leaf = true;
                let word = scanner.skip()?;
                let value = match scanner.text(word) {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    "null" => Value::Null,
                    word => Value::Number(word),
                };
                self.look_up(node, value, within.frame);
                Ok(())
            }
        }
    }

    fn look_up(&mut self, node: NodeId, value: Value<'_>, frame: Frame) {
        let set = self.set;
        let Some(table) = &set.nodes[node].table else { return };
        let mut hits = std::mem::take(&mut self.scratch.hits);
        table.look_up(value, &mut hits, |term| self.holds(term, frame));
        self.scratch.hits = hits;
    }

    /// `is_last`: nothing is read after it, so that it need not be read to its end.
    fn object(&mut self, node: NodeId, scanner: &mut Scanner<'_>, frame: Frame, is_last: bool) -> Result<(), ScanError> {
        let set = self.set;
        let node = &set.nodes[node];
        let unseen = node.children.iter().filter(|(_, child)| self.scratch.seen[*child] != frame);
        let mut left = unseen.count();
        let walked = scanner.object(|scanner, name| {
            if left == 0 && is_last {
                return Err(Halt::Done);
            }
            match node.child(&name).filter(|child| self.scratch.seen[*child] != frame) {
                Some(child) => {
                    left -= 1;
                    self.value(child, scanner, frame)?;
                }
                None => drop(scanner.skip()?),
            }
            Ok(())
        });
        halted(walked)
    }

    /// Nothing more can come of this value.
    fn all_hold(&self, node: NodeId, frame: Frame) -> bool {
        self.set.nodes[node].terms.iter().all(|term| self.scratch.held[*term as usize] == frame)
    }

    /// What the object has come to is told to the one around it.
    fn leave(&mut self, object: Object, frame: Frame) {
        while self.scratch.held_of_object.len() > object.held
            && let Some(term) = self.scratch.held_of_object.pop()
        {
            self.holds(term, frame);
        }
    }

    /// Of a value that is there: whether it has a leaf, and an object.
    fn absent_parts(&mut self, node: NodeId, (leaf, object): (bool, bool), frame: Frame) {
        let set = self.set;
        let node = &set.nodes[node];
        let absent = node.absent.iter().filter(|_| !leaf).chain(node.absent_object.iter().filter(|_| !object));
        absent.for_each(|term| self.holds(*term, frame));
    }
}

#[derive(Default)]
struct Found {
    leaf: bool,
    object: bool,
}

#[derive(Clone, Copy)]
struct Within {
    frame: Frame,
    /// Arrays around it.
    depth: u32,
    is_image: bool,
}

fn halted(walked: Result<(), Halt>) -> Result<(), ScanError> {
    match walked {
        Ok(()) | Err(Halt::Done) => Ok(()),
        Err(Halt::Scan(error)) => Err(error),
    }
}

/// Why an object or an array was not read to its end.
enum Halt {
    Done,
    Scan(ScanError),
}

impl From<ScanError> for Halt {
    fn from(error: ScanError) -> Self {
        Self::Scan(error)
    }
}

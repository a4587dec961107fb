//! What of a pattern can never match: a filter that is grammatical and still lets nothing through.
//!
//! Invariant: no false alarm: what a warning calls never matching matches no change that a stream of DynamoDB sends (`tests/random.rs`). What is said to
//! match nothing as a whole is certain; that nothing is said means little.

use super::pattern::{Choice, Field, Group, Pattern, Place, Wants};
use super::shape::{Leaf, Shape};
use super::suspect::{self, Fault};
use crate::view::ViewType;

/// What of a pattern is probably not meant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct Warning {
    pub place: Place,
    pub what: String,
    pub remedy: String,
    /// Because of this the whole pattern never matches; else one alternative of it never does, or it says nothing.
    pub whole: bool,
}

impl Pattern {
    /// `stream`: the view of the stream's records, where it is known. In the order of the text.
    pub fn warnings(&self, stream: Option<ViewType>) -> Vec<Warning> {
        let lint = Lint { text: self.as_str(), stream };
        let verdict = lint.group(&self.root, Shape::Event, &mut Events::all());
        let mut found = verdict.found;
        found.sort_by_key(|(at, ..)| *at);
        let warning = |(at, fault, whole): (usize, Fault, bool)| Warning {
            place: Place::of(self.as_str(), at),
            what: fault.what,
            remedy: fault.remedy,
            whole,
        };
        found.into_iter().map(warning).collect()
    }
}

struct Lint<'a> {
    text: &'a str,
    stream: Option<ViewType>,
}

/// Kinds of changes that what was read of the pattern still lets through.
#[derive(Clone, Debug)]
struct Events(Vec<&'static str>);

impl Events {
    fn all() -> Self {
        Self(suspect::EVENT_NAMES.to_vec())
    }
}

/// What is found of a part of a pattern.
#[derive(Default)]
struct Verdict {
    /// It holds of no change.
    never: bool,
    /// Where, what, and whether this is why.
    found: Vec<(usize, Fault, bool)>,
}

impl Verdict {
    fn never(at: usize, fault: Fault) -> Self {
        Self { never: true, found: vec![(at, fault, true)] }
    }

    fn aside(at: usize, fault: Fault) -> Self {
        Self { never: false, found: vec![(at, fault, false)] }
    }

    fn and(&mut self, other: Self) {
        self.never |= other.never;
        self.found.extend(other.found);
    }

    /// Something else may hold in its place.
    fn is_one_of_several(&mut self) {
        self.never = false;
        self.found.iter_mut().for_each(|(_, _, whole)| *whole = false);
    }
}

impl Lint<'_> {
    /// `object`: what it is said of.
    fn group(&self, group: &Group, object: Shape, events: &mut Events) -> Verdict {
        let mut verdict = Verdict::default();
        // What it says of the change's kind counts for all else that it says.
        let (kind, others): (Vec<_>, Vec<_>) = group.fields.iter().partition(|field| object == Shape::Event && &*field.name == "eventName");
        for field in kind.into_iter().chain(others) {
            verdict.and(self.field(field, object, events));
        }
        for choice in &group.choices {
            verdict.and(self.choice(choice, object, events));
        }
        if object == Shape::Value
            && let Some((field, fault)) = two_types(group)
        {
            verdict.and(Verdict::never(field.at, fault));
        }
        verdict
    }

    fn choice(&self, choice: &Choice, object: Shape, events: &Events) -> Verdict {
        let verdicts: Vec<Verdict> = choice.groups.iter().map(|group| self.group(group, object, &mut events.clone())).collect();
        let never = verdicts.iter().all(|verdict| verdict.never);
        let mut all = Verdict::default();
        for mut verdict in verdicts {
            if !never {
                verdict.is_one_of_several();
            }
            all.and(verdict);
        }
        all
    }

    fn field(&self, field: &Field, object: Shape, events: &mut Events) -> Verdict {
        let shape = object.of(&field.name);
        if let Some(fault) = suspect::key(field, object) {
            return if holds_of_nothing(&field.wants) {
                Verdict::aside(field.at, Fault::new(format!("{}: this always holds", fault.what), fault.remedy))
            } else {
                Verdict::never(field.at, fault)
            };
        }
        match (&field.wants, shape) {
            (Wants::Value(_), Shape::Leaf(leaf)) => self.value(field, leaf, events),
            (Wants::Value(alternatives), _) => {
                let written = suspect::source(self.text, alternatives);
                let fault = suspect::no_value(field, shape, alternatives, &written);
                match holds_of_nothing(&field.wants) {
                    true => {
                        Verdict::aside(field.at, Fault::new(format!("{}: that it is not there always holds", fault.what), fault.remedy))
                    }
                    false => Verdict::never(field.at, fault),
                }
            }
            (Wants::Object(_), Shape::Leaf(_)) if holds_of_nothing(&field.wants) => Verdict::default(),
            (Wants::Object(group), Shape::Leaf(_)) => Verdict::never(field.at, suspect::no_object(field, group)),
            (Wants::Object(group), _) => {
                if object == Shape::Data
                    && let Some(fault) = self.image(field, events)
                {
                    return Verdict::never(field.at, fault);
                }
                self.group(group, shape, events)
            }
        }
    }

    fn value(&self, field: &Field, leaf: Leaf, events: &mut Events) -> Verdict {
        let Wants::Value(alternatives) = &field.wants else { return Verdict::default() };
        let names = match &*field.name {
            "eventName" => Some(events.0.clone()),
            "StreamViewType" => Some(suspect::views(self.stream)),
            _ => None,
        };
        let fault_of = |alternative| match &names {
            Some(names) => suspect::name(&field.name, alternative, names),
            None => suspect::test(&field.name, leaf, alternative, self.text),
        };
        let faults: Vec<(usize, Fault)> = alternatives.iter().filter_map(|one| fault_of(one).map(|fault| (one.at.start, fault))).collect();
        if &*field.name == "eventName" {
            events.0.retain(|name| alternatives.iter().any(|one| suspect::matches(&one.test, name)));
        }
        let never = faults.len() == alternatives.len();
        Verdict { never, found: faults.into_iter().map(|(at, fault)| (at, fault, never)).collect() }
    }

    /// Why there is no such image, in any change that the rest of the pattern lets through.
    fn image(&self, field: &Field, events: &mut Events) -> Option<Fault> {
        let (without, has): (_, fn(ViewType) -> bool) = match &*field.name {
            "NewImage" => ("REMOVE", ViewType::has_new),
            "OldImage" => ("INSERT", ViewType::has_old),
            _ => return None,
        };
        if holds_of_nothing(&field.wants) {
            return None;
        }
        if let Some(view) = self.stream.filter(|view| !has(*view)) {
            return Some(suspect::not_in_view(&field.name, view));
        }
        let had_some = !events.0.is_empty();
        events.0.retain(|event| *event != without);
        (had_some && events.0.is_empty()).then(|| suspect::not_in_event(&field.name, without))
    }
}

/// Whether this holds where there is nothing: of what `exists: false` asks everywhere.
fn holds_of_nothing(wants: &Wants) -> bool {
    fn group(wants: &Group) -> bool {
        let choices = wants.choices.iter().all(|choice| choice.groups.iter().any(group));
        choices && wants.fields.iter().all(|field| holds_of_nothing(&field.wants))
    }
    match wants {
        Wants::Value(alternatives) => alternatives.iter().any(|alternative| alternative.is_absence()),
        Wants::Object(wants) => group(wants),
    }
}

/// A value has one type.
fn two_types(group: &Group) -> Option<(&Field, Fault)> {
    let mut needed = group.fields.iter().filter(|field| suspect::is_type(&field.name) && !holds_of_nothing(&field.wants));
    let (first, second) = (needed.next()?, needed.next()?);
    let what = format!("a value has one type, and this wants {} and {} of the same", first.name, second.name);
    Some((second, Fault::new(what, r#"for one or the other, write "$or":[{…},{…}]"#)))
}

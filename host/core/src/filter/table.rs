//! All tests of the values at one path, as tables: one look at each, however many alternatives there are.
//!
//! Invariant: what a test costs does not grow with the alternatives of its kind, but for `numeric` and `cidr`, where it grows with the conditions, and for
//! wildcards, where it grows with those whose longest piece is in the text.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

use aho_corasick::AhoCorasick;
use unicase::UniCase;

use super::net::Address;
use super::number::Number;
use super::pattern::{Bound, Excluded, Interval, Literal, Test, TextTest};
use super::ranges::Ranges;
use super::wildcard::Wildcard;

/// What a test that holds is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// It makes this condition hold.
    Term(u32),
    /// It keeps the `anything-but` of this number from holding.
    Not(u32),
}

/// A value that is no object and no array.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Text(&'a str),
    /// As JSON writes it.
    Number(&'a str),
    Bool(bool),
    Null,
}

type Targets = Vec<Target>;

#[derive(Debug, Default)]
pub(super) struct Table {
    /// Strings here are numbers.
    is_number: bool,
    texts: HashMap<Box<str>, Targets>,
    numbers: HashMap<Number, Targets>,
    bools: [Targets; 2],
    null: Targets,
    any: Targets,
    prefixes: Affixes,
    suffixes: Affixes,
    folded: Option<Box<Folded>>,
    wildcards: Vec<(Wildcard, Target)>,
    /// Of the wildcards' longest pieces.
    pieces: Option<AhoCorasick>,
    intervals: Vec<(Ranges<Bound>, Target)>,
    nets: Vec<(Ranges<Address>, Target)>,
    /// The conditions that hold unless something is excluded.
    unless: Vec<u32>,
}

/// Beginnings or ends, by their length.
#[derive(Debug, Default)]
struct Affixes {
    lengths: BTreeSet<usize>,
    texts: HashMap<Box<str>, Targets>,
}

#[derive(Debug, Default)]
struct Folded {
    texts: HashMap<Box<str>, Targets>,
    prefixes: Affixes,
    suffixes: Affixes,
}

impl Table {
    pub(super) fn new(is_number: bool) -> Self {
        Self { is_number, ..Self::default() }
    }

    /// `term` holds where one of these tests does. `exists: false` is not looked up here: there is no value then.
    pub(super) fn add(&mut self, tests: &[Test], term: u32) {
        let (mut intervals, mut nets) = (Vec::new(), Vec::new());
        for test in tests {
            match test {
                Test::Is(literal) => self.literal(literal, Target::Term(term)),
                Test::Text(text) => self.text(text, Target::Term(term)),
                Test::Within(interval) => intervals.push(interval.bounds()),
                Test::Cidr(first, last) => nets.push((*first, *last)),
                Test::Exists(true) => self.any.push(Target::Term(term)),
                Test::Exists(false) => {}
                Test::AnythingBut(excluded) => self.unless(excluded, term),
            }
        }
        let (intervals, nets) = (Ranges::of(intervals), Ranges::of(nets));
        if !intervals.is_empty() {
            self.intervals.push((intervals, Target::Term(term)));
        }
        if !nets.is_empty() {
            self.nets.push((nets, Target::Term(term)));
        }
    }

    fn unless(&mut self, excluded: &[Excluded], term: u32) {
        let target = Target::Not(self.unless.len() as u32);
        self.unless.push(term);
        for excluded in excluded {
            match excluded {
                Excluded::Literal(literal) => self.literal(literal, target),
                Excluded::Text(text) => self.text(text, target),
            }
        }
    }

    fn literal(&mut self, literal: &Literal, target: Target) {
        match literal {
            // `"100"` is the number 100 where values are numbers.
            Literal::Text(text) => match Number::parse(text).filter(|_| self.is_number) {
                Some(number) => add(&mut self.numbers, number, target),
                None => add(&mut self.texts, text.clone(), target),
            },
            Literal::Number(number) => add(&mut self.numbers, *number, target),
            Literal::Bool(value) => self.bools[usize::from(*value)].push(target),
            Literal::Null => self.null.push(target),
        }
    }

    fn text(&mut self, test: &TextTest, target: Target) {
        match test {
            TextTest::Prefix(text) => self.prefixes.add(text.clone(), target),
            TextTest::Suffix(text) => self.suffixes.add(text.clone(), target),
            TextTest::EqualsIgnoreCase(text) => add(&mut self.folded.get_or_insert_default().texts, fold(text), target),
            TextTest::PrefixIgnoreCase(text) => self.folded.get_or_insert_default().prefixes.add(fold(text), target),
            TextTest::SuffixIgnoreCase(text) => self.folded.get_or_insert_default().suffixes.add(fold(text), target),
            TextTest::Wildcard(wildcard) => self.wildcards.push((wildcard.clone(), target)),
        }
    }

    /// After all has been added.
    pub(super) fn finish(&mut self) {
        if self.wildcards.len() > WILDCARDS_TRIED {
            // Too large for an automaton, they are tried one by one.
            self.pieces = AhoCorasick::new(self.wildcards.iter().map(|(wildcard, _)| wildcard.longest_piece())).ok();
        }
    }

    /// Which conditions hold of this value, each once or more. `hits` is room to work in.
    pub(super) fn look_up(&self, value: Value<'_>, hits: &mut Targets, mut holds: impl FnMut(u32)) {
        hits.clear();
        hits.extend(&self.any);
        match value {
            Value::Text(text) => self.look_up_text(text, hits),
            Value::Number(word) => self.look_up_number(word, hits),
            Value::Bool(value) => hits.extend(&self.bools[usize::from(value)]),
            Value::Null => hits.extend(&self.null),
        }
        for hit in &*hits {
            if let Target::Term(term) = hit {
                holds(*term);
            }
        }
        for (index, term) in (0..).zip(&self.unless) {
            if !hits.contains(&Target::Not(index)) {
                holds(*term);
            }
        }
    }

    fn look_up_number(&self, word: &str, hits: &mut Targets) {
        if self.numbers.is_empty() && self.intervals.is_empty() {
            return;
        }
        let Some(number) = Number::parse(word) else { return };
        find(&self.numbers, &number, hits);
        let at = Interval::at(number);
        hits.extend(self.intervals.iter().filter(|(ranges, _)| ranges.contains(at)).map(|(_, target)| target));
    }

    fn look_up_text(&self, text: &str, hits: &mut Targets) {
        if self.is_number {
            self.look_up_number(text, hits);
        }
        find(&self.texts, text, hits);
        self.prefixes.look_up_beginnings(text, hits);
        self.suffixes.look_up_ends(text, hits);
        if let Some(tables) = &self.folded {
            let text = fold(text);
            find(&tables.texts, &*text, hits);
            tables.prefixes.look_up_beginnings(&text, hits);
            tables.suffixes.look_up_ends(&text, hits);
        }
        match &self.pieces {
            Some(pieces) => {
                let found = pieces.find_overlapping_iter(text).map(|found| &self.wildcards[found.pattern().as_usize()]);
                hits.extend(found.filter(|(wildcard, _)| wildcard.matches(text)).map(|(_, target)| target));
            }
            None => hits.extend(self.wildcards.iter().filter(|(wildcard, _)| wildcard.matches(text)).map(|(_, target)| target)),
        }
        if !self.nets.is_empty()
            && let Some(address) = Address::parse(text)
        {
            hits.extend(self.nets.iter().filter(|(ranges, _)| ranges.contains(address)).map(|(_, target)| target));
        }
    }
}

/// So many are tried sooner than an automaton is run.
const WILDCARDS_TRIED: usize = 4;

impl Affixes {
    fn add(&mut self, text: Box<str>, target: Target) {
        self.lengths.insert(text.len());
        add(&mut self.texts, text, target);
    }

    fn look_up_beginnings(&self, text: &str, hits: &mut Targets) {
        for beginning in self.lengths.iter().map_while(|len| (*len <= text.len()).then(|| text.get(..*len))).flatten() {
            find(&self.texts, beginning, hits);
        }
    }

    fn look_up_ends(&self, text: &str, hits: &mut Targets) {
        for end in self.lengths.iter().map_while(|len| text.len().checked_sub(*len).map(|at| text.get(at..))).flatten() {
            find(&self.texts, end, hits);
        }
    }
}

/// As Unicode folds case: `ß` and `SS` are the same.
pub(super) fn fold(text: &str) -> Box<str> {
    if text.is_ascii() { text.to_ascii_lowercase().into() } else { UniCase::unicode(text).to_folded_case().into() }
}

fn add<K: Eq + Hash>(table: &mut HashMap<K, Targets>, key: K, target: Target) {
    let targets = table.entry(key).or_default();
    if !targets.contains(&target) {
        targets.push(target);
    }
}

fn find<K: Eq + Hash + std::borrow::Borrow<Q>, Q: Eq + Hash + ?Sized>(table: &HashMap<K, Targets>, key: &Q, hits: &mut Targets) {
    if !table.is_empty()
        && let Some(targets) = table.get(key)
    {
        hits.extend(targets);
    }
}

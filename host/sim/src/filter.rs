//! What a trigger wants of all changes: as the patterns that core is given, and as the truth about a change that a check reads by itself.
//!
//! Invariant: the two say the same, of whatever the world writes; neither is made of the other.

use fastrand::Rng;
use tripline_core::filter::Pattern;

use crate::facts::Fact;

/// One of these must hold.
#[derive(Clone, Debug)]
pub(crate) struct Filter(Vec<Wanted>);

#[derive(Clone, Debug)]
enum Wanted {
    Event(&'static str),
    NotEvent(&'static str),
    /// The item's key ends with one of these digits.
    Ends(Vec<u32>),
    /// By the last digit of `n` after and before.
    NewBelow(u32),
    NoOld,
    Nothing,
}

const EVENTS: [&str; 3] = ["INSERT", "MODIFY", "REMOVE"];

impl Filter {
    pub(crate) fn of(rng: &mut Rng) -> Self {
        Self((0..rng.usize(1..=2)).map(|_| wanted(rng)).collect())
    }

    pub(crate) fn patterns(&self) -> Vec<Pattern> {
        // All of them are in the grammar: one that is not would leave its trigger without changes, which a check sees.
        self.0.iter().filter_map(|wanted| Pattern::parse(&wanted.pattern()).ok()).collect()
    }

    pub(crate) fn wants(&self, fact: &Fact) -> bool {
        self.0.iter().any(|wanted| wanted.wants(fact))
    }
}

fn wanted(rng: &mut Rng) -> Wanted {
    let event = EVENTS[rng.usize(..EVENTS.len())];
    match rng.u8(..12) {
        0..=2 => Wanted::Event(event),
        3..=4 => Wanted::NotEvent(event),
        5..=7 => Wanted::Ends((0..rng.u32(1..5)).map(|_| rng.u32(..10)).collect()),
        8..=9 => Wanted::NewBelow(rng.u32(1..60)),
        10 => Wanted::NoOld,
        _ => Wanted::Nothing,
    }
}

impl Wanted {
    fn pattern(&self) -> String {
        match self {
            Self::Event(event) => format!(r#"{{"eventName":["{event}"]}}"#),
            Self::NotEvent(event) => format!(r#"{{"eventName":[{{"anything-but":"{event}"}}]}}"#),
            Self::Ends(digits) => {
                let ends: Vec<_> = digits.iter().map(|digit| format!(r#"{{"suffix":"{digit}"}}"#)).collect();
                format!(r#"{{"dynamodb":{{"Keys":{{"pk":{{"S":[{}]}}}}}}}}"#, ends.join(","))
            }
            Self::NewBelow(bound) => format!(r#"{{"dynamodb":{{"NewImage":{{"n":{{"N":[{{"numeric":["<",{bound}]}}]}}}}}}}}"#),
            Self::NoOld => r#"{"dynamodb":{"OldImage":{"pk":{"S":[{"exists":false}]}}}}"#.to_owned(),
            Self::Nothing => r#"{"eventName":["NEVER"]}"#.to_owned(),
        }
    }

    fn wants(&self, fact: &Fact) -> bool {
        match self {
            Self::Event(event) => fact.event == *event,
            Self::NotEvent(event) => fact.event != *event,
            Self::Ends(digits) => digits.iter().any(|digit| fact.item.ends_with(char::from_digit(*digit, 10).unwrap_or_default())),
            Self::NewBelow(bound) => fact.new_n.is_some_and(|n| n < u64::from(*bound)),
            Self::NoOld => fact.event == "INSERT",
            Self::Nothing => false,
        }
    }
}

//! The compiled filters against the plain reading of what patterns mean (`explain`), on random patterns and changes. `TRIPLINE_FILTER_ROUNDS=20` tries 20
//! times as many, with other seeds.

use std::fmt::Write as _;

use super::generate::{Generator, NUMBERS, OPERATORS, TEXTS};
use super::*;
use crate::view::ViewType;

const STREAM: &str = "ab";

/// How often each test is done, each time with another seed.
fn seeds(test: u64) -> impl Iterator<Item = u64> {
    let rounds = std::env::var("TRIPLINE_FILTER_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    (0..rounds).map(move |round| test + 100 * round)
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Filters, compiled and in the plain reading.
struct Both {
    patterns: Vec<Vec<(Pattern, Explainer)>>,
    set: FilterSet,
}

impl Both {
    fn new(filters: Vec<Vec<Pattern>>) -> Self {
        let set = FilterSet::new(filters.iter().map(Vec::as_slice));
        let explained = |pattern: Pattern| (pattern.clone(), Explainer::new(&pattern));
        Self { patterns: filters.into_iter().map(|filter| filter.into_iter().map(explained).collect()).collect(), set }
    }

    /// Both say the same of the change; how many filters it passes.
    #[track_caller]
    fn check(&self, record: &str, scratch: &mut Scratch) -> usize {
        self.passes(record, scratch).into_iter().filter(|passes| *passes).count()
    }

    /// The same; which filters it passes.
    #[track_caller]
    fn passes(&self, record: &str, scratch: &mut Scratch) -> Vec<bool> {
        let change = change(record);
        let passes = self.set.passes(&change, &STREAM.into(), scratch);
        let document = Document::of(&change, &STREAM.into()).unwrap();
        let mut all = Vec::with_capacity(self.patterns.len());
        for (index, filter) in self.patterns.iter().enumerate() {
            let expected = filter.iter().any(|(_, explainer)| explainer.failed(&document).is_empty());
            assert_eq!(passes.has(index), expected, "filter {index} of {}: {filter:?}\non {record}", self.patterns.len());
            all.push(expected);
        }
        all
    }
}

/// Each operator by itself, on one attribute of each type that it may meet.
#[test]
fn each_operator_means_what_it_says() {
    seeds(1).for_each(operators);
}

fn operators(seed: u64) {
    let mut random = Generator::new(seed);
    let mut scratch = Scratch::default();
    for operator in OPERATORS {
        let mut outcomes = [0; 2];
        for _ in 0..100 {
            let kind = if operator == "cidr" { "S" } else { random.one(&["S", "N", "NS", "BOOL", "SS", "x"]) };
            // Beside others at the same place, which must not disturb it.
            let filters = [operator, "text", random.one(&OPERATORS)].map(|operator| {
                let alternative = random.alternative(operator, matches!(kind, "N" | "NS"));
                vec![pattern(&format!(r#"{{"dynamodb":{{"NewImage":{{"a":{{"{kind}":[{alternative}]}}}}}}}}"#))]
            });
            let both = Both::new(filters.into());
            for _ in 0..8 {
                let texts: &[&str] = if operator == "cidr" { &["10.0.0.1", "10.0.0.3", "::1", "11.0.0.1", "a"] } else { &TEXTS };
                let (text, number) = (random.one(texts), random.one(&NUMBERS));
                let text = serde_json::Value::from(text);
                let image = match (kind, random.random.u32(0..10)) {
                    (_, 0) => r#"{}"#.to_owned(),
                    (_, 1) => format!(r#"{{"a":{{"{kind}":{}}}}}"#, random.one(&["null", "10", "[]", "{}", "true"])),
                    ("N", _) => format!(r#"{{"a":{{"N":"{number}"}}}}"#),
                    ("NS", _) => format!(r#"{{"a":{{"NS":["{number}","{}"]}}}}"#, random.one(&NUMBERS)),
                    ("BOOL", chance) => format!(r#"{{"a":{{"BOOL":{}}}}}"#, chance % 2 == 0),
                    ("x", _) => format!(r#"{{"a":{{"x":{}}}}}"#, random.one(&["10", "null", "1E1", "0", "[[10]]"])),
                    ("SS", _) => format!(r#"{{"a":{{"SS":[{text},"ab",{}]}}}}"#, serde_json::Value::from(random.one(&TEXTS))),
                    _ => format!(r#"{{"a":{{"S":{text}}}}}"#),
                };
                let record = format!(r#"{{"eventName":"MODIFY","dynamodb":{{"SequenceNumber":"1","Keys":{{}},"NewImage":{image}}}}}"#);
                outcomes[usize::from(both.passes(&record, &mut scratch)[0])] += 1;
            }
        }
        assert!(outcomes[0] > 10 && outcomes[1] > 10, "{operator}: {outcomes:?} of failing and matching");
    }
}

/// Whole patterns, one by one and many at once: what they share must not mix.
#[test]
fn sets_of_patterns_mean_what_each_means() {
    seeds(2).for_each(sets);
}

fn sets(seed: u64) {
    let mut random = Generator::new(seed);
    let mut scratch = Scratch::default();
    let (mut passed, mut all) = (0, 0);
    for round in 0..24 {
        random.is_sound = round % 3 == 0;
        let triggers = if round == 0 { 70 } else { random.one(&[1, 2, 5, 10]) };
        let filters: Vec<Vec<Pattern>> = (0..triggers)
            .map(|_| (0..random.one(&[1, 1, 2, 4])).map(|_| pattern(&random.pattern())).collect())
            .collect();
        let both = Both::new(filters);
        for _ in 0..10 {
            passed += both.check(&random.record(), &mut scratch);
            all += both.patterns.len();
        }
    }
    assert!(passed > all / 10 && passed < all * 9 / 10, "{passed} of {all}");
}

/// Patterns that are copies of each other, or of parts of each other, share what they compile to.
#[test]
fn patterns_that_share_parts_do_not_mix() {
    seeds(3).for_each(parts_in_common);
}

fn parts_in_common(seed: u64) {
    let mut random = Generator::new(seed);
    let mut scratch = Scratch::default();
    let mut passed = 0;
    for _ in 0..8 {
        let parts: Vec<String> = (0..4).map(|_| random.pattern()).collect();
        let filters: Vec<Vec<Pattern>> = (0..80)
            .map(|_| {
                let [a, b] = [0; 2].map(|_| random.one(&[0, 1, 2, 3]));
                match random.random.u32(0..4) {
                    0 => vec![pattern(&parts[a])],
                    1 => vec![pattern(&parts[a]), pattern(&parts[b])],
                    2 => vec![pattern(&format!(r#"{{"$or":[{},{}]}}"#, parts[a], parts[b]))],
                    _ => vec![pattern(&format!(
                        r#"{{"$or":[{0},{{"$or":[{1},{0}]}}],"eventName":["INSERT","MODIFY"]}}"#,
                        parts[a], parts[b]
                    ))],
                }
            })
            .collect();
        let both = Both::new(filters);
        for _ in 0..4 {
            passed += both.check(&random.record(), &mut scratch);
        }
    }
    assert!(passed > 100 && passed < 2_460, "{passed} of 2,560");
}

/// Thousands of alternatives at one place, of each kind.
#[test]
fn many_alternatives_mean_what_each_means() {
    let mut random = Generator::new(4);
    let mut list = String::new();
    for number in 0..500 {
        let operator = random.one(&["text", "number", "equals-ignore-case"]);
        write!(list, "{},\"t{number}\",{{\"wildcard\":\"w{number}*z\"}},", random.alternative(operator, false)).unwrap();
    }
    let filters: Vec<Vec<Pattern>> = ["S", "N", "SS"]
        .into_iter()
        .map(|kind| vec![pattern(&format!(r#"{{"dynamodb":{{"NewImage":{{"a":{{"{kind}":[{list}"end"]}}}}}}}}"#))])
        .collect();
    let (both, mut scratch, mut passed) = (Both::new(filters), Scratch::default(), 0);
    for number in 0..100 {
        let text = random.one(&["end", "ende", "w17z", "w17", "w300 z", "t499", "t500", "q", "qb", "10", "11", "999"]);
        let image = format!(r#"{{"a":{{"S":"{text}","N":"{number}","SS":["q","{text}"]}}}}"#);
        let record = format!(r#"{{"eventName":"MODIFY","dynamodb":{{"SequenceNumber":"1","Keys":{{}},"NewImage":{image}}}}}"#);
        passed += both.check(&record, &mut scratch);
    }
    assert!(passed > 30 && passed < 270, "{passed}");
}

/// A warning that a pattern never matches is never wrong, for a stream of any view.
#[test]
fn what_is_said_never_to_match_never_does() {
    seeds(5).for_each(warnings);
}

fn warnings(seed: u64) {
    let mut random = Generator::new(seed);
    random.is_sound = true;
    let mut scratch = Scratch::default();
    let (mut never, mut dumb, mut matched) = (0, 0, 0);
    for round in 0..60 {
        random.view = ViewType::ALL[round % 4];
        let texts = (0..40).map(|count| match count % 4 {
            0 => random.pattern(),
            1 => random.kind_and_image(),
            _ => random.condition(),
        });
        let texts: Vec<String> = texts.collect();
        let filters: Vec<Vec<Pattern>> = texts.iter().map(|text| vec![pattern(text)]).collect();
        let set = FilterSet::new(filters.iter().map(Vec::as_slice));
        let mut has_matched = [false; 40];
        for _ in 0..40 {
            let change = change(&random.record());
            let passes = set.passes(&change, &STREAM.into(), &mut scratch);
            for (index, filter) in filters.iter().enumerate().filter(|(index, _)| passes.has(*index)) {
                has_matched[index] = true;
                let wrong = filter[0].warnings(Some(random.view)).into_iter().find(|warning| warning.whole);
                assert_eq!(wrong, None, "{:?} matches {}", filter[0], change.record_json());
            }
        }
        for (filter, has_matched) in filters.iter().zip(has_matched) {
            let is_warned = filter[0].warnings(Some(random.view)).iter().any(|warning| warning.whole);
            matched += u32::from(has_matched);
            never += u32::from(is_warned);
            dumb += u32::from(!has_matched && !is_warned);
        }
    }
    assert!(never > 300 && matched > 300, "{never} never match, {matched} did, and of {dumb} nothing is known");
}

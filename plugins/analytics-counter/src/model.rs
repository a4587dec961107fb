//! Random histories of a table against a group-by over it.
//!
//! The group-by is made of the model's own values, never of DynamoDB JSON: it shares no code with what it checks.

use std::collections::BTreeMap;

use bigdecimal::{BigDecimal, Zero as _};

use crate::delta;
use crate::settings::Settings;
use crate::text;

const SETTINGS: &str = r#"[
    {"name":"items"},
    {"name":"by_status","by":["status"]},
    {"name":"by_place","by":["status",{"path":"address.city","label":"city"}],"missing":"?"},
    {"name":"by_level","by":["level"]},
    {"name":"by_tags","by":["tags"]},
    {"name":"revenue","by":["status"],"sum":"order.total"},
    {"name":"revenue_all","sum":"order.total"}
]"#;

#[derive(Clone, Debug)]
struct Item {
    status: Option<&'static str>,
    city: Option<&'static str>,
    level: Option<i64>,
    /// A set: bit n is the tag `tn`.
    tags: u8,
    cents: Option<i64>,
}

/// Counter and label values to amount in hundredths.
type Groups = BTreeMap<(&'static str, Vec<String>), i64>;

fn pick<T: Copy>(random: &mut fastrand::Rng, of: &[T]) -> Option<T> {
    of.get(random.usize(..=of.len())).copied()
}

fn random_item(random: &mut fastrand::Rng) -> Item {
    let cents = random.i64(-300..300);
    Item {
        status: pick(random, &["paid", "open", "\"quoted\", é"]),
        city: pick(random, &["Oslo", "Rome"]),
        level: pick(random, &[0, 1, 10, -7]),
        tags: random.u8(..4),
        cents: random.bool().then_some(cents),
    }
}

/// One of the ways in which a number may come.
fn written(random: &mut fastrand::Rng, hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let (whole, rest) = (hundredths.abs() / 100, hundredths.abs() % 100);
    match random.u8(..3) {
        0 => format!("{sign}{whole}.{rest:02}"),
        1 => format!("{hundredths}E-2"),
        _ => format!("{sign}{whole}.{rest:02}000"),
    }
}

/// DynamoDB JSON: attributes and the members of sets in any order, other attributes among them.
fn image(random: &mut fastrand::Rng, item: &Item) -> String {
    let mut attributes = vec![format!(r#""noise":{{"N":"{}"}}"#, random.u8(..))];
    if let Some(status) = item.status {
        attributes.push(format!(r#""status":{{"S":{}}}"#, serde_json::Value::from(status)));
    }
    match item.city {
        Some(city) => attributes.push(format!(r#""address":{{"M":{{"zip":{{"S":"1"}},"city":{{"S":"{city}"}}}}}}"#)),
        None if random.bool() => attributes.push(r#""address":{"S":"no map"}"#.into()),
        None => {}
    }
    if let Some(level) = item.level {
        attributes.push(format!(r#""level":{{"N":"{}"}}"#, written(random, level * 100)));
    }
    let mut tags: Vec<_> = (0..2).filter(|bit| item.tags & (1 << bit) != 0).map(|bit| format!(r#""t{bit}""#)).collect();
    random.shuffle(&mut tags);
    if !tags.is_empty() {
        attributes.push(format!(r#""tags":{{"SS":[{}]}}"#, tags.join(",")));
    }
    match item.cents {
        Some(cents) => attributes.push(format!(r#""order":{{"M":{{"total":{{"N":"{}"}}}}}}"#, written(random, cents))),
        None if random.bool() => attributes.push(r#""order":{"M":{"total":{"S":"12"}}}"#.into()),
        None => {}
    }
    random.shuffle(&mut attributes);
    format!("{{{}}}", attributes.join(","))
}

fn group_by<'a>(items: impl Iterator<Item = &'a Item>) -> Groups {
    let mut groups = Groups::new();
    for item in items {
        let status = item.status.unwrap_or_default().to_owned();
        let place = vec![item.status.unwrap_or("?").to_owned(), item.city.unwrap_or("?").to_owned()];
        let level = item.level.map(|level| level.to_string()).unwrap_or_default();
        let tags = ["", r#"["t0"]"#, r#"["t1"]"#, r#"["t0","t1"]"#][usize::from(item.tags)].to_owned();
        let cents = item.cents.unwrap_or_default();
        for (counter, labels, amount) in [
            ("items", vec![], 100),
            ("by_status", vec![status.clone()], 100),
            ("by_place", place, 100),
            ("by_level", vec![level], 100),
            ("by_tags", vec![tags], 100),
            ("revenue", vec![status], cents),
            ("revenue_all", vec![], cents),
        ] {
            *groups.entry((counter, labels)).or_default() += amount;
        }
    }
    groups.retain(|_, amount| *amount != 0);
    groups
}

/// Runs `steps` random inserts, modifies and removes over a handful of keys and compares after each.
fn check(seed: u64, steps: usize) {
    let random = &mut fastrand::Rng::with_seed(seed);
    let settings = Settings::parse(SETTINGS).unwrap();
    let mut table: BTreeMap<u8, (Item, String)> = BTreeMap::new();
    let mut counters: BTreeMap<(String, Vec<String>), BigDecimal> = BTreeMap::new();
    for step in 0..steps {
        let key = random.u8(..12);
        let old = table.remove(&key);
        let new = match (&old, random.u8(..6)) {
            (Some(_), 0 | 1) => None,
            // What an emulator may send: the same item once more, in other words.
            (Some((item, _)), 2) => Some(item.clone()),
            _ => Some(random_item(random)),
        };
        let new = new.map(|item| {
            let json = image(random, &item);
            (item, json)
        });
        let json = |entry: &Option<(Item, String)>| entry.as_ref().map(|(_, json)| json.clone());
        let (old_json, new_json) = (json(&old), json(&new));
        for delta in delta::of_change(&settings, old_json.as_deref(), new_json.as_deref()).unwrap() {
            assert!(!delta.amount.is_zero(), "seed {seed}, step {step}: a call for nothing");
            let labels = delta.labels.iter().map(|label| label.to_string()).collect();
            *counters.entry((delta.counter.name.clone(), labels)).or_default() += delta.amount;
        }
        table.extend(new.map(|entry| (key, entry)));

        let counted: BTreeMap<_, _> = counters
            .iter()
            .filter(|(_, amount)| !amount.is_zero())
            .map(|(group, amount)| (group.clone(), text::plain(amount)))
            .collect();
        let expected: BTreeMap<_, _> = group_by(table.values().map(|(item, _)| item))
            .into_iter()
            .map(|((counter, labels), amount)| ((counter.to_owned(), labels), text::plain(&BigDecimal::new(amount.into(), 2))))
            .collect();
        assert_eq!(counted, expected, "seed {seed}, step {step}");
    }
}

#[test]
fn counters_equal_a_group_by_over_the_table() {
    for seed in 0..20 {
        check(seed, 300);
    }
}

//! Picks the attributes that counters name out of an item's DynamoDB JSON.
//!
//! Invariant: only what lies on a named path is looked into; all else is skipped as bytes, and no value is copied.
//! Knows nothing of what the values are for.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use tripline_sdk::path::{Path, Step};

/// The attributes to pick, as a tree of their paths. Each has a slot, and equal paths share one.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    root: Node,
    slots: usize,
}

/// What was found in one item, by slot: an attribute value such as `{"S":"paid"}`.
pub(crate) type Found<'a> = Vec<Option<&'a RawValue>>;

#[derive(Debug, Default)]
struct Node {
    slot: Option<usize>,
    names: Vec<(Box<str>, Node)>,
    indexes: Vec<(usize, Node)>,
}

impl Wanted {
    pub(crate) fn slot(&mut self, path: &Path) -> usize {
        let node = path.steps().iter().fold(&mut self.root, |node, step| match step {
            Step::Name(name) => child(&mut node.names, name),
            Step::Index(index) => child(&mut node.indexes, index),
        });
        *node.slot.get_or_insert_with(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    pub(crate) fn read<'a>(&self, item: &'a str) -> Result<Found<'a>, serde_json::Error> {
        let mut found = vec![None; self.slots];
        ItemSeed(&self.root, &mut found).deserialize(&mut serde_json::Deserializer::from_str(item))?;
        Ok(found)
    }
}

fn child<'a, K: Clone + PartialEq>(children: &'a mut Vec<(K, Node)>, key: &K) -> &'a mut Node {
    let at = children.iter().position(|(known, _)| known == key).unwrap_or_else(|| {
        children.push((key.clone(), Node::default()));
        children.len() - 1
    });
    &mut children[at].1
}

/// An item, or a map in it.
struct ItemSeed<'n, 'f, 'de>(&'n Node, &'f mut Found<'de>);

/// An attribute value: `{"S":"paid"}`.
struct ValueSeed<'n, 'f, 'de>(&'n Node, &'f mut Found<'de>);

/// The values of a list.
struct ListSeed<'n, 'f, 'de>(&'n Node, &'f mut Found<'de>);

/// serde borrows a `Cow` only where it is told to, and a map's key cannot be told.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for ItemSeed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ItemSeed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a DynamoDB item or map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            match self.0.names.iter().find(|(wanted, _)| **wanted == *name) {
                Some((_, node)) => map.next_value_seed(ValueSeed(node, self.1))?,
                None => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self(node, found) = self;
        let Some(slot) = node.slot else {
            return deserializer.deserialize_map(ValueSeed(node, found));
        };
        let value = <&'de RawValue>::deserialize(deserializer)?;
        found[slot] = Some(value);
        if node.names.is_empty() && node.indexes.is_empty() {
            return Ok(());
        }
        // A path and a longer one through it, such as `address` and `address.city`: rare, so read twice.
        serde_json::Deserializer::from_str(value.get())
            .deserialize_map(ValueSeed(node, found))
            .map_err(D::Error::custom)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a DynamoDB attribute value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(kind)) = map.next_key()? {
            match &*kind {
                "M" if !self.0.names.is_empty() => map.next_value_seed(ItemSeed(self.0, self.1))?,
                "L" if !self.0.indexes.is_empty() => map.next_value_seed(ListSeed(self.0, self.1))?,
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a DynamoDB list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        for at in 0.. {
            let more = match self.0.indexes.iter().find(|(wanted, _)| *wanted == at) {
                Some((_, node)) => values.next_element_seed(ValueSeed(node, self.1))?.is_some(),
                None => values.next_element::<IgnoredAny>()?.is_some(),
            };
            if !more {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ITEM: &str = r#"{
        "id": {"S": "1"},
        "a.b": {"M": {"c": {"N": "7"}}},
        "address": {"M": {"city": {"S": "Kraków"}, "lines": {"L": [{"S": "x"}, {"M": {"no": {"N": "3"}}}]}}},
        "esc\u0061ped": {"BOOL": true}
    }"#;

    #[track_caller]
    fn check(paths: &[&str], expected: &[Option<&str>]) {
        let mut wanted = Wanted::default();
        let slots: Vec<_> = paths.iter().map(|path| wanted.slot(&Path::parse(path).unwrap())).collect();
        let found = wanted.read(ITEM).unwrap();
        let found: Vec<_> = slots.into_iter().map(|slot| found[slot].map(RawValue::get)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn picks_attributes_at_any_depth() {
        check(&["id", "address.city"], &[Some(r#"{"S": "1"}"#), Some(r#"{"S": "Kraków"}"#)]);
        check(&[r#""a.b".c"#, "address.lines[1].no"], &[Some(r#"{"N": "7"}"#), Some(r#"{"N": "3"}"#)]);
        check(&["escaped"], &[Some(r#"{"BOOL": true}"#)]);
    }

    #[test]
    fn what_is_not_there_is_none() {
        check(&["x", "id.y", "address.lines[2]", "address[0]", "a.b.c"], &[None; 5]);
    }

    #[test]
    fn one_path_may_lead_through_another() {
        check(
            &["address.lines", "address.lines[0]", "address.lines"],
            &[
                Some(r#"{"L": [{"S": "x"}, {"M": {"no": {"N": "3"}}}]}"#),
                Some(r#"{"S": "x"}"#),
                Some(r#"{"L": [{"S": "x"}, {"M": {"no": {"N": "3"}}}]}"#),
            ],
        );
    }

    #[test]
    fn what_is_no_item_is_an_error() {
        let mut wanted = Wanted::default();
        wanted.slot(&Path::parse("a.b").unwrap());
        for item in ["", "[]", r#"{"a":{"M":3}}"#, r#"{"a":{"M":{"b":{"S":"x"}}"#] {
            assert!(wanted.read(item).is_err(), "{item}");
        }
    }
}

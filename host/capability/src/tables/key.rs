//! The key in a guest's JSON: found, and the same for one item however it is spelled.
//!
//! Invariant: what passes is one whole JSON object. What DynamoDB thinks of the values is DynamoDB's to say.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use tripline_core::decimal::Decimal;

/// Values of the key's attributes in the schema's order: equal for equal items, however they are spelled.
pub(super) type ItemKey = Vec<(KeyType, String)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub(super) enum KeyType {
    S,
    N,
    B,
}

/// `what` is what the reason calls it.
pub(super) fn object<'a>(what: &str, text: &'a str) -> Result<&'a RawValue, String> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| format!("{what} is not JSON: {error}"))?;
    if raw.get().starts_with('{') { Ok(raw) } else { Err(format!("{what} is not a JSON object such as {{\"pk\":{{\"S\":\"a\"}}}}")) }
}

/// Whether the item has this key; neither, where one of them is none.
pub fn is_at(item: &str, key: &str) -> bool {
    let names = serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(key).unwrap_or_default();
    let names: Vec<Box<str>> = names.into_keys().map(|name| name.into_owned().into()).collect();
    let of = |text: &str| item_key(&names, object("it", text).ok()?).ok();
    !names.is_empty() && of(key).is_some_and(|key| of(item) == Some(key))
}

pub(super) fn item_key(keys: &[Box<str>], item: &RawValue) -> Result<ItemKey, String> {
    let mut json = serde_json::Deserializer::from_str(item.get());
    let found = KeyAttributes(keys).deserialize(&mut json).map_err(|error| error.to_string())?;
    let values = keys.iter().zip(found).map(|(name, raw)| {
        let raw = raw.ok_or_else(|| format!("the table's key attribute `{name}` is missing"))?;
        key_value(raw).ok_or_else(|| {
            format!("the key attribute `{name}` must be a string, number or binary: {{\"S\":\"…\"}}, {{\"N\":\"…\"}} or {{\"B\":\"…\"}}")
        })
    });
    values.collect()
}

/// The one member of `{"S":"…"}`. Numbers and bytes by value: `1` and `1.0` are one item.
fn key_value(raw: &RawValue) -> Option<(KeyType, String)> {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let (kind, text) = json.deserialize_map(OneMember).ok()?;
    let canonical = match kind {
        KeyType::N => Decimal::parse(&text).map_or(text, |number| number.to_string()),
        KeyType::B => STANDARD.decode(&text).map_or(text, |bytes| STANDARD.encode(bytes)),
        KeyType::S => text,
    };
    Some((kind, canonical))
}

struct OneMember;

impl<'de> Visitor<'de> for OneMember {
    type Value = (KeyType, String);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one member")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let first = map.next_entry()?.ok_or_else(|| A::Error::custom("no member"))?;
        match map.next_key::<Cow<'_, str>>()? {
            None => Ok(first),
            Some(_) => Err(A::Error::custom("a second member")),
        }
    }
}

/// Finds the key's attributes, each at most once; passes over the rest without reading it.
struct KeyAttributes<'k>(&'k [Box<str>]);

impl<'de> DeserializeSeed<'de> for KeyAttributes<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for KeyAttributes<'_> {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = vec![None; self.0.len()];
        while let Some((name, value)) = map.next_entry::<Cow<'de, str>, &RawValue>()? {
            let Some(place) = self.0.iter().position(|key| **key == *name) else { continue };
            // Two spellings of a key would let DynamoDB take one and the order of writes the other.
            if found[place].replace(value).is_some() {
                return Err(A::Error::custom(format_args!("the key attribute `{name}` appears twice")));
            }
        }
        Ok(found)
    }
}

//! What a key and an item must be for any table: for who knows no table's key, as `tripline test`.
//!
//! Always holds: what passes `Target` and DynamoDB passes here. Whether a number is one, and how large an item may be, DynamoDB alone says.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::key::{item_key, object};

/// `Err` says what is wrong with the key that is asked for.
pub fn check_key(text: &str) -> Result<(), String> {
    key(object("the key", text)?)
}

/// One attribute or two, each as a key may have it.
pub(super) fn key(raw: &RawValue) -> Result<(), String> {
    let attributes = attributes(raw)?;
    if !(1..=2).contains(&attributes.len()) {
        let count = if attributes.is_empty() { "no attribute".to_owned() } else { format!("{} attributes", attributes.len()) };
        return Err(format!("the key has {count}, and a table's key has one or two"));
    }
    let names: Vec<Box<str>> = attributes.iter().map(|(name, _)| (&**name).into()).collect();
    item_key(&names, raw).map(drop)
}

/// Attributes that are there once, each of a type of DynamoDB's.
pub(super) fn item(raw: &RawValue) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let attributes = attributes(raw)?;
    for (name, value) in &attributes {
        if !names.insert(&**name) {
            return Err(format!("the attribute `{name}` appears twice"));
        }
        let parsed: Option<Value> = serde_json::from_str(value.get()).ok();
        if members(value) != 1 || !parsed.is_some_and(|value| is_value(&value)) {
            return Err(format!("the attribute `{name}` has no value of DynamoDB's: {{\"S\":\"…\"}}, {{\"N\":\"…\"}} and so on"));
        }
    }
    if attributes.is_empty() { Err("the item has no attribute, and so no key".to_owned()) } else { Ok(()) }
}

fn is_value(value: &Value) -> bool {
    let Some(object) = value.as_object().filter(|object| object.len() == 1) else { return false };
    object.iter().all(|(kind, value)| match (kind.as_str(), value) {
        ("S" | "N" | "B", Value::String(_)) | ("BOOL" | "NULL", Value::Bool(_)) => true,
        ("SS" | "NS" | "BS", Value::Array(members)) => members.iter().all(Value::is_string),
        ("L", Value::Array(elements)) => elements.iter().all(is_value),
        ("M", Value::Object(attributes)) => attributes.values().all(is_value),
        _ => false,
    })
}

fn members(raw: &RawValue) -> usize {
    attributes(raw).map_or(0, |members| members.len())
}

/// In their order, and as often as they are there.
fn attributes(raw: &RawValue) -> Result<Vec<(Cow<'_, str>, &RawValue)>, String> {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    json.deserialize_map(Attributes).map_err(|error| error.to_string())
}

struct Attributes;

impl<'de> Visitor<'de> for Attributes {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        while let Some(attribute) = map.next_entry()? {
            found.push(attribute);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: Result<(), String>, refused: Option<&str>) {
        match (&found, refused) {
            (Ok(()), None) => {}
            (Err(reason), Some(expected)) if reason.contains(expected) => {}
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_key_must_be() {
        for (text, refused) in [
            (r#"{"id":{"S":"1"}}"#, None),
            (r#"{"pk":{"N":"1"},"sk":{"B":"AA=="}}"#, None),
            ("x", Some("the key is not JSON")),
            ("[]", Some("the key is not a JSON object")),
            ("{}", Some("the key has no attribute")),
            (r#"{"a":{"S":"1"},"b":{"S":"1"},"c":{"S":"1"}}"#, Some("the key has 3 attributes")),
            (r#"{"id":{"S":1}}"#, Some("`id` must be a string, number or binary")),
            (r#"{"id":{"BOOL":true}}"#, Some("`id` must be")),
            (r#"{"id":{"S":"1","N":"1"}}"#, Some("`id` must be")),
            (r#"{"id":{"S":"1"},"\u0069d":{"S":"1"}}"#, Some("`id` appears twice")),
        ] {
            check(check_key(text), refused);
        }
    }

    #[test]
    fn what_an_item_must_be() {
        let types = concat!(
            r#"{"id":{"S":"1"},"n":{"N":"1"},"b":{"B":"AA=="},"t":{"BOOL":false},"z":{"NULL":true},"ss":{"SS":["a"]},"ns":{"NS":["1"]},"#,
            r#""bs":{"BS":["AA=="]},"l":{"L":[{"S":"1"},{"L":[]}]},"m":{"M":{"S":{"M":{}}}}}"#
        );
        for (text, refused) in [
            (types, None),
            ("{}", Some("the item has no attribute")),
            (r#"{"id":{"S":1}}"#, Some("`id` has no value of DynamoDB's")),
            (r#"{"id":{"Q":"1"}}"#, Some("`id` has no value")),
            (r#"{"id":{"S":"1","N":"1"}}"#, Some("`id` has no value")),
            (r#"{"id":{"S":"1","S":"2"}}"#, Some("`id` has no value")),
            (r#"{"id":"1"}"#, Some("`id` has no value")),
            (r#"{"id":{"S":"1"},"id":{"S":"1"}}"#, Some("`id` appears twice")),
            (r#"{"id":{"S":"1"},"l":{"L":["a"]}}"#, Some("`l` has no value")),
        ] {
            check(item(object("the item", text).unwrap()), refused);
        }
    }
}

//! Request bodies of PutItem and DeleteItem, around JSON that a guest wrote.
//!
//! Invariant: every piece of the guest's is one whole JSON object, so that nothing of it can end up beside it, such as
//! another TableName; and the item's bytes are sent as they came. What DynamoDB thinks of the values is DynamoDB's to say.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tripline_core::decimal::Decimal;
use tripline_core::port::{TableWrite, WriteCondition, WriteOperation};

/// DynamoDB takes no larger request.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Put,
    Delete,
}

#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) action: Action,
    pub(super) body: Bytes,
}

/// Values of the key's attributes in the schema's order: equal for equal items, however they are spelled.
pub(super) type ItemKey = Vec<(KeyType, String)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
pub(super) enum KeyType {
    S,
    N,
    B,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    expression_attribute_names: BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression_attribute_values: Option<&'a RawValue>,
}

/// `Err` says what is wrong with the guest's write.
pub(super) fn prepare(table: &str, keys: &[Box<str>], write: &TableWrite) -> Result<(ItemKey, Prepared), String> {
    let (action, text) = match &write.operation {
        WriteOperation::Put(item) => (Action::Put, item),
        WriteOperation::Delete(key) => (Action::Delete, key),
    };
    let what = if action == Action::Put { "the item" } else { "the key" };
    let raw = object(what, text)?;
    let key = item_key(keys, raw).map_err(|reason| format!("{what}: {reason}"))?;
    let condition = write.condition.as_ref();
    let values = condition.and_then(|condition| condition.values.as_deref());
    let request = Request {
        table_name: table,
        item: (action == Action::Put).then_some(raw),
        key: (action == Action::Delete).then_some(raw),
        condition_expression: condition.map(|condition| &*condition.expression),
        expression_attribute_names: condition.map(names).transpose()?.unwrap_or_default(),
        expression_attribute_values: values.map(|values| object("the condition's values", values)).transpose()?,
    };
    let body = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
    if body.len() > BODY_BYTES_MAX {
        return Err(format!("the request has {} bytes; DynamoDB takes {BODY_BYTES_MAX}, and items up to 400 KB", body.len()));
    }
    Ok((key, Prepared { action, body: body.into() }))
}

/// What a write must be for any table, whatever its key: `Err` says what is wrong with it.
pub fn check(write: &TableWrite) -> Result<(), String> {
    prepare("", &[], write).map(drop)
}

fn object<'a>(what: &str, text: &'a str) -> Result<&'a RawValue, String> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| format!("{what} is not JSON: {error}"))?;
    if raw.get().starts_with('{') { Ok(raw) } else { Err(format!("{what} is not a JSON object such as {{\"pk\":{{\"S\":\"a\"}}}}")) }
}

fn names(condition: &WriteCondition) -> Result<BTreeMap<&str, &str>, String> {
    let mut names = BTreeMap::new();
    for (placeholder, name) in &condition.names {
        if names.insert(&**placeholder, &**name).is_some() {
            return Err(format!("the condition names `{placeholder}` twice"));
        }
    }
    Ok(names)
}

fn item_key(keys: &[Box<str>], item: &RawValue) -> Result<ItemKey, String> {
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

/// The one member of `{"S":"…"}`. Numbers by value: `1` and `1.0` are one item.
fn key_value(raw: &RawValue) -> Option<(KeyType, String)> {
    let mut json = serde_json::Deserializer::from_str(raw.get());
    let (kind, text) = json.deserialize_map(OneMember).ok()?;
    let canonical = match kind {
        KeyType::N => Decimal::parse(&text).map_or(text, |number| number.to_string()),
        KeyType::S | KeyType::B => text,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn put(item: &str) -> TableWrite {
        TableWrite { operation: WriteOperation::Put(item.to_owned()), condition: None }
    }

    fn prepared(write: &TableWrite) -> Result<(ItemKey, Prepared), String> {
        prepare("orders", &["pk".into(), "sk".into()], write)
    }

    #[track_caller]
    fn check(write: &TableWrite, expected: &str) {
        let (_, prepared) = prepared(write).unwrap();
        assert_eq!(std::str::from_utf8(&prepared.body).unwrap(), expected);
    }

    #[track_caller]
    fn check_refused(write: &TableWrite, expected: &str) {
        let reason = prepared(write).unwrap_err();
        assert!(reason.contains(expected), "{reason}");
    }

    #[test]
    fn the_guests_bytes_are_sent_as_they_are() {
        check(
            &put("  { \"sk\":{\"N\":\"1\"},  \"pk\" : {\"S\":\"\\u00e9é\"},\"m\":{\"M\":{}} }\n"),
            "{\"TableName\":\"orders\",\"Item\":{ \"sk\":{\"N\":\"1\"},  \"pk\" : {\"S\":\"\\u00e9é\"},\"m\":{\"M\":{}} }}",
        );
        let condition = WriteCondition {
            expression: "#v < :v \"".to_owned(),
            names: vec![("#v".to_owned(), "version\"".to_owned())],
            values: Some(r#"{":v":{"N":"1"}}"#.to_owned()),
        };
        let operation = WriteOperation::Delete(r#"{"pk":{"S":"a"},"sk":{"B":"AA=="}}"#.to_owned());
        check(
            &TableWrite { operation, condition: Some(condition) },
            concat!(
                r##"{"TableName":"orders","Key":{"pk":{"S":"a"},"sk":{"B":"AA=="}},"ConditionExpression":"#v < :v \"","##,
                r##""ExpressionAttributeNames":{"#v":"version\""},"ExpressionAttributeValues":{":v":{"N":"1"}}}"##
            ),
        );
    }

    #[test]
    fn what_is_not_one_object_with_the_key_is_refused() {
        let key = r#""pk":{"S":"a"},"sk":{"N":"1"}"#;
        for (item, expected) in [
            ("", "not JSON"),
            ("[]", "not a JSON object"),
            ("\"{}\"", "not a JSON object"),
            ("null", "not a JSON object"),
            (&*format!("{{{key}}},\"TableName\":\"secrets\""), "not JSON"),
            (&*format!("{{{key}}}}},\"TableName\":\"secrets\",\"x\":{{"), "not JSON"),
            (&*format!("{{{key}}}{{{key}}}"), "not JSON"),
            (&*format!("{{{key},\"a\":\"\u{1}\"}}"), "not JSON"),
            (&*format!("{{{key},}}"), "not JSON"),
            (r#"{"pk":{"S":"a"}}"#, "`sk` is missing"),
            (&*format!("{{{key},\"pk\":{{\"S\":\"b\"}}}}"), "`pk` appears twice"),
            (&*format!("{{{key},\"\\u0070k\":{{\"S\":\"b\"}}}}"), "`pk` appears twice"),
            (r#"{"pk":{"S":"a","N":"1"},"sk":{"N":"1"}}"#, "`pk` must be"),
            (r#"{"pk":{},"sk":{"N":"1"}}"#, "`pk` must be"),
            (r#"{"pk":"a","sk":{"N":"1"}}"#, "`pk` must be"),
            (r#"{"pk":{"S":"a"},"sk":{"N":1}}"#, "`sk` must be"),
            (r#"{"pk":{"BOOL":"a"},"sk":{"N":"1"}}"#, "`pk` must be"),
        ] {
            check_refused(&put(item), expected);
        }
        let condition = |values: &str, names: Vec<(String, String)>| TableWrite {
            condition: Some(WriteCondition { expression: "x".to_owned(), names, values: Some(values.to_owned()) }),
            ..put(&format!("{{{key}}}"))
        };
        check_refused(&condition("{},\"TableName\":\"secrets\"", vec![]), "the condition's values is not JSON");
        check_refused(&condition("[]", vec![]), "the condition's values is not a JSON object");
        let twice = vec![("#a".to_owned(), "a".to_owned()), ("#a".to_owned(), "b".to_owned())];
        check_refused(&condition("{}", twice), "names `#a` twice");
        check_refused(&put(&format!("{{{key},\"a\":{{\"S\":\"{}\"}}}}", "x".repeat(BODY_BYTES_MAX))), "DynamoDB takes");
    }

    #[test]
    fn one_item_has_one_key_however_it_is_spelled() {
        let key = |item: &str| prepared(&put(item)).unwrap().0;
        let a = key(r#"{"pk":{"S":"é"},"sk":{"N":"10"}}"#);
        assert_eq!(a, key(r#"{ "sk" : {"N":"1E+1"}, "x":{"S":"y"}, "pk":{"S":"\u00e9"}}"#));
        assert_eq!(a, key(r#"{"\u0070k":{"S":"é"},"sk":{"N":"10.0"}}"#));
        assert_ne!(a, key(r#"{"pk":{"S":"é"},"sk":{"S":"10"}}"#));
        assert_ne!(a, key(r#"{"pk":{"S":"e"},"sk":{"N":"10"}}"#));
    }
}

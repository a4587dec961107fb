//! Items between DynamoDB's JSON and the SDK's types, and whether two are one to DynamoDB.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::Blob;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value as Json;
use tripline_core::decimal::Decimal;

pub(super) type Item = HashMap<String, AttributeValue>;

/// `{"id":{"S":"o-1"}}`.
pub(super) fn item(json: &str) -> Result<Item> {
    let fields: serde_json::Map<String, Json> = serde_json::from_str(json).context("an item that is no JSON object")?;
    fields
        .into_iter()
        .map(|(name, value)| Ok((name.clone(), attribute(&value).with_context(|| format!("attribute `{name}`"))?)))
        .collect()
}

fn attribute(json: &Json) -> Result<AttributeValue> {
    let one = json.as_object().filter(|object| object.len() == 1).and_then(|object| object.iter().next());
    let (kind, value) = one.context("a value has one type, as {\"S\":\"text\"}")?;
    let text = |value: &Json| value.as_str().map(str::to_owned).context("its value is no string");
    let binary = |value: &Json| Ok(Blob::new(BASE64.decode(text(value)?).context("its value is no base64")?));
    let list = || value.as_array().context("its value is no list");
    Ok(match kind.as_str() {
        "S" => AttributeValue::S(text(value)?),
        "N" => AttributeValue::N(text(value)?),
        "B" => AttributeValue::B(binary(value)?),
        "BOOL" => AttributeValue::Bool(value.as_bool().context("its value is neither true nor false")?),
        "NULL" => AttributeValue::Null(true),
        "SS" => AttributeValue::Ss(list()?.iter().map(text).collect::<Result<_>>()?),
        "NS" => AttributeValue::Ns(list()?.iter().map(text).collect::<Result<_>>()?),
        "BS" => AttributeValue::Bs(list()?.iter().map(binary).collect::<Result<_>>()?),
        "L" => AttributeValue::L(list()?.iter().map(attribute).collect::<Result<_>>()?),
        "M" => {
            let fields = value.as_object().context("its value is no object")?;
            AttributeValue::M(fields.iter().map(|(name, value)| Ok((name.clone(), attribute(value)?))).collect::<Result<_>>()?)
        }
        other => bail!("`{other}` is no type of DynamoDB's"),
    })
}

/// Equal items have equal texts: sets have no order, and 1.0 is 1.
pub(super) fn canonical(item: &Item) -> String {
    let fields: BTreeMap<&String, String> = item.iter().map(|(name, value)| (name, canonical_value(value))).collect();
    format!("{fields:?}")
}

fn canonical_value(value: &AttributeValue) -> String {
    let number = |text: &String| Decimal::parse(text).map_or_else(|_| text.clone(), |number| number.to_string());
    let sorted = |mut elements: Vec<String>| {
        elements.sort_unstable();
        elements
    };
    match value {
        AttributeValue::N(text) => format!("N {}", number(text)),
        AttributeValue::Ss(texts) => format!("SS {:?}", sorted(texts.clone())),
        AttributeValue::Ns(texts) => format!("NS {:?}", sorted(texts.iter().map(number).collect())),
        AttributeValue::Bs(blobs) => format!("BS {:?}", sorted(blobs.iter().map(|blob| BASE64.encode(blob)).collect())),
        AttributeValue::L(values) => format!("L {:?}", values.iter().map(canonical_value).collect::<Vec<_>>()),
        AttributeValue::M(fields) => format!("M {}", canonical(fields)),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &str, b: &str, same: bool) {
        assert_eq!(canonical(&item(a).unwrap()) == canonical(&item(b).unwrap()), same, "{a} {b}");
    }

    #[test]
    fn items_are_compared_as_dynamodb_does() {
        check(r#"{"a":{"N":"1.0"},"b":{"S":"x"}}"#, r#"{"b":{"S":"x"},"a":{"N":"1"}}"#, true);
        check(r#"{"a":{"SS":["x","y"]}}"#, r#"{"a":{"SS":["y","x"]}}"#, true);
        check(r#"{"a":{"M":{"l":{"L":[{"NS":["2","1.50"]}]}}}}"#, r#"{"a":{"M":{"l":{"L":[{"NS":["1.5","2"]}]}}}}"#, true);
        check(r#"{"a":{"BS":["AAE=","/w=="]},"n":{"NULL":true}}"#, r#"{"n":{"NULL":true},"a":{"BS":["/w==","AAE="]}}"#, true);
        check(r#"{"a":{"L":[{"S":"x"},{"S":"y"}]}}"#, r#"{"a":{"L":[{"S":"y"},{"S":"x"}]}}"#, false);
        check(r#"{"a":{"N":"1"}}"#, r#"{"a":{"S":"1"}}"#, false);
        check(r#"{"a":{"BOOL":true}}"#, r#"{"a":{"BOOL":false}}"#, false);
    }

    #[test]
    fn what_is_no_item_is_said() {
        for (json, expected) in
            [("[]", "no JSON object"), (r#"{"a":{"X":1}}"#, "`a`: `X` is no type"), (r#"{"a":1}"#, "`a`: a value has one type")]
        {
            let said = format!("{:#}", item(json).unwrap_err());
            assert!(said.contains(expected), "{said}");
        }
    }
}

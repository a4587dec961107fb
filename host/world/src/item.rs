//! Items and keys as DynamoDB JSON, brought to one form, so that equal items are equal texts.
//!
//! Invariant: attributes are in the order of their names, sets are sorted, numbers have no zeros that say nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::error::ApiError;

/// DynamoDB's own bound on one item.
const ITEM_BYTES_MAX: u64 = 400 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    S,
    N,
    B,
}

impl KeyType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::S, Self::N, Self::B].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What a table's key is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    pub partition: (Box<str>, KeyType),
    pub sort: Option<(Box<str>, KeyType)>,
}

impl Default for Schema {
    /// `pk` (S), and no sort key.
    fn default() -> Self {
        Self { partition: ("pk".into(), KeyType::S), sort: None }
    }
}

impl Schema {
    /// `pk` (S) and `sk` (S).
    pub fn sorted() -> Self {
        Self { sort: Some(("sk".into(), KeyType::S)), ..Self::default() }
    }

    pub fn attributes(&self) -> impl Iterator<Item = (&str, KeyType)> {
        std::iter::once(&self.partition).chain(&self.sort).map(|(name, kind)| (&**name, *kind))
    }
}

/// The key of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// `{"pk":{"S":"order-7"}}`
    pub json: Arc<str>,
    /// Of the partition key alone: items of one collection live in one shard.
    pub(crate) hash: u64,
    pub(crate) size_bytes: u64,
}

impl Key {
    /// A key of `Schema::default()`.
    pub fn of(pk: &str) -> Self {
        let mut json = String::with_capacity(pk.len() + 20);
        push_key(&mut json, "pk", pk);
        json.insert(0, '{');
        json.push('}');
        Self { hash: hash(pk), size_bytes: 2 + pk.len() as u64, json: json.into() }
    }

    /// Exactly the attributes of the key, each of its type.
    pub fn parse(schema: &Schema, key: &Map<String, Value>) -> Result<Self, ApiError> {
        let parsed = Self::within(schema, key)?;
        if key.len() != schema.attributes().count() {
            return Err(ApiError::validation("The provided key element does not match the schema"));
        }
        Ok(parsed)
    }

    /// The key within an item.
    fn within(schema: &Schema, item: &Map<String, Value>) -> Result<Self, ApiError> {
        let mut parts: Vec<(&str, String, &str)> = Vec::with_capacity(2);
        for (name, kind) in schema.attributes() {
            let value = item.get(name).and_then(Value::as_object).filter(|value| value.len() == 1);
            let text = value.and_then(|value| value.get(kind.as_str())).and_then(Value::as_str);
            let Some(text) = text.filter(|text| !text.is_empty()) else {
                let message = format!(
                    "One of the required keys was not given a value, or has not the type of the schema: {name} ({})",
                    kind.as_str()
                );
                return Err(ApiError::validation(message));
            };
            let text = if kind == KeyType::N { plain_number(text) } else { text.to_owned() };
            parts.push((name, text, kind.as_str()));
        }
        let hash = hash(&parts[0].1);
        let size_bytes = parts.iter().map(|(name, text, kind)| (name.len() + text_size(kind, text)) as u64).sum();
        parts.sort_unstable_by_key(|(name, ..)| *name);
        let json: Map<_, _> = parts
            .into_iter()
            .map(|(name, text, kind)| (name.to_owned(), serde_json::json!({ kind: text })))
            .collect();
        Ok(Self { json: Value::Object(json).to_string().into(), hash, size_bytes })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub key: Key,
    pub json: Arc<str>,
    pub(crate) size_bytes: u64,
}

impl Item {
    /// An item of `Schema::default()` whose attribute `n` is its version.
    pub fn numbered(pk: &str, version: u64) -> Self {
        let mut json = String::with_capacity(pk.len() + 40);
        // Writing to a String does not fail.
        let _ = write!(json, "{{\"n\":{{\"N\":\"{version}\"}},");
        push_key(&mut json, "pk", pk);
        json.push('}');
        let key = Key::of(pk);
        let size_bytes = key.size_bytes + 1 + number_size(version.checked_ilog10().unwrap_or(0) as usize + 1) as u64;
        Self { key, json: json.into(), size_bytes }
    }

    pub fn parse(schema: &Schema, mut item: Map<String, Value>) -> Result<Self, ApiError> {
        let mut size_bytes = 0;
        for (name, value) in &mut item {
            size_bytes += (name.len() + normalise(value)?) as u64;
        }
        if size_bytes > ITEM_BYTES_MAX {
            return Err(ApiError::validation("Item size has exceeded the maximum allowed size"));
        }
        let key = Key::within(schema, &item)?;
        // serde_json's map is ordered by name unless some crate asks for insertion order.
        item.sort_keys();
        Ok(Self { key, json: Value::Object(item).to_string().into(), size_bytes })
    }
}

fn push_key(json: &mut String, name: &str, value: &str) {
    let plain = value.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    let _ = match plain {
        true => write!(json, "\"{name}\":{{\"S\":\"{value}\"}}"),
        false => write!(json, "\"{name}\":{{\"S\":{}}}", Value::from(value)),
    };
}

/// FNV-1a, and a last step that spreads it over all bits: the high ones decide the shard.
pub(crate) fn hash(text: &str) -> u64 {
    let fnv = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}

/// Brings one attribute value to its form; its size as DynamoDB counts it.
fn normalise(value: &mut Value) -> Result<usize, ApiError> {
    let wrong = || ApiError::validation("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
    let object = value.as_object_mut().filter(|object| object.len() == 1).ok_or_else(wrong)?;
    let Some((kind, inner)) = object.iter_mut().next() else {
        return Err(wrong());
    };
    match (kind.as_str(), inner) {
        (kind @ ("S" | "B"), Value::String(text)) => Ok(text_size(kind, text)),
        ("N", Value::String(text)) => {
            *text = plain_number(text);
            Ok(number_size(text.len()))
        }
        ("BOOL", Value::Bool(_)) | ("NULL", Value::Bool(true)) => Ok(1),
        (kind @ ("SS" | "NS" | "BS"), Value::Array(members)) if !members.is_empty() => set_size(kind, members),
        ("L", Value::Array(members)) => members.iter_mut().try_fold(3, |size, member| Ok(size + 1 + normalise(member)?)),
        ("M", Value::Object(members)) => {
            let size = members
                .iter_mut()
                .try_fold(3, |size, (name, member)| Ok(size + 1 + name.len() + normalise(member)?));
            members.sort_keys();
            size
        }
        _ => Err(wrong()),
    }
}

fn set_size(kind: &str, members: &mut [Value]) -> Result<usize, ApiError> {
    let mut size = 0;
    for member in &mut *members {
        let Value::String(text) = member else {
            return Err(ApiError::validation("A set holds strings only"));
        };
        if kind == "NS" {
            *text = plain_number(text);
        }
        size += text_size(&kind[..1], text);
    }
    members.sort_unstable_by(|a, b| a.as_str().cmp(&b.as_str()));
    if members.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(ApiError::validation("Input collection contains duplicates"));
    }
    Ok(size)
}

fn text_size(kind: &str, text: &str) -> usize {
    match kind {
        "N" => number_size(text.len()),
        "B" => text.trim_end_matches('=').len() * 3 / 4,
        _ => text.len(),
    }
}

/// Two digits a byte, and one byte more.
fn number_size(digits: usize) -> usize {
    digits.div_ceil(2) + 1
}

/// `007.50` as `7.5`. What has an exponent stays as it is: nobody here writes those.
fn plain_number(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return text.to_owned();
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    match (whole, fraction) {
        ("", "") => "0".to_owned(),
        ("", fraction) => format!("{sign}0.{fraction}"),
        (whole, "") => format!("{sign}{whole}"),
        (whole, fraction) => format!("{sign}{whole}.{fraction}"),
    }
}

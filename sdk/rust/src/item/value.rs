//! Attributes and items whose types are not known beforehand.
//!
//! Invariant: an `AttributeValue` reads and writes DynamoDB JSON in every format of serde's, and keeps an `N` as its text.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::de::Tag;

/// Attributes by name.
pub type Item = BTreeMap<String, AttributeValue>;

/// By this name an `AttributeValue` tells this crate's serializers to let it stand as it is.
pub(super) const TOKEN: &str = "$tripline::AttributeValue";

/// One attribute's value, of any of DynamoDB's ten types.
///
/// ```
/// use tripline_sdk::item::{self, AttributeValue, Item};
///
/// let json = r#"{"id":{"N":"1.10"},"tags":{"SS":["a"]}}"#;
/// let item: Item = item::from_json(json)?;
/// assert_eq!(item["id"].as_n(), Some("1.10"));
/// assert_eq!(item["tags"], AttributeValue::Ss(vec!["a".into()]));
/// assert_eq!(item::to_json(&item)?, json);
/// # Ok::<(), item::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    S(String),
    /// A decimal, as its text.
    N(String),
    B(Vec<u8>),
    Ss(Vec<String>),
    Ns(Vec<String>),
    Bs(Vec<Vec<u8>>),
    M(Item),
    L(Vec<AttributeValue>),
    Bool(bool),
    Null,
}

impl AttributeValue {
    /// As DynamoDB spells it: `S`, `NS`, `BOOL`.
    pub fn type_name(&self) -> &'static str {
        self.tag().as_str()
    }

    pub fn as_s(&self) -> Option<&str> {
        match self {
            Self::S(text) => Some(text),
            _ => None,
        }
    }

    /// The number's text.
    pub fn as_n(&self) -> Option<&str> {
        match self {
            Self::N(number) => Some(number),
            _ => None,
        }
    }

    pub fn as_b(&self) -> Option<&[u8]> {
        match self {
            Self::B(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    pub fn as_m(&self) -> Option<&Item> {
        match self {
            Self::M(item) => Some(item),
            _ => None,
        }
    }

    pub fn as_l(&self) -> Option<&[AttributeValue]> {
        match self {
            Self::L(list) => Some(list),
            _ => None,
        }
    }

    /// DynamoDB JSON: `{"S":"x"}`.
    pub fn to_json(&self) -> String {
        json(self)
    }

    fn tag(&self) -> Tag {
        match self {
            Self::S(_) => Tag::S,
            Self::N(_) => Tag::N,
            Self::B(_) => Tag::B,
            Self::Ss(_) => Tag::Ss,
            Self::Ns(_) => Tag::Ns,
            Self::Bs(_) => Tag::Bs,
            Self::M(_) => Tag::M,
            Self::L(_) => Tag::L,
            Self::Bool(_) => Tag::Bool,
            Self::Null => Tag::Null,
        }
    }
}

pub(crate) fn item_json(item: &Item) -> String {
    json(item)
}

#[allow(clippy::expect_used, reason = "a map without text for its keys is all that JSON cannot hold")]
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings, booleans, lists and maps with text for keys are always JSON")
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::S(text.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        Self::S(text)
    }
}

impl From<bool> for AttributeValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

macro_rules! from_integer {
    ($($ty:ident)*) => { $(
        impl From<$ty> for AttributeValue {
            fn from(number: $ty) -> Self {
                Self::N(number.to_string())
            }
        }
    )* };
}

from_integer! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(TOKEN, &Plain(self))
    }
}

struct Plain<'a>(&'a AttributeValue);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        let tag = self.0.type_name();
        match self.0 {
            AttributeValue::S(text) | AttributeValue::N(text) => map.serialize_entry(tag, text),
            AttributeValue::B(bytes) => map.serialize_entry(tag, &STANDARD.encode(bytes)),
            AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => map.serialize_entry(tag, texts),
            AttributeValue::Bs(list) => {
                let list: Vec<_> = list.iter().map(|bytes| STANDARD.encode(bytes)).collect();
                map.serialize_entry(tag, &list)
            }
            AttributeValue::M(item) => map.serialize_entry(tag, item),
            AttributeValue::L(list) => map.serialize_entry(tag, list),
            AttributeValue::Bool(value) => map.serialize_entry(tag, value),
            AttributeValue::Null => map.serialize_entry(tag, &true),
        }?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(TOKEN, AttributeVisitor)
    }
}

struct AttributeVisitor;

impl<'de> Visitor<'de> for AttributeVisitor {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute with its type (which serde hides behind `flatten` and in untagged enums)")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<AttributeValue, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttributeValue, A::Error> {
        let Some(name) = map.next_key::<String>()? else {
            return Err(A::Error::custom("an attribute without a type"));
        };
        let tag = Tag::parse(&name).ok_or_else(|| A::Error::custom("a type that DynamoDB does not have"))?;
        let value = match tag {
            Tag::S => AttributeValue::S(map.next_value()?),
            Tag::N => AttributeValue::N(map.next_value()?),
            Tag::B => AttributeValue::B(decode(&map.next_value::<String>()?)?),
            Tag::Ss => AttributeValue::Ss(map.next_value()?),
            Tag::Ns => AttributeValue::Ns(map.next_value()?),
            Tag::Bs => {
                let list = map.next_value::<Vec<String>>()?;
                AttributeValue::Bs(list.iter().map(|text| decode(text)).collect::<Result<_, _>>()?)
            }
            Tag::M => AttributeValue::M(map.next_value()?),
            Tag::L => AttributeValue::L(map.next_value()?),
            Tag::Bool => AttributeValue::Bool(map.next_value()?),
            Tag::Null => {
                map.next_value::<IgnoredAny>()?;
                AttributeValue::Null
            }
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(value),
            Some(_) => Err(A::Error::custom("an attribute of two types")),
        }
    }
}

fn decode<E: Error>(text: &str) -> Result<Vec<u8>, E> {
    STANDARD.decode(text).map_err(|_| E::custom("a B that is not base64"))
}

//! Any value of serde's as an attribute.
//!
//! Invariant: what comes out is an attribute that DynamoDB has: no empty sets, no sets of mixed types, no NaN.

use std::fmt;

use serde::ser::{self, Serialize, SerializeMap as _};

use super::value::TOKEN;
use super::with::SET_TOKEN;
use super::{AttributeValue, Item, Segment};

#[derive(Debug)]
pub(super) struct WriteError {
    pub(super) reason: String,
    /// From the inside out.
    segments: Vec<Segment>,
}

impl WriteError {
    pub(super) fn path(&self) -> String {
        super::path(&self.segments)
    }

    fn in_field(mut self, name: &str) -> Self {
        self.segments.push(Segment::Name(name.to_owned()));
        self
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for WriteError {}

impl ser::Error for WriteError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self { reason: reason.to_string(), segments: Vec::new() }
    }
}

type Result<T> = std::result::Result<T, WriteError>;

pub(super) struct Writer;

macro_rules! integers {
    ($($method:ident $ty:ident;)*) => { $(
        fn $method(self, number: $ty) -> Result<AttributeValue> {
            Ok(AttributeValue::from(number))
        }
    )* };
}

impl ser::Serializer for Writer {
    type Ok = AttributeValue;
    type Error = WriteError;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Map;
    type SerializeStruct = Map;
    type SerializeStructVariant = Map;

    integers! {
        serialize_i8 i8;
        serialize_i16 i16;
        serialize_i32 i32;
        serialize_i64 i64;
        serialize_i128 i128;
        serialize_u8 u8;
        serialize_u16 u16;
        serialize_u32 u32;
        serialize_u64 u64;
        serialize_u128 u128;
    }

    fn serialize_bool(self, value: bool) -> Result<AttributeValue> {
        Ok(AttributeValue::Bool(value))
    }

    fn serialize_f32(self, number: f32) -> Result<AttributeValue> {
        float(number.is_finite(), number)
    }

    fn serialize_f64(self, number: f64) -> Result<AttributeValue> {
        float(number.is_finite(), number)
    }

    fn serialize_char(self, value: char) -> Result<AttributeValue> {
        Ok(AttributeValue::S(value.to_string()))
    }

    fn serialize_str(self, text: &str) -> Result<AttributeValue> {
        Ok(AttributeValue::from(text))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<AttributeValue> {
        Ok(AttributeValue::B(bytes.to_vec()))
    }

    fn serialize_none(self) -> Result<AttributeValue> {
        Ok(AttributeValue::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<AttributeValue> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<AttributeValue> {
        Ok(AttributeValue::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<AttributeValue> {
        Ok(AttributeValue::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<AttributeValue> {
        Ok(AttributeValue::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<AttributeValue> {
        match name {
            TOKEN => {
                let json = serde_json::to_value(value).map_err(ser::Error::custom)?;
                serde_json::from_value(json).map_err(ser::Error::custom)
            }
            SET_TOKEN => into_set(value.serialize(self)?),
            _ => value.serialize(self),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<AttributeValue> {
        let value = value.serialize(self).map_err(|error| error.in_field(variant))?;
        Ok(AttributeValue::M(Item::from([(variant.to_owned(), value)])))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List> {
        Ok(List::default())
    }

    fn serialize_tuple(self, _: usize) -> Result<List> {
        Ok(List::default())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List> {
        Ok(List::default())
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Result<List> {
        Ok(List { variant: Some(variant), ..List::default() })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Map> {
        Ok(Map::default())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Map> {
        Ok(Map::default())
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, variant: &'static str, _: usize) -> Result<Map> {
        Ok(Map { variant: Some(variant), ..Map::default() })
    }
}

fn float(finite: bool, number: impl fmt::Display) -> Result<AttributeValue> {
    if finite {
        Ok(AttributeValue::N(number.to_string()))
    } else {
        Err(ser::Error::custom("NaN and infinity are no numbers of DynamoDB's"))
    }
}

fn into_set(list: AttributeValue) -> Result<AttributeValue> {
    let AttributeValue::L(list) = list else {
        return Err(ser::Error::custom("a set is written from a sequence"));
    };
    let (mut strings, mut numbers, mut binaries) = (Vec::new(), Vec::new(), Vec::new());
    for element in list {
        match element {
            AttributeValue::S(text) => strings.push(text),
            AttributeValue::N(number) => numbers.push(number),
            AttributeValue::B(bytes) => binaries.push(bytes),
            other => return Err(ser::Error::custom(format!("a set of {}", other.type_name()))),
        }
    }
    match (strings.is_empty(), numbers.is_empty(), binaries.is_empty()) {
        (false, true, true) => Ok(AttributeValue::Ss(strings)),
        (true, false, true) => Ok(AttributeValue::Ns(numbers)),
        (true, true, false) => Ok(AttributeValue::Bs(binaries)),
        (true, true, true) => Err(ser::Error::custom("an empty set: DynamoDB has none, leave the attribute out")),
        _ => Err(ser::Error::custom("a set of more than one type")),
    }
}

/// An attribute, or where an enum's variant is to be told, an `M` of it alone.
fn in_variant(variant: Option<&'static str>, value: AttributeValue) -> AttributeValue {
    match variant {
        Some(variant) => AttributeValue::M(Item::from([(variant.to_owned(), value)])),
        None => value,
    }
}

#[derive(Default)]
pub(super) struct List {
    elements: Vec<AttributeValue>,
    variant: Option<&'static str>,
}

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let element = value.serialize(Writer).map_err(|mut error| {
            error.segments.push(Segment::Index(self.elements.len()));
            error
        })?;
        self.elements.push(element);
        Ok(())
    }

    fn finish(self) -> AttributeValue {
        in_variant(self.variant, AttributeValue::L(self.elements))
    }
}

macro_rules! list {
    ($($trait:ident $method:ident;)*) => { $(
        impl ser::$trait for List {
            type Ok = AttributeValue;
            type Error = WriteError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
                self.push(value)
            }

            fn end(self) -> Result<AttributeValue> {
                Ok(self.finish())
            }
        }
    )* };
}

list! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

#[derive(Default)]
pub(super) struct Map {
    entries: Item,
    name: String,
    variant: Option<&'static str>,
}

impl ser::SerializeMap for Map {
    type Ok = AttributeValue;
    type Error = WriteError;

    /// A number is a name, as in JSON.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<()> {
        self.name = match key.serialize(Writer)? {
            AttributeValue::S(name) | AttributeValue::N(name) => name,
            other => return Err(ser::Error::custom(format!("an attribute is named by text, not by {}", other.type_name()))),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<()> {
        let name = std::mem::take(&mut self.name);
        let value = value.serialize(Writer).map_err(|error| error.in_field(&name))?;
        self.entries.insert(name, value);
        Ok(())
    }

    fn end(self) -> Result<AttributeValue> {
        Ok(in_variant(self.variant, AttributeValue::M(self.entries)))
    }
}

macro_rules! fields {
    ($($trait:ident)*) => { $(
        impl ser::$trait for Map {
            type Ok = AttributeValue;
            type Error = WriteError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<()> {
                self.serialize_entry(name, value)
            }

            fn end(self) -> Result<AttributeValue> {
                ser::SerializeMap::end(self)
            }
        }
    )* };
}

fields! { SerializeStruct SerializeStructVariant }

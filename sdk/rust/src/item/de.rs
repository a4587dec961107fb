//! Walks DynamoDB JSON: an item's attributes, an attribute's type, its payload.
//!
//! Invariant: what the author's type does not ask for is skipped, not parsed, and strings are borrowed where that is possible.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::CowStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::Trail;
use super::shape::{self, Shape};
use super::value::TOKEN;

/// DynamoDB's ten types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    S,
    N,
    B,
    Ss,
    Ns,
    Bs,
    M,
    L,
    Bool,
    Null,
}

impl Tag {
    const ALL: [Self; 10] = [Self::S, Self::N, Self::B, Self::Ss, Self::Ns, Self::Bs, Self::M, Self::L, Self::Bool, Self::Null];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::N => "N",
            Self::B => "B",
            Self::Ss => "SS",
            Self::Ns => "NS",
            Self::Bs => "BS",
            Self::M => "M",
            Self::L => "L",
            Self::Bool => "BOOL",
            Self::Null => "NULL",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tag| tag.as_str() == text)
    }
}

/// An attribute that is not opened yet: `{"S":"x"}`.
pub(super) struct Attribute<'t, D> {
    pub(super) inner: D,
    pub(super) trail: &'t Trail,
}

impl<'t, D> Attribute<'t, D> {
    pub(super) fn open<'de, S: Shape, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error>
    where
        D: Deserializer<'de>,
    {
        let open = Open { visitor, trail: self.trail, shape: PhantomData::<S> };
        self.inner.deserialize_map(open)
    }
}

/// The inside of an attribute whose type is known: the `"x"` of `{"S":"x"}`. An item is the inside of an `M`.
pub(super) struct Payload<'t, D> {
    pub(super) tag: Tag,
    pub(super) inner: D,
    pub(super) trail: &'t Trail,
}

impl<'t, D> Payload<'t, D> {
    pub(super) fn item(inner: D, trail: &'t Trail) -> Self {
        Self { tag: Tag::M, inner, trail }
    }

    fn open<'de, S: Shape, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error>
    where
        D: Deserializer<'de>,
    {
        S::read(self, visitor)
    }
}

/// Every way in which a type can say what it wants, as a shape.
macro_rules! open_by_shape {
    ($($method:ident $shape:ident $(($($argument:ident: $ty:ty),*))?;)*) => { $(
        fn $method<V: Visitor<'de>>(self, $($($argument: $ty,)*)? visitor: V) -> Result<V::Value, Self::Error> {
            $($(let _ = $argument;)*)?
            self.open::<shape::$shape, V>(visitor)
        }
    )* };
}

macro_rules! open {
    () => {
        open_by_shape! {
            deserialize_any Any;
            deserialize_bool Bool;
            deserialize_i8 I8;
            deserialize_i16 I16;
            deserialize_i32 I32;
            deserialize_i64 I64;
            deserialize_i128 I128;
            deserialize_u8 U8;
            deserialize_u16 U16;
            deserialize_u32 U32;
            deserialize_u64 U64;
            deserialize_u128 U128;
            deserialize_f32 F32;
            deserialize_f64 F64;
            deserialize_char Text;
            deserialize_str Text;
            deserialize_string OwnText;
            deserialize_identifier Text;
            deserialize_bytes Bytes;
            deserialize_byte_buf Bytes;
            deserialize_option Optional;
            deserialize_unit Unit;
            deserialize_unit_struct Unit(name: &'static str);
            deserialize_seq Sequence;
            deserialize_tuple Sequence(len: usize);
            deserialize_tuple_struct Sequence(name: &'static str, len: usize);
            deserialize_map Map;
            deserialize_struct Map(name: &'static str, fields: &'static [&'static str]);
            deserialize_enum Variant(name: &'static str, variants: &'static [&'static str]);
        }

        fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
            self.inner.deserialize_ignored_any(visitor)
        }
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Attribute<'_, D> {
    type Error = D::Error;

    open!();

    /// An `AttributeValue` reads the attribute as it stands.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        if name == TOKEN { visitor.visit_newtype_struct(self.inner) } else { visitor.visit_newtype_struct(self) }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Payload<'_, D> {
    type Error = D::Error;

    open!();

    /// An `AttributeValue` wants the type back that was read already, as in `Option<AttributeValue>`.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        if name == TOKEN { visitor.visit_newtype_struct(Tagged(self)) } else { visitor.visit_newtype_struct(self) }
    }
}

/// Reads the one entry of `{"S":"x"}`.
struct Open<'t, S, V> {
    visitor: V,
    trail: &'t Trail,
    shape: PhantomData<S>,
}

impl<'de, S: Shape, V: Visitor<'de>> Visitor<'de> for Open<'_, S, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute with its type, as {\"S\":\"x\"}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<V::Value, A::Error> {
        let Some(name) = map.next_key_seed(TextSeed)? else {
            return Err(A::Error::custom("an attribute without a type"));
        };
        let tag = Tag::parse(&name).ok_or_else(|| A::Error::custom("a type that DynamoDB does not have"))?;
        let Self { visitor, trail, shape } = self;
        let value = map.next_value_seed(Read { tag, visitor, trail, shape })?;
        ensure_end(&mut map, "an attribute of two types")?;
        Ok(value)
    }
}

pub(super) fn ensure_end<'de, A: MapAccess<'de>>(map: &mut A, otherwise: &str) -> Result<(), A::Error> {
    match map.next_key::<IgnoredAny>()? {
        None => Ok(()),
        Some(_) => Err(A::Error::custom(otherwise)),
    }
}

struct Read<'t, S, V> {
    tag: Tag,
    visitor: V,
    trail: &'t Trail,
    shape: PhantomData<S>,
}

impl<'de, S: Shape, V: Visitor<'de>> DeserializeSeed<'de> for Read<'_, S, V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        S::read(Payload { tag: self.tag, inner, trail: self.trail }, self.visitor)
    }
}

/// Any text, borrowed where it can be. serde's own `Cow` always owns.
pub(super) struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<Self::Value, D::Error> {
        inner.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// An open attribute closed again: `{"S":"x"}`.
struct Tagged<'t, D>(Payload<'t, D>);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Tagged<'_, D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        visitor.visit_map(TaggedAccess { tag: Some(self.0.tag), inner: Some(self.0.inner) })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct TaggedAccess<D> {
    tag: Option<Tag>,
    inner: Option<D>,
}

impl<'de, D: Deserializer<'de>> MapAccess<'de> for TaggedAccess<D> {
    type Error = D::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, D::Error> {
        let tag = self.tag.take();
        tag.map(|tag| seed.deserialize(CowStrDeserializer::new(Cow::Borrowed(tag.as_str())))).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, D::Error> {
        match self.inner.take() {
            Some(inner) => seed.deserialize(inner),
            None => Err(D::Error::custom("a value is read once")),
        }
    }
}

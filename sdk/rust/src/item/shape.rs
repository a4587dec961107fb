//! What a type may ask for, and what each of DynamoDB's types gives it.
//!
//! Invariant: a type that does not fit is an error that names both types and no value: reasons for failures end up in logs.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::value::{CowStrDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, Expected, IgnoredAny, Unexpected, Visitor};

use super::de::{Payload, Tag, TextSeed};
use super::number;
use super::parts::{Elements, Entries, VariantEntry};

/// What a type asks for. A type of its own for each, so that a plugin holds the code of those alone that it uses.
pub(super) trait Shape {
    fn read<'de, D, V>(payload: Payload<'_, D>, visitor: V) -> Result<V::Value, D::Error>
    where
        D: Deserializer<'de>,
        V: Visitor<'de>;
}

fn mismatch<E: Error>(tag: Tag, expected: &dyn Expected) -> E {
    E::invalid_type(Unexpected::Other(&format!("attribute of type {}", tag.as_str())), expected)
}

fn text<'de, D: Deserializer<'de>>(inner: D) -> Result<Cow<'de, str>, D::Error> {
    TextSeed.deserialize(inner)
}

fn binary<'de, D: Deserializer<'de>>(inner: D) -> Result<Vec<u8>, D::Error> {
    STANDARD.decode(text(inner)?.as_bytes()).map_err(|_| D::Error::custom("a B that is not base64"))
}

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident, |$payload:ident, $visitor:ident| $body:expr) => {
        $(#[$doc])*
        pub(super) struct $name;

        impl Shape for $name {
            fn read<'de, D, V>($payload: Payload<'_, D>, $visitor: V) -> Result<V::Value, D::Error>
            where
                D: Deserializer<'de>,
                V: Visitor<'de>,
            {
                $body
            }
        }
    };
}

macro_rules! integers {
    ($($name:ident $ty:ident $visit:ident;)*) => { $(
        shape!($name, |payload, visitor| {
            if payload.tag != Tag::N {
                return Err(mismatch(payload.tag, &visitor));
            }
            match number::integer::<$ty>(&text(payload.inner)?) {
                Some(number) => visitor.$visit(number),
                None => Err(D::Error::custom(concat!("an N that is no ", stringify!($ty), ": too large, or not whole"))),
            }
        });
    )* };
}

integers! {
    I8 i8 visit_i8;
    I16 i16 visit_i16;
    I32 i32 visit_i32;
    I64 i64 visit_i64;
    I128 i128 visit_i128;
    U8 u8 visit_u8;
    U16 u16 visit_u16;
    U32 u32 visit_u32;
    U64 u64 visit_u64;
    U128 u128 visit_u128;
}

shape!(F64, |payload, visitor| {
    if payload.tag != Tag::N {
        return Err(mismatch(payload.tag, &visitor));
    }
    match number::float(&text(payload.inner)?) {
        Some(number) => visitor.visit_f64(number),
        None => Err(D::Error::custom("an N that is no f64")),
    }
});

shape!(F32, |payload, visitor| {
    if payload.tag != Tag::N {
        return Err(mismatch(payload.tag, &visitor));
    }
    match number::float(&text(payload.inner)?).map(|number| number as f32).filter(|number| number.is_finite()) {
        Some(number) => visitor.visit_f32(number),
        None => Err(D::Error::custom("an N that is no f32: too large")),
    }
});

shape!(Bool, |payload, visitor| match payload.tag {
    Tag::Bool => payload.inner.deserialize_bool(visitor),
    tag => Err(mismatch(tag, &visitor)),
});

shape!(Text, |payload, visitor| match payload.tag {
    Tag::S | Tag::N => payload.inner.deserialize_str(visitor),
    tag => Err(mismatch(tag, &visitor)),
});

shape!(
    /// To be owned: nothing is kept for it to be borrowed.
    OwnText, |payload, visitor| match payload.tag {
        Tag::S | Tag::N => payload.inner.deserialize_string(visitor),
        tag => Err(mismatch(tag, &visitor)),
    }
);

shape!(Bytes, |payload, visitor| match payload.tag {
    Tag::B => visitor.visit_byte_buf(binary(payload.inner)?),
    tag => Err(mismatch(tag, &visitor)),
});

shape!(Unit, |payload, visitor| match payload.tag {
    Tag::Null => {
        IgnoredAny::deserialize(payload.inner)?;
        visitor.visit_unit()
    }
    tag => Err(mismatch(tag, &visitor)),
});

shape!(Optional, |payload, visitor| match payload.tag {
    Tag::Null => {
        IgnoredAny::deserialize(payload.inner)?;
        visitor.visit_none()
    }
    _ => visitor.visit_some(payload),
});

shape!(
    /// Lists, sets, and the bytes of a `B`.
    Sequence, |payload, visitor| {
        let Payload { tag, inner, trail } = payload;
        let tag = match tag {
            Tag::L => None,
            Tag::Ss => Some(Tag::S),
            Tag::Ns => Some(Tag::N),
            Tag::Bs => Some(Tag::B),
            Tag::B => return visitor.visit_seq(SeqDeserializer::new(binary(inner)?.into_iter())),
            tag => return Err(mismatch(tag, &visitor)),
        };
        inner.deserialize_seq(Elements { visitor, trail, tag })
    }
);

shape!(Map, |payload, visitor| match payload.tag {
    Tag::M => payload.inner.deserialize_map(Entries { visitor, trail: payload.trail }),
    tag => Err(mismatch(tag, &visitor)),
});

shape!(Variant, |payload, visitor| match payload.tag {
    Tag::S => visitor.visit_enum(CowStrDeserializer::new(text(payload.inner)?)),
    Tag::M => payload.inner.deserialize_map(VariantEntry { visitor, trail: payload.trail }),
    tag => Err(mismatch(tag, &visitor)),
});

shape!(
    /// Whatever there is.
    Any, |payload, visitor| match payload.tag {
        Tag::S => payload.inner.deserialize_str(visitor),
        Tag::N => any_number(text(payload.inner)?, visitor),
        Tag::B => visitor.visit_byte_buf(binary(payload.inner)?),
        Tag::Ss | Tag::Ns | Tag::Bs | Tag::L => Sequence::read(payload, visitor),
        Tag::M => Map::read(payload, visitor),
        Tag::Bool => payload.inner.deserialize_bool(visitor),
        Tag::Null => Unit::read(payload, visitor),
    }
);

/// The narrowest of what serde can hold that loses nothing.
fn any_number<'de, V: Visitor<'de>, E: Error>(text: Cow<'de, str>, visitor: V) -> Result<V::Value, E> {
    if let Some(number) = number::integer::<u64>(&text) {
        visitor.visit_u64(number)
    } else if let Some(number) = number::integer::<i64>(&text) {
        visitor.visit_i64(number)
    } else if let Some(number) = number::exact_float(&text) {
        visitor.visit_f64(number)
    } else {
        match text {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }
}

/// An attribute's name, as a field, or as the key of a map of the author's: text, a number, or an enum.
pub(super) struct Key<'de, E> {
    name: Cow<'de, str>,
    error: std::marker::PhantomData<E>,
}

impl<'de, E> Key<'de, E> {
    pub(super) fn new(name: Cow<'de, str>) -> Self {
        Self { name, error: std::marker::PhantomData }
    }
}

macro_rules! number_keys {
    ($($method:ident $ty:ident $visit:ident;)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
            match self.name.parse::<$ty>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(E::custom(concat!("a name that is no ", stringify!($ty)))),
            }
        }
    )* };
}

impl<'de, E: Error> Deserializer<'de> for Key<'de, E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        match self.name {
            Cow::Borrowed(name) => visitor.visit_borrowed_str(name),
            Cow::Owned(name) => visitor.visit_string(name),
        }
    }

    number_keys! {
        deserialize_i8 i8 visit_i8;
        deserialize_i16 i16 visit_i16;
        deserialize_i32 i32 visit_i32;
        deserialize_i64 i64 visit_i64;
        deserialize_i128 i128 visit_i128;
        deserialize_u8 u8 visit_u8;
        deserialize_u16 u16 visit_u16;
        deserialize_u32 u32 visit_u32;
        deserialize_u64 u64 visit_u64;
        deserialize_u128 u128 visit_u128;
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, E> {
        visitor.visit_enum(CowStrDeserializer::new(self.name))
    }

    serde::forward_to_deserialize_any! {
        bool f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

//! What an attribute is made of: the entries of an `M`, the elements of an `L` or a set, the variant of an enum.
//!
//! Invariant: an error that passes an entry or an element leaves its name or index on the trail.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::CowStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::de::{Attribute, Payload, Tag, TextSeed, ensure_end};
use super::shape::{self, Shape};
use super::{Segment, Trail};

/// The entries of an item or an `M`.
pub(super) struct Entries<'t, V> {
    pub(super) visitor: V,
    pub(super) trail: &'t Trail,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Entries<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(EntryAccess { map, trail: self.trail, name: Cow::Borrowed("") })
    }
}

struct EntryAccess<'t, 'de, A> {
    map: A,
    trail: &'t Trail,
    name: Cow<'de, str>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for EntryAccess<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        let Some(name) = self.map.next_key_seed(TextSeed)? else { return Ok(None) };
        self.name = match &name {
            Cow::Borrowed(name) => Cow::Borrowed(*name),
            Cow::Owned(name) => Cow::Owned(name.clone()),
        };
        let key = seed.deserialize(shape::Key::new(name));
        self.trail.push(key, || Segment::Name(self.name.to_string())).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        let value = self.map.next_value_seed(AttributeSeed { seed, trail: self.trail });
        self.trail.push(value, || Segment::Name(self.name.to_string()))
    }
}

struct AttributeSeed<'t, S> {
    seed: S,
    trail: &'t Trail,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for AttributeSeed<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Attribute { inner, trail: self.trail })
    }
}

/// The elements of an `L`, or of a set: then `tag` is their type.
pub(super) struct Elements<'t, V> {
    pub(super) visitor: V,
    pub(super) trail: &'t Trail,
    pub(super) tag: Option<Tag>,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Elements<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(ElementAccess { seq, trail: self.trail, tag: self.tag, index: 0 })
    }
}

struct ElementAccess<'t, A> {
    seq: A,
    trail: &'t Trail,
    tag: Option<Tag>,
    index: usize,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for ElementAccess<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        let trail = self.trail;
        let element = match self.tag {
            Some(tag) => self.seq.next_element_seed(PayloadSeed { seed, tag, trail }),
            None => self.seq.next_element_seed(AttributeSeed { seed, trail }),
        };
        let element = trail.push(element, || Segment::Index(self.index));
        self.index += 1;
        element
    }
}

struct PayloadSeed<'t, S> {
    seed: S,
    tag: Tag,
    trail: &'t Trail,
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for PayloadSeed<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.seed.deserialize(Payload { tag: self.tag, inner, trail: self.trail })
    }
}

/// An enum with data: an `M` of one entry, named by the variant.
pub(super) struct VariantEntry<'t, V> {
    pub(super) visitor: V,
    pub(super) trail: &'t Trail,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for VariantEntry<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<V::Value, A::Error> {
        let Some(name) = map.next_key_seed(TextSeed)? else {
            return Err(A::Error::custom("an enum without a variant"));
        };
        let segment = name.to_string();
        let value = self.visitor.visit_enum(NamedVariant { name, map: &mut map, trail: self.trail });
        let value = self.trail.push(value, || Segment::Name(segment))?;
        ensure_end(&mut map, "an enum of two variants")?;
        Ok(value)
    }
}

struct NamedVariant<'t, 'm, 'de, A> {
    name: Cow<'de, str>,
    map: &'m mut A,
    trail: &'t Trail,
}

impl<'t, 'm, 'de, A: MapAccess<'de>> EnumAccess<'de> for NamedVariant<'t, 'm, 'de, A> {
    type Error = A::Error;
    type Variant = VariantPayload<'t, 'm, A>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let variant = seed.deserialize(CowStrDeserializer::new(self.name))?;
        Ok((variant, VariantPayload { map: self.map, trail: self.trail }))
    }
}

struct VariantPayload<'t, 'm, A> {
    map: &'m mut A,
    trail: &'t Trail,
}

impl<'de, A: MapAccess<'de>> VariantPayload<'_, '_, A> {
    fn open<S: Shape, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(OpenSeed { visitor, trail: self.trail, shape: PhantomData::<S> })
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for VariantPayload<'_, '_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.newtype_variant_seed(PhantomData::<()>)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.map.next_value_seed(AttributeSeed { seed, trail: self.trail })
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.open::<shape::Sequence, V>(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, A::Error> {
        self.open::<shape::Map, V>(visitor)
    }
}

struct OpenSeed<'t, S, V> {
    visitor: V,
    trail: &'t Trail,
    shape: PhantomData<S>,
}

impl<'de, S: Shape, V: Visitor<'de>> DeserializeSeed<'de> for OpenSeed<'_, S, V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        Attribute { inner, trail: self.trail }.open::<S, V>(self.visitor)
    }
}

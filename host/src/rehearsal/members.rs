//! Objects of JSON as they stand in the text: their members in its order, none lost.
//!
//! Knows no record and no item; no value is read.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tripline_core::word;

#[derive(Debug)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A member that is not known, and nearly has the name of one that is.
#[derive(Debug)]
pub(super) struct Misspelt<'m> {
    pub(super) name: &'m str,
    pub(super) value: &'m RawValue,
    pub(super) meant: &'static str,
}

impl<'a> Members<'a> {
    /// None: it is no object.
    pub(super) fn of(json: &'a str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// What is null is not there.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(member, _)| member == name);
        found.map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (Cow<'a, str>, &'a RawValue)> {
        self.0.into_iter()
    }

    /// The second one of a name.
    pub(super) fn twice(&self) -> Option<(&str, &'a RawValue)> {
        let mut seen = BTreeSet::new();
        self.iter().find(|(name, _)| !seen.insert(*name))
    }

    /// Where the name that is meant is there too, the other one is a foreign member, as recorders add them.
    pub(super) fn misspelt(&self, known: &[&'static str]) -> Option<Misspelt<'_>> {
        let has = |known: &str| self.0.iter().any(|(name, _)| name == known);
        let missing: Vec<&'static str> = known.iter().copied().filter(|known| !has(known)).collect();
        let mut others = self.iter().filter(|(name, _)| !known.contains(name));
        others.find_map(|(name, value)| Some(Misspelt { name, value, meant: word::misspelt(name, missing.iter().copied())? }))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object).map(Self)
    }
}

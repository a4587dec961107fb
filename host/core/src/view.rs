//! What a trigger may see of a change: the images of its view, cut to its attributes.
//!
//! Invariant: what leaves here is bytes of the stream's body, whole or with attributes left out; no value is written anew.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::change::Change;

/// DynamoDB's four stream views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewType {
    KeysOnly,
    NewImage,
    OldImage,
    NewAndOldImages,
}

impl ViewType {
    pub const ALL: [Self; 4] = [Self::KeysOnly, Self::NewImage, Self::OldImage, Self::NewAndOldImages];

    /// As `tripline.toml` spells it.
    pub fn as_config(self) -> &'static str {
        match self {
            Self::KeysOnly => "keys-only",
            Self::NewImage => "new-image",
            Self::OldImage => "old-image",
            Self::NewAndOldImages => "new-and-old-images",
        }
    }

    /// As DynamoDB spells it.
    pub fn as_aws(self) -> &'static str {
        match self {
            Self::KeysOnly => "KEYS_ONLY",
            Self::NewImage => "NEW_IMAGE",
            Self::OldImage => "OLD_IMAGE",
            Self::NewAndOldImages => "NEW_AND_OLD_IMAGES",
        }
    }

    pub fn from_config(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.as_config() == text)
    }

    pub fn from_aws(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.as_aws() == text)
    }

    pub fn has_new(self) -> bool {
        matches!(self, Self::NewImage | Self::NewAndOldImages)
    }

    pub fn has_old(self) -> bool {
        matches!(self, Self::OldImage | Self::NewAndOldImages)
    }

    /// Whether a stream of this view holds all that a trigger of view `wanted` asks for.
    pub fn supplies(self, wanted: Self) -> bool {
        (self.has_new() || !wanted.has_new()) && (self.has_old() || !wanted.has_old())
    }
}

impl fmt::Display for ViewType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_config())
    }
}

/// A trigger's view of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub kind: ViewType,
    /// Top-level attributes that leave the host besides the keys; none: all of them.
    pub attributes: Option<Vec<Box<str>>>,
}

/// The part of a change that a trigger may see, as DynamoDB JSON.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    pub keys: &'a str,
    pub new_image: Option<Cow<'a, str>>,
    pub old_image: Option<Cow<'a, str>>,
}

impl View {
    pub fn of(kind: ViewType) -> Self {
        Self { kind, attributes: None }
    }

    /// Bytes that `cut` leaves of a change, before the projection: what a batch is bounded by. The cut itself is made only once, on
    /// the way into the guest.
    pub fn len_bytes(&self, change: &Change) -> usize {
        let new = change.new_image_json().filter(|_| self.kind.has_new());
        let old = change.old_image_json().filter(|_| self.kind.has_old());
        change.keys_json().len() + new.map_or(0, str::len) + old.map_or(0, str::len)
    }

    pub fn cut<'a>(&self, change: &'a Change) -> Seen<'a> {
        let new = change.new_image_json().filter(|_| self.kind.has_new());
        let old = change.old_image_json().filter(|_| self.kind.has_old());
        let keys = change.keys_json();
        let Some(attributes) = &self.attributes else {
            return Seen { keys, new_image: new.map(Cow::Borrowed), old_image: old.map(Cow::Borrowed) };
        };
        let key_names = attribute_names(keys);
        let project = |image| Cow::Owned(project(image, |name| is_wanted(name, attributes, &key_names)));
        Seen { keys, new_image: new.map(project), old_image: old.map(project) }
    }
}

fn is_wanted(name: &str, attributes: &[Box<str>], key_names: &[Cow<'_, str>]) -> bool {
    attributes.iter().any(|wanted| **wanted == *name) || key_names.iter().any(|key| key == name)
}

/// `image` with only the top-level attributes that `wanted` names, each value's bytes as they were.
fn project(image: &str, wanted: impl Fn(&str) -> bool) -> String {
    let mut cut = String::with_capacity(image.len());
    cut.push('{');
    for_each_attribute(image, |name, value| {
        if wanted(&name) {
            if cut.len() > 1 {
                cut.push(',');
            }
            push_json_string(&mut cut, &name);
            cut.push(':');
            cut.push_str(value);
        }
    });
    cut.push('}');
    cut
}

fn attribute_names(item: &str) -> Vec<Cow<'_, str>> {
    let mut names = Vec::new();
    for_each_attribute(item, |name, _| names.push(name));
    names
}

/// Calls `visit` with each top-level attribute's name and its value's JSON. What is no JSON object has none: slicing has
/// checked the JSON, and an item that is no object has nothing a trigger could ask for.
pub(crate) fn for_each_attribute<'a>(item: &'a str, visit: impl FnMut(Cow<'a, str>, &'a str)) {
    struct Attributes<F>(F);

    impl<'de, F: FnMut(Cow<'de, str>, &'de str)> Visitor<'de> for Attributes<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a DynamoDB item")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some(Name(name)) = map.next_key()? {
                (self.0)(name, map.next_value::<&RawValue>()?.get());
            }
            Ok(())
        }
    }

    // The error is of no interest: see above.
    let _ = serde_json::Deserializer::from_str(item).deserialize_map(Attributes(visit));
}

/// serde borrows a `Cow` only where it is told to, and a map's key cannot be told.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

fn push_json_string(json: &mut String, text: &str) {
    // Writing a str as JSON cannot fail.
    json.push_str(&serde_json::Value::from(text).to_string());
}

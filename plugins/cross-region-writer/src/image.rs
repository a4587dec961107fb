//! An image with its version: bytes cut out and put in, no value written anew.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use tripline_sdk::Failure;
use tripline_sdk::item::AttributeValue;

use crate::version::{VERSION_ATTRIBUTE, Version};

/// `image` with the version as one more attribute. A version that the image brings along, as a replica of a replica does, goes.
pub(crate) fn with_version(image: &str, version: &Version) -> Result<String, Failure> {
    let image = image.trim();
    let mark = format!("\"{VERSION_ATTRIBUTE}\":{}", AttributeValue::from(version.as_str()).to_json());
    let mut marked = String::with_capacity(image.len() + mark.len() + 1);
    marked.push_str(&body_without_version(image)?);
    if marked.len() > 1 {
        marked.push(',');
    }
    marked.push_str(&mark);
    marked.push('}');
    Ok(marked)
}

/// The image from its `{` to before its `}`.
fn body_without_version(image: &str) -> Result<Cow<'_, str>, Failure> {
    // A name can hide its letters behind `\u` escapes alone.
    if !image.contains(VERSION_ATTRIBUTE) && !image.contains("\\u") {
        let body = image.strip_suffix('}').filter(|body| body.starts_with('{')).map(str::trim_end);
        return body.map(Cow::Borrowed).ok_or_else(|| Failure::reject("the image is no item"));
    }
    let mut json = serde_json::Deserializer::from_str(image);
    let body = json.deserialize_map(WithoutVersion).and_then(|body| {
        json.end()?;
        Ok(body)
    });
    // serde_json's message may hold values.
    body.map(Cow::Owned).map_err(|_| Failure::reject("the image is no item"))
}

struct WithoutVersion;

impl<'de> Visitor<'de> for WithoutVersion {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an item")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let mut body = String::from("{");
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            // Only the comparison needs the name without its escapes.
            if serde_json::from_str::<Cow<'_, str>>(name.get()).is_ok_and(|name| name == VERSION_ATTRIBUTE) {
                continue;
            }
            if body.len() > 1 {
                body.push(',');
            }
            body.push_str(name.get());
            body.push(':');
            body.push_str(value.get());
        }
        Ok(body)
    }
}

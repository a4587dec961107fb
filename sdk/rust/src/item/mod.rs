//! DynamoDB items as the author's own structs, by serde.
//!
//! ```
//! use std::collections::BTreeSet;
//!
//! #[derive(serde::Deserialize, serde::Serialize)]
//! struct User<'a> {
//!     email: &'a str,                    // S, borrowed from the JSON
//!     age: u8,                           // N
//!     balance: String,                   // N as its text: exact at any length
//!     #[serde(with = "tripline_sdk::item::bytes")]
//!     photo: Vec<u8>,                    // B
//!     #[serde(with = "tripline_sdk::item::string_set")]
//!     groups: BTreeSet<String>,          // SS
//!     #[serde(default)]
//!     nickname: Option<String>,          // S, NULL or not there
//! }
//!
//! let json = r#"{"email":{"S":"ann@example.com"},"age":{"N":"42"},"balance":{"N":"0.10"},"photo":{"B":"AQI="},
//!     "groups":{"SS":["a","b"]},"nickname":{"NULL":true},"unknown":{"M":{}}}"#;
//! let user: User = tripline_sdk::item::from_json(json)?;
//! assert_eq!((user.email, user.age, user.photo.as_slice()), ("ann@example.com", 42, &[1, 2][..]));
//! # Ok::<(), tripline_sdk::item::Error>(())
//! ```
//!
//! | attribute | reads into |
//! |---|---|
//! | `S` | strings, `&str`, `Cow<str>`, `char`, enums without data. Out of [`from_json`], `&str` where the JSON has no escapes in it; out of a change, always |
//! | `N` | every integer and float, and strings: then the text, exact. A number that does not fit is an error |
//! | `B` | byte buffers, sequences of `u8` |
//! | `SS`, `NS`, `BS` | sequences and sets of what `S`, `N`, `B` read into |
//! | `L` | sequences, tuples |
//! | `M` | structs, maps, enums with data: one entry, named by the variant |
//! | `BOOL` | `bool` |
//! | `NULL` | `None`, `()` |
//!
//! Attributes that the struct does not name are skipped without being parsed. What is not known beforehand reads into
//! [`AttributeValue`] or [`Item`]. Behind `#[serde(flatten)]` and in untagged enums serde asks for whatever there is: an `N`
//! comes as an integer of 64 bits, else as a float if one holds precisely that decimal, else as its text; and an
//! [`AttributeValue`] cannot be read there.
//!
//! Writing, a string becomes an `S`, every number an `N`, `None` a `NULL`, a sequence an `L`; [`bytes`], [`string_set`],
//! [`number_set`] and [`binary_set`] say otherwise, field by field.

mod de;
mod number;
mod parts;
mod ser;
mod shape;
mod unescaped;
mod value;
mod wire;
mod with;

use std::cell::RefCell;
use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
pub(crate) use unescaped::Unescaped;
pub(crate) use value::item_json;
pub use value::{AttributeValue, Item};
pub use with::{binary_set, bytes, number_set, string_set};

/// An item that is none, or does not fit the author's type. It names the attribute and no value of the item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    path: String,
    reason: String,
}

impl Error {
    /// Where in the item, as `address.lines[2]`; empty for the item itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "attribute `{}`: ", self.path)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Error {}

impl From<Error> for Failure {
    /// The same item would not fit a second time.
    fn from(error: Error) -> Self {
        Self::reject(error)
    }
}

/// Reads an item from DynamoDB JSON: `{"pk":{"S":"user#1"},"age":{"N":"42"}}`.
pub fn from_json<'de, T: Deserialize<'de>>(json: &'de str) -> Result<T, Error> {
    read(json, None)
}

/// As [`from_json`], for a type that borrows strings with escapes, too.
pub(crate) fn from_json_in<'de, T: Deserialize<'de>>(json: &'de str, unescaped: &'de Unescaped) -> Result<T, Error> {
    read(json, Some(unescaped))
}

fn read<'de, T: Deserialize<'de>>(json: &'de str, unescaped: Option<&'de Unescaped>) -> Result<T, Error> {
    let trail = Trail::default();
    let mut wire = wire::Wire::new(json, unescaped);
    let item = T::deserialize(de::Payload::item(&mut wire, &trail)).and_then(|item| {
        wire.end()?;
        Ok(item)
    });
    item.map_err(|error| Error { path: trail.path(), reason: error.to_string() })
}

/// Writes an item as DynamoDB JSON. `T` has to be a struct or a map.
pub fn to_json<T: Serialize + ?Sized>(item: &T) -> Result<String, Error> {
    to_item(item).map(|item| item_json(&item))
}

/// As [`to_json`], for use from the inside.
pub fn to_item<T: Serialize + ?Sized>(item: &T) -> Result<Item, Error> {
    match to_attribute(item)? {
        AttributeValue::M(item) => Ok(item),
        other => {
            let reason = format!("an item is a struct or a map, not an attribute of type {}", other.type_name());
            Err(Error { path: String::new(), reason })
        }
    }
}

/// Any value as an attribute, such as the value of a condition.
pub fn to_attribute<T: Serialize + ?Sized>(value: &T) -> Result<AttributeValue, Error> {
    value.serialize(ser::Writer).map_err(|error| Error { path: error.path(), reason: error.reason })
}

/// Where in the item an error happened, gathered on its way out: nothing is kept where nothing fails.
#[derive(Debug, Default)]
struct Trail(RefCell<Vec<Segment>>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Name(String),
    Index(usize),
}

impl Trail {
    #[inline]
    fn push<T, E>(&self, result: Result<T, E>, segment: impl FnOnce() -> Segment) -> Result<T, E> {
        result.inspect_err(|_| self.keep(segment()))
    }

    #[cold]
    fn keep(&self, segment: Segment) {
        self.0.borrow_mut().push(segment);
    }

    fn path(&self) -> String {
        path(&self.0.borrow())
    }
}

/// `segments` from the inside out.
fn path(segments: &[Segment]) -> String {
    let mut path = String::new();
    for segment in segments.iter().rev() {
        // Writing to a String cannot fail.
        let _ = match segment {
            Segment::Name(name) if path.is_empty() => write!(path, "{name}"),
            Segment::Name(name) => write!(path, ".{name}"),
            Segment::Index(index) => write!(path, "[{index}]"),
        };
    }
    path
}

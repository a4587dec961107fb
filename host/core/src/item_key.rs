//! Which item a change is about.
//!
//! Invariant: two changes of one item have equal keys, in whatever order the stream wrote the key's attributes and however it spaced them.

use crate::change::Change;
use crate::view::for_each_attribute;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey(Box<str>);

impl ItemKey {
    /// Reads the change's keys: a cost that only partial failures and lanes pay.
    pub fn of(change: &Change) -> Self {
        let mut attributes = Vec::with_capacity(2);
        let walked = for_each_attribute(change.keys_json(), |key| attributes.push((key.name, canonical(key.value))));
        if walked.is_err() {
            // No key that could be compared by its parts: equal only to its like.
            return Self(change.keys_json().into());
        }
        attributes.sort();
        Self(format!("{attributes:?}").into())
    }
}

/// The value as JSON without insignificant spaces and with one spelling of each string. A key's value is a string, number or binary:
/// small, and of one member.
fn canonical(value: &str) -> String {
    serde_json::from_str::<serde_json::Value>(value).map_or_else(|_| value.to_owned(), |value| value.to_string())
}

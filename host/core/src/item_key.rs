//! Which item a change is about.
//!
//! Invariant: two changes of one item have equal keys, in whatever order the stream wrote the key's attributes and however it spaced them. Two items may
//! have equal keys too, once in 2^64: then they only wait for one another.

use std::hash::{Hash, Hasher};

use crate::change::Change;
use crate::view::for_each_attribute;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey(u64);

impl ItemKey {
    /// Reads the change's keys: a cost that only failures and lanes pay.
    pub fn of(change: &Change) -> Self {
        Self::of_keys(change.keys_json())
    }

    /// Of a change's keys, as DynamoDB JSON.
    pub fn of_keys(keys: &str) -> Self {
        // In whatever order: the sum is the same.
        let mut sum = 0u64;
        let walked = for_each_attribute(keys, |key| sum = sum.wrapping_add(hash(&(&*key.name, Value(key.value)))));
        match walked {
            Ok(()) => Self(sum),
            // No key that could be compared by its parts: equal only to its like.
            Err(_) => Self(hash(&keys)),
        }
    }
}

/// The same in every run: no secret is in it, and who chose keys to collide would slow down his own items.
fn hash(value: &impl Hash) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A key's value: a string, number or binary, of one member.
struct Value<'a>(&'a str);

impl Hash for Value<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let is_canonical = !self.0.bytes().any(|byte| byte == b'\\' || byte.is_ascii_whitespace());
        if is_canonical {
            return self.0.hash(state);
        }
        // Without insignificant spaces, and with one spelling of each string.
        match serde_json::from_str::<serde_json::Value>(self.0) {
            Ok(value) => value.to_string().hash(state),
            Err(_) => self.0.hash(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::slice::slice_page;

    fn key(keys: &str) -> ItemKey {
        let body = format!(r#"{{"Records":[{{"eventName":"INSERT","dynamodb":{{"SequenceNumber":"1","Keys":{keys}}}}}]}}"#);
        ItemKey::of(&slice_page(Arc::new(body)).unwrap().changes[0])
    }

    #[test]
    fn spelling_and_order_do_not_matter() {
        for (one, other) in [
            (r#"{"a":{"S":"x"},"b":{"N":"1"}}"#, r#"{"b":{"N":"1"},"a":{"S":"x"}}"#),
            (r#"{"a":{"S":"x y"}}"#, "{ \"a\" : {\n\"S\" : \"x y\"} }"),
            (r#"{"a":{"S":"é/"}}"#, r#"{"a":{"S":"\u00e9\/"}}"#),
        ] {
            assert_eq!(key(one), key(other), "{one} {other}");
        }
    }

    #[test]
    fn items_are_told_apart() {
        let keys = [
            r#"{"a":{"S":"x"}}"#,
            r#"{"a":{"S":"X"}}"#,
            r#"{"a":{"S":" x"}}"#,
            r#"{"a":{"B":"x"}}"#,
            r#"{"b":{"S":"x"}}"#,
            r#"{"a":{"S":"x"},"b":{"S":"y"}}"#,
            r#"{"a":{"S":"y"},"b":{"S":"x"}}"#,
        ];
        let mut seen: Vec<_> = keys.into_iter().map(key).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), keys.len());
    }
}

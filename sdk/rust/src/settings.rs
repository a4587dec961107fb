//! The trigger's `[triggers.<name>.settings]`.
//!
//! A TOML string arrives as it is, anything else as JSON; [`get`] reads either into the author's own type.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, Visitor};

use crate::failure::Failure;
use crate::host;
use crate::host::store_types::Error as StoreError;

/// The setting as the host hands it over: a TOML string as it is, anything else as JSON.
pub fn get_text(key: &str) -> Result<Option<String>, Failure> {
    host::store::get(key).map_err(|error| match error {
        StoreError::Upstream(reason) | StoreError::Io(reason) => Failure::retry(format!("setting `{key}` cannot be read: {reason}")),
    })
}

/// The setting as a `T`, none where it is not set. A value that is no `T` is a [`Failure::Reject`] that says so.
///
/// ```
/// # use tripline_sdk::testing::Host;
/// use tripline_sdk::settings;
///
/// # let host = Host::new();
/// # host.set_setting("to", "email");
/// # host.set_setting("limits", r#"{"lines":[3,4]}"#);
/// #[derive(serde::Deserialize)]
/// struct Limits {
///     lines: Vec<u32>,
/// }
///
/// let to: String = settings::require("to")?;
/// let limits: Option<Limits> = settings::get("limits")?;
/// let dry_run = settings::get("dry_run")?.unwrap_or(false);
/// # assert_eq!((to.as_str(), limits.unwrap().lines[1], dry_run), ("email", 4, false));
/// # Ok::<(), tripline_sdk::Failure>(())
/// ```
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Failure> {
    let Some(text) = get_text(key)? else { return Ok(None) };
    match T::deserialize(Setting(&text)) {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(Failure::reject(format!("setting `{key}`: {error}"))),
    }
}

/// The setting as a `T`; a [`Failure::Reject`] where it is not set.
pub fn require<T: DeserializeOwned>(key: &str) -> Result<T, Failure> {
    get(key)?.ok_or_else(|| Failure::reject(format!("setting `{key}` is missing: set it in the `settings` of the trigger")))
}

/// Text that a `String` takes as it is, and every other type as JSON; where the type does not say what it wants, JSON if it is
/// JSON, else the text.
struct Setting<'de>(&'de str);

impl<'de> Setting<'de> {
    fn json<T>(
        self,
        read: impl FnOnce(&mut serde_json::Deserializer<serde_json::de::StrRead<'de>>) -> serde_json::Result<T>,
    ) -> serde_json::Result<T> {
        let mut json = serde_json::Deserializer::from_str(self.0);
        let value = read(&mut json)?;
        json.end()?;
        Ok(value)
    }

    fn is_json(&self) -> bool {
        serde_json::from_str::<IgnoredAny>(self.0).is_ok()
    }
}

macro_rules! as_json {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
            self.json(|json| json.$method(visitor))
        }
    )* };
}

macro_rules! as_text {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
            visitor.visit_borrowed_str(self.0)
        }
    )* };
}

impl<'de> Deserializer<'de> for Setting<'de> {
    type Error = serde_json::Error;

    as_json! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_unit deserialize_seq deserialize_map
    }

    as_text! {
        deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        if self.is_json() { self.json(|json| json.deserialize_any(visitor)) } else { visitor.visit_borrowed_str(self.0) }
    }

    /// A setting that is there is some: TOML has no null.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> serde_json::Result<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> serde_json::Result<V::Value> {
        self.json(|json| json.deserialize_unit_struct(name, visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> serde_json::Result<V::Value> {
        self.json(|json| json.deserialize_tuple(len, visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, name: &'static str, len: usize, visitor: V) -> serde_json::Result<V::Value> {
        self.json(|json| json.deserialize_tuple_struct(name, len, visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> serde_json::Result<V::Value> {
        self.json(|json| json.deserialize_struct(name, fields, visitor))
    }

    /// `kind = "daily"` is a unit variant, `kind = { every = 3 }` one with data.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> serde_json::Result<V::Value> {
        if self.0.starts_with('{') {
            return self.json(|json| json.deserialize_enum(name, variants, visitor));
        }
        visitor.visit_enum(BorrowedStrDeserializer::new(self.0))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        visitor.visit_unit()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use serde::Deserialize;

    use super::*;
    use crate::testing::Host;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Daily,
        Every(u32),
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum OneOrMany {
        Many(Vec<String>),
        One(String),
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Name(String);

    #[track_caller]
    fn check<T: DeserializeOwned + Debug + PartialEq>(text: &str, expected: T) {
        let host = Host::new();
        host.set_setting("key", text);
        assert_eq!(require::<T>("key"), Ok(expected), "{text}");
    }

    #[test]
    fn a_string_is_taken_as_it_is_and_the_rest_as_json() {
        check("email", "email".to_owned());
        check("007", "007".to_owned());
        check("true", Name("true".to_owned()));
        check(r#""quoted""#, Some(r#""quoted""#.to_owned()));
        check("17", 17u8);
        check("2.5", 2.5f64);
        check("true", true);
        check(r#"["a","b"]"#, vec!["a".to_owned(), "b".to_owned()]);
        check("[1,2]", (1u8, 2i64));
        check(r#"{"a":1}"#, BTreeMap::from([("a".to_owned(), 1)]));
        check("daily", Kind::Daily);
        check(r#"{"every":3}"#, Kind::Every(3));
        check("x", OneOrMany::One("x".to_owned()));
        check(r#"["x"]"#, OneOrMany::Many(vec!["x".to_owned()]));
    }

    #[track_caller]
    fn check_refused<T: DeserializeOwned + Debug>(text: &str, expected: &str) {
        let host = Host::new();
        host.set_setting("key", text);
        let failure = get::<T>("key").unwrap_err();
        assert!(!failure.is_retry());
        assert!(failure.reason().starts_with("setting `key`: "), "{failure}");
        assert!(failure.reason().contains(expected), "{failure}");
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        check_refused::<u8>("300", "300");
        check_refused::<u8>("many", "expected");
        check_refused::<Kind>("weekly", "unknown variant `weekly`");
        check_refused::<Vec<u8>>("[1] 2", "trailing");
        Host::new();
        assert_eq!(get::<String>("key"), Ok(None));
        assert!(require::<String>("key").unwrap_err().reason().contains("setting `key` is missing"));
    }
}

//! What serde cannot tell apart, said at the field: `#[serde(with = "tripline_sdk::item::string_set")]`.

use serde::Serialize;
use serde::de::{Deserialize, Deserializer};
use serde::ser::Serializer;

pub(super) const SET_TOKEN: &str = "$tripline::set";

/// A field whose bytes are a `B`: a `Vec<u8>` alone would be written as a list of numbers.
pub mod bytes {
    use super::*;

    pub fn serialize<S: Serializer>(bytes: impl AsRef<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes.as_ref())
    }

    pub fn deserialize<'de, T: From<Vec<u8>>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        Vec::<u8>::deserialize(deserializer).map(T::from)
    }
}

macro_rules! set {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub mod $name {
            use super::*;

            pub fn serialize<T: Serialize, S: Serializer>(set: &T, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct(SET_TOKEN, set)
            }

            pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
                T::deserialize(deserializer)
            }
        }
    };
}

set! {
    /// A sequence of strings that is an `SS`.
    string_set
}
set! {
    /// A sequence of numbers that is an `NS`.
    number_set
}

/// A sequence of byte strings that is a `BS`.
pub mod binary_set {
    use super::*;

    pub fn serialize<'a, T, S: Serializer>(set: &'a T, serializer: S) -> Result<S::Ok, S::Error>
    where
        &'a T: IntoIterator<Item: AsRef<[u8]>>,
    {
        struct Bytes<B>(B);

        impl<B: AsRef<[u8]>> Serialize for Bytes<B> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(self.0.as_ref())
            }
        }

        let set: Vec<_> = set.into_iter().map(Bytes).collect();
        serializer.serialize_newtype_struct(SET_TOKEN, &set)
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        T::deserialize(deserializer)
    }
}

//! A header that the host adds to requests: a secret of the operator's.

use std::fmt;

use http::{HeaderName, HeaderValue};

use super::exchange::is_own;
use crate::secret::Secret;

/// Shorter ones could be in any header by chance.
const ECHO_BYTES_MIN: usize = 8;

#[derive(Clone, PartialEq, Eq)]
pub struct SecretHeader {
    name: HeaderName,
    value: HeaderValue,
    /// Without what may stand before it.
    secret: Secret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("is no name of a header")]
    Name,
    #[error("is a header that the host writes itself")]
    Own,
    /// It never quotes the value.
    #[error("has a line break, or another character that no header can hold")]
    Value,
}

impl fmt::Debug for SecretHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ***", self.name)
    }
}

impl SecretHeader {
    /// `prefix` stands before the secret: `Bearer `.
    pub fn new(name: &str, prefix: &str, secret: Secret) -> Result<Self, HeaderError> {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| HeaderError::Name)?;
        if is_own(&name) {
            return Err(HeaderError::Own);
        }
        let mut value = HeaderValue::from_str(&format!("{prefix}{}", secret.reveal())).map_err(|_| HeaderError::Value)?;
        value.set_sensitive(true);
        Ok(Self { name, value, secret })
    }

    pub fn name(&self) -> &HeaderName {
        &self.name
    }

    pub(super) fn value(&self) -> &HeaderValue {
        &self.value
    }

    /// In any case: names of headers have but one.
    pub(super) fn is_in(&self, text: &[u8]) -> bool {
        let secret = self.secret.reveal().as_bytes();
        secret.len() >= ECHO_BYTES_MIN && text.windows(secret.len()).any(|window| window.eq_ignore_ascii_case(secret))
    }
}

//! Requests of plugins over http: each to a place that the operator has named for the trigger, at an address that was looked at.
//!
//! Invariants: a name is resolved once for a request, every address that it has is judged, and the connection goes to one of those; TLS is for the name
//! in the URL. No redirect is followed, no proxy is used, no connection outlives its request. A secret header goes to its own entry's place alone, and
//! is in no answer's headers, error or log.
//! Knows nothing of WebAssembly.

mod client;
mod connect;
mod exchange;
mod header;
mod resolve;
mod tls;

pub use client::{Allowed, Client, ClientError};
pub use header::{HeaderError, SecretHeader};
pub use resolve::{Resolve, SystemResolver};
pub use tls::Authorities;

//! Requests of plugins over http: each to a place that the operator has named for the trigger, at an address that was looked at.
//!
//! Invariants: a name is resolved once for a request, every address that it has is judged, and the connection goes to one of those, whether it is new or
//! has served before; TLS is for the name in the URL. No redirect is followed, no proxy is used. A connection serves one request at a time, of one entry and one
//! origin; it ends with a request that is dropped or fails. A secret header goes to its own entry's place alone, and is in no answer's headers, error or log.
//! Knows nothing of WebAssembly.

mod bound;
mod client;
mod connect;
mod exchange;
mod header;
mod kept;
mod line;
mod resolve;
mod socket;
mod tls;

pub use client::{Allowed, Client, ClientError};
pub use header::{HeaderError, SecretHeader};
pub use resolve::{Resolve, SystemResolver};
pub use tls::Authorities;

//! What a plugin may be granted: tables to write to, mail, and places to reach over http.
//!
//! Invariant: what a guest hands over is untrusted until it was checked here, and no guest ever sees a credential.
//! Knows nothing of WebAssembly: the runtime calls this through core's ports.

pub mod http;
pub mod mail;
mod secret;
pub mod tables;

pub use secret::Secret;

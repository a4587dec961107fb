//! The admin side as an operator meets it: over HTTP on loopback.

#![allow(clippy::unwrap_used, reason = "tests")]

mod api;
mod bench;
mod every_signal;
mod http;
mod tail;

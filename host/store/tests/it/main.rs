//! The store from outside, as the host and the CLI use it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;
mod conflicts;
mod letters;
mod migrate;
mod open;
mod pin;
mod steer;
mod store;

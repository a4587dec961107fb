//! Write [Tripline](https://github.com/tripline/tripline) plugins in Rust: a plugin is one annotated function.
//!
//! ```
//! use tripline_sdk::{Change, Failure, counters, handler};
//!
//! #[derive(serde::Deserialize)]
//! struct Order<'a> {
//!     status: &'a str,
//!     #[serde(default)]
//!     express: bool,
//! }
//!
//! #[handler]
//! fn on_change(change: Change) -> Result<(), Failure> {
//!     if let Some(order) = change.new_image::<Order>()? {
//!         let express = if order.express { "yes" } else { "no" };
//!         counters::add(&change, "orders", &[("status", order.status), ("express", express)], 1)?;
//!     }
//!     Ok(())
//! }
//! # use tripline_sdk::testing::{self, Host};
//! # let host = Host::new();
//! # testing::run(on_change, testing::batch([testing::insert("{}", r#"{"status":{"S":"new"}}"#)]));
//! # assert_eq!(host.counter("orders", &[("status", "new"), ("express", "no")]), ["1"]);
//! ```
//!
//! Build it with `cargo build --release --target wasm32-wasip2` as a `cdylib`. Test it with plain `cargo test`: see [`testing`].
//!
//! - [`Change`] holds what happened and reads images into the author's own types: see [`item`].
//! - [`Failure`] says whether a change is to be delivered again or given up.
//! - [`counters`], [`state`], [`tables`], [`mailer`], [`http`] and [`metrics`] reach what the operator grants; [`settings`] and [`log`] need no grant.
//!
//! Invariant: nothing is ambient. Whatever changes state in the host takes the change that it belongs to.

#[allow(unsafe_code, unreachable_pub, missing_debug_implementations, rust_2018_idioms, clippy::all, reason = "made by wit-bindgen")]
#[doc(hidden)]
pub mod bindings;
mod change;
pub mod counters;
mod failure;
mod host;
pub mod http;
pub mod item;
pub mod log;
pub mod mailer;
pub mod metrics;
pub mod path;
mod run;
pub mod settings;
pub mod state;
pub mod tables;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
#[cfg(target_arch = "wasm32")]
mod wasi_http;

pub use change::{Batch, Change, EventName, Probe, View};
pub use failure::{Failure, Failures, Position};

/// Makes a function the plugin's handler. A crate has one.
///
/// One change at a time, in order; a change that fails stops no other:
///
/// ```
/// # use tripline_sdk::{Change, Failure};
/// #[tripline_sdk::handler]
/// fn on_change(change: Change) -> Result<(), Failure> {
///     tripline_sdk::log::info!("{} {}", change.event_name(), change.keys_json());
///     Ok(())
/// }
/// ```
///
/// A whole batch, for work that is cheaper at once. `Err` fails all of it:
///
/// ```
/// # use tripline_sdk::{Batch, Failure, Failures};
/// #[tripline_sdk::handler(batch)]
/// fn on_batch(batch: Batch) -> Result<Failures, Failure> {
///     let mut failures = Failures::none();
///     for change in &batch {
///         if change.new_image_json().is_none() {
///             failures.fail(change, Failure::reject("nothing to do without a new image"));
///         }
///     }
///     Ok(failures)
/// }
/// ```
///
/// Before a new version serves, the host asks it whether it can. `probe` names the function that answers: `fn() -> Result<(),
/// Failure>`, or one that takes a [`&Probe`](Probe). Check the settings there; an `Err` keeps the old version in place:
///
/// ```
/// # use tripline_sdk::{Change, Failure, Probe, settings};
/// #[tripline_sdk::handler(probe = check)]
/// fn on_change(change: Change) -> Result<(), Failure> {
///     Ok(())
/// }
///
/// fn check(probe: &Probe) -> Result<(), Failure> {
///     settings::require::<String>("to")?;
///     if !probe.view().has_new() {
///         return Err(Failure::reject("set the trigger's view to \"new-image\""));
///     }
///     Ok(())
/// }
/// ```
///
/// What does not fit does not compile:
///
/// ```compile_fail
/// #[tripline_sdk::handler]
/// fn on_change(change: tripline_sdk::Change) -> Result<u32, tripline_sdk::Failure> {
///     Ok(1)
/// }
/// ```
pub use tripline_sdk_macros::handler;

/// What `#[handler]` expands to. No part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::run::{Guest, WireBatch, WireResult, no_probe, run_batch, run_changes};
}

/// The README's examples are compiled with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;

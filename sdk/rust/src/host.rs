//! The one place where plugins meet their host: the real one on wasm32, the recorder of `testing` elsewhere.
//!
//! Both sides have the same functions over the same wire types, so that what a test exercises is what is deployed.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::{
    tripline::trigger::{counters, mailer, metrics, state, tables},
    wasi::{config::store, logging::logging},
};

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::wasi_http as http;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::host::{counters, http, logging, mailer, metrics, state, store, tables};

pub(crate) use crate::bindings::tripline::trigger::{
    counters::CounterError, mailer as mailer_types, metrics::MetricError, state as state_types, tables as tables_types,
};
pub(crate) use crate::bindings::wasi::config::store as store_types;

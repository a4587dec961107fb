//! Exact counters and sums, kept by the host.
//!
//! What is added commits in the transaction that acknowledges the change it belongs to, or not at all: a counter is exact
//! through crashes and repeated deliveries. The trigger needs `grants = { counters = true }`.

use std::fmt;

use crate::change::Change;
use crate::failure::Failure;
use crate::host::{self, CounterError};

/// Adds `delta` to the counter `name` with these labels.
///
/// `name` and the labels' names: `[a-z][a-z0-9_]*`, at most 64 characters; at most 8 labels, their order does not matter.
/// `delta`: anything that prints as a decimal, such as `1`, `-19.99` or `1E+3`; the text of an `N` is exact at any length.
///
/// ```
/// use tripline_sdk::{Change, Failure, counters};
///
/// #[derive(serde::Deserialize)]
/// struct Order<'a> {
///     status: &'a str,
///     total: &'a str, // an N as its text: exact
/// }
///
/// fn on_change(change: Change) -> Result<(), Failure> {
///     let Some(order) = change.new_image::<Order>()? else { return Ok(()) };
///     counters::add(&change, "orders", &[("status", order.status)], 1)?;
///     counters::add(&change, "revenue", &[], order.total)
/// }
/// # use tripline_sdk::testing::{self, Host};
/// # let host = Host::new();
/// # let batch = testing::batch([testing::insert("{}", r#"{"status":{"S":"paid"},"total":{"N":"19.99"}}"#)]);
/// # assert!(testing::run(on_change, batch).is_empty());
/// # assert_eq!(host.counter("revenue", &[]), ["19.99"]);
/// # assert_eq!(host.counter("orders", &[("status", "paid")]), ["1"]);
/// ```
pub fn add(change: &Change, name: &str, labels: &[(&str, &str)], delta: impl fmt::Display) -> Result<(), Failure> {
    let labels: Vec<_> = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    host::counters::add(change.index(), name, &labels, &delta.to_string()).map_err(|error| match error {
        CounterError::AccessDenied(reason) | CounterError::Invalid(reason) => Failure::reject(reason),
    })
}

//! The benchmark's plugin: reads two attributes of the new image, as a plugin that people write does, and decides by them.

use serde::Deserialize;
use tripline_sdk::{Change, Failure};

#[derive(Deserialize)]
struct Order<'a> {
    status: &'a str,
    total: f64,
}

const SUSPICIOUS: f64 = 1e9;

#[tripline_sdk::handler]
fn on_change(change: Change) -> Result<(), Failure> {
    match change.new_image::<Order<'_>>()? {
        Some(order) if order.status == "fraud" && order.total > SUSPICIOUS => Err(Failure::reject("a fraud")),
        _ => Ok(()),
    }
}

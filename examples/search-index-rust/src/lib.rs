//! A search index that follows a table: each batch is one `_bulk` request, as OpenSearch and Elasticsearch take it.
//!
//! Invariant: what is delivered again, late or twice leaves the index as it is: a document has its item's key for an ID and the change's
//! sequence number for a version, so an older change never overwrites a newer one. Knows no password: the host adds it to the request.

mod answer;
mod bulk;
mod document;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tripline_sdk::{Batch, Failure, Failures, Probe, http, settings};

/// An index may take its time; the trigger's own limit comes after.
const ANSWER_MAX: Duration = Duration::from_secs(8);

#[tripline_sdk::handler(batch, probe = probe)]
fn on_batch(batch: Batch) -> Result<Failures, Failure> {
    let index: String = settings::require("index")?;
    let mut failures = Failures::none();
    let mut request = bulk::Request::default();
    for change in &batch {
        if let Err(reason) = request.add(&index, change) {
            failures.fail(change, Failure::reject(reason));
        }
    }
    if request.changes.is_empty() {
        return Ok(failures);
    }
    let url: String = settings::require("url")?;
    let sent = http::post(format!("{}/_bulk", url.trim_end_matches('/')))
        .header("Content-Type", "application/x-ndjson")
        .body(request.body)
        .answer_timeout(ANSWER_MAX)
        .send()?;
    for (change, failure) in answer::judge(&sent, &request.changes)? {
        failures.fail(change, failure);
    }
    Ok(failures)
}

fn probe(probe: &Probe) -> Result<(), Failure> {
    settings::require::<String>("url")?;
    settings::require::<String>("index")?;
    if !probe.view().has_new() {
        return Err(Failure::reject("an index holds items as they are: set view = \"new-image\""));
    }
    Ok(())
}

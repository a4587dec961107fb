//! analytics-counter: counts and sums by any attributes, kept equal to a group-by over the table.
//!
//! Invariant: what a change does to the counters depends on its images and the settings alone, so that a change that is
//! handled again adds the same. Holds nothing between batches.

mod delta;
mod extract;
#[cfg(test)]
mod model;
mod settings;
#[cfg(test)]
mod tests;
mod text;

use settings::Settings;
use tripline_sdk::{Batch, Change, EventName, Failure, Failures, Probe, counters};

#[tripline_sdk::handler(batch, probe = probe)]
fn on_batch(batch: Batch) -> Result<Failures, Failure> {
    let settings = read_settings()?;
    let mut failures = Failures::none();
    for change in &batch {
        if let Err(failure) = count(&settings, change) {
            failures.fail(change, failure);
        }
    }
    Ok(failures)
}

fn probe(probe: &Probe) -> Result<(), Failure> {
    let mut faults = Vec::new();
    let view = probe.view();
    if !(view.has_new() && view.has_old()) {
        faults.push(format!(
            "the view is {view}, but to move an item from its old group to its new one takes both images: \
             set view = \"new-and-old-images\", which the table's stream must have too"
        ));
    }
    if let Err(failure) = read_settings() {
        faults.push(failure.reason().to_owned());
    }
    if faults.is_empty() { Ok(()) } else { Err(Failure::reject(faults.join("; "))) }
}

/// Settings that are wrong are nothing that a change could be rejected for: the batch waits until they are mended.
fn read_settings() -> Result<Settings, Failure> {
    let missing = || Failure::retry("setting `counters` is missing: say what to count, see the plugin's README");
    let text = tripline_sdk::settings::get_text("counters")?.ok_or_else(missing)?;
    Settings::parse(&text).map_err(|faults| Failure::retry(faults.join("; ")))
}

fn count(settings: &Settings, change: &Change) -> Result<(), Failure> {
    let (old, new) = (change.old_image_json(), change.new_image_json());
    let event = change.event_name();
    let lacks_old = event != EventName::Insert && old.is_none();
    let lacks_new = event != EventName::Remove && new.is_none();
    if lacks_old || lacks_new {
        let image = if lacks_old { "old" } else { "new" };
        return Err(Failure::reject(format!("this {event} came without the {image} image: counters would be wrong")));
    }
    for delta in delta::of_change(settings, old, new).map_err(Failure::reject)? {
        let names = delta.counter.labels.iter().map(|label| &*label.name);
        let labels: Vec<_> = names.zip(delta.labels.iter().map(|value| &**value)).collect();
        counters::add(change, &delta.counter.name, &labels, text::plain(&delta.amount))?;
    }
    Ok(())
}

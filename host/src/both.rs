//! Signals to two: telemetry, and who looks on at an author's desk.

use std::sync::Arc;

use tripline_core::delivery::{Batch, Report};
use tripline_core::signal::{Signal, Signals};

#[derive(Debug)]
pub(crate) struct Both(pub(crate) Arc<dyn Signals>, pub(crate) Arc<dyn Signals>);

impl Signals for Both {
    fn emit(&self, signal: Signal<'_>) {
        self.0.emit(signal);
        self.1.emit(signal);
    }

    fn reported(&self, batch: &Batch, report: &Report) {
        self.0.reported(batch, report);
        self.1.reported(batch, report);
    }
}

//! What `#[handler]` expands to: a batch off the wire, through the author's function, and the result back.
//!
//! Invariant: an empty batch reaches the probe and never the handler.

use std::collections::BTreeMap;

pub use crate::bindings::exports::tripline::trigger::handler::{Batch as WireBatch, Guest};
use crate::bindings::tripline::trigger::types as wire;
use crate::change::{Batch, Change, Probe};
use crate::failure::{Failure, Failures};

pub type WireResult = Result<Vec<wire::FailedChange>, wire::Failure>;

/// A handler of one change at a time. `Arguments` only keeps the two implementations apart.
#[diagnostic::on_unimplemented(
    message = "this function is no handler",
    label = "a handler is `fn(change: Change) -> Result<(), Failure>`",
    note = "`&Change` will do as well; to take whole batches, write `#[handler(batch)]`"
)]
pub trait HandleChange<Arguments> {
    fn call(&self, change: Change) -> Result<(), Failure>;
}

impl<F: Fn(Change) -> Result<(), Failure>> HandleChange<(Change,)> for F {
    fn call(&self, change: Change) -> Result<(), Failure> {
        self(change)
    }
}

impl<F: Fn(&Change) -> Result<(), Failure>> HandleChange<(&Change,)> for F {
    fn call(&self, change: Change) -> Result<(), Failure> {
        self(&change)
    }
}

/// A handler of whole batches.
#[diagnostic::on_unimplemented(
    message = "this function is no handler of batches",
    label = "a handler of batches is `fn(batch: Batch) -> Result<Failures, Failure>`",
    note = "`&Batch` will do as well; with nothing failed, return `Ok(Failures::none())`"
)]
pub trait HandleBatch<Arguments> {
    fn call(&self, batch: Batch) -> Result<Failures, Failure>;
}

impl<F: Fn(Batch) -> Result<Failures, Failure>> HandleBatch<(Batch,)> for F {
    fn call(&self, batch: Batch) -> Result<Failures, Failure> {
        self(batch)
    }
}

impl<F: Fn(&Batch) -> Result<Failures, Failure>> HandleBatch<(&Batch,)> for F {
    fn call(&self, batch: Batch) -> Result<Failures, Failure> {
        self(&batch)
    }
}

/// What answers the host's probe of a new version.
#[diagnostic::on_unimplemented(
    message = "this function cannot answer the host's probe",
    label = "a probe is `fn() -> Result<(), Failure>` or `fn(probe: &Probe) -> Result<(), Failure>`"
)]
pub trait AnswerProbe<Arguments> {
    fn call(&self, probe: &Probe) -> Result<(), Failure>;
}

impl<F: Fn() -> Result<(), Failure>> AnswerProbe<()> for F {
    fn call(&self, _: &Probe) -> Result<(), Failure> {
        self()
    }
}

impl<F: Fn(&Probe) -> Result<(), Failure>> AnswerProbe<(&Probe,)> for F {
    fn call(&self, probe: &Probe) -> Result<(), Failure> {
        self(probe)
    }
}

pub fn no_probe() -> Result<(), Failure> {
    Ok(())
}

pub fn run_changes<H, P>(batch: WireBatch, handler: impl HandleChange<H>, probe: impl AnswerProbe<P>) -> WireResult {
    run(Batch::from_wire(batch), |batch| Ok(each_change(batch, &handler)), probe)
}

pub fn run_batch<H, P>(batch: WireBatch, handler: impl HandleBatch<H>, probe: impl AnswerProbe<P>) -> WireResult {
    run(Batch::from_wire(batch), |batch| handler.call(batch), probe)
}

/// In order. A failed change stops no other: the host itself delivers later changes of the same item again.
pub(crate) fn each_change<H>(batch: Batch, handler: &impl HandleChange<H>) -> Failures {
    let mut failures = Failures::none();
    for change in batch {
        let index = change.index();
        if let Err(failure) = handler.call(change) {
            failures.fail(index, failure);
        }
    }
    failures
}

fn run<P>(batch: Batch, handler: impl FnOnce(Batch) -> Result<Failures, Failure>, probe: impl AnswerProbe<P>) -> WireResult {
    let result = if batch.is_empty() { probe.call(&batch.into_probe()).map(|()| Failures::none()) } else { handler(batch) };
    match result {
        Ok(failures) => Ok(failed_changes(failures.into_inner())),
        Err(failure) => Err(failure.into()),
    }
}

fn failed_changes(failures: BTreeMap<u32, Failure>) -> Vec<wire::FailedChange> {
    let failures = failures.into_iter();
    failures.map(|(index, failure)| wire::FailedChange { index, failure: failure.into() }).collect()
}

impl From<Failure> for wire::Failure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry(reason) => Self::Retry(reason),
            Failure::Reject(reason) => Self::Reject(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::View;
    use crate::testing::{self, insert};

    fn three() -> WireBatch {
        testing::batch([insert("{}", "{}"), insert("{}", "{}"), insert("{}", "{}")]).into_wire()
    }

    fn indices(result: WireResult) -> Vec<u32> {
        result.unwrap().into_iter().map(|failed| failed.index).collect()
    }

    #[test]
    fn a_failed_change_stops_no_other() {
        let handler = |change: &Change| match change.index() {
            1 => Ok(()),
            _ => Err(Failure::retry("x")),
        };
        assert_eq!(indices(run_changes(three(), handler, no_probe)), [0, 2]);
        let owned = |change: Change| if change.index() == 0 { Err(Failure::reject("x")) } else { Ok(()) };
        assert_eq!(indices(run_changes(three(), owned, no_probe)), [0]);
    }

    #[test]
    fn a_batch_fails_in_part_or_as_a_whole() {
        let in_part = |batch: Batch| {
            let mut failures = Failures::none();
            failures.fail(&batch.changes()[2], Failure::retry("first"));
            failures.fail(2usize, Failure::reject("second"));
            failures.fail(0u32, Failure::reject("x"));
            Ok(failures)
        };
        let failed = run_batch(three(), in_part, no_probe).unwrap();
        assert_eq!(failed.len(), 2);
        assert!(matches!(&failed[1], wire::FailedChange { index: 2, failure: wire::Failure::Retry(reason) } if reason == "first"));
        let whole = |_: &Batch| Err(Failure::reject("all"));
        assert!(matches!(run_batch(three(), whole, no_probe), Err(wire::Failure::Reject(reason)) if reason == "all"));
    }

    #[test]
    fn an_empty_batch_is_the_probes() {
        let empty = || testing::batch([]).view(View::KeysOnly).into_wire();
        let never = |_: Batch| -> Result<Failures, Failure> { panic!("an empty batch reached the handler") };
        let probe = |probe: &Probe| Err(Failure::reject(format!("{} of {}", probe.view(), probe.table())));
        assert!(matches!(run_batch(empty(), never, probe), Err(wire::Failure::Reject(reason)) if reason == "keys-only of table"));
        assert!(run_batch(empty(), never, || Err(Failure::retry("x"))).is_err());
        assert!(indices(run_batch(empty(), never, no_probe)).is_empty());
        let on_change = |_: &Change| Ok(());
        let unasked = |_: &Probe| -> Result<(), Failure> { panic!("a batch with changes reached the probe") };
        assert!(indices(run_changes(three(), on_change, unasked)).is_empty());
    }
}

//! `tripline:trigger@0.1.1`, which has more than 0.1.0: for tests of a host that speaks several versions.
//!
//! Always holds: what core has no word for (to postpone) becomes the nearest that it has (to retry).

use tripline_core::change::{Change, EventName};
use tripline_core::delivery::{Batch, FailedChange, Failure};
use tripline_core::limits::REASON_BYTES_MAX;
use tripline_core::view::Seen;
use wasmtime::Store;
use wasmtime::component::{HasSelf, InstancePre, Linker};

use self::bindings::tripline::trigger::{counters, types as wit};
use crate::guest::Guest;
use crate::text;
use crate::wit_v0_1_0::Refused;

pub(crate) const HANDLER: &str = "tripline:trigger/handler@0.1.1";
pub(crate) const HANDLE: &str = concat!(
    "func(record{trigger: string, attempt: u32, changes: list<record{event-id: string, event-name: enum{insert, modify, remove}, ",
    "sequence-number: string, keys: string, new-image: option<string>, old-image: option<string>}>, behind-ms: u64}) -> ",
    "result<list<record{index: u32, failure: variant{retry(string), reject(string), postpone(string)}}>, ",
    "variant{retry(string), reject(string), postpone(string)}>"
);
pub(crate) const IMPORTS: [&str; 2] = ["tripline:trigger/types@0.1.1", "tripline:trigger/counters@0.1.1"];

#[allow(missing_debug_implementations, unreachable_pub, clippy::all, clippy::too_many_lines, reason = "generated from wit/ by wasmtime")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "tests/wit/0.1.1",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    bindings::Plugin::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl wit::Host for Guest {}

impl counters::Host for Guest {
    fn increment(&mut self, change: u32, name: String) -> Result<(), String> {
        self.add_counter(change, name, Vec::new(), "1").map_err(Refused::into_reason)
    }
}

#[derive(Clone)]
pub(crate) struct Handler(bindings::PluginPre<Guest>);

impl Handler {
    pub(crate) fn new(linked: InstancePre<Guest>) -> wasmtime::Result<Self> {
        bindings::PluginPre::new(linked).map(Self)
    }

    pub(crate) async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        self.0.instantiate_async(store).await.map(Instance)
    }
}

pub(crate) struct Instance(bindings::Plugin);

impl Instance {
    pub(crate) async fn handle(&self, store: &mut Store<Guest>, batch: &Batch) -> wasmtime::Result<Result<Vec<FailedChange>, Failure>> {
        let origin = &*batch.origin;
        let seen: Vec<Seen<'_>> = batch.changes.iter().map(|change| origin.view.cut(change)).collect();
        let changes: Vec<wit::Change<'_>> = batch.changes.iter().zip(&seen).map(|(change, seen)| lower(change, seen)).collect();
        let now = store.data().context.now().as_ms();
        let oldest = batch.changes.iter().map(|change| change.created.as_ms()).min();
        let lowered = wit::Batch {
            trigger: origin.trigger.as_str(),
            attempt: batch.attempt,
            changes: &changes,
            behind_ms: oldest.map_or(0, |oldest| now.saturating_sub(oldest)),
        };
        let answer = self.0.tripline_trigger_handler().call_handle(store, lowered).await?;
        Ok(match answer {
            Ok(failed) => Ok(failed.into_iter().map(lift_failed).collect()),
            Err(failure) => Err(lift_failure(failure)),
        })
    }
}

fn lower<'a>(change: &'a Change, seen: &'a Seen<'a>) -> wit::Change<'a> {
    wit::Change {
        event_id: &change.event_id,
        event_name: match change.event_name {
            EventName::Insert => wit::EventName::Insert,
            EventName::Modify => wit::EventName::Modify,
            EventName::Remove => wit::EventName::Remove,
        },
        sequence_number: change.sequence_number.as_str(),
        keys: seen.keys,
        new_image: seen.new_image.as_deref(),
        old_image: seen.old_image.as_deref(),
    }
}

fn lift_failed(failed: wit::FailedChange) -> FailedChange {
    FailedChange { index: failed.index, failure: lift_failure(failed.failure) }
}

fn lift_failure(failure: wit::Failure) -> Failure {
    let reason = |given: String| text::one_line(&given, REASON_BYTES_MAX);
    match failure {
        wit::Failure::Retry(given) => Failure::retry(reason(given)),
        wit::Failure::Reject(given) => Failure::reject(reason(given)),
        wit::Failure::Postpone(given) => Failure::retry(reason(format!("postponed: {given}"))),
    }
}

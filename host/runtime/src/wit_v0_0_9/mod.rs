//! `tripline:trigger@0.0.9`, which has less than 0.1.0: for tests of a host that speaks several versions.
//!
//! Always holds: what a guest of this version cannot say (which changes failed, reject) is never said for it.

use tripline_core::change::Change;
use tripline_core::delivery::{Batch, FailedChange, Failure};
use tripline_core::limits::REASON_BYTES_MAX;
use tripline_core::view::Seen;
use wasmtime::Store;
use wasmtime::component::{HasSelf, InstancePre, Linker};

use self::bindings::tripline::trigger::{counters, types as wit};
use crate::guest::Guest;
use crate::text;
use crate::wit_v0_1_0::Refused;

pub(crate) const HANDLER: &str = "tripline:trigger/handler@0.0.9";
pub(crate) const HANDLE: &str =
    "func(record{trigger: string, changes: list<record{event-id: string, keys: string, new-image: option<string>}>}) -> result<_, string>";
pub(crate) const IMPORTS: [&str; 2] = ["tripline:trigger/types@0.0.9", "tripline:trigger/counters@0.0.9"];

#[allow(missing_debug_implementations, unreachable_pub, clippy::all, clippy::too_many_lines, reason = "generated from wit/ by wasmtime")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "tests/wit/0.0.9",
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    bindings::Plugin::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

impl wit::Host for Guest {}

impl counters::Host for Guest {
    fn add(&mut self, change: u32, name: String, delta: i64) -> Result<(), String> {
        self.add_counter(change, name, Vec::new(), &delta.to_string()).map_err(Refused::into_reason)
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
        let lowered = wit::Batch { trigger: origin.trigger.as_str(), changes: &changes };
        let answer = self.0.tripline_trigger_handler().call_handle(store, lowered).await?;
        Ok(answer
            .map(|()| Vec::new())
            .map_err(|reason| Failure::retry(text::one_line(&reason, REASON_BYTES_MAX))))
    }
}

fn lower<'a>(change: &'a Change, seen: &'a Seen<'a>) -> wit::Change<'a> {
    wit::Change { event_id: &change.event_id, keys: seen.keys, new_image: seen.new_image.as_deref() }
}

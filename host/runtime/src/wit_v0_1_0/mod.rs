//! `tripline:trigger@0.1.0`: core's types to the guest's and back.
//!
//! Always holds: a change's JSON goes from the stream's body into the guest's memory with one copy.
//! One folder for each version of the contract; what is frozen here never changes, a new version stands beside it.

mod imports;
#[cfg(test)]
mod tests;

use tripline_core::change::{Change, EventName};
use tripline_core::delivery::{Batch, FailedChange, Failure};
use tripline_core::limits::REASON_BYTES_MAX;
use tripline_core::view::{Seen, ViewType};
use wasmtime::Store;
use wasmtime::component::{HasSelf, InstancePre, Linker};

use self::bindings::tripline::trigger::types as wit;
#[cfg(feature = "test-versions")]
pub(crate) use self::imports::Refused;
use crate::guest::Guest;
use crate::text;

/// The export that makes a component a plugin of this version.
pub(crate) const HANDLER: &str = "tripline:trigger/handler@0.1.0";
/// The type of its function.
pub(crate) const HANDLE: &str = concat!(
    "func(record{trigger: string, table: string, region: string, stream-arn: string, ",
    "view: enum{keys-only, new-image, old-image, new-and-old-images}, shard-id: string, attempt: u32, ",
    "changes: list<record{event-id: string, event-name: enum{insert, modify, remove}, sequence-number: string, created-ms: u64, ",
    "size-bytes: u64, user-identity: option<tuple<string, string>>, keys: string, new-image: option<string>, old-image: option<string>}>}) -> ",
    "result<list<record{index: u32, failure: variant{retry(string), reject(string)}}>, variant{retry(string), reject(string)}>"
);

/// What plugins of this version may import besides WASI 0.2.
pub(crate) const IMPORTS: [&str; 8] = [
    "tripline:trigger/types@0.1.0",
    COUNTERS,
    STATE,
    TABLES,
    MAILER,
    METRICS,
    "wasi:logging/logging@0.1.0-draft",
    "wasi:config/store@0.2.0-rc.1",
];
pub(crate) const COUNTERS: &str = "tripline:trigger/counters@0.1.0";
pub(crate) const STATE: &str = "tripline:trigger/state@0.1.0";
pub(crate) const TABLES: &str = "tripline:trigger/tables@0.1.0";
pub(crate) const MAILER: &str = "tripline:trigger/mailer@0.1.0";
pub(crate) const METRICS: &str = "tripline:trigger/metrics@0.1.0";

#[allow(missing_debug_implementations, unreachable_pub, clippy::all, clippy::too_many_lines, reason = "generated from wit/ by wasmtime")]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "tripline:trigger/plugin",
        imports: {
            "tripline:trigger/state.get": async,
            "tripline:trigger/tables.write": async,
            "tripline:trigger/tables.transact": async,
            "tripline:trigger/tables.get": async,
        },
        exports: { default: async },
        // Twice for what both sides hand over (`item-json`): borrowed to the guest, owned from it.
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// What this host makes itself: `wasi:http`, of those that want it, is linked by `engine`.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use bindings::tripline::trigger::{counters, mailer, metrics, state, tables, types};
    use bindings::wasi::{config::store, logging::logging};
    types::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    counters::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    state::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    tables::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    mailer::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    metrics::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    store::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)?;
    logging::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

/// A linked plugin of this version, ready to be instantiated.
#[derive(Clone)]
pub(crate) struct Handler(bindings::PluginPre<Guest>);

impl Handler {
    /// `Err` when there is no such export.
    pub(crate) fn new(linked: InstancePre<Guest>) -> wasmtime::Result<Self> {
        bindings::PluginPre::new(linked).map(Self)
    }

    /// A fresh instance.
    pub(crate) async fn instantiate(&self, store: &mut Store<Guest>) -> wasmtime::Result<Instance> {
        self.0.instantiate_async(store).await.map(Instance)
    }
}

pub(crate) struct Instance(bindings::Plugin);

impl Instance {
    /// The outer `Err` is a trap; positions are as the guest named them.
    pub(crate) async fn handle(&self, store: &mut Store<Guest>, batch: &Batch) -> wasmtime::Result<Result<Vec<FailedChange>, Failure>> {
        let origin = &*batch.origin;
        let seen: Vec<Seen<'_>> = batch.changes.iter().map(|change| origin.view.cut(change)).collect();
        let changes: Vec<wit::Change<'_>> = batch.changes.iter().zip(&seen).map(|(change, seen)| lower(change, seen)).collect();
        let lowered = wit::Batch {
            trigger: origin.trigger.as_str(),
            table: &origin.table,
            region: &origin.region,
            stream_arn: origin.stream.as_str(),
            view: lower_view(origin.view.kind),
            shard_id: batch.shard.as_str(),
            attempt: batch.attempt,
            changes: &changes,
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
        created_ms: change.created.as_ms(),
        size_bytes: change.size_bytes,
        user_identity: change.user_identity.as_ref().map(|identity| (&*identity.kind, &*identity.principal_id)),
        keys: seen.keys,
        new_image: seen.new_image.as_deref(),
        old_image: seen.old_image.as_deref(),
    }
}

fn lower_view(view: ViewType) -> wit::View {
    match view {
        ViewType::KeysOnly => wit::View::KeysOnly,
        ViewType::NewImage => wit::View::NewImage,
        ViewType::OldImage => wit::View::OldImage,
        ViewType::NewAndOldImages => wit::View::NewAndOldImages,
    }
}

fn lift_failed(failed: wit::FailedChange) -> FailedChange {
    FailedChange { index: failed.index, failure: lift_failure(failed.failure) }
}

fn lift_failure(failure: wit::Failure) -> Failure {
    let reason = |given: String| match text::one_line(&given, REASON_BYTES_MAX) {
        empty if empty.is_empty() => "the plugin gave no reason".to_owned(),
        reason => reason,
    };
    match failure {
        wit::Failure::Retry(given) => Failure::retry(reason(given)),
        wit::Failure::Reject(given) => Failure::reject(reason(given)),
    }
}

//! A trigger as it runs: its policy, what its plugin may reach, and the plugin's current version.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tripline_core::delivery::{Batch, Origin, Policy, Report};
use tripline_core::filter::Pattern;
use tripline_core::name::{PluginVersion, StreamName, TriggerName};
use tripline_core::port::StreamInfo;
use tripline_core::start::Start;
use tripline_core::view::View;
use tripline_runtime::{Slot, TriggerContext};

#[derive(Debug)]
pub struct Trigger {
    pub name: TriggerName,
    pub stream: StreamName,
    pub view: View,
    /// It gets what one of them matches; without any, every change.
    pub filters: Arc<Vec<Pattern>>,
    pub start: Start,
    pub policy: Policy,
    /// Batches of a shard at once: the policy's, until an operator wants another number.
    pub parallelism: AtomicUsize,
    pub context: TriggerContext,
    /// Holds the version that serves now, and its warm instances.
    pub slot: Slot,
}

impl Trigger {
    /// Calls the version that serves now; a reload meanwhile concerns the next batch.
    pub async fn handle(&self, batch: &Batch) -> (Report, PluginVersion) {
        let (report, version) = self.slot.handle(batch, &self.context).await;
        self.context.signals.reported(batch, &report);
        (report, version)
    }

    /// As it is to be in shards that are begun now.
    pub fn policy_now(&self) -> Policy {
        Policy { parallelism: self.parallelism.load(Ordering::Relaxed), ..self.policy.clone() }
    }

    pub fn origin(&self, info: &StreamInfo) -> Arc<Origin> {
        Arc::new(Origin {
            trigger: self.name.clone(),
            table: info.table.clone(),
            region: info.region.clone(),
            stream: info.arn.clone(),
            view: self.view.clone(),
        })
    }

    /// Why this stream is not enough for the trigger, with the remedy; none: it is.
    pub fn wants_more_than(&self, info: &StreamInfo) -> Option<String> {
        let (wanted, has) = (self.view.kind, info.view);
        (!has.supplies(wanted)).then(|| {
            format!(
                "triggers.{}.view: `{wanted}` is more than the stream of table `{}` holds, which is `{has}` ({}). \
                 Set `view = \"{has}\"`, or give the table a stream with StreamViewType=NEW_AND_OLD_IMAGES \
                 (disable its stream, then enable it with that view)",
                self.name,
                info.table,
                has.as_aws(),
            )
        })
    }
}

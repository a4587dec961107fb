//! Where every signal ends: a log line, the metrics, and what health makes of it.
//!
//! Always holds: a signal that core adds does not compile here before somebody has said which group it is of;
//! what a log line tells, `/metrics` and `/readyz` know already.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::TextEncoder;
use prometheus::proto::MetricFamily;
use tripline_core::name::{StreamName, TriggerName};
use tripline_core::port::{CounterSource, MetricSink};
use tripline_core::signal::{Signal, Signals};

use crate::counters::{self, Rendered};
use crate::custom::Custom;
use crate::family::Definition;
use crate::health::Health;
use crate::health::progress::Stall;
use crate::metrics::Metrics;
use crate::render_log;
use crate::render_metric::{self, Remembered};

/// A scrape that waits longer for the store goes out without the counters of plugins.
const COUNTERS_WAIT_MAX: Duration = Duration::from_secs(5);

/// Shards that stall, the longest first: a region that goes away stops thousands.
const STALLED_SERIES_MAX: usize = 500;

#[derive(Debug)]
pub struct Telemetry {
    metrics: Metrics,
    custom: Custom,
    remembered: Mutex<Remembered>,
    gathering: Mutex<()>,
    health: Arc<Health>,
}

/// What a signal is about: the renderers have one function for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Stream,
    Delivery,
    Letters,
    Plugin,
    Effect,
}

impl Group {
    pub(crate) fn of(signal: &Signal<'_>) -> Self {
        match signal {
            Signal::StreamFound { .. }
            | Signal::StreamUnavailable { .. }
            | Signal::ShardOpened { .. }
            | Signal::ShardFinished { .. }
            | Signal::Polled { .. }
            | Signal::PollFailed { .. }
            | Signal::Gap { .. }
            | Signal::Lags { .. }
            | Signal::WindowFull { .. }
            | Signal::Blocked { .. }
            | Signal::SetDown { .. } => Self::Stream,
            Signal::Paused { .. }
            | Signal::Rewound { .. }
            | Signal::Delivered { .. }
            | Signal::Handled { .. }
            | Signal::ChangesFailed { .. }
            | Signal::Acknowledged { .. }
            | Signal::Filtered { .. }
            | Signal::DeadLettered { .. }
            | Signal::Skipped { .. }
            | Signal::Stuck { .. }
            | Signal::Oldest { .. }
            | Signal::Committed { .. }
            | Signal::CommitFailed { .. }
            | Signal::Conflict { .. } => Self::Delivery,
            Signal::Redriven { .. } | Signal::LettersKept(_) | Signal::LettersNearBounds(_) | Signal::LettersDropped { .. } => {
                Self::Letters
            }
            Signal::PluginServes { .. }
            | Signal::PluginRefused { .. }
            | Signal::InstanceTaken { .. }
            | Signal::InstanceRetired { .. }
            | Signal::GuestLog { .. }
            | Signal::GuestLogsDropped { .. }
            | Signal::PluginMetricDropped { .. } => Self::Plugin,
            Signal::TableWritten { .. }
            | Signal::HttpAsked { .. }
            | Signal::TableTransacted { .. }
            | Signal::TableRead { .. }
            | Signal::MailAccepted { .. }
            | Signal::MailsPending { .. }
            | Signal::MailSettled { .. }
            | Signal::MailerAway { .. }
            | Signal::MailerBack { .. } => Self::Effect,
        }
    }
}

impl Telemetry {
    pub fn new(health: Arc<Health>) -> Arc<Self> {
        Arc::new(Self {
            metrics: Metrics::new(),
            custom: Custom::default(),
            remembered: Mutex::default(),
            gathering: Mutex::default(),
            health,
        })
    }

    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// The trigger's shards are those of this stream: to be told of each before the first signal of it.
    pub fn follows(&self, trigger: &TriggerName, stream: &StreamName) {
        self.health.follows(trigger, stream);
        render_metric::begin_following(&self.metrics, trigger, stream);
    }

    /// Where the trigger's plugin measures, if it is granted to.
    pub fn metrics_of(self: &Arc<Self>, trigger: &TriggerName) -> Arc<dyn MetricSink> {
        self.custom.sink(trigger, self.clone())
    }

    /// Every metric of the host, in no order; the counters and metrics of plugins are none of them.
    pub fn definitions(&self) -> &[Definition] {
        &self.metrics.definitions
    }

    /// All metrics in Prometheus' text format. A store that cannot be read costs the counters of plugins, not the scrape.
    pub(crate) async fn render(&self, source: &dyn CounterSource, series_max: usize) -> prometheus::Result<String> {
        let counters = match tokio::time::timeout(COUNTERS_WAIT_MAX, source.counters()).await {
            Ok(Ok(counters)) => Ok(counters::render(counters, series_max)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the store did not answer within {} s", COUNTERS_WAIT_MAX.as_secs())),
        };
        TextEncoder::new().encode_to_string(&self.gather(counters))
    }

    /// One scrape at a time: gauges that are made anew must not be seen half made.
    fn gather(&self, counters: Result<Rendered, String>) -> Vec<MetricFamily> {
        let _one = self.gathering.lock().unwrap_or_else(PoisonError::into_inner);
        let host = &self.metrics.host;
        let (readiness, stalls) = self.health.look();
        host.ready.of([]).set(f64::from(u8::from(readiness.is_ready())));
        let stalled = &self.metrics.streams.shard_stalled;
        stalled.clear();
        for Stall { place, lasted, .. } in stalls.iter().take(STALLED_SERIES_MAX) {
            let (stream, trigger) =
                (place.stream.as_ref().map_or("", StreamName::as_str), place.trigger.as_ref().map_or("", TriggerName::as_str));
            stalled.of([stream, place.shard.as_str(), trigger]).set(lasted.as_secs_f64());
        }
        self.metrics.triggers.iterator_age.clear();
        for (trigger, age) in self.health.iterator_ages() {
            self.metrics.triggers.iterator_age.of([trigger.as_str()]).set(age.as_secs_f64());
        }
        self.metrics.letters.oldest.of([]).set(self.health.oldest_letter().as_secs_f64());
        host.counters_left_out.clear();
        let plugins = match counters {
            Ok(rendered) => {
                for (trigger, count) in &rendered.left_out {
                    host.counters_left_out.of([trigger.as_str()]).set(*count as f64);
                }
                rendered.families
            }
            Err(reason) => {
                host.counters_read_failures.of([]).inc();
                tracing::warn!(target: "tripline::admin", %reason, "metrics without the counters of plugins");
                Vec::new()
            }
        };
        let mut families = self.metrics.registry.gather();
        families.extend(plugins);
        families.extend(self.custom.families());
        families
    }
}

impl Signals for Telemetry {
    fn emit(&self, signal: Signal<'_>) {
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        render_metric::count(&self.metrics, &mut remembered, &signal);
        drop(remembered);
        self.health.observe(&signal);
        render_log::log(&signal);
    }
}

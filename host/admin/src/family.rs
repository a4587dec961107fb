//! Metric families whose labels are counted by the compiler, and the list of all that were registered.
//!
//! Always holds: a family is given as many label values as it has labels, so `prometheus` has nothing to panic about.
//! Knows nothing of what the metrics mean.

use prometheus::core::{Collector, Metric, MetricVec, MetricVecBuilder};
use prometheus::proto::MetricType;
use prometheus::{GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

/// One metric as `docs/metrics.md` lists it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Definition {
    pub name: String,
    pub kind: Kind,
    pub labels: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    /// As the text format's TYPE line has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Labelled<V, const N: usize>(V);

pub(crate) type Counters<const N: usize> = Labelled<IntCounterVec, N>;
pub(crate) type Gauges<const N: usize> = Labelled<GaugeVec, N>;
pub(crate) type Histograms<const N: usize> = Labelled<HistogramVec, N>;

impl<B: MetricVecBuilder, const N: usize> Labelled<MetricVec<B>, N>
where
    B::M: Metric,
{
    /// The series of these label values, made at zero where there was none.
    pub(crate) fn of(&self, labels: [&str; N]) -> B::M {
        self.0.with_label_values(&labels)
    }

    /// Removes the series; one that is not there is removed already.
    pub(crate) fn remove(&self, labels: [&str; N]) {
        let _ = self.0.remove_label_values(&labels);
    }

    /// Removes every series.
    pub(crate) fn clear(&self) {
        self.0.reset();
    }
}

/// Makes families and registers them, keeping a list.
#[derive(Debug, Default)]
pub(crate) struct Registrar {
    registry: Registry,
    definitions: Vec<Definition>,
}

impl Registrar {
    pub(crate) fn counter<const N: usize>(&mut self, name: &str, help: &str, labels: [&str; N]) -> Counters<N> {
        let made = IntCounterVec::new(Opts::new(name, help), &labels);
        Labelled(self.add(made))
    }

    pub(crate) fn gauge<const N: usize>(&mut self, name: &str, help: &str, labels: [&str; N]) -> Gauges<N> {
        let made = GaugeVec::new(Opts::new(name, help), &labels);
        Labelled(self.add(made))
    }

    pub(crate) fn histogram<const N: usize>(&mut self, opts: HistogramOpts, labels: [&str; N]) -> Histograms<N> {
        let made = HistogramVec::new(opts, &labels);
        Labelled(self.add(made))
    }

    /// Registers `collector` under each of its descriptors.
    pub(crate) fn collector(&mut self, collector: impl Collector + Clone + 'static) {
        let _ = self.add(Ok(collector));
    }

    pub(crate) fn finish(self) -> (Registry, Vec<Definition>) {
        (self.registry, self.definitions)
    }

    #[allow(
        clippy::expect_used,
        reason = "names, labels and buckets are constants of this crate: if one were wrong or twice there, every test here would fail"
    )]
    fn add<C: Collector + Clone + 'static>(&mut self, made: prometheus::Result<C>) -> C {
        let collector = made.expect("a metric's name and labels are well-formed constants");
        for (desc, family) in collector.desc().into_iter().zip(collector.collect()) {
            self.definitions.push(Definition {
                name: desc.fq_name.clone(),
                kind: kind(family.get_field_type()),
                labels: desc.variable_labels.clone(),
            });
        }
        self.registry.register(Box::new(collector.clone())).expect("a metric is registered once");
        collector
    }
}

fn kind(of: MetricType) -> Kind {
    match of {
        MetricType::COUNTER => Kind::Counter,
        MetricType::HISTOGRAM => Kind::Histogram,
        MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED => Kind::Gauge,
    }
}

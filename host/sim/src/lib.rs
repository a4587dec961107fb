//! Seeded runs of core against a pretended DynamoDB, in virtual time: a story of shards and streams, everything that goes wrong, a host that dies
//! and comes again, plugins that fail; and what must hold after each.
//!
//! Invariant: a seed plays the same run everywhere; its trace is the same, byte for byte. Nothing is read but the seed: no clock, no file, no
//! ambient randomness.

pub mod batch;
mod check;
pub mod coverage;
mod endpoint;
mod facts;
mod filter;
mod follow;
mod handler;
mod host;
#[cfg(feature = "mutants")]
pub mod mutants;
mod queue;
mod scenario;
mod shards;
mod sim;
mod steer;
mod store;
mod trace;

use coverage::Coverage;
use scenario::Scenario;
use sim::Sim;

/// What one seed came to.
#[derive(Clone, Debug)]
pub struct Run {
    pub seed: u64,
    /// The rule that does not hold; none: all do.
    pub broken: Option<String>,
    /// Of the trace.
    pub hash: u64,
    /// A line for each event and action, where it was asked for.
    pub trace: String,
    pub coverage: Coverage,
    /// Events of virtual time.
    pub events: u64,
}

pub fn run(seed: u64, keep_trace: bool) -> Run {
    let ended = Sim::new(Scenario::of(seed), keep_trace).run();
    Run { seed, broken: ended.broken, hash: ended.hash, trace: ended.lines, coverage: ended.coverage, events: ended.events }
}

/// What a seed plays, for people.
pub fn script(seed: u64) -> String {
    Scenario::of(seed).to_string()
}

//! What is said at the end: figures, and everything that differs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// One bug makes many faults.
const FAULTS_SHOWN: usize = 40;

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Nothing differs: no fault after any kill nor in the end.
    pub(crate) exact: bool,
    pub(crate) seed: u64,
    pub(crate) rounds: u32,
    pub(crate) seconds: f64,
    pub(crate) changes: u64,
    /// How often the host ended in which way.
    pub(crate) ends: BTreeMap<&'static str, u32>,
    /// Plugin files replaced, by versions that serve and by ones that must be refused.
    pub(crate) swaps: u32,
    pub(crate) replica_differences: usize,
    pub(crate) counter_differences: usize,
    pub(crate) dead_letters_expected: usize,
    pub(crate) dead_letters: usize,
    /// How often a dead letter was marked to be delivered again.
    pub(crate) redriven: u64,
    pub(crate) mails_expected: usize,
    pub(crate) mails_arrived: usize,
    /// Of those, how many copies were too many; each of them has its kill, or there is a fault.
    pub(crate) mails_again: Vec<Again>,
    pub(crate) faults: Vec<String>,
}

/// A mail that came again, since a kill fell between the server's acceptance and the commit of the outbox.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Again {
    pub(crate) message_id: String,
    /// The round that was cut off.
    pub(crate) round: u32,
    pub(crate) accepted_ms_before_the_cut: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ends: Vec<String> = self.ends.iter().map(|(kind, n)| format!("{n} {}", kind.replace('_', " "))).collect();
        writeln!(
            f,
            "{} changes in {} rounds and {:.1} s: {}; {} plugin files replaced",
            self.changes,
            self.rounds,
            self.seconds,
            ends.join(", "),
            self.swaps
        )?;
        writeln!(f, "replica:      {} differences", self.replica_differences)?;
        writeln!(f, "counters:     {} differences", self.counter_differences)?;
        writeln!(f, "dead letters: {} of {}; {} times delivered again", self.dead_letters, self.dead_letters_expected, self.redriven)?;
        let again = self.mails_again.len();
        writeln!(
            f,
            "mails:        {} of {} arrived; {again} came again, each by a cut between acceptance and commit",
            self.mails_arrived, self.mails_expected
        )?;
        let mut by_round: BTreeMap<u32, u32> = BTreeMap::new();
        for again in &self.mails_again {
            *by_round.entry(again.round).or_default() += 1;
        }
        for (round, again) in by_round {
            writeln!(f, "              {again} since round {round} was cut off")?;
        }
        for fault in self.faults.iter().take(FAULTS_SHOWN) {
            writeln!(f, "FAULT: {fault}")?;
        }
        if let Some(more @ 1..) = self.faults.len().checked_sub(FAULTS_SHOWN) {
            writeln!(f, "FAULT: and {more} more; --json has them all")?;
        }
        write!(f, "{}", if self.exact { "exact" } else { "NOT EXACT" })
    }
}

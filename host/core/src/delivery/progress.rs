//! How far a lane has come: its checkpoint, and what is acknowledged of the changes that were taken in this run.
//!
//! Invariant: the watermark passes over nothing that is pending or unread; a stretch of the checkpoint holds no such change either. Changes are numbered as
//! they are taken, in stream order, so that two are neighbours where their numbers are: what was passed over between them is acknowledged too.

use std::collections::BTreeMap;

use super::work::Taken;
use crate::checkpoint::Checkpoint;
use crate::mutant::{Mutant, on};
use crate::sequence::SequenceNumber;

#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) checkpoint: Checkpoint,
    /// Of the oldest change that is pending: all that were taken before it are acknowledged.
    base: u64,
    /// What is acknowledged above, by the number of its first change.
    above: BTreeMap<u64, Stretch>,
}

#[derive(Clone, Debug)]
struct Stretch {
    last_no: u64,
    first: SequenceNumber,
    last: SequenceNumber,
}

impl Progress {
    pub(super) fn new(checkpoint: Checkpoint) -> Self {
        Self { checkpoint, base: 0, above: BTreeMap::new() }
    }

    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// These are acknowledged. `taken`: how many were taken, up to `frontier`.
    pub(super) fn settle<'a>(&mut self, done: impl Iterator<Item = &'a Taken>, taken: u64, frontier: Option<&SequenceNumber>) {
        let mut mark = None;
        let mut touched = Vec::new();
        for change in done {
            if change.no == self.base {
                self.base += 1;
                mark = Some(change.change.sequence_number.clone());
            } else {
                let first_no = self.add(change);
                if touched.last() != Some(&first_no) {
                    touched.push(first_no);
                }
            }
        }
        while let Some(stretch) = self.above.remove(&self.base) {
            self.base = stretch.last_no + 1;
            mark = Some(stretch.last);
        }
        for stretch in touched.iter().filter_map(|first_no| self.above.get(first_no)) {
            self.checkpoint.acknowledged.insert(stretch.first.clone(), stretch.last.clone());
        }
        if on(Mutant::PastUnacknowledged) {
            mark = self.above.values().next_back().map(|stretch| stretch.last.clone()).max(mark);
        }
        if let Some(mark) = mark {
            self.checkpoint.advance(&mark);
        }
        if self.base == taken
            && let Some(frontier) = frontier
        {
            self.pass(frontier);
        }
    }

    /// Nothing is pending up to there.
    pub(super) fn pass(&mut self, frontier: &SequenceNumber) {
        let beyond = self.checkpoint.acknowledged.end().filter(|_| on(Mutant::PastUnread)).cloned();
        self.checkpoint.advance(beyond.as_ref().unwrap_or(frontier));
    }

    /// The number of the first change of the stretch that it belongs to now.
    fn add(&mut self, change: &Taken) -> u64 {
        let number = &change.change.sequence_number;
        let reach = if on(Mutant::StretchOverPending) { 2 } else { 1 };
        let after = self.above.remove(&(change.no + 1));
        let (last_no, last) = after.map_or((change.no, number.clone()), |after| (after.last_no, after.last));
        match self.above.range_mut(..change.no).next_back() {
            Some((first_no, before)) if before.last_no + reach >= change.no => {
                before.last_no = last_no;
                before.last = last;
                *first_no
            }
            _ => {
                self.above.insert(change.no, Stretch { last_no, first: number.clone(), last });
                change.no
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Ranges;
    use crate::delivery::tests::{changes, show_checkpoint};

    /// Takes changes 10, 20, … 90; acknowledges them in this order; shows the checkpoint at the end. `before`: acknowledged in an earlier run.
    #[track_caller]
    fn check(before: &[(&str, &str)], done: &str, taken: u64, expected: &str) {
        let number = |text: &str| SequenceNumber::parse(text).unwrap();
        let acknowledged: Ranges = before.iter().map(|(first, last)| (number(first), number(last))).collect();
        let mut progress = Progress::new(Checkpoint { acknowledged, ..Checkpoint::default() });
        let all = changes("10a 20b 30c 40d 50e 60f 70g 80h 90i");
        let all: Vec<_> = (0u64..).zip(all).map(|(no, change)| Taken::new(no, change.into())).collect();
        let frontier = all[taken as usize - 1].change.sequence_number.clone();
        for batch in done.split_whitespace() {
            let batch = batch.split(',').map(|no| &all[no.parse::<usize>().unwrap()]);
            progress.settle(batch, taken, Some(&frontier));
        }
        assert_eq!(show_checkpoint(&progress.checkpoint), expected);
    }

    #[test]
    fn the_watermark_stops_below_the_oldest_pending_change() {
        check(&[], "0,1,2", 3, "30{}");
        check(&[], "0,2", 3, "10{30}");
        check(&[], "2,1", 3, "-{20-30}");
        check(&[], "2 1 0", 3, "30{}");
        check(&[], "1 3 5 4", 7, "-{20 40-60}");
        check(&[], "1 3 5 4 0", 7, "20{40-60}");
        check(&[], "1,2,4,5 0 3", 7, "60{}");
    }

    #[test]
    fn what_an_earlier_run_acknowledged_is_not_passed_before_it_is_read_again() {
        check(&[("65", "75")], "0,1", 3, "20{65-75}");
        check(&[("65", "75")], "0,1,2,3,4,5", 6, "60{65-75}");
        // It lies between two that were taken one after the other.
        check(&[("65", "68")], "1,2,3,4,5,6", 7, "-{20-70}");
        check(&[("65", "68")], "0,1,2,3,4,5,6", 7, "70{}");
    }
}

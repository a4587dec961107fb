//! How far a trigger has come in a shard: a watermark, and what is acknowledged above it.
//!
//! Invariant: every change at or below the watermark is acknowledged, and no member of the set is.
//! Lanes, partial failures and bisected batches need no other mechanism.

use std::collections::BTreeSet;

use crate::mutant::{Mutant, on};
use crate::sequence::SequenceNumber;
use crate::time::Timestamp;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    pub watermark: Option<SequenceNumber>,
    pub acknowledged: BTreeSet<SequenceNumber>,
    /// The shard is closed and every change of it is acknowledged: its children may begin.
    pub finished: bool,
    /// Every change of the shard that was created before then is acknowledged, or told as a gap; by the stream's clock. None: not known. Of a shard
    /// of which nothing is acknowledged yet: the same of what came before it.
    pub complete_until: Option<Timestamp>,
}

impl Checkpoint {
    pub fn covers(&self, number: &SequenceNumber) -> bool {
        self.finished || self.watermark.as_ref().is_some_and(|mark| number <= mark) || self.acknowledged.contains(number)
    }

    /// Acknowledges `settled`, and raises the watermark over what is acknowledged up to `frontier`, the newest change that was taken up, and
    /// below `pending`, the oldest that is taken up and not acknowledged.
    ///
    /// The frontier matters after a restart: what is acknowledged beyond it may have unread changes below.
    pub fn settle<'a>(
        &mut self,
        settled: impl IntoIterator<Item = &'a SequenceNumber>,
        frontier: &SequenceNumber,
        pending: &SequenceNumber,
    ) {
        for number in settled {
            if !self.covers(number) {
                self.acknowledged.insert(number.clone());
            }
        }
        while let Some(oldest) = self.acknowledged.first() {
            if oldest > frontier || (oldest >= pending && !on(Mutant::PastUnacknowledged)) {
                break;
            }
            self.watermark = self.acknowledged.pop_first().max(self.watermark.take());
        }
    }

    /// The same where nothing is pending: all up to `frontier` is acknowledged. One comparison instead of one for each change.
    pub fn advance(&mut self, frontier: &SequenceNumber) {
        let beyond = self.acknowledged.last().filter(|_| on(Mutant::PastUnread)).cloned();
        let frontier = beyond.as_ref().unwrap_or(frontier);
        while self.acknowledged.first().is_some_and(|oldest| oldest <= frontier) {
            self.acknowledged.pop_first();
        }
        if self.watermark.as_ref().is_none_or(|mark| mark < frontier) {
            self.watermark = Some(frontier.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u32) -> SequenceNumber {
        SequenceNumber::parse(&n.to_string()).unwrap()
    }

    /// Settles what is acknowledged up to `frontier` against what is pending, and shows `watermark{above}`.
    #[track_caller]
    fn check(acknowledged: &[u32], frontier: u32, pending: Option<u32>, expected: &str) {
        let mut checkpoint = Checkpoint::default();
        let acknowledged: Vec<_> = acknowledged.iter().copied().map(number).collect();
        match pending {
            Some(pending) => checkpoint.settle(&acknowledged, &number(frontier), &number(pending)),
            None => {
                checkpoint.acknowledged = acknowledged.into_iter().collect();
                checkpoint.advance(&number(frontier));
            }
        }
        assert_eq!(show(&checkpoint), expected);
    }

    fn show(checkpoint: &Checkpoint) -> String {
        let above: Vec<_> = checkpoint.acknowledged.iter().map(ToString::to_string).collect();
        let mark = checkpoint.watermark.as_ref().map_or("-".to_owned(), ToString::to_string);
        format!("{mark}{{{}}}", above.join(" "))
    }

    #[test]
    fn the_watermark_stops_below_the_oldest_pending_change() {
        check(&[1, 2, 3], 3, None, "3{}");
        check(&[1, 3], 3, Some(2), "1{3}");
        check(&[3, 2], 3, Some(1), "-{2 3}");
        check(&[10, 9], 10, None, "10{}");
        check(&[], 1, Some(1), "-{}");
    }

    #[test]
    fn the_watermark_stops_at_the_frontier() {
        // 9 was acknowledged before a restart; 7 and 8 are not read again yet.
        check(&[6, 9], 6, None, "6{9}");
        check(&[5, 9], 6, Some(6), "5{9}");
    }

    #[test]
    fn the_watermark_never_falls() {
        let mut checkpoint = Checkpoint { watermark: Some(number(7)), ..Checkpoint::default() };
        checkpoint.advance(&number(6));
        checkpoint.settle(&[number(5)], &number(6), &number(6));
        assert_eq!(show(&checkpoint), "7{}");
    }

    #[test]
    fn covers_the_watermark_the_set_and_a_finished_shard() {
        let mut checkpoint = Checkpoint { watermark: Some(number(5)), ..Checkpoint::default() };
        checkpoint.settle(&[number(7)], &number(7), &number(6));
        for (n, covered) in [(4, true), (5, true), (6, false), (7, true), (8, false)] {
            assert_eq!(checkpoint.covers(&number(n)), covered, "{n}");
        }
        checkpoint.finished = true;
        assert!(checkpoint.covers(&number(8)));
    }
}

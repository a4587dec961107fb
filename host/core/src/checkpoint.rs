//! How far a trigger has come in a shard: a watermark, and what is acknowledged above it.
//!
//! Invariant: every change at or below the watermark is acknowledged, and no member of the set is.
//! Lanes, partial failures and bisected batches need no other mechanism.

use std::collections::BTreeSet;

use crate::sequence::SequenceNumber;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    pub watermark: Option<SequenceNumber>,
    pub acknowledged: BTreeSet<SequenceNumber>,
    /// The shard is closed and every change of it is acknowledged: its children may begin.
    pub finished: bool,
}

impl Checkpoint {
    pub fn covers(&self, number: &SequenceNumber) -> bool {
        self.finished || self.watermark.as_ref().is_some_and(|mark| number <= mark) || self.acknowledged.contains(number)
    }

    pub fn acknowledge(&mut self, number: SequenceNumber) {
        if !self.covers(&number) {
            self.acknowledged.insert(number);
        }
    }

    /// Raises the watermark over what is acknowledged up to `frontier`, the newest change that was taken up, and below
    /// `pending`, the oldest that is taken up and not acknowledged.
    ///
    /// The frontier matters after a restart: what is acknowledged beyond it may have unread changes below.
    pub fn settle(&mut self, frontier: &SequenceNumber, pending: Option<&SequenceNumber>) {
        while let Some(oldest) = self.acknowledged.first() {
            if oldest > frontier || pending.is_some_and(|pending| oldest >= pending) {
                break;
            }
            self.watermark = self.acknowledged.pop_first().max(self.watermark.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u32) -> SequenceNumber {
        SequenceNumber::parse(&n.to_string()).unwrap()
    }

    /// Acknowledges in the order given, settles up to `frontier` against what is pending, and shows `watermark{above}`.
    #[track_caller]
    fn check(acknowledged: &[u32], frontier: u32, pending: Option<u32>, expected: &str) {
        let mut checkpoint = Checkpoint::default();
        for n in acknowledged {
            checkpoint.acknowledge(number(*n));
        }
        checkpoint.settle(&number(frontier), pending.map(number).as_ref());
        let above: Vec<_> = checkpoint.acknowledged.iter().map(ToString::to_string).collect();
        let mark = checkpoint.watermark.map_or("-".to_owned(), |mark| mark.to_string());
        assert_eq!(format!("{mark}{{{}}}", above.join(" ")), expected);
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
    }

    #[test]
    fn covers_the_watermark_the_set_and_a_finished_shard() {
        let mut checkpoint = Checkpoint::default();
        checkpoint.acknowledge(number(5));
        checkpoint.settle(&number(5), None);
        checkpoint.acknowledge(number(7));
        for (n, covered) in [(4, true), (5, true), (6, false), (7, true), (8, false)] {
            assert_eq!(checkpoint.covers(&number(n)), covered, "{n}");
        }
        checkpoint.finished = true;
        assert!(checkpoint.covers(&number(8)));
    }
}

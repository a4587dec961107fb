//! How far a trigger has come in a shard: a watermark, and what is acknowledged above it.
//!
//! Invariant: every change at or below the watermark is acknowledged, and nothing of the set is.
//! Lanes, partial failures and bisected batches need no other mechanism.

use std::collections::BTreeMap;

use crate::sequence::SequenceNumber;
use crate::time::Timestamp;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    pub watermark: Option<SequenceNumber>,
    pub acknowledged: Ranges,
    /// The shard is closed and every change of it is acknowledged: its children may begin.
    pub finished: bool,
    /// Every change of the shard that was created before then is acknowledged, or told as a gap; by the stream's clock. None: not known. Of a shard
    /// of which nothing is acknowledged yet: the same of what came before it.
    pub complete_until: Option<Timestamp>,
}

/// Stretches of a shard, each from one change to another and both in it: every change of the shard between them too.
///
/// Invariant: no two have a number in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges(BTreeMap<SequenceNumber, SequenceNumber>);

impl Ranges {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// First and last change of each, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (&SequenceNumber, &SequenceNumber)> {
        self.0.iter()
    }

    /// Each for people and files: `17`, or `17-29`.
    pub fn shown(&self) -> impl Iterator<Item = String> {
        let show =
            |(first, last): (&SequenceNumber, &SequenceNumber)| if first == last { first.to_string() } else { format!("{first}-{last}") };
        self.iter().map(show)
    }

    /// The end of the stretch that begins there.
    pub fn last_of(&self, first: &SequenceNumber) -> Option<&SequenceNumber> {
        self.0.get(first)
    }

    pub fn contains(&self, number: &SequenceNumber) -> bool {
        self.around(number).is_some_and(|(_, last)| number <= last)
    }

    /// The stretch that begins at or before `number`, if any.
    fn around(&self, number: &SequenceNumber) -> Option<(&SequenceNumber, &SequenceNumber)> {
        self.0.range(..=number).next_back()
    }

    /// Whether all of another's is in this one.
    pub fn covers(&self, first: &SequenceNumber, last: &SequenceNumber) -> bool {
        self.around(first).is_some_and(|(_, end)| last <= end)
    }

    /// Adds a stretch; those that it meets become one with it.
    pub fn insert(&mut self, first: SequenceNumber, last: SequenceNumber) {
        let (mut first, mut last) = (first, last);
        if let Some((before, end)) = self
            .around(&first)
            .filter(|(_, end)| **end >= first)
            .map(|(before, end)| (before.clone(), end.clone()))
        {
            last = last.max(end);
            first = before;
        }
        while let Some((met, end)) = self.0.range(&first..=&last).next().map(|(met, end)| (met.clone(), end.clone())) {
            self.0.remove(&met);
            last = last.max(end);
        }
        self.0.insert(first, last);
    }

    /// Where the last of them ends.
    pub fn end(&self) -> Option<&SequenceNumber> {
        self.0.last_key_value().map(|(_, last)| last)
    }

    /// Forgets the stretches that begin at or below `mark`.
    fn forget_through(&mut self, mark: &SequenceNumber) {
        while self.0.first_key_value().is_some_and(|(first, _)| first <= mark) {
            self.0.pop_first();
        }
    }
}

impl FromIterator<(SequenceNumber, SequenceNumber)> for Ranges {
    fn from_iter<T: IntoIterator<Item = (SequenceNumber, SequenceNumber)>>(stretches: T) -> Self {
        let mut ranges = Self::default();
        stretches.into_iter().for_each(|(first, last)| ranges.insert(first, last));
        ranges
    }
}

/// Stretches of one change each.
impl FromIterator<SequenceNumber> for Ranges {
    fn from_iter<T: IntoIterator<Item = SequenceNumber>>(numbers: T) -> Self {
        numbers.into_iter().map(|number| (number.clone(), number)).collect()
    }
}

impl<const N: usize> From<[SequenceNumber; N]> for Ranges {
    fn from(numbers: [SequenceNumber; N]) -> Self {
        numbers.into_iter().collect()
    }
}

impl Checkpoint {
    pub fn covers(&self, number: &SequenceNumber) -> bool {
        self.finished || self.watermark.as_ref().is_some_and(|mark| number <= mark) || self.acknowledged.contains(number)
    }

    /// All up to `mark` is acknowledged.
    pub fn advance(&mut self, mark: &SequenceNumber) {
        let mut mark = mark;
        let reached = self.acknowledged.around(mark).map(|(_, last)| last.clone()).filter(|last| last > mark);
        if let Some(last) = &reached {
            mark = last;
        }
        self.acknowledged.forget_through(mark);
        if self.watermark.as_ref().is_none_or(|old| old < mark) {
            self.watermark = Some(mark.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u32) -> SequenceNumber {
        SequenceNumber::parse(&n.to_string()).unwrap()
    }

    fn ranges(stretches: &[(u32, u32)]) -> Ranges {
        stretches.iter().map(|(first, last)| (number(*first), number(*last))).collect()
    }

    fn show(ranges: &Ranges) -> String {
        ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn stretches_that_meet_become_one() {
        for (stretches, expected) in [
            (&[(1, 2), (4, 5)][..], "1-2 4-5"),
            (&[(1, 2), (4, 5), (2, 4)], "1-5"),
            (&[(4, 5), (1, 9)], "1-9"),
            (&[(1, 9), (4, 5)], "1-9"),
            (&[(1, 3), (5, 7), (9, 11), (6, 9)], "1-3 5-11"),
            (&[(1, 1), (1, 1)], "1-1"),
        ] {
            assert_eq!(show(&ranges(stretches)), expected, "{stretches:?}");
        }
    }

    #[test]
    fn a_watermark_takes_in_what_it_reaches() {
        for (stretches, mark, expected) in [
            (&[(3, 4), (7, 9)][..], 2, "2 {3-4 7-9}"),
            (&[(3, 4), (7, 9)], 3, "4 {7-9}"),
            (&[(3, 4), (7, 9)], 4, "4 {7-9}"),
            (&[(3, 4), (7, 9)], 6, "6 {7-9}"),
            (&[(3, 4), (7, 9)], 8, "9 {}"),
            (&[(3, 4), (7, 9)], 12, "12 {}"),
        ] {
            let mut checkpoint = Checkpoint { acknowledged: ranges(stretches), ..Checkpoint::default() };
            checkpoint.advance(&number(mark));
            let shown = format!("{} {{{}}}", checkpoint.watermark.as_ref().unwrap(), show(&checkpoint.acknowledged));
            assert_eq!(shown, expected, "{stretches:?} {mark}");
            checkpoint.advance(&number(1));
            assert_eq!(shown, format!("{} {{{}}}", checkpoint.watermark.as_ref().unwrap(), show(&checkpoint.acknowledged)));
        }
    }

    #[test]
    fn covers_the_watermark_the_stretches_and_a_finished_shard() {
        let mut checkpoint = Checkpoint { watermark: Some(number(5)), acknowledged: ranges(&[(7, 9)]), ..Checkpoint::default() };
        for (n, covered) in [(4, true), (5, true), (6, false), (7, true), (8, true), (9, true), (10, false)] {
            assert_eq!(checkpoint.covers(&number(n)), covered, "{n}");
        }
        checkpoint.finished = true;
        assert!(checkpoint.covers(&number(10)));
        assert!(ranges(&[(7, 9)]).covers(&number(8), &number(9)) && !ranges(&[(7, 9)]).covers(&number(8), &number(10)));
    }
}

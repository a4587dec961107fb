//! A run of changes of a shard that some trigger still needs, held once for all triggers.
//!
//! Invariant: positions count up from 0 as changes are read and never come again; what lies between `before` and the end is whole: every change
//! that the stream had there is in it. Bounded in bytes, its own and all windows' together: when it is full the reader waits, and at most one
//! page comes on top.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::budget::Budget;
use crate::change::Change;
use crate::filter::Passes;
use crate::sequence::SequenceNumber;

#[derive(Debug)]
pub struct Window {
    changes: VecDeque<Held>,
    /// Position of the front.
    first: u64,
    /// The change before the front; none: the front is the first that could be read.
    before: Option<SequenceNumber>,
    bytes: usize,
    bytes_max: usize,
    budget: Budget,
}

#[derive(Debug)]
struct Held {
    change: Arc<Change>,
    /// Looked up once, for all triggers.
    passes: Passes,
}

impl Window {
    /// Of the changes after this one.
    pub fn new(before: Option<SequenceNumber>, bytes_max: usize, budget: Budget) -> Self {
        Self { changes: VecDeque::new(), first: 0, before, bytes: 0, bytes_max, budget }
    }

    /// An empty one always has: see `Budget`.
    pub fn has_room(&self) -> bool {
        self.bytes == 0 || (self.bytes < self.bytes_max && self.budget.has_room())
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The position of the front.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The position that the next change will get.
    pub fn end(&self) -> u64 {
        self.first + self.changes.len() as u64
    }

    /// `passes`: which of its stream's filters.
    pub fn push(&mut self, change: Change, passes: Passes) {
        let weight = weight(&change);
        self.bytes += weight;
        self.budget.take(weight);
        self.changes.push_back(Held { change: Arc::new(change), passes });
    }

    /// The change at `position`; none where it is not read yet, or let go.
    pub fn get(&self, position: u64) -> Option<&Arc<Change>> {
        self.held(position).map(|held| &held.change)
    }

    /// Whether the change at `position` passes this filter of its stream.
    pub fn passes(&self, position: u64, filter: usize) -> bool {
        self.held(position).is_some_and(|held| held.passes.has(filter))
    }

    fn held(&self, position: u64) -> Option<&Held> {
        let index = position.checked_sub(self.first)?;
        self.changes.get(usize::try_from(index).ok()?)
    }

    /// The position at which somebody goes on who has all up to this change; none: some of what comes after it was let go, or never held.
    pub fn after(&self, number: Option<&SequenceNumber>) -> Option<u64> {
        if self.before.as_ref().is_some_and(|before| number.is_none_or(|number| number < before)) {
            return None;
        }
        let Some(number) = number else { return Some(self.first) };
        let passed = self.changes.partition_point(|held| held.change.sequence_number <= *number);
        Some(self.first + passed as u64)
    }

    /// Lets go of everything below `position`.
    pub fn release_below(&mut self, position: u64) {
        while self.first < position && self.pop() {}
    }

    /// Lets go of the older half, whoever needs it.
    pub fn evict(&mut self) {
        let kept = self.bytes / 2;
        while self.bytes > kept && self.pop() {}
    }

    fn pop(&mut self) -> bool {
        let Some(Held { change, .. }) = self.changes.pop_front() else { return false };
        let weight = weight(&change);
        self.bytes -= weight;
        self.budget.give_back(weight);
        self.first += 1;
        self.before = Some(change.sequence_number.clone());
        true
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

/// What a change costs in memory: its bytes of the body, and about as much again as the struct and its short strings take.
fn weight(change: &Change) -> usize {
    const OVERHEAD: usize = 256;
    change.len_bytes() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slice::slice_page;

    fn number(n: u32) -> SequenceNumber {
        SequenceNumber::parse(&n.to_string()).unwrap()
    }

    fn window(before: Option<u32>, numbers: &[u32], budget: &Budget) -> Window {
        let mut window = Window::new(before.map(number), 1_000, budget.clone());
        for n in numbers {
            let body = format!(r#"{{"Records":[{{"eventName":"INSERT","dynamodb":{{"SequenceNumber":"{n}","Keys":{{}}}}}}]}}"#);
            slice_page(Arc::new(body))
                .unwrap()
                .changes
                .into_iter()
                .for_each(|change| window.push(change, Passes::default()));
        }
        window
    }

    #[test]
    fn who_has_all_before_it_may_go_on_in_it() {
        let budget = Budget::new(10_000);
        let from_horizon = window(None, &[3, 5], &budget);
        let after_three = window(Some(3), &[5, 7], &budget);
        for (number, in_first, in_second) in [
            (None, Some(0), None),
            (Some(2), Some(0), None),
            (Some(3), Some(1), Some(0)),
            (Some(6), Some(2), Some(1)),
            (Some(9), Some(2), Some(2)),
        ] {
            let number = number.map(self::number);
            assert_eq!(from_horizon.after(number.as_ref()), in_first, "{number:?}");
            assert_eq!(after_three.after(number.as_ref()), in_second, "{number:?}");
        }
    }

    #[test]
    fn what_was_let_go_is_remembered_by_its_end() {
        let budget = Budget::new(10_000);
        let mut window = window(None, &[1, 2, 3, 4], &budget);
        window.release_below(1);
        assert_eq!((window.after(None), window.after(Some(&number(1)))), (None, Some(1)));
        window.evict();
        assert_eq!((window.first(), window.end()), (3, 4));
        assert_eq!(window.after(Some(&number(2))), None);
        window.release_below(u64::MAX);
        assert_eq!(window.after(Some(&number(4))), Some(4));
    }

    #[test]
    fn all_windows_share_a_budget_and_each_may_have_one_page() {
        let budget = Budget::new(1);
        let one = window(None, &[1], &budget);
        let mut other = window(None, &[], &budget);
        assert!(!one.has_room() && other.has_room());
        other = window(None, &[2], &budget);
        assert!(!other.has_room());
        assert_eq!(budget.bytes(), one.bytes() + other.bytes());
        drop((one, other));
        assert_eq!(budget.bytes(), 0);
    }
}

//! What is due when, in virtual time.
//!
//! Invariant: what is due at one time comes in the order in which it was put in.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

#[derive(Debug)]
struct Entry<T> {
    at_ms: u64,
    place: u64,
    what: T,
}

#[derive(Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Entry<T>>,
    places: u64,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new(), places: 0 }
    }

    pub(crate) fn push(&mut self, at_ms: u64, what: T) {
        self.places += 1;
        self.heap.push(Entry { at_ms, place: self.places, what });
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, T)> {
        self.heap.pop().map(|entry| (entry.at_ms, entry.what))
    }

    /// What fits comes so much later, in its order.
    pub(crate) fn delay(&mut self, ms: u64, fits: impl Fn(&T) -> bool) {
        let entries = std::mem::take(&mut self.heap).into_vec();
        let moved = entries.into_iter().map(|entry| {
            let later = if fits(&entry.what) { ms } else { 0 };
            Entry { at_ms: entry.at_ms + later, ..entry }
        });
        self.heap = moved.collect();
    }
}

impl<T> Ord for Entry<T> {
    /// The earliest is the greatest: a heap gives that first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_ms, other.place).cmp(&(self.at_ms, self.place))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

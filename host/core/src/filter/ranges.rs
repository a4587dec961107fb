//! Stretches of something ordered, merged, to be searched.

/// Sorted, and apart from each other. Both ends belong to a stretch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ranges<T>(Box<[(T, T)]>);

impl<T: Ord + Copy> Ranges<T> {
    /// A stretch whose end is before its beginning holds nothing.
    pub(crate) fn of(stretches: impl IntoIterator<Item = (T, T)>) -> Self {
        let mut stretches: Vec<(T, T)> = stretches.into_iter().filter(|(first, last)| first <= last).collect();
        stretches.sort_unstable();
        let mut merged: Vec<(T, T)> = Vec::with_capacity(stretches.len());
        for (first, last) in stretches {
            match merged.last_mut() {
                Some(before) if first <= before.1 => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        Self(merged.into())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, value: T) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= value);
        after > 0 && value <= self.0[after - 1].1
    }
}

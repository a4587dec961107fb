//! Which filters of a stream a change passes.

/// By the filters' positions in their `FilterSet`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passes {
    /// The first 64: nearly always all, and then nothing is allocated.
    first: u64,
    more: Box<[u64]>,
}

const BITS: usize = 64;

impl Passes {
    /// None of them.
    pub(super) fn none(filters: usize) -> Self {
        let words = filters.div_ceil(BITS).saturating_sub(1);
        Self { first: 0, more: vec![0; words].into_boxed_slice() }
    }

    pub(super) fn all(filters: usize) -> Self {
        let mut passes = Self::none(filters);
        (0..filters).for_each(|filter| passes.insert(filter));
        passes
    }

    pub(super) fn insert(&mut self, filter: usize) {
        let word = match filter / BITS {
            0 => Some(&mut self.first),
            word => self.more.get_mut(word - 1),
        };
        if let Some(word) = word {
            *word |= 1 << (filter % BITS);
        }
    }

    pub fn has(&self, filter: usize) -> bool {
        let word = match filter / BITS {
            0 => Some(&self.first),
            word => self.more.get(word - 1),
        };
        word.is_some_and(|word| word & (1 << (filter % BITS)) != 0)
    }
}

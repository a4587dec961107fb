//! The memory of one instance, and what its call was denied.
//!
//! Always holds: the sum over all memories of the component stays within the trigger's limit.

use wasmtime::ResourceLimiter;

/// A table beyond this does not grow: the pool reserves room for so many elements.
pub(crate) const TABLE_ELEMENTS_MAX: usize = 100_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denied {
    pub(crate) wanted_bytes: usize,
    pub(crate) bytes_max: usize,
}

#[derive(Debug)]
pub(crate) struct Memory {
    bytes_max: usize,
    bytes: usize,
    denied: Option<Denied>,
}

impl Memory {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, denied: None }
    }

    /// Of all memories now: they never shrink.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// For another call: what there is stays, what was denied is forgotten.
    pub(crate) fn again(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        self.denied = None;
    }

    /// The last growth that did not happen.
    pub(crate) fn denied(&self) -> Option<Denied> {
        self.denied
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted_bytes = self.bytes.saturating_sub(current).saturating_add(desired);
        let maximum = maximum.unwrap_or(usize::MAX);
        if wanted_bytes > self.bytes_max || desired > maximum {
            let bytes_max = self.bytes_max.min(maximum);
            self.denied = Some(Denied { wanted_bytes, bytes_max });
            return Ok(false);
        }
        self.bytes = wanted_bytes;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        // The machine had no more to give, though the limit allowed it. `denied` is newer when memory_growing said no.
        if self.denied.is_none() {
            self.denied = Some(Denied { wanted_bytes: self.bytes, bytes_max: self.bytes_max });
        }
        Ok(())
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX.min(maximum.unwrap_or(usize::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_of_one_component_share_the_limit() {
        let mut memory = Memory::new(100);
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.memory_growing(0, 30, None).unwrap());
        assert!(memory.memory_growing(30, 40, None).unwrap());
        assert_eq!(memory.denied(), None);
        assert!(!memory.memory_growing(60, 61, None).unwrap());
        assert_eq!(memory.denied(), Some(Denied { wanted_bytes: 101, bytes_max: 100 }));
    }

    #[test]
    fn the_next_call_has_what_is_left_and_was_denied_nothing_yet() {
        let mut memory = Memory::new(100);
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(!memory.memory_growing(60, 101, None).unwrap());
        memory.again(100);
        assert_eq!((memory.bytes(), memory.denied()), (60, None));
        assert!(!memory.memory_growing(60, 101, None).unwrap());
        assert!(memory.memory_growing(60, 100, None).unwrap());
    }

    #[test]
    fn a_memorys_own_maximum_counts() {
        let mut memory = Memory::new(100);
        assert!(!memory.memory_growing(0, 60, Some(50)).unwrap());
        assert_eq!(memory.denied(), Some(Denied { wanted_bytes: 60, bytes_max: 50 }));
    }
}

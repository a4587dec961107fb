//! A guest's surroundings that are the same in every run: randomness, and a clock that only goes forward.
//!
//! Invariant: the bytes are SHA-256 of the seed, the batch and a count, so that no version of any crate changes what a rehearsal has shown. A change
//! is given the same ones whatever else is delivered before it, and others at its next attempt.
//! No secret may depend on them: a host that serves has no seed.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use rand_core::TryRng;
use sha2::{Digest, Sha256};
use tripline_core::delivery::Batch;
use wasmtime_wasi::{HostMonotonicClock, WasiCtxBuilder};

/// What the clock goes forward by at each look: so that whoever waits for it to move is not kept waiting.
const LOOK_NS: u64 = 1000;

pub(crate) fn surround(wasi: &mut WasiCtxBuilder, seed: u64, batch: &Batch) {
    let mut fixed = Bytes::new(seed, batch, "seed");
    let mut hash_seed = [0; 16];
    fixed.fill(&mut hash_seed);
    wasi.secure_random(Bytes::new(seed, batch, "secure"))
        .insecure_random(Bytes::new(seed, batch, "insecure"))
        .insecure_random_seed(u128::from_be_bytes(hash_seed))
        .monotonic_clock(Looks::default());
}

const BLOCK: usize = 32;

/// An endless run of bytes.
struct Bytes {
    key: [u8; BLOCK],
    blocks: u64,
    block: [u8; BLOCK],
    used: usize,
}

impl Bytes {
    /// `kind` tells apart what one batch is given.
    fn new(seed: u64, batch: &Batch, kind: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_be_bytes());
        hash.update(batch.attempt.to_be_bytes());
        // Lengths first, so that no two run together into the same bytes.
        let first = batch.changes.first().map_or("", |change| &*change.event_id);
        for part in [kind, first] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self { key: hash.finalize().into(), blocks: 0, block: [0; BLOCK], used: BLOCK }
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.used == BLOCK {
                let mut hash = Sha256::new();
                hash.update(self.key);
                hash.update(self.blocks.to_be_bytes());
                self.block = hash.finalize().into();
                self.blocks += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }
}

impl TryRng for Bytes {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_be_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}

/// Time is how often it was asked for.
#[derive(Default)]
struct Looks(AtomicU64);

impl HostMonotonicClock for Looks {
    fn resolution(&self) -> u64 {
        LOOK_NS
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(LOOK_NS, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tripline_core::delivery::Origin;
    use tripline_core::slice::slice_page;
    use tripline_core::view::{View, ViewType};

    use super::*;

    fn batch(event_id: &str, attempt: u32) -> Batch {
        let record =
            format!(r#"{{"Records":[{{"eventID":"{event_id}","eventName":"INSERT","dynamodb":{{"Keys":{{}},"SequenceNumber":"1"}}}}]}}"#);
        let page = slice_page(Arc::new(record)).unwrap();
        let view = View::of(ViewType::KeysOnly);
        let origin = Origin { trigger: "t".into(), table: "t".into(), region: "r".into(), stream: "a".into(), view };
        Batch { origin: Arc::new(origin), shard: "s".into(), attempt, changes: page.changes.into_iter().map(Arc::new).collect() }
    }

    fn bytes(seed: u64, event_id: &str, attempt: u32, kind: &str) -> Vec<u8> {
        let mut bytes = vec![0; 100];
        Bytes::new(seed, &batch(event_id, attempt), kind).fill(&mut bytes);
        bytes
    }

    #[test]
    fn bytes_are_the_same_again_and_others_for_anything_else() {
        let one = bytes(1, "e1", 1, "secure");
        assert_eq!(one, bytes(1, "e1", 1, "secure"));
        assert_eq!(one[..4], [0xc3, 0x5b, 0xb1, 0x8b], "{:x?}", &one[..4]);
        assert_ne!(one[..BLOCK], one[BLOCK..2 * BLOCK]);
        for other in [bytes(2, "e1", 1, "secure"), bytes(1, "e2", 1, "secure"), bytes(1, "e1", 2, "secure"), bytes(1, "e1", 1, "insecure")]
        {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn the_clock_moves_when_looked_at() {
        let clock = Looks::default();
        assert_eq!([clock.now(), clock.now(), clock.now()], [0, LOOK_NS, 2 * LOOK_NS]);
    }
}

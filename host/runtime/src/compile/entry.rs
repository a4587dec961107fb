//! One file of machine code: a header that says what it was made of and for which engine, and the sha256 of what follows.
//!
//! Always holds: a single bit that differs, and the entry is refused. Does not know files.
//!
//! ```text
//! 16 bytes  "tripline code 1\n"
//! 32        sha256 of the component
//! 32        sha256 of what the engine's machine code depends on
//! 32        sha256 of the code
//!  8        length of the code, little-endian
//!           the code, as wasmtime serializes it
//! ```

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};

use crate::load::Digested;
use crate::text;

const MAGIC: &[u8; 16] = b"tripline code 1\n";
const HEADER_BYTES: usize = 16 + 3 * 32 + 8;

/// The wasmtime version, the processor's features and the settings that machine code depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EngineKey([u8; 32]);

impl EngineKey {
    pub(super) fn of(engine: &wasmtime::Engine) -> Self {
        let mut hasher = Sha(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self(hasher.0.finalize().into())
    }

    pub(super) fn hex(&self) -> String {
        text::hex(&self.0)
    }
}

/// What wasmtime would hash into 64 bits, hashed into 256.
struct Sha(Sha256);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Nobody asks for it.
    fn finish(&self) -> u64 {
        0
    }
}

/// Of the file in the cache.
pub(super) fn name(component: &Digested, engine: &EngineKey) -> String {
    format!("{}-{}.code", text::hex(&component.0), text::hex(&engine.0[..8]))
}

pub(super) fn header(component: &Digested, engine: &EngineKey, code: &[u8]) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&component.0);
    header.extend_from_slice(&engine.0);
    header.extend_from_slice(&Sha256::digest(code));
    header.extend_from_slice(&(code.len() as u64).to_le_bytes());
    header
}

/// The code, where it is what its header says, and that is what is wanted.
pub(super) fn code<'a>(entry: &'a [u8], component: &Digested, engine: &EngineKey) -> Result<&'a [u8], &'static str> {
    let (found, code) = entry.split_at_checked(HEADER_BYTES).ok_or("it is shorter than a header")?;
    let expected = header(component, engine, code);
    if found == expected {
        return Ok(code);
    }
    let differs = |range: std::ops::Range<usize>| found[range.clone()] != expected[range];
    Err(if differs(0..16) {
        "it does not begin as an entry does"
    } else if differs(16..48) {
        "it is of another component"
    } else if differs(48..80) {
        "it is of another engine"
    } else if differs(112..HEADER_BYTES) {
        "it is cut off"
    } else {
        "its bytes are not those that were written"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> (Digested, EngineKey) {
        (Digested([1; 32]), EngineKey([2; 32]))
    }

    fn entry() -> Vec<u8> {
        let (component, engine) = keys();
        [header(&component, &engine, b"code"), b"code".to_vec()].concat()
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Vec<u8>), expected: Result<&[u8], &str>) {
        let mut changed = entry();
        change(&mut changed);
        let (component, engine) = keys();
        assert_eq!(code(&changed, &component, &engine), expected);
    }

    #[test]
    fn what_is_refused() {
        check(|_| (), Ok(b"code"));
        check(Vec::clear, Err("it is shorter than a header"));
        check(|entry| entry.truncate(HEADER_BYTES - 1), Err("it is shorter than a header"));
        check(|entry| entry[0] = b'T', Err("it does not begin as an entry does"));
        check(|entry| entry[20] ^= 1, Err("it is of another component"));
        check(|entry| entry[60] ^= 1, Err("it is of another engine"));
        check(|entry| entry.truncate(HEADER_BYTES + 3), Err("it is cut off"));
        check(|entry| entry.push(0), Err("it is cut off"));
        check(|entry| *entry.last_mut().unwrap() ^= 0x80, Err("its bytes are not those that were written"));
    }

    #[test]
    fn every_bit_counts() {
        let (component, engine) = keys();
        for at in 0..8 * entry().len() {
            let mut changed = entry();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(code(&changed, &component, &engine).is_err(), "bit {at}");
        }
    }

    #[test]
    fn an_engine_of_other_settings_has_another_key() {
        let key = |settings: &wasmtime::Config| EngineKey::of(&wasmtime::Engine::new(settings).unwrap());
        let mut other = crate::engine::compile_settings();
        other.epoch_interruption(false);
        assert_eq!(key(&crate::engine::compile_settings()), key(&crate::engine::compile_settings()));
        assert_ne!(key(&crate::engine::compile_settings()), key(&other));
    }

    #[test]
    fn the_pool_changes_nothing_of_the_code() {
        let served = crate::engine::Engine::new(crate::engine::EngineConfig::default()).unwrap();
        let compiled = wasmtime::Engine::new(&crate::engine::compile_settings()).unwrap();
        assert_eq!(EngineKey::of(served.wasmtime()), EngineKey::of(&compiled));
    }
}

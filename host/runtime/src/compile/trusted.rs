//! The one place that takes bytes for machine code.
//!
//! Always holds: they were read from where nobody but this user can write, and are, bit for bit, what this program wrote.

use wasmtime::component::Component;

use super::entry::{self, EngineKey};
use crate::beyond;
use crate::load::Digested;

/// An entry's bytes, from a file that this user owns, that nobody else may write, and that lies in a directory of the same kind or in
/// none. `cache` makes them, and nothing else may.
pub(super) struct Private(pub(super) Vec<u8>);

/// Why bytes are no machine code for this engine.
pub(super) enum Unusable {
    /// They are not what was written.
    Damaged(String),
    /// They are, and the component is more than the engine has room for.
    Beyond(String),
}

/// Checks the header against what is wanted, and the code against its hash, and loads it.
#[allow(unsafe_code, reason = "wasmtime runs what it deserializes: see below why it may")]
pub(super) fn load(engine: &wasmtime::Engine, bytes: &Private, component: &Digested, key: &EngineKey) -> Result<Component, Unusable> {
    let code = entry::code(&bytes.0, component, key).map_err(|reason| Unusable::Damaged(reason.to_owned()))?;
    // SAFETY: `deserialize` asks that the bytes are what `serialize` or `precompile_component` returned, unaltered.
    // - Who wrote them: `Private` is read through a file handle whose owner is this user and whose mode lets nobody else write, reached through
    //   the handle of a directory of which the same was checked (no path is looked up twice, no symlink followed), or of a file that never had
    //   a name. Whoever can write there is this user or root, and could as well trace this process.
    // - What they are: this program writes nothing into such a file but a header and what wasmtime returned, whether in this process or in the
    //   compiler's, which is the same program: it takes the component from a pipe and has no other input.
    // - Unaltered: the sha256 of the code is compared, so that neither a bad disk, nor a write that was cut off, nor a repaired file
    //   system passes. `bytes` is this process's own copy by then: what becomes of the file afterwards changes nothing.
    // - By which wasmtime: `key` has its version, its settings and the processor's features, and wasmtime checks those once more.
    unsafe { Component::deserialize(engine, code) }.map_err(|error| match beyond::told(&error) {
        Some(told) => Unusable::Beyond(told),
        None => Unusable::Damaged(format!("{error:#}")),
    })
}

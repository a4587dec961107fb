//! From a component's bytes to a plugin: compiled, checked against the contract, linked.
//!
//! Always holds: names are compared exactly; wasmtime's linker alone would take any 0.1.x for any other.
//! Does not know where the bytes come from, and calls nothing in them.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tripline_core::name::PluginVersion;
use wasmtime::component::Component;

use crate::engine::Engine;
use crate::plugin::{Parts, Plugin};
use crate::wit_v0_1_0::{self, Handler};

/// Larger than any language's runtime; a bound, so that a wrong path cannot fill the memory.
pub(crate) const COMPONENT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Why bytes are no plugin. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot be read: {0}: check the path, and that this user may read it")]
    Unreadable(#[from] std::io::Error),
    #[error("{0} bytes, and a plugin has at most {COMPONENT_BYTES_MAX}: is it the right file?")]
    TooLarge(u64),
    #[error("not WebAssembly: a plugin is a binary component, which begins with `\\0asm`: name the file that the build makes")]
    NotWasm,
    #[error("cut off: its {0} bytes end in the midst of a section: is it still being written? Else build or copy it again")]
    CutOff(usize),
    #[error(
        "a core WebAssembly module, not a component: build it for a target that makes components (Rust: wasm32-wasip2), or make one of it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Damaged, larger than the pool allows, or of a proposal that the host does not have.
    #[error("does not compile: {0}: build it again, and without WebAssembly proposals beyond the component model")]
    Compile(String),
    #[error("speaks `{found}`, and this host speaks `{known}`: build it with the SDK of this host's version, or update the host")]
    OtherVersion { found: String, known: &'static str },
    #[error("has no handler: it must export `{known}`, and exports {}: build it for the world tripline:trigger/plugin", listed(.exports))]
    NoHandler { exports: Vec<String>, known: &'static str },
    #[error(
        "imports what no version of the contract has: {}: build it without; there are tripline:trigger@0.1.0, wasi:logging, wasi:config, and of WASI 0.2 cli, clocks, filesystem, io, random and sockets",
        listed(.names)
    )]
    UnknownImports { names: Vec<String> },
    /// The names are right and the types are not.
    #[error("does not fit the contract: {0}: build it with the SDK of this host's version")]
    Link(String),
}

impl Engine {
    /// Compiles, checks and links a component without holding up the executor.
    pub async fn load(&self, bytes: impl Into<Bytes>) -> Result<Plugin, LoadError> {
        let (engine, bytes) = (self.clone(), bytes.into());
        let loading = tokio::task::spawn_blocking(move || engine.load_blocking(&bytes));
        loading
            .await
            .unwrap_or_else(|error| Err(LoadError::Compile(format!("the compiler failed: {error}"))))
    }

    /// As `load`, on this thread: it takes from tens of milliseconds to many seconds, by the component's size.
    pub fn load_blocking(&self, bytes: &[u8]) -> Result<Plugin, LoadError> {
        check_header(bytes)?;
        let component = Component::from_binary(self.wasmtime(), bytes).map_err(|error| LoadError::Compile(format!("{error:#}")))?;
        let types = component.component_type();
        let imports: Vec<String> = types.imports(self.wasmtime()).map(|(name, _)| name.to_owned()).collect();
        let exports: Vec<String> = types.exports(self.wasmtime()).map(|(name, _)| name.to_owned()).collect();
        check_exports(&exports)?;
        check_imports(&imports)?;
        let linked = self.linker().instantiate_pre(&component).map_err(|error| LoadError::Link(format!("{error:#}")))?;
        let handler = Handler::new(linked).map_err(|error| LoadError::Link(format!("{error:#}")))?;
        let (engine, version, size_bytes) = (self.clone(), version_of(bytes), bytes.len());
        Ok(Plugin::new(Parts { engine, handler, version, size_bytes, imports, exports }))
    }
}

/// Lower-case hex sha256.
pub(crate) fn version_of(bytes: &[u8]) -> PluginVersion {
    use std::fmt::Write;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    PluginVersion::from(hex)
}

/// Four bytes of magic, two of version, two of layer: 0 is a module, 1 a component.
fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > COMPONENT_BYTES_MAX {
        return Err(LoadError::TooLarge(bytes.len() as u64));
    }
    match bytes.first_chunk::<8>() {
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => Err(LoadError::CoreModule),
        Some([0, b'a', b's', b'm', ..]) if !is_whole(bytes) => Err(LoadError::CutOff(bytes.len())),
        Some([0, b'a', b's', b'm', ..]) => Ok(()),
        _ => Err(LoadError::NotWasm),
    }
}

/// As a file may look whose writer is not done: empty, without its beginning, or cut off.
pub(crate) fn is_unfinished(bytes: &[u8]) -> bool {
    const MAGIC: [u8; 4] = *b"\0asm";
    match bytes.first_chunk::<8>() {
        // Room that was made before anything is written into it.
        Some([0, 0, 0, 0, ..]) => true,
        Some(_) => bytes.starts_with(&MAGIC) && !is_whole(bytes),
        None => bytes.iter().zip(MAGIC).all(|(found, magic)| *found == magic),
    }
}

/// Whether the sections that follow the header end where the bytes do. Each is an id, its length, and so many bytes.
fn is_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((&id, after)) = rest.split_first() {
        let Some((len, after)) = leb128(after) else { return false };
        let Some(after) = after.get(len..) else { return false };
        // A custom section has a name, so this is room that was made and not filled.
        if (id, len) == (0, 0) {
            return false;
        }
        rest = after;
    }
    true
}

/// An unsigned number of at most 32 bits, and what follows it.
fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number = 0usize;
    for (position, byte) in bytes.iter().take(5).enumerate() {
        number |= usize::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[position + 1..]));
        }
    }
    None
}

fn check_exports(exports: &[String]) -> Result<(), LoadError> {
    let known = wit_v0_1_0::HANDLER;
    if exports.iter().any(|export| export == known) {
        return Ok(());
    }
    let of_this_contract = |export: &&String| export.split('@').next() == known.split('@').next();
    match exports.iter().find(of_this_contract) {
        Some(found) => Err(LoadError::OtherVersion { found: found.clone(), known }),
        None => Err(LoadError::NoHandler { exports: exports.to_vec(), known }),
    }
}

fn check_imports(imports: &[String]) -> Result<(), LoadError> {
    let names: Vec<String> = imports.iter().filter(|import| !is_known(import)).cloned().collect();
    if names.is_empty() { Ok(()) } else { Err(LoadError::UnknownImports { names }) }
}

/// Whether an interface of this name is linked; the linker then compares the functions.
fn is_known(import: &str) -> bool {
    const WASI_P2: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
    let is_wasi_p2 = || {
        let (package, rest) = import.strip_prefix("wasi:")?.split_once('/')?;
        let (_, version) = rest.split_once('@')?;
        Some(WASI_P2.contains(&package) && version.starts_with("0.2."))
    };
    wit_v0_1_0::IMPORTS.contains(&import) || is_wasi_p2().unwrap_or(false)
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".into();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_sha256() {
        let version = version_of(b"abc");
        assert_eq!(version.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[track_caller]
    fn check(bytes: &[u8], unfinished: bool) {
        assert_eq!(is_unfinished(bytes), unfinished, "{bytes:?}");
    }

    #[test]
    fn what_is_unfinished() {
        let header = b"\0asm\x0d\0\x01\0";
        let with = |sections: &[u8]| [header, sections].concat();
        check(b"", true);
        check(b"\0as", true);
        check(b"\0asm\x0d\0\x01", true);
        check(&[0; 64], true);
        check(b"garbage", false);
        check(b"longer garbage", false);
        // A component without anything is whole, if useless.
        check(header, false);
        check(&with(b"\x01\x03abc"), false);
        check(&with(b"\x01\x03abc\x00\x02\x01n"), false);
        for cut_off in [&b"\x01"[..], b"\x01\x03", b"\x01\x03ab", b"\x01\x03abc\x02", b"\x01\x80\x80", b"\x01\xff\xff\xff\xff\xff"] {
            check(&with(cut_off), true);
        }
        check(&with(b"\x01\x03abc\0\0\0\0"), true);
    }

    #[test]
    fn known_imports() {
        for import in
            ["tripline:trigger/counters@0.1.0", "wasi:logging/logging@0.1.0-draft", "wasi:io/streams@0.2.12", "wasi:cli/stderr@0.2.0"]
        {
            assert!(is_known(import), "{import}");
        }
        for import in ["tripline:trigger/counters@0.1.1", "wasi:http/types@0.2.0", "wasi:io/streams@0.3.0", "wasi:io/streams", "env", ""] {
            assert!(!is_known(import), "{import}");
        }
    }
}

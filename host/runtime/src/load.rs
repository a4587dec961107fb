//! From a component's bytes to a plugin: compiled, checked against the contract, linked.
//!
//! Always holds: names are compared exactly; wasmtime's linker alone would take any 0.1.x for any other. What speaks no version of the contract is
//! refused before it is compiled. Only what could serve is kept in the compile cache.
//! Does not know where the bytes come from, and calls nothing in them.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tripline_core::name::PluginVersion;
use wasmparser::{BinaryReaderError, Parser, Payload};
use wasmtime::component::Component;

use crate::compile::{self, Compiled, Fresh, Priority};
use crate::contract::{self, Contract};
use crate::engine::Engine;
use crate::plugin::{Loading, Parts, Plugin};
use crate::{shape, text};

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
        "a core WebAssembly module, not a component: build it for a target that makes components (wasm32-wasip2 of Rust), or make one of it with `tripline componentize`"
    )]
    CoreModule,
    /// Damaged, or of a proposal that the host does not have.
    #[error("does not compile: {0}: build it again, and without WebAssembly proposals beyond the component model")]
    Compile(String),
    #[error("is more than this host runs: {0}: build it with less")]
    Beyond(String),
    /// It may pass.
    #[error("cannot be compiled for want of room: {0}: make room on the disk of `data_dir`, or of temporary files (TMPDIR)")]
    NoRoom(String),
    #[error("is not compiled within {took_max:?}: make it smaller, or raise `time_max` under [host.compile]")]
    TooSlow { took_max: Duration },
    #[error("takes more than {bytes_max} bytes of memory to compile: make it smaller, or raise `memory_max` under [host.compile]")]
    TooHungry { bytes_max: u64 },
    /// Nothing is wrong with the component.
    #[error("{0}")]
    Compiler(String),
    #[error("speaks `{found}`, and this host speaks {}: build it with the SDK of this host's version, or update the host", listed(.known))]
    OtherVersion { found: String, known: Vec<String> },
    #[error("has no handler: it must export one of {}, and exports {}: build it for the world tripline:trigger/plugin", listed(.known), listed(.exports))]
    NoHandler { exports: Vec<String>, known: Vec<String> },
    #[error(
        "imports what no version of the contract has: {}: build it without; there are tripline:trigger@0.1.0, wasi:logging, wasi:config, and of WASI 0.2 cli, clocks, filesystem, http's outgoing-handler, io, random and sockets",
        listed(.names)
    )]
    UnknownImports { names: Vec<String> },
    /// The names are right and the types are not.
    #[error("does not fit the contract: {0}: build it with the SDK of this host's version")]
    Link(String),
}

impl Engine {
    /// Checks and links a component, from the compile cache or compiled as the engine's `Compiler` has it, without holding up the executor.
    pub async fn load(&self, bytes: impl Into<Bytes>) -> Result<Plugin, LoadError> {
        self.load_at(bytes, Priority::Usual).await
    }

    pub(crate) async fn load_at(&self, bytes: impl Into<Bytes>, priority: Priority) -> Result<Plugin, LoadError> {
        let (started, bytes) = (Instant::now(), bytes.into());
        let (engine, looked_at) = (self.clone(), bytes.clone());
        let (digest, cached) = blocking(move || {
            check_header(&looked_at)?;
            // Before it is compiled, which may take minutes, for nothing.
            check_contract(&looked_at)?;
            let digest = Digested::of(&looked_at);
            Ok((digest.clone(), engine.compiler().cached(&engine, &digest)?))
        })
        .await?;
        let fresh = match cached {
            Some(component) => Fresh::cached(component),
            None => self.compiler().compile(self, &bytes, &digest, priority).await?,
        };
        let engine = self.clone();
        let plugin = blocking(move || engine.link(fresh, &bytes, &digest, started)).await?;
        let Loading { cached, took } = plugin.loading();
        tracing::debug!(version = plugin.version().short(), cached, took_ms = took.as_millis() as u64, "plugin loaded");
        Ok(plugin)
    }

    /// Compiles on this thread and in this process, and keeps nothing: it takes from tens of milliseconds to many seconds.
    pub fn load_blocking(&self, bytes: &[u8]) -> Result<Plugin, LoadError> {
        let started = Instant::now();
        check_header(bytes)?;
        check_contract(bytes)?;
        let component = Component::from_binary(self.wasmtime(), bytes).map_err(|error| compile::refused(&error))?;
        self.link(Fresh::unkept(component), bytes, &Digested::of(bytes), started)
    }

    fn link(&self, fresh: Fresh, bytes: &[u8], digest: &Digested, started: Instant) -> Result<Plugin, LoadError> {
        let Fresh { component, compiled } = fresh;
        let types = component.component_type();
        let imports: Vec<String> = types.imports(self.wasmtime()).map(|(name, _)| name.to_owned()).collect();
        let exports: Vec<String> = types.exports(self.wasmtime()).map(|(name, _)| name.to_owned()).collect();
        let contract = check_exports(&exports)?;
        check_imports(contract, &imports)?;
        shape::check(self.wasmtime(), &types, contract).map_err(LoadError::Link)?;
        let linked = self
            .linker(contract)
            .instantiate_pre(&component)
            .map_err(|error| LoadError::Link(format!("{error:#}")))?;
        let handler = (contract.link)(linked).map_err(|error| LoadError::Link(format!("{error:#}")))?;
        let cached = matches!(compiled, Compiled::Cached);
        let loading = Loading { cached, took: started.elapsed() };
        self.compiler().keep(self, &component, compiled, digest);
        let (engine, version, size_bytes) = (self.clone(), digest.version(), bytes.len());
        Ok(Plugin::new(Parts { engine, handler, contract, version, size_bytes, imports, exports, loading }))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, LoadError> + Send + 'static) -> Result<T, LoadError> {
    let working = tokio::task::spawn_blocking(work);
    working
        .await
        .unwrap_or_else(|error| Err(LoadError::Compile(format!("the compiler failed: {error}"))))
}

/// The sha256 of a component's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Digested(pub(crate) [u8; 32]);

impl Digested {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    fn version(&self) -> PluginVersion {
        PluginVersion::from(text::hex(&self.0))
    }
}

/// Lower-case hex sha256.
pub(crate) fn version_of(bytes: &[u8]) -> PluginVersion {
    Digested::of(bytes).version()
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

/// What its bytes say of its imports and exports. What cannot be read is the compiler's to explain.
fn check_contract(bytes: &[u8]) -> Result<(), LoadError> {
    let Ok(names) = Names::read(bytes) else { return Ok(()) };
    check_imports(check_exports(&names.exports)?, &names.imports)
}

/// Of a component itself, and not of those within it.
#[derive(Debug, Default)]
struct Names {
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Names {
    fn read(bytes: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut names = Self::default();
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                // The last one is the component's own.
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        names.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        names.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(names)
    }
}

/// The newest version that it speaks with this host.
fn check_exports(exports: &[String]) -> Result<&'static Contract, LoadError> {
    let spoken = |contract: &&Contract| exports.iter().any(|export| export == contract.handler);
    if let Some(contract) = contract::SPOKEN.iter().find(spoken) {
        return Ok(contract);
    }
    let known = contract::SPOKEN.iter().map(|contract| contract.handler.to_owned()).collect();
    match exports.iter().find(|export| export.split('@').next() == Some(contract::HANDLER)) {
        Some(found) => Err(LoadError::OtherVersion { found: found.clone(), known }),
        None => Err(LoadError::NoHandler { exports: exports.to_vec(), known }),
    }
}

fn check_imports(contract: &Contract, imports: &[String]) -> Result<(), LoadError> {
    let names: Vec<String> = imports.iter().filter(|import| !is_known(contract, import)).cloned().collect();
    if names.is_empty() { Ok(()) } else { Err(LoadError::UnknownImports { names }) }
}

/// Whether an interface of this name is linked; the linker then compares the functions.
fn is_known(contract: &Contract, import: &str) -> bool {
    const WASI_P2: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];
    let is_wasi_p2 = || {
        let (package, rest) = import.strip_prefix("wasi:")?.split_once('/')?;
        let (_, version) = rest.split_once('@')?;
        let is_http = package == "http" && (rest.starts_with("types@") || rest.starts_with("outgoing-handler@"));
        Some((is_http || WASI_P2.contains(&package)) && version.starts_with("0.2."))
    };
    contract.imports.contains(&import) || is_wasi_p2().unwrap_or(false)
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

    fn v0_1_0() -> &'static Contract {
        contract::SPOKEN.iter().find(|contract| contract.version == "0.1.0").unwrap()
    }

    #[test]
    fn known_imports() {
        for import in [
            "wasi:http/types@0.2.0",
            "wasi:http/outgoing-handler@0.2.12",
            "tripline:trigger/counters@0.1.0",
            "wasi:logging/logging@0.1.0-draft",
            "wasi:io/streams@0.2.12",
            "wasi:cli/stderr@0.2.0",
        ] {
            assert!(is_known(v0_1_0(), import), "{import}");
        }
        for import in [
            "tripline:trigger/counters@0.1.1",
            "wasi:http/types@0.3.0",
            "wasi:http/incoming-handler@0.2.0",
            "wasi:io/streams@0.3.0",
            "wasi:io/streams",
            "env",
            "",
        ] {
            assert!(!is_known(v0_1_0(), import), "{import}");
        }
    }
}

//! A core WebAssembly module made into a plugin's component: the contract embedded, WASI preview 1 adapted.
//!
//! Always holds: what is wrong with the module is said in the words of whoever built it, before the encoder sees it. Bytes in, bytes out:
//! does not know files, but for the folder of a contract that was named.

mod module;
#[cfg(test)]
mod tests;
mod wit;

use std::path::Path;

use tripline_bundled as bundled;
use wasi_preview1_component_adapter_provider::{WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as PREVIEW1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};

use self::module::Module;
use self::wit::Contract;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adapter {
    /// What languages with a libc import of WASI preview 1 becomes WASI 0.2.
    Reactor,
    None,
}

/// What the module is to be a component of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    /// A folder of WIT files; none: the contract that comes with the host.
    pub(crate) wit: Option<&'a Path>,
    /// None: `plugin` of the host's contract; of a folder the only one.
    pub(crate) world: Option<&'a str>,
    pub(crate) adapter: Adapter,
}

/// Why it becomes no component. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("is a component already: use it as it is (`tripline inspect` says what it is)")]
    AlreadyComponent,
    #[error(
        "is not WebAssembly, which begins with `\\0asm`: name the .wasm file that the build makes; text (.wat) must be assembled first"
    )]
    NotWasm,
    #[error("is damaged: {0}: build it again")]
    Damaged(String),
    #[error("the contract cannot be read: {0}")]
    Contract(String),
    #[error(
        "does not export {}{}: build it with the bindings of this contract{}",
        listed(.missing),
        if .found.is_empty() { String::new() } else { format!(", and has {} of another version", listed(.found)) },
        if *.is_command { ", as a library: it exports `_start` and is a program (clang: -mexec-model=reactor; Go: -buildmode=c-shared)" } else { "" }
    )]
    MissingExports {
        missing: Vec<String>,
        /// The same, but for their version.
        found: Vec<String>,
        is_command: bool,
    },
    #[error("exports no `cabi_realloc`, by which the host makes room for what it hands over: link the bindings' own, or export one")]
    NoRealloc,
    #[error("exports no memory: export it as `memory`")]
    NoMemory,
    #[error("imports {} of WASI preview 1, and no adapter may be used: leave out `--adapter none`, or build it without WASI", listed(.0))]
    NeedsAdapter(Vec<String>),
    #[error("imports {}, which the contract does not have: link what provides it, or build it without", listed(.0))]
    UnknownImports(Vec<String>),
    #[error("cannot be made a component: {0}: build it again with the bindings of this contract")]
    Encode(String),
}

/// A component's bytes.
pub(crate) fn componentize(core: &[u8], target: Target<'_>) -> Result<Vec<u8>, Error> {
    let module = Module::read(core)?;
    let wants_preview1 = module.imports_of(PREVIEW1);
    if target.adapter == Adapter::None && !wants_preview1.is_empty() {
        return Err(Error::NeedsAdapter(wants_preview1));
    }
    let mut bytes = core.to_vec();
    // Bindings that carry their contract know better which parts of it they are of, unless somebody says another.
    if !module.has_contract || target.wit.is_some() {
        let contract = match target.wit {
            Some(folder) => Contract::of_folder(folder, target.world),
            None => Contract::of_files(bundled::WIT, target.world.unwrap_or(wit::WORLD)),
        };
        let contract = contract.map_err(|error| Error::Contract(format!("{error:#}")))?;
        check(&module, &contract)?;
        embed_component_metadata(&mut bytes, &contract.resolve, contract.world, StringEncoding::UTF8).map_err(encode)?;
    }
    let mut encoder = ComponentEncoder::default().validate(true).module(&bytes).map_err(encode)?;
    if !wants_preview1.is_empty() {
        encoder = encoder.adapter(PREVIEW1, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER).map_err(encode)?;
    }
    encoder.encode().map_err(encode)
}

fn check(module: &Module, contract: &Contract) -> Result<(), Error> {
    let missing: Vec<String> = contract
        .exports()
        .into_iter()
        .filter(|names| !names.iter().any(|name| module.exports(name)))
        .map(first)
        .collect();
    if !missing.is_empty() {
        let found = missing.iter().flat_map(|missing| module.exports_like(missing)).collect();
        return Err(Error::MissingExports { missing, found, is_command: module.exports("_start") });
    }
    if !["memory", "cm32p2_memory"].iter().any(|name| module.exports(name)) {
        return Err(Error::NoMemory);
    }
    if !["cabi_realloc", "cm32p2_realloc"].iter().any(|name| module.exports(name)) {
        return Err(Error::NoRealloc);
    }
    let unknown = module.imports_but(|from| from == PREVIEW1 || contract.has_import(from));
    if unknown.is_empty() { Ok(()) } else { Err(Error::UnknownImports(unknown)) }
}

fn first(names: Vec<String>) -> String {
    names.into_iter().next().unwrap_or_default()
}

fn encode(error: anyhow::Error) -> Error {
    Error::Encode(format!("{error:#}"))
}

fn listed(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{}`", crate::cli::output::tame(name)))
        .collect::<Vec<_>>()
        .join(", ")
}

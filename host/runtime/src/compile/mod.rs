//! How a component becomes machine code: out of the compile cache, or compiled in a process of its own.
//!
//! Always holds: machine code is loaded only where this program wrote it and nobody else can write; what is compiled is the very bytes
//! that were hashed; with a process configured, this process never runs the compiler. A cache that cannot be used is told once and
//! done without.
//! Does not know what a plugin is: whether the component serves as one is asked before it is kept.

mod cache;
mod entry;
mod process;
#[cfg(test)]
mod tests;
mod trusted;
mod worker;

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use wasmtime::component::Component;

use self::cache::{Cache, Output};
use self::entry::EngineKey;
use self::trusted::Unusable;
use crate::beyond;
use crate::engine::Engine;
use crate::load::{Digested, LoadError};

pub use self::cache::{CacheConfig, user_dir};
pub use self::process::CompilerProcess;
pub(crate) use self::process::Priority;
pub use self::worker::{WorkerConfig, compile_as_worker};

/// Processes that compile at once: a component that takes its whole time must not hold up another trigger's.
const PROCESSES_MAX: usize = 2;

#[derive(Clone, Debug, Default)]
pub struct CompilerConfig {
    /// None: everything is compiled whenever it is loaded.
    pub cache: Option<CacheConfig>,
    /// None: in this process, unbounded.
    pub process: Option<CompilerProcess>,
}

#[derive(Debug)]
pub struct Compiler {
    cache: Option<Arc<Cache>>,
    process: Option<CompilerProcess>,
    processes: Semaphore,
}

/// A component, and what to keep of it.
pub(crate) struct Fresh {
    pub(crate) component: Component,
    pub(crate) compiled: Compiled,
}

pub(crate) enum Compiled {
    /// Kept already.
    Cached,
    /// Not to be kept.
    Unkept,
    /// In this process.
    Here,
    /// By a process, which wrote it there.
    There(Output),
}

impl Fresh {
    pub(crate) fn cached(component: Component) -> Self {
        Self { component, compiled: Compiled::Cached }
    }

    pub(crate) fn unkept(component: Component) -> Self {
        Self { component, compiled: Compiled::Unkept }
    }
}

impl Default for Compiler {
    fn default() -> Self {
        Self::new(CompilerConfig::default())
    }
}

impl Compiler {
    /// Opens the cache; where that cannot be used, it says so in the log and goes without.
    pub fn new(config: CompilerConfig) -> Self {
        let open = |config: CacheConfig| {
            Cache::open(config).unwrap_or_else(|error| {
                tracing::warn!("{error}");
                None
            })
        };
        let cache = config.cache.and_then(open).map(Arc::new);
        Self { cache, process: config.process, processes: Semaphore::new(PROCESSES_MAX) }
    }

    /// What is damaged is dropped, with a warning; what is sound and asks for too much stays.
    pub(crate) fn cached(&self, engine: &Engine, digest: &Digested) -> Result<Option<Component>, LoadError> {
        let Some(cache) = &self.cache else { return Ok(None) };
        let key = EngineKey::of(engine.wasmtime());
        let name = entry::name(digest, &key);
        let loaded = match cache.read(&name) {
            Ok(None) => return Ok(None),
            Ok(Some(bytes)) => trusted::load(engine.wasmtime(), &bytes, digest, &key),
            Err(error) => Err(Unusable::Damaged(error.to_string())),
        };
        match loaded {
            Ok(component) => Ok(Some(component)),
            Err(Unusable::Beyond(told)) => Err(LoadError::Beyond(told)),
            Err(Unusable::Damaged(reason)) => {
                tracing::warn!(entry = %cache.path_of(&name).display(), reason, "compile cache: an entry is damaged; it is dropped, and compiled anew");
                cache.remove(&name);
                Ok(None)
            }
        }
    }

    /// In a process of its own where there is one.
    pub(crate) async fn compile(&self, engine: &Engine, bytes: &Bytes, digest: &Digested, priority: Priority) -> Result<Fresh, LoadError> {
        let (engine, bytes, digest) = (engine.clone(), bytes.clone(), digest.clone());
        let Some(process) = &self.process else {
            let compiling = tokio::task::spawn_blocking(move || Component::from_binary(engine.wasmtime(), &bytes));
            let compiled = compiling.await.map_err(|error| LoadError::Compile(format!("the compiler failed: {error}")))?;
            let component = compiled.map_err(|error| refused(&error))?;
            return Ok(Fresh { component, compiled: Compiled::Here });
        };
        let Ok(_permit) = self.processes.acquire().await else {
            return Err(LoadError::Compiler("the engine has stopped".to_owned()));
        };
        let key = EngineKey::of(engine.wasmtime());
        let output = self.output().await?;
        let is_kept = output.is_kept();
        let output = match process.compile(&bytes, &key, priority, output).await {
            Err(LoadError::NoRoom(reason)) if is_kept => {
                tracing::warn!(reason, "compile cache: there is no room; it is compiled again, and not kept");
                process.compile(&bytes, &key, priority, elsewhere().await?).await?
            }
            compiled => compiled?,
        };
        let loading = tokio::task::spawn_blocking(move || {
            let code = output.read().map_err(Unusable::Damaged)?;
            let component = trusted::load(engine.wasmtime(), &code, &digest, &key)?;
            Ok(Fresh { component, compiled: Compiled::There(output) })
        });
        let loaded = loading.await.unwrap_or_else(|error| Err(Unusable::Damaged(error.to_string())));
        loaded.map_err(|unusable| match unusable {
            Unusable::Beyond(told) => LoadError::Beyond(told),
            Unusable::Damaged(reason) => LoadError::Compiler(format!(
                "what the compiler wrote cannot be used: {reason}: touch the plugin's file, and it is tried again"
            )),
        })
    }

    /// Where a process may write to: in the cache, or in a file without a name.
    async fn output(&self) -> Result<Output, LoadError> {
        if let Some(cache) = self.cache.clone() {
            let begun = tokio::task::spawn_blocking(move || cache.begin()).await;
            match begun.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
                Ok(output) => return Ok(output),
                Err(error) => tracing::warn!(%error, "compile cache: cannot be written; what is compiled now is not kept"),
            }
        }
        elsewhere().await
    }

    /// For the next time. What cannot be kept is told, and no fault.
    pub(crate) fn keep(&self, engine: &Engine, component: &Component, compiled: Compiled, digest: &Digested) {
        let Some(cache) = &self.cache else { return };
        let key = EngineKey::of(engine.wasmtime());
        let written = match compiled {
            Compiled::Cached | Compiled::Unkept => return,
            Compiled::There(output) => Ok(output),
            Compiled::Here => write(cache, component, digest, &key),
        };
        let kept = written.and_then(|output| output.keep_as(&entry::name(digest, &key)));
        if let Err(error) = kept {
            tracing::warn!(%error, "compile cache: cannot be written; what was compiled is not kept");
        }
    }
}

/// In a file without a name, which is never kept.
async fn elsewhere() -> Result<Output, LoadError> {
    let made = tokio::task::spawn_blocking(Output::nameless).await;
    let made = made.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    made.map_err(|error| LoadError::NoRoom(format!("there is no file to compile into: {error}")))
}

/// Of a compiler in this process.
pub(crate) fn refused(error: &wasmtime::Error) -> LoadError {
    beyond::told(error).map_or_else(|| LoadError::Compile(format!("{error:#}")), LoadError::Beyond)
}

fn write(cache: &Arc<Cache>, component: &Component, digest: &Digested, key: &EngineKey) -> std::io::Result<Output> {
    use std::io::Write;
    let code = component.serialize().map_err(std::io::Error::other)?;
    let mut output = cache.begin()?;
    output.file().write_all(&entry::header(digest, key, &code))?;
    output.file().write_all(&code)?;
    Ok(output)
}

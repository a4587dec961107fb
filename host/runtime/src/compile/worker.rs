//! The process that compiles one component: bytes in at stdin, an entry of the cache out at stdout, and the reason at stderr.
//!
//! Always holds: it binds itself before it reads anything; it ends when its parent does.
//! It has no other input than the component: what it writes depends on that and on this program alone.

use std::io::{self, Read, Write};

use rustix::process::{Resource, Rlimit};

use super::entry::{self, EngineKey};
use crate::engine::compile_settings;
use crate::load::{COMPONENT_BYTES_MAX, Digested};

/// Of the code: no component that may be loaded has more.
const OUTPUT_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;

#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// The parent's key of its engine, as hexadecimal digits.
    pub engine: String,
    /// Of processor time, all threads together.
    pub seconds_max: u64,
    /// Of address space.
    pub bytes_max: u64,
    /// How far it gives way to other processes, as nice(1) counts.
    pub nice: i32,
}

/// `Err` is the reason to refuse the component.
pub fn compile_as_worker(config: &WorkerConfig) -> Result<(), String> {
    bind(config).map_err(|error| format!("the compiler cannot bound itself: {error}"))?;
    let bytes = read().map_err(|error| format!("the compiler cannot read the component: {error}"))?;
    std::thread::Builder::new()
        .name("parent".into())
        .spawn(end_with_parent)
        .map_err(|error| format!("the compiler cannot watch its parent: {error}"))?;
    let engine = wasmtime::Engine::new(&compile_settings()).map_err(|error| format!("{error:#}"))?;
    let key = EngineKey::of(&engine);
    if key.hex() != config.engine {
        return Err("the compiler is of another version than the host: restart the host".to_owned());
    }
    let code = engine.precompile_component(&bytes).map_err(|error| format!("{error:#}"))?;
    let mut out = io::stdout().lock();
    out.write_all(&entry::header(&Digested::of(&bytes), &key, &code))
        .and_then(|()| out.write_all(&code))
        .and_then(|()| out.flush())
        .map_err(|error| format!("the compiler cannot write: {error}"))
}

fn bind(config: &WorkerConfig) -> io::Result<()> {
    let bound = |resource, soft: u64, hard: u64| {
        let now = rustix::process::getrlimit(resource).maximum;
        let within = |most: u64| Some(now.map_or(most, |now| now.min(most)));
        rustix::process::setrlimit(resource, Rlimit { current: within(soft), maximum: within(hard) })
    };
    let at_most = |resource, most| bound(resource, most, most);
    at_most(Resource::As, config.bytes_max)?;
    // At the hard limit Linux kills, which might have been for any reason; at the soft one, before it, the signal says why.
    bound(Resource::Cpu, config.seconds_max, config.seconds_max.saturating_add(1))?;
    at_most(Resource::Fsize, OUTPUT_BYTES_MAX)?;
    // The component may hold secrets.
    at_most(Resource::Core, 0)?;
    rustix::process::nice(config.nice)?;
    Ok(())
}

/// Its length, then the bytes: the end of the pipe means something else.
fn read() -> io::Result<Vec<u8>> {
    let mut stdin = io::stdin().lock();
    let mut len = [0; 8];
    stdin.read_exact(&mut len)?;
    let len = usize::try_from(u64::from_le_bytes(len)).unwrap_or(usize::MAX);
    if len > COMPONENT_BYTES_MAX {
        return Err(io::Error::other("it is larger than a plugin may be"));
    }
    let mut bytes = vec![0; len];
    stdin.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The parent holds the pipe open until it has the result, and nothing more comes.
fn end_with_parent() {
    let _ = io::stdin().lock().read(&mut [0]);
    std::process::exit(2);
}

//! Where a plugin's bytes come from.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::engine::Engine;
use crate::load::{COMPONENT_BYTES_MAX, LoadError};
use crate::plugin::Plugin;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PluginSource {
    /// Comes with the host: `bundled:name`.
    Bundled {
        name: &'static str,
        bytes: &'static [u8],
    },
    File(PathBuf),
}

impl PluginSource {
    /// Reads and loads what is there now.
    pub async fn load(&self, engine: &Engine) -> Result<Plugin, LoadError> {
        match self {
            Self::Bundled { bytes, .. } => engine.load(*bytes).await,
            Self::File(path) => engine.load(read(path).await?).await,
        }
    }
}

impl fmt::Display for PluginSource {
    /// As `tripline.toml` spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled { name, .. } => write!(f, "bundled:{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Debug for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginSource({self})")
    }
}

pub(super) async fn read(path: &Path) -> Result<Bytes, LoadError> {
    let len = tokio::fs::metadata(path).await?.len();
    if len > COMPONENT_BYTES_MAX as u64 {
        return Err(LoadError::TooLarge(len));
    }
    Ok(tokio::fs::read(path).await?.into())
}

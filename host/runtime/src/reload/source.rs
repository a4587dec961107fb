//! Where a plugin's bytes come from.

use std::fmt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tripline_core::name::PluginVersion;

use crate::engine::Engine;
use crate::load::{COMPONENT_BYTES_MAX, LoadError, version_of};
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

    /// Of what is there now, whether or not it is a component; none: it cannot be read.
    pub async fn version(&self) -> Option<PluginVersion> {
        let bytes = match self {
            Self::Bundled { bytes, .. } => Bytes::from_static(bytes),
            Self::File(path) => read(path).await.ok()?,
        };
        tokio::task::spawn_blocking(move || version_of(&bytes)).await.ok()
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

/// As `read`, of what can be read to its end at any time: who watches a path must not wait for the other end of a pipe.
pub(super) async fn read_file(path: &Path) -> Result<Bytes, LoadError> {
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(LoadError::Unreadable(std::io::Error::other("it is no file, but a directory, a pipe or a device")));
    }
    read(path).await
}

/// No more than a component may have, whatever the file's length says: a device has none.
pub(super) async fn read(path: &Path) -> Result<Bytes, LoadError> {
    let len = tokio::fs::metadata(path).await?.len();
    if len > COMPONENT_BYTES_MAX as u64 {
        return Err(LoadError::TooLarge(len));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
    let file = tokio::fs::File::open(path).await?;
    file.take(COMPONENT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).await?;
    if bytes.len() > COMPONENT_BYTES_MAX {
        return Err(LoadError::TooLarge(bytes.len() as u64));
    }
    Ok(bytes.into())
}

//! What tells one content of a file from another without reading it.

use std::path::Path;
use std::time::SystemTime;

/// Length, time and identity of the file that a path leads to, through symlinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    /// Device and inode: a file that was renamed over another may have its length and time.
    identity: (u64, u64),
}

impl Stamp {
    pub(super) async fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = tokio::fs::metadata(path).await?;
        Ok(Self { len: metadata.len(), modified: metadata.modified().ok(), identity: identity(&metadata) })
    }
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> (u64, u64) {
    (0, 0)
}

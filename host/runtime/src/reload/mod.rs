//! Hot reload: where a plugin comes from, which version a trigger runs now, and the watch over a plugin's file.
//!
//! Always holds: a version serves only after it was compiled, linked and probed with the settings of every trigger that uses
//! it; batches under way finish on the version they began with.

mod bell;
mod file;
mod slot;
mod source;
mod stamp;
mod way;

pub use file::{PluginFile, PluginUse};
pub use slot::Slot;
pub use source::PluginSource;

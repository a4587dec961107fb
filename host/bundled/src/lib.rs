//! The plugins that come with Tripline, as the components that the build made of `plugins/`.
//!
//! Invariant: every plugin named here is in the binary; one that does not build fails the build. Knows nothing of how
//! components run.

use std::fmt;

/// A plugin that is part of the host's binary: `plugin = "bundled:<name>"` in `tripline.toml`.
#[derive(Clone, Copy)]
pub struct Bundled {
    pub name: &'static str,
    /// A component.
    pub bytes: &'static [u8],
}

impl fmt::Debug for Bundled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundled").field("name", &self.name).field("bytes", &self.bytes.len()).finish()
    }
}

macro_rules! bundled {
    ($name:literal) => {
        Bundled { name: $name, bytes: include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".wasm")) }
    };
}

/// All of them. The build script builds the same names.
pub static PLUGINS: &[Bundled] = &[bundled!("cross-region-writer"), bundled!("analytics-counter"), bundled!("notification-mailer")];

/// The contract with plugins: each file of `wit/`, by its path in there, and its text.
pub static WIT: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/wit.rs"));

/// The component that the runtime's tests misuse.
#[cfg(feature = "fixture")]
pub static FIXTURE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/fixture.wasm"));

/// The component that the benchmark runs: it reads two attributes of the new image.
#[cfg(feature = "bench")]
pub static TWO_ATTRIBUTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/two-attributes.wasm"));

pub fn plugin(name: &str) -> Option<&'static Bundled> {
    PLUGINS.iter().find(|plugin| plugin.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component begins with these bytes; a core module has version 1 and layer 0.
    const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

    #[track_caller]
    fn check_component(name: &str, bytes: &[u8]) {
        assert_eq!(bytes.get(..COMPONENT.len()), Some(COMPONENT), "{name} is no component");
        let handler = b"tripline:trigger/handler@";
        assert!(bytes.windows(handler.len()).any(|window| window == handler), "{name} exports no handler");
    }

    #[test]
    fn every_plugin_is_a_component_that_exports_a_handler() {
        for plugin in PLUGINS {
            check_component(plugin.name, plugin.bytes);
        }
        #[cfg(feature = "fixture")]
        check_component("fixture", FIXTURE);
    }

    #[test]
    fn plugins_are_found_by_name() {
        for name in ["cross-region-writer", "analytics-counter", "notification-mailer"] {
            assert_eq!(plugin(name).map(|plugin| plugin.name), Some(name));
        }
        assert!(plugin("fixture").is_none());
    }
}

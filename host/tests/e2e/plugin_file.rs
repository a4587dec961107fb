//! A plugin's file, replaced as builds replace it.

use std::path::Path;

/// Another version of a component: the same code, with a custom section that names it. Section 0, its length, its name's length, its name.
pub(crate) fn version(component: &[u8], name: &str) -> Vec<u8> {
    let mut bytes = component.to_vec();
    bytes.push(0);
    bytes.push(u8::try_from(name.len() + 1).unwrap());
    bytes.push(u8::try_from(name.len()).unwrap());
    bytes.extend_from_slice(name.as_bytes());
    bytes
}

/// As a careful build does it.
pub(crate) fn rename_over(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes).unwrap();
    std::fs::rename(beside, path).unwrap();
}

//! What a core module exports and imports.

use std::collections::BTreeSet;

use wasmparser::{Encoding, Parser, Payload};

use super::Error;

/// What `wit-bindgen` leaves in a module: its contract.
const CONTRACT_SECTION: &str = "component-type";
/// Of one import's module: a message must not be longer than a screen.
const NAMED_MAX: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Module {
    exports: BTreeSet<String>,
    /// Module and name.
    imports: Vec<(String, String)>,
    pub(super) has_contract: bool,
}

impl Module {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.first_chunk::<8>() {
            Some([0, b'a', b's', b'm', ..]) => {}
            _ => return Err(Error::NotWasm),
        }
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(damaged)? {
                Payload::Version { encoding: Encoding::Component, .. } => return Err(Error::AlreadyComponent),
                Payload::ExportSection(exports) => {
                    for export in exports {
                        module.exports.insert(export.map_err(damaged)?.name.to_owned());
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import.map_err(damaged)?;
                        module.imports.push((import.module.to_owned(), import.name.to_owned()));
                    }
                }
                Payload::CustomSection(section) if section.name().starts_with(CONTRACT_SECTION) => module.has_contract = true,
                _ => {}
            }
        }
        Ok(module)
    }

    pub(super) fn exports(&self, name: &str) -> bool {
        self.exports.contains(name)
    }

    /// Those that differ from `name` in what follows its `@` alone; the first few.
    pub(super) fn exports_like(&self, name: &str) -> Vec<String> {
        let Some((interface, _)) = name.split_once('@') else { return Vec::new() };
        let is_like = |export: &&String| export.split_once('@').is_some_and(|(found, _)| found == interface);
        self.exports.iter().filter(is_like).take(NAMED_MAX).cloned().collect()
    }

    pub(super) fn imports_of(&self, from: &str) -> Vec<String> {
        self.imports_but(|module| module != from)
    }

    /// As `module.name`, those from modules that `known` does not hold; the first few.
    pub(super) fn imports_but(&self, known: impl Fn(&str) -> bool) -> Vec<String> {
        let unknown = self.imports.iter().filter(|(from, _)| !known(from)).map(|(from, name)| format!("{from}.{name}"));
        unknown.take(NAMED_MAX).collect()
    }
}

fn damaged(error: wasmparser::BinaryReaderError) -> Error {
    Error::Damaged(error.to_string())
}

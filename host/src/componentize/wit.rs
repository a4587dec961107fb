//! A contract: WIT files, resolved, and one world of them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use wit_parser::{
    LiftLowerAbi, ManglingAndAbi, PackageId, Resolve, SourceMap, UnresolvedPackageGroup, WasmExport, WasmExportKind, WorldId, WorldItem,
};

/// The contract's world with all imports.
pub(super) const WORLD: &str = "plugin-with-http";

#[derive(Debug)]
pub(super) struct Contract {
    pub(super) resolve: Resolve,
    pub(super) world: WorldId,
}

impl Contract {
    pub(super) fn of_folder(folder: &Path, world: Option<&str>) -> Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_path(folder).with_context(|| folder.display().to_string())?;
        Self::of(resolve, package, world)
    }

    /// Path and text of each file; those under `deps/NAME/` are packages of their own.
    pub(super) fn of_files(files: &[(&str, &str)], world: &str) -> Result<Self> {
        let mut packages: BTreeMap<&str, SourceMap> = BTreeMap::new();
        for (path, text) in files {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            packages.entry(folder).or_default().push_str(path, *text);
        }
        let main = parse(packages.remove("").context("it has no file outside of `deps`")?)?;
        let deps = packages.into_values().map(parse).collect::<Result<_>>()?;
        let mut resolve = Resolve::default();
        let package = resolve.push_groups(main, deps).map_err(|error| anyhow!("{error}"))?;
        Self::of(resolve, package, Some(world))
    }

    fn of(resolve: Resolve, package: PackageId, world: Option<&str>) -> Result<Self> {
        let world = match (resolve.select_world(&[package], world), world) {
            // Of several, the one with all that there is: what a module does not import, the component does not either.
            (Err(error), None) => resolve.select_world(&[package], Some(WORLD)).map_err(|_| error)?,
            (selected, _) => selected.with_context(|| {
                let worlds: Vec<&str> = resolve.packages[package].worlds.keys().map(String::as_str).collect();
                format!("it has these worlds: {}", worlds.join(", "))
            })?,
        };
        Ok(Self { resolve, world })
    }

    /// What a core module must export: for each function its names, of which one is enough.
    pub(super) fn exports(&self) -> Vec<Vec<String>> {
        let names = |interface, func| {
            let name = |mangling| {
                self.resolve
                    .wasm_export_name(mangling, WasmExport::Func { interface, func, kind: WasmExportKind::Normal })
            };
            vec![name(ManglingAndAbi::Legacy(LiftLowerAbi::Sync)), name(ManglingAndAbi::Standard32)]
        };
        let mut exports = Vec::new();
        for (key, item) in &self.resolve.worlds[self.world].exports {
            match item {
                WorldItem::Interface { id, .. } => {
                    exports.extend(self.resolve.interfaces[*id].functions.values().map(|func| names(Some(key), func)));
                }
                WorldItem::Function(func) => exports.push(names(None, func)),
                WorldItem::Type { .. } => {}
            }
        }
        exports
    }

    /// Whether a core module may import from `module`.
    pub(super) fn has_import(&self, module: &str) -> bool {
        let world = &self.resolve.worlds[self.world];
        let root = module == "$root" || module == "cm32p2";
        // What belongs to resources that the guest itself exports.
        root || module.starts_with("[export]")
            || world.imports.keys().any(|key| {
                let name = self.resolve.name_world_key(key);
                module == name || module.strip_prefix("cm32p2|").is_some_and(|short| name.starts_with(short))
            })
    }
}

fn parse(sources: SourceMap) -> Result<UnresolvedPackageGroup> {
    sources.parse().map_err(|(sources, error)| anyhow!("{}", error.render(&sources)))
}

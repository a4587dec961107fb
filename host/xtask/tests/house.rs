//! The rules of the house that a compiler does not know: who may import whom, and how large a file may be.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// What each package of the workspace may import of the others; `*`: all. A package that is not here may not exist.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("tripline-core", &[]),
    ("tripline-wire", &[]),
    ("tripline-stream", &["tripline-core", "tripline-wire"]),
    ("tripline-runtime", &["tripline-core"]),
    ("tripline-capability", &["tripline-core", "tripline-wire"]),
    ("tripline-store", &["tripline-core"]),
    ("tripline-admin", &["tripline-core"]),
    ("tripline-local", &["tripline-core", "tripline-world"]),
    ("tripline-world", &[]),
    ("tripline-sim", &["tripline-core", "tripline-world"]),
    ("tripline-bundled", &[]),
    ("tripline-starter", &[]),
    ("tripline", &["*"]),
    ("tripline-sdk-macros", &[]),
    ("tripline-sdk", &["tripline-sdk-macros"]),
    ("cross-region-writer", &["tripline-sdk"]),
    ("analytics-counter", &["tripline-sdk"]),
    ("notification-mailer", &["tripline-sdk"]),
    ("fixture", &["tripline-sdk"]),
    ("tripline-bench", &["*"]),
    ("two-attributes", &["tripline-sdk"]),
    ("search-index-rust", &["tripline-sdk"]),
    ("xtask", &[]),
];

/// What tests may import besides.
const TESTS_MAY_IMPORT: [&str; 3] = ["tripline-bundled", "tripline-local", "tripline-world"];

/// Versions of the contract that no release speaks.
const TEST_VERSIONS: &str = "test-versions";

/// Core decides and does nothing else: crates that do IO, by name or by the beginning of it.
const NOT_IN_CORE: [&str; 9] = ["tokio", "aws-", "wasmtime", "rusqlite", "libsqlite3-sys", "hyper", "reqwest", "mio", "tracing"];

const LINES_MAX: usize = 500;
const SOURCE_ROOTS: [&str; 6] = ["host", "sdk", "plugins", "examples", "wit", "fuzz"];
const SOURCES: [&str; 12] = ["rs", "wit", "py", "js", "ts", "mjs", "go", "c", "cpp", "h", "hpp", "zig"];
/// What tools make in source folders, or others have written.
const NOT_SOURCE: [&str; 7] = ["target", "node_modules", "__pycache__", "deps", "bindings", "generated", "guest"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn metadata(options: &[&str]) -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml"));
    command.other_options(options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>());
    command.exec().unwrap()
}

/// `importer -> imported` for every edge between packages of the workspace that `allowed` does not allow.
fn forbidden(metadata: &Metadata, allowed: &BTreeMap<&str, &[&str]>) -> Vec<String> {
    let members = metadata.workspace_packages();
    let names: BTreeSet<&str> = members.iter().map(|package| package.name.as_str()).collect();
    let mut edges = Vec::new();
    for package in members {
        let importer = package.name.as_str();
        let Some(may) = allowed.get(importer) else {
            edges.push(format!("{importer} -> ? (not in MAY_IMPORT)"));
            continue;
        };
        for dependency in &package.dependencies {
            let imported = dependency.name.as_str();
            // Of itself: to turn on what only its tests have.
            let for_tests =
                dependency.kind == DependencyKind::Development && (TESTS_MAY_IMPORT.contains(&imported) || imported == importer);
            if names.contains(imported) && !may.contains(&imported) && !may.contains(&"*") && !for_tests {
                edges.push(format!("{importer} -> {imported}"));
            }
        }
    }
    edges
}

#[test]
fn imports_go_one_way() {
    let metadata = metadata(&["--no-deps"]);
    let mut allowed: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    assert_eq!(forbidden(&metadata, &allowed), Vec::<String>::new());
    let members: BTreeSet<_> = metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let ghosts: Vec<_> = allowed.keys().filter(|name| !members.contains(**name)).collect();
    assert!(ghosts.is_empty(), "in MAY_IMPORT and not in the workspace: {ghosts:?}");
    // The test sees edges at all: without leave for core, the siblings fail.
    allowed.insert("tripline-admin", &[]);
    assert_eq!(forbidden(&metadata, &allowed), ["tripline-admin -> tripline-core"]);
}

#[test]
fn what_is_for_tests_is_in_no_host() {
    let metadata = metadata(&["--no-deps"]);
    let turned_on = |kind: DependencyKind| {
        let dependencies = metadata.workspace_packages().into_iter().flat_map(|package| &package.dependencies);
        dependencies
            .filter(|dependency| dependency.kind == kind)
            .any(|dependency| dependency.features.iter().any(|feature| feature == TEST_VERSIONS))
    };
    assert!(!turned_on(DependencyKind::Normal) && !turned_on(DependencyKind::Build));
    assert!(turned_on(DependencyKind::Development));
    let runtime = metadata.packages.iter().find(|package| package.name.as_str() == "tripline-runtime").unwrap();
    assert_eq!(runtime.features.get(TEST_VERSIONS), Some(&Vec::new()));
    assert!(!runtime.features.contains_key("default"));
}

fn host_triple() -> String {
    let output = std::process::Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// Names of all crates that `package` is built with, tests and build scripts left out.
fn tree(metadata: &Metadata, package: &str) -> BTreeSet<String> {
    let resolve = metadata.resolve.as_ref().unwrap();
    let package = metadata.packages.iter().find(|found| found.name.as_str() == package).unwrap();
    let mut seen: BTreeSet<PackageId> = BTreeSet::new();
    let mut open = vec![package.id.clone()];
    while let Some(id) = open.pop() {
        if seen.insert(id.clone()) {
            let normal = resolve[&id]
                .deps
                .iter()
                .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal));
            open.extend(normal.map(|dep| dep.pkg.clone()));
        }
    }
    seen.iter().map(|id| metadata[id].name.to_string()).collect()
}

fn does_io(name: &str) -> bool {
    NOT_IN_CORE
        .iter()
        .any(|banned| if banned.ends_with('-') { name.starts_with(banned) } else { name == *banned })
}

#[test]
fn core_is_built_without_io() {
    // Of this platform only, so that nothing is fetched that the build has not.
    let metadata = metadata(&["--locked", "--filter-platform", &host_triple()]);
    let core = tree(&metadata, "tripline-core");
    let io: Vec<_> = core.iter().filter(|name| does_io(name)).collect();
    assert!(io.is_empty(), "tripline-core depends on {io:?}");
    // The walk sees more than the first step, and the list finds what it is for.
    assert!(core.contains("serde_core") || core.contains("itoa"), "{core:?}");
    assert!(tree(&metadata, "tripline").iter().filter(|name| does_io(name)).count() > 5);
}

#[test]
fn files_stay_small() {
    let mut files = Vec::new();
    for folder in SOURCE_ROOTS {
        collect(&root().join(folder), &mut files);
    }
    assert!(files.len() > 50, "only {} files found", files.len());
    let large: Vec<_> = files.iter().filter(|(_, lines)| *lines > LINES_MAX).collect();
    assert!(large.is_empty(), "more than {LINES_MAX} lines; split them: {large:#?}");
}

/// Every source file under `folder` with the count of its lines.
fn collect(folder: &Path, files: &mut Vec<(PathBuf, usize)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !NOT_SOURCE.contains(&name.as_str()) && !name.starts_with('.') {
                collect(&path, files);
            }
        } else if path.extension().is_some_and(|extension| SOURCES.iter().any(|source| extension == *source)) {
            files.push((path.clone(), fs::read_to_string(&path).unwrap().lines().count()));
        }
    }
}

/// `| … | shown by |` of docs/delivery.md: each test that it names is one.
#[test]
fn tests_that_the_docs_name_are_there() {
    let page = fs::read_to_string(root().join("docs/delivery.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.ends_with("(core) |") || line.ends_with("(e2e) |")).collect();
    let names = rows
        .iter()
        .filter_map(|row| row.rsplit(" | ").next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let names: Vec<&str> = names.collect();
    assert!(names.len() >= 10, "{names:?}");
    let mut files = Vec::new();
    for folder in ["host/core/src/delivery", "host/core/src/follower", "host/tests/e2e"] {
        collect(&root().join(folder), &mut files);
    }
    let sources: String = files.iter().map(|(file, _)| fs::read_to_string(file).unwrap()).collect();
    let missing: Vec<_> = names.iter().filter(|name| !sources.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "docs/delivery.md names tests that are not there: {missing:?}");
}

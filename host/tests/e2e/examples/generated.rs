//! What the SDKs' own tests say, and that files which are generated from the contract are those that it makes now.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{files, node_tools, repository, run};
use crate::harness::tool;

/// Files by their names below the folder.
fn contents(folder: &Path) -> BTreeMap<String, String> {
    let mut all = Vec::new();
    if folder.is_dir() {
        files(folder, &mut all);
    }
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    all.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// What is committed is what was made; UPDATE_EXPECT=1 makes it so.
#[track_caller]
pub(crate) fn check_fresh(committed: &Path, made: &Path) {
    let (old, new) = (contents(committed), contents(made));
    assert!(!new.is_empty(), "nothing was generated for {}", committed.display());
    if old != new && std::env::var_os("UPDATE_EXPECT").is_some() {
        let _ = fs::remove_dir_all(committed);
        for (name, text) in &new {
            let path = committed.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        return;
    }
    let names = || old.keys().chain(new.keys());
    let stale: Vec<&String> = names().filter(|name| old.get(*name) != new.get(*name)).collect();
    assert!(
        stale.is_empty(),
        "{} is older than the contract or the SDK: {stale:?}. `UPDATE_EXPECT=1 cargo test --workspace --test e2e generated` makes it anew",
        committed.display()
    );
}

#[test]
fn javascript_types_are_fresh_and_sound() {
    let (sdk, made) = (repository().join("sdk/javascript"), tempfile::tempdir().unwrap());
    let bin = node_tools().join("node_modules/.bin");
    let guest = made.path().join("guest");
    run(Command::new(bin.join("jco"))
        .arg("guest-types")
        .arg(sdk.join("wit"))
        .args(["-q", "-n", "plugin-with-http", "-o"])
        .arg(&guest));
    check_fresh(&sdk.join("types/guest"), &guest);
    fs::remove_dir_all(guest).unwrap();
    // Checks the sources as well; with the contract's types as they are committed, which were just compared.
    run(Command::new(bin.join("tsc"))
        .arg("-p")
        .arg(sdk.join("tsconfig.json"))
        .arg("--outDir")
        .arg(made.path()));
    let guest = contents(&sdk.join("types/guest"));
    for (name, text) in guest {
        let path = made.path().join("guest").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    check_fresh(&sdk.join("types"), made.path());
}

/// As an author's editor sees it, with the SDK where npm would have put it.
#[test]
fn examples_in_typescript_are_sound() {
    let (repository, made) = (repository(), tempfile::tempdir().unwrap());
    // What its README begins with, too.
    let readme = fs::read_to_string(repository.join("sdk/javascript/README.md")).unwrap();
    let (_, after) = readme.split_once("```ts\n").unwrap();
    fs::write(made.path().join("readme.ts"), after.split_once("```").unwrap().0).unwrap();
    let example = repository.join("examples/audit-log-typescript");
    let config = serde_json::json!({
        "extends": example.join("tsconfig.json"),
        "compilerOptions": { "paths": { "@tripline/sdk": [repository.join("sdk/javascript/types/index.d.ts")] } },
        "files": ["readme.ts", example.join("plugin.ts")],
    });
    fs::write(made.path().join("tsconfig.json"), config.to_string()).unwrap();
    run(Command::new(node_tools().join("node_modules/.bin/tsc")).arg("-p").arg(made.path()));
}

#[test]
fn python_bindings_are_fresh_and_types_sound() {
    let (sdk, made) = (repository().join("sdk/python"), tempfile::tempdir().unwrap());
    let mut generate = Command::new(tool("componentize-py"));
    generate
        .args(["-q", "-d"])
        .arg(sdk.join("tripline_sdk/wit"))
        .args(["-w", "plugin-with-http", "bindings"])
        .arg(made.path());
    run(&mut generate);
    // What the contract has no part in.
    for name in fs::read_dir(made.path()).unwrap().map(|entry| entry.unwrap().file_name()) {
        let path = made.path().join(&name);
        match name.to_str() {
            Some("wit_world" | "componentize_py_types.py") => {}
            _ if path.is_dir() => fs::remove_dir_all(path).unwrap(),
            _ => fs::remove_file(path).unwrap(),
        }
    }
    check_fresh(&sdk.join("bindings"), made.path());
    let cache = tempfile::tempdir().unwrap();
    for packages in [&[][..], &["-p", "tests"]] {
        run(Command::new(tool("mypy")).arg("--cache-dir").arg(cache.path()).args(packages).current_dir(&sdk));
    }
}

#[test]
fn javascript_sdk_in_node() {
    let sdk = repository().join("sdk/javascript");
    let tests: Vec<_> = fs::read_dir(sdk.join("test")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut command = Command::new("node");
    command.args(["--test", "--test-reporter=tap"]).args(&tests);
    let said = run(command.current_dir(sdk));
    let passed = said.lines().find_map(|line| line.strip_prefix("# pass ")?.parse::<usize>().ok());
    // Each file has tests of its own, which count where they ran.
    assert!(said.contains("# fail 0") && said.contains("# skipped 0") && passed > Some(tests.len()), "{said}");
}

#[test]
fn python_sdk_in_python() {
    let mut command = Command::new(tool("python"));
    command.args(["-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."]);
    let said = run(command.current_dir(repository().join("sdk/python")));
    assert!(said.contains("\nOK") && !said.contains("Ran 0 tests") && !said.contains("skipped"), "{said}");
}

#[test]
fn the_npm_package_holds_the_contract() {
    let copied = tempfile::tempdir().unwrap();
    run(Command::new("cp").arg("-rL").arg(repository().join("sdk/javascript")).arg(copied.path()));
    let mut pack = Command::new("npm");
    pack.args(["pack", "--dry-run", "--json", "--ignore-scripts"])
        .current_dir(copied.path().join("javascript"));
    let said = run(&mut pack);
    for file in [
        "wit/world.wit",
        "wit/deps/",
        "src/index.js",
        "types/index.d.ts",
        "types/guest/plugin-with-http.d.ts",
        "bin/http-world.js",
        "bin/lambda.js",
        "bin/tripline-js.js",
    ] {
        assert!(said.contains(&format!("\"{file}")), "{file} is not packed: {said}");
    }
}

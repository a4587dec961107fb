//! `tripline new`: each language's project, outside this repository, by its README's commands; and then an author's loop on it.
//!
//! What a README installs is not installed here: `cargo xtask test` has it, and the project is given that. All else is run as it stands there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tokio::sync::Mutex;

use crate::author::{Author, dev, put_order};
use crate::examples::{node_tools, repository, run};
use crate::harness::{tools, tripline};

/// One at a time: each takes all processors for a while.
static ONE: Mutex<()> = Mutex::const_new(());

const NAME: &str = "order-counter";

/// How a language is tried.
struct Case {
    language: &'static str,
    source: &'static str,
    /// Commands of the README that are not run, since `give` has done it.
    installs: &'static [&'static str],
    /// Puts what those would install where they would.
    give: fn(&Path),
    /// What the handler logs, and what an edit makes of it.
    edit: (&'static str, &'static str),
    /// What no tool of the language takes.
    broken: &'static str,
}

const RUST: Case = Case {
    language: "rust",
    source: "src/lib.rs",
    installs: &[],
    give: |project| {
        // Crates of the registry are built once for all runs; where they are, cargo need not be told.
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-rust");
        fs::create_dir_all(&target).unwrap();
        symlink(target, project.join("target")).unwrap();
    },
    edit: ("order {} is {}", "ORDER {} is {}"),
    broken: "fn on_change(",
};

const TYPESCRIPT: Case = Case {
    language: "typescript",
    source: "plugin.ts",
    installs: &["npm install"],
    give: |project| {
        let (modules, from) = (project.join("node_modules"), node_tools().join("node_modules"));
        fs::create_dir_all(modules.join("@tripline")).unwrap();
        fs::create_dir_all(modules.join(".bin")).unwrap();
        symlink(project.join("tripline-sdk"), modules.join("@tripline/sdk")).unwrap();
        for package in ["esbuild", "componentize-qjs", "typescript"] {
            symlink(from.join(package), modules.join(package)).unwrap();
        }
        for program in ["esbuild", "tsc"] {
            symlink(from.join(".bin").join(program), modules.join(".bin").join(program)).unwrap();
        }
        symlink(project.join("tripline-sdk/bin/tripline-js.js"), modules.join(".bin/tripline-js")).unwrap();
        executable(&project.join("tripline-sdk/bin/tripline-js.js"));
    },
    edit: ("`order ${", "`ORDER ${"),
    broken: "export default onChange<Order>((change) => {{{",
};

const PYTHON: Case = Case {
    language: "python",
    source: "plugin.py",
    installs: &["python3 -m venv .venv", ".venv/bin/pip install -r requirements.txt"],
    give: |project| symlink(fs::canonicalize(tools().join("venv")).unwrap(), project.join(".venv")).unwrap(),
    edit: ("f\"order {", "f\"ORDER {"),
    broken: "def handle(change: Change -> None",
};

const GO: Case =
    Case { language: "go", source: "main.go", installs: &[], give: |_| (), edit: ("\"order %s", "\"ORDER %s"), broken: "func handle(" };

/// As npm makes what a package calls its programs.
fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A folder with the binary alone, in front of PATH; no registry is asked for anything.
fn environment(command: &mut Command, bin: &Path, project: &Path) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Behind all: what was set up for tests, as `go` is.
    let venv = tools().join("venv/bin");
    let paths = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path)).chain([venv]);
    command.env("PATH", std::env::join_paths(paths).unwrap());
    command
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .env("CARGO_INCREMENTAL", "0");
    command.env("GOPROXY", "off").env("GOTOOLCHAIN", "local").env("GOFLAGS", "");
    command.env("PYTHONPATH", project.join("tripline-sdk")).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).env_remove("TRIPLINE_LOG");
    for name in ["CARGO", "RUSTC", "RUSTC_WORKSPACE_WRAPPER", "RUSTUP_TOOLCHAIN", "CARGO_ENCODED_RUSTFLAGS"] {
        command.env_remove(name);
    }
}

/// The commands that the README has in its first block.
fn commands(project: &Path) -> Vec<String> {
    let readme = fs::read_to_string(project.join("README.md")).unwrap();
    let block = readme.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
    block.lines().map(|line| line.split(" #").next().unwrap().trim().to_owned()).collect()
}

async fn check(case: &Case) {
    let one = ONE.lock().await;
    let dir = tempfile::tempdir().unwrap();
    assert!(!dir.path().starts_with(repository()));
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_tripline"), bin.join("tripline")).unwrap();
    let said = run(tripline().args(["new", NAME, "--lang", case.language]).current_dir(dir.path()));
    let project = dir.path().join(NAME);
    assert!(said.contains("order-counter is there") && said.contains(case.source), "{said}");
    (case.give)(&project);

    let listed = commands(&project);
    assert_eq!(listed.last().map(String::as_str), Some("tripline dev"));
    let mut tested = String::new();
    for command in &listed[..listed.len() - 1] {
        if case.installs.contains(&command.as_str()) {
            continue;
        }
        let mut shell = Command::new("sh");
        environment(&mut shell, &bin, &project);
        tested = run(shell.args(["-c", command]).current_dir(&project));
    }
    assert!(tested.contains("5 changes: 5 ok"), "{tested}");
    assert!(case.installs.iter().all(|command| listed.contains(&(*command).to_owned())), "{listed:?}");
    author(case, &project, &bin).await;
    drop(one);
}

/// A project that is built already, and a day at it.
async fn author(case: &Case, project: &Path, bin: &Path) {
    let mut command = dev(project);
    environment(&mut command, bin, project);
    let mut author = Author::start(command);
    let endpoint = author.endpoint();
    let began = author.until("-- serves");
    author.until(r#"5 REMOVE {"id":{"S":"o-1"}}: ok"#);
    assert!(author.said().contains("order o-1 is new\n  counter orders{status=\"new\"} +1"), "{}", author.said());

    let source = project.join(case.source);
    let good = fs::read_to_string(&source).unwrap();
    fs::write(&source, format!("{good}\n{}\n", case.broken)).unwrap();
    author.until("the version before goes on serving");
    put_order(&endpoint, "o-9", "paid").await;
    author.until(r#"6 INSERT {"id":{"S":"o-9"}}: ok"#);
    author.until("order o-9 is paid");

    assert!(good.contains(case.edit.0), "{good}");
    fs::write(&source, good.replace(case.edit.0, case.edit.1)).unwrap();
    let serves = author.until("after the save: built in");
    author.until("ORDER o-1 is new");
    let (status, said) = author.interrupt();
    assert!(status.success(), "{status}: {said}");
    println!("{}: {began}; {serves}", case.language);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_project_works_as_its_readme_says() {
    check(&RUST).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typescript_project_works_as_its_readme_says() {
    check(&TYPESCRIPT).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_project_works_as_its_readme_says() {
    check(&PYTHON).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_go_project_works_as_its_readme_says() {
    check(&GO).await;
}

/// In a folder with a folder `there`; the exit status, and what is said.
#[track_caller]
fn check_refused(arguments: &[&str], status: i32, expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("there")).unwrap();
    fs::write(dir.path().join("there/mine"), "").unwrap();
    let output = tripline().arg("new").args(arguments).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert!(said.contains(expected), "{said}");
    let left: Vec<PathBuf> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [dir.path().join("there")], "something was left");
    assert!(dir.path().join("there/mine").exists());
}

#[test]
fn what_cannot_be_made_is_refused_with_a_remedy_and_leaves_nothing() {
    check_refused(&["there", "--lang", "rust"], 1, "there is there already: choose another name, or another folder with --dir");
    check_refused(&["mine", "--lang", "rust", "--dir", "there"], 1, "there is there already");
    check_refused(&["Mine", "--lang", "rust"], 1, "`Mine` cannot name a project: use 1 to 64 small letters");
    check_refused(&["../mine", "--lang", "rust"], 1, "cannot name a project");
    check_refused(&["serde", "--lang", "rust"], 1, "choose another, as `serde-trigger`");
    check_refused(&["mine", "--lang", "pyton"], 2, "did you mean `python`?");
    check_refused(&["mine", "--lang", "cobol"], 2, "there is a project for rust, typescript, python, go");
    check_refused(&["mine"], 2, "--lang <LANGUAGE>");
    check_refused(&["mine", "--lang", "rust", "--dir", "nowhere/mine"], 1, "make that folder first, and writable");
}

//! xtask among programs that only write down how they were called: what it runs, in which order, and what it says when it cannot.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

/// Says where the target's libraries would be.
const RUSTC: &str = r#"echo "$BENCH/libdir""#;
const RUSTUP: &str = r#"log "rustup $*"; /bin/mkdir -p "$BENCH/libdir""#;
/// Fails where the file `fail` names its first argument.
const CARGO: &str = r#"log "cargo $*"; echo '{"from":"cargo"}'
[ "$1" = test ] && log "tools $TRIPLINE_TOOLS"
[ "$1" = "$(/bin/cat "$BENCH/fail" 2>/dev/null)" ] && exit 7; exit 0"#;
/// `python3 -m venv --clear DIR` makes an environment whose Python writes down what it is asked.
const PYTHON: &str = r#"log "python3 $*"
if [ "$2" = venv ]; then /bin/mkdir -p "$4/bin"; /bin/cp "$BENCH/bin/venv-python" "$4/bin/python"; fi"#;
const VENV_PYTHON: &str = r#"[ "$1" = --version ] || log "pip $*""#;
const NODE: &str = "echo v20.1.0";
const NPM: &str = r#"[ "$1" = --version ] || { log "npm $*"; /bin/mkdir -p node_modules; }"#;
/// Knows the package only where it was given lists of its own.
const APT: &str = r#"log "apt-get $*"
if [ "$1" = download ]; then [ "$2" = -o ] || exit 100; : > "${4}_2_amd64.deb"; fi"#;
const DPKG: &str = r#"log "dpkg-deb $*"; /bin/mkdir -p "$3/usr/bin" "$3/usr/lib/triplet/faketime"
: > "$3/usr/bin/prometheus"; : > "$3/usr/bin/promtool"; : > "$3/usr/lib/triplet/faketime/libfaketime.so.1""#;

/// One test at a time: a process that another thread begins while a script is written holds that script open, and Linux
/// refuses to run it (ETXTBSY).
static ONE: Mutex<()> = Mutex::new(());

struct Bench {
    folder: TempDir,
    _one: MutexGuard<'static, ()>,
}

impl Bench {
    /// With these programs on PATH.
    fn new(programs: &[&str]) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), _one: ONE.lock().unwrap_or_else(PoisonError::into_inner) };
        fs::create_dir_all(bench.path("bin")).unwrap();
        for (name, script) in [("rustc", RUSTC), ("cargo", CARGO), ("venv-python", VENV_PYTHON)] {
            bench.program(name, script);
        }
        for name in programs {
            let script = match *name {
                "rustup" => RUSTUP,
                "python3" => PYTHON,
                "node" => NODE,
                "npm" => NPM,
                "apt-get" => APT,
                "dpkg-deb" => DPKG,
                _ => "exit 0",
            };
            bench.program(name, script);
        }
        bench
    }

    fn with_target(self) -> Self {
        fs::create_dir_all(self.path("libdir")).unwrap();
        self
    }

    /// Taken from its package before.
    fn with_library(self) -> Self {
        fs::create_dir_all(self.path("target/tools/debian")).unwrap();
        fs::write(self.path("target/tools/debian/libfaketime.stamp"), "").unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        let text = format!("#!/bin/sh\nlog() {{ echo \"$*\" >> \"$BENCH/log\"; }}\n{script}\n");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(args)
            .env("BENCH", self.folder.path())
            .env("PATH", self.path("bin"))
            .env("CARGO", self.path("bin/cargo"))
            .env("CARGO_TARGET_DIR", self.path("target"))
            .env_remove("RUSTC")
            .output()
            .unwrap()
    }

    /// What was called since the last time, with the bench's folder cut from it.
    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("log")).unwrap_or_default();
        let _ = fs::remove_file(self.path("log"));
        let folder = self.folder.path().to_str().unwrap();
        text.lines().map(|line| line.replace(folder, "").trim_end().to_owned()).collect()
    }

    /// Runs xtask and compares its exit status and the calls it made; returns what it said.
    #[track_caller]
    fn check(&self, args: &[&str], status: i32, calls: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert_eq!(self.calls(), calls, "{said}");
        said
    }
}

#[test]
fn the_demo_is_handed_its_arguments_and_keeps_its_stdout_and_status() {
    let bench = Bench::new(&[]).with_target();
    let args = ["demo", "--once", "--records", "50", "--json"];
    bench.check(&args, 0, &["cargo run --package tripline -- demo --once --records 50 --json"]);
    bench.check(&["demo", "--once", "--release"], 0, &["cargo run --package tripline --release -- demo --once"]);
    fs::write(bench.path("fail"), "run").unwrap();
    let output = bench.run(&args);
    assert_eq!((output.status.code(), &*output.stdout), (Some(7), &b"{\"from\":\"cargo\"}\n"[..]));
}

#[test]
fn a_missing_target_is_added() {
    let bench = Bench::new(&["rustup"]);
    let build = "cargo build --package tripline-bundled";
    bench.check(&["plugins"], 0, &["rustup target add wasm32-wasip2", build]);
    bench.check(&["plugins"], 0, &[build]);
}

#[test]
fn what_cannot_be_set_up_is_named_with_the_command_for_it() {
    let said = Bench::new(&[]).check(&["plugins"], 1, &[]);
    assert!(said.contains("`rustup target add wasm32-wasip2`"), "{said}");
    let said = Bench::new(&[]).with_target().check(&["test"], 1, &[]);
    assert!(said.contains("`sudo apt-get install python3-venv`"), "{said}");
    let said = Bench::new(&["python3", "prometheus", "promtool"])
        .with_target()
        .with_library()
        .check(&["test"], 1, &[PROBE, VENV, PIP]);
    assert!(said.contains("Node 20") && said.contains("`sudo apt-get install nodejs npm`"), "{said}");
    let said = Bench::new(&[]).check(&["deny"], 1, &[]);
    assert!(said.contains("`cargo install --locked cargo-deny`"), "{said}");
}

const PROBE: &str = "python3 -c import ensurepip, venv";
const VENV: &str = "python3 -m venv --clear /target/tools/venv";
const PIP: &str = "pip -m pip install --quiet --disable-pip-version-check --requirement /target/tools/requirements.txt";
const INSTALL: &str = "npm ci --ignore-scripts --no-audit --no-fund --loglevel error";
const FORMAT: &str = "cargo fmt --all --check";
const FORMAT_FUZZ: &str = "cargo fmt --manifest-path fuzz/Cargo.toml --check";
const CLIPPY: &str = "cargo clippy --workspace --all-targets -- -D warnings";
const TEST: &str = "cargo test --workspace";
const TOOLS: &str = "tools /target/tools";

#[test]
fn test_runs_all_of_ci_and_sets_up_only_once() {
    let bench = Bench::new(&["python3", "node", "npm", "prometheus", "promtool"]).with_target().with_library();
    let said = bench.check(&["test"], 0, &[PROBE, VENV, PIP, INSTALL, FORMAT, FORMAT_FUZZ, CLIPPY, TEST, TOOLS]);
    assert!(said.contains("all green in") && said.contains("  clippy "), "{said}");
    bench.check(&["test"], 0, &[FORMAT, FORMAT_FUZZ, CLIPPY, TEST, TOOLS]);
    bench.check(&["test", "order", "gap"], 0, &["cargo test --workspace -- order gap", TOOLS]);
    fs::write(bench.path("target/tools/venv/stamp"), "of other requirements").unwrap();
    bench.check(&["test"], 0, &[PROBE, VENV, PIP, FORMAT, FORMAT_FUZZ, CLIPPY, TEST, TOOLS]);
    fs::write(bench.path("target/tools/npm/stamp"), "of another lock").unwrap();
    bench.check(&["test", "order"], 0, &[INSTALL, "cargo test --workspace -- order", TOOLS]);
}

#[test]
fn programs_that_are_not_installed_come_from_debian_packages_once() {
    let bench = Bench::new(&["python3", "node", "npm", "apt-get", "dpkg-deb", "prometheus"]).with_target();
    let lists = "-o Dir::State::Lists=/target/tools/debian/download/lists";
    let (update, download) = (format!("apt-get update {lists}"), format!("apt-get download {lists} prometheus"));
    let extract = "dpkg-deb -x /target/tools/debian/download/prometheus_2_amd64.deb /target/tools/debian";
    let set_up = [PROBE, VENV, PIP, "apt-get download prometheus", &update, &download, extract];
    let library = format!("apt-get download {lists} libfaketime");
    let extract = "dpkg-deb -x /target/tools/debian/download/libfaketime_2_amd64.deb /target/tools/debian";
    let and_library = ["apt-get download libfaketime", &update, &library, extract];
    bench.check(&["test", "x"], 0, &[&set_up[..], &and_library, &[INSTALL, "cargo test --workspace -- x", TOOLS]].concat());
    bench.check(&["test", "x"], 0, &["cargo test --workspace -- x", TOOLS]);
    let found = fs::read_to_string(bench.path("target/tools/debian/libfaketime.so.1.path")).unwrap();
    assert!(Path::new(&found).is_file(), "{found}");
}

#[test]
fn without_apt_the_command_is_named() {
    let said = Bench::new(&["python3"]).with_target().check(&["test"], 1, &[PROBE, VENV, PIP]);
    assert!(said.contains("prometheus and promtool") && said.contains("`sudo apt-get install prometheus`"), "{said}");
}

#[test]
fn crash_sets_up_the_mail_server_and_is_handed_its_arguments() {
    let bench = Bench::new(&["python3", "prometheus", "promtool"]).with_target().with_library();
    let crash = "cargo test --workspace --test crash -- --rounds 30 --json";
    bench.check(&["crash", "--rounds", "30", "--json"], 0, &[PROBE, VENV, PIP, crash, TOOLS]);
    fs::write(bench.path("fail"), "test").unwrap();
    bench.check(&["crash"], 7, &["cargo test --workspace --test crash --", TOOLS]);
}

#[test]
fn the_first_step_that_fails_ends_the_run() {
    let bench = Bench::new(&["python3", "node", "npm", "prometheus", "promtool"]).with_target().with_library();
    fs::write(bench.path("fail"), "clippy").unwrap();
    let said = bench.check(&["test"], 1, &[PROBE, VENV, PIP, INSTALL, FORMAT, FORMAT_FUZZ, CLIPPY]);
    assert!(said.contains("`clippy` failed after") && said.contains(CLIPPY) && !said.contains("all green"), "{said}");
}

#[test]
fn deny_asks_for_licences_bans_and_sources() {
    let fuzz = "cargo deny --manifest-path fuzz/Cargo.toml --config deny.toml check licenses bans sources";
    Bench::new(&["cargo-deny"]).check(&["deny"], 0, &["cargo deny --workspace check licenses bans sources", fuzz]);
}

#[test]
fn fuzz_builds_once_and_runs_each_target_until_one_finds_something() {
    let bench = Bench::new(&[]);
    bench.program("rustc", r#"echo "host: here""#);
    let release = bench.path("target/fuzz/here/release");
    fs::create_dir_all(&release).unwrap();
    let targets = ["slice_page", "sequence_number", "views", "patterns", "items"];
    for target in targets {
        bench.program(
            target,
            &format!("log \"{target} $1\"; [ {target} = \"$(/bin/cat \"$BENCH/fail\" 2>/dev/null)\" ] && exit 77; exit 0"),
        );
        fs::rename(bench.path("bin").join(target), release.join(target)).unwrap();
    }
    let build = "cargo build --release --locked --manifest-path fuzz/Cargo.toml --target here --target-dir /target/fuzz";
    let runs = targets.map(|target| format!("{target} -max_total_time=60"));
    let runs: Vec<&str> = runs.iter().map(String::as_str).collect();
    bench.check(&["fuzz"], 0, &[&[build], &runs[..]].concat());
    bench.check(&["fuzz", "views", "--seconds", "5"], 0, &[build, "views -max_total_time=5"]);
    fs::write(bench.path("fail"), "sequence_number").unwrap();
    let said = bench.check(&["fuzz"], 1, &[&[build], &runs[..2]].concat());
    assert!(said.contains("target `sequence_number` found something") && said.contains("target/fuzz/findings/sequence_number"), "{said}");
    let said = bench.check(&["fuzz", "all"], 1, &[]);
    assert!(said.contains("one of slice_page, sequence_number, views, patterns, items"), "{said}");
}

#[test]
fn an_unknown_command_is_told_what_there_is() {
    for args in [&["tset"][..], &[]] {
        let said = Bench::new(&[]).check(args, 2, &[]);
        assert!(said.starts_with("usage: cargo xtask COMMAND"), "{said}");
    }
    Bench::new(&[]).check(&["--help"], 0, &[]);
}

//! Plugins compiled in a process of their own and kept: what is used again, what is refused, and what goes on meanwhile.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tripline::workload::Traffic;

use crate::compiled;
use crate::harness::{Host, PATIENCE, Place, assert_clean, tripline};
use crate::plugin_file::{rename_over, version};

const REFUSED: &str = "plugin refused; what served before still does";
const SERVES: &str = "plugin serves";

fn counter() -> &'static [u8] {
    tripline_bundled::plugin("analytics-counter").unwrap().bytes
}

/// An unsigned LEB128 of five bytes, whatever the number.
fn leb(number: usize) -> [u8; 5] {
    let byte = |at: u32| u8::try_from((number >> (7 * at)) & 0x7f).unwrap() | if at < 4 { 0x80 } else { 0 };
    [byte(0), byte(1), byte(2), byte(3), byte(4)]
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id][..], &leb(body.len()), body].concat()
}

/// A plugin with a module beside it, of `functions` functions that each are as long as one may be: what is no plugin is not compiled at all.
fn bomb(functions: usize) -> Vec<u8> {
    // local.get 0, local.get 0, i32.mul, local.get 0, i32.add, local.set 0: each needs the one before it.
    let step = [0x20, 0, 0x20, 0, 0x6c, 0x20, 0, 0x6a, 0x21, 0];
    let body = [&[0][..], &step.repeat(700_000), &[0x20, 0, 0x0b]].concat();
    let body = [&leb(body.len())[..], &body].concat();
    let types = [1, 0x60, 1, 0x7f, 1, 0x7f];
    let declared = [&leb(functions)[..], &vec![0; functions]].concat();
    let code = [&leb(functions)[..], &body.repeat(functions)].concat();
    let module = [&b"\0asm\x01\0\0\0"[..], &section(1, &types), &section(3, &declared), &section(10, &code)].concat();
    [counter(), &section(1, &module)].concat()
}

async fn watched(compile: &str) -> Place {
    let place = Place::embedded().await;
    std::fs::write(place.dir.path().join(compiled::EMPTY), "").unwrap();
    std::fs::write(place.dir.path().join("counter.wasm"), counter()).unwrap();
    place.edit("\"bundled:analytics-counter\"", "\"counter.wasm\"");
    let config = std::fs::read_to_string(place.config_file()).unwrap();
    let tables = format!("{config}\n[host.compile]\n{compile}\n");
    std::fs::write(place.config_file(), tables).unwrap();
    place
}

/// What was loaded until the host ran: whether each was cached.
fn loaded(host: &Host, count: usize) -> Vec<bool> {
    let one = |_| host.wait_for_event("plugin loaded", |event| event["message"] == "plugin loaded")["cached"] == true;
    (0..count).map(one).collect()
}

fn spawned(place: &Place) -> Host {
    Host::spawn(tripline(), &place.config_file())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_compiles_nothing() {
    let place = watched("cache_max = \"64MiB\"").await;
    let compiled = place.data_dir().join("compiled");
    for (spoil, expected) in [(None, [false; 3]), (None, [true; 3]), (Some(0o777), [false; 3]), (Some(0o700), [true; 3])] {
        if let Some(mode) = spoil {
            std::fs::set_permissions(&compiled, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let mut host = spawned(&place);
        if spoil == Some(0o777) {
            let warning = host.wait_for_event("a warning", |event| event["level"] == "WARN");
            assert!(warning["message"].as_str().unwrap().contains("others may write to"), "{warning}");
        }
        assert_eq!(loaded(&host, 3), expected, "{spoil:?}");
        host.wait_until_running();
        assert!(host.stop());
        assert_eq!(std::fs::read_dir(&compiled).unwrap().count(), 3);
    }
    // `check` takes from it, and makes none where there is none.
    let check = || {
        let output = tripline().args(["check", "-c", place.config_file().to_str().unwrap()]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        said.matches("cached=true").count()
    };
    assert_eq!(check(), 3);
    std::fs::remove_dir_all(&compiled).unwrap();
    assert_eq!(check(), 0);
    assert!(!compiled.exists());
}

/// Waits for a version that was put in place while the host runs.
fn serves_the_next(host: &Host) {
    let is_next = |event: &Value| event["message"] == SERVES && event["reload"] == true;
    tokio::task::block_in_place(|| host.wait_for_event(SERVES, is_next));
}

/// `bytes` replace what serves and are refused for `reason`, within the bound; what served goes on under traffic.
async fn check_refused(compile: &str, bytes: &[u8], reason: &str) {
    let place = watched("cache_max = \"64MiB\"").await;
    let (file, next) = (place.dir.path().join("counter.wasm"), version(counter(), "next"));
    // All that is good is compiled while there is time for it.
    let host = place.start();
    rename_over(&file, &next);
    serves_the_next(&host);
    assert!(host.stop());
    rename_over(&file, counter());
    place.edit("cache_max = \"64MiB\"", compile);
    let host = place.start();
    rename_over(&file, bytes);
    let begun = Instant::now();
    let mut traffic = Traffic::new(5);
    traffic.write(&place.tables, 100, |_| ()).await.unwrap();
    let refused = tokio::task::block_in_place(|| host.wait_for_event(REFUSED, |event| event["message"] == REFUSED));
    println!("refused after {:?}: {}", begun.elapsed(), refused["reason"]);
    let said = refused["reason"].as_str().unwrap();
    assert!(said.contains(reason) && said.contains("[host.compile]") && said.contains("goes on"), "{said}");
    // And the next good version serves.
    rename_over(&file, &next);
    serves_the_next(&host);
    traffic.write(&place.tables, 200, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);
    let left = std::fs::read_dir(place.data_dir().join("compiled")).unwrap();
    let unfinished = left.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(unfinished.count(), 0);
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_compiles_for_ever_is_refused() {
    check_refused("time_max = \"3s\"", &bomb(16), "is not compiled within 3s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_eats_the_compilers_memory_is_refused() {
    check_refused("memory_max = \"768MiB\"", &bomb(4), "takes more than 805306368 bytes of memory to compile").await;
}

/// Processes whose parent runs with this config, and who compile.
fn compilers(config: &Path) -> Vec<u32> {
    let command_line = |pid: u32| String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).into_owned();
    let parent = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse::<u32>().ok()
    };
    let pids = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| command_line(*pid).contains("compile-worker"))
        .filter(|pid| parent(*pid).is_some_and(|parent| command_line(parent).contains(config.to_str().unwrap())))
        .collect()
}

async fn until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_ends_with_its_host_however_that_ends() {
    for kill in [true, false] {
        let place = watched("time_max = \"1h\"").await;
        let host = place.start();
        rename_over(&place.dir.path().join("counter.wasm"), &bomb(16));
        let config = place.config_file();
        until("it compiles", || !compilers(&config).is_empty()).await;
        let pid = compilers(&config)[0];
        if kill {
            host.kill();
        } else {
            assert!(host.stop());
        }
        until("the compiler is gone", || !Path::new(&format!("/proc/{pid}")).exists()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiler_has_no_credentials_and_gives_way() {
    let place = watched("time_max = \"1h\"").await;
    let mut command = tripline();
    command.env("AWS_SECRET_ACCESS_KEY", "hunter2").env("AWS_ACCESS_KEY_ID", "id");
    // As a wrapper may leave one open for the host.
    let secret = tempfile::NamedTempFile::new().unwrap();
    rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
    let host = Host::start_in(command, &place.config_file());
    rename_over(&place.dir.path().join("counter.wasm"), &bomb(16));
    let config = place.config_file();
    until("it compiles", || !compilers(&config).is_empty()).await;
    let pid = compilers(&config)[0];
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert!(!String::from_utf8_lossy(&environment).contains("hunter2"));
    // The 19th field is its nice value; the name before may hold anything, up to the last parenthesis.
    let nice = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap() == "10"
    };
    until("it gives way", nice).await;
    let is_open = |pid: u32| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
        open.filter_map(|entry| std::fs::read_link(entry.path()).ok()).any(|path| path == secret.path())
    };
    assert!(is_open(host.pid()) && !is_open(pid));
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_program_was_replaced_compiles_on() {
    let place = watched("").await;
    let program = place.dir.path().join("tripline");
    // Another process: one that a test starts meanwhile would hold the file open for writing, and so it could not be run ("text file busy").
    let copied = std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_tripline")).arg(&program).status();
    assert!(copied.unwrap().success());
    let host = Host::start_in(std::process::Command::new(&program), &place.config_file());
    rename_over(&program, b"#!/bin/sh\nexit 1\n");
    rename_over(&place.dir.path().join("counter.wasm"), &version(counter(), "after"));
    serves_the_next(&host);
    std::fs::remove_file(&program).unwrap();
    assert!(host.stop());
}

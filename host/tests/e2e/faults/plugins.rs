//! Plugins that cannot serve, as `run`, `check` and `inspect` say it.

use expect_test::{Expect, expect};

use super::{Ask, Bench};

const BUNDLED: &str = "\"bundled:analytics-counter\"";
const BOTH: [Ask<'static>; 2] = [Ask::Run, Ask::Check];
const OURS: &str = "\"plugin.wasm\"";

fn counter() -> &'static [u8] {
    tripline_bundled::plugin("analytics-counter").unwrap().bytes
}

/// The counter with every `from` in it replaced: a component all the same, since the length of names does not change.
fn counter_with(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = counter().to_vec();
    let mut replaced = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            replaced += 1;
        }
    }
    assert!(replaced > 0, "the component has no `{from}`");
    bytes
}

/// What `run` and `check` say of a plugin of these bytes, and `inspect` after its own beginning.
async fn check_bytes(bench: &Bench, bytes: &[u8], expected: Expect, inspected: Expect) {
    let file = bench.place.dir.path().join("plugin.wasm");
    std::fs::write(&file, bytes).unwrap();
    bench.check_edited(&[(BUNDLED, OURS)], &[Ask::Run, Ask::Check], expected).await;
    bench.check_edited(&[], &[Ask::Inspect("plugin.wasm")], inspected).await;
    std::fs::remove_file(file).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_cannot_serve() {
    let mut bench = Bench::new().await;
    bench
        .check_edited(
            &[(BUNDLED, OURS)],
            &BOTH,
            expect![[r#"
        error: DIR/tripline.toml:38:1: triggers.stats.plugin: there is no file DIR/plugin.wasm
          remedy: correct the path; it is relative to the folder of this file
        1 fault in DIR/tripline.toml
    "#]],
        )
        .await;
    bench.check_edited(&[], &[Ask::Inspect("plugin.wasm")], expect![[r#"
        error: plugin `DIR/plugin.wasm`: cannot be read: No such file or directory (os error 2): check the path, and that this user may read it
    "#]]).await;
    std::fs::create_dir(bench.place.dir.path().join("plugin.wasm")).unwrap();
    bench
        .check_edited(
            &[(BUNDLED, OURS)],
            &BOTH,
            expect![[r#"
        error: DIR/tripline.toml:38:1: triggers.stats.plugin: there is no file DIR/plugin.wasm
          remedy: correct the path; it is relative to the folder of this file
        1 fault in DIR/tripline.toml
    "#]],
        )
        .await;
    std::fs::remove_dir(bench.place.dir.path().join("plugin.wasm")).unwrap();

    check_bytes(&bench, b"", expect![[r#"
        error: triggers.stats: plugin `DIR/plugin.wasm`: not WebAssembly: a plugin is a binary component, which begins with `\0asm`: name the file that the build makes
    "#]], expect![[r#"
        error: plugin `DIR/plugin.wasm`: not WebAssembly: a plugin is a binary component, which begins with `\0asm`: name the file that the build makes
    "#]]).await;
    check_bytes(&bench, b"#!/bin/sh\n", expect![[r#"
        error: triggers.stats: plugin `DIR/plugin.wasm`: not WebAssembly: a plugin is a binary component, which begins with `\0asm`: name the file that the build makes
    "#]], expect![[r#"
        error: plugin `DIR/plugin.wasm`: not WebAssembly: a plugin is a binary component, which begins with `\0asm`: name the file that the build makes
    "#]]).await;
    check_bytes(&bench, b"\0asm\x01\0\0\0", expect![[r#"
        error: triggers.stats: plugin `DIR/plugin.wasm`: a core WebAssembly module, not a component: build it for a target that makes components (wasm32-wasip2 of Rust), or make one of it with `tripline componentize`
    "#]], expect![[r#"
        error: plugin `DIR/plugin.wasm`: a core WebAssembly module, not a component: build it for a target that makes components (wasm32-wasip2 of Rust), or make one of it with `tripline componentize`
    "#]]).await;
    check_bytes(&bench, &counter()[..50_000], expect![[r#"
        error: triggers.stats: plugin `DIR/plugin.wasm`: cut off: its 50000 bytes end in the midst of a section: is it still being written? Else build or copy it again
    "#]], expect![[r#"
        error: plugin `DIR/plugin.wasm`: cut off: its 50000 bytes end in the midst of a section: is it still being written? Else build or copy it again
    "#]]).await;
    components(&bench).await;
    bench.works().await;
}

/// That are whole, and cannot serve.
async fn components(bench: &Bench) {
    // The smallest component there is.
    check_bytes(bench, b"\0asm\x0d\0\x01\0", expect![[r#"
        error: triggers.stats: plugin `DIR/plugin.wasm`: has no handler: it must export one of `tripline:trigger/handler@0.1.1`, `tripline:trigger/handler@0.1.0`, `tripline:trigger/handler@0.0.9`, and exports nothing: build it for the world tripline:trigger/plugin
    "#]], expect![[r#"
        error: plugin `DIR/plugin.wasm`: has no handler: it must export one of `tripline:trigger/handler@0.1.1`, `tripline:trigger/handler@0.1.0`, `tripline:trigger/handler@0.0.9`, and exports nothing: build it for the world tripline:trigger/plugin
    "#]]).await;
    let other_version = counter_with("tripline:trigger/handler@0.1.0", "tripline:trigger/handler@0.2.0");
    check_bytes(bench, &other_version, expect![[r#"
        error: triggers.stats: plugin `DIR/plugin.wasm`: speaks `tripline:trigger/handler@0.2.0`, and this host speaks `tripline:trigger/handler@0.1.1`, `tripline:trigger/handler@0.1.0`, `tripline:trigger/handler@0.0.9`: build it with the SDK of this host's version, or update the host
    "#]], expect![[r#"
        error: plugin `DIR/plugin.wasm`: speaks `tripline:trigger/handler@0.2.0`, and this host speaks `tripline:trigger/handler@0.1.1`, `tripline:trigger/handler@0.1.0`, `tripline:trigger/handler@0.0.9`: build it with the SDK of this host's version, or update the host
    "#]]).await;
    let unknown = counter_with("tripline:trigger/counters@0.1.0", "tripline:trigger/calendar@0.1.0");
    check_bytes(bench, &unknown, expect![[r#"
        error: triggers.stats: plugin `DIR/plugin.wasm`: imports what no version of the contract has: `tripline:trigger/calendar@0.1.0`: build it without; there are tripline:trigger@0.1.0, wasi:logging, wasi:config, and of WASI 0.2 cli, clocks, filesystem, http's outgoing-handler, io, random and sockets
    "#]], expect![[r#"
        error: plugin `DIR/plugin.wasm`: imports what no version of the contract has: `tripline:trigger/calendar@0.1.0`: build it without; there are tripline:trigger@0.1.0, wasi:logging, wasi:config, and of WASI 0.2 cli, clocks, filesystem, http's outgoing-handler, io, random and sockets
    "#]]).await;

    let pinned = format!("{BUNDLED}\nsha256 = \"{}\"", "0".repeat(64));
    bench.check_edited(&[(BUNDLED, &pinned)], &BOTH, expect![[r#"
        error: triggers.stats: plugin `bundled:analytics-counter`: its sha256 is SHA256  and the config pins SHA256  put the pinned version there, or change `sha256`
    "#]]).await;
    // It refuses its settings.
    bench
        .check_edited(&[("subject = \"Welcome, {{ new.name }}\"", "subject = \"Welcome, {{ new.name\"")], &BOTH, expect![[r#"
            error: triggers.welcome: plugin `bundled:notification-mailer`: its probe failed: template `subject`, line 1: syntax error: unexpected end of input, expected end of variable block
        "#]])
        .await;
}

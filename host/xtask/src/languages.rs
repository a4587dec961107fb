//! `cargo xtask languages`: what a plugin costs in each language. The same plugin is built in each as its SDK's README says, twice, and handed to
//! the benchmark.
//!
//! Always holds: the second build is one after a save: a number in the source is another, and is put back; what the first build takes is without the
//! tools' setup.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use std::{fs, io};

use anyhow::{Context as _, Result};

use crate::command::{cargo, hand_over, program, root, run, target_dir};
use crate::{tools, wasm};

/// How a language's plugin is built: from the source, into the component.
struct Language {
    name: &'static str,
    source: &'static str,
    build: fn(&Place) -> Command,
}

/// Where a language builds.
struct Place {
    tools: PathBuf,
    source: PathBuf,
    /// Empty before the first build.
    folder: PathBuf,
    component: PathBuf,
}

const LANGUAGES: [Language; 8] = [
    Language { name: "Rust", source: "host/bench/plugin/src/lib.rs", build: rust },
    Language { name: "TypeScript, QuickJS", source: "host/bench/languages/plugin.ts", build: quickjs },
    Language { name: "TypeScript, StarlingMonkey", source: "host/bench/languages/plugin.ts", build: starlingmonkey },
    Language { name: "Python", source: "host/bench/languages/plugin.py", build: python },
    Language { name: "Go", source: "host/bench/languages/go/main.go", build: go },
    Language { name: "C", source: "host/bench/languages/plugin.c", build: c },
    Language { name: "C++", source: "host/bench/languages/plugin.cpp", build: cpp },
    Language { name: "Zig", source: "host/bench/languages/plugin.zig", build: zig },
];

pub(crate) fn languages(args: &[String]) -> Result<()> {
    wasm::ensure_target()?;
    let tools = tools::ensure_languages()?;
    run("languages", &mut cargo(&["build", "--release", "--workspace", "--bin", "tripline-bench", "--bin", "tripline"]))?;
    let built = LANGUAGES.iter().map(|language| built(language, &tools)).collect::<Result<Vec<_>>>()?;
    let mut command = program(target_dir().join("release/tripline-bench"));
    command.args(["--only", "languages"]).args(args);
    command.env("TRIPLINE_BENCH_LANGUAGES", built.join("\n"));
    Err(hand_over(command))
}

/// A line, as the benchmark reads it.
fn built(language: &Language, tools: &Path) -> Result<String> {
    let folder = target_dir().join("languages").join(language.name.replace(", ", "-").to_lowercase());
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let place = Place { tools: tools.to_owned(), source: root().join(language.source), component: folder.join("plugin.wasm"), folder };
    let first = timed(language, &place)?;
    let text = fs::read_to_string(&place.source)?;
    save(&place, &text.replace("1e9", "2e9"))?;
    let next = timed(language, &place);
    save(&place, &text)?;
    let next = next?;
    Ok(format!("{}\t{}\t{first}\t{next}", language.name, place.component.display()))
}

fn save(place: &Place, text: &str) -> Result<()> {
    fs::write(&place.source, text).with_context(|| format!("cannot write {}", place.source.display()))
}

fn timed(language: &Language, place: &Place) -> Result<f64> {
    let began = Instant::now();
    // The table alone goes to stdout.
    run(language.name, (language.build)(place).stdout(io::stderr()))?;
    Ok(began.elapsed().as_secs_f64())
}

/// Its component is where cargo puts it: what follows is a link to it.
fn rust(place: &Place) -> Command {
    let mut build = cargo(&["build", "--profile", "plugin", "--target", "wasm32-wasip2", "--package", "two-attributes", "--target-dir"]);
    build.arg(&place.folder);
    let _ = std::os::unix::fs::symlink("wasm32-wasip2/plugin/two_attributes.wasm", &place.component);
    build
}

fn javascript(place: &Place) -> Command {
    let mut build = program("node");
    build.arg("sdk/javascript/bin/tripline-js.js").arg("build").arg(&place.source);
    build.arg("--output").arg(&place.component).arg("--tools").arg(place.tools.join("npm"));
    build
}

fn quickjs(place: &Place) -> Command {
    javascript(place)
}

fn starlingmonkey(place: &Place) -> Command {
    let mut build = javascript(place);
    build.args(["--engine", "starlingmonkey"]);
    build
}

fn python(place: &Place) -> Command {
    let mut build = program(place.tools.join("venv/bin/python"));
    build.args(["-m", "tripline_sdk", "build"]).arg(&place.source).arg("--output").arg(&place.component);
    build.env("PYTHONPATH", "sdk/python").env("PYTHONDONTWRITEBYTECODE", "1");
    build
}

fn go(place: &Place) -> Command {
    let mut build = program(place.tools.join("venv/bin/go"));
    build.args(["run", "-C", "host/bench/languages/go", "github.com/tripline/tripline/sdk/go/cmd/tripline-go", "build", "-o"]);
    build.arg(&place.component).env("TRIPLINE", binary());
    build.env("GOENV", "off").env("GOTOOLCHAIN", "local").env("GOPROXY", "off").env("GOFLAGS", "");
    build.env("GOCACHE", place.folder.join("cache")).env("GOPATH", place.folder.join("path"));
    build
}

const SDK: &str = "sdk/c/tripline.c sdk/c/generated/plugin.c sdk/c/generated/plugin_component_type.o";

fn c(place: &Place) -> Command {
    let link = "-Wl,-z,stack-size=65536 -Wl,--strip-all";
    zig_script(
        place,
        &format!(
            "\"$python\" -m ziglang cc -target wasm32-wasi -mexec-model=reactor -Os {link} -Isdk/c \"$source\" {SDK} -o \"$folder/core.wasm\""
        ),
    )
}

/// In two steps, which leave libc++'s library out.
fn cpp(place: &Place) -> Command {
    let target = "-target wasm32-wasi -mexec-model=reactor -Os";
    let compile =
        format!("\"$python\" -m ziglang c++ {target} -std=c++20 -fno-exceptions -fno-rtti -Isdk/c -c \"$source\" -o \"$folder/plugin.o\"");
    let link = format!(
        "\"$python\" -m ziglang cc {target} -Wl,-z,stack-size=65536 -Wl,--strip-all \"$folder/plugin.o\" {SDK} -o \"$folder/core.wasm\""
    );
    zig_script(place, &format!("{compile}\n{link}"))
}

fn zig(place: &Place) -> Command {
    let flags = "-target wasm32-wasi -mexec-model=reactor -O ReleaseSmall -fstrip --stack 65536 -lc --dep tripline";
    let modules = "-Mroot=\"$source\" -Mtripline=sdk/c/tripline.zig -femit-bin=\"$folder/core.wasm\"";
    zig_script(place, &format!("\"$python\" -m ziglang build-exe {flags} {SDK} {modules}"))
}

/// `script` makes `core.wasm` in the folder; what Zig keeps of C's library is there too, so that the first build makes it.
fn zig_script(place: &Place, script: &str) -> Command {
    let mut build = program("sh");
    build
        .arg("-ec")
        .arg(format!("{script}\n\"$tripline\" componentize \"$folder/core.wasm\" -o \"$folder/plugin.wasm\""));
    build.env("python", place.tools.join("venv/bin/python"));
    build.env("tripline", binary()).env("source", &place.source).env("folder", &place.folder);
    build
        .env("ZIG_GLOBAL_CACHE_DIR", place.folder.join("cache"))
        .env("ZIG_LOCAL_CACHE_DIR", place.folder.join("cache"));
    build
}

fn binary() -> PathBuf {
    target_dir().join("release/tripline")
}

//! The SDK for Go: its own tests, its generated files, and a plugin of it that lives long.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::PoisonError;

use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

use crate::examples::generated::check_fresh;
use crate::examples::{ONE, repository, run};
use crate::harness::{tool, tools, tripline};

mod collector;

const MODULE: &str = "github.com/tripline/tripline/sdk/go";

/// Go as an author has it, but for what it would fetch, and where it keeps what it has built.
pub(crate) fn go() -> Command {
    let mut command = Command::new(tool("go"));
    command.env("GOENV", "off").env("GOTOOLCHAIN", "local").env("GOPROXY", "off").env("GOFLAGS", "");
    command.env("GOCACHE", tools().join("go/cache")).env("GOPATH", tools().join("go/path"));
    command
}

/// `tripline-go build`, in the plugin's folder.
pub(crate) fn build(folder: &Path, output: &Path) -> Command {
    let mut command = go();
    command
        .args(["run", "-C"])
        .arg(folder)
        .args(["github.com/tripline/tripline/sdk/go/cmd/tripline-go", "build", "-o"])
        .arg(output);
    command.env("TRIPLINE", tripline().get_program());
    command
}

/// The component, made anew: Go itself knows what has changed. One at a time: two would build the library twice.
fn built(name: &str, folder: &Path) -> PathBuf {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = tools().join("go");
    std::fs::create_dir_all(&kept).unwrap();
    let output = kept.join(format!("{name}.wasm"));
    run(&mut build(folder, &output));
    output
}

fn sdk() -> PathBuf {
    repository().join("sdk/go")
}

/// What the generator makes of the contract, as the SDK keeps it: on the runtime package that the SDK has changed, and formatted.
fn generate(into: &Path) {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(repository().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("plugin-with-http")).unwrap();
    let options = wit_bindgen_go::Opts {
        format: wit_bindgen_go::Format::False,
        pkg_name: Some(format!("{MODULE}/internal/bindings")),
        ..Default::default()
    };
    let mut files = Files::default();
    options.build().generate(&mut resolve, world, &mut files).unwrap();
    for (name, bytes) in files.iter() {
        let text = std::str::from_utf8(bytes)
            .unwrap()
            .replace("go.bytecodealliance.org/pkg/wit/", &format!("{MODULE}/internal/wit/"));
        let path = into.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    run(Command::new(gofmt()).arg("-w").arg(into));
}

fn gofmt() -> PathBuf {
    PathBuf::from(run(go().args(["env", "GOROOT"])).trim()).join("bin/gofmt")
}

#[test]
fn generated_bindings_for_go_are_fresh() {
    let made = tempfile::tempdir().unwrap();
    generate(made.path());
    // The one package that is written by hand.
    let name = "export_tripline_trigger_handler/handler.go";
    std::fs::create_dir_all(made.path().join(name).parent().unwrap()).unwrap();
    std::fs::copy(sdk().join("internal/bindings").join(name), made.path().join(name)).unwrap();
    check_fresh(&sdk().join("internal/bindings"), made.path());
}

#[test]
fn go_sdk_is_formatted() {
    let folders = [sdk(), repository().join("examples/webhook-go")];
    assert_eq!(run(Command::new(gofmt()).arg("-l").args(folders)), "");
}

#[test]
fn go_sdk_in_go() {
    let said = run(go().args(["test", "-count=1", "./..."]).current_dir(sdk()));
    assert!(said.contains("ok  \tgithub.com/tripline/tripline/sdk/go\t"), "{said}");
    // Natively, and as a component, whose generated code wants what vet calls misuse.
    run(go()
        .args(["vet", "-unsafeptr=false", "./..."])
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .current_dir(sdk()));
}

/// What the host has understood of a plugin that calls every import: one change for each.
#[test]
fn a_component_of_go_reaches_every_import() {
    let steps = ["counters", "state", "tables", "transact", "mailer", "metrics", "settings", "prints", "denied", "retries"];
    rehearse(&steps, |mut command| {
        command.arg("--expect").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/go/surface.txt"));
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            command.arg("--update");
        }
        run(&mut command);
    });
}

/// Its stack goes to the log, the change is delivered again, and the instance has not trapped.
#[test]
fn a_panic_in_go_fails_its_change_alone() {
    rehearse(&["panics", "counters"], |mut command| {
        let said = String::from_utf8(command.args(["--batch", "2"]).output().unwrap().stdout).unwrap();
        assert!(said.contains("dead letter after 5 attempts: panic: runtime error: invalid memory address"), "{said}");
        assert!(said.contains("stderr: main.handle("), "{said}");
        assert!(said.contains("2 INSERT {\"id\":{\"S\":\"counters\"}}: ok"), "{said}");
    });
}

fn rehearse(steps: &[&str], then: impl FnOnce(Command)) {
    let dir = tempfile::tempdir().unwrap();
    let change = |step: &&str| {
        let item = serde_json::json!({ "id": { "S": step } });
        serde_json::json!({ "eventName": "INSERT", "dynamodb": { "Keys": item, "NewImage": item } }).to_string() + "\n"
    };
    let events = dir.path().join("events.jsonl");
    std::fs::write(&events, steps.iter().map(change).collect::<String>()).unwrap();
    let mut command = tripline();
    command
        .arg("test")
        .arg(built("surface", &sdk().join("internal/surface")))
        .arg("--events")
        .arg(events);
    for grant in ["counters", "state", "metrics", "tables=copy", "reads=copy", "mailers=office"] {
        command.args(["--grant", grant]);
    }
    command.args(["--setting", "text=a", "--setting", "number=7"]).env("TRIPLINE_LOG", "warn");
    then(command);
}

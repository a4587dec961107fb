//! `tripline dev` without a toolchain: its builds copy components of the bundled counter, so that its loop is all that takes time.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::author::{Author, dev, put_order};
use crate::examples::run;
use crate::plugin_file::version;

const CONFIG: &str = r#"
[streams.orders]
table = "orders"
region = "eu-west-1"

[triggers.stats]
stream = "orders"
plugin = "plugin.wasm"
view = "new-and-old-images"
grants = { counters = true }
settings = { counters = [{ name = "orders", by = ["status"] }] }

[dev]
build = "cp source.wasm plugin.wasm"
watch = ["source.wasm"]
events = "events.jsonl"
"#;

/// A mail server that is nowhere, and a password that nobody has set.
const MAILER: &str = r#"
[streams.users]
table = "users"

[mailers.office]
url = "smtp://mail.example.invalid:587"
username = "shop"
password = { env = "TRIPLINE_TEST_NOT_SET" }
from = "Shop <shop@example.com>"

[triggers.welcome]
stream = "users"
plugin = "bundled:notification-mailer"
view = "new-image"
grants = { mailers = ["office"] }
settings = { to = "email", subject = "Welcome", text = "Hello" }

[dev]
events = "events.jsonl"
"#;

const EVENTS: &str = r#"{"eventName":"MODIFY","dynamodb":{"Keys":{"id":{"S":"o-1"}},"OldImage":{"id":{"S":"o-1"},"status":{"S":"new"}},"NewImage":{"id":{"S":"o-1"},"status":{"S":"paid"}}}}
"#;

fn counter() -> &'static [u8] {
    tripline_bundled::plugin("analytics-counter").unwrap().bytes
}

/// A folder with all that CONFIG names.
fn project(config: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("tripline.toml", config.as_bytes());
    write("events.jsonl", EVENTS.as_bytes());
    write("source.wasm", counter());
    dir
}

fn save(dir: &Path, name: &str, text: impl AsRef<[u8]>) {
    fs::write(dir.join(name), text).unwrap();
}

#[test]
fn once_plays_what_was_recorded_and_says_how_it_went() {
    let dir = project(CONFIG);
    let said = run(dev(dir.path()).arg("--once"));
    for expected in [
        "-- played into orders: 1 change of events.jsonl, after 1 that made it what it was then",
        "1 INSERT {\"id\":{\"S\":\"o-1\"}}: ok\n  counter orders{status=\"new\"} +1\n",
        "2 MODIFY {\"id\":{\"S\":\"o-1\"}}: ok\n",
        "-- 2 changes handled; 0 given up",
    ] {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    // And again: what the first run has left is gone.
    assert!(run(dev(dir.path()).arg("--once")).contains("1 INSERT"), "{said}");
}

#[track_caller]
fn check_once_fails(config: &str, events: &str, expected: &[&str]) {
    let dir = project(config);
    save(dir.path(), "events.jsonl", events);
    let output = dev(dir.path()).arg("--once").output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{said}");
    for expected in expected {
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn once_fails_where_something_does() {
    let nobody = r#"{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"u-1"}},"NewImage":{"id":{"S":"u-1"}}}}"#;
    check_once_fails(
        MAILER,
        nobody,
        &["1 INSERT", "rejected (attempt 1)", "dead letter after 1 attempt", "-- 1 change handled; 1 given up"],
    );
    check_once_fails(&CONFIG.replace("cp source.wasm", "exit 3; cp"), EVENTS, &["the build failed (exit status: 3)"]);
    check_once_fails(&CONFIG.replace("\"status\"]", "7]"), EVENTS, &["its probe failed"]);
    check_once_fails(&CONFIG.replace("view =", "veiw ="), EVENTS, &["unknown key", "did you mean `view`?"]);
    check_once_fails(
        &CONFIG.replace("watch =", "wach ="),
        EVENTS,
        &["dev.wach: unknown key", "did you mean `watch`?", "dev.watch: is missing"],
    );
    check_once_fails(CONFIG, "{", &["events.jsonl:1: the JSON that begins here has no end"]);
}

/// Whatever the mailer's server is; and a password that nobody has set is no fault here.
#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_into_files() {
    let dir = project(MAILER);
    save(
        dir.path(),
        "events.jsonl",
        r#"{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"u-1"}},"NewImage":{"id":{"S":"u-1"},"email":{"S":"ann@example.com"}}}}"#,
    );
    let mut author = Author::start(dev(dir.path()));
    author.until("TRIPLINE_TEST_NOT_SET");
    author.until("1 INSERT");
    let mails = dir.path().join("tripline-data/dev/mail");
    let sent = async {
        loop {
            let mut files = fs::read_dir(&mails).into_iter().flatten().map(|file| file.unwrap().path());
            if let Some(mail) = files.find(|path| path.extension().is_some_and(|extension| extension == "eml")) {
                return fs::read_to_string(mail).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mail = tokio::time::timeout(Duration::from_secs(60), sent).await.unwrap();
    assert!(mail.contains("To: ann@example.com") && mail.contains("Subject: Welcome") && mail.contains("Hello"), "{mail}");
    let (status, said) = author.interrupt();
    assert!(status.success(), "{status}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn saves_are_built_and_served_and_what_fails_is_said() {
    let dir = project(CONFIG);
    let at = dir.path();
    let mut author = Author::start(dev(at));
    let endpoint = author.endpoint();
    author.until("2 MODIFY");

    save(at, "source.wasm", version(counter(), "second"));
    author.until("after the save: built in");
    // The table is as it was left: cleared by nobody, so the recorded old image has to be made first.
    author.until("3 MODIFY");
    author.until("4 MODIFY");

    save(at, "source.wasm", b"this is no component");
    author.until("error: ");
    put_order(&endpoint, "o-2", "new").await;
    author.until(r#"5 INSERT {"id":{"S":"o-2"}}: ok"#);

    save(at, "source.wasm", version(counter(), "second"));
    author.until("the plugin is the one that serves already");
    save(at, "source.wasm", version(counter(), "third"));
    author.until("after the save: built in");

    // The same bytes under a save's name are no save; other recorded changes are played, and nothing is built.
    save(at, "events.jsonl", EVENTS.replace("o-1", "o-3"));
    author.until(r#"INSERT {"id":{"S":"o-3"}}: ok"#);
    author.until(r#"MODIFY {"id":{"S":"o-3"}}: ok"#);
    let (status, said) = author.interrupt();
    assert!(status.success(), "{status}: {said}");
    assert_eq!(said.matches("-- building").count(), 5, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_at_the_start_waits_for_a_save_and_a_saved_config_is_taken_up() {
    let dir = project(&CONFIG.replace("cp source", "cp sauce"));
    let at = dir.path();
    let mut author = Author::start(dev(at));
    author.until("the build failed");
    author.until("-- waiting for a save");
    save(at, "tripline.toml", CONFIG.replace("view =", "veiw ="));
    save(at, "source.wasm", version(counter(), "third"));
    author.until("did you mean `view`?");
    author.until("-- waiting for a save");
    save(at, "tripline.toml", CONFIG);
    author.until("2 MODIFY");
    save(at, "tripline.toml", CONFIG.replace("name = \"orders\"", "name = \"placed\""));
    author.until("-- the config was saved: the host begins anew");
    author.until("counter placed{status=\"paid\"} +1");
    let (status, said) = author.interrupt();
    assert!(status.success(), "{status}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_under_way_is_given_up_for_the_next_save_and_at_the_end() {
    // A source that bids it: the build waits for ever.
    let build = r#"build = 'if grep -q NEVER source.wasm; then printf "it %s\\n" hangs; sleep 1000; fi; cp source.wasm plugin.wasm'"#;
    let dir = project(&CONFIG.replace(r#"build = "cp source.wasm plugin.wasm""#, build));
    let at = dir.path();
    let mut author = Author::start(dev(at));
    author.until("2 MODIFY");
    save(at, "source.wasm", "NEVER");
    author.until("it hangs");
    save(at, "source.wasm", version(counter(), "fourth"));
    author.until("-- saved again: this build is given up");
    author.until("after the save: built in");
    save(at, "source.wasm", "NEVER, again");
    author.until("it hangs");
    // Its output is held by the build as well: it ends only with all that was started.
    let (status, said) = author.interrupt();
    assert!(status.success(), "{status}: {said}");
}

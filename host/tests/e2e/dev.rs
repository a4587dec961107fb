//! `tripline dev` without a toolchain: its builds copy components of the bundled counter, so that its loop is all that takes time.

use std::fs;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
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
    check_mail(MAILER, "TRIPLINE_TEST_NOT_SET").await;
    let login = "username = \"shop\"\npassword = { env = \"TRIPLINE_TEST_NOT_SET\" }\n";
    let dir = check_mail(&MAILER.replace("smtp://mail.example.invalid:587", "file:mails").replace(login, ""), "").await;
    assert_eq!(fs::read_dir(dir.path().join("mails")).unwrap().count(), 0, "mail in a folder that is not dev's");
}

async fn check_mail(config: &str, said_first: &str) -> TempDir {
    let dir = project(config);
    fs::create_dir(dir.path().join("mails")).unwrap();
    save(
        dir.path(),
        "events.jsonl",
        r#"{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"u-1"}},"NewImage":{"id":{"S":"u-1"},"email":{"S":"ann@example.com"}}}}"#,
    );
    let mut author = Author::start(dev(dir.path()));
    author.until(said_first);
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
    dir
}

const BUILD: &str = r#"build = "cp source.wasm plugin.wasm""#;

fn interrupted(author: Author) -> String {
    let (status, said) = author.interrupt();
    assert!(status.success(), "{status}: {said}");
    said
}

/// What the stream holds already was once taken for what was played.
#[tokio::test(flavor = "multi_thread")]
async fn once_counts_what_it_plays_and_no_change_that_was_there() {
    let first = project(CONFIG);
    let mut author = Author::start(dev(first.path()));
    let endpoint = author.endpoint();
    author.until("2 MODIFY");
    for id in ["o-1", "o-2", "o-3"] {
        put_order(&endpoint, id, "there").await;
    }
    author.until("5 INSERT");
    let config = MAILER
        .replace("users", "orders")
        .replace("table = \"orders\"", &format!("table = \"orders\"\nregion = \"eu-west-1\"\nendpoint = \"{endpoint}\""));
    // Nobody has an address: the host gives up on each change of the table's, here and before.
    let rejected = r#"{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"new"}},"NewImage":{"id":{"S":"new"},"total":{"N":"1"}}}}"#;
    check_once_fails(&config, rejected, &["-- played into orders: 1 change of", "-- 1 change handled; 1 given up", ", as the config says"]);
    // Those that were there are given up all the same, and are not what was tried.
    let fine = r#"{"eventName":"REMOVE","dynamodb":{"Keys":{"id":{"S":"new"}}}}"#;
    let dir = project(&config);
    save(dir.path(), "events.jsonl", fine);
    let said = run(dev(dir.path()).arg("--once"));
    assert!(said.contains("-- 1 change handled; 0 given up") && said.contains("dead letter"), "{said}");
    interrupted(author);
}

#[test]
fn once_needs_somebody_who_handles_what_is_played() {
    let paused = CONFIG.replace("view =", "paused = true\nview =");
    check_once_fails(&paused, EVENTS, &["nobody would handle what is played into table `orders`: all its triggers are paused (stats)"]);
    let away = CONFIG.replace("region =", "endpoint = \"https://dynamodb.example.com\"\nregion =");
    check_once_fails(&away, EVENTS, &["is not on this machine", "nothing would be tried"]);
    let nowhere = CONFIG.replace("region =", "endpoint = \"http://127.0.0.1:1\"\nregion =");
    check_once_fails(&nowhere, EVENTS, &["nothing can be played into table `orders`"]);
    let dir = project(CONFIG);
    let output = dev(dir.path()).args(["--once", "--events", "-"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("--events -: "), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_while_the_config_is_broken_is_built() {
    let dir = project(CONFIG);
    let at = dir.path();
    let mut author = Author::start(dev(at));
    author.until("2 MODIFY");
    save(at, "tripline.toml", CONFIG.replace("[dev]", "[dev"));
    author.until("-- waiting for a save");
    save(at, "source.wasm", version(counter(), "broken"));
    save(at, "tripline.toml", CONFIG);
    author.until("-- building");
    author.until("after the save, the build");
    // Each host counts for itself.
    author.until("2 MODIFY");
    // And the config alone builds nothing.
    save(at, "tripline.toml", CONFIG.replace("name = \"orders\"", "name = \"placed\""));
    author.until("counter placed");
    assert_eq!(interrupted(author).matches("-- building").count(), 2);
}

/// Whoever has put a version there, it is told and played.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_takes_up_is_told_whoever_has_made_it() {
    let build = r#"build = "cp source.wasm plugin.wasm; test ! -e fails""#;
    let dir = project(&CONFIG.replace(BUILD, build).replace(r#"["source.wasm"]"#, r#"["source.wasm", "fails"]"#));
    let at = dir.path();
    let mut author = Author::start(dev(at));
    author.until("2 MODIFY");
    // A build that fails, and leaves its plugin.
    save(at, "fails", "");
    author.until("the version before goes on serving");
    save(at, "source.wasm", version(counter(), "left"));
    author.until("the plugin's file is another all the same");
    author.until("plugin.wasm has changed");
    author.until("4 MODIFY");
    fs::remove_file(at.join("fails")).unwrap();
    author.until("the plugin is the one that serves already");
    author.until("6 MODIFY");
    // By hand, and then by a build.
    save(at, "plugin.wasm", version(counter(), "by hand"));
    author.until("plugin.wasm has changed");
    author.until("8 MODIFY");
    save(at, "source.wasm", version(counter(), "by hand"));
    author.until("the plugin is the one that serves already");
    author.until("10 MODIFY");
    // Saved again while the first one's plugin loads.
    let last = version(counter(), "last");
    save(at, "source.wasm", version(counter(), "last but one"));
    author.until("-- building");
    save(at, "source.wasm", &last);
    let short: String = Sha256::digest(&last).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    author.until(&format!("-- serves {short} "));
    author.until("-- played into orders");
    interrupted(author);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_build_a_new_file_is_told_and_played() {
    let dir = project(&CONFIG.replace(BUILD, "").replace("watch = [\"source.wasm\"]", ""));
    let at = dir.path();
    save(at, "plugin.wasm", counter());
    let mut author = Author::start(dev(at));
    author.until("2 MODIFY");
    save(at, "plugin.wasm", version(counter(), "another"));
    author.until("-- serves ");
    author.until("4 MODIFY");
    save(at, "plugin.wasm", b"junk");
    author.until("error: plugin.wasm: ");
    interrupted(author);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_makes_the_table_anew() {
    let dir = project(CONFIG);
    let at = dir.path();
    let mut author = Author::start(dev(at));
    author.until("2 MODIFY");
    let keyed = |key: &str| EVENTS.replace("\"id\":", &format!("\"{key}\":"));
    save(at, "events.jsonl", keyed("pk"));
    author.until("-- table orders is made anew, and empty: its key is [\"pk\"]");
    author.until(r#"MODIFY {"pk":{"S":"o-1"}}: ok"#);
    // The config's word counts; what does not fit it is said.
    let said_so = format!("{CONFIG}keys = {{ orders = [\"sk\"] }}\n");
    save(at, "tripline.toml", &said_so);
    author.until("its key is [\"sk\"]");
    author.until("events.jsonl: its changes have the key [\"pk\"], and table `orders` has [\"sk\"]");
    save(at, "events.jsonl", keyed("sk"));
    author.until(r#"MODIFY {"sk":{"S":"o-1"}}: ok"#);
    interrupted(author);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_one_is_refused_before_it_builds_until_the_first_has_ended() {
    let dir = project(CONFIG);
    let mut first = Author::start(dev(dir.path()));
    first.until("2 MODIFY");
    let mut second = Author::start(dev(dir.path()));
    second.until("error: another `tripline dev` (process ");
    second.until("-- waiting for a save");
    assert!(!second.said().contains("-- building"), "{}", second.said());
    assert!(interrupted(first).contains("-- stopping: "));
    save(dir.path(), "source.wasm", version(counter(), "after the first"));
    second.until("2 MODIFY");
    interrupted(second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_writes_into_what_is_watched_is_named_and_comes_to_its_end() {
    let build = r#"build = "date +%N > gen/made; sleep 3; cp source.wasm plugin.wasm""#;
    let dir = project(&CONFIG.replace(BUILD, build).replace(r#"["source.wasm"]"#, r#"["gen"]"#));
    fs::create_dir(dir.path().join("gen")).unwrap();
    let mut author = Author::start(dev(dir.path()));
    author.until("-- saved again (gen/made): this build is given up");
    author.until("-- gen/made changed while the build ran: if the build writes there, leave it out of `watch`");
    author.until("2 MODIFY");
    author.until("-- the next build waits for 1 s");
    interrupted(author);
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
    author.until("-- saved again (source.wasm): this build is given up");
    author.until("after the save: built in");
    save(at, "source.wasm", "NEVER, again");
    author.until("it hangs");
    // Its output is held by the build as well: it ends only with all that was started.
    let (status, said) = author.interrupt();
    assert!(status.success(), "{status}: {said}");
}

//! Http from plugins in JavaScript, on both engines, and in Python: one server, one host, and the same of each.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use super::{JAVASCRIPT, PYTHON, made_of, repository};
use crate::harness::{Host, Place};
use crate::web_server::{Reply, Served, WebServer, reply};

const IDS: [&str; 6] = ["fine", "busy", "refused", "denied", "slow", "large"];

fn folder() -> PathBuf {
    repository().join("host/tests/e2e/examples/web")
}

/// `busy` is so once for each trigger, `refused` always.
fn answers() -> impl Fn(&Served) -> Reply + Send + Sync {
    let busy = Mutex::new(BTreeSet::new());
    move |served| {
        let path = served.target.split('?').next().unwrap().to_owned();
        match path.rsplit('/').next().unwrap() {
            "busy" if busy.lock().unwrap().insert(path.clone()) => reply(503, "", b""),
            "refused" => reply(400, "", b""),
            "slow" => Reply::Never,
            _ => reply(201, "x-from: server\r\n", json!({ "bytes": served.body.len() }).to_string().as_bytes()),
        }
    }
}

/// A host with one trigger on the users, once it has handled all of them.
async fn run(component: PathBuf, ids: &[&str], server: &WebServer) -> (String, String) {
    let place = Place::embedded().await;
    let client = place.client("users").await;
    fs::copy(component, place.dir.path().join("web.wasm")).unwrap();
    let config = fs::read_to_string(place.config_file()).unwrap();
    let (base, _) = config.split_once("\n[triggers.").unwrap();
    let url = format!("http://127.0.0.1:{}/hook", server.port());
    let trigger = format!(
        "\n[triggers.web]\nstream = \"users\"\nplugin = \"web.wasm\"\nview = \"keys-only\"\nsettings = {{ url = \"{url}\" }}\n\
         limits = {{ memory = \"256MiB\", time = \"60s\" }}\n\
         retry = {{ attempts_max = 10, backoff = \"50ms..1s\" }}\ngrants.metrics = true\ngrants.state = true\ngrants.http = [{{ url = \"{url}/\", private = true }}]\n"
    );
    fs::write(place.config_file(), base.to_owned() + &trigger).unwrap();
    for id in ids {
        let put = client.put_item().table_name("users").item("id", AttributeValue::S((*id).to_owned()));
        put.send().await.unwrap();
    }
    let host = Host::start(&place.config_file());
    host.until("all changes are handled", |host| {
        let of_web = |name| host.metric(name, "trigger=\"web\"");
        of_web("tripline_changes_acknowledged_total") + of_web("tripline_changes_dead_lettered_total") == ids.len() as f64
    })
    .await;
    let logs = host.guest_logs("web");
    let (ended, all) = host.stop_and_tell();
    assert!(ended, "{all}");
    (logs, all)
}

#[track_caller]
fn says(logs: &str, line: &str) {
    assert!(logs.contains(line), "no `{line}` in\n{logs}");
}

/// What any of the SDKs makes of the same answers.
async fn check(component: PathBuf) -> String {
    let server = WebServer::start(answers());
    let (logs, all) = run(component, &IDS, &server).await;
    for line in ["fine: 201 server 13", "busy: 201 server 13", "large: 201 server 600011", "slow: unavailable"] {
        says(&logs, line);
    }
    says(&all, "the server answers 503");
    says(&all, "the server answers 400");
    says(&all, "http: the host denies the request: its log says why");
    let asked = |path: &str| {
        server
            .served()
            .into_iter()
            .filter(|served| served.target == format!("/hook/{path}?q=1"))
            .collect::<Vec<_>>()
    };
    assert_eq!([asked("fine").len(), asked("busy").len(), asked("refused").len(), asked("denied").len()], [1, 2, 1, 0]);
    let (fine, busy) = (&asked("fine")[0], asked("busy"));
    assert_eq!((&*fine.method, fine.header("content-type"), &*fine.body), ("POST", vec!["application/json"], &br#"{"id":"fine"}"#[..]));
    assert_eq!(busy[0].header("idempotency-key"), busy[1].header("idempotency-key"));
    logs
}

/// Of JavaScript's, which has no types at runtime; the last line is a lone surrogate's.
const REFUSALS: [&str; 13] = [
    "invalid: counter `orders`: label `year` is a Num: text is wanted, as String(…) makes it",
    "invalid: counter `orders`: label `year` is undefined: text is wanted",
    "invalid: metric `things`: the delta: `-1` is no whole number from 0 to 9007199254740991",
    "invalid: metric `things`: the delta: `NaN` is no whole number from 0 to 9007199254740991",
    "invalid: metric `level`: the value is a string: a number is wanted",
    "invalid: state `k`: the value is a number: a string or a Uint8Array is wanted",
    "invalid: state `k`: expires: `Invalid Date` is no time since 1970: a Date or its milliseconds are wanted",
    "invalid: state `k`: the value cannot be written as JSON: it is undefined",
    "invalid: state `k`: the value cannot be written as JSON: `tags`: JSON has no way to write a Set: write [...set]",
    "invalid: mail: the subject is a number: text is wanted, as String(…) makes it",
    "invalid: table `t`: a check writes nothing: it is for transactions, `tables.transact`",
    "invalid: http: answerTimeoutMs: `-1` is no time to wait: milliseconds from 0 to 86400000 are wanted, or none at all",
    "a lone surrogate: \u{fffd}.",
];

/// `{"id":"fine"}` has 13 bytes in both, since neither puts spaces into it.
#[tokio::test(flavor = "multi_thread")]
async fn http_in_typescript_on_quickjs() {
    let logs = check(made_of(&folder(), "web-quickjs", "plugin.ts", JAVASCRIPT, &[])).await;
    REFUSALS.iter().for_each(|line| says(&logs, line));
}

#[tokio::test(flavor = "multi_thread")]
async fn http_in_python() {
    check(made_of(&folder(), "web-python", "plugin.py", PYTHON, &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_and_http_in_typescript_on_starlingmonkey() {
    let server = WebServer::start(answers());
    let component = made_of(&folder(), "web-starlingmonkey", "fetch.ts", JAVASCRIPT, &["--engine", "starlingmonkey", "--fetch"]);
    let (logs, all) = run(component, &["fine", "busy", "refused"], &server).await;
    says(&logs, "fine: 201 server 13 201");
    says(&logs, "busy: 201 server 13 201");
    REFUSALS.iter().for_each(|line| says(&logs, line));
    says(&all, "the server answers 400");
}

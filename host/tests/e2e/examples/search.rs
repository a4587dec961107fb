//! The search index example from end to end: a table, the host, and an index that keeps versions as OpenSearch does, fails, and answers what it has done with an error.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::{RUST, component};
use crate::harness::{Host, Place, tripline};
use crate::web_server::{Reply, Served, WebServer, reply};

const SECRET: &str = "s3cr3t-of-the-index";
const TRIGGER: &str = "trigger=\"search\"";

/// What `_bulk` works on.
#[derive(Default)]
struct Index {
    /// Version, and the document unless it is deleted.
    documents: BTreeMap<String, (u64, Option<Value>)>,
    requests: usize,
    conflicts: usize,
    told_busy: bool,
    /// `age` may be anything.
    mapping_is_mended: bool,
}

impl Index {
    fn act(&mut self, action: &str, about: &Value, document: Option<Value>) -> Value {
        let id = about["_id"].as_str().unwrap().to_owned();
        assert_eq!((&about["_index"], &about["version_type"]), (&json!("users"), &json!("external_gte")));
        let version = about["version"].as_u64().unwrap();
        let status = match self.documents.get(&id) {
            _ if id == "busy" && !std::mem::replace(&mut self.told_busy, true) => 429,
            _ if !self.mapping_is_mended && document.as_ref().is_some_and(|document| document["age"].is_string()) => 400,
            Some((newest, _)) if *newest > version => {
                self.conflicts += 1;
                409
            }
            Some((_, Some(_))) => 200,
            _ if action == "delete" => 404,
            _ => 201,
        };
        if matches!(status, 200 | 201 | 404) {
            self.documents.insert(id.clone(), (version, document));
        }
        let error = (status >= 400 && status != 404).then(|| json!({ "type": "some_exception", "reason": format!("[{id}] is {status}") }));
        json!({ action: { "_id": id, "status": status, "error": error } })
    }

    fn bulk(&mut self, body: &[u8]) -> Value {
        let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let mut items = Vec::new();
        while let Some(line) = lines.next() {
            let action: Value = serde_json::from_slice(line).unwrap();
            let (name, about) = action.as_object().unwrap().iter().next().unwrap();
            let document = (name == "index").then(|| serde_json::from_slice(lines.next().unwrap()).unwrap());
            items.push(self.act(name, about, document));
        }
        json!({ "took": 1, "errors": true, "items": items })
    }

    fn found(&self) -> BTreeMap<&str, &Value> {
        self.documents.iter().filter_map(|(id, (_, document))| Some((&**id, document.as_ref()?))).collect()
    }
}

/// The second request is done, and then told as an error: all of it comes again.
fn serve(index: Arc<Mutex<Index>>) -> impl Fn(&Served) -> Reply + Send + Sync {
    move |served| {
        assert_eq!((&*served.method, &*served.target), ("POST", "/_bulk"));
        assert_eq!(served.header("content-type"), ["application/x-ndjson"]);
        if served.header("authorization") != [format!("ApiKey {SECRET}")] {
            return reply(401, "", b"");
        }
        let mut index = index.lock().unwrap();
        let answer = index.bulk(&served.body);
        index.requests += 1;
        if index.requests == 2 { reply(503, "", b"") } else { reply(200, "", answer.to_string().as_bytes()) }
    }
}

fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

async fn put(client: &aws_sdk_dynamodb::Client, id: &str, age: AttributeValue) {
    client.put_item().table_name("users").item("id", string(id)).item("age", age).send().await.unwrap();
}

/// In the place of the workload's triggers.
fn configure(place: &Place, port: u16) {
    fs::copy(component("search-index-rust", "src", RUST, &[]), place.dir.path().join("search.wasm")).unwrap();
    let config = fs::read_to_string(place.config_file()).unwrap();
    let (base, _) = config.split_once("\n[triggers.").unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let trigger = format!(
        "\n[triggers.search]\nstream = \"users\"\nplugin = \"search.wasm\"\nview = \"new-image\"\n\
         batch = {{ records_max = 10 }}\nretry = {{ attempts_max = 10, backoff = \"50ms..1s\" }}\n\
         settings = {{ url = \"{url}\", index = \"users\" }}\n\
         grants.http = [{{ url = \"{url}/_bulk\", private = true, headers = {{ Authorization = {{ env = \"SEARCH_KEY\", prefix = \"ApiKey \" }} }} }}]\n"
    );
    fs::write(place.config_file(), base.to_owned() + &trigger).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_follows_a_table_through_errors_and_redelivery() {
    let index = Arc::<Mutex<Index>>::default();
    let server = WebServer::start(serve(index.clone()));
    let place = Place::embedded().await;
    let client = place.client("users").await;
    configure(&place, server.port());
    for round in 0..3 {
        for id in ["a", "b", "busy", "gone"] {
            put(&client, id, AttributeValue::N(round.to_string())).await;
        }
    }
    put(&client, "wrong", string("many")).await;
    client.delete_item().table_name("users").key("id", string("gone")).send().await.unwrap();
    let host = Host::start_with(&place.config_file(), &[("SEARCH_KEY".to_owned(), SECRET.to_owned())]);
    let handled = |host: &Host| {
        host.metric("tripline_changes_acknowledged_total", TRIGGER) + host.metric("tripline_changes_dead_lettered_total", TRIGGER)
    };
    host.until("all 14 are handled", |host| handled(host) == 14.0).await;
    assert_eq!(host.metric("tripline_changes_dead_lettered_total", TRIGGER), 1.0);
    let user = |id: &str, age: Value| json!({ "id": id, "age": age });
    let (a, b, busy) = (user("a", json!(2)), user("b", json!(2)), user("busy", json!(2)));
    assert_eq!(index.lock().unwrap().found(), BTreeMap::from([("a", &a), ("b", &b), ("busy", &busy)]));
    let requests = index.lock().unwrap().requests;
    assert!(requests >= 4, "two batches, one told as an error, and one change that the index was too busy for: {requests}");

    let conflicts = index.lock().unwrap().conflicts;
    // A newer change of the item; then the old one again, which the index could take by now and must not.
    put(&client, "wrong", AttributeValue::N("7".to_owned())).await;
    host.until("the new one is handled", |host| handled(host) == 15.0).await;
    index.lock().unwrap().mapping_is_mended = true;
    let mut redrive = tripline();
    redrive.args(["dlq", "redrive", "--trigger", "search", "-c"]).arg(place.config_file());
    super::run(redrive.env("SEARCH_KEY", SECRET));
    host.until("the dead letter is gone", |host| host.metric("tripline_dead_letters_redriven_total", "result=\"done\"") == 1.0)
        .await;
    {
        let index = index.lock().unwrap();
        assert_eq!((index.conflicts, index.found()["wrong"]), (conflicts + 1, &user("wrong", json!(7))));
    }
    let (ended, log) = host.stop_and_tell();
    assert!(ended && !log.contains(SECRET), "{log}");
    assert!(log.contains("some_exception: [wrong] is 400"), "{log}");
}

//! Filters through the binary: who gets which changes, what becomes of the others over stops and kills, and what is said of patterns.

use std::collections::BTreeMap;
use std::process::Output;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, StreamViewType};
use expect_test::expect;
use tempfile::TempDir;
use tripline_local::{Region, RegionConfig};
use tripline_store::SqliteReader;

use crate::harness::{Host, client_of, create_table, tripline};
use crate::ports::refusing;

/// One table of one shard, and the config of its triggers.
struct Shop {
    dir: TempDir,
    endpoint: String,
    client: Client,
    _region: Region,
}

impl Shop {
    async fn new(view: StreamViewType) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let region = Region::start(RegionConfig::new("eu-west-1", dir.path().join("regions"))).unwrap();
        let endpoint = region.endpoint();
        let client = client_of(&endpoint);
        create_table(&client, "orders", view).await;
        std::fs::write(dir.path().join("fixture.wasm"), tripline_bundled::FIXTURE).unwrap();
        Self { dir, endpoint, client, _region: region }
    }

    /// Each trigger: its name, and lines of its own. All run the fixture.
    fn configure(&self, triggers: &[(&str, &str)]) {
        self.configure_at(&self.endpoint, triggers);
    }

    fn configure_at(&self, endpoint: &str, triggers: &[(&str, &str)]) {
        let mut config = format!(
            "[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n\
             [streams.shop]\ntable = \"orders\"\nregion = \"eu-west-1\"\nendpoint = \"{endpoint}\"\n"
        );
        for (name, lines) in triggers {
            config += &format!("[triggers.{name}]\nstream = \"shop\"\nplugin = \"fixture.wasm\"\n{lines}\n");
        }
        std::fs::write(self.dir.path().join("tripline.toml"), config).unwrap();
    }

    fn start(&self) -> Host {
        Host::start(&self.dir.path().join("tripline.toml"))
    }

    async fn put(&self, item: &Item) {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let number = |value: u32| AttributeValue::N(value.to_string());
        let put = self
            .client
            .put_item()
            .table_name("orders")
            .item("id", text(&item.id))
            .item("kind", text(&item.kind));
        put.item("note", number(item.note)).item("total", number(item.total)).send().await.unwrap();
    }

    async fn delete(&self, id: &str) {
        let id = AttributeValue::S(id.to_owned());
        self.client.delete_item().table_name("orders").key("id", id).send().await.unwrap();
    }

    /// Puts a new item of each of these kinds.
    async fn put_kinds(&self, from: u32, kinds: &[&str]) {
        for (note, kind) in (from..).zip(kinds) {
            self.put(&Item { id: format!("i{note}"), kind: (*kind).to_owned(), note, total: 1 }).await;
        }
    }

    fn counted(&self) -> u64 {
        let rows = SqliteReader::open(&self.dir.path().join("data")).unwrap().counters().unwrap();
        rows.iter().map(|row| row.value.parse::<u64>().unwrap()).sum()
    }

    fn run(&self, args: &[&str]) -> Output {
        tripline().current_dir(self.dir.path()).env("TRIPLINE_LOG", "off").args(args).output().unwrap()
    }
}

#[derive(Clone, Debug)]
struct Item {
    id: String,
    kind: String,
    /// Another for each write.
    note: u32,
    total: u32,
}

/// A metric of the trigger.
fn of(host: &Host, name: &str, trigger: &str) -> f64 {
    host.metric(name, &format!("trigger=\"{trigger}\""))
}

const FILTERED: &str = "tripline_changes_filtered_total";
const ACKNOWLEDGED: &str = "tripline_changes_acknowledged_total";
const DELIVERED: &str = "tripline_changes_delivered_total";
const READ: &str = "tripline_changes_read_total";
const AGE: &str = "tripline_iterator_age_seconds";

const KIND_A: &str = r#"view = "new-image"
filters = ['{"dynamodb":{"NewImage":{"kind":{"S":["a"]}}}}']
grants = { counters = true }
settings = { mode = "counters" }"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_no_filter_matches_is_acknowledged_and_never_read_again() {
    let shop = Shop::new(StreamViewType::NewAndOldImages).await;
    shop.configure(&[("t", KIND_A)]);
    let host = shop.start();
    let of = |host: &Host| [ACKNOWLEDGED, FILTERED, DELIVERED].map(|name| self::of(host, name, "t"));
    shop.put_kinds(0, &["a", "b", "c", "a", "b", "c", "b", "b", "c", "a"]).await;
    host.until("the rest is filtered out", |host| self::of(host, FILTERED, "t") == 7.0).await;
    host.until("three are handled", |_| shop.counted() == 3).await;
    host.until("that is told", |host| self::of(host, ACKNOWLEDGED, "t") == 10.0).await;
    assert_eq!(of(&host), [10.0, 7.0, 3.0]);
    let list = shop.run(&["triggers", "list", "--json", "-c", "tripline.toml"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!((&list["items"][0]["filters"], &list["items"][0]["changes_filtered"]), (&1.into(), &7.into()));

    // What is filtered out waits for its commit, which a clean stop makes at once.
    let read = host.metric(READ, "shop");
    shop.put_kinds(10, &["b", "b", "c"]).await;
    host.until("they are read", |host| host.metric(READ, "shop") == read + 3.0).await;
    assert!(host.stop());

    let host = shop.start();
    shop.put_kinds(13, &["a"]).await;
    host.until("the next is handled", |_| shop.counted() == 4).await;
    host.until("that is told", |host| self::of(host, ACKNOWLEDGED, "t") == 1.0).await;
    assert_eq!((of(&host), host.metric(READ, "shop")), ([1.0, 0.0, 1.0], 1.0));

    // Nobody ends it in order: what was told as filtered is durable.
    shop.put_kinds(14, &["b", "a", "b", "c"]).await;
    host.until("three are filtered out", |host| self::of(host, FILTERED, "t") == 3.0).await;
    host.until("one is handled", |_| shop.counted() == 5).await;
    host.kill();
    let host = shop.start();
    shop.put_kinds(18, &["a"]).await;
    host.until("the next is handled", |_| shop.counted() == 6).await;
    host.until("that is told", |host| self::of(host, ACKNOWLEDGED, "t") == 1.0).await;
    assert_eq!((of(&host), host.metric(READ, "shop")), ([1.0, 0.0, 1.0], 1.0));

    // Killed before that was durable, it is read again, and still nobody gets it.
    shop.put_kinds(19, &["b", "c", "b"]).await;
    host.until("they are read", |host| host.metric(READ, "shop") == 4.0).await;
    host.kill();
    let host = shop.start();
    shop.put_kinds(22, &["c", "a"]).await;
    host.until("the next is handled", |_| shop.counted() == 7).await;
    host.until("that is told", |host| self::of(host, FILTERED, "t") > 0.0).await;
    assert_eq!(self::of(&host, DELIVERED, "t"), 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_see_images_that_the_view_hides() {
    let shop = Shop::new(StreamViewType::NewAndOldImages).await;
    let filter = r#"view = "keys-only"
filters = ['{"dynamodb":{"OldImage":{"kind":{"S":["free"]}},"NewImage":{"kind":{"S":[{"anything-but":["free"]}]}}}}']
settings = { mode = "echo" }"#;
    shop.configure(&[("upgrades", filter)]);
    let host = shop.start();
    for (note, id, kind) in [(0, "u1", "free"), (1, "u2", "pro"), (2, "u1", "free"), (3, "u1", "pro"), (4, "u2", "free"), (5, "u1", "team")]
    {
        shop.put(&Item { id: id.to_owned(), kind: kind.to_owned(), note, total: 0 }).await;
    }
    host.until("five are filtered out", |host| of(host, FILTERED, "upgrades") == 5.0).await;
    host.until("one is delivered", |host| of(host, DELIVERED, "upgrades") == 1.0).await;
    let said = host.logged("upgrades", |said| said.contains("u1")).await;
    assert!(said.contains("u1") && !said.contains("u2") && !said.contains("free"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_wants_nothing_is_at_the_tip() {
    let shop = Shop::new(StreamViewType::NewAndOldImages).await;
    shop.configure(&[("t", KIND_A)]);
    let host = shop.start();
    shop.put_kinds(0, &["b"; 30]).await;
    host.until("it is at the tip", |host| host.metric(READ, "shop") == 30.0 && of(host, AGE, "t") == 0.0)
        .await;
    host.until("all is filtered out", |host| of(host, FILTERED, "t") == 30.0).await;
    assert_eq!([of(&host, AGE, "t"), of(&host, DELIVERED, "t"), of(&host, "tripline_handler_calls_total", "t")], [0.0; 3]);
    assert_eq!(host.get("/readyz").0, 200);
}

/// A change as the test made it.
struct Made {
    old: Option<Item>,
    new: Option<Item>,
}

impl Made {
    /// As `echoed` sees it: the notes of its images.
    fn shown(&self) -> String {
        let note = |image: &Option<Item>| image.as_ref().map_or("none".to_owned(), |item| item.note.to_string());
        format!("{} -> {}", note(&self.old), note(&self.new))
    }
}

/// Forty-eight changes of eight items.
async fn traffic(shop: &Shop) -> Vec<Made> {
    let mut random = fastrand::Rng::with_seed(6);
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    let mut made = Vec::new();
    for note in 0..48 {
        let id = format!("{}-{}", if random.bool() { "de" } else { "ch" }, random.u8(..4));
        let old = items.remove(&id);
        let new = (old.is_none() || random.u8(..4) > 0).then(|| {
            let kind = ["free", "pro", "Team", "Beta*"][random.usize(..4)].to_owned();
            Item { id: id.clone(), kind, note, total: random.u32(..200) }
        });
        match &new {
            Some(item) => shop.put(item).await,
            None => shop.delete(&id).await,
        }
        items.extend(new.clone().map(|item| (id, item)));
        made.push(Made { old, new });
    }
    made
}

/// What the fixture's mode `echo` has logged, as `Made::shown`.
fn echoed(logs: &str) -> Vec<String> {
    let note = |image: &str| {
        image
            .split_once(r#""note":{"N":""#)
            .map_or("none".to_owned(), |(_, rest)| rest.split('"').next().unwrap().to_owned())
    };
    let messages = logs
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["message"].as_str().unwrap().to_owned());
    let images = messages.filter_map(|message| message.split_once(" new ").map(|(_, images)| images.to_owned()));
    let shown = images.map(|images| {
        let (new, old) = images.split_once(" old ").unwrap();
        format!("{} -> {}", note(old), note(new))
    });
    shown.collect()
}

type Wanted = fn(&Made) -> bool;

#[tokio::test(flavor = "multi_thread")]
async fn ten_triggers_with_filters_of_their_own_get_exactly_theirs() {
    fn new(made: &Made) -> Option<&Item> {
        made.new.as_ref()
    }
    fn old(made: &Made) -> Option<&Item> {
        made.old.as_ref()
    }
    let triggers: [(&str, &str, Wanted); 11] = [
        ("literal", r#"'{"dynamodb":{"NewImage":{"kind":{"S":["pro"]}}}}'"#, |made| new(made).is_some_and(|item| item.kind == "pro")),
        ("numeric", r#"'{"dynamodb":{"NewImage":{"total":{"N":[{"numeric":[">=",50,"<",150]}]}}}}'"#, |made| {
            new(made).is_some_and(|item| (50..150).contains(&item.total))
        }),
        ("event", r#"'{"eventName":["REMOVE"]}'"#, |made| new(made).is_none()),
        ("prefix", r#"'{"dynamodb":{"Keys":{"id":{"S":[{"prefix":"de-"}]}}}}'"#, |made| {
            new(made).or(old(made)).is_some_and(|item| item.id.starts_with("de-"))
        }),
        ("not", r#"'{"dynamodb":{"OldImage":{"kind":{"S":[{"anything-but":["free","pro"]}]}}}}'"#, |made| {
            old(made).is_some_and(|item| item.kind != "free" && item.kind != "pro")
        }),
        ("absent", r#"'{"dynamodb":{"OldImage":{"kind":{"S":[{"exists":false}]}}}}'"#, |made| old(made).is_none()),
        ("either", r#"'{"$or":[{"eventName":["INSERT"]},{"dynamodb":{"NewImage":{"total":{"N":[{"numeric":["<",20]}]}}}}]}'"#, |made| {
            old(made).is_none() || new(made).is_some_and(|item| item.total < 20)
        }),
        ("wild", r#"'{"dynamodb":{"NewImage":{"kind":{"S":[{"wildcard":"B*\\*"}]}}}}'"#, |made| {
            new(made).is_some_and(|item| item.kind == "Beta*")
        }),
        ("case", r#"'{"dynamodb":{"NewImage":{"kind":{"S":[{"equals-ignore-case":"TEAM"}]}}}}'"#, |made| {
            new(made).is_some_and(|item| item.kind == "Team")
        }),
        ("two", r#"'{"eventName":["REMOVE"]}', '{"dynamodb":{"NewImage":{"kind":{"S":["free"]}}}}'"#, |made| {
            new(made).is_none_or(|item| item.kind == "free")
        }),
        ("all", "", |_| true),
    ];
    let shop = Shop::new(StreamViewType::NewAndOldImages).await;
    let lines = triggers.map(|(name, filters, _)| {
        let filters = if filters.is_empty() { String::new() } else { format!("filters = [{filters}]\n") };
        (name, format!("view = \"new-and-old-images\"\nsettings = {{ mode = \"echo\" }}\n{filters}"))
    });
    shop.configure(&lines.each_ref().map(|(name, lines)| (*name, &**lines)));
    let host = shop.start();
    let made = traffic(&shop).await;
    for (name, _, wanted) in triggers {
        let expected: Vec<String> = made.iter().filter(|made| wanted(made)).map(Made::shown).collect();
        assert!(name == "all" || (2..46).contains(&expected.len()), "{name} tells nothing: {expected:?}");
        host.until(&format!("{name} has done with all"), |host| of(host, ACKNOWLEDGED, name) == made.len() as f64)
            .await;
        let said = host.logged(name, |said| echoed(said).len() >= expected.len()).await;
        assert_eq!(echoed(&said), expected, "{name}");
        let filtered = (made.len() - expected.len()) as f64;
        host.until(&format!("{name} has told the rest"), |host| of(host, FILTERED, name) == filtered).await;
    }
}

// ---- What is said ----

/// The command's whole word, however it ends, but for the plugin's version.
#[track_caller]
fn said(shop: &Shop, args: &[&str], succeeds: bool) -> String {
    let output = shop.run(args);
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.success(), succeeds, "{said}");
    let version = said.lines().find_map(|line| line.strip_prefix("t  ")?.split_whitespace().nth(2).map(str::to_owned));
    version.map_or(said.clone(), |version| said.replace(&version, "VERSION     "))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_that_cannot_be_read_is_refused_at_the_start() {
    let shop = Shop::new(StreamViewType::NewAndOldImages).await;
    let lines = r#"view = "new-image"
settings = { mode = "counters" }
filters = ['{"eventName":["INSERT"]}', '{"dynamodb":{"NewImage":{"plan":{"S":[{"prefx":"p"}]}}}}']"#;
    shop.configure(&[("t", lines)]);
    let said = ["run", "check"].map(|command| said(&shop, &[command, "-c", "tripline.toml"], false));
    assert_eq!(said[0], said[1]);
    expect![[r#"
        error: tripline.toml:13:40: triggers.t.filters[1]: column 40 of the pattern: there is no operator "prefx"
          remedy: did you mean "prefix"?
        1 fault in tripline.toml
    "#]]
    .assert_eq(&said[0]);
}

const SUSPECT: &str = r#"view = "keys-only"
settings = { mode = "ok" }
filters = [
    '{"eventName":["insert"]}',
    '{"dynamodb":{"NewImage":{"plan":["pro"]}}}',
    '{"dynamodb":{"OldImage":{"plan":{"S":["pro"]}}}}',
    '{"dynamodb":{"Keys":{"id":{"S":["a",7]}}}}',
]"#;

#[tokio::test(flavor = "multi_thread")]
async fn check_warns_of_what_can_never_match() {
    let shop = Shop::new(StreamViewType::KeysOnly).await;
    shop.configure(&[("t", SUSPECT)]);
    let check = ["check", "-c", "tripline.toml"];
    expect![[r#"
        TRIGGER  STREAM  VIEW       PLUGIN        ASKS FOR
        t        shop    keys-only  VERSION       counters (denied), state (denied), tables (denied), mailers (denied), http (denied), metrics (denied)
        warning: tripline.toml:14:5: triggers.t.filters[0]: no change can match the pattern: column 15: "eventName" is never so: it is one of INSERT, MODIFY, REMOVE; did you mean "INSERT"?
        warning: tripline.toml:15:5: triggers.t.filters[1]: no change can match the pattern: column 26: the value of "plan" stands in an object, with its type; write "plan":{"S":["pro"]}
        warning: tripline.toml:17:5: triggers.t.filters[3]: column 37 of the pattern: "S" holds strings, and no string is a number; write "7", or test "N"
        warning: triggers.t.filters[1]: no change can match the pattern: column 14: the stream holds KEYS_ONLY: its records have no NewImage; enable it with NEW_IMAGE or NEW_AND_OLD_IMAGES, or test Keys instead
        warning: triggers.t.filters[2]: no change can match the pattern: column 14: the stream holds KEYS_ONLY: its records have no OldImage; enable it with OLD_IMAGE or NEW_AND_OLD_IMAGES, or test Keys instead
        ok: the config and its plugins are sound (streams, targets and mail servers are asked when it runs)
    "#]]
    .assert_eq(&said(&shop, &check, true));
    expect![[r#"
        TRIGGER  STREAM  VIEW       PLUGIN        ASKS FOR
        t        shop    keys-only  VERSION       counters (denied), state (denied), tables (denied), mailers (denied), http (denied), metrics (denied)
        warning: tripline.toml:14:5: triggers.t.filters[0]: no change can match the pattern: column 15: "eventName" is never so: it is one of INSERT, MODIFY, REMOVE; did you mean "INSERT"?
        warning: tripline.toml:15:5: triggers.t.filters[1]: no change can match the pattern: column 26: the value of "plan" stands in an object, with its type; write "plan":{"S":["pro"]}
        warning: tripline.toml:17:5: triggers.t.filters[3]: column 37 of the pattern: "S" holds strings, and no string is a number; write "7", or test "N"
        ok: the config and its plugins are sound (streams, targets and mail servers are asked when it runs)
    "#]]
    .assert_eq(&said(&shop, &["check", "--offline", "-c", "tripline.toml"], true));

    let (_socket, refusing) = refusing();
    shop.configure_at(&format!("http://{refusing}"), &[("t", SUSPECT)]);
    expect![[r#"
        TRIGGER  STREAM  VIEW       PLUGIN        ASKS FOR
        t        shop    keys-only  VERSION       counters (denied), state (denied), tables (denied), mailers (denied), http (denied), metrics (denied)
        warning: tripline.toml:14:5: triggers.t.filters[0]: no change can match the pattern: column 15: "eventName" is never so: it is one of INSERT, MODIFY, REMOVE; did you mean "INSERT"?
        warning: tripline.toml:15:5: triggers.t.filters[1]: no change can match the pattern: column 26: the value of "plan" stands in an object, with its type; write "plan":{"S":["pro"]}
        warning: tripline.toml:17:5: triggers.t.filters[3]: column 37 of the pattern: "S" holds strings, and no string is a number; write "7", or test "N"
        note: whether their stream has what the filters of t ask for is not known: streams.shop: ListStreams for table `orders` in eu-west-1 at http://127.0.0.1:PORT: Connection refused (os error 111); check the network, and its `region` and `endpoint`, then start again
        ok: the config and its plugins are sound (streams, targets and mail servers are asked when it runs)
    "#]]
    .assert_eq(&said(&shop, &check, true).replace(&refusing.port().to_string(), "PORT"));

    // One that takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    shop.configure_at(&format!("http://{}", silent.local_addr().unwrap()), &[("t", SUSPECT)]);
    let said = said(&shop, &check, true);
    assert!(said.contains("is not known: streams.shop: no answer within 5 s\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_warns_of_what_the_stream_can_never_match() {
    let shop = Shop::new(StreamViewType::KeysOnly).await;
    shop.configure(&[("t", SUSPECT)]);
    let host = Host::spawn(tripline(), &shop.dir.path().join("tripline.toml"));
    for part in ["triggers.t.filters[0]: ", "triggers.t.filters[1]: ", "triggers.t.filters[3]: ", "triggers.t.filters[2]: "] {
        let warned = host.wait_for_event(part, |event| event["level"] == "WARN" && event["message"].as_str().unwrap().contains(part));
        assert!(part.contains("[3]") || warned["message"].as_str().unwrap().contains("no change can match"), "{warned}");
    }
}

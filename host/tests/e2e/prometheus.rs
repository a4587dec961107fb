//! Prometheus itself scrapes the host, and what it then holds is compared with what the host says and what was written.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tripline::clock;
use tripline::workload::Traffic;

use crate::harness::{Host, PATIENCE, Place, Server, assert_clean, debian_tool, http_get};

const DOCS: &str = include_str!("../../../docs/metrics.md");

/// Prometheus with `scrape`, a list of scrape configs; it keeps its data in `dir`.
async fn start(dir: &Path, scrape: &str) -> Server {
    let config = dir.join("prometheus.yml");
    std::fs::write(&config, format!("global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n{scrape}")).unwrap();
    let data = dir.join("prometheus-data");
    Server::start(|port| {
        let mut command = Command::new(debian_tool("prometheus"));
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", data.display()));
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command
    })
    .await
}

/// An answer of Prometheus' API.
fn ask(server: &Server, path: &str) -> Option<Value> {
    let (status, body) = http_get(&format!("127.0.0.1:{}", server.port), path);
    // 503 while it starts.
    let answer = (status == 200).then(|| serde_json::from_str::<Value>(&body).unwrap())?;
    assert_eq!(answer["status"], "success", "{answer}");
    Some(answer["data"].clone())
}

/// The samples of an instant query, by their labels without those that Prometheus adds.
fn query(server: &Server, expression: &str) -> BTreeMap<String, f64> {
    let encoded: String = expression.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let Some(data) = ask(server, &format!("/api/v1/query?query={encoded}")) else { return BTreeMap::new() };
    let sample = |sample: &Value| {
        let mut labels: BTreeMap<String, Value> = serde_json::from_value(sample["metric"].clone()).unwrap();
        for added in ["__name__", "instance", "job"] {
            labels.remove(added);
        }
        (format!("{labels:?}"), sample["value"][1].as_str().unwrap().parse().unwrap())
    };
    data["result"].as_array().unwrap().iter().map(sample).collect()
}

async fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(done) = done() {
            return done;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Until a scrape that began after this call is stored.
async fn scraped(server: &Server) {
    let now = clock::now().as_ms() as f64 / 1000.0;
    until("the host is scraped", || query(server, "timestamp(tripline_ready)").into_values().find(|at| *at > now)).await;
}

/// The families of /metrics: name, type.
fn families(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// The rows of the tables in docs/metrics.md: name, type.
fn documented() -> BTreeMap<String, String> {
    let rows = DOCS.lines().filter(|line| line.starts_with("| `tripline_") || line.starts_with("| `process_"));
    let cell = |row: &str, at: usize| row.split('|').nth(at).unwrap().trim().trim_matches('`').to_owned();
    rows.map(|row| (cell(row, 1), cell(row, 2))).collect()
}

fn promtool(args: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(debian_tool("promtool"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// Every family is in the docs with its type, and every one of the docs is there; promtool has nothing to say.
fn check_families(host: &Host) {
    let (status, text) = host.get("/metrics");
    assert_eq!(status, 200);
    let (plugins, hosts): (BTreeMap<_, _>, BTreeMap<_, _>) =
        families(&text).into_iter().partition(|(name, _)| name.starts_with("tripline_tally_"));
    let mut documented = documented();
    // Only while a shard makes no progress, of which there may be thousands.
    documented.remove("tripline_shard_stalled_seconds");
    // Only of plugins that read, transact and send requests: see imports.rs and http.rs.
    documented.retain(|name, _| {
        !["tripline_table_transaction", "tripline_table_read", "tripline_table_keys_read", "tripline_http_"]
            .iter()
            .any(|of| name.starts_with(of))
    });
    assert_eq!(hosts, documented, "left: what the host says; right: docs/metrics.md");
    let plugins: BTreeSet<_> = plugins.keys().map(String::as_str).collect();
    assert_eq!(plugins, BTreeSet::from(["tripline_tally_orders", "tripline_tally_revenue"]));
    assert_eq!(promtool(&["check", "metrics"], &text), (true, String::new()));
}

/// What Prometheus holds of each counter lies between what the host said before the scrape and after it.
async fn check_values(server: &Server, host: &Host) {
    let before = host.get("/metrics").1;
    scraped(server).await;
    let counters: Vec<_> = families(&before).into_iter().filter(|(_, kind)| kind != "histogram").collect();
    let mut compared = 0;
    for (name, _) in counters.iter().filter(|(name, kind)| kind == "counter" || name.starts_with("tripline_tally_")) {
        let held = query(server, name);
        let after = host.get("/metrics").1;
        let series = before
            .lines()
            .filter(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")))
            .count();
        assert_eq!(held.len(), series, "{name}: {held:?}");
        let sum = |text: &str| {
            let of_name = |line: &&str| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "));
            text.lines()
                .filter(of_name)
                .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
                .sum::<f64>()
        };
        let (low, held, high) = (sum(&before), held.values().sum::<f64>(), sum(&after));
        let slack = 1e-6 * high.abs();
        assert!(low - slack <= held && held <= high + slack, "{name}: {low} <= {held} <= {high}");
        compared += 1;
    }
    assert!(compared > 15, "only {compared} were compared");
}

fn one(samples: &BTreeMap<String, f64>) -> Option<f64> {
    assert!(samples.len() <= 1, "{samples:?}");
    samples.values().next().copied()
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_holds_what_was_written_and_what_the_host_says() {
    let place = Place::embedded().await;
    let host = place.start();
    let scrape = format!("  - job_name: tripline\n    static_configs: [ {{ targets: [\"{}\"] }} ]\n", host.address);
    let server = start(place.dir.path(), &scrape).await;
    let mut traffic = Traffic::new(11);
    traffic.write(&place.tables, 300, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);

    scraped(&server).await;
    let value = |expression: &str| one(&query(&server, expression));
    let acknowledged = "sum(tripline_changes_acknowledged_total{trigger=~\"welcome|replicate\"})";
    assert_eq!(value(acknowledged), Some(300.0), "every change reaches one of the two");
    assert_eq!(value("sum(tripline_changes_read_total)"), Some(300.0));
    assert_eq!(value("sum(tripline_changes_dead_lettered_total)"), Some(0.0));
    let orders = place.tables.orders().await.unwrap().len();
    assert_eq!(value("sum(tripline_tally_orders)"), Some(orders as f64), "the plugin's counter equals the table's items");
    assert_eq!(value("tripline_ready"), Some(1.0));
    let batches = "sum(tripline_batch_changes_sum{trigger=\"replicate\"}) == sum(tripline_changes_delivered_total{trigger=\"replicate\"})";
    assert!(value(batches).is_some_and(|delivered| delivered > 0.0), "the histogram has what the counter has");
    // A range, as alerts use it: it has seen the counter grow.
    let grown = until("it has grown", || value("sum(increase(tripline_polls_total[1m]))").filter(|grown| *grown > 0.0)).await;
    assert!(grown.is_finite());

    check_families(&host);
    check_values(&server, &host).await;
    let targets = ask(&server, "/api/v1/targets").unwrap();
    let target = &targets["activeTargets"][0];
    assert_eq!((&target["health"], &target["lastError"]), (&Value::from("up"), &Value::from("")), "{targets}");
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_prometheus_needs_the_token_and_reads_it_from_its_file() {
    let place = Place::embedded().await;
    place.edit("listen = \"127.0.0.1:0\"", "listen = \"0.0.0.0:0\"");
    let host = place.start();
    let (_, port) = host.address.rsplit_once(':').unwrap();
    let target = format!("static_configs: [ {{ targets: [\"127.0.0.1:{port}\"] }} ]");
    let token = place.data_dir().join("token");
    let with = format!("authorization: {{ credentials_file: \"{}\" }}", token.display());
    let scrape = format!("  - job_name: tripline\n    {with}\n    {target}\n  - job_name: nobody\n    {target}\n");
    let server = start(place.dir.path(), &scrape).await;
    let up = |job: &str| one(&query(&server, &format!("up{{job=\"{job}\"}}")));
    assert_eq!(until("both are scraped", || Some((up("tripline")?, up("nobody")?))).await, (1.0, 0.0));
    let targets = ask(&server, "/api/v1/targets").unwrap();
    let active = targets["activeTargets"].as_array().unwrap();
    let refused = active.iter().find(|target| target["labels"]["job"] == "nobody").unwrap();
    assert!(refused["lastError"].as_str().unwrap().contains("401"), "{refused}");
    let ready = query(&server, "tripline_ready");
    assert_eq!(ready.len(), 1, "{ready:?}");
    assert!(host.stop());
}

/// What the docs tell to copy.
#[test]
fn the_docs_scrape_config_and_alerts_are_sound() {
    let dir = tempfile::tempdir().unwrap();
    let blocks: Vec<&str> = DOCS.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    let file = |name: &str, begins: &str| {
        let block = blocks.iter().find(|block| block.starts_with(begins)).unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, block).unwrap();
        path.display().to_string()
    };
    let (config, rules) = (file("prometheus.yml", "scrape_configs:"), file("rules.yml", "groups:"));
    for args in [["check", "config", "--syntax-only", &config], ["check", "rules", "--lint=all", &rules]] {
        let (sound, said) = promtool(&args, "");
        assert!(sound && said.contains("SUCCESS"), "{args:?}: {said}");
    }
    let (_, rules) = DOCS.split_once("groups:").unwrap();
    let used: BTreeSet<_> = rules
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("tripline_"))
        .collect();
    let known = documented();
    assert!(used.iter().all(|name| known.contains_key(*name)), "{used:?}");
}

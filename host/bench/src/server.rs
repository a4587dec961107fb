//! The endpoint that everybody reads: a table, its stream, one closed shard of prepared pages. Runs in a process of its own.
//!
//! Always holds: it ends when its standard input does, so that no run leaves it behind.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::body::Template;
use crate::case::{Case, REGION, TABLE};

const SHARD: &str = "shardId-00000000000000000001-00000001";
const LABEL: &str = "2026-01-01T00:00:00.000";

#[derive(Debug)]
struct Served {
    template: Template,
    pages: usize,
}

/// Prints the endpoint, then serves.
pub(crate) async fn serve(case: &Case) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("no port on 127.0.0.1")?;
    let served = Arc::new(Served { template: Template::new(case), pages: case.pages });
    let app = Router::new().route("/", post(call)).route("/page/{page}", get(page)).with_state(served);
    writeln!(std::io::stdout(), "http://{}", listener.local_addr()?)?;
    let end_of_input = async {
        // Whatever comes, and however it ends: nobody is there any more.
        let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    };
    Ok(axum::serve(listener, app).with_graceful_shutdown(end_of_input).await?)
}

/// The floor reads pages without an API around them.
async fn page(State(served): State<Arc<Served>>, axum::extract::Path(page): axum::extract::Path<usize>) -> Response {
    records(&served, page)
}

async fn call(State(served): State<Arc<Served>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let arn = format!("arn:aws:dynamodb:{REGION}:000000000000:table/{TABLE}");
    let stream = format!("{arn}/stream/{LABEL}");
    match operation {
        "DescribeTable" => answer(json!({"Table": {
            "TableName": TABLE, "TableArn": arn, "TableStatus": "ACTIVE", "LatestStreamArn": stream, "LatestStreamLabel": LABEL,
            "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        }})),
        "ListStreams" => answer(json!({"Streams": [{"StreamArn": stream, "TableName": TABLE, "StreamLabel": LABEL}]})),
        "DescribeStream" => answer(json!({"StreamDescription": {
            "StreamArn": stream, "StreamLabel": LABEL, "StreamStatus": "ENABLED", "StreamViewType": "NEW_AND_OLD_IMAGES", "TableName": TABLE,
            "Shards": [{"ShardId": SHARD, "SequenceNumberRange": {"StartingSequenceNumber": "1", "EndingSequenceNumber": "9".repeat(25)}}],
        }})),
        "GetShardIterator" => answer(json!({"ShardIterator": "0"})),
        "GetRecords" => match body["ShardIterator"].as_str().and_then(|page| page.parse().ok()) {
            Some(page) => records(&served, page),
            None => StatusCode::BAD_REQUEST.into_response(),
        },
        _ => StatusCode::NOT_IMPLEMENTED.into_response(),
    }
}

fn records(served: &Served, page: usize) -> Response {
    let next = (page + 1 < served.pages).then_some(page + 1);
    with_checksum(served.template.page(page, next).into())
}

fn answer(body: Value) -> Response {
    with_checksum(body.to_string().into())
}

fn with_checksum(body: Bytes) -> Response {
    let checksum = crc32fast::hash(&body).to_string();
    ([("content-type", "application/x-amz-json-1.0"), ("x-amz-crc32", &checksum)], body).into_response()
}

//! One table that plugins may be granted, and how single writes are sent.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::TableDescription;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use tripline_core::port::{BoxFuture, TableReadError, TableSpot, TableTarget, TableWrite, TransactError, Transaction, WriteError};
use tripline_core::signal::{Signal, Signals, WriteResult};
use tripline_wire::Slot;

use super::body::{self, Action, Prepared};
use super::failure::{self, TargetError};

/// Requests of one call that are under way at once.
const CONCURRENCY_MAX: usize = 64;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Less than half of the time that a plugin has by default, so that the writes of a batch that hang fail by themselves, and not the batch with them.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);

type WriteOutcome = Result<(), WriteError>;

/// Writes of one item, each with its place in the answer.
type Queue = Vec<(usize, Prepared)>;

/// Which table is meant.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// The key of its `[targets.…]` table.
    pub name: &'a str,
    pub table: &'a str,
    /// By whose credentials it is reached, in any words that tell them apart.
    pub access: &'a str,
}

#[derive(Clone)]
pub struct Target {
    pub(super) name: Arc<str>,
    pub(super) spot: Arc<TableSpot>,
    pub(super) client: Client,
    pub(super) signals: Arc<dyn Signals>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name).field("spot", &self.spot).finish_non_exhaustive()
    }
}

impl Target {
    /// Asks DynamoDB for the table's key. Region, endpoint, credentials and HTTP client are those of `config`.
    pub async fn connect(config: &SdkConfig, named: Named<'_>, signals: Arc<dyn Signals>) -> Result<Self, TargetError> {
        let Named { name, table, access } = named;
        let client = client(config);
        let place = failure::Place::new(config, name, table);
        let answer = client.describe_table().table_name(table).send().await.map_err(|error| place.of_describe(&error))?;
        let described = answer.table.unwrap_or_else(|| TableDescription::builder().build());
        let home = home(config, described.table_arn.as_deref().unwrap_or_default(), access);
        let mut schema: Vec<_> = described
            .key_schema
            .unwrap_or_default()
            .into_iter()
            .map(|key| (key.key_type.as_str() != "HASH", key.attribute_name))
            .collect();
        schema.sort();
        let keys: Box<[Box<str>]> = schema.into_iter().map(|(_, attribute)| attribute.into()).collect();
        if keys.is_empty() {
            return Err(place.no_key());
        }
        let spot = Arc::new(TableSpot { home, table: table.into(), keys });
        Ok(Self { name: name.into(), spot, client, signals })
    }

    /// The attributes of the table's key, partition key first.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.spot.keys.iter().map(|key| &**key)
    }

    /// One result for each write, in order.
    async fn write_all(&self, writes: Vec<TableWrite>) -> Vec<WriteOutcome> {
        let (mut results, queues) = self.queues(&writes);
        drop(writes);
        let mut done = stream::iter(queues.into_iter().map(|queue| self.write_in_order(queue))).buffer_unordered(CONCURRENCY_MAX);
        while let Some(answers) = done.next().await {
            for (index, answer) in answers {
                results[index] = Some(answer);
            }
        }
        let lost = || Err(WriteError::Unavailable("the write was not made".to_owned()));
        results.into_iter().map(|result| result.unwrap_or_else(lost)).collect()
    }

    /// The writes as requests, those of one item in one queue; and what is settled already, since it was refused here.
    fn queues(&self, writes: &[TableWrite]) -> (Vec<Option<WriteOutcome>>, Vec<Queue>) {
        let mut results = Vec::with_capacity(writes.len());
        let mut queues: Vec<Queue> = Vec::new();
        let mut places = HashMap::new();
        for (index, write) in writes.iter().enumerate() {
            match body::prepare(&self.spot, write) {
                Ok((key, prepared)) => {
                    let place = *places.entry(key).or_insert(queues.len());
                    if place == queues.len() {
                        queues.push(Vec::new());
                    }
                    queues[place].push((index, prepared));
                    results.push(None);
                }
                Err(reason) => {
                    self.signals
                        .emit(Signal::TableWritten { target: &self.name, result: WriteResult::Invalid, took: Duration::ZERO });
                    results.push(Some(Err(WriteError::Invalid(reason))));
                }
            }
        }
        (results, queues)
    }

    /// After a write whose fate is unknown, later ones of the same item are not tried: it might arrive after them.
    async fn write_in_order(&self, queue: Queue) -> Vec<(usize, WriteOutcome)> {
        let mut answers = Vec::with_capacity(queue.len());
        let mut failed = false;
        for (index, prepared) in queue {
            let answer = if failed {
                Err(WriteError::Unavailable("an earlier write of this item failed, and order holds".to_owned()))
            } else {
                self.send(prepared).await
            };
            failed |= matches!(answer, Err(WriteError::Unavailable(_)));
            answers.push((index, answer));
        }
        answers
    }

    async fn send(&self, Prepared { action, body }: Prepared) -> WriteOutcome {
        let began = Instant::now();
        let replace = replaced(body, None);
        let table = &*self.spot.table;
        let answer = match action {
            Action::Put => {
                let sent = self.client.put_item().table_name(table).customize().mutate_request(replace).send().await;
                sent.map(drop).map_err(|error| failure::of_write(table, &error))
            }
            Action::Update => {
                let sent = self.client.update_item().table_name(table).customize().mutate_request(replace).send().await;
                sent.map(drop).map_err(|error| failure::of_write(table, &error))
            }
            Action::Delete => {
                let sent = self.client.delete_item().table_name(table).customize().mutate_request(replace).send().await;
                sent.map(drop).map_err(|error| failure::of_write(table, &error))
            }
        };
        let result = match &answer {
            Ok(()) => WriteResult::Ok,
            Err(WriteError::ConditionFailed) => WriteResult::ConditionFailed,
            Err(WriteError::Invalid(_)) => WriteResult::Invalid,
            Err(WriteError::Unavailable(_)) => WriteResult::Unavailable,
        };
        self.signals.emit(Signal::TableWritten { target: &self.name, result, took: began.elapsed() });
        answer
    }
}

impl TableTarget for Target {
    fn spot(&self) -> Arc<TableSpot> {
        self.spot.clone()
    }

    fn write(&self, writes: Vec<TableWrite>) -> BoxFuture<'_, Vec<Result<(), WriteError>>> {
        Box::pin(self.write_all(writes))
    }

    fn transact(&self, transaction: Transaction) -> BoxFuture<'_, Result<(), TransactError>> {
        Box::pin(self.transact_all(transaction))
    }

    fn get(&self, keys: Vec<String>, consistent: bool) -> BoxFuture<'_, Result<Vec<Option<String>>, TableReadError>> {
        Box::pin(self.get_all(keys, consistent))
    }
}

/// Region and account as the table's ARN tells them, and the way there.
fn home(config: &SdkConfig, arn: &str, access: &str) -> Box<str> {
    // arn:aws:dynamodb:REGION:ACCOUNT:table/NAME
    let owner: Vec<&str> = arn.split(':').skip(3).take(2).collect();
    let region = config.region().map_or("", |region| region.as_ref());
    [&owner.join(":"), region, config.endpoint_url().unwrap_or_default(), access].join("|").into()
}

/// For a request's body; its answer's goes to `slot`, where there is one. Runs before the request is signed: the signature is of this body.
pub(super) fn replaced(body: Bytes, slot: Option<Slot>) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    move |request| {
        request.headers_mut().insert("content-length", body.len().to_string());
        *request.body_mut() = SdkBody::from(body.clone());
        if let Some(slot) = &slot {
            request.add_extension(slot.clone());
        }
    }
}

fn client(config: &SdkConfig) -> Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_timeout(REQUEST_TIMEOUT)
        // There is one attempt: two bounds of one length, and chance says which of them is told.
        .disable_operation_attempt_timeout()
        .build();
    // Nobody asks what time it is at a target.
    let http = tripline_wire::Client::new(config.http_client(), Arc::new(|_| ()));
    let builder = aws_sdk_dynamodb::config::Builder::from(config)
        .http_client(http)
        .behavior_version(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts);
    Client::from_conf(builder.build())
}

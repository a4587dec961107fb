//! The source against a scripted endpoint, against the SDK's own typed output, and against an embedded region.

mod embedded;
mod errors;
mod find;
mod generate;
mod paging;
mod reference;
mod server;
mod survey;
mod together;

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use tripline_core::time::Timestamp;

use crate::clock::Clock;
use crate::source::{Source, SourceConfig, Timeouts};

fn sdk_config() -> SdkConfig {
    let credentials = Credentials::new("AKIATEST", "secret-of-the-test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

fn config(endpoint: &str) -> SourceConfig {
    SourceConfig { table: "orders".to_owned(), region: "eu-west-1".to_owned(), endpoint: Some(endpoint.to_owned()), streams_endpoint: None }
}

/// The host's clock stands at one second.
fn clock() -> Clock {
    Arc::new(|| Timestamp::from_ms(1_000))
}

/// Of the table `orders`. The timeouts are far longer than loopback needs.
fn source(endpoint: &str) -> Source {
    let timeouts = Timeouts { connect: Duration::from_secs(5), attempt: Duration::from_secs(30) };
    Source::with_timeouts(&sdk_config(), config(endpoint), clock(), timeouts)
}

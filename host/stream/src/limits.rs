//! What all sources of one process that reach the same place share: AWS's limits on calls, and how many bodies they hold.
//!
//! Always holds: who waits goes on in the order of coming. A loopback endpoint has no rate: it is this machine's own time.
//! One place does not wait for another, so that a region which does not answer holds up its own shards alone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tripline_core::rate::Rate;
use tripline_core::time::Timestamp;

/// GetRecords calls under way at one place. A body has up to 1 MB, and thousands of shards may have much to tell at once.
pub(crate) const BODIES_MAX: usize = 64;

/// An account may call DescribeStream ten times and ListStreams five times a second. AWS counts when calls arrive: a tenth more time
/// is for what their ways differ.
const SECOND: Duration = Duration::from_millis(1_100);
const DESCRIBE_STREAM_MAX: usize = 10;
const LIST_STREAMS_MAX: usize = 5;

#[derive(Debug)]
pub(crate) struct Limits {
    describe_stream: Option<Limit>,
    list_streams: Option<Limit>,
    bodies: Semaphore,
}

/// Region and endpoint.
type Place = (String, String);

/// As many as the configs of this process name.
static PLACES: LazyLock<Mutex<HashMap<Place, Arc<Limits>>>> = LazyLock::new(Mutex::default);

impl Limits {
    /// `endpoint` of DynamoDB Streams; none: AWS's own.
    pub(crate) fn of(region: &str, endpoint: Option<&str>) -> Arc<Self> {
        let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (region.to_owned(), endpoint.unwrap_or_default().trim_end_matches('/').to_owned());
        places.entry(place).or_insert_with(|| Arc::new(Self::new(endpoint))).clone()
    }

    fn new(endpoint: Option<&str>) -> Self {
        let limited = !endpoint.is_some_and(is_loopback);
        let limit = |calls| limited.then(|| Limit::new(calls, SECOND));
        Self { describe_stream: limit(DESCRIBE_STREAM_MAX), list_streams: limit(LIST_STREAMS_MAX), bodies: Semaphore::new(BODIES_MAX) }
    }

    /// Before each call, that is before each page.
    pub(crate) async fn describe_stream(&self) {
        wait(self.describe_stream.as_ref()).await;
    }

    pub(crate) async fn list_streams(&self) {
        wait(self.list_streams.as_ref()).await;
    }

    /// Until the body is sliced. None only where the semaphore was closed, which nobody does.
    pub(crate) async fn body(&self) -> Option<SemaphorePermit<'_>> {
        self.bodies.acquire().await.ok()
    }
}

async fn wait(limit: Option<&Limit>) {
    if let Some(limit) = limit {
        limit.wait().await;
    }
}

#[derive(Debug)]
struct Limit {
    /// Its zero.
    began: Instant,
    rate: Mutex<Rate>,
}

impl Limit {
    fn new(calls: usize, per: Duration) -> Self {
        Self { began: Instant::now(), rate: Mutex::new(Rate::new(calls, per)) }
    }

    async fn wait(&self) {
        let at = {
            let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
            rate.reserve(Timestamp::default() + self.began.elapsed())
        };
        // Rounded up: a time between two milliseconds was taken for the one before.
        let at = self.began + Duration::from_millis(at.as_ms());
        tokio::time::sleep_until(at).await;
    }
}

fn is_loopback(endpoint: &str) -> bool {
    let authority = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, rest)| rest)
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => {
            let name = host.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_no_rate() {
        for (endpoint, loopback) in [
            ("http://127.0.0.1:8000", true),
            ("http://127.9.9.9", true),
            ("https://[::1]:8000/x", true),
            ("http://[::ffff:127.0.0.1]/", true),
            ("http://LocalHost:1", true),
            ("http://dynamodb.localhost", true),
            ("http://127.0.0.1.example.com", false),
            ("http://localhost.example.com", false),
            ("http://10.0.0.1:8000", false),
            ("https://streams.dynamodb.eu-west-1.amazonaws.com", false),
            ("http://user@10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(endpoint), loopback, "{endpoint}");
            assert_eq!(Limits::new(Some(endpoint)).describe_stream.is_none(), loopback, "{endpoint}");
        }
        let aws = Limits::new(None);
        assert!(aws.describe_stream.is_some() && aws.list_streams.is_some());
    }

    #[test]
    fn sources_of_one_place_share_its_limits() {
        let place = |region, endpoint| Limits::of(region, endpoint);
        let first = place("eu-north-1", None);
        assert!(Arc::ptr_eq(&first, &place("eu-north-1", None)));
        assert!(Arc::ptr_eq(&place("eu-north-1", Some("http://a/")), &place("eu-north-1", Some("http://a"))));
        for other in [place("eu-north-1", Some("http://a")), place("us-west-1", None)] {
            assert!(!Arc::ptr_eq(&first, &other));
        }
    }

    #[tokio::test]
    async fn calls_wait_for_their_turn() {
        let limit = Limit::new(3, Duration::from_millis(40));
        let began = Instant::now();
        let mut made = Vec::new();
        for _ in 0..8 {
            limit.wait().await;
            made.push(began.elapsed());
        }
        for (call, at) in made.iter().enumerate() {
            // The first may have come in the midst of a millisecond.
            let earliest = Duration::from_millis(40 * (call as u64 / 3)).saturating_sub(Duration::from_millis(1));
            assert!(*at >= earliest, "call {call}: {made:?}");
        }
    }
}

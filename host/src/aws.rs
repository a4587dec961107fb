//! How the host reaches AWS: one connection pool, credentials by the default chain, no retries of the SDK's own.
//!
//! Always holds: a request to this machine or to the link's own metadata services passes no proxy; every other obeys the
//! proxy variables. Made-up credentials go to endpoints on this machine only. Retries are off, since they would hide
//! throttles: whoever calls backs off. Knows nothing of what is asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use aws_config::default_provider::region::DefaultRegionChain;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider as TlsProvider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::Mutex;

use crate::config::{Connection, is_loopback, is_loopback_host};

const PROXY_VARIABLES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const CONNECT_MAX: Duration = Duration::from_secs(3);
const FIRST_BYTE_MAX: Duration = Duration::from_secs(10);
const ATTEMPT_MAX: Duration = Duration::from_secs(20);
/// An attempt, and credentials that must be fetched before it.
const OPERATION_MAX: Duration = Duration::from_secs(30);
const ROLE_SESSION: &str = "tripline";
/// What an emulator gets that nobody gave credentials for: access key and secret key.
const LOCAL_CREDENTIALS: &str = "local";

/// One for the whole host: its clients share connections and, where they reach the same place the same way, credentials.
#[derive(Debug)]
pub struct Aws {
    http: SharedHttpClient,
    /// By how a place is reached; as many as the config has.
    loaded: Mutex<BTreeMap<Connection, SdkConfig>>,
}

impl Default for Aws {
    fn default() -> Self {
        Self::new()
    }
}

impl Aws {
    pub fn new() -> Self {
        let is_proxied = PROXY_VARIABLES.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        Self::with_proxy(is_proxied.then(ProxyConfig::from_env))
    }

    fn with_proxy(proxy: Option<ProxyConfig>) -> Self {
        Self { http: http_client(proxy), loaded: Mutex::default() }
    }

    /// For the tables of `connection`. Reads environment and profile files; asks for no credentials yet.
    pub async fn config(&self, connection: &Connection) -> SdkConfig {
        let mut loaded = self.loaded.lock().await;
        if let Some(config) = loaded.get(connection) {
            return config.clone();
        }
        let config = self.load(connection).await;
        loaded.insert(connection.clone(), config.clone());
        config
    }

    async fn load(&self, connection: &Connection) -> SdkConfig {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(self.http.clone())
            .timeout_config(timeouts())
            .retry_config(RetryConfig::standard());
        let region = connection.region.clone().map(Region::new);
        if let Some(region) = region.clone() {
            loader = loader.region(region);
        }
        if let Some(endpoint) = &connection.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(profile) = &connection.profile {
            // The chain would take the environment's credentials first: another account's, and nobody would say so.
            loader = loader.profile_name(profile).credentials_provider(self.of_profile(profile, region.clone()).await);
        }
        if may_use_local_credentials(connection) {
            let config = ProviderConfig::without_region().with_region(region).with_http_client(self.http.clone());
            let profile = ProfileFileCredentialsProvider::builder().configure(&config).build();
            let found = CredentialsProviderChain::first_try("environment", EnvironmentVariableCredentialsProvider::new())
                .or_else("profile", profile);
            loader = loader.credentials_provider(or_local(found));
        }
        let config = loader.load().await;
        let mut builder = config.to_builder();
        if let Some(role) = &connection.role_arn {
            builder.set_credentials_provider(Some(assume(role, &config).await));
        }
        builder.retry_config(RetryConfig::disabled()).build()
    }

    async fn of_profile(&self, profile: &str, region: Option<Region>) -> ProfileFileCredentialsProvider {
        let region = match region {
            Some(region) => Some(region),
            None => DefaultRegionChain::builder().profile_name(profile).build().region().await,
        };
        let config = ProviderConfig::without_region().with_region(region).with_http_client(self.http.clone());
        ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build()
    }
}

/// STS is not where the tables are, and its calls are few: it keeps the SDK's retries.
async fn assume(role: &str, config: &SdkConfig) -> SharedCredentialsProvider {
    let mut sts = config.to_builder();
    sts.set_endpoint_url(None);
    let provider = AssumeRoleProvider::builder(role).session_name(ROLE_SESSION).configure(&sts.build()).build().await;
    SharedCredentialsProvider::new(provider)
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_MAX)
        .read_timeout(FIRST_BYTE_MAX)
        .operation_attempt_timeout(ATTEMPT_MAX)
        .operation_timeout(OPERATION_MAX)
        .build()
}

/// An emulator wants a signature and reads none. The default chain would ask a metadata service for seconds, and fail.
fn may_use_local_credentials(connection: &Connection) -> bool {
    connection.endpoint.as_deref().is_some_and(is_loopback) && connection.profile.is_none() && connection.role_arn.is_none()
}

fn or_local(found: CredentialsProviderChain) -> CredentialsProviderChain {
    let local = Credentials::new(LOCAL_CREDENTIALS, LOCAL_CREDENTIALS, None, None, "tripline-local");
    found.or_else("local", local)
}

fn http_client(proxy: Option<ProxyConfig>) -> SharedHttpClient {
    let tls = || TlsProvider::Rustls(CryptoMode::AwsLc);
    let direct = Builder::new().tls_provider(tls()).build_https();
    let Some(proxy) = proxy else { return direct };
    // As the SDK makes its own default client; its plain builder has no way to name a proxy.
    let proxied = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder().tls_provider(tls()).proxy_config(proxy.clone());
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        connector.build()
    });
    SharedHttpClient::new(ByHost { direct, proxied })
}

/// Chooses a way for each request. Both clients keep their connectors, so that choosing is cheap.
#[derive(Clone, Debug)]
struct ByHost {
    direct: SharedHttpClient,
    proxied: SharedHttpClient,
}

impl HttpClient for ByHost {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Chooser { clients: self.clone(), settings: settings.clone(), components: components.clone() })
    }
}

struct Chooser {
    clients: ByHost,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl fmt::Debug for Chooser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chooser").field("clients", &self.clients).finish_non_exhaustive()
    }
}

impl HttpConnector for Chooser {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = if passes_no_proxy(request.uri()) { &self.clients.direct } else { &self.clients.proxied };
        client.http_connector(&self.settings, &self.components).call(request)
    }
}

/// This machine, and the link-local addresses where EC2 and ECS hand out credentials.
fn passes_no_proxy(uri: &str) -> bool {
    let Some((_, rest)) = uri.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    if is_loopback(&format!("http://{authority}")) {
        return true;
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_link_local()) || is_loopback_host(host)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use aws_config::meta::credentials::CredentialsProviderChain;
    use aws_sdk_dynamodb::config::ProvideCredentials;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    fn at(endpoint: &str) -> Connection {
        Connection { region: Some("eu-west-1".to_owned()), endpoint: Some(endpoint.to_owned()), ..Connection::default() }
    }

    #[test]
    fn only_this_machine_and_the_metadata_services_pass_no_proxy() {
        for direct in [
            "http://127.0.0.1:8000/",
            "http://localhost/x?y",
            "http://[::1]:8000/",
            "http://169.254.169.254/latest/api/token",
            "http://169.254.170.2/v2/credentials",
        ] {
            assert!(passes_no_proxy(direct), "{direct}");
        }
        for proxied in ["https://dynamodb.eu-west-1.amazonaws.com/", "http://10.0.0.1:8000/", "http://localhost.example.com/", "/path"] {
            assert!(!passes_no_proxy(proxied), "{proxied}");
        }
    }

    #[test]
    fn made_up_credentials_stay_on_this_machine() {
        let local = at("http://127.0.0.1:8000");
        let with_profile = Connection { profile: Some("p".to_owned()), ..local.clone() };
        let with_role = Connection { role_arn: Some("arn:aws:iam::123456789012:role/r".to_owned()), ..local.clone() };
        assert!(may_use_local_credentials(&local));
        for other in
            [Connection::default(), with_profile, with_role, at("http://10.0.0.1:8000"), at("https://vpce.eu-west-1.amazonaws.com")]
        {
            assert!(!may_use_local_credentials(&other), "{other:?}");
        }
    }

    #[tokio::test]
    async fn credentials_that_are_found_come_before_made_up_ones() {
        let access_key =
            async |found: CredentialsProviderChain| or_local(found).provide_credentials().await.unwrap().access_key_id().to_owned();
        let theirs = Credentials::new("theirs", "secret", None, None, "test");
        assert_eq!(access_key(CredentialsProviderChain::first_try("found", theirs)).await, "theirs");
        let missing = aws_config::profile::ProfileFileCredentialsProvider::builder()
            .profile_name("tripline-has-no-such-profile")
            .build();
        assert_eq!(access_key(CredentialsProviderChain::first_try("missing", missing)).await, "local");
    }

    /// Answers one request after the other with `status`; gives the first lines that it saw once `client` has ended.
    async fn serve<T>(listener: &TcpListener, status: &str, client: impl Future<Output = T>) -> (T, Vec<String>) {
        let mut seen = Vec::new();
        let answer_all = async {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                seen.push(answer(stream, status).await);
            }
        };
        let result = tokio::select! {
            biased;
            result = client => result,
            () = answer_all => pending().await,
        };
        (result, seen)
    }

    async fn answer(mut stream: TcpStream, status: &str) -> String {
        let mut request = Vec::new();
        let mut chunk = [0; 4096];
        // ListTables sends the body {}.
        while !request.ends_with(b"\r\n\r\n{}") {
            let read = stream.read(&mut chunk).await.unwrap();
            assert_ne!(read, 0, "the request ended early");
            request.extend_from_slice(&chunk[..read]);
        }
        let body = "{\"TableNames\":[]}";
        let response = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(response.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned()
    }

    async fn list_tables(aws: &Aws, endpoint: &str) -> bool {
        let config = aws.config(&at(endpoint)).await.to_builder();
        // Not the default chain, which would ask the network.
        let credentials = SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test"));
        let client = aws_sdk_dynamodb::Client::new(&config.credentials_provider(credentials).build());
        client.list_tables().send().await.is_ok()
    }

    #[tokio::test]
    async fn a_request_to_this_machine_passes_the_proxy_by_and_any_other_obeys_it() {
        let [emulator, proxy] = [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
        let proxy_url = format!("http://{}", proxy.local_addr().unwrap());
        let aws = Aws::with_proxy(Some(ProxyConfig::all(proxy_url).unwrap()));

        let local = format!("http://{}", emulator.local_addr().unwrap());
        let (is_ok, seen) = serve(&emulator, "200 OK", list_tables(&aws, &local)).await;
        assert_eq!((is_ok, seen), (true, vec!["POST / HTTP/1.1".to_owned()]));

        let (is_ok, seen) = serve(&proxy, "200 OK", list_tables(&aws, "http://dynamodb.invalid:8000")).await;
        assert_eq!((is_ok, seen), (true, vec!["POST http://dynamodb.invalid:8000/ HTTP/1.1".to_owned()]));
    }

    #[tokio::test]
    async fn a_request_that_fails_is_made_once() {
        let emulator = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let local = format!("http://{}", emulator.local_addr().unwrap());
        let (is_ok, seen) = serve(&emulator, "500 Internal Server Error", list_tables(&Aws::with_proxy(None), &local)).await;
        assert_eq!((is_ok, seen.len()), (false, 1));
    }

    #[tokio::test]
    async fn what_a_connection_names_is_in_its_config() {
        let aws = Aws::with_proxy(None);
        for endpoint in ["http://127.0.0.1:8000", "http://127.0.0.1:8001", "http://127.0.0.1:8000"] {
            let config = aws.config(&at(endpoint)).await;
            assert_eq!(config.region().map(Region::as_ref), Some("eu-west-1"));
            assert_eq!(config.endpoint_url(), Some(endpoint));
        }
        assert_eq!(aws.loaded.lock().await.len(), 2);
    }
}

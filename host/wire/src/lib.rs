//! A layer over the SDK's HTTP client that takes the bodies of answers out of its hands: the SDK signs, sends and reads errors; items reach
//! plugins as the bytes that DynamoDB sent.
//!
//! Invariant: a body that was taken belongs to the one call whose request carried the slot; nothing is shared between calls.
//! Knows nothing of what is in a body.

mod body;

use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// Is told the `Date` of each successful answer.
pub type OnDate = Arc<dyn Fn(&str) + Send + Sync>;

/// Put into a request's extensions, it gets the body of a successful answer; the SDK gets `{}` in its stead.
#[derive(Clone, Debug, Default)]
pub struct Slot(Arc<OnceLock<String>>);

impl Slot {
    /// None: no successful answer came by, or the request is still under way.
    pub fn into_body(self) -> Option<String> {
        Arc::into_inner(self.0)?.into_inner()
    }
}

/// The client beneath, which knows how to get there.
#[derive(Clone)]
pub struct Client {
    beneath: SharedHttpClient,
    on_date: OnDate,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("beneath", &self.beneath).finish_non_exhaustive()
    }
}

impl Client {
    /// `given` is what the host set in its `SdkConfig`; none: one that passes no proxy.
    pub fn new(given: Option<SharedHttpClient>, on_date: OnDate) -> Self {
        let direct = || {
            Builder::new()
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
                .build_https()
        };
        Self { beneath: given.unwrap_or_else(direct), on_date }
    }
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let beneath = self.beneath.http_connector(settings, components);
        SharedHttpConnector::new(Connector { beneath, on_date: self.on_date.clone() })
    }
}

struct Connector {
    beneath: SharedHttpConnector,
    on_date: OnDate,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("beneath", &self.beneath).finish_non_exhaustive()
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let slot = request.extension::<Slot>().cloned();
        let answer = self.beneath.call(request);
        let on_date = self.on_date.clone();
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            if !answer.status().is_success() {
                // Whoever sent it need not be the endpoint.
                return Ok(answer);
            }
            if let Some(date) = answer.headers().get("date") {
                on_date(date);
            }
            let Some(Slot(slot)) = slot else {
                return Ok(answer);
            };
            let status = answer.status();
            let body = body::collect(answer).await.map_err(|error| ConnectorError::other(error.into(), None))?;
            // One attempt per call, so that nothing is in there yet.
            let _ = slot.set(body);
            Ok(HttpResponse::new(status, SdkBody::from("{}")))
        })
    }
}

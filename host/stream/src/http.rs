//! A layer over the SDK's HTTP client that takes GetRecords bodies out of its hands, and notes what time the answers tell.
//!
//! Invariant: a body that was taken belongs to the one call whose request carried the slot; nothing is shared between calls.
//! Knows nothing of what is in a body.

use std::sync::{Arc, OnceLock};

use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

use crate::body;
use crate::clock::StreamClock;

/// Put into a request's extensions, it gets the body of a successful answer; the SDK gets `{}` in its stead.
#[derive(Clone, Default)]
pub(crate) struct Slot(Arc<OnceLock<String>>);

impl Slot {
    /// None: no successful answer came by, or the request is still under way.
    pub(crate) fn into_body(self) -> Option<String> {
        Arc::into_inner(self.0)?.into_inner()
    }
}

/// The client beneath, which knows how to get there.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    beneath: SharedHttpClient,
    clock: StreamClock,
}

impl Client {
    /// `given` is what the host set in its `SdkConfig`; none: one that passes no proxy.
    pub(crate) fn new(given: Option<SharedHttpClient>, clock: StreamClock) -> Self {
        let direct = || {
            Builder::new()
                .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
                .build_https()
        };
        Self { beneath: given.unwrap_or_else(direct), clock }
    }
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let beneath = self.beneath.http_connector(settings, components);
        SharedHttpConnector::new(Connector { beneath, clock: self.clock.clone() })
    }
}

#[derive(Debug)]
struct Connector {
    beneath: SharedHttpConnector,
    clock: StreamClock,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let slot = request.extension::<Slot>().cloned();
        let answer = self.beneath.call(request);
        let clock = self.clock.clone();
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            if !answer.status().is_success() {
                // Whoever sent it need not be the endpoint.
                return Ok(answer);
            }
            if let Some(date) = answer.headers().get("date") {
                clock.heard(date);
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

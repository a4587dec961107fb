//! What one trigger may reach, and a request on its way there.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tripline_core::http::{Again, Asked, HowFar, Place, Reach, Scheme, choose, refused};
use tripline_core::port::{BoxFuture, HttpClient, HttpError, HttpHead, HttpRequest, HttpResponse};

use super::bound::Bound;
use super::connect::{self, To};
use super::exchange::{self, Composed, Exchange};
use super::header::SecretHeader;
use super::kept::Kept;
use super::line::Line;
use super::resolve::Resolve;
use super::tls::{self, Authorities};

/// From the name to a connection that is ready, TLS included; a guest may ask for less.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// One entry of a trigger's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    pub place: Place,
    /// Private addresses too.
    pub private: bool,
    pub headers: Vec<SecretHeader>,
    /// Trusted for this place instead of the system's.
    pub authorities: Option<Authorities>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    #[error("the system has no certificate authorities that https could trust ({0}): install ca-certificates, or set `ca` for each place")]
    NoAuthorities(String),
    #[error("TLS cannot be set up for {place}: {reason}")]
    Tls { place: String, reason: String },
}

pub struct Client {
    entries: Vec<Entry>,
    resolver: Arc<dyn Resolve>,
    kept: Kept,
}

struct Entry {
    allowed: Allowed,
    shown: Arc<str>,
    tls: Option<Arc<ClientConfig>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| &entry.shown)).finish()
    }
}

impl Client {
    /// Of entries that admit a request, the first one's headers and authorities hold.
    pub fn build(allowed: Vec<Allowed>, resolver: Arc<dyn Resolve>) -> Result<Self, ClientError> {
        let mut of_system = None;
        let mut entries = Vec::with_capacity(allowed.len());
        for allowed in allowed {
            let shown: Arc<str> = allowed.place.to_string().into();
            let tls = match (allowed.place.scheme(), &allowed.authorities) {
                (Scheme::Http, _) => None,
                (Scheme::Https, Some(authorities)) => {
                    let fault = |reason| ClientError::Tls { place: shown.to_string(), reason };
                    Some(tls::config(authorities).map_err(fault)?)
                }
                (Scheme::Https, None) => {
                    if of_system.is_none() {
                        of_system = Some(tls::of_system().map_err(ClientError::NoAuthorities)?);
                    }
                    of_system.clone()
                }
            };
            entries.push(Entry { allowed, shown, tls });
        }
        Ok(Self { entries, resolver, kept: Kept::default() })
    }

    /// With its position.
    fn entry(&self, head: &HttpHead) -> Result<(usize, &Entry, Asked), HttpError> {
        let (chosen, asked) = choose(self.entries.iter().map(|entry| &entry.allowed.place), head)?;
        // `choose` names one of them.
        let entry = self.entries.get(chosen).ok_or_else(|| HttpError::Denied(format!("nothing allows {asked}")))?;
        Ok((chosen, entry, asked))
    }

    async fn send_to(&self, chosen: usize, entry: &Entry, asked: &Asked, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let mut connecting = Bound::new(request.connect_max.map_or(CONNECT_MAX, |max| max.min(CONNECT_MAX)));
        let addresses = connecting.hold(self.addresses(entry, asked)).await.map_err(HttpError::ConnectTimeout)??;
        let secrets = &entry.allowed.headers;
        let mut exchange = Exchange { asked, secrets, first_byte: request.first_byte_max.map(Bound::new) };
        let again = Again::of(&request);
        let request = exchange::compose(request, secrets)?;
        if let Some(line) = self.kept.take(chosen, asked, &addresses) {
            match self.over(line, &mut exchange, request.clone()).await {
                Err((HttpError::Incomplete(_), how_far)) if again.is_allowed(how_far) => {}
                answered => return answered.map_err(|(error, _)| error),
            }
        }
        let to = To { entry: chosen, asked, addresses: &addresses, tls: entry.tls.as_ref() };
        let line = connecting.hold(connect::connect(&to)).await.map_err(HttpError::ConnectTimeout)??;
        self.over(line, &mut exchange, request).await.map_err(|(error, _)| error)
    }

    /// `Err` says how far it came.
    async fn over(&self, mut line: Line, exchange: &mut Exchange<'_>, request: Composed) -> Result<HttpResponse, (HttpError, HowFar)> {
        let answer = exchange.over(&mut line, request).await.map_err(|error| (error, line.how_far()))?;
        if let Some(idle_max) = answer.idle_max {
            self.kept.keep(line, idle_max);
        }
        Ok(answer.response)
    }

    /// All that the name has: one that is not allowed spoils the rest, since such a name is not what the operator meant.
    async fn addresses(&self, entry: &Entry, asked: &Asked) -> Result<Vec<IpAddr>, HttpError> {
        let addresses = match asked.address() {
            Some(address) => vec![address],
            None => self
                .resolver
                .resolve(&asked.host)
                .await
                .map_err(|error| HttpError::NoSuchName(format!("{asked}: the name has no address: {error}")))?,
        };
        let allowed = &entry.allowed;
        let reach = match (allowed.private, allowed.place.address()) {
            (true, Some(_)) => Reach::Named,
            (true, None) => Reach::Private,
            (false, _) => Reach::Global,
        };
        if let Some((address, kind)) = addresses.iter().find_map(|address| Some((address, refused(*address, reach)?))) {
            let remedy = match reach {
                Reach::Global => "; `private = true` in the entry allows private addresses",
                Reach::Private | Reach::Named => "",
            };
            return Err(HttpError::Prohibited(format!("{asked} is at {address}, {kind}: nothing is sent there{remedy}")));
        }
        if addresses.is_empty() {
            return Err(HttpError::NoSuchName(format!("{asked}: the name has no address")));
        }
        Ok(addresses)
    }
}

impl HttpClient for Client {
    fn allows(&self, head: &HttpHead) -> Result<Arc<str>, HttpError> {
        self.entry(head).map(|(_, entry, _)| entry.shown.clone())
    }

    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            let (chosen, entry, asked) = self.entry(&request.head)?;
            self.send_to(chosen, entry, &asked, request).await
        })
    }
}

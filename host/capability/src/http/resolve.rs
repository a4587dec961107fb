//! Names to addresses.

use std::io;
use std::net::IpAddr;

use tripline_core::port::BoxFuture;

/// Addresses of a name that are tried, at most; as many are judged as there are.
pub(super) const TRIED_MAX: usize = 4;

pub trait Resolve: Send + Sync {
    /// Every address of the name. Asked once for a request.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// As every program of this machine resolves names: its hosts file and its name servers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

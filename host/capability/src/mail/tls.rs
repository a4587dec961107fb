//! Whom a mailer trusts: the system's certificate authorities, or those of the operator's own file and no others.

use std::fmt;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};

/// The certificates of a PEM file: at least one, each of which can be trusted as an authority.
#[derive(Clone)]
pub struct CaCertificates {
    certificates: Certificate,
    count: usize,
}

impl fmt::Debug for CaCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaCertificates({})", self.count)
    }
}

impl CaCertificates {
    /// `Err` says what is wrong with the text.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        let count = pem.matches("-----BEGIN CERTIFICATE-----").count();
        if count == 0 {
            return Err("there is no certificate in it".to_owned());
        }
        let certificates = Certificate::from_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
        let these = Self { certificates, count };
        // Only the client that would use them looks into them.
        parameters("localhost", Some(&these)).map_err(|error| error.to_string())?;
        Ok(these)
    }
}

/// The server must show a certificate for `host` that `ca` has signed, or one of the system's authorities where there is none.
pub(super) fn parameters(host: &str, ca: Option<&CaCertificates>) -> Result<TlsParameters, Error> {
    let builder = TlsParameters::builder(host.to_owned());
    match ca {
        None => builder.build(),
        Some(ca) => builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(ca.certificates.clone())
            .build(),
    }
}

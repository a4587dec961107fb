//! Credentials that somebody named, by a role or a profile: when there are none, the error says whose, why, and what to do.
//!
//! Always holds: what STS or a profile file said of it is the end of the chain of causes, since messages elsewhere show that end.
//! Holds no credential, and asks for none before it is asked.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_smithy_types::error::ErrorMetadata;

/// Who is to answer for the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Role(String),
    Profile(String),
}

/// Those of `provider`, or an error that names `whose` they should have been.
#[derive(Debug)]
pub(super) struct Named<P> {
    pub(super) whose: Whose,
    pub(super) provider: P,
}

/// Why there are none: the whole text, remedy included.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Refusal {}

impl<P: ProvideCredentials> Named<P> {
    async fn provide(&self) -> provider::Result {
        match self.provider.provide_credentials().await {
            // Not a refusal: the same may pass later, and callers tell the two apart.
            Err(error @ CredentialsError::ProviderTimedOut(_)) => Err(error),
            Err(error) => Err(CredentialsError::provider_error(Refusal(self.whose.refusal(&error)))),
            Ok(credentials) => Ok(credentials),
        }
    }
}

impl<P: ProvideCredentials> ProvideCredentials for Named<P> {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.provide())
    }
}

impl Whose {
    fn refusal(&self, error: &CredentialsError) -> String {
        // Those that were to assume the role were refused: that has its remedy already.
        if let Some(refusal) = causes(error).find_map(|cause| cause.downcast_ref::<Refusal>()) {
            return match self {
                Self::Role(role) => format!("role {role} was not asked for: {refusal}"),
                Self::Profile(_) => refusal.to_string(),
            };
        }
        let answer = causes(error).find_map(|cause| cause.downcast_ref::<ErrorMetadata>());
        let code = answer.and_then(ErrorMetadata::code);
        let reason = match (code, answer.and_then(ErrorMetadata::message)) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => causes(error).last().map(ToString::to_string).unwrap_or_default(),
        };
        match self {
            Self::Role(role) if code.is_some() => format!(
                "role {role} cannot be assumed: {reason}; let the role's trust policy name the caller, and the caller's own policy allow \
                 sts:AssumeRole on it, or correct `role_arn`"
            ),
            Self::Role(role) => format!(
                "role {role} cannot be assumed: {reason}; give credentials that may assume it, and see that STS can be reached \
                 (AWS_ENDPOINT_URL_STS names one that is not AWS's own)"
            ),
            Self::Profile(profile) => format!(
                "profile `{profile}` gives none: {reason}; see that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE (else those in ~/.aws) \
                 have it with keys, a role, SSO or a process, or correct `profile`"
            ),
        }
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role() -> Whose {
        Whose::Role("arn:aws:iam::123456789012:role/r".to_owned())
    }

    #[track_caller]
    fn check(whose: &Whose, error: &CredentialsError, parts: &[&str]) {
        let said = whose.refusal(error);
        for part in parts {
            assert!(said.contains(part), "no `{part}` in: {said}");
        }
    }

    #[test]
    fn a_refusal_says_whose_why_and_what_to_do() {
        let denied = ErrorMetadata::builder().code("AccessDenied").message("User: x is not authorized").build();
        check(
            &role(),
            &CredentialsError::provider_error(denied),
            &["role arn:aws:iam::123456789012:role/r cannot be assumed", "AccessDenied: User: x is not authorized;", "trust policy"],
        );
        let lost = std::io::Error::other("failed to lookup address information");
        check(&role(), &CredentialsError::provider_error(lost), &["failed to lookup address information", "AWS_ENDPOINT_URL_STS"]);
        let missing = CredentialsError::not_loaded("profile `p` was not defined");
        check(&Whose::Profile("p".to_owned()), &missing, &["profile `p` gives none: ", "was not defined", "AWS_CONFIG_FILE"]);
    }

    #[test]
    fn the_remedy_is_that_of_the_credentials_which_were_missing() {
        let beneath = CredentialsError::provider_error(Refusal("profile `p` gives none: why; do this".to_owned()));
        check(&role(), &beneath, &["role/r was not asked for: profile `p` gives none: why; do this"]);
        assert!(!role().refusal(&beneath).contains("trust policy"));
    }
}

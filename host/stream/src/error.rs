//! What a failed call means to the reader.
//!
//! Invariant: an error code decides, wherever it came from: the SDK types some exceptions of each operation, and leaves the
//! rest, validation and throttling among them, to `.code()`. What has no code is `Unavailable`. No text holds a credential.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tripline_core::limits::{REASON_BYTES_MAX, cut};
use tripline_core::port::ReadError;

/// Who was called about what: every message says it.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) operation: &'static str,
    /// Empty: of no one table.
    pub(crate) table: &'a str,
    pub(crate) region: &'a str,
    /// None: AWS's own.
    pub(crate) endpoint: Option<&'a str>,
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operation)?;
        if !self.table.is_empty() {
            write!(f, " for table `{}`", self.table)?;
        }
        write!(f, " in {}", self.region)?;
        self.endpoint.map_or(Ok(()), |endpoint| write!(f, " at {endpoint}"))
    }
}

impl Call<'_> {
    pub(crate) fn unavailable(&self, reason: impl fmt::Display) -> ReadError {
        ReadError::Unavailable(self.message(reason))
    }

    pub(crate) fn error<E>(&self, error: &SdkError<E, HttpResponse>) -> ReadError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(answered) => {
                let (error, status) = (answered.err(), answered.raw().status());
                if status.is_success() {
                    return self.unreadable(status.as_u16(), error);
                }
                self.answered(status.as_u16(), error.code(), error.message())
            }
            SdkError::TimeoutError(_) => self.unavailable("no answer in time"),
            SdkError::ResponseError(failed) => self.unreadable(failed.raw().status().as_u16(), error),
            _ => self.not_sent(error),
        }
    }

    fn unreadable(&self, status: u16, error: &(dyn Error + 'static)) -> ReadError {
        self.unavailable(format_args!("an answer with HTTP status {status} that cannot be read: {}", root_cause(error)))
    }

    fn answered(&self, status: u16, code: Option<&str>, said: Option<&str>) -> ReadError {
        let code = code.map(bare_code);
        // One line: behind it, a refused signature's answer repeats what was signed, the session's token among it.
        let said = said.map(|said| said.lines().next().unwrap_or_default().trim_end_matches('.'));
        let reason = match (code, said) {
            (Some(code), Some(said)) => format!("{code}: {said}"),
            (Some(code), None) => code.to_owned(),
            (None, _) => format!("HTTP status {status} without an error code"),
        };
        let text = self.message(reason);
        match meaning(status, code) {
            Meaning::IteratorExpired => ReadError::IteratorExpired,
            Meaning::Trimmed => ReadError::Trimmed(text),
            Meaning::Gone => ReadError::Gone(text),
            Meaning::Throttled => ReadError::Throttled(text),
            Meaning::Refused => ReadError::Refused(format!("{text}; {}", remedy(code))),
            Meaning::Unavailable => ReadError::Unavailable(text),
        }
    }

    /// Nothing, or no whole answer, came back.
    fn not_sent(&self, error: &(dyn Error + 'static)) -> ReadError {
        match causes(error).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
            Some(CredentialsError::ProviderTimedOut(_)) => self.unavailable("the credentials did not arrive in time"),
            Some(credentials) => ReadError::Refused(self.message(format_args!(
                "no credentials: {}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `profile` or `role_arn`",
                root_cause(credentials)
            ))),
            None => self.unavailable(root_cause(error)),
        }
    }

    fn message(&self, reason: impl fmt::Display) -> String {
        cut(&format!("{self}: {reason}"), REASON_BYTES_MAX).to_owned()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    IteratorExpired,
    Trimmed,
    Gone,
    Throttled,
    Refused,
    Unavailable,
}

/// Names as AWS documents them for DynamoDB, its Streams, and all services ("common errors").
fn meaning(status: u16, code: Option<&str>) -> Meaning {
    let Some(code) = code else {
        return match status {
            401 | 403 => Meaning::Refused,
            429 => Meaning::Throttled,
            _ => Meaning::Unavailable,
        };
    };
    match code {
        "ExpiredIteratorException" => Meaning::IteratorExpired,
        "TrimmedDataAccessException" => Meaning::Trimmed,
        "ResourceNotFoundException" => Meaning::Gone,
        "LimitExceededException"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "SlowDown"
        | "BandwidthLimitExceeded" => Meaning::Throttled,
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "NotAuthorized"
        | "OptInRequired"
        | "SubscriptionRequiredException"
        | "RequestExpired"
        | "RequestTimeTooSkewed" => Meaning::Refused,
        _ if code.starts_with("Throttl") => Meaning::Throttled,
        _ if code.starts_with("AccessDenied") || code.starts_with("ExpiredToken") => Meaning::Refused,
        _ => Meaning::Unavailable,
    }
}

/// What to do about a refusal.
fn remedy(code: Option<&str>) -> &'static str {
    match code.unwrap_or_default() {
        code if code.starts_with("ExpiredToken") => "renew the credentials",
        "RequestExpired" | "RequestTimeTooSkewed" => "set this machine's clock",
        "OptInRequired" | "SubscriptionRequiredException" => "enable the region for this account",
        code if code.starts_with("AccessDenied") || code == "NotAuthorized" => {
            "allow these credentials dynamodb:ListStreams, DescribeStream, GetShardIterator and GetRecords on the table's streams, \
             and dynamodb:DescribeTable on the table"
        }
        _ => "correct the credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, `profile` or `role_arn`",
    }
}

/// `com.amazonaws.dynamodb.v20120810#Code:http://…` is how some endpoints write `Code`.
fn bare_code(code: &str) -> &str {
    let code = code.rsplit_once('#').map_or(code, |(_, code)| code);
    code.split_once(':').map_or(code, |(code, _)| code)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What went wrong at the bottom: `Connection refused` instead of `dispatch failure`.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    causes(error).last().unwrap_or(error).to_string()
}

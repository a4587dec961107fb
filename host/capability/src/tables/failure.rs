//! What a failed call means: for the plugin that wrote, and for the operator who configured.

use std::error::Error;

use aws_config::SdkConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use tripline_core::port::{TableReadError, WriteError};

/// Why a target cannot be used. The message holds the remedy.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The config or the table must change.
    #[error("{0}")]
    NoSuchTable(String),
    /// Credentials or permissions must change.
    #[error("{0}")]
    Refused(String),
    /// The same may pass later.
    #[error("{0}")]
    Unreachable(String),
}

/// What messages about a target name.
pub(super) struct Place {
    name: String,
    table: String,
    /// ` in eu-west-1 at http://…`.
    whereabouts: String,
}

impl Place {
    pub(super) fn new(config: &SdkConfig, name: &str, table: &str) -> Self {
        let mut whereabouts = config.region().map(|region| format!(" in {region}")).unwrap_or_default();
        if let Some(endpoint) = config.endpoint_url() {
            whereabouts.push_str(" at ");
            whereabouts.push_str(endpoint);
        }
        Self { name: name.to_owned(), table: table.to_owned(), whereabouts }
    }

    pub(super) fn of_describe<E>(&self, error: &SdkError<E, HttpResponse>) -> TargetError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let Self { name, table, whereabouts } = self;
        let text = shown(error);
        match code(error) {
            Some("ResourceNotFoundException") => TargetError::NoSuchTable(format!(
                "target `{name}`: there is no table `{table}`{whereabouts}: create it, or correct `table`, `region` or `endpoint` in [targets.{name}]"
            )),
            Some("ValidationException") => TargetError::NoSuchTable(format!(
                "target `{name}`: `{table}` is no name of a table: correct `table` in [targets.{name}] ({text})"
            )),
            Some(code) if is_permission(code) => TargetError::Refused(format!(
                "target `{name}`: may not describe table `{table}`{whereabouts}: allow dynamodb:DescribeTable on it, and what plugins are to do: PutItem, UpdateItem, DeleteItem, ConditionCheckItem; GetItem, BatchGetItem ({text})"
            )),
            Some(code) if is_credentials(code) => TargetError::Refused(format!(
                "target `{name}`: the credentials are not accepted{whereabouts}: renew them, or set `profile` or `role_arn` in [targets.{name}] ({text})"
            )),
            None if about_credentials(error) => TargetError::Refused(format!(
                "target `{name}`: no usable credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `profile` in [targets.{name}] ({text})"
            )),
            _ => TargetError::Unreachable(format!(
                "target `{name}`: table `{table}`{whereabouts} cannot be described now: check the network, `region` and `endpoint` in [targets.{name}] ({text})"
            )),
        }
    }

    pub(super) fn no_key(&self) -> TargetError {
        let Self { name, table, whereabouts } = self;
        TargetError::Unreachable(format!(
            "target `{name}`: the endpoint describes table `{table}`{whereabouts} without a key: is it DynamoDB?"
        ))
    }
}

pub(super) fn of_write<E>(table: &str, error: &SdkError<E, HttpResponse>) -> WriteError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let text = shown(error);
    match code(error) {
        Some("ConditionalCheckFailedException") => WriteError::ConditionFailed,
        Some("ValidationException" | "ItemCollectionSizeLimitExceededException" | "SerializationException") => WriteError::Invalid(text),
        Some("ResourceNotFoundException") => WriteError::Unavailable(format!("there is no table `{table}` now: create it again ({text})")),
        Some(code) if is_permission(code) => WriteError::Unavailable(format!(
            "the host may not write to table `{table}`: allow dynamodb:PutItem, UpdateItem, DeleteItem and, for transactions, ConditionCheckItem ({text})"
        )),
        Some(code) if is_credentials(code) => {
            WriteError::Unavailable(format!("the host's credentials are not accepted: renew them ({text})"))
        }
        _ => WriteError::Unavailable(text),
    }
}

/// Why a read brought nothing.
pub(super) enum Read {
    /// The same may pass in a moment.
    Throttled(String),
    Ended(TableReadError),
}

pub(super) fn of_read<E>(table: &str, error: &SdkError<E, HttpResponse>) -> Read
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let text = shown(error);
    let ended = match code(error) {
        Some("ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded" | "Throttling") => {
            return Read::Throttled(text);
        }
        Some("ValidationException" | "SerializationException") => TableReadError::Invalid(text),
        Some("ResourceNotFoundException") => {
            TableReadError::Unavailable(format!("there is no table `{table}` now: create it again ({text})"))
        }
        Some(code) if is_permission(code) => TableReadError::Unavailable(format!(
            "the host may not read table `{table}`: allow dynamodb:GetItem and dynamodb:BatchGetItem ({text})"
        )),
        Some(code) if is_credentials(code) => {
            TableReadError::Unavailable(format!("the host's credentials are not accepted: renew them ({text})"))
        }
        _ => TableReadError::Unavailable(text),
    };
    Read::Ended(ended)
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

fn is_permission(code: &str) -> bool {
    matches!(code, "AccessDeniedException" | "AccessDenied")
}

fn is_credentials(code: &str) -> bool {
    matches!(
        code,
        "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "IncompleteSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationTokenException"
            | "MissingAuthenticationToken"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "InvalidClientTokenId"
    )
}

/// Signing fails before anything is sent.
fn about_credentials<E: Error + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    sources(error).any(|error| error.is::<CredentialsError>())
}

/// `Code: message` of the service; else what the SDK says, from the outside in.
fn shown<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: ProvideErrorMetadata + Error + 'static,
{
    // One line: behind it, a refused signature's answer repeats what was signed, the session's token among it.
    let line = |message: &'_ str| message.lines().next().unwrap_or_default().to_owned();
    match error.as_service_error() {
        Some(service) => match (service.code(), service.message().map(line)) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(code), None) => code.to_owned(),
            (None, message) => {
                let status = error.raw_response().map_or(0, |response| response.status().as_u16());
                format!("HTTP status {status}: {}", message.as_deref().unwrap_or("no DynamoDB error in the answer"))
            }
        },
        None => chain(error),
    }
}

fn chain(error: &dyn Error) -> String {
    sources(error).fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

fn sources<'a>(error: &'a dyn Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let source = next?;
        next = source.source();
        Some(source)
    })
}

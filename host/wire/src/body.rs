//! Reads an answer's body to its end and checks that it arrived whole.
//!
//! Invariant: what comes out has the checksum that DynamoDB sent with it, and is UTF-8.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use http_body_util::BodyExt;

/// GetRecords sends at most 1 MB of changes, BatchGetItem 16 MB of items; emulators without that cap send 1,000 changes of up to 800 KB.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body was cut off after {read} bytes: {reason}")]
    CutOff { read: usize, reason: String },
    #[error("the body has more than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the body came with the content encoding `{0}`, which was not asked for")]
    Encoded(String),
    #[error("the body has the checksum {found}, but x-amz-crc32 says {expected}: it was damaged on its way")]
    Checksum { expected: String, found: u32 },
    #[error("the body is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
}

pub(crate) async fn collect(answer: HttpResponse) -> Result<String, BodyError> {
    let header = |name| answer.headers().get(name).map(str::to_owned);
    if let Some(encoding) = header("content-encoding").filter(|encoding| encoding != "identity") {
        return Err(BodyError::Encoded(encoding));
    }
    let expected = header("x-amz-crc32");
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let bytes = read(answer, length).await?;
    if let Some(expected) = expected {
        let found = crc32fast::hash(&bytes);
        if expected.trim() != found.to_string() {
            return Err(BodyError::Checksum { expected, found });
        }
    }
    String::from_utf8(bytes).map_err(|error| BodyError::NotUtf8(error.utf8_error().valid_up_to()))
}

/// `length` is only what the endpoint claims.
async fn read(answer: HttpResponse, length: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = answer.into_body();
    let mut bytes = Vec::with_capacity(length.min(BODY_BYTES_MAX));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| BodyError::CutOff { read: bytes.len(), reason: error.to_string() })?;
        // Trailers are no data, and nothing here reads them.
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > BODY_BYTES_MAX {
            return Err(BodyError::TooLarge);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

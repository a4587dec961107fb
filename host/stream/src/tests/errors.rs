//! What each way of failing means to the reader, and what it says.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use expect_test::{Expect, expect};
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{FindError, Position, ReadError, StreamSource};

use super::server::{Answer, End, Server};
use super::{config, sdk_config, source};
use crate::source::{Source, Timeouts};

/// `Variant: text`, with the port left out.
fn render(error: &ReadError, endpoint: &str) -> String {
    let variant = match error {
        ReadError::IteratorExpired => "IteratorExpired",
        ReadError::Trimmed(_) => "Trimmed",
        ReadError::Gone(_) => "Gone",
        ReadError::Throttled(_) => "Throttled",
        ReadError::Unavailable(_) => "Unavailable",
        ReadError::Refused(_) => "Refused",
    };
    format!("{variant}: {error}").replace(endpoint, "ENDPOINT")
}

/// GetRecords, answered with `answer`.
#[track_caller]
fn check(answer: Answer, expected: Expect) {
    let server = Server::start(move |_| answer.clone());
    check_source(&source(&server.endpoint()), &server.endpoint(), expected);
    assert_eq!(server.asked().len(), 1, "a call must not be repeated behind the reader's back");
}

#[track_caller]
fn check_source(source: &Source, endpoint: &str, expected: Expect) {
    let error = block_on(source.page("iterator")).unwrap_err();
    expected.assert_eq(&render(&error, endpoint));
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn exception(code: &str) -> Answer {
    Answer::new(400, format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"said AWS"}}"#))
}

#[test]
fn exceptions_of_the_stream() {
    check(exception("ExpiredIteratorException"), expect!["IteratorExpired: the shard iterator has expired"]);
    check(
        exception("TrimmedDataAccessException"),
        expect![
            "Trimmed: the position is past the trim horizon: GetRecords for table `orders` in eu-west-1 at ENDPOINT: TrimmedDataAccessException: said AWS"
        ],
    );
    check(
        exception("ResourceNotFoundException"),
        expect![
            "Gone: the shard or stream is gone: GetRecords for table `orders` in eu-west-1 at ENDPOINT: ResourceNotFoundException: said AWS"
        ],
    );
    check(
        exception("ValidationException"),
        expect!["Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: ValidationException: said AWS"],
    );
    check(
        Answer::new(500, r#"{"__type":"InternalServerError"}"#),
        expect!["Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: InternalServerError"],
    );
}

#[track_caller]
fn check_codes(variant: &str, codes: &[&str]) {
    for code in codes {
        let (answer, server_code) = (exception(code), *code);
        let server = Server::start(move |_| answer.clone());
        let error = block_on(source(&server.endpoint()).page("iterator")).unwrap_err();
        let rendered = render(&error, &server.endpoint());
        assert!(rendered.starts_with(variant) && rendered.contains(server_code), "{rendered}");
    }
}

#[test]
fn throttles() {
    check_codes(
        "Throttled",
        &[
            "LimitExceededException",
            "ProvisionedThroughputExceededException",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "RequestLimitExceeded",
            "TooManyRequestsException",
        ],
    );
    check(
        Answer::new(400, r#"{"message":"Rate exceeded"}"#).header("x-amzn-errortype", "ThrottlingException:http://aws/"),
        expect!["Throttled: throttled: GetRecords for table `orders` in eu-west-1 at ENDPOINT: ThrottlingException: Rate exceeded"],
    );
    check(
        Answer::new(429, ""),
        expect!["Throttled: throttled: GetRecords for table `orders` in eu-west-1 at ENDPOINT: HTTP status 429 without an error code"],
    );
}

#[test]
fn refusals() {
    check_codes(
        "Refused",
        &[
            "AccessDeniedException",
            "AccessDenied",
            "UnrecognizedClientException",
            "InvalidSignatureException",
            "ExpiredTokenException",
            "ExpiredToken",
            "MissingAuthenticationTokenException",
            "IncompleteSignatureException",
            "InvalidClientTokenId",
            "OptInRequired",
        ],
    );
    check(
        Answer::new(403, "<html>Forbidden</html>"),
        expect![
            "Refused: GetRecords for table `orders` in eu-west-1 at ENDPOINT: HTTP status 403 without an error code; correct the credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, `profile` or `role_arn`"
        ],
    );
}

#[test]
fn answers_of_a_broken_endpoint() {
    check(
        Answer::new(500, "<!doctype html><title>500 Internal Server Error</title>").header("content-type", "text/html"),
        expect!["Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: HTTP status 500 without an error code"],
    );
    check(
        Answer::new(503, ""),
        expect!["Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: HTTP status 503 without an error code"],
    );
    check(
        Answer::new(200, "<html>It works!</html>"),
        expect!["Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: not a GetRecords answer: no `{` at byte 0"],
    );
    check(
        Answer::new(200, r#"{"Records":[{"eventName":"INSERT","#),
        expect!["Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: record 0 of the page: no string at byte 34"],
    );
    check(
        Answer::json(r#"{"Records":[{"eventName":"INSERT"}]}"#),
        expect!["Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: record 0 of the page: it has no dynamodb"],
    );
    check(
        Answer::new(200, b"{\"Records\":[\xff\xfe]}"),
        expect!["Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: the body is not UTF-8 from byte 12 on"],
    );
    check(
        Answer::new(200, r#"{"Records":["#).end(End::CutOff),
        expect![
            "Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: the body was cut off after 12 bytes: error reading a body from connection"
        ],
    );
    check(
        Answer::new(500, r#"{"__type":"#).end(End::CutOff),
        expect![
            "Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: an answer with HTTP status 500 that cannot be read: end of file before message length reached"
        ],
    );
    check(
        Answer::new(200, "\x1f\x08").header("content-encoding", "gzip"),
        expect![
            "Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: the body came with the content encoding `gzip`, which was not asked for"
        ],
    );
}

#[test]
fn a_body_is_held_against_its_checksum() {
    let body = r#"{"Records":[],"NextShardIterator":"next"}"#;
    check(
        Answer::json(body).header("x-amz-crc32", 17),
        expect![
            "Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: the body has the checksum 3639491303, but x-amz-crc32 says 17: it was damaged on its way"
        ],
    );
    let right = Answer::json(body)
        .header("x-amz-crc32", crc32fast::hash(body.as_bytes()))
        .header("content-encoding", "identity");
    let server = Server::start(move |_| right.clone());
    let page = block_on(source(&server.endpoint()).page("iterator")).unwrap();
    assert_eq!(page.next_iterator.as_deref(), Some("next"));
}

#[test]
fn a_stalled_body_does_not_hang() {
    for status in [200, 500] {
        let server = Server::start(move |_| Answer::new(status, r#"{"Records":["#).end(End::Stalled));
        let timeouts = Timeouts { connect: Duration::from_secs(5), attempt: Duration::from_millis(300) };
        let source = Source::with_timeouts(&sdk_config(), config(&server.endpoint()), super::clock(), timeouts);
        let error = block_on(source.page("iterator")).unwrap_err();
        let expected = "Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: no answer in time";
        assert_eq!(render(&error, &server.endpoint()), expected);
    }
}

#[test]
fn nobody_listens() {
    let endpoint = Server::start(|_| Answer::json("{}")).endpoint();
    check_source(
        &source(&endpoint),
        &endpoint,
        expect!["Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: Connection refused (os error 111)"],
    );
}

#[track_caller]
fn check_credentials(sdk_config: &SdkConfig, expected: Expect) {
    let server = Server::start(|_| Answer::json("{}"));
    let timeouts = Timeouts { connect: Duration::from_secs(5), attempt: Duration::from_secs(30) };
    let source = Source::with_timeouts(sdk_config, config(&server.endpoint()), super::clock(), timeouts);
    check_source(&source, &server.endpoint(), expected);
    assert!(server.asked().is_empty());
}

fn failing(error: impl Fn() -> CredentialsError + Send + Sync + 'static) -> SdkConfig {
    let provider = provide_credentials_fn(move || std::future::ready(Err(error())));
    sdk_config().to_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

#[test]
fn no_credentials() {
    check_credentials(
        &SdkConfig::builder().build(),
        expect![
            "Refused: GetRecords for table `orders` in eu-west-1 at ENDPOINT: no credentials: the host has configured none; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `profile` or `role_arn`"
        ],
    );
    check_credentials(
        &failing(|| CredentialsError::not_loaded("no profile `shop`")),
        expect![
            "Refused: GetRecords for table `orders` in eu-west-1 at ENDPOINT: no credentials: no profile `shop`; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `profile` or `role_arn`"
        ],
    );
    check_credentials(
        &failing(|| CredentialsError::provider_timed_out(Duration::from_secs(5))),
        expect!["Unavailable: GetRecords for table `orders` in eu-west-1 at ENDPOINT: the credentials did not arrive in time"],
    );
}

#[test]
fn what_was_signed_is_not_repeated() {
    let body = r#"{"__type":"InvalidSignatureException","message":"It does not match.\n\nThe Canonical String was\nx-amz-security-token:hunter2"}"#;
    check(
        Answer::new(400, body),
        expect![
            "Refused: GetRecords for table `orders` in eu-west-1 at ENDPOINT: InvalidSignatureException: It does not match; correct the credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, `profile` or `role_arn`"
        ],
    );
}

/// The other operations go the same way.
#[test]
fn every_operation_names_itself() {
    let server = Server::start(|_| exception("AccessDeniedException"));
    let (source, endpoint) = (source(&server.endpoint()), server.endpoint());
    let (stream, shard) = (StreamArn::from("arn"), ShardId::from("shard"));
    let found = block_on(source.latest()).unwrap_err();
    let FindError::Read(found) = found else { panic!("{found}") };
    let shards = block_on(source.shards(&stream)).unwrap_err();
    let iterator = block_on(source.iterator(&stream, &shard, &Position::TrimHorizon)).unwrap_err();
    for (error, operation) in [(found, "ListStreams"), (shards, "DescribeStream"), (iterator, "GetShardIterator")] {
        let expected = format!("Refused: {operation} for table `orders` in eu-west-1 at ENDPOINT: AccessDeniedException: said AWS; allow ");
        let rendered = render(&error, &endpoint);
        assert!(rendered.starts_with(&expected) && rendered.contains("GetRecords on the table's streams"), "{rendered}");
    }
}

#[test]
fn typed_answers_that_cannot_be_read() {
    for body in ["<html>It works!</html>", r#"{"Streams":[{"StreamArn":7}]}"#] {
        let server = Server::start(move |_| Answer::new(200, body));
        let error = block_on(source(&server.endpoint()).latest()).unwrap_err();
        let FindError::Read(error @ ReadError::Unavailable(_)) = error else { panic!("{error:?}") };
        let text = render(&error, &server.endpoint());
        let expected =
            "Unavailable: ListStreams for table `orders` in eu-west-1 at ENDPOINT: an answer with HTTP status 200 that cannot be read: ";
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn nothing_secret_in_debug() {
    let debug = format!("{:?}", source("http://127.0.0.1:1"));
    assert!(debug.contains("orders") && !debug.contains("secret-of-the-test") && !debug.contains("AKIATEST"), "{debug}");
}

//! Credentials that are refused, and none: answers as AWS words them, from a server that checks nothing else.

use expect_test::{Expect, expect};

use super::scripted::{Answer, Scripted};
use super::{Ask, Bench, Fault};

const USERS: &str = "table = \"users\"\nregion = \"eu-west-1\"\n";

const UNRECOGNIZED: &str = r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"The security token included in the request is invalid."}"#;
const DENIED: &str = r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:iam::123456789012:user/shop is not authorized to perform: dynamodb:ListStreams on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/* because no identity-based policy allows the dynamodb:ListStreams action"}"#;
const EXPIRED: &str =
    r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"The security token included in the request is expired"}"#;
/// Some services repeat what was signed, and the session's token is in it.
const SIGNATURE: &str = r#"{"__type":"com.amazon.coral.service#InvalidSignatureException","message":"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nhost:dynamodb.eu-west-1.amazonaws.com\nx-amz-security-token:session-token-hunter2\n'"}"#;

/// The answer to whoever looks for a stream, or for a target's table.
async fn check_refused(bench: &Bench, body: &'static str, stream: Expect, target: Expect) {
    let server = Scripted::start(Answer { status: 400, body });
    let streams_endpoint = format!("{USERS}streams_endpoint = \"{}\"\n", server.endpoint());
    bench.check_edited(&[(USERS, &streams_endpoint)], &[Ask::Run], stream).await;
    bench.keeps_secrets(&[(USERS, &streams_endpoint)]).await;
    let config = std::fs::read_to_string(bench.place.config_file()).unwrap();
    let (_, of_target) = config.split_once("[targets.orders-us]").unwrap();
    let endpoint = of_target.lines().find(|line| line.starts_with("endpoint = ")).unwrap();
    let theirs = format!("endpoint = \"{}\"", server.endpoint());
    bench.check_edited(&[(endpoint, &theirs)], &[Ask::Run], target).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_refused_or_missing() {
    let mut bench = Bench::new().await;
    check_refused(&bench, UNRECOGNIZED, expect![[r#"
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://127.0.0.1:PORT: UnrecognizedClientException: The security token included in the request is invalid; correct the credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, `profile` or `role_arn`
    "#]], expect![[r#"
        error: target `orders-us`: the credentials are not accepted in us-east-1 at http://127.0.0.1:PORT: renew them, or set `profile` or `role_arn` in [targets.orders-us] (UnrecognizedClientException: The security token included in the request is invalid.)
    "#]]).await;
    check_refused(&bench, DENIED, expect![[r#"
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://127.0.0.1:PORT: AccessDeniedException: User: arn:aws:iam::123456789012:user/shop is not authorized to perform: dynamodb:ListStreams on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/* because no identity-based policy allows the dynamodb:ListStreams action; allow these credentials dynamodb:ListStreams, DescribeStream, GetShardIterator and GetRecords on the table's streams, and dynamodb:DescribeTable on the table
    "#]], expect![[r#"
        error: target `orders-us`: may not describe table `orders` in us-east-1 at http://127.0.0.1:PORT: allow dynamodb:DescribeTable on it, and what plugins are to do: PutItem, UpdateItem, DeleteItem, ConditionCheckItem; GetItem, BatchGetItem (AccessDeniedException: User: arn:aws:iam::123456789012:user/shop is not authorized to perform: dynamodb:ListStreams on resource: arn:aws:dynamodb:eu-west-1:123456789012:table/users/stream/* because no identity-based policy allows the dynamodb:ListStreams action)
    "#]]).await;
    check_refused(&bench, EXPIRED, expect![[r#"
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://127.0.0.1:PORT: ExpiredTokenException: The security token included in the request is expired; renew the credentials
    "#]], expect![[r#"
        error: target `orders-us`: the credentials are not accepted in us-east-1 at http://127.0.0.1:PORT: renew them, or set `profile` or `role_arn` in [targets.orders-us] (ExpiredTokenException: The security token included in the request is expired)
    "#]]).await;
    check_refused(&bench, SIGNATURE, expect![[r#"
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://127.0.0.1:PORT: InvalidSignatureException: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details; correct the credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, `profile` or `role_arn`
    "#]], expect![[r#"
        error: target `orders-us`: the credentials are not accepted in us-east-1 at http://127.0.0.1:PORT: renew them, or set `profile` or `role_arn` in [targets.orders-us] (InvalidSignatureException: The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.)
    "#]]).await;
    no_credentials(&bench).await;
    bench.works().await;
}

async fn no_credentials(bench: &Bench) {
    // The default chain, and nothing in it; an endpoint on another machine gets nothing made up. Nobody is asked.
    let elsewhere = format!("{USERS}streams_endpoint = \"http://nowhere.invalid\"\nendpoint = \"http://nowhere.invalid\"\n");
    let config = std::fs::read_to_string(bench.place.config_file()).unwrap();
    let (_, of_users) = config.split_once(USERS).unwrap();
    let here = format!("{USERS}{}\n", of_users.lines().next().unwrap());
    let edits = [(here.as_str(), elsewhere.as_str())];
    let env = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/nowhere/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials"),
    ];
    let unset = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
    bench.check(Fault { edits: &edits, env: &env, unset: &unset }, &[Ask::Run], expect![[r#"
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://nowhere.invalid: no credentials: no credentials found in chain. Attempted:
          Environment: the credential provider was not enabled: environment variable not set
          Profile: the credential provider was not enabled
          WebIdentityToken: the credential provider was not enabled: $AWS_WEB_IDENTITY_TOKEN_FILE was not set
          EcsContainer: the credential provider was not enabled: ECS provider not configured
          Ec2InstanceMetadata: the credential provider was not enabled: IMDS disabled by AWS_EC2_METADATA_DISABLED env var set to `true`; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `profile` or `role_arn`
    "#]]).await;
    // A profile that nobody has written: the environment's credentials, another account's maybe, are not taken in its stead.
    let profile = [(USERS, "table = \"users\"\nregion = \"eu-west-1\"\nprofile = \"shop\"\n")];
    bench.check(Fault { edits: &profile, env: &env, unset: &[] }, &[Ask::Run], expect![[r#"
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://127.0.0.1:PORT: no credentials: profile `shop` gives none: the credential provider was not enabled; see that AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE (else those in ~/.aws) have it with keys, a role, SSO or a process, or correct `profile`; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or `profile` or `role_arn`
    "#]]).await;
}

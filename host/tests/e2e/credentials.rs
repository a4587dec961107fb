//! Whose tables they are: roles, and profiles of the AWS files, against ministack, where each account has tables of its own.
//!
//! Always holds: the tables are in an account that the credentials of the environment do not reach. A replica that equals its source
//! was read and written as somebody else.

use std::path::Path;
use std::process::Command;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeValue, StreamViewType};
use tempfile::TempDir;

use crate::harness::{Host, Server, create_table, tool, tripline};

/// In ministack an access key of twelve digits is its account.
const OURS: &str = "111111111111";
const THEIRS: &str = "222222222222";
const ROLE: &str = "arn:aws:iam::222222222222:role/tripline";

/// `auth`: whether roles must exist and trust the caller.
async fn ministack(auth: bool) -> Server {
    let command = |port: u16| {
        let mut command = Command::new(tool("ministack"));
        command
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("SERVICES", "dynamodb,dynamodbstreams,sts,iam")
            .env("AUTH", auth.to_string());
        command
    };
    Server::start(command).await
}

fn client(endpoint: &str, account: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new(account, "test", None, None, "test"));
    Client::from_conf(config.build())
}

/// A folder with the config, whose stream and target have `connection` in common, and the AWS files.
fn files(endpoint: &str, connection: &str, aws_config: &str, aws_credentials: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let fill = |text: &str| text.replace("{endpoint}", endpoint);
    let config = format!(
        "[host]\nlisten = \"127.0.0.1:0\"\n\
         [streams.orders]\ntable = \"orders\"\n{connection}\n\
         [targets.copy]\ntable = \"copies\"\n{connection}\n\
         [triggers.replicate]\nstream = \"orders\"\nplugin = \"bundled:cross-region-writer\"\nview = \"new-image\"\n\
         grants = {{ tables = [\"copy\"], state = true }}\nsettings = {{ table = \"copy\" }}\n"
    );
    std::fs::write(dir.path().join("tripline.toml"), fill(&config)).unwrap();
    std::fs::write(dir.path().join("config"), fill(aws_config)).unwrap();
    std::fs::write(dir.path().join("credentials"), fill(aws_credentials)).unwrap();
    dir
}

/// What the host's environment has: the AWS files of `dir`, credentials of the wrong account, and `more`.
fn environment(dir: &Path, endpoint: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let path = |name: &str| dir.join(name).display().to_string();
    let mut all = vec![
        ("AWS_CONFIG_FILE".to_owned(), path("config")),
        ("AWS_SHARED_CREDENTIALS_FILE".to_owned(), path("credentials")),
        ("AWS_ACCESS_KEY_ID".to_owned(), OURS.to_owned()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), "test".to_owned()),
        ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
    ];
    all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.replace("{endpoint}", endpoint))));
    all
}

/// Replicates a table of the other account, with what the files and the environment say of it.
async fn check(connection: &str, aws_config: &str, aws_credentials: &str, more: &[(&str, &str)]) {
    let server = ministack(false).await;
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let theirs = client(&endpoint, THEIRS);
    for table in ["orders", "copies"] {
        create_table(&theirs, table, StreamViewType::NewImage).await;
    }
    let ours = client(&endpoint, OURS).list_tables().send().await.unwrap();
    assert_eq!(ours.table_names(), [""; 0], "the accounts are not apart: this test would show nothing");
    let dir = files(&endpoint, connection, aws_config, aws_credentials);
    let host = Host::start_with(&dir.path().join("tripline.toml"), &environment(dir.path(), &endpoint, more));
    for id in ["o1", "o2", "o3"] {
        let put = theirs.put_item().table_name("orders").item("id", AttributeValue::S(id.to_owned()));
        put.send().await.unwrap();
    }
    host.until("all is copied", |host| host.metric("tripline_changes_acknowledged_total", "trigger=\"replicate\"") == 3.0)
        .await;
    let copies = theirs.scan().table_name("copies").consistent_read(true).send().await.unwrap();
    assert_eq!(copies.count(), 3);
    assert!(host.stop());
}

const LOCAL: &str = "region = \"eu-west-1\"\nendpoint = \"{endpoint}\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_assumed_at_the_sts_that_the_environment_names() {
    let connection = format!("{LOCAL}\nrole_arn = \"{ROLE}\"");
    check(&connection, "", "", &[("AWS_ENDPOINT_URL_STS", "{endpoint}")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_assumed_at_the_sts_of_the_profiles_services() {
    let connection = format!("{LOCAL}\nrole_arn = \"{ROLE}\"");
    let services = "[default]\nservices = local\n[services local]\nsts =\n  endpoint_url = {endpoint}\n";
    check(&connection, services, "", &[]).await;
}

/// Keys, region and endpoint: nothing of them is in tripline.toml, and the variables of the environment do not come first.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_gives_keys_region_and_endpoint() {
    let config = "[profile shop]\nregion = eu-west-1\nendpoint_url = {endpoint}\n";
    let credentials = format!("[shop]\naws_access_key_id = {THEIRS}\naws_secret_access_key = test\n");
    check("profile = \"shop\"", config, &credentials, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_assumes_a_role_with_the_keys_of_another() {
    let config = format!(
        "[profile shop]\nregion = eu-west-1\nrole_arn = {ROLE}\nsource_profile = base\nservices = local\n\
         [services local]\nsts =\n  endpoint_url = {{endpoint}}\ndynamodb =\n  endpoint_url = {{endpoint}}\n\
         dynamodb-streams =\n  endpoint_url = {{endpoint}}\n"
    );
    let credentials = "[base]\naws_access_key_id = 333333333333\naws_secret_access_key = test\n";
    check("profile = \"shop\"", &config, credentials, &[]).await;
}

/// Fails to start, and says each of `parts`.
async fn check_refused(connection: &str, more: &[(&str, &str)], parts: &[&str]) {
    let server = ministack(true).await;
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let dir = files(&endpoint, connection, "", "");
    let mut command = tripline();
    command.envs(environment(dir.path(), &endpoint, more));
    let output = command.args(["run", "-c"]).arg(dir.path().join("tripline.toml")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for part in parts {
        assert!(said.contains(part), "no `{part}` in:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_refused_is_named_with_whose_it_is_and_what_to_do() {
    let connection = format!("{LOCAL}\nrole_arn = \"{ROLE}\"");
    let cannot = format!("role {ROLE} cannot be assumed: AccessDenied: ");
    let parts = ["streams.orders: ", "target `copy`", &cannot, "trust policy"];
    check_refused(&connection, &[("AWS_ENDPOINT_URL_STS", "{endpoint}")], &parts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_is_not_there_is_named_and_nobody_elses_credentials_are_used() {
    let connection = format!("{LOCAL}\nprofile = \"nobody\"");
    check_refused(&connection, &[], &["streams.orders: ", "target `copy`", "profile `nobody` gives none: ", "AWS_CONFIG_FILE"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_region_says_where_one_can_be_set() {
    check_refused("", &[], &["streams.orders: there is no region", "targets.copy: there is no region", "AWS_REGION"]).await;
}

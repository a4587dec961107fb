//! The workload's mail through a real server: encrypted, logged in, refused, put off, and held back.

use std::collections::BTreeSet;

use serde_json::Value;
use tripline::workload::Traffic;

use crate::harness::{Host, Place, assert_clean, tripline};
use crate::mail_server::{MailServer, Options};

const LOGIN: (&str, &str) = ("shop", "hunter2");

fn starttls() -> Options {
    Options { tls: "starttls", login: Some(LOGIN), ..Options::default() }
}

/// Sends the workload's mail to `server`, as an operator would who has its authority and a password, with `more` keys.
fn use_server(place: &Place, server: &MailServer, more: &str) {
    write_password(place, LOGIN.1);
    let (port, ca) = (server.port, server.ca());
    let mailer = format!(
        "url = \"smtp://localhost:{port}\"\nca = \"{}\"\nusername = \"shop\"\npassword = {{ file = \"password\" }}\n{more}",
        ca.display()
    );
    place.edit("url = \"file:mail\"", &mailer);
}

fn write_password(place: &Place, password: &str) {
    std::fs::write(place.dir.path().join("password"), format!("{password}\n")).unwrap();
}

/// `tripline mails …` beside the host, or with none.
fn mails(place: &Place, args: &[&str]) -> String {
    let output = tripline().arg("mails").args(args).arg("--data-dir").arg(place.data_dir()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn listed(place: &Place, args: &[&str]) -> Vec<Value> {
    serde_json::from_str(&mails(place, &[&["list", "--json"], args].concat())).unwrap()
}

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["headers"].as_array().unwrap();
    headers.iter().find(|pair| pair[0] == name).unwrap()[1].as_str().unwrap()
}

fn of_office(result: &str) -> String {
    format!("mailer=\"office\",result=\"{result}\"")
}

async fn until_idle(host: &Host) {
    host.until("no mail waits", |host| host.metric("tripline_mails_pending", "office") == 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mail_arrives_once_encrypted_and_from_the_operator() {
    let server = MailServer::start(&starttls());
    let place = Place::embedded().await;
    use_server(&place, &server, "");
    let host = place.start();
    Traffic::new(21).write(&place.tables, 400, |_| ()).await.unwrap();
    let findings = place.verify_without_mail_files().await;
    assert_clean(&findings);
    until_idle(&host).await;
    let expected = findings.mails_expected;
    for (result, count) in [("accepted", expected), ("sent", expected), ("later", 0), ("failed", 0)] {
        assert_eq!(host.metric("tripline_mails_total", &of_office(result)), count as f64, "{result}");
    }
    assert_eq!(host.metric("tripline_mailer_away", "office"), 0.0);

    let received = server.events("mail");
    let ids: BTreeSet<_> = received.iter().map(|mail| header(mail, "Message-ID")).collect();
    assert_eq!((received.len(), ids.len()), (expected, expected), "each mail once");
    let to: BTreeSet<_> = received.iter().map(|mail| mail["to"].to_string()).collect();
    let people: BTreeSet<_> = (1..=expected).map(|n| format!("[\"user-{n:06}@example.com\"]")).collect();
    assert_eq!(to, people);
    for mail in &received {
        assert_eq!((&mail["encrypted"], &mail["login"], &mail["sender"]), (&true.into(), &"shop".into(), &"shop@example.com".into()));
        assert_eq!(header(mail, "From"), "Tripline Demo <shop@example.com>");
        assert!(header(mail, "Subject").starts_with("Welcome, "), "{mail}");
    }
    // Four at once, and anew only where the traffic has paused for long.
    assert!(server.count("connection") <= 8, "{} connections", server.count("connection"));
    let (ended, said) = host.stop_and_tell();
    assert!(ended && !said.contains(LOGIN.1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_holds_mail_back_and_the_right_one_lets_it_go() {
    let server = MailServer::start(&starttls());
    let place = Place::embedded().await;
    use_server(&place, &server, "");
    write_password(&place, "hunter3-wrong");
    let host = place.start();
    Traffic::new(22).write(&place.tables, 60, |_| ()).await.unwrap();
    let refused = host.wait_for_log("no mail can be sent before somebody acts; all mail waits");
    assert_eq!((&refused["level"], &refused["mailer"]), (&"ERROR".into(), &"office".into()));
    let reason = refused["reason"].as_str().unwrap();
    // The server's answer repeats what it was given.
    assert!(reason.contains("535 5.7.8 not ***") || reason.contains("not ***: check `username` and `password`"), "{reason}");
    assert_eq!(host.metric("tripline_mailer_away", "office"), 1.0);
    let waiting = listed(&place, &["--status", "pending"]);
    assert!(!waiting.is_empty() && waiting.iter().all(|mail| mail["attempts"] == 0), "{waiting:?}");
    let tried = waiting.iter().find(|mail| mail["last_error"].is_string()).unwrap();
    let shown = mails(&place, &["show", &tried["message_id"].as_str().unwrap()[..10]]);
    assert!(shown.contains("check `username` and `password`") && shown.contains("@example.com"), "{shown}");
    let (ended, said) = host.stop_and_tell();
    assert!(ended && !said.contains("hunter3") && !shown.contains("hunter3"));
    assert_eq!((server.count("recipient"), server.count("mail")), (0, 0));

    write_password(&place, LOGIN.1);
    let host = place.start();
    let findings = place.verify_without_mail_files().await;
    assert_clean(&findings);
    assert_eq!(server.count("mail"), findings.mails_expected);
    assert!(listed(&place, &[]).iter().all(|mail| mail["attempts"] == 1 && mail["status"] == "sent"));
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_off_keeps_its_tries_over_a_restart_and_what_is_refused_is_kept() {
    let greylisted = ["451 4.7.1 greylisted, come back"; 4];
    let options = starttls()
        .script("RCPT user-000001", &greylisted)
        .script("RCPT user-000002", &["550 5.1.1 no such user"]);
    let server = MailServer::start(&options);
    let place = Place::embedded().await;
    use_server(&place, &server, "");
    let host = place.start();
    Traffic::new(23).write(&place.tables, 60, |_| ()).await.unwrap();
    let metric = |host: &Host, result: &str| host.metric("tripline_mails_total", &of_office(result));
    let people = place.client("users").await.scan().table_name("users").send().await.unwrap().count();
    let settled = |host: &Host| metric(host, "sent") == f64::from(people - 2) && metric(host, "failed") == 1.0;
    host.until("one is put off, one failed, all others sent", |host| settled(host) && metric(host, "later") >= 1.0)
        .await;
    assert!(host.stop());
    let waiting = listed(&place, &["--status", "pending"]);
    let [waiting] = &*waiting else { panic!("{waiting:?}") };
    let attempts = waiting["attempts"].as_u64().unwrap();
    assert!(attempts >= 1 && waiting["last_error"].as_str().unwrap().contains("greylisted"), "{waiting}");
    assert!(waiting["not_before_ms"].as_u64() > waiting["accepted_ms"].as_u64(), "{waiting}");

    let host = place.start();
    host.until("it is sent", |host| metric(host, "sent") == 1.0).await;
    assert_eq!((metric(&host, "later"), metric(&host, "sent")), ((4 - attempts) as f64, 1.0));
    let all = listed(&place, &[]);
    let sent = all.iter().find(|mail| mail["message_id"] == waiting["message_id"]).unwrap();
    assert_eq!((&sent["status"], &sent["attempts"]), (&"sent".into(), &5.into()));
    let asked = server.events("recipient").iter().filter(|event| event["to"] == "user-000001@example.com").count();
    assert_eq!(asked, 5);
    let failed = listed(&place, &["--status", "failed"]);
    let [failed] = &*failed else { panic!("{failed:?}") };
    assert!(failed["last_error"].as_str().unwrap().contains("no such user"), "{failed}");
    let shown: Value = serde_json::from_str(&mails(&place, &["show", failed["message_id"].as_str().unwrap(), "--json"])).unwrap();
    assert!(shown["to"][0] == "user-000002@example.com" && shown["text"].as_str().unwrap().contains("plan is ready"), "{shown}");
    let retry = |id: &Value| {
        let mut command = tripline();
        command
            .args(["mails", "retry", id.as_str().unwrap(), "--data-dir"])
            .arg(place.data_dir())
            .output()
            .unwrap()
    };
    let refused = retry(&failed["message_id"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("in use by another tripline host"));
    assert!(host.stop());
    assert!(!retry(&sent["message_id"]).status.success(), "what was sent is not sent again");
    assert!(retry(&failed["message_id"]).status.success());
    let host = place.start();
    host.until("it is sent", |host| metric(host, "sent") == 1.0).await;
    assert!(listed(&place, &["--status", "failed"]).is_empty());
    assert_clean(&place.verify_without_mail_files().await);
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_kept() {
    const RATE: usize = 10;
    let server = MailServer::start(&starttls());
    let place = Place::embedded().await;
    use_server(&place, &server, &format!("rate_max = \"{RATE}/s\""));
    let host = place.start();
    Traffic::new(24).write(&place.tables, 200, |_| ()).await.unwrap();
    assert_clean(&place.verify_without_mail_files().await);
    let at: Vec<_> = server.events("mail").iter().map(|mail| mail["at"].as_f64().unwrap()).collect();
    let took = at[at.len() - 1] - at[0];
    let least = (at.len() - 1) as f64 / RATE as f64;
    // The first may have come late, by the handshake that it had to wait for.
    assert!(at.len() > 20 && took > least - 0.5, "{} mails in {took:.2} s, which is less than {least:.2} s", at.len());
    assert!(server.count("connection") <= 4, "the connection is kept between them");
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_template_misses_is_a_failure_of_the_change_and_no_mail() {
    let place = Place::embedded().await;
    let client = place.client("users").await;
    let host = place.start();
    let text = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
    let put = client
        .put_item()
        .table_name("users")
        .item("id", text("u1"))
        .item("name", text("Ann"))
        .item("email", text("ann@example.com"));
    put.send().await.unwrap();
    host.until("the change is a dead letter", |host| host.metric("tripline_changes_dead_lettered_total", "trigger=\"welcome\"") == 1.0)
        .await;
    let output = tripline().args(["dlq", "list", "--json", "--data-dir"]).arg(place.data_dir()).output().unwrap();
    let letters: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reason = letters[0]["reason"].as_str().unwrap();
    assert!(reason.contains("template `text`, line 3") && reason.contains("`new.plan`"), "{reason}");
    assert_eq!(mails(&place, &["list"]), "no mails\n");
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_of_a_mailer_that_is_gone_from_the_config_is_told_of() {
    let place = Place::embedded().await;
    // Nothing listens there.
    place.edit("url = \"file:mail\"", "url = \"smtp://127.0.0.1:1\"\ntls = \"none\"");
    let host = place.start();
    Traffic::new(25).write(&place.tables, 60, |_| ()).await.unwrap();
    host.wait_for_log("no mail can be sent now; all mail waits");
    assert!(host.stop());
    place.edit("[mailers.office]", "[mailers.post]");
    place.edit("mailers = [\"office\"]", "mailers = [\"post\"]");
    let host = place.start();
    assert_eq!(host.metric("tripline_mailer_away", "office"), 1.0);
    assert!(host.metric("tripline_mails_pending", "office") > 0.0);
    assert!(host.stop());
}

//! Mailers and their passwords.

use expect_test::expect;

use super::*;

#[test]
fn urls_and_addresses() {
    check_mailer(
        "",
        expect![[r#"
            tripline.toml:7:10: mailers.m.from: is missing
              remedy: write from = "shop@example.com"
            error: tripline.toml:7:10: mailers.m.url: is missing
              remedy: write "smtp://HOST:587", "smtps://HOST:465", "sendmail:" or "file:FOLDER"
            2 faults in tripline.toml"#]],
    );
    check_mailer(
        "url = 'smtp://shop:hunter2@mail.example.com'\nfrom = 'shop'\npassword = 'hunter2'",
        expect![[r#"
            tripline.toml:8:1: mailers.m.url: a user or a password in the url
              remedy: write only the host and the port here, with username = "…" and password = { env = "NAME" } beside it
            error: tripline.toml:9:1: mailers.m.from: "shop" is no mail address
              remedy: write "shop@example.com" or "Shop <shop@example.com>"
            error: tripline.toml:10:1: mailers.m.password: a password stands in the file
              remedy: write { env = "NAME" } or { file = "PATH" } instead; and change the password if others can read this file
            3 faults in tripline.toml"#]],
    );
    check_mailer(
        "url = 'pop3://h'\nfrom = 'a@b'",
        expect![[r#"
        tripline.toml:8:1: mailers.m.url: no mailer has this scheme
          remedy: write "smtp://HOST:587", "smtps://HOST:465", "sendmail:" or "file:FOLDER"
        1 fault in tripline.toml"#]],
    );
    check_mailer(
        "url = 'mail.example.com'\nfrom = \"a@b\\nBcc: c@d\"",
        expect![[r#"
            tripline.toml:8:1: mailers.m.url: is no URL of a mailer
              remedy: write "smtp://HOST:587", "smtps://HOST:465", "sendmail:" or "file:FOLDER"
            error: tripline.toml:9:1: mailers.m.from: has a line break or another control character
              remedy: write it as one line
            2 faults in tripline.toml"#]],
    );
    check_mailer(
        "url = 'smtp:'\nfrom = 'a@b'",
        expect![[r#"
        tripline.toml:8:1: mailers.m.url: no host and port
          remedy: write "smtp://HOST:587", "smtps://HOST:465", "sendmail:" or "file:FOLDER"
        1 fault in tripline.toml"#]],
    );
    check_mailer(
        "url = 'smtp://h:port'\nfrom = 'a@b'",
        expect![[r#"
        tripline.toml:8:1: mailers.m.url: no host and port
          remedy: write "smtp://HOST:587", "smtps://HOST:465", "sendmail:" or "file:FOLDER"
        1 fault in tripline.toml"#]],
    );
}

#[test]
fn what_a_kind_of_mailer_does_not_take() {
    check_mailer(
        "url = 'smtps://h'\nfrom = 'a@b'\ntls = 'none'",
        expect![[r#"
        tripline.toml:10:1: mailers.m.tls: "none" is not known here
          remedy: write "implicit"
        1 fault in tripline.toml"#]],
    );
    check_mailer(
        "url = 'smtp://h'\nfrom = 'a@b'\ntls = 'off'",
        expect![[r#"
            tripline.toml:10:1: mailers.m.tls: "off" is not known here
              remedy: write "starttls" or "none"
            1 fault in tripline.toml"#]],
    );
    check_mailer(
        "url = 'sendmail:sendmail'\nfrom = 'a@b'\ntls = 'none'\nusername = 'u'",
        expect![[r#"
            tripline.toml:8:1: mailers.m.url: the command of sendmail: is an absolute path
              remedy: write "sendmail:" or "sendmail:/usr/sbin/sendmail"
            error: tripline.toml:10:1: mailers.m.tls: sendmail: takes no tls
              remedy: remove it, or use an smtp: or smtps: url
            error: tripline.toml:11:1: mailers.m.username: sendmail: takes no username
              remedy: remove it, or use an smtp: or smtps: url
            3 faults in tripline.toml"#]],
    );
    check_mailer(
        "url = 'file:'\nfrom = 'a@b'",
        expect![[r#"
        tripline.toml:8:1: mailers.m.url: no folder
          remedy: write "file:FOLDER", relative to the folder of this file, or "file:///FOLDER"
        1 fault in tripline.toml"#]],
    );
    check_mailer(
        "url = 'file://host/dir'\nfrom = 'a@b'",
        expect![[r#"
        tripline.toml:8:1: mailers.m.url: a file: url has no host
          remedy: write "file:FOLDER", relative to the folder of this file, or "file:///FOLDER"
        1 fault in tripline.toml"#]],
    );
}

#[test]
fn passwords() {
    let with = |password: &str| format!("url = 'smtp://h'\nfrom = 'a@b'\nusername = 'u'\npassword = {password}");
    check_mailer(
        &with("{ env = 'NOT_SET' }"),
        expect![[r#"
        tripline.toml:11:14: mailers.m.password.env: the environment has no variable NOT_SET, or an empty one
          remedy: set NOT_SET where tripline is started
        1 fault in tripline.toml"#]],
    );
    check_mailer(
        &with("{ env = 'EMPTY' }"),
        expect![[r#"
        tripline.toml:11:14: mailers.m.password.env: the environment has no variable EMPTY, or an empty one
          remedy: set EMPTY where tripline is started
        1 fault in tripline.toml"#]],
    );
    check_mailer(
        &with("{ file = 'none.txt' }"),
        expect![[r#"
        tripline.toml:11:14: mailers.m.password.file: there is no file src/config/testdata/none.txt
          remedy: correct the path; it is relative to the folder of this file
        1 fault in tripline.toml"#]],
    );
    check_mailer(
        &with("{ file = 'empty.txt' }"),
        expect![[r#"
            tripline.toml:11:14: mailers.m.password.file: the file is empty
              remedy: write the secret into it
            1 fault in tripline.toml"#]],
    );
    check_mailer(
        &with("{ env = 'SMTP_PASSWORD', file = 'password.txt' }"),
        expect![[r#"
        tripline.toml:11:1: mailers.m.password: one of `env` and `file` is needed
          remedy: write { env = "NAME" } or { file = "PATH" }
        1 fault in tripline.toml"#]],
    );
    check_mailer(
        &with("{ vault = 'x' }"),
        expect![[r#"
            tripline.toml:11:1: mailers.m.password: one of `env` and `file` is needed
              remedy: write { env = "NAME" } or { file = "PATH" }
            error: tripline.toml:11:14: mailers.m.password.vault: unknown key
              remedy: remove it; [mailers.NAME.password] has: env, file
            2 faults in tripline.toml"#]],
    );
    check_mailer(
        &with("{ env = 'SMTP_PASSWORD' }\ntls = 'none'"),
        expect![[r#"
        tripline.toml:11:1: mailers.m.password: with tls = "none" the password would travel unencrypted
          remedy: remove `tls` (STARTTLS is then required), use smtps:, or remove `username` and `password`
        1 fault in tripline.toml"#]],
    );
    check_mailer(
        "url = 'smtp://h'\nfrom = 'a@b'\nusername = 'u'",
        expect![[r#"
        tripline.toml:7:10: mailers.m.password: is missing
          remedy: write password = { env = "NAME" } or { file = "PATH" }, or remove `username`
        1 fault in tripline.toml"#]],
    );
    check_mailer(
        "url = 'smtp://h'\nfrom = 'a@b'\npassword = { env = 'SMTP_PASSWORD' }",
        expect![[r#"
        tripline.toml:7:10: mailers.m.username: is missing
          remedy: write username = "…", or remove `password`
        1 fault in tripline.toml"#]],
    );
}

fn in_smtp(keys: &str) -> String {
    format!("url = 'smtp://h'\nfrom = 'a@b'\n{keys}")
}

#[test]
fn authorities() {
    for (keys, expected) in [
        (
            "ca = 'none.pem'",
            expect![[r#"
            tripline.toml:10:1: mailers.m.ca: there is no file src/config/testdata/none.pem
              remedy: correct the path; it is relative to the folder of this file
            1 fault in tripline.toml"#]],
        ),
        (
            "ca = 'latin1.txt'",
            expect![[r#"
            tripline.toml:10:1: mailers.m.ca: src/config/testdata/latin1.txt cannot be read as UTF-8 text: stream did not contain valid UTF-8
              remedy: make it readable for this user, and save it as UTF-8
            1 fault in tripline.toml"#]],
        ),
        (
            "ca = 'password.txt'",
            expect![[r#"
            tripline.toml:10:1: mailers.m.ca: holds no certificates of authorities: there is no certificate in it
              remedy: name a PEM file: -----BEGIN CERTIFICATE-----, and so on, for each authority
            1 fault in tripline.toml"#]],
        ),
        (
            "ca = 'broken.pem'",
            expect![[r#"
            tripline.toml:10:1: mailers.m.ca: holds no certificates of authorities: tls error: invalid peer certificate: BadEncoding
              remedy: name a PEM file: -----BEGIN CERTIFICATE-----, and so on, for each authority
            1 fault in tripline.toml"#]],
        ),
        (
            "ca = 'ca.pem'\ntls = 'none'",
            expect![[r#"
            tripline.toml:10:1: mailers.m.ca: with tls = "none" no certificate is asked for
              remedy: remove `ca`, or remove `tls` (STARTTLS is then required)
            1 fault in tripline.toml"#]],
        ),
    ] {
        check_mailer(&in_smtp(keys), expected);
    }
    check_mailer(
        "url = 'file:mails'\nfrom = 'a@b'\nca = 'ca.pem'\nrate_max = '1/s'",
        expect![[r#"
        tripline.toml:10:1: mailers.m.ca: file: takes no ca
          remedy: remove it, or use an smtp: or smtps: url
        1 fault in tripline.toml"#]],
    );
}

#[test]
fn rates() {
    for (keys, expected) in [
        (
            "rate_max = 10",
            expect![[r#"
            tripline.toml:10:1: mailers.m.rate_max: a string is needed, this is an integer
              remedy: put it in quotes
            1 fault in tripline.toml"#]],
        ),
        (
            "rate_max = '0/s'",
            expect![[r#"
            tripline.toml:10:1: mailers.m.rate_max: "0/s" is no rate
              remedy: write a whole number from 1 to 10000 by a unit, as "10/s", "600/m" or "1000/h"
            1 fault in tripline.toml"#]],
        ),
        (
            "rate_max = '10001/s'",
            expect![[r#"
            tripline.toml:10:1: mailers.m.rate_max: "10001/s" is no rate
              remedy: write a whole number from 1 to 10000 by a unit, as "10/s", "600/m" or "1000/h"
            1 fault in tripline.toml"#]],
        ),
        (
            "rate_max = '10 per second'",
            expect![[r#"
            tripline.toml:10:1: mailers.m.rate_max: "10 per second" is no rate
              remedy: write a whole number from 1 to 10000 by a unit, as "10/s", "600/m" or "1000/h"
            1 fault in tripline.toml"#]],
        ),
    ] {
        check_mailer(&in_smtp(keys), expected);
    }
    let config = config(&in_trigger(&format!("grants.mailers = ['m']\n[mailers.m]\n{}", in_smtp("ca = 'ca.pem'\nrate_max = '90/m'"))));
    assert_eq!(config.mailers["m"].rate_max, tripline_core::mail::Rate::new(90, std::time::Duration::from_secs(60)));
}

#[test]
fn mailers_of_every_kind() {
    let transport = |keys: &str| {
        let config = config(&in_trigger(&format!("grants.mailers = ['m']\n[mailers.m]\nfrom = 'a@b.example'\n{keys}")));
        format!("{:?}", config.mailers["m"].transport)
    };
    let all = [
        "url = 'smtp://h'",
        "url = 'smtp://h:25/'\ntls = 'none'",
        "url = 'smtp://[::1]:25'\ntls = 'none'\nusername = 'u'\npassword = { env = 'SMTP_PASSWORD' }",
        "url = 'smtps://h'\nusername = 'u'\npassword = { file = 'password.txt' }",
        "url = 'smtps://h'\nca = 'ca.pem'",
        "url = 'sendmail:'",
        "url = 'sendmail:/opt/msmtp'",
        "url = 'file:mails'",
        "url = 'file:///var/mails'",
    ];
    let shown = all.map(transport).join("\n");
    assert!(!shown.contains(SECRET) && !shown.contains("s3cret"), "{shown}");
    expect![[r#"
        Smtp { host: "h", port: 587, tls: StartTls, ca: None, username: None, password: None }
        Smtp { host: "h", port: 25, tls: None, ca: None, username: None, password: None }
        Smtp { host: "::1", port: 25, tls: None, ca: None, username: Some("u"), password: Some(***) }
        Smtp { host: "h", port: 465, tls: Implicit, ca: None, username: Some("u"), password: Some(***) }
        Smtp { host: "h", port: 465, tls: Implicit, ca: Some(CaCertificates(1)), username: None, password: None }
        Sendmail { command: "/usr/sbin/sendmail" }
        Sendmail { command: "/opt/msmtp" }
        File { dir: "src/config/testdata/mails" }
        File { dir: "/var/mails" }"#]]
    .assert_eq(&shown);
}

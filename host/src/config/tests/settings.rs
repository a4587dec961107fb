//! Settings: strings, JSON, files, no secrets.

use expect_test::expect;

use super::*;

#[test]
fn settings_hold_no_secret_and_no_broken_file() {
    check_trigger(
        "settings.token = { env = 'SMTP_PASSWORD' }\nsettings.deep = [{ a = { env = 'X' } }]\nsettings.gone = { file = 'gone.html' }\n\
         settings.latin = { file = 'latin1.txt' }\nsettings.nan = nan\nsettings.big = 9223372036854775808",
        expect![[r#"
            tripline.toml:6:10: triggers.t.settings.token: { env } is for passwords of mailers: plugins never see secrets
              remedy: write the value itself if it is no secret; grant a mailer or a table instead of handing over a credential
            error: tripline.toml:7:20: triggers.t.settings.deep.a: { env } is for passwords of mailers: plugins never see secrets
              remedy: write the value itself if it is no secret; grant a mailer or a table instead of handing over a credential
            error: tripline.toml:8:19: triggers.t.settings.gone.file: there is no file src/config/testdata/gone.html
              remedy: correct the path; it is relative to the folder of this file
            error: tripline.toml:9:20: triggers.t.settings.latin.file: src/config/testdata/latin1.txt cannot be read as UTF-8 text: stream did not contain valid UTF-8
              remedy: make it readable for this user, and save it as UTF-8
            error: tripline.toml:10:10: triggers.t.settings.nan: nan is no number that JSON has
              remedy: write a finite number, or a string
            error: tripline.toml:11:10: triggers.t.settings.big: 9223372036854775808 does not fit into 64 bits
              remedy: write it as a string
            6 faults in tripline.toml"#]],
    );
    check_trigger(
        "settings = 'a'",
        expect![[r#"
        tripline.toml:6:1: triggers.t.settings: a table is needed, this is a string
          remedy: write [triggers.t.settings] with its keys below it, or { key = … }
        1 fault in tripline.toml"#]],
    );
}

#[test]
fn a_settings_file_has_a_bound() {
    let dir = tempfile::tempdir().unwrap();
    let text = in_trigger("settings.t = { file = 'template.html' }");
    let parse = |bytes: usize| {
        std::fs::write(dir.path().join("template.html"), "x".repeat(bytes)).unwrap();
        Config::parse(&text, "tripline.toml", dir.path(), &env)
    };
    assert_eq!(parse(1 << 20).unwrap().triggers[&TriggerName::from("t")].settings["t"].len(), 1 << 20);
    let fault = parse((1 << 20) + 1).unwrap_err().to_string();
    assert!(fault.contains("has 1048577 bytes, and at most 1048576 are read"), "{fault}");
}

#[test]
fn settings_arrive_as_strings_or_as_json() {
    let trigger = trigger(
        "settings = { text = 'a\"b', number = 0x10, float = 1.5, flag = true, day = 2024-01-01, list = ['a', 1], \
         table = { b = 1, a = { file = 'templates/welcome.html' } }, both = { file = 'x', env = 'y' }, n = { file = 1 } }",
    );
    let settings: Vec<String> = trigger.settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    expect![[r#"
        both={"env":"y","file":"x"}
        day=2024-01-01
        flag=true
        float=1.5
        list=["a",1]
        n={"file":1}
        number=16
        table={"a":"<p>Welcome</p>\n","b":1}
        text=a"b"#]]
    .assert_eq(&settings.join("\n"));
    assert!(!format!("{trigger:?}").contains("Welcome"), "Debug shows no values of settings");
}

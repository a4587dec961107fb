//! The config file, what it names on this machine, and the port.

use std::os::unix::fs::PermissionsExt;

use expect_test::expect;

use super::{Ask, Bench, Fault};

const BOTH: [Ask<'static>; 2] = [Ask::Run, Ask::Check];

#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_is_wrong_or_does_not_fit_this_machine() {
    let mut bench = Bench::new().await;
    no_toml(&bench).await;
    several_at_once(&bench).await;
    secrets(&bench).await;
    on_this_machine(&bench).await;
    bench.works().await;
}

async fn no_toml(bench: &Bench) {
    let file = bench.place.config_file();
    let away = file.with_extension("away");
    std::fs::rename(&file, &away).unwrap();
    std::fs::write(&file, "").unwrap();
    bench
        .check_edited(
            &[],
            &BOTH,
            expect![[r#"
        error: DIR/tripline.toml:1:1: triggers: there is no trigger: the host would do nothing
          remedy: add [triggers.NAME]
        1 fault in DIR/tripline.toml
    "#]],
        )
        .await;
    std::fs::write(&file, "[host\nlisten = 1").unwrap();
    bench
        .check_edited(
            &[],
            &BOTH,
            expect![[r#"
        error: DIR/tripline.toml:1:6: not TOML: unclosed table, expected `]`
          remedy: correct the line; other faults may show when the file is TOML again
        1 fault in DIR/tripline.toml
    "#]],
        )
        .await;
    std::fs::rename(&away, &file).unwrap();
}

async fn several_at_once(bench: &Bench) {
    let edits = [
        ("view = \"new-and-old-images\"", "view = \"both\""),
        ("stream = \"users\"", "stream = \"user\""),
        ("region = \"us-east-1\"", "regoin = \"us-east-1\""),
        ("html = { file = \"welcome.html\" }", "html = { file = \"nowhere.html\" }"),
        ("[host]", "[host]\ncolour = \"red\""),
    ];
    bench
        .check_edited(
            &edits,
            &BOTH,
            expect![[r#"
                error: DIR/tripline.toml:4:1: host.colour: unknown key
                  remedy: remove it; [host] has: data_dir, listen, drain_max, instances_max, counter_series_max, dead_letters, compile
                error: DIR/tripline.toml:18:10: targets.orders-us.region: is missing
                  remedy: write the region that the endpoint stands for; for an emulator any will do, as region = "eu-west-1"
                error: DIR/tripline.toml:20:1: targets.orders-us.regoin: unknown key
                  remedy: did you mean `region`?
                error: DIR/tripline.toml:40:1: triggers.stats.view: "both" is not known here
                  remedy: write "keys-only" or "new-image" or "old-image" or "new-and-old-images"
                error: DIR/tripline.toml:52:1: triggers.welcome.stream: there is no "user" in [streams]
                  remedy: did you mean "users"?
                error: DIR/tripline.toml:62:10: triggers.welcome.settings.html.file: there is no file DIR/nowhere.html
                  remedy: correct the path; it is relative to the folder of this file
                6 faults in DIR/tripline.toml
            "#]],
        )
        .await;
    let target = (
        "[targets.orders-us]\ntable = \"orders\"\nregion = \"us-east-1\"\n",
        "[targets.orders-us]\ntable = \"orders\"\nregion = \"eu-west-1\"\n",
    );
    let config = std::fs::read_to_string(bench.place.config_file()).unwrap();
    let endpoints: Vec<&str> = config.lines().filter(|line| line.starts_with("endpoint = ")).collect();
    let (home, away) = (endpoints[0], endpoints[2]);
    bench.check_edited(&[target, (away, home)], &BOTH, expect![[r#"
        error: DIR/tripline.toml:31:22: triggers.replicate.grants.tables: is, as far as this file tells, the very table that the trigger follows: each write would be a change again
          remedy: grant another table, set `region` on both if they are two tables, or set allow_loop = true if the plugin ends the loop itself
        1 fault in DIR/tripline.toml
    "#]]).await;
}

async fn secrets(bench: &Bench) {
    let smtp = "url = \"smtp://127.0.0.1:2525\"\nusername = \"shop\"\n";
    let in_the_file = format!("{smtp}password = \"password-hunter2\"");
    bench
        .check_edited(
            &[("url = \"file:mail\"", &in_the_file)],
            &BOTH,
            expect![[r#"
        error: DIR/tripline.toml:25:1: mailers.office.password: a password stands in the file
          remedy: write { env = "NAME" } or { file = "PATH" } instead; and change the password if others can read this file
        1 fault in DIR/tripline.toml
    "#]],
        )
        .await;
    let in_the_clear = format!("{smtp}tls = \"none\"\npassword = {{ env = \"SMTP_PASSWORD\" }}").replace("127.0.0.1", "mail.example.com");
    bench
        .check_edited(
            &[("url = \"file:mail\"", &in_the_clear)],
            &BOTH,
            expect![[r#"
        error: DIR/tripline.toml:26:1: mailers.office.password: with tls = "none" the password would travel unencrypted
          remedy: remove `tls` (STARTTLS is then required), use smtps:, or remove `username` and `password`
        1 fault in DIR/tripline.toml
    "#]],
        )
        .await;
    let missing = format!("{smtp}password = {{ env = \"SMTP_PASSWORD\" }}");
    let edits = [("url = \"file:mail\"", missing.as_str())];
    bench
        .check(
            Fault { edits: &edits, unset: &["SMTP_PASSWORD"], ..Fault::default() },
            &BOTH,
            expect![[r#"
            error: DIR/tripline.toml:25:14: mailers.office.password.env: the environment has no variable SMTP_PASSWORD, or an empty one
              remedy: set SMTP_PASSWORD where tripline is started
            1 fault in DIR/tripline.toml
        "#]],
        )
        .await;
}

/// What the config names on this machine: the port, the token, the folder of mail.
async fn on_this_machine(bench: &Bench) {
    let listen = "listen = \"127.0.0.1:0\"";
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let theirs = format!("listen = \"{}\"", taken.local_addr().unwrap());
    bench.check_edited(&[(listen, &theirs)], &[Ask::Run], expect![[r#"
        error: cannot listen on 127.0.0.1:PORT: another program does; stop it, or set `listen` in [host] to another port (port 0 takes any free one)
    "#]]).await;
    // An address for documentation: no machine has it.
    bench.check_edited(&[(listen, "listen = \"192.0.2.1:9464\"")], &[Ask::Run], expect![[r#"
        error: cannot listen on 192.0.2.1:9464: Cannot assign requested address (os error 99); set `listen` in [host] to an address of this machine and a port that this user may use
    "#]]).await;

    let token = bench.place.data_dir().join("token");
    let whole = std::fs::read(&token).unwrap();
    let mode = |mode| std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    bench
        .check_edited(
            &[],
            &[Ask::Run],
            expect![[r#"
        error: DIR/data/token can be read by others (mode 644); run `chmod 600 DIR/data/token`, or delete it to have a new token made
    "#]],
        )
        .await;
    mode(0o600);
    std::fs::write(&token, "hunter2").unwrap();
    bench
        .check_edited(
            &[],
            &[Ask::Run],
            expect![[r#"
        error: DIR/data/token holds no token: 32 to 4096 printable ASCII characters without spaces; delete it to have a new one made
    "#]],
        )
        .await;
    std::fs::write(&token, whole).unwrap();
    mode(0o600);

    std::fs::write(bench.place.dir.path().join("letters"), "").unwrap();
    bench
        .check_edited(
            &[("url = \"file:mail\"", "url = \"file:letters\"")],
            &[Ask::Run],
            expect![[r#"
            error: mailer `office`: DIR/letters: File exists (os error 17): choose a directory that this user can write to
        "#]],
        )
        .await;
}

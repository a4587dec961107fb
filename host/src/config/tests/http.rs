//! `grants.http`: what is a place, and where a secret may go.

use expect_test::expect;

use super::*;

#[test]
fn entries() {
    let trigger = trigger(
        "grants.http = ['https://API.example.com:443/', 'http://h.example:8080/x/', { url = 'https://s.example', ca = 'ca.pem', headers = \
         { authorization = { env = 'API_KEY', prefix = 'Bearer ' }, X-File = { file = 'password.txt' } } }, { url = 'http://127.0.0.1:1/', private = true }]",
    );
    expect![[r#"
        [
            Allowed {
                place: Place {
                    scheme: Https,
                    host: Name(
                        "api.example.com",
                    ),
                    port: 443,
                    path: None,
                },
                private: false,
                headers: [],
                authorities: None,
            },
            Allowed {
                place: Place {
                    scheme: Http,
                    host: Name(
                        "h.example",
                    ),
                    port: 8080,
                    path: Some(
                        "/x/",
                    ),
                },
                private: false,
                headers: [],
                authorities: None,
            },
            Allowed {
                place: Place {
                    scheme: Https,
                    host: Name(
                        "s.example",
                    ),
                    port: 443,
                    path: None,
                },
                private: false,
                headers: [
                    x-file: ***,
                    authorization: ***,
                ],
                authorities: Some(
                    Authorities(1),
                ),
            },
            Allowed {
                place: Place {
                    scheme: Http,
                    host: Address(
                        127.0.0.1,
                    ),
                    port: 1,
                    path: None,
                },
                private: true,
                headers: [],
                authorities: None,
            },
        ]"#]]
    .assert_eq(&format!("{:#?}", trigger.grants.http));
}

#[test]
fn a_file_is_read_without_secrets_where_nobody_needs_them() {
    let text = in_trigger("grants.http = [{ url = 'https://s.example', headers = { X = { env = 'NOT_THERE' } } }]");
    let config = Config::parse_with(&text, "tripline.toml", Path::new(TESTDATA), None).unwrap();
    assert_eq!(config.triggers[&TriggerName::from("t")].grants.http.len(), 1);
}

#[test]
fn what_is_no_place() {
    check_trigger(
        "grants.http = ['api.example.com', 'ftp://h', 'https://u:p@h', 'https://*.org', 'https://h/a/../b', 'https://h?x', 'https://10.0.0.1', \
         'http://127.1', { private = true }, { url = 'http://169.254.169.254' }, { url = 'http://0.0.0.0', private = true }, 7, \
         { url = 'https://h', port = 1 }]",
        expect![[r#"
            tripline.toml:6:16: triggers.t.grants.http: has no scheme
              remedy: write "https://HOST", "https://HOST:PORT/PATH/" or "https://*.DOMAIN"
            error: tripline.toml:6:35: triggers.t.grants.http: has a scheme that is neither https nor http
              remedy: write "https://HOST", "https://HOST:PORT/PATH/" or "https://*.DOMAIN"
            error: tripline.toml:6:46: triggers.t.grants.http: has a user or a password in it
              remedy: write the host alone, and headers = { Authorization = { env = "NAME" } } beside it
            error: tripline.toml:6:63: triggers.t.grants.http: has a wildcard that stands for too much, or for no name
              remedy: a `*` stands for the whole first label of a name, as in "https://*.example.org", which has at least two more
            error: tripline.toml:6:80: triggers.t.grants.http: has a path that a server could read as another one
              remedy: write it without "//", ".", "..", backslashes and what is encoded of them
            error: tripline.toml:6:100: triggers.t.grants.http: has a query or a fragment: a place is a host, or the beginning of its paths
              remedy: write "https://HOST", "https://HOST:PORT/PATH/" or "https://*.DOMAIN"
            error: tripline.toml:6:115: triggers.t.grants.http: is a private address: nothing would be sent there
              remedy: write { url = "…", private = true }, if it is meant
            error: tripline.toml:6:135: triggers.t.grants.http: has an address in a short form
              remedy: write all four numbers, as 127.0.0.1
            error: tripline.toml:6:151: triggers.t.grants.http.url: is missing
              remedy: write url = "https://HOST"
            error: tripline.toml:6:173: triggers.t.grants.http.url: is a link-local address: nothing would be sent there
              remedy: write { url = "…", private = true }, if it is meant
            error: tripline.toml:6:209: triggers.t.grants.http.url: is an unspecified address: nothing would be sent there
              remedy: name another
            error: tripline.toml:6:251: triggers.t.grants.http: a table is needed, this is an integer
              remedy: write [triggers.t.grants.http] with its keys below it, or { key = … }
            error: tripline.toml:6:275: triggers.t.grants.http.port: unknown key
              remedy: remove it; [[triggers.NAME.grants.http]] has: url, private, ca, headers
            13 faults in tripline.toml"#]],
    );
    check_trigger(
        "grants.http = 'https://h'",
        expect![[r#"
        tripline.toml:6:8: triggers.t.grants.http: a list is needed, this is a string
          remedy: write a list, as ["one", "two"]
        1 fault in tripline.toml"#]],
    );
}

#[test]
fn an_entry_behind_one_that_covers_it_is_never_used() {
    check_trigger(
        "grants.http = ['https://*.example.org', { url = 'https://a.example.org/x', private = true }, 'https://b.example.org:1']",
        expect![[r#"
            tripline.toml:6:41: triggers.t.grants.http: is never used: https://*.example.org stands before it and allows all that it allows
              remedy: put it before that one, so that its headers and `private` hold, or remove one of them
            1 fault in tripline.toml"#]],
    );
}

#[test]
fn where_a_secret_may_go_and_come_from() {
    check_trigger(
        "grants.http = [{ url = 'https://a.example', headers = { A = 'hunter2' } },\n\
         { url = 'https://*.b.example', headers = { A = { env = 'API_KEY' } } },\n\
         { url = 'http://c.example', headers = { A = { env = 'API_KEY' } } },\n\
         { url = 'http://localhost:1', private = true, headers = { A = { env = 'API_KEY' } } },\n\
         { url = 'https://d.example', headers = { Host = { env = 'API_KEY' }, 'B c' = { env = 'API_KEY' }, D = { env = 'BAD_KEY' } } },\n\
         { url = 'https://e.example', headers = { A = { env = 'API_KEY', file = 'password.txt' }, a = { env = 'API_KEY' } } },\n\
         { url = 'https://f.example', headers = { A = { env = 'API_KEY' }, a = { env = 'API_KEY' }, B = { env = 'NOT_THERE' } } },\n\
         { url = 'http://g.example', ca = 'ca.pem' }, { url = 'https://h.example', ca = 'broken.pem' }, { url = 'https://i.example', ca = 'empty.txt' }]",
        expect![[r#"
            tripline.toml:6:57: triggers.t.grants.http.headers.A: a header's value stands in the file
              remedy: write { env = "NAME" } or { file = "PATH" } instead; what is no secret, the plugin can write itself
            error: tripline.toml:7:32: triggers.t.grants.http.headers: a secret goes to one host, and a wildcard stands for many
              remedy: name the host that it is for in an entry of its own
            error: tripline.toml:8:29: triggers.t.grants.http.headers: with http:// the secret would travel unencrypted
              remedy: write https://, or remove `headers`
            error: tripline.toml:10:42: triggers.t.grants.http.headers.Host: is a header that the host writes itself
              remedy: remove it
            error: tripline.toml:10:70: triggers.t.grants.http.headers.B c: is no name of a header
              remedy: write a name such as Authorization
            error: tripline.toml:10:99: triggers.t.grants.http.headers.D: has a line break, or another character that no header can hold
              remedy: correct the variable or the file, and `prefix`
            error: tripline.toml:11:42: triggers.t.grants.http.headers.A: one of `env` and `file` is needed
              remedy: write { env = "NAME" } or { file = "PATH" }
            error: tripline.toml:12:67: triggers.t.grants.http.headers.a: is named twice: headers' names are the same in capitals
              remedy: remove one
            error: tripline.toml:12:98: triggers.t.grants.http.headers.B.env: the environment has no variable NOT_THERE, or an empty one
              remedy: set NOT_THERE where tripline is started
            error: tripline.toml:13:29: triggers.t.grants.http.ca: with http:// no certificate is asked for
              remedy: remove `ca`, or write https://
            error: tripline.toml:13:75: triggers.t.grants.http.ca: holds no certificates of authorities: invalid peer certificate: BadEncoding
              remedy: name a PEM file: -----BEGIN CERTIFICATE-----, and so on, for each authority
            error: tripline.toml:13:125: triggers.t.grants.http.ca: holds no certificates of authorities: there is no certificate in it
              remedy: name a PEM file: -----BEGIN CERTIFICATE-----, and so on, for each authority
            12 faults in tripline.toml"#]],
    );
}

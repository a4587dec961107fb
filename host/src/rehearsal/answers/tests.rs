use expect_test::{Expect, expect};

use super::*;

#[track_caller]
fn check(answers: &str, method: &str, url: &str, expected: Option<(u16, &str)>) {
    let answer = Answers::read(answers, "file").unwrap().to(method, url);
    let answer = answer.map(|answer| answer.unwrap());
    let answer = answer.map(|answer| (answer.status, String::from_utf8(answer.body).unwrap()));
    assert_eq!(answer.as_ref().map(|(status, body)| (*status, body.as_str())), expected, "{method} {url}");
}

#[test]
fn the_first_that_fits_answers() {
    let answers = r#"[{"method":"POST","url":"https://h/a","status":201,"body":{"x":1}},{"url":"https://h/b/*","body":"text"},
        {"url":"https://h/a","status":404}]"#;
    check(answers, "POST", "https://h/a", Some((201, r#"{"x":1}"#)));
    check(answers, "GET", "https://h/a", Some((404, "")));
    check(answers, "GET", "https://h/a?q", None);
    check(answers, "PUT", "https://h/b/c?d", Some((200, "text")));
    check(answers, "HEAD", "https://h/b/c?d", Some((200, "")));
    check(answers, "GET", "https://h/b", None);
}

/// Of each line the first is in the file, and fits the others, but for those with a `!`.
#[test]
fn urls_are_compared_in_one_spelling() {
    for line in [
        "https://a https://a/ https://a:443/ HTTPS://A !https://a/b !https://a:80/ !http://a/",
        "https://a/ https://a",
        "https://API.example.com:443/x https://api.example.com/x https://Api.Example.com/x !https://api.example.com/X",
        "http://a:80?q=1 http://a/?q=1 http://a?q=1 !http://a/",
        "https://a:8443/ https://A:8443 !https://a/",
        "https://[::1]:443/ https://[::1]/",
        "https://A:443/b* https://a/b https://a/bc?d !https://a/B",
        "https://A:443* https://a/ https://a/b !https://a.b/",
        "https://API.* https://api.example.com/ https://api.example.org/x !https://ap/",
        "https://api* https://api/ https://api.example.com/ https://api:8443/x",
        "https://a?* https://a/?b !https://a/b",
        "https://* https://a/b !http://a/b",
        "http* https://a/b http://a/b",
        "* https://a/b http://a/b",
    ] {
        let (pattern, urls) = line.split_once(' ').unwrap();
        let answers = Answers::read(&format!("[{{\"url\":\"{pattern}\"}}]"), "file").unwrap();
        for url in urls.split(' ') {
            let (fits, url) = url.strip_prefix('!').map_or((true, url), |url| (false, url));
            assert_eq!(answers.to("GET", url).is_some(), fits, "{pattern} and {url}");
        }
    }
}

#[test]
fn what_a_host_does_not_take_is_an_error() {
    let read = |text: &str, method: &str| {
        let answer = Answers::read(text, "file").unwrap().to(method, "https://a/").unwrap();
        answer.map_or_else(|error| error.to_string(), |answer| answer.body.len().to_string())
    };
    let body = |bytes: usize| format!(r#"[{{"url":"https://a/","body":"{}"}}]"#, "x".repeat(bytes));
    assert_eq!(read(&body(BODY_BYTES_MAX), "GET"), BODY_BYTES_MAX.to_string());
    assert_eq!(read(&body(BODY_BYTES_MAX + 1), "GET"), "the answer's body has more than 8388608 bytes");
    assert_eq!(read(&body(BODY_BYTES_MAX + 1), "HEAD"), "0");
    let headers = |headers: &str| format!(r#"[{{"url":"https://a/","headers":{{{headers}}}}}]"#);
    assert_eq!(read(&headers(&format!("\"a\":\"{}\"", "x".repeat(HEAD_BYTES_MAX - 1))), "GET"), "0");
    assert_eq!(
        read(&headers(&format!("\"a\":\"{}\"", "x".repeat(HEAD_BYTES_MAX))), "GET"),
        "the answer's headers have more than 65536 bytes, or are more than 256"
    );
    let many: Vec<String> = (0..=HEADERS_MAX).map(|number| format!("\"h{number}\":\"\"")).collect();
    assert_eq!(read(&headers(&many.join(",")), "GET"), "the answer's headers have more than 65536 bytes, or are more than 256");
    assert_eq!(read(&headers(&many[1..].join(",")), "GET"), "0");
}

/// Each as the second entry of a file.
#[track_caller]
fn check_refused(entries: &[&str], expected: Expect) {
    let told =
        |entry: &&str| format!("{:#}\n", Answers::read(&format!(r#"[{{"url":"https://a/"}},{entry}]"#), "answers.json").unwrap_err());
    expected.assert_eq(&entries.iter().map(told).collect::<String>());
}

#[test]
fn what_no_server_answers_is_refused_with_its_place() {
    check_refused(
        &[
            r#"{"url":"https://a/","unknown":1}"#,
            r#"{"status":200}"#,
            r#"{"url":"https://a/","status":99}"#,
            r#"{"url":"https://a/","status":204,"body":"x"}"#,
            r#"{"url":"https://a/","status":304,"body":{}}"#,
            r#"{"url":"https://a/","method":"A B"}"#,
            r#"{"url":"https://a/","method":""}"#,
            r#"{"url":"https://a/","headers":{"a b":"c"}}"#,
            r#"{"url":"https://a/","headers":{"a":"c\r\nd"}}"#,
            r#"{"url":"nope"}"#,
            r#"{"url":""}"#,
            r#"{"url":"ftp://a/"}"#,
            r#"{"url":"https://"}"#,
            r#"{"url":"https://ann:secret@a/"}"#,
            r#"{"url":"https://a:0/"}"#,
            r#"{"url":"https://a/*x*"}"#,
            r#"{"url":"https://*.a/"}"#,
            r#"{"url":"https://a/b c"}"#,
            r#"{"url":"https://a/#b"}"#,
            r#"{"url":"nope*"}"#,
            r#"{"url":"https://a@*"}"#,
            r#"{"url":"nope","method":"A B","status":99}"#,
        ],
        expect![[r#"
            answers.json is no list of answers, as [{"method": "POST", "url": "https://api.example.com/*", "status": 201}]: unknown field `unknown`, expected one of `method`, `url`, `status`, `headers`, `body` at line 1 column 51
            answers.json is no list of answers, as [{"method": "POST", "url": "https://api.example.com/*", "status": 201}]: missing field `url` at line 1 column 36
            answers.json: answer 2: status: 99 is no status of an answer: write one from 200 to 599
            answers.json: answer 2: body: an answer with status 204 has none: leave it out, or write 200
            answers.json: answer 2: body: an answer with status 304 has none: leave it out, or write 200
            answers.json: answer 2: method: `A B` is none: write one, such as POST, or leave it out for any
            answers.json: answer 2: method: `` is none: write one, such as POST, or leave it out for any
            answers.json: answer 2: headers: `a b` is no header's name: write letters, digits and dashes
            answers.json: answer 2: headers.a: "c\r\nd" is no header's value: write one line, without control characters
            answers.json: answer 2: url: `nope` has no scheme: write it as the plugin asks for it, https://HOST/PATH
            answers.json: answer 2: url: `` has no scheme: write it as the plugin asks for it, https://HOST/PATH
            answers.json: answer 2: url: `ftp://a/` has a scheme that is neither https nor http: write it as the plugin asks for it, https://HOST/PATH
            answers.json: answer 2: url: `https://` has no host before its path, or more than a host and its port: write it as the plugin asks for it, https://HOST/PATH
            answers.json: answer 2: url: `https://ann:secret@a/` has no host before its path, or more than a host and its port: write it as the plugin asks for it, https://HOST/PATH
            answers.json: answer 2: url: `https://a:0/` has no host before its path, or more than a host and its port: write it as the plugin asks for it, https://HOST/PATH
            answers.json: answer 2: url: `https://a/*x*` has a `*` before its end: write one at the end alone, for whatever follows
            answers.json: answer 2: url: `https://*.a/` has a `*` before its end: write one at the end alone, for whatever follows
            answers.json: answer 2: url: `https://a/b c` is no URL that can be asked for: encode its spaces, and leave out what begins with `#`
            answers.json: answer 2: url: `https://a/#b` is no URL that can be asked for: encode its spaces, and leave out what begins with `#`
            answers.json: answer 2: url: `nope*` is the beginning of no URL: write https://HOST/PATH*
            answers.json: answer 2: url: `https://a@*` is the beginning of no URL: write https://HOST/PATH*
            answers.json: answer 2: url: `nope` has no scheme: write it as the plugin asks for it, https://HOST/PATH
            answers.json: answer 2: method: `A B` is none: write one, such as POST, or leave it out for any
            answers.json: answer 2: status: 99 is no status of an answer: write one from 200 to 599
        "#]],
    );
    for text in ["", "{}", "nope"] {
        let error = Answers::read(text, "answers.json").unwrap_err();
        assert!(format!("{error:#}").starts_with("answers.json is no list of answers"), "{error:#}");
    }
    let many = [r#"{"url":"x"}"#; 12].join(",");
    assert!(Answers::read(&format!("[{many}]"), "f").unwrap_err().to_string().ends_with("\nand 2 more"));
    Answers::read(r#"[{"url":"https://a/","status":204,"body":""},{"url":"https://a/","status":304,"body":null}]"#, "f").unwrap();
}

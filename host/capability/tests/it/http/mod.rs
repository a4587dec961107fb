//! Requests of plugins against real web servers: where they go, what is in them, what is taken of answers, and what no name can lead to.

mod keeping;
mod peers;

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tripline_capability::Secret;
use tripline_capability::http::{Allowed, Authorities, Client, Resolve, SecretHeader};
use tripline_core::http::{BODY_BYTES_MAX, HEAD_BYTES_MAX, Place, Scheme};
use tripline_core::port::{BoxFuture, HttpClient as _, HttpError, HttpHead, HttpRequest, HttpResponse};

use crate::ports::free_port;
use crate::web_server::{Ca, Reply, Served, WebServer, reply};

const SECRET: &str = "s3cr3t-of-the-operator";

/// Answers each question with the next list; the last one again and again. None: never.
struct Names(Mutex<Asked>);

struct Asked {
    answers: VecDeque<Option<Vec<IpAddr>>>,
    names: Vec<String>,
}

impl Names {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| Some(answer.iter().map(|address| address.parse().unwrap()).collect());
        Self::answering(answers.iter().map(parse).collect())
    }

    fn local() -> Arc<Self> {
        Self::of(&[&["127.0.0.1"]])
    }

    fn silent() -> Arc<Self> {
        Self::answering(VecDeque::from([None]))
    }

    fn answering(answers: VecDeque<Option<Vec<IpAddr>>>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Asked { answers, names: Vec::new() })))
    }

    fn asked(&self) -> Vec<String> {
        self.0.lock().unwrap().names.clone()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let mut asked = self.0.lock().unwrap();
        asked.names.push(name.to_owned());
        let answer = if asked.answers.len() > 1 { asked.answers.pop_front().unwrap() } else { asked.answers[0].clone() };
        Box::pin(async move {
            match answer {
                Some(addresses) => Ok(addresses),
                None => std::future::pending().await,
            }
        })
    }
}

fn allowed(place: &str) -> Allowed {
    Allowed { place: Place::parse(place).unwrap(), private: true, headers: Vec::new(), authorities: None }
}

fn with_secret(place: &str) -> Allowed {
    let header = SecretHeader::new("Authorization", "Bearer ", Secret::new(SECRET)).unwrap();
    Allowed { headers: vec![header], ..allowed(place) }
}

fn request(method: &str, url: &str) -> HttpRequest {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    HttpRequest {
        head: HttpHead {
            method: method.into(),
            scheme: if scheme == "http" { Scheme::Http } else { Scheme::Https },
            authority: authority.into(),
            path_and_query: path.into(),
        },
        headers: Vec::new(),
        body: Vec::new(),
        connect_max: None,
        first_byte_max: None,
    }
}

async fn send(names: Arc<Names>, allowed: Vec<Allowed>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let client = Client::build(allowed, names).unwrap();
    let answer = client.send(request).await;
    for shown in [format!("{client:?}"), format!("{answer:?}"), answer.as_ref().err().map(ToString::to_string).unwrap_or_default()] {
        assert!(!shown.contains(SECRET), "{shown}");
    }
    answer
}

fn ok(_: &Served) -> Reply {
    reply(200, "", b"ok")
}

#[tokio::test]
async fn a_request_is_the_guests_but_for_what_the_host_says() {
    let ca = Ca::new();
    let server = WebServer::start_tls(&ca, &["api.example.test"], ok);
    let place = format!("https://api.example.test:{}", server.port());
    let entry = Allowed { authorities: Some(Authorities::from_pem(&ca.pem()).unwrap()), ..with_secret(&place) };
    let mut asked = request("POST", &format!("{place}/a/b?c=d"));
    let headers = [
        ("authorization", "Bearer guess"),
        ("authorization", "Basic another"),
        ("content-type", "text/plain"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("host", "evil.example"),
        ("connection", "keep-alive"),
        ("x-two", "1"),
        ("x-two", "2"),
    ];
    asked.headers = headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().to_vec())).collect();
    asked.body = b"hello".to_vec();
    let answer = send(Names::local(), vec![entry], asked).await.unwrap();
    assert_eq!((answer.status, &*answer.body), (200, &b"ok"[..]));
    let served = server.served().remove(0);
    assert_eq!((&*served.method, &*served.target, &*served.body), ("POST", "/a/b?c=d", &b"hello"[..]));
    for (name, values) in [
        ("authorization", vec![&*format!("Bearer {SECRET}")]),
        ("host", vec![&*format!("api.example.test:{}", server.port())]),
        ("content-length", vec!["5"]),
        ("transfer-encoding", vec![]),
        ("connection", vec![]),
        ("content-type", vec!["text/plain"]),
        ("x-two", vec!["1", "2"]),
    ] {
        assert_eq!(served.header(name), values, "{name}");
    }
}

#[tokio::test]
async fn a_certificate_must_be_for_the_name_and_of_the_authority() {
    let (ca, other) = (Ca::new(), Ca::new());
    let server = WebServer::start_tls(&ca, &["api.example.test"], ok);
    for (host, trusted) in [("api.example.test", &other), ("www.example.test", &ca)] {
        let place = format!("https://{host}:{}", server.port());
        let entry = Allowed { authorities: Some(Authorities::from_pem(&trusted.pem()).unwrap()), ..allowed(&place) };
        let error = send(Names::local(), vec![entry], request("GET", &place)).await.unwrap_err();
        assert!(matches!(error, HttpError::Certificate(_)), "{error:?}");
    }
    // A server without TLS.
    let plain = WebServer::start(ok);
    let place = format!("https://api.example.test:{}", plain.port());
    let entry = Allowed { authorities: Some(Authorities::from_pem(&ca.pem()).unwrap()), ..allowed(&place) };
    assert!(send(Names::local(), vec![entry], request("GET", &place)).await.is_err());
    assert_eq!((server.served().len(), plain.served().len()), (0, 0));
}

/// Nothing must arrive: not even a connection.
#[tokio::test]
async fn addresses_that_are_not_allowed_are_not_connected_to() {
    let server = WebServer::start(ok);
    let port = server.port();
    let named = format!("http://internal.example.test:{port}");
    let check = async |place: &str, private: bool, addresses: &[&str], allows: bool| {
        let entry = Allowed { private, ..allowed(place) };
        let before = server.connections();
        let answer = send(Names::of(&[addresses]), vec![entry], request("GET", place)).await;
        assert_eq!(answer.is_ok(), allows, "{place} {addresses:?}: {answer:?}");
        if !allows {
            assert!(matches!(answer, Err(HttpError::Prohibited(_))), "{place} {addresses:?}: {answer:?}");
            assert_eq!(server.connections(), before);
        }
    };
    check(&named, true, &["127.0.0.1"], true).await;
    check(&named, false, &["127.0.0.1"], false).await;
    check(&named, false, &["::ffff:127.0.0.1"], false).await;
    check(&named, false, &["64:ff9b::7f00:1"], false).await;
    check(&named, false, &["::1"], false).await;
    // One bad address spoils the good ones, wherever it stands.
    check(&named, false, &["1.1.1.1", "127.0.0.1"], false).await;
    check(&named, true, &["127.0.0.1", "169.254.169.254"], false).await;
    check(&named, true, &["169.254.169.254"], false).await;
    check(&named, true, &["fd00:ec2::254"], false).await;
    check(&named, true, &["0.0.0.0"], false).await;
    check(&named, true, &["::"], false).await;
    // Written out, an address needs no resolver, and the operator's word all the same.
    check(&format!("http://127.0.0.1:{port}"), true, &[], true).await;
    check(&format!("http://127.0.0.1:{port}"), false, &[], false).await;
    check(&format!("http://0.0.0.0:{port}"), true, &[], false).await;
    check(&format!("http://[::ffff:127.0.0.1]:{port}"), false, &[], false).await;
}

/// The name leads elsewhere as soon as it was looked at.
#[tokio::test]
async fn the_address_that_was_judged_is_the_one_that_is_connected_to() {
    let port = free_port();
    let good = WebServer::start_at(&format!("127.0.0.2:{port}"), None, |_| reply(200, "", b"good"));
    let evil = WebServer::start_at(&format!("127.0.0.1:{port}"), None, |_| reply(200, "", b"evil"));
    let place = format!("http://rebinds.example.test:{port}");
    let names = Names::of(&[&["127.0.0.2"], &["127.0.0.1"]]);
    let answer = send(names.clone(), vec![allowed(&place)], request("GET", &place)).await.unwrap();
    assert_eq!(answer.body, b"good");
    assert_eq!(names.asked(), ["rebinds.example.test"]);
    assert_eq!((good.connections(), evil.connections()), (1, 0));
    // The next request looks again, and judges again.
    let names = Names::of(&[&["127.0.0.2"], &["169.254.169.254"]]);
    let client = Client::build(vec![allowed(&place)], names).unwrap();
    assert!(client.send(request("GET", &place)).await.is_ok());
    assert!(matches!(client.send(request("GET", &place)).await, Err(HttpError::Prohibited(_))));
}

#[tokio::test]
async fn what_is_not_allowed_is_not_sent() {
    let server = WebServer::start(ok);
    let port = server.port();
    let entries = || vec![allowed(&format!("http://a.example.test:{port}/hooks/")), allowed(&format!("http://*.wild.example:{port}"))];
    for (method, url, fault) in [
        ("GET", format!("http://a.example.test:{port}/hooks/../admin"), "path"),
        ("GET", format!("http://a.example.test:{port}/hooks/%2e%2e/admin"), "path"),
        ("GET", format!("http://a.example.test:{port}//hooks/x"), "path"),
        ("GET", format!("http://a.example.test:{port}/"), "path"),
        ("GET", "http://a.example.test/hooks/".to_owned(), "does not have"),
        ("GET", format!("https://a.example.test:{port}/hooks/"), "does not have"),
        ("GET", format!("http://evil-wild.example:{port}/"), "does not have"),
        ("GET", format!("http://x.wild.example.evil:{port}/"), "does not have"),
        ("GET", format!("http://127.0.0.1:{port}/hooks/"), "does not have"),
        ("GET", format!("http://u:p@a.example.test:{port}/hooks/"), "user or a password"),
        ("TRACE", format!("http://a.example.test:{port}/hooks/"), "TRACE"),
        ("CONNECT", format!("http://a.example.test:{port}/hooks/"), "CONNECT"),
    ] {
        let error = send(Names::local(), entries(), request(method, &url)).await.unwrap_err();
        assert!(matches!(error, HttpError::Denied(_) | HttpError::InvalidUrl(_)), "{url}: {error:?}");
        assert!(error.to_string().contains(fault), "{url}: {error}");
        assert!(!error.to_string().contains("admin") && !error.to_string().contains(":p@"), "{error}");
    }
    assert_eq!(server.connections(), 0);
    send(Names::local(), entries(), request("GET", &format!("http://x.wild.example:{port}/any")))
        .await
        .unwrap();
    assert_eq!(server.served()[0].target, "/any");
}

#[tokio::test]
async fn the_first_entry_that_allows_gives_its_secret_and_no_other_does() {
    let server = WebServer::start(ok);
    let port = server.port();
    let secret = format!("http://localhost:{port}/private/");
    let entries = || vec![with_secret(&secret), allowed(&format!("http://localhost:{port}"))];
    for (path, has) in [("/private/x", true), ("/public", false), ("/private/../x", false)] {
        send(Names::local(), entries(), request("GET", &format!("http://localhost:{port}{path}")))
            .await
            .unwrap();
        assert_eq!(!server.served().last().unwrap().header("authorization").is_empty(), has, "{path}");
    }
}

/// What a server answers, and what is made of it.
#[tokio::test]
async fn answers() {
    let check = async |answer: Vec<u8>| {
        let server = WebServer::start(move |_| Reply::Bytes(answer.clone()));
        let place = format!("http://localhost:{}", server.port());
        let answer = send(Names::local(), vec![with_secret(&place)], request("GET", &place)).await;
        assert_eq!((server.connections(), server.served().len()), (1, 1), "nothing is tried again or followed");
        answer
    };
    let bytes = |head: &str, body: &[u8]| [head.as_bytes(), body].concat();
    let redirect = check(bytes("HTTP/1.1 302 X\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n", b""))
        .await
        .unwrap();
    assert_eq!((redirect.status, &*redirect.headers[0].1), (302, &b"http://169.254.169.254/"[..]));
    // What the host has sent does not come back in a header.
    let echo = check(bytes(&format!("HTTP/1.1 401 X\r\nx-echo: you sent Bearer {SECRET}\r\ncontent-length: 0\r\n\r\n"), b""))
        .await
        .unwrap();
    assert_eq!(&*echo.headers[0].1, b"***");
    let (upper, lower) = (SECRET.to_uppercase(), SECRET.to_lowercase());
    let echo = check(bytes(&format!("HTTP/1.1 401 X\r\nx-echo: {upper}\r\nx-{lower}: 1\r\ncontent-length: 0\r\n\r\n"), b""))
        .await
        .unwrap();
    assert_eq!((&*echo.headers[0].1, &*echo.headers[1].0), (&b"***"[..], "***"));
    let most = "y".repeat(HEAD_BYTES_MAX - "xcontent-length0".len());
    let most = bytes(&format!("HTTP/1.1 200 X\r\nx: {most}\r\ncontent-length: 0\r\n\r\n"), b"");
    assert_eq!(check(most).await.unwrap().headers.len(), 2);
    let largest = vec![b'x'; BODY_BYTES_MAX];
    let whole = check(bytes(&format!("HTTP/1.1 200 X\r\ncontent-length: {BODY_BYTES_MAX}\r\n\r\n"), &largest))
        .await
        .unwrap();
    assert_eq!(whole.body.len(), BODY_BYTES_MAX);
    // Until the connection ends.
    assert_eq!(check(bytes("HTTP/1.1 200 X\r\n\r\n", b"abc")).await.unwrap().body, b"abc");
    assert_eq!(
        check(bytes("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n", b"3\r\nabc\r\n0\r\n\r\n"))
            .await
            .unwrap()
            .body,
        b"abc"
    );
    let chunk = bytes("8000\r\n", &[vec![b'x'; 0x8000], b"\r\n".to_vec()].concat());
    for (answer, expected) in [
        (bytes(&format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n", BODY_BYTES_MAX + 1), b""), "ResponseTooLarge"),
        (bytes("HTTP/1.1 200 X\r\n\r\n", &vec![b'x'; BODY_BYTES_MAX + 1]), "ResponseTooLarge"),
        (bytes("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n", &chunk.repeat(257)), "ResponseTooLarge"),
        (bytes(&format!("HTTP/1.1 200 X\r\nx: {}\r\n\r\n", "y".repeat(2 * HEAD_BYTES_MAX)), b""), "HeadTooLarge"),
        (bytes(&format!("HTTP/1.1 200 X\r\nx: {}\r\n\r\n", "y".repeat(HEAD_BYTES_MAX)), b""), "HeadTooLarge"),
        (bytes(&format!("HTTP/1.1 200 X\r\n{}\r\n", "x: y\r\n".repeat(300)), b""), "HeadTooLarge"),
        (bytes("HTTP/1.1 200 X\r\ncontent-length: 5\r\n\r\n", b"abc"), "Incomplete"),
        (bytes("", b""), "Incomplete"),
        (bytes("SSH-2.0-OpenSSH_9.2\r\n\r\n", b""), "Protocol"),
        (bytes("HTTP/1.1 200 X\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", b"abc"), "Protocol"),
        (bytes("HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", b""), "Protocol"),
    ] {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(60)]).into_owned();
        let error = check(answer).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{shown:?}: {error:?}");
    }
}

#[tokio::test]
async fn patience() {
    let server = WebServer::start(|_| Reply::Never);
    let place = format!("http://localhost:{}", server.port());
    let soon = Duration::from_millis(50);
    let asked = HttpRequest { first_byte_max: Some(soon), ..request("GET", &place) };
    assert_eq!(send(Names::local(), vec![allowed(&place)], asked).await.unwrap_err(), HttpError::AnswerTimeout(soon));
    server.hung_up(1).await;
    let asked = HttpRequest { connect_max: Some(soon), ..request("GET", &place) };
    assert_eq!(send(Names::silent(), vec![allowed(&place)], asked).await.unwrap_err(), HttpError::ConnectTimeout(soon));
    // Who is dropped hangs up.
    let sending = send(Names::local(), vec![allowed(&place)], request("GET", &place));
    tokio::select! {
        answer = sending => panic!("{answer:?}"),
        () = server.arrived(2) => {}
    }
    server.hung_up(2).await;
    drop(server);
    let error = send(Names::local(), vec![allowed(&place)], request("GET", &place)).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable(_)), "{error:?}");
    let error = send(Names::of(&[&[]]), vec![allowed(&place)], request("GET", &place)).await.unwrap_err();
    assert!(matches!(error, HttpError::NoSuchName(_)), "{error:?}");
}

#[test]
fn headers_that_can_be_added() {
    let check = |name: &str, prefix: &str, secret: &str| SecretHeader::new(name, prefix, Secret::new(secret));
    assert_eq!(format!("{:?}", check("X-Api-Key", "", SECRET).unwrap()), "x-api-key: ***");
    let broken = format!("{SECRET}\n");
    for (name, prefix, secret) in [
        ("Bad Name", "", SECRET),
        ("", "", SECRET),
        ("Host", "", SECRET),
        ("Content-Length", "", "1"),
        ("X", "", &broken),
        ("X", "a\r", SECRET),
    ] {
        let error = check(name, prefix, secret).unwrap_err();
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
}

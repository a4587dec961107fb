//! Connections that serve another request, and those that must not.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tripline_capability::http::{Allowed, Authorities, Client};
use tripline_core::http::{BODY_BYTES_MAX, IDLE_CONNECTIONS_MAX};
use tripline_core::port::{HttpClient as _, HttpError, HttpRequest};
use tripline_core::signal::HttpConnection;

use super::{Names, allowed, ok, request, with_secret};
use crate::ports::free_port;
use crate::web_server::{Ca, Reply, Served, WebServer, reply, whole};

/// A server and a client for it; https where `ca` is given.
struct Pair {
    server: WebServer,
    client: Client,
    url: String,
}

impl Pair {
    fn new(ca: Option<&Ca>, answer: impl Fn(&Served) -> Reply + Send + Sync + 'static) -> Self {
        let server = match ca {
            None => WebServer::start(answer),
            Some(ca) => WebServer::start_tls(ca, &["api.example.test"], answer),
        };
        let url = format!("{}://api.example.test:{}", if ca.is_some() { "https" } else { "http" }, server.port());
        let authorities = ca.map(|ca| Authorities::from_pem(&ca.pem()).unwrap());
        let client = Client::build(vec![Allowed { authorities, ..with_secret(&url) }], Names::local()).unwrap();
        Self { server, client, url }
    }

    async fn status(&self, method: &str) -> Result<u16, HttpError> {
        self.client.send(request(method, &self.url)).await.map(|answer| answer.status)
    }

    /// Of each request, on which connection it came.
    fn connections(&self) -> Vec<usize> {
        self.server.served().iter().map(|served| served.connection).collect()
    }
}

/// Over plain http and over TLS.
async fn both(check: impl AsyncFn(Option<&Ca>)) {
    check(None).await;
    check(Some(&Ca::new())).await;
}

fn bytes(text: &str) -> Reply {
    Reply::Kept(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    both(async |ca| {
        let pair = Pair::new(ca, |served| reply(200, "", &served.body));
        for size in [0, 1, 100_000, 5] {
            let asked = HttpRequest { body: vec![b'x'; size], ..request("POST", &pair.url) };
            let answer = pair.client.send(asked).await.unwrap();
            let expected = if pair.server.served().len() == 1 { HttpConnection::New } else { HttpConnection::Reused };
            assert_eq!((answer.body.len(), answer.connection), (size, expected));
        }
        assert_eq!(pair.connections(), [0; 4]);
        assert!(pair.server.served().iter().all(|served| served.header("authorization").len() == 1));
    })
    .await;
}

#[tokio::test]
async fn no_connection_serves_another_entry_place_client_or_address() {
    let answer = |served: &Served| reply(200, "", served.connection.to_string().as_bytes());
    let (here, elsewhere) = (WebServer::start(answer), WebServer::start(answer));
    let (port, other_port) = (here.port(), elsewhere.port());
    let entries = || {
        vec![
            with_secret(&format!("http://a.wild.example:{port}/private/")),
            allowed(&format!("http://*.wild.example:{port}")),
            allowed(&format!("http://*.wild.example:{other_port}")),
        ]
    };
    let client = Client::build(entries(), Names::local()).unwrap();
    let ask = async |client: &Client, authority: &str, path: &str| {
        let answer = client.send(request("GET", &format!("http://{authority}{path}"))).await.unwrap();
        String::from_utf8(answer.body).unwrap()
    };
    let (a, b) = (format!("a.wild.example:{port}"), format!("b.wild.example:{port}"));
    assert_eq!(ask(&client, &a, "/private/1").await, "0");
    assert_eq!(ask(&client, &a, "/public").await, "1", "another entry");
    assert_eq!(ask(&client, &b, "/public").await, "2", "another name");
    assert_eq!(ask(&client, &format!("a.wild.example:{other_port}"), "/").await, "0", "another port");
    assert_eq!(ask(&Client::build(entries(), Names::local()).unwrap(), &a, "/public").await, "3", "another client");
    // Each finds its own.
    assert_eq!(ask(&client, &b, "/x").await, "2");
    assert_eq!(ask(&client, &a, "/private/2").await, "0");
    assert_eq!(ask(&client, &format!("A.wild.example:{port}"), "/x").await, "1");
    assert_eq!((here.connections(), elsewhere.connections()), (4, 1));
    for served in here.served() {
        assert_eq!(!served.header("authorization").is_empty(), served.target.starts_with("/private/"), "{served:?}");
    }
}

/// What is judged is judged for each request, whatever connection waits.
#[tokio::test]
async fn a_name_that_leads_elsewhere_takes_no_old_connection_along() {
    let port = free_port();
    let old = WebServer::start_at(&format!("127.0.0.2:{port}"), None, |_| reply(200, "", b"old"));
    let new = WebServer::start_at(&format!("127.0.0.1:{port}"), None, |_| reply(200, "", b"new"));
    let url = format!("http://moves.example.test:{port}");
    let names = Names::of(&[
        &["127.0.0.2"],
        &["127.0.0.1"],
        // The old one is one of them again.
        &["127.0.0.3", "127.0.0.2"],
        &["127.0.0.2", "169.254.169.254"],
        &[],
    ]);
    let client = Client::build(vec![allowed(&url)], names.clone()).unwrap();
    let ask = async || client.send(request("GET", &url)).await.map(|answer| answer.body);
    assert_eq!(ask().await, Ok(b"old".to_vec()));
    assert_eq!(ask().await, Ok(b"new".to_vec()));
    assert_eq!(ask().await, Ok(b"old".to_vec()));
    assert_eq!((old.connections(), new.connections()), (1, 1));
    assert!(matches!(ask().await, Err(HttpError::Prohibited(_))));
    assert!(matches!(ask().await, Err(HttpError::NoSuchName(_))));
    assert_eq!((old.served().len(), new.served().len(), names.asked().len()), (2, 1, 5));
}

#[tokio::test]
async fn an_unused_connection_ends_with_its_time_and_with_its_client() {
    both(async |ca| {
        // A second less than that.
        let pair = Pair::new(ca, |_| reply(200, "keep-alive: timeout=2\r\n", b""));
        pair.status("GET").await.unwrap();
        pair.server.ended(1).await;
        pair.status("GET").await.unwrap();
        assert_eq!(pair.connections(), [0, 1]);
        let Pair { server, client, .. } = pair;
        drop(client);
        server.ended(2).await;
    })
    .await;
}

/// The server closes while the request is on its way to be sent, and nobody has heard of it.
#[tokio::test]
async fn what_was_not_written_is_sent_on_a_new_connection() {
    both(async |ca| {
        let pair = Pair::new(ca, ok);
        pair.status("POST").await.unwrap();
        pair.server.close_waiting();
        pair.server.block_until_ended(1);
        pair.status("POST").await.unwrap();
        assert_eq!(pair.connections(), [0, 1], "each arrives once");
        // And where there was time to hear of it.
        pair.server.close_waiting();
        pair.server.ended(2).await;
        pair.status("POST").await.unwrap();
        assert_eq!(pair.connections(), [0, 1, 2]);
    })
    .await;
}

/// The request arrived, and the connection ended: nobody knows what came of it.
#[tokio::test]
async fn what_was_written_is_sent_again_only_where_twice_is_once() {
    both(async |ca| {
        for (method, key, again) in [
            ("GET", false, true),
            ("HEAD", false, true),
            ("OPTIONS", false, true),
            ("PUT", false, true),
            ("DELETE", false, true),
            ("POST", false, false),
            ("PATCH", false, false),
            ("POST", true, true),
        ] {
            let pair = Pair::new(ca, |served| if served.nth == 1 { Reply::HangUp } else { reply(204, "", b"") });
            pair.status("GET").await.unwrap();
            let mut asked = HttpRequest { body: b"hello".to_vec(), ..request(method, &pair.url) };
            if key {
                asked.headers.push(("idempotency-key".into(), b"1".to_vec()));
            }
            let answer = pair.client.send(asked).await;
            let served = pair.server.served();
            if again {
                assert_eq!(answer.unwrap().status, 204, "{method}");
                assert_eq!(pair.connections(), [0, 0, 1], "{method}");
                assert_eq!((&*served[1].body, served[1].header("authorization")), (&*served[2].body, served[2].header("authorization")));
            } else {
                assert!(matches!(answer, Err(HttpError::Incomplete(_))), "{method}: {answer:?}");
                assert_eq!(pair.connections(), [0, 0], "{method}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_sent_a_third_time_or_after_a_byte_of_its_answer() {
    both(async |ca| {
        // The new connection ends as well.
        let pair = Pair::new(ca, |served| if served.connection + served.nth > 0 { Reply::HangUp } else { reply(200, "", b"") });
        pair.status("GET").await.unwrap();
        let answer = pair.status("GET").await;
        assert!(matches!(answer, Err(HttpError::Incomplete(_))), "{answer:?}");
        assert_eq!(pair.connections(), [0, 0, 1]);
        // A new connection that ends is no reason at all.
        let answer = pair.status("GET").await;
        assert!(matches!(answer, Err(HttpError::Incomplete(_))), "{answer:?}");
        assert_eq!(pair.connections(), [0, 0, 1, 2]);
        for part in ["H", "HTTP/1.1 200 X\r\n", "HTTP/1.1 200 X\r\ncontent-length: 5\r\n\r\nabc"] {
            let pair =
                Pair::new(ca, move |served| if served.nth == 1 { Reply::Bytes(part.as_bytes().to_vec()) } else { reply(200, "", b"") });
            pair.status("GET").await.unwrap();
            let answer = pair.status("GET").await;
            assert!(matches!(answer, Err(HttpError::Incomplete(_))), "{part:?}: {answer:?}");
            assert_eq!(pair.connections(), [0, 0], "{part:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn patience_is_for_both_tries_together() {
    // Long enough for a request to arrive on a busy machine.
    let soon = Duration::from_secs(1);
    let pair = Pair::new(None, |served| if served.nth == 1 { Reply::Never } else { reply(200, "", b"") });
    pair.status("GET").await.unwrap();
    let asked = HttpRequest { first_byte_max: Some(soon), ..request("GET", &pair.url) };
    assert_eq!(pair.client.send(asked).await.unwrap_err(), HttpError::AnswerTimeout(soon));
    pair.server.hung_up(1).await;
    // Cut off, it hangs up.
    pair.status("GET").await.unwrap();
    tokio::select! {
        answer = pair.status("GET") => panic!("{answer:?}"),
        () = pair.server.arrived(4) => {}
    }
    pair.server.hung_up(2).await;
    pair.status("GET").await.unwrap();
    assert_eq!(pair.connections(), [0, 0, 1, 1, 2]);
    // The second try has what the first has left of it.
    let pair = Pair::new(None, |served| match (served.connection, served.nth) {
        (0, 1) => Reply::HangUp,
        (1, 0) => Reply::Never,
        _ => reply(200, "", b""),
    });
    pair.status("GET").await.unwrap();
    let asked = HttpRequest { first_byte_max: Some(soon), ..request("GET", &pair.url) };
    assert_eq!(pair.client.send(asked).await.unwrap_err(), HttpError::AnswerTimeout(soon));
    assert_eq!(pair.connections(), [0, 0, 1]);
}

#[tokio::test]
async fn answers_after_which_a_connection_stays_or_goes() {
    let check = async |method: &str, answer: &'static str, stays: bool| {
        let pair = Pair::new(None, move |_| bytes(answer));
        for _ in 0..2 {
            let answered = pair.status(method).await;
            assert!(answered.is_ok(), "{answer:?}: {answered:?}");
        }
        assert_eq!(pair.connections(), if stays { [0, 0] } else { [0, 1] }, "{answer:?}");
        if !stays {
            pair.server.ended(2).await;
        }
    };
    check("GET", "HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok", true).await;
    check("GET", "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true).await;
    check("GET", "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-trailer: 1\r\n\r\n", true).await;
    check("GET", "HTTP/1.1 204 X\r\n\r\n", true).await;
    check("GET", "HTTP/1.1 304 X\r\ncontent-length: 5\r\n\r\n", true).await;
    check("HEAD", "HTTP/1.1 200 X\r\ncontent-length: 5\r\n\r\n", true).await;
    check("GET", "HTTP/1.1 103 X\r\nlink: x\r\n\r\nHTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n", true).await;
    check("GET", "HTTP/1.0 200 X\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok", true).await;
    check("GET", "HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n", true).await;
    check("GET", "HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", false).await;
    check("GET", "HTTP/1.0 200 X\r\ncontent-length: 2\r\n\r\nok", false).await;
    check("GET", "HTTP/1.1 200 X\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok", false).await;
    check("GET", "HTTP/1.1 408 X\r\ncontent-length: 0\r\n\r\n", false).await;
    check("GET", "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n", false).await;
    // More than was asked for, at once.
    check("GET", "HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 X\r\ncontent-length: 4\r\n\r\nevil", false).await;
    check("HEAD", "HTTP/1.1 200 X\r\ncontent-length: 2\r\n\r\nok", false).await;
    check("GET", "HTTP/1.1 204 X\r\n\r\nx", false).await;
}

/// An answer that comes before its question would be taken for that of the next one.
#[tokio::test]
async fn what_comes_unasked_ends_the_connection() {
    both(async |ca| {
        let pair = Pair::new(ca, ok);
        let ask = async || pair.client.send(request("POST", &pair.url)).await.map(|answer| answer.body);
        assert_eq!(ask().await, Ok(b"ok".to_vec()));
        // It hears of it while it waits.
        pair.server.say_unasked(&whole(200, "", b"evil"));
        pair.server.ended(1).await;
        assert_eq!(ask().await, Ok(b"ok".to_vec()));
        assert_eq!(pair.connections(), [0, 1]);
        // It has no time to hear of it.
        pair.server.say_unasked(&whole(200, "", b"evil"));
        pair.server.block_until_said(2);
        assert_eq!(ask().await, Ok(b"ok".to_vec()));
        assert_eq!(pair.connections(), [0, 1, 2]);
        pair.server.ended(2).await;
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_too_large_ends_the_connection() {
    let large = format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n", BODY_BYTES_MAX + 1);
    let pair = Pair::new(None, move |served| if served.nth == 1 { bytes(&large) } else { reply(200, "", b"") });
    pair.status("GET").await.unwrap();
    assert!(matches!(pair.status("GET").await, Err(HttpError::ResponseTooLarge(_))));
    pair.server.ended(1).await;
    pair.status("GET").await.unwrap();
    assert_eq!(pair.connections(), [0, 0, 1]);
}

/// The rest of the request would be read as the next one.
#[tokio::test]
async fn an_answer_before_the_end_of_its_request_ends_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://api.example.test:{}", listener.local_addr().unwrap().port());
    let server = std::thread::spawn(move || {
        let (mut early, _) = listener.accept().unwrap();
        early.read_exact(&mut [0; 100]).unwrap();
        early.write_all(&whole(413, "", b"")).unwrap();
        let (mut next, _) = listener.accept().unwrap();
        next.read_exact(&mut [0; 20]).unwrap();
        next.write_all(&whole(200, "", b"")).unwrap();
    });
    let client = Client::build(vec![allowed(&url)], Names::local()).unwrap();
    let asked = HttpRequest { body: vec![b'x'; BODY_BYTES_MAX], ..request("POST", &url) };
    assert_eq!(client.send(asked).await.unwrap().status, 413);
    let next = tokio::time::timeout(Duration::from_secs(60), client.send(request("GET", &url))).await;
    assert_eq!(next.expect("it waits for the rest of the first").unwrap().status, 200);
    server.join().unwrap();
}

#[tokio::test]
async fn many_at_once_have_a_connection_each_and_some_of_them_stay() {
    let many = IDLE_CONNECTIONS_MAX + 4;
    let waits = Arc::new(AtomicUsize::new(IDLE_CONNECTIONS_MAX));
    let at_once = waits.clone();
    let pair = Pair::new(None, move |_| Reply::When(at_once.load(Ordering::SeqCst), whole(200, "", b"")));
    let ask = async |count: usize| {
        for answer in join_all((0..count).map(|_| pair.status("GET"))).await {
            assert_eq!(answer, Ok(200));
        }
    };
    ask(IDLE_CONNECTIONS_MAX).await;
    assert_eq!(pair.server.connections(), IDLE_CONNECTIONS_MAX);
    for _ in 0..3 {
        ask(IDLE_CONNECTIONS_MAX).await;
    }
    assert_eq!(pair.server.connections(), IDLE_CONNECTIONS_MAX, "all were used again");
    waits.store(many, Ordering::SeqCst);
    ask(many).await;
    assert_eq!(pair.server.connections(), many);
    pair.server.ended(many - IDLE_CONNECTIONS_MAX).await;
    ask(1).await;
    assert_eq!(pair.server.connections(), many);
}

/// A name with several addresses, one of which is dead.
#[tokio::test]
async fn a_connection_is_known_by_the_address_that_answered() {
    let server = WebServer::start(ok);
    let url = format!("http://api.example.test:{}", server.port());
    let names = Names::of(&[&["127.0.0.2", "127.0.0.1"], &["127.0.0.2", "127.0.0.1"], &["127.0.0.2"]]);
    let client = Client::build(vec![allowed(&url)], names).unwrap();
    for _ in 0..2 {
        client.send(request("GET", &url)).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    let error = client.send(request("GET", &url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable(_)), "{error:?}");
}

//! Peers that are not there, or do not hear a request out.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

use super::*;

const REFUSAL: &[u8] = b"HTTP/1.1 413 X\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno";

/// An address where packets are swallowed: nobody accepts, and no more fit into the queue.
struct Hole {
    _listener: Socket,
    _queued: Vec<Socket>,
}

impl Hole {
    fn at(address: SocketAddr) -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(0).unwrap();
        let queued = (0..4).map(|_| {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.set_nonblocking(true).unwrap();
            // In progress, of which one ends.
            assert!(socket.connect(&address.into()).is_err());
            socket
        });
        Self { _queued: queued.collect(), _listener: listener }
    }
}

#[tokio::test]
async fn a_name_is_reached_where_its_first_address_swallows_everything() {
    let server = WebServer::start_at("127.0.0.2:0", None, ok);
    let _hole = Hole::at(format!("127.0.0.3:{}", server.port()).parse().unwrap());
    let place = format!("http://two.example.test:{}", server.port());
    let check = async |addresses: &[&str], is_reached: bool| {
        let asked = HttpRequest { connect_max: Some(Duration::from_secs(2)), ..request("GET", &place) };
        let answer = send(Names::of(&[addresses]), vec![allowed(&place)], asked).await;
        assert_eq!(answer.is_ok(), is_reached, "{addresses:?}: {answer:?}");
    };
    check(&["127.0.0.3"], false).await;
    check(&["127.0.0.3", "127.0.0.2"], true).await;
    check(&["127.0.0.3", "127.0.0.4", "127.0.0.2"], true).await;
    assert_eq!(server.connections(), 2);
}

/// In the midst of the request it answers, and closes with the rest unread.
fn refuse(mut stream: TcpStream) {
    stream.read_exact(&mut vec![0; 1 << 20]).unwrap();
    stream.write_all(REFUSAL).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_though_its_request_was_not_heard_out() {
    const REQUESTS: usize = 40;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let serving = std::thread::spawn(move || listener.incoming().take(REQUESTS).for_each(|stream| refuse(stream.unwrap())));
    for _ in 0..REQUESTS {
        let asked = HttpRequest { body: vec![b'x'; 3 << 20], ..request("POST", &place) };
        let answer = send(Names::local(), vec![allowed(&place)], asked).await.unwrap();
        assert_eq!((answer.status, &*answer.body), (413, &b"no"[..]));
    }
    serving.join().unwrap();
}

/// Some servers want a length (411), and the guest cannot say it.
#[tokio::test]
async fn an_empty_body_has_its_length_where_a_body_belongs() {
    let server = WebServer::start(ok);
    let place = format!("http://localhost:{}", server.port());
    for (method, length) in [("POST", vec!["0"]), ("PUT", vec!["0"]), ("PATCH", vec!["0"]), ("GET", vec![]), ("DELETE", vec![])] {
        send(Names::local(), vec![allowed(&place)], request(method, &place)).await.unwrap();
        assert_eq!(server.served().last().unwrap().header("content-length"), length, "{method}");
    }
}

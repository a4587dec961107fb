//! An HTTP endpoint that answers what it is told, and keeps what it was asked.

use std::sync::Mutex;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(header, _)| header == name).map_or("", |(_, value)| value)
    }
}

/// Status and body by operation (`PutItem`) and what it was asked; a status of 0 hangs up without an answer.
pub(crate) type Answer = Box<dyn Fn(&str, &str) -> (u16, String) + Send + Sync>;

pub(crate) struct Endpoint {
    listener: TcpListener,
    answer: Answer,
    pub(crate) asked: Mutex<Vec<Asked>>,
}

impl Endpoint {
    pub(crate) async fn bind(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::bind_to(move |operation, _| answer(operation)).await
    }

    pub(crate) async fn bind_to(answer: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, answer: Box::new(answer), asked: Mutex::default() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// Serves as long as `body` runs.
    pub(crate) async fn serve<T>(&self, body: impl Future<Output = T>) -> T {
        let mut connections = FuturesUnordered::new();
        tokio::pin!(body);
        loop {
            tokio::select! {
                result = &mut body => return result,
                accepted = self.listener.accept() => connections.push(self.one(accepted.unwrap().0)),
                Some(()) = connections.next() => {}
            }
        }
    }

    async fn one(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut headers = Vec::new();
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let mut asked = Asked { headers, body: String::new() };
        let mut body = vec![0; asked.header("content-length").parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        asked.body = String::from_utf8(body).unwrap();
        let operation = asked.header("x-amz-target").rsplit('.').next().unwrap().to_owned();
        let (status, answer) = (self.answer)(&operation, &asked.body);
        self.asked.lock().unwrap().push(asked);
        if status > 0 {
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            stream.write_all((head + &answer).as_bytes()).await.unwrap();
        }
    }
}

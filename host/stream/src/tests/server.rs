//! A loopback HTTP server that answers as a test tells it, down to broken bodies.
//!
//! It stops listening when it is dropped; a connection's thread ends when its client closes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use serde_json::Value;

/// One call of the API.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) operation: String,
    pub(super) input: Value,
}

#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) end: End,
}

/// What comes after the body's last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Whole,
    /// The head promised more, and the connection closes.
    CutOff,
    /// The head promised more, and nothing follows.
    Stalled,
}

impl Answer {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), end: End::Whole }
    }

    pub(super) fn json(body: impl ToString) -> Self {
        Self::new(200, body.to_string())
    }

    pub(super) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(super) fn end(self, end: End) -> Self {
        Self { end, ..self }
    }
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

pub(super) struct Server {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stopping = Arc::new(AtomicBool::new(false));
        let script: Arc<Script> = Arc::new(script);
        let (log, stop) = (asked.clone(), stopping.clone());
        let thread = thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (script, log) = (script.clone(), log.clone());
                thread::spawn(move || serve(connection.unwrap(), &*script, &log));
            }
        });
        Self { address, asked, stopping, thread: Some(thread) }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All calls so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(&self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve(connection: TcpStream, script: &Script, log: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut writer = connection;
    while let Some(asked) = read(&mut reader) {
        log.lock().unwrap().push(asked.clone());
        let answer = script(&asked);
        // The client may have given up on us: that is its business.
        let _ = writer.write_all(&encode(&answer));
        match answer.end {
            End::Whole => {}
            End::CutOff => return,
            End::Stalled => {
                // Until the client closes.
                let _ = reader.read(&mut [0]);
                return;
            }
        }
    }
}

/// None: the client has closed the connection.
fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let (mut operation, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        } else if let Some(target) = line.strip_prefix("x-amz-target:") {
            operation = target.rsplit_once('.').unwrap().1.to_owned();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { operation, input: serde_json::from_slice(&body).unwrap() })
}

fn encode(answer: &Answer) -> Vec<u8> {
    let promised = answer.body.len() + if answer.end == End::Whole { 0 } else { 100 };
    let mut head = format!("HTTP/1.1 {} X\r\ncontent-length: {promised}\r\n", answer.status);
    for (name, value) in &answer.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    [head.as_bytes(), &answer.body].concat()
}

//! A mail server that does as it is told, and keeps what it has heard.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

#[derive(Debug)]
pub(crate) struct SmtpServer {
    listener: TcpListener,
    /// For the next connections; then 220.
    pub(crate) greetings: Mutex<VecDeque<&'static str>>,
    /// For the next RCPT with this user; then 250.
    pub(crate) recipients: Mutex<HashMap<&'static str, VecDeque<&'static str>>>,
    pub(crate) auth: &'static str,
    /// Taken before the answer to a mail's end.
    pub(crate) permits: Semaphore,
    /// Mails whose end has come in, answered or not.
    pub(crate) arrived: watch::Sender<usize>,
    /// Mails answered with 250: as they came over the wire.
    pub(crate) mails: Mutex<Vec<String>>,
    /// Commands, without their arguments.
    pub(crate) commands: Mutex<Vec<String>>,
}

impl SmtpServer {
    pub(crate) async fn bind() -> Self {
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            greetings: Mutex::default(),
            recipients: Mutex::default(),
            auth: "235 welcome",
            permits: Semaphore::new(1_000_000),
            arrived: watch::Sender::new(0),
            mails: Mutex::default(),
            commands: Mutex::default(),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    pub(crate) fn count(&self, command: &str) -> usize {
        self.commands.lock().unwrap().iter().filter(|heard| *heard == command).count()
    }

    /// Serves as long as `body` runs.
    pub(crate) async fn serve<T>(&self, body: impl Future<Output = T>) -> T {
        let mut connections = FuturesUnordered::new();
        tokio::pin!(body);
        loop {
            tokio::select! {
                result = &mut body => return result,
                accepted = self.listener.accept() => connections.push(self.one(accepted.unwrap().0)),
                Some(_) = connections.next() => {}
            }
        }
    }

    async fn one(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        let greeting = self.greetings.lock().unwrap().pop_front().unwrap_or("220 ready");
        stream.write_all(format!("{greeting}\r\n").as_bytes()).await?;
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let command = line.split([' ', '\r']).next().unwrap().to_owned();
            self.commands.lock().unwrap().push(command.clone());
            let reply = match &*command {
                "EHLO" => "250-here\r\n250-8BITMIME\r\n250 AUTH PLAIN".to_owned(),
                "AUTH" => self.auth.to_owned(),
                "RCPT" => self.recipient(&line),
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await?;
                    let mail = self.data(&mut stream).await?;
                    self.arrived.send_modify(|count| *count += 1);
                    self.permits.acquire().await.unwrap().forget();
                    self.mails.lock().unwrap().push(mail);
                    "250 queued".to_owned()
                }
                "QUIT" => "221 bye".to_owned(),
                _ => "250 fine".to_owned(),
            };
            stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        }
    }

    fn recipient(&self, line: &str) -> String {
        let user = line.split(['<', '@']).nth(1).unwrap();
        let mut scripts = self.recipients.lock().unwrap();
        scripts.get_mut(user).and_then(VecDeque::pop_front).unwrap_or("250 fine").to_owned()
    }

    async fn data(&self, stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
        let mut mail = String::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            if line == ".\r\n" {
                return Ok(mail);
            }
            mail.push_str(line.strip_prefix('.').unwrap_or(&line));
        }
    }
}

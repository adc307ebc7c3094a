//! A client that sees every byte: whole answers, streams event by event, and raw connections.
//!
//! It sends no header that a test did not ask for beyond `host`, `content-type` and
//! `content-length`, follows nothing and retries nothing.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::http::{Body, Headers, Incoming, Payload, header};
use super::{chat, patiently};

/// Where a gateway listens.
#[derive(Debug, Clone)]
pub(crate) enum Endpoint {
    /// On TCP.
    Tcp(SocketAddr),
    /// On TCP behind TLS.
    Tls(SocketAddr, Secure),
    /// On a Unix socket.
    Unix(PathBuf),
}

/// How a client speaks TLS: whom it trusts, and by which name it calls.
#[derive(Debug, Clone)]
pub(crate) struct Secure {
    /// What it trusts and speaks.
    pub(crate) config: Arc<ClientConfig>,
    /// The name that the certificate has to be for.
    pub(crate) name: String,
}

impl Secure {
    /// The connection, or why there is none.
    pub(crate) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(self.name.clone()).expect("a name or an address");
        TlsConnector::from(self.config.clone())
            .connect(name, stream)
            .await
    }
}

/// Both directions of a connection.
trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// Sends requests, each on a connection of its own.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    endpoint: Endpoint,
    headers: Headers,
}

impl Client {
    /// A client of the gateway at `endpoint`.
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            headers: Headers::new(),
        }
    }

    /// The same client with a header on every request.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A request without a body.
    pub(crate) fn get(&self, target: &str) -> Call {
        self.call("GET", target)
    }

    /// A request to be filled in.
    pub(crate) fn call(&self, method: &str, target: &str) -> Call {
        Call {
            client: self.clone(),
            method: method.to_owned(),
            target: target.to_owned(),
            headers: self.headers.clone(),
            body: Vec::new(),
        }
    }

    /// A POST of `body`, verbatim, as JSON.
    pub(crate) fn post(&self, target: &str, body: impl Into<Payload>) -> Call {
        self.call("POST", target)
            .header("content-type", "application/json")
            .body(body.into().0)
    }

    /// A chat request.
    pub(crate) fn chat(&self, body: impl Into<Payload>) -> Call {
        self.post("/v1/chat/completions", body)
    }

    /// A connection under the test's own hand.
    pub(crate) async fn wire(&self) -> Wire {
        let io = patiently("a connection", self.connect()).await;
        Wire::over(io.expect("the gateway accepts connections"))
    }

    /// A connection, or why there is none.
    pub(crate) async fn try_wire(&self) -> io::Result<Wire> {
        Ok(Wire::over(self.connect().await?))
    }

    async fn connect(&self) -> io::Result<Box<dyn Duplex>> {
        Ok(match &self.endpoint {
            Endpoint::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
            Endpoint::Tls(address, secure) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(secure.connect(stream).await?)
            }
            Endpoint::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }

    fn host(&self) -> String {
        match &self.endpoint {
            Endpoint::Tcp(address) => address.to_string(),
            Endpoint::Tls(address, secure) => format!("{}:{}", secure.name, address.port()),
            Endpoint::Unix(_) => "localhost".to_owned(),
        }
    }
}

/// A request being put together.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    client: Client,
    method: String,
    target: String,
    headers: Headers,
    body: Vec<u8>,
}

impl Call {
    /// Adds a header; `host` and `content-length` replace the client's own.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes of the whole request.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let mut line = |name: &str, value: &str| head += &[name, ": ", value, "\r\n"].concat();
        if header(&self.headers, "host").is_none() {
            line("host", &self.client.host());
        }
        for (name, value) in &self.headers {
            line(name, value);
        }
        let framed = ["content-length", "transfer-encoding"];
        let framed = framed.iter().any(|h| header(&self.headers, h).is_some());
        if !framed && (self.method != "GET" || !self.body.is_empty()) {
            line("content-length", &self.body.len().to_string());
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }

    /// Sends it and reads the whole answer.
    pub(crate) async fn send(self) -> Answer {
        self.open().await.whole().await
    }

    /// Sends it and reads the head of the answer.
    pub(crate) async fn open(self) -> Opened {
        self.wired().await.answer().await
    }

    /// Sends it and reads nothing.
    pub(crate) async fn wired(self) -> Wire {
        let mut wire = self.client.wire().await;
        wire.write(&self.bytes()).await;
        wire
    }
}

/// A raw connection to the gateway. Dropping it closes it.
pub(crate) struct Wire {
    incoming: Incoming<ReadHalf<Box<dyn Duplex>>>,
    writer: WriteHalf<Box<dyn Duplex>>,
}

impl Wire {
    fn over(io: Box<dyn Duplex>) -> Self {
        let (reader, writer) = tokio::io::split(io);
        Self {
            incoming: Incoming::new(reader),
            writer,
        }
    }

    /// Writes `bytes`. A gateway may answer and close before it has read everything, so a broken
    /// pipe is no failure here: what counts is the answer.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        let written = self.writer.write_all(bytes);
        // The answer, or its absence, tells.
        let _ = patiently("the gateway to read", written).await;
    }

    /// Closes the writing half.
    pub(crate) async fn finish(&mut self) {
        // As above: a connection that is already gone is no failure of the test.
        let _ = self.writer.shutdown().await;
    }

    /// The head of the next answer; panics if none comes.
    pub(crate) async fn answer(self) -> Opened {
        match self.try_answer().await {
            Some(opened) => opened,
            None => panic!("the connection ended without an answer"),
        }
    }

    /// The head of the next answer; `None` when the connection ends without one.
    pub(crate) async fn try_answer(mut self) -> Option<Opened> {
        let head = patiently("an answer", self.incoming.head()).await;
        let head = head.ok().flatten()?;
        let status = head.status();
        let body = Body::of_answer(status, &head.headers);
        Some(Opened {
            status,
            headers: head.headers,
            body,
            events: Vec::new(),
            wire: self,
        })
    }

    /// Waits until the gateway has closed the connection.
    pub(crate) async fn ended(&mut self) {
        patiently("the gateway to close the connection", self.incoming.ended()).await;
    }
}

/// An answer whose body is still arriving. Dropping it leaves.
pub(crate) struct Opened {
    /// Its status.
    pub(crate) status: u16,
    /// Its headers, names in lower case.
    pub(crate) headers: Headers,
    body: Body,
    /// Decoded bytes that are not yet a whole event.
    events: Vec<u8>,
    wire: Wire,
}

impl Opened {
    /// The data of the next event, or `None` when the stream has ended.
    pub(crate) async fn event(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.events.windows(2).position(|at| at == b"\n\n") {
                let event: Vec<u8> = self.events.drain(..end + 2).collect();
                match chat::events(&event).pop() {
                    Some(data) => return Some(data),
                    None => continue,
                }
            }
            let more = self.body.next(&mut self.wire.incoming);
            match patiently("an event", more).await {
                Ok(Some(bytes)) => self.events.extend(bytes),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The next bytes of the body, as many as come at once.
    pub(crate) async fn piece(&mut self) -> Option<Vec<u8>> {
        let piece = self.body.next(&mut self.wire.incoming);
        patiently("bytes", piece).await.ok().flatten()
    }

    /// Everything that is still to come.
    pub(crate) async fn whole(mut self) -> Answer {
        let mut body = std::mem::take(&mut self.events);
        loop {
            let more = self.body.next(&mut self.wire.incoming);
            match patiently("the rest of an answer", more).await {
                Ok(Some(bytes)) => body.extend(bytes),
                Ok(None) | Err(_) => break,
            }
        }
        Answer {
            status: self.status,
            headers: self.headers,
            body,
            complete: self.body.complete(),
        }
    }

    /// Reads to the end of the answer and forgets it.
    pub(crate) async fn drain(&mut self) {
        loop {
            let more = self.body.next(&mut self.wire.incoming);
            match patiently("the rest of an answer", more).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// The connection, to send the next request on it.
    pub(crate) fn into_wire(self) -> Wire {
        self.wire
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// Its headers, names in lower case.
    pub(crate) headers: Headers,
    /// Its body without the framing.
    pub(crate) body: Vec<u8>,
    /// Whether the body reached its announced end.
    pub(crate) complete: bool,
}

impl Answer {
    /// The first value of header `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the answer {}", self.text()))
    }

    /// The data of each event of a stream.
    pub(crate) fn events(&self) -> Vec<String> {
        chat::events(&self.body)
    }

    /// `error.<field>` of an error answer as text; empty when it is absent.
    #[track_caller]
    pub(crate) fn error(&self, field: &str) -> String {
        match &self.json()["error"][field] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        }
    }

    /// Who answered, by `x-autogw-provider`.
    pub(crate) fn provider(&self) -> &str {
        self.header("x-autogw-provider").unwrap_or_default()
    }

    /// The same answer if its status is `status`; else a panic that shows it.
    #[track_caller]
    pub(crate) fn expect_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.text());
        self
    }
}

//! HTTP/1.1 framing by hand: heads, and bodies by length, by chunks or up to the end of the connection.
//!
//! It is strict where a peer under test must be right and says in [`Body::complete`] whether a body
//! reached its announced end, which is how a truthful stream differs from a cut one.

use std::io;

use bytes::{Buf, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Header names (lower case) and values in the order of the wire.
pub(crate) type Headers = Vec<(String, String)>;

/// The first value of header `name`.
pub(crate) fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// What a test may hand over as a body: bytes, text, or a JSON value.
pub(crate) struct Payload(pub(crate) Vec<u8>);

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&String> for Payload {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        (&value).into()
    }
}

impl From<&Value> for Payload {
    fn from(value: &Value) -> Self {
        value.to_string().into()
    }
}

/// A start line with the headers under it.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    /// The request or status line.
    pub(crate) start: String,
    /// Its headers.
    pub(crate) headers: Headers,
}

impl Head {
    /// The status of an answer's head.
    pub(crate) fn status(&self) -> u16 {
        let status = self.start.split(' ').nth(1).and_then(|s| s.parse().ok());
        status.unwrap_or_else(|| panic!("not a status line: {}", self.start))
    }
}

/// A connection's incoming bytes, of which some may have been read ahead.
pub(crate) struct Incoming<R> {
    reader: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Incoming<R> {
    /// Reads from `reader`.
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: BytesMut::with_capacity(16 * 1024),
        }
    }

    /// Reads ahead once; `false` at the end of the connection.
    async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.reader.read_buf(&mut self.buffer).await? > 0)
    }

    /// Comes back when the peer has closed or broken the connection. # Cancel safety: loses nothing.
    pub(crate) async fn ended(&mut self) {
        while matches!(self.fill().await, Ok(true)) {}
    }

    /// The next head; `None` when the connection ends first.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let head = self.buffer.split_to(end + 4);
                return Ok(Some(parse_head(&head[..end])));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// Up to and without the next CRLF; `None` when the connection ends first.
    async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line = self.buffer.split_to(end + 2);
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|at| at == needle)
}

fn parse_head(head: &[u8]) -> Head {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let start = lines.next().unwrap_or_default().to_owned();
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Head { start, headers }
}

/// How the end of a body is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

/// A body being read.
#[derive(Debug)]
pub(crate) struct Body {
    framing: Framing,
    /// Bytes of the current chunk, or of the whole body, that are still to come.
    left: usize,
    complete: bool,
}

impl Body {
    /// The body that follows a request's head.
    pub(crate) fn of_request(headers: &[(String, String)]) -> Self {
        Self::framed(headers, Framing::Length(0))
    }

    /// The body that follows an answer's head.
    pub(crate) fn of_answer(status: u16, headers: &[(String, String)]) -> Self {
        match status {
            100..=199 | 204 | 304 => Self::with(Framing::Length(0)),
            _ => Self::framed(headers, Framing::UntilClose),
        }
    }

    fn framed(headers: &[(String, String)], otherwise: Framing) -> Self {
        let chunked = header(headers, "transfer-encoding").is_some_and(|v| v.contains("chunked"));
        let length = header(headers, "content-length").and_then(|v| v.parse().ok());
        Self::with(match length {
            _ if chunked => Framing::Chunked,
            Some(length) => Framing::Length(length),
            None => otherwise,
        })
    }

    fn with(framing: Framing) -> Self {
        let left = match framing {
            Framing::Length(length) => length,
            Framing::Chunked | Framing::UntilClose => 0,
        };
        Self {
            framing,
            left,
            complete: framing == Framing::Length(0),
        }
    }

    /// Whether the announced end was reached.
    pub(crate) fn complete(&self) -> bool {
        self.complete
    }

    /// The next bytes; `None` at the end, announced or not.
    pub(crate) async fn next<R>(&mut self, from: &mut Incoming<R>) -> io::Result<Option<Vec<u8>>>
    where
        R: AsyncRead + Unpin,
    {
        if self.complete {
            return Ok(None);
        }
        match self.framing {
            Framing::UntilClose => self.until_close(from).await,
            Framing::Length(_) => self.piece(from).await,
            Framing::Chunked => self.chunk(from).await,
        }
    }

    /// Everything that is left.
    pub(crate) async fn rest<R>(&mut self, from: &mut Incoming<R>) -> io::Result<Vec<u8>>
    where
        R: AsyncRead + Unpin,
    {
        let mut all = Vec::new();
        while let Some(bytes) = self.next(from).await? {
            all.extend(bytes);
        }
        Ok(all)
    }

    async fn until_close<R>(&mut self, from: &mut Incoming<R>) -> io::Result<Option<Vec<u8>>>
    where
        R: AsyncRead + Unpin,
    {
        if from.buffer.is_empty() && !from.fill().await? {
            self.complete = true;
            return Ok(None);
        }
        Ok(Some(from.buffer.split().to_vec()))
    }

    /// Bytes of the current chunk or body, as many as are here.
    async fn piece<R>(&mut self, from: &mut Incoming<R>) -> io::Result<Option<Vec<u8>>>
    where
        R: AsyncRead + Unpin,
    {
        if from.buffer.is_empty() && !from.fill().await? {
            return Ok(None);
        }
        let piece = from.buffer.split_to(self.left.min(from.buffer.len()));
        self.left -= piece.len();
        self.complete = self.left == 0 && self.framing != Framing::Chunked;
        Ok(Some(piece.to_vec()))
    }

    async fn chunk<R>(&mut self, from: &mut Incoming<R>) -> io::Result<Option<Vec<u8>>>
    where
        R: AsyncRead + Unpin,
    {
        if self.left == 0 {
            let Some(line) = from.line().await? else {
                return Ok(None);
            };
            let size = line.split(';').next().unwrap_or_default().trim();
            self.left = usize::from_str_radix(size, 16)
                .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, line.clone()))?;
            if self.left == 0 {
                while from
                    .line()
                    .await?
                    .is_some_and(|trailer| !trailer.is_empty())
                {}
                self.complete = true;
                return Ok(None);
            }
        }
        let piece = self.piece(from).await?;
        if piece.is_some() && self.left == 0 {
            while from.buffer.len() < 2 && from.fill().await? {}
            from.buffer.advance(2.min(from.buffer.len()));
        }
        Ok(piece)
    }
}

//! One scripted answer: exact bytes, pauses, and how it ends.
//!
//! Parts play in the order in which they were added; each is one write and, under chunked transfer,
//! one chunk. A cut counts bytes of the body.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::http::Payload;

/// A door in a script: what is behind it waits until the test opens it.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed gate.
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everything through, now and later.
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until the gate is open.
    pub(crate) async fn passed(&self) {
        let mut state = self.0.subscribe();
        state
            .wait_for(|open| *open)
            .await
            .expect("the gate holds its own sender");
    }
}

/// What an upstream does, in order.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Writes these bytes at once.
    Write(Vec<u8>),
    /// Lets time pass.
    Delay(Duration),
    /// Waits for the test.
    Wait(Gate),
    /// Writes these bytes again and again, for as long as the peer stays.
    Flood(Vec<u8>),
}

/// What an upstream does last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Reads the next request.
    KeepAlive,
    /// Closes in good order (FIN).
    Close,
    /// Breaks the connection (RST).
    Reset,
    /// Stays open and silent.
    Hang,
}

/// How the end of the body is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// Nothing is added: the parts are the bytes of the wire, head and all.
    Raw,
    Length,
    Chunked,
    UntilClose,
}

/// One scripted answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    before: Vec<Step>,
    status: u16,
    headers: Vec<(String, String)>,
    framing: Framing,
    parts: Vec<Step>,
    limit: usize,
    ending: Ending,
}

impl Reply {
    /// An answer with `status` and no body yet; a body is announced by its length.
    pub(crate) fn status(status: u16) -> Self {
        Self {
            before: Vec::new(),
            status,
            headers: Vec::new(),
            framing: Framing::Length,
            parts: Vec::new(),
            limit: usize::MAX,
            ending: Ending::KeepAlive,
        }
    }

    /// A JSON answer, `body` verbatim.
    pub(crate) fn json(status: u16, body: impl Into<Payload>) -> Self {
        Self::status(status)
            .header("content-type", "application/json")
            .bytes(body.into().0)
    }

    /// A body of the given content type.
    pub(crate) fn typed(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::status(status)
            .header("content-type", content_type)
            .bytes(body)
    }

    /// An event stream: each of `events` becomes `data: …` with a blank line, in a chunk of its own.
    pub(crate) fn sse<E: AsRef<str>>(events: impl IntoIterator<Item = E>) -> Self {
        events
            .into_iter()
            .fold(Self::stream(), |reply, event| reply.event(event.as_ref()))
    }

    /// An event stream with nothing in it yet.
    pub(crate) fn stream() -> Self {
        Self::status(200)
            .header("content-type", "text/event-stream")
            .chunked()
    }

    /// Exactly these bytes on the wire, then the connection closes.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        let mut reply = Self::status(200).bytes(bytes).ending(Ending::Close);
        reply.framing = Framing::Raw;
        reply
    }

    /// Not one byte, and the connection stays.
    pub(crate) fn silence() -> Self {
        Self::raw("").ending(Ending::Hang)
    }

    /// Not one byte, and the connection closes.
    pub(crate) fn close() -> Self {
        Self::raw("")
    }

    /// Not one byte, and the connection breaks.
    pub(crate) fn reset() -> Self {
        Self::raw("").ending(Ending::Reset)
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds bytes to the body: one write.
    pub(crate) fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.parts.push(Step::Write(bytes.into()));
        self
    }

    /// Adds bytes to the body in writes of `size` bytes.
    pub(crate) fn in_pieces(self, bytes: &[u8], size: usize) -> Self {
        bytes.chunks(size).fold(self, Self::bytes)
    }

    /// Adds an event: `data: …` and a blank line.
    pub(crate) fn event(self, data: &str) -> Self {
        self.bytes(format!("data: {data}\n\n"))
    }

    /// Adds a pause at this place of the body.
    pub(crate) fn delay(mut self, time: Duration) -> Self {
        self.parts.push(Step::Delay(time));
        self
    }

    /// Sends `bytes` without end and without pause.
    pub(crate) fn flood(mut self, bytes: &[u8]) -> Self {
        let flood = self.framed(bytes);
        self.parts.push(Step::Flood(flood));
        self
    }

    /// Waits for `gate` at this place of the body.
    pub(crate) fn pause_until(mut self, gate: &Gate) -> Self {
        self.parts.push(Step::Wait(gate.clone()));
        self
    }

    /// Waits for `gate` before the first byte.
    pub(crate) fn behind(mut self, gate: &Gate) -> Self {
        self.before.push(Step::Wait(gate.clone()));
        self
    }

    /// Sends the body in chunks, one per part.
    pub(crate) fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Sends the body with neither length nor chunks: its end is the end of the connection.
    pub(crate) fn until_close(mut self) -> Self {
        self.framing = Framing::UntilClose;
        self.ending(Ending::Close)
    }

    /// Closes after `count` bytes of the body, short of what was announced.
    pub(crate) fn cut_after(mut self, count: usize) -> Self {
        self.limit = count;
        self.ending(Ending::Close)
    }

    /// Breaks the connection after `count` bytes of the body.
    pub(crate) fn reset_after(mut self, count: usize) -> Self {
        self.limit = count;
        self.ending(Ending::Reset)
    }

    /// Falls silent after `count` bytes of the body, with the connection open.
    pub(crate) fn hang_after(mut self, count: usize) -> Self {
        self.limit = count;
        self.ending(Ending::Hang)
    }

    /// Closes the connection after the whole answer, and says so.
    pub(crate) fn closing(self) -> Self {
        self.header("connection", "close").ending(Ending::Close)
    }

    /// Leaves the connection open for the next request.
    pub(crate) fn kept_open(self) -> Self {
        self.ending(Ending::KeepAlive)
    }

    fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Bytes of the body as scripted, before any cut.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.parts.iter().flat_map(written).copied().collect()
    }

    /// What to do, step by step, and then at the end.
    pub(crate) fn play(&self) -> (Vec<Step>, Ending) {
        let mut steps = self.before.clone();
        if self.framing != Framing::Raw {
            steps.push(Step::Write(self.head().into_bytes()));
        }
        let mut room = self.limit;
        for part in &self.parts {
            let bytes = written(part);
            let kept = &bytes[..bytes.len().min(room)];
            room -= kept.len();
            match part {
                Step::Write(_) if kept.is_empty() => {}
                Step::Write(_) => steps.push(Step::Write(self.framed(kept))),
                other if room > 0 => steps.push(other.clone()),
                _ => {}
            }
        }
        if self.framing == Framing::Chunked && self.limit == usize::MAX {
            steps.push(Step::Write(b"0\r\n\r\n".to_vec()));
        }
        (steps, self.ending)
    }

    fn framed(&self, bytes: &[u8]) -> Vec<u8> {
        match self.framing {
            Framing::Chunked => {
                let size = format!("{:x}\r\n", bytes.len());
                [size.as_bytes(), bytes, b"\r\n"].concat()
            }
            Framing::Raw | Framing::Length | Framing::UntilClose => bytes.to_vec(),
        }
    }

    fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} Scripted\r\n", self.status);
        for (name, value) in &self.headers {
            head += &[name, ": ", value, "\r\n"].concat();
        }
        match self.framing {
            Framing::Length => {
                let length = self.body().len().to_string();
                head += &["content-length: ", &length, "\r\n"].concat();
            }
            Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
            Framing::Raw | Framing::UntilClose => {}
        }
        head + "\r\n"
    }
}

fn written(step: &Step) -> &[u8] {
    match step {
        Step::Write(bytes) => bytes,
        Step::Delay(_) | Step::Wait(_) | Step::Flood(_) => &[],
    }
}

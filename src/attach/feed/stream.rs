//! One connection of a feed: bytes in, events out.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, header};
use http_body_util::{BodyExt as _, Collected, Limited};
use hyper::body::Incoming;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout, timeout_at};

use crate::attach::client::{Client, LARGEST, Trouble, refused};
use crate::attach::wire::{self, Wire};
use crate::sse::{self, Splitter};
use crate::telemetry::event::{Event, Hello};

/// How long a gateway may be silent: three of its pings.
const SILENCE: Duration = Duration::from_secs(30);

/// How long it may take to say hello.
const OPENING: Duration = Duration::from_secs(10);

/// Largest event of those that are kept beside others of their kind: a row or a line, where [`LARGEST`] is for
/// what takes the place of all before it. The largest that a gateway writes are an eighth of it.
const LARGEST_ROW: usize = 64 << 10;

/// Largest page that says why there is no stream.
const LARGEST_REFUSAL: usize = 64 << 10;

/// See the module's head.
#[derive(Debug)]
pub(super) struct Stream {
    body: Incoming,
    splitter: Splitter,
    /// The block that has not ended yet.
    tail: Vec<u8>,
    /// The rest of the last chunk, in blocks.
    blocks: VecDeque<Vec<u8>>,
    heard: Instant,
    _wire: Wire,
}

impl Stream {
    /// Connects and waits for the first word.
    pub(super) async fn open(client: Client, path: String) -> Result<(Self, Hello), Trouble> {
        let opening = async {
            let exchange = wire::exchange(client.door(), Method::GET, &path, Bytes::new());
            let (answer, wire) = exchange.await?;
            let (head, body) = answer.into_parts();
            let kind = head.headers.get(header::CONTENT_TYPE);
            let is_stream = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-"));
            if !head.status.is_success() || !is_stream {
                let page = Limited::new(body, LARGEST_REFUSAL).collect().await;
                let page = page.map_or_else(|_| Bytes::new(), Collected::to_bytes);
                let odd = || client.odd(&format!("{} and no stream", head.status));
                return Err(refused(head.status, &page).unwrap_or_else(odd));
            }
            let mut stream = Self {
                body,
                splitter: Splitter::default(),
                tail: Vec::new(),
                blocks: VecDeque::new(),
                heard: Instant::now(),
                _wire: wire,
            };
            let hello = stream.hello().await.map_err(|why| client.odd(&why))?;
            Ok((stream, hello))
        };
        let silent = |_| Err(client.odd(&format!("no word within {OPENING:?}")));
        timeout(OPENING, opening).await.unwrap_or_else(silent)
    }

    async fn hello(&mut self) -> Result<Hello, String> {
        loop {
            let block = self.block().await?;
            let event = sse::Event::parse(&block);
            if let Some(data) = event.data {
                let is_hello = event.name == Some(b"hello");
                let hello = serde_json::from_slice(&data).ok().filter(|_| is_hello);
                return hello.ok_or_else(|| "its first word is no hello".to_owned());
            }
        }
    }

    /// The next event, or why there is none any more.
    ///
    /// # Cancel safety
    /// Nothing is lost if it is dropped.
    pub(super) async fn next(&mut self) -> Result<Event, String> {
        loop {
            let block = self.block().await?;
            if let Some(event) = read(&block)? {
                return Ok(event);
            }
        }
    }

    async fn block(&mut self) -> Result<Vec<u8>, String> {
        loop {
            if let Some(block) = self.blocks.pop_front() {
                return Ok(block);
            }
            let frame = timeout_at(self.heard + SILENCE, self.body.frame()).await;
            let frame = frame.map_err(|_| format!("not a word for {SILENCE:?}"))?;
            let frame = frame.ok_or("the gateway has hung up")?;
            let frame = frame.map_err(|_| "the connection broke off")?;
            self.heard = Instant::now();
            if let Ok(chunk) = frame.into_data() {
                self.take(&chunk)?;
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), String> {
        let mut at = 0;
        while let Some(end) = self.splitter.next(chunk, at) {
            self.tail.extend_from_slice(&chunk[at..end]);
            self.blocks.push_back(std::mem::take(&mut self.tail));
            at = end;
        }
        self.tail.extend_from_slice(&chunk[at..]);
        if self.tail.len() > LARGEST {
            return Err("an event is larger than any should be".to_owned());
        }
        Ok(())
    }
}

/// Whether it is kept beside others of its kind.
fn is_row(event: &Event) -> bool {
    matches!(
        event,
        Event::Provider(_) | Event::Request(_) | Event::Log(_)
    )
}

/// What a block says; `None` for a ping, for a row that no gateway writes, and for what a later gateway may add.
fn read(block: &[u8]) -> Result<Option<Event>, String> {
    let written = sse::Event::parse(block);
    let (Some(data), Some(name)) = (written.data, written.name) else {
        return Ok(None);
    };
    let event = serde_json::from_slice(&data).or_else(|whole| {
        // Its name and what belongs to it may stand apart.
        let data: &RawValue = serde_json::from_slice(&data).map_err(|_| whole)?;
        let name = String::from_utf8_lossy(name);
        let whole = serde_json::json!({ "type": name, "data": data });
        serde_json::from_value(whole)
    });
    match event {
        Ok(event) => Ok(Some(event).filter(|event| !is_row(event) || data.len() <= LARGEST_ROW)),
        // Without it nothing else makes sense.
        Err(error) if name == b"snapshot" => {
            Err(format!("a snapshot that cannot be read: {error}"))
        }
        Err(_) => Ok(None),
    }
}

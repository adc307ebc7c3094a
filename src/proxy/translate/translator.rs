//! Translates one stream: the upstream's events in, the client's events out.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::crossing::{Crossing, log_losses};
use super::keep::keep;
use crate::chat::{Delta, Dialect, ErrorBody, StreamEvent, Usage};
use crate::codec::call_id::Maker;
use crate::codec::dispatch::{Decoder, Encoder};
use crate::codec::restore::Restore;
use crate::codec::stream::{StreamDecoder as _, StreamEncoder as _};
use crate::memory::thoughts::Listener;
use crate::proxy::continuation::Splice;
use crate::proxy::gateway::Gateway;
use crate::proxy::problem::Problem;
use crate::sse::Event;

/// The longest answer that is stored: read back it takes several times its length.
const MAX_STORED: usize = 8 * 1024 * 1024;

/// See the module's head.
#[derive(Debug)]
pub struct Translator {
    crossing: Arc<Crossing>,
    decoder: Decoder,
    restore: Restore,
    encoder: Encoder,
    /// What a client that forgets has to be reminded of.
    listener: Option<Listener>,
    /// Names the calls that it is remembered by.
    maker: Maker,
    /// The whole answer, if it is to be stored.
    answer: Option<Value>,
    usage: Option<Usage>,
    has_content: bool,
    /// Where it goes on with an answer that somebody else began.
    splice: Option<Box<Splice>>,
    /// Events between decoder and encoder; empty between two calls.
    events: Vec<StreamEvent>,
}

impl Translator {
    /// A translator for a stream that is just beginning.
    pub fn new(crossing: Arc<Crossing>) -> Self {
        Self {
            decoder: Decoder::new(crossing.upstream, crossing.origin.clone()),
            restore: Restore::new(crossing.tools.clone()),
            encoder: Encoder::new(crossing.client, crossing.exchange.clone()),
            listener: crossing.client_forgets().then(Listener::default),
            maker: Maker::new(crossing.exchange.seed),
            answer: None,
            usage: None,
            has_content: false,
            splice: None,
            events: Vec::new(),
            crossing,
        }
    }

    /// A translator for a stream whose words go on with an answer that `encoder` has begun.
    pub fn continuing(crossing: Arc<Crossing>, encoder: Encoder, splice: Splice) -> Self {
        Self {
            encoder,
            splice: Some(Box::new(splice)),
            ..Self::new(crossing)
        }
    }

    /// Gives away what writes the client's stream: somebody else goes on with it.
    pub fn hand_over(&mut self) -> Encoder {
        let spent = Encoder::new(self.crossing.client, self.crossing.exchange.clone());
        std::mem::replace(&mut self.encoder, spent)
    }

    /// Takes one block of the upstream's stream and appends what the client hears of it to `out`.
    ///
    /// # Errors
    /// The upstream reports a failure, or its answer has grown too long.
    pub fn feed(&mut self, block: &[u8], out: &mut Vec<u8>) -> Result<(), ErrorBody> {
        let result = self.decoder.decode(&Event::parse(block), &mut self.events);
        self.pass(out);
        result.and(self.room())
    }

    /// The upstream has closed the stream in good order. False if that was before its end, or if the
    /// answer has grown too long with what was held back.
    pub fn end(&mut self, out: &mut Vec<u8>) -> bool {
        let is_complete = self.decoder.end(&mut self.events);
        self.pass(out);
        let is_complete = is_complete && self.room().is_ok();
        if is_complete {
            self.close(out);
        }
        is_complete
    }

    /// Tells a complete answer as a stream.
    ///
    /// # Errors
    /// It is none.
    pub fn tell_whole(&mut self, document: &Bytes, out: &mut Vec<u8>) -> Result<(), ErrorBody> {
        let response = self.crossing.decode(document)?;
        self.events = response.into_events();
        self.pass(out);
        self.room()?;
        self.close(out);
        Ok(())
    }

    /// Whether the encoder takes more, and what came could be told at all.
    fn room(&self) -> Result<(), ErrorBody> {
        let splice = self.splice.as_ref();
        let trouble = splice.and_then(|splice| splice.trouble().cloned());
        trouble.map_or(Ok(()), Err)?;
        self.encoder.overflow().map_or(Ok(()), Err)
    }

    /// The token counts told so far.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Whether anything was told that a client would miss: content, or an end that the upstream named.
    pub fn has_content(&self) -> bool {
        self.has_content
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        let start = out.len();
        self.encoder.end(out);
        if self.crossing.storing.is_some() {
            self.answer = answer(&out[start..]);
        }
    }

    /// The event that tells the client of a failure, where that depends on what it was told before.
    pub fn fail(&mut self, problem: &Problem, request_id: &str) -> Option<Bytes> {
        let is_stateful = self.crossing.client == Dialect::OpenAiResponses;
        is_stateful.then(|| {
            let mut out = Vec::new();
            self.encoder.fail(&problem.body, request_id, &mut out);
            out.into()
        })
    }

    /// The client has been told everything: remembers what is to be remembered of it, and logs what
    /// could not be said.
    pub fn complete(&mut self, gateway: &Gateway, client: &str, request_id: &str) {
        let stored = self.crossing.storing.clone().zip(self.answer.take());
        keep(gateway, client, self.listener.take(), stored);
        log_losses(&self.encoder.report(), request_id);
    }

    fn pass(&mut self, out: &mut Vec<u8>) {
        let Self {
            restore,
            encoder,
            listener,
            maker,
            events,
            usage,
            has_content,
            splice,
            ..
        } = self;
        let mut tell = |event: StreamEvent| {
            if let StreamEvent::Usage(counts) = &event {
                *usage = Some(*counts);
            }
            *has_content |= is_content(&event);
            restore.pass(event, |mut event| {
                if let Some(listener) = listener {
                    name_call(&mut event, maker);
                    listener.hear(&event);
                }
                encoder.encode(event, out);
            });
        };
        for event in events.drain(..) {
            match splice {
                None => tell(event),
                Some(splice) => splice.pass(event, &mut tell),
            }
        }
    }
}

/// Whether a client would miss the event. An end that nobody named was only assumed.
fn is_content(event: &StreamEvent) -> bool {
    match event {
        StreamEvent::Delta { delta, .. } => match delta {
            Delta::Text(text) | Delta::Refusal(text) | Delta::Reasoning(text) => !text.is_empty(),
            Delta::PartEnd { signature } => signature.is_some(),
            Delta::ToolCall { .. } | Delta::Citation(_) | Delta::Whole(_) => true,
            Delta::Logprobs(_) | Delta::ToolArguments { .. } | Delta::ToolEnd { .. } => false,
        },
        StreamEvent::Finish { finish, .. } => finish.native.is_some(),
        StreamEvent::Start { .. } | StreamEvent::Usage(_) | StreamEvent::Ping => false,
    }
}

/// What is remembered is remembered by the id of its call, so it must have the one that the client gets.
fn name_call(event: &mut StreamEvent, maker: &mut Maker) {
    if let StreamEvent::Delta {
        delta: Delta::ToolCall { id, .. },
        ..
    } = event
    {
        maker.fill(id);
    }
}

/// The answer that the last event of a Responses stream holds, unless it is too long to be stored.
fn answer(events: &[u8]) -> Option<Value> {
    let data = memchr::memmem::rfind(events, b"\ndata:")?;
    let data = Event::parse(&events[data + 1..]).data?;
    if data.len() > MAX_STORED {
        return None;
    }
    let mut event: Value = serde_json::from_slice(&data).ok()?;
    Some(event.get_mut("response")?.take())
}

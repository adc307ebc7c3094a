//! The four dialects as one: every call goes to the dialect it names. A closed set, so matches and no
//! trait objects; a fifth dialect does not compile until each of these knows it.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::stream::{StreamDecoder, StreamEncoder};
use super::target::{Exchange, Origin, Refusal, Target};
use super::{anthropic, gemini, openai_chat, openai_responses};
use crate::chat::{Delta, Dialect, ErrorBody, Report, Request, Response, StreamEvent};
use crate::json::fields::BadField;
use crate::sse::Event;

/// Reads a client's request.
pub fn decode_request(dialect: Dialect, body: Map<String, Value>) -> Result<Request, BadField> {
    match dialect {
        Dialect::OpenAiChat => openai_chat::decode_request(body),
        Dialect::OpenAiResponses => openai_responses::decode_request(body),
        Dialect::Anthropic => anthropic::decode_request(body),
        Dialect::Gemini => gemini::decode_request(body),
    }
}

/// Writes a request for an upstream of `dialect`.
pub fn encode_request(
    dialect: Dialect,
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Map<String, Value>, Refusal> {
    match dialect {
        Dialect::OpenAiChat => openai_chat::encode_request(request, target, report),
        Dialect::OpenAiResponses => openai_responses::encode_request(request, target, report),
        Dialect::Anthropic => anthropic::encode_request(request, target, report),
        Dialect::Gemini => gemini::encode_request(request, target, report),
    }
}

/// Reads an upstream's complete answer.
pub fn decode_response(
    dialect: Dialect,
    body: Value,
    origin: &Origin,
) -> Result<Response, ErrorBody> {
    match dialect {
        Dialect::OpenAiChat => openai_chat::decode_response(body, origin),
        Dialect::OpenAiResponses => openai_responses::decode_response(body, origin),
        Dialect::Anthropic => anthropic::decode_response(body, origin),
        Dialect::Gemini => gemini::decode_response(body, origin),
    }
}

/// Writes a complete answer for a client.
pub fn encode_response(
    dialect: Dialect,
    response: &Response,
    exchange: &Exchange,
    report: &mut Report,
) -> Value {
    match dialect {
        Dialect::OpenAiChat => openai_chat::encode_response(response, exchange, report),
        Dialect::OpenAiResponses => openai_responses::encode_response(response, exchange, report),
        Dialect::Anthropic => anthropic::encode_response(response, exchange, report),
        Dialect::Gemini => gemini::encode_response(response, exchange, report),
    }
}

/// Reads an upstream's stream.
#[derive(Debug)]
pub enum Decoder {
    /// Chunks.
    OpenAiChat(openai_chat::Decoder),
    /// Typed events with numbers.
    OpenAiResponses(openai_responses::Decoder),
    /// Typed events.
    Anthropic(anthropic::Decoder),
    /// Whole answers, one after the other.
    Gemini(gemini::Decoder),
}

impl Decoder {
    /// A decoder for a stream of `dialect` that is just beginning.
    pub fn new(dialect: Dialect, origin: Origin) -> Self {
        match dialect {
            Dialect::OpenAiChat => Self::OpenAiChat(openai_chat::Decoder::new(origin)),
            Dialect::OpenAiResponses => {
                Self::OpenAiResponses(openai_responses::Decoder::new(origin))
            }
            Dialect::Anthropic => Self::Anthropic(anthropic::Decoder::new(origin)),
            Dialect::Gemini => Self::Gemini(gemini::Decoder::new(origin)),
        }
    }
}

impl StreamDecoder for Decoder {
    fn decode(&mut self, event: &Event<'_>, out: &mut Vec<StreamEvent>) -> Result<(), ErrorBody> {
        match self {
            Self::OpenAiChat(decoder) => decoder.decode(event, out),
            Self::OpenAiResponses(decoder) => decoder.decode(event, out),
            Self::Anthropic(decoder) => decoder.decode(event, out),
            Self::Gemini(decoder) => decoder.decode(event, out),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::OpenAiChat(decoder) => decoder.is_done(),
            Self::OpenAiResponses(decoder) => decoder.is_done(),
            Self::Anthropic(decoder) => decoder.is_done(),
            Self::Gemini(decoder) => decoder.is_done(),
        }
    }

    fn end(&mut self, out: &mut Vec<StreamEvent>) -> bool {
        match self {
            Self::OpenAiChat(decoder) => decoder.end(out),
            Self::OpenAiResponses(decoder) => decoder.end(out),
            Self::Anthropic(decoder) => decoder.end(out),
            Self::Gemini(decoder) => decoder.end(out),
        }
    }
}

/// Writes a client's stream.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives behind the one box of its translator"
)]
pub enum Encoder {
    /// Chunks.
    OpenAiChat(openai_chat::Encoder),
    /// Typed events with numbers.
    OpenAiResponses(openai_responses::Encoder),
    /// Typed events.
    Anthropic(anthropic::Encoder),
    /// Whole answers, one after the other.
    Gemini(gemini::Encoder),
}

impl Encoder {
    /// An encoder for a stream of `dialect` that is just beginning.
    pub fn new(dialect: Dialect, exchange: Arc<Exchange>) -> Self {
        match dialect {
            Dialect::OpenAiChat => Self::OpenAiChat(openai_chat::Encoder::new(exchange)),
            Dialect::OpenAiResponses => {
                Self::OpenAiResponses(openai_responses::Encoder::new(exchange))
            }
            Dialect::Anthropic => Self::Anthropic(anthropic::Encoder::new(exchange)),
            Dialect::Gemini => Self::Gemini(gemini::Encoder::new(exchange)),
        }
    }

    /// An encoder that goes on with an answer which somebody else began, known by `id`, of which nothing
    /// but `text` was told. None for Responses, whose events count and name what others made.
    pub fn resumed(
        dialect: Dialect,
        exchange: Arc<Exchange>,
        id: Option<&str>,
        text: &str,
    ) -> Option<Self> {
        let mut encoder = match dialect {
            Dialect::OpenAiChat => Self::OpenAiChat(openai_chat::Encoder::resumed(exchange, id)),
            Dialect::OpenAiResponses => return None,
            Dialect::Anthropic => Self::Anthropic(anthropic::Encoder::resumed(exchange)),
            Dialect::Gemini => Self::Gemini(gemini::Encoder::resumed(exchange, id)),
        };
        let told = StreamEvent::Delta {
            choice: 0,
            delta: Delta::Text(text.to_owned()),
        };
        encoder.encode(told, &mut Vec::new());
        Some(encoder)
    }
}

impl StreamEncoder for Encoder {
    fn encode(&mut self, event: StreamEvent, out: &mut Vec<u8>) {
        match self {
            Self::OpenAiChat(encoder) => encoder.encode(event, out),
            Self::OpenAiResponses(encoder) => encoder.encode(event, out),
            Self::Anthropic(encoder) => encoder.encode(event, out),
            Self::Gemini(encoder) => encoder.encode(event, out),
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::OpenAiChat(encoder) => encoder.end(out),
            Self::OpenAiResponses(encoder) => encoder.end(out),
            Self::Anthropic(encoder) => encoder.end(out),
            Self::Gemini(encoder) => encoder.end(out),
        }
    }

    fn fail(&mut self, error: &ErrorBody, request_id: &str, out: &mut Vec<u8>) {
        match self {
            Self::OpenAiChat(encoder) => encoder.fail(error, request_id, out),
            Self::OpenAiResponses(encoder) => encoder.fail(error, request_id, out),
            Self::Anthropic(encoder) => encoder.fail(error, request_id, out),
            Self::Gemini(encoder) => encoder.fail(error, request_id, out),
        }
    }

    fn report(&mut self) -> Report {
        match self {
            Self::OpenAiChat(encoder) => encoder.report(),
            Self::OpenAiResponses(encoder) => encoder.report(),
            Self::Anthropic(encoder) => encoder.report(),
            Self::Gemini(encoder) => encoder.report(),
        }
    }

    fn overflow(&self) -> Option<ErrorBody> {
        match self {
            Self::OpenAiChat(encoder) => encoder.overflow(),
            Self::OpenAiResponses(encoder) => encoder.overflow(),
            Self::Anthropic(encoder) => encoder.overflow(),
            Self::Gemini(encoder) => encoder.overflow(),
        }
    }
}

//! A crossing: what an answer must know of the request that it answers in another dialect.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::keep::Storing;
use crate::chat::part::Content;
use crate::chat::{Dialect, ErrorBody, Report, Response, Usage};
use crate::codec::call_id::Maker;
use crate::codec::dispatch::{decode_response, encode_response};
use crate::codec::restore::restore;
use crate::codec::target::{Exchange, Origin};
use crate::codec::tool_map::ToolMap;
use crate::json::mend::mended;
use crate::memory::thoughts::Listener;

/// See the module's head.
#[derive(Debug)]
pub struct Crossing {
    /// The dialect of whoever asked.
    pub client: Dialect,
    /// That of whoever answers.
    pub upstream: Dialect,
    /// Who answers.
    pub origin: Origin,
    /// What the tools are called there.
    pub tools: ToolMap,
    /// What the answer repeats and shows.
    pub exchange: Arc<Exchange>,
    /// Responses: how the answer is to be stored, if it is.
    pub storing: Option<Storing>,
}

/// A complete answer in the client's dialect.
#[derive(Debug)]
pub struct Carried {
    /// The document.
    pub body: Value,
    /// What could not be said.
    pub report: Report,
    /// What the upstream said of why it ended.
    pub native_stop: Option<String>,
    /// Token counts.
    pub usage: Option<Usage>,
    /// What a client that forgets has to be reminded of.
    pub listener: Option<Listener>,
}

impl Crossing {
    /// Whether the client's SDKs drop what they do not know, opaque reasoning with it.
    pub fn client_forgets(&self) -> bool {
        self.client == Dialect::OpenAiChat
    }

    /// A complete answer in neutral form, its tools as the upstream calls them.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn decode(&self, answer: &Bytes) -> Result<Response, ErrorBody> {
        let body = serde_json::from_slice(&mended(answer)).map_err(|_| ErrorBody {
            message: "the answer is not valid JSON".to_owned(),
            ..ErrorBody::default()
        })?;
        let response = decode_response(self.upstream, body, &self.origin)?;
        if is_empty(&response) {
            return Err(ErrorBody {
                message: "the answer has neither content nor an end".to_owned(),
                kind: Some("server_error".to_owned()),
                code: Some("empty_answer".to_owned()),
                param: None,
            });
        }
        Ok(response)
    }

    /// Carries a complete answer over.
    ///
    /// # Errors
    /// It is none.
    pub fn carry(&self, answer: &Bytes) -> Result<Carried, ErrorBody> {
        let mut response = self.decode(answer)?;
        restore(&mut response, &self.tools);
        let listener = self.client_forgets().then(|| {
            let mut listener = Listener::default();
            name_calls(&mut response, &mut Maker::new(self.exchange.seed));
            listener.hear_whole(&response);
            listener
        });
        let mut report = Report::default();
        let body = encode_response(self.client, &response, &self.exchange, &mut report);
        let finish = response.choices.first().map(|choice| &choice.finish);
        Ok(Carried {
            body,
            report,
            native_stop: finish.and_then(|finish| finish.native.clone()),
            usage: response.usage,
            listener,
        })
    }
}

/// Whether nothing is said, not even why it ended: no answer, though it has the shape of one.
fn is_empty(response: &Response) -> bool {
    let mut choices = response.choices.iter();
    choices.all(|choice| choice.parts.is_empty() && choice.finish.native.is_none())
}

/// What is remembered is remembered by the id of its call, so it must have the one that the client gets.
fn name_calls(response: &mut Response, maker: &mut Maker) {
    let choices = response.choices.iter_mut();
    for part in choices.flat_map(|choice| &mut choice.parts) {
        if let Content::ToolCall(call) = &mut part.content {
            maker.fill(&mut call.id);
        }
    }
}

/// Losses inside of an answer: its headers are gone by the time they are known.
pub(super) fn log_losses(report: &Report, request_id: &str) {
    let dropped: Vec<_> = report.losses().iter().map(|loss| &*loss.field).collect();
    if !dropped.is_empty() {
        tracing::debug!(
            target: "autogw::fidelity",
            request_id,
            dropped = dropped.join(","),
            "parts of the answer could not be said in the client's dialect"
        );
    }
}

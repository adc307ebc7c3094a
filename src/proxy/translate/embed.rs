//! Embeddings for an upstream of another dialect: one request may become several calls, whose answers
//! become one.

use bytes::Bytes;
use serde_json::Value;

use super::outgoing::{Refused, strictly};
use crate::chat::{Dialect, Report};
use crate::codec::embeddings::{
    Encoding, Method, answer_to_gemini, answer_to_openai, request_to_gemini, request_to_openai,
};
use crate::codec::target::Refusal;
use crate::proxy::call::{Call, Endpoint};
use crate::proxy::gateway::Gateway;
use crate::proxy::prepared::Prepared;
use crate::proxy::problem::Problem;
use crate::proxy::written::Reader;

/// How the answers to the calls become the client's.
#[derive(Debug)]
pub struct Embedding {
    model: String,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// OpenAI's client, Gemini's answers.
    ToOpenAi { encoding: Encoding, tokens: u64 },
    /// Gemini's client, OpenAI's answer.
    ToGemini(Method),
}

/// The calls that one request becomes.
#[derive(Debug)]
pub struct Calls {
    /// Where they go.
    pub endpoint: &'static Endpoint,
    /// Their bodies; at least one.
    pub bodies: Vec<Bytes>,
    /// What did not fit.
    pub report: Report,
    /// The way back.
    pub embedding: Embedding,
}

impl Calls {
    /// The calls for `reader`.
    pub fn write(
        gateway: &Gateway,
        call: &Call,
        prepared: &Prepared,
        reader: Reader<'_>,
    ) -> Result<Self, Refused> {
        let wrong = |error: serde_json::Error| {
            let message = format!("the body cannot be read: {error}");
            Refused::Wrong(Problem::bad_request(message))
        };
        let request: Value =
            serde_json::from_slice(prepared.json().unwrap_or(&call.body)).map_err(wrong)?;
        let calls = if reader.endpoint.dialect == Dialect::Gemini {
            Self::for_gemini(&request, reader)?
        } else {
            Self::for_openai(&request, call, reader)?
        };
        strictly(prepared.fidelity(gateway, reader.offer), &calls.report)?;
        Ok(calls)
    }

    fn for_gemini(request: &Value, reader: Reader<'_>) -> Result<Self, Refusal> {
        let written = request_to_gemini(request, &reader.offer.upstream).map_err(refusal)?;
        let path = match written.method {
            Method::Embed => "/models:embedContent",
            Method::Batch => "/models:batchEmbedContents",
        };
        Ok(Self {
            endpoint: Endpoint::called(path).unwrap_or(reader.endpoint),
            bodies: written.calls.iter().map(bytes).collect(),
            report: report(written.losses),
            embedding: Embedding {
                model: reader.offer.name.to_string(),
                way: Way::ToOpenAi {
                    encoding: written.encoding,
                    tokens: written.tokens,
                },
            },
        })
    }

    fn for_openai(request: &Value, call: &Call, reader: Reader<'_>) -> Result<Self, Refusal> {
        let method = if call.endpoint.path == "/models:embedContent" {
            Method::Embed
        } else {
            Method::Batch
        };
        let written =
            request_to_openai(request, method, &reader.offer.upstream).map_err(refusal)?;
        Ok(Self {
            endpoint: reader.endpoint,
            bodies: vec![bytes(&written.body)],
            report: report(written.losses),
            embedding: Embedding {
                model: reader.offer.name.to_string(),
                way: Way::ToGemini(method),
            },
        })
    }
}

impl Embedding {
    /// The client's answer; `None` if one of `answers` is none.
    pub fn answer(&self, answers: &[Bytes]) -> Option<Bytes> {
        let read = |answer: &Bytes| serde_json::from_slice::<Value>(answer).ok();
        let answers: Vec<Value> = answers.iter().map(read).collect::<Option<_>>()?;
        let answer = match self.way {
            Way::ToOpenAi { encoding, tokens } => {
                answer_to_openai(&answers, &self.model, encoding, tokens)
            }
            Way::ToGemini(method) => answer_to_gemini(answers.first()?, method),
        };
        answer.as_ref().map(bytes)
    }
}

fn bytes(value: &Value) -> Bytes {
    value.to_string().into()
}

fn report(losses: Vec<String>) -> Report {
    let mut report = Report::default();
    for field in losses {
        report.drop(field);
    }
    report
}

fn refusal(refusal: crate::codec::embeddings::Refusal) -> Refusal {
    Refusal::new(refusal.param, refusal.message)
}

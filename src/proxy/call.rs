//! A call: one request of a client, as the edge hands it over.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use super::ingress::{Spoken, Tongue};
use crate::chat::{Dialect, Operation};
use crate::codec::answer::Shape;
use crate::route::Scope;

/// An endpoint that is routed to providers.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The dialect it is spoken to in.
    pub dialect: Dialect,
    /// What it does.
    pub operation: Operation,
    /// Path below `/v1`, here and upstream; for Gemini, where a model stands in the path, a name like one.
    pub path: &'static str,
    /// What a complete answer looks like.
    pub shape: Shape,
    /// Whether answers may be something other than JSON (audio, plain transcripts).
    pub any_content: bool,
    /// Whether requests may be multipart forms.
    pub forms: bool,
}

impl Endpoint {
    /// What health tells apart: conversations are one service in whatever dialect, everything else is a
    /// service of its own.
    pub fn service(&self) -> &'static str {
        match self.operation {
            Operation::Generate => "conversation",
            Operation::CountTokens | Operation::Embed | Operation::Other => self.path,
        }
    }
}

const fn endpoint(
    dialect: Dialect,
    operation: Operation,
    path: &'static str,
    shape: Shape,
) -> Endpoint {
    Endpoint {
        dialect,
        operation,
        path,
        shape,
        any_content: false,
        forms: false,
    }
}

const fn openai(path: &'static str, shape: Shape) -> Endpoint {
    endpoint(Dialect::OpenAiChat, Operation::Other, path, shape)
}

/// Everything that a provider may speak natively.
pub static ENDPOINTS: [Endpoint; 19] = [
    endpoint(
        Dialect::OpenAiChat,
        Operation::Generate,
        "/chat/completions",
        Shape::Choices,
    ),
    Endpoint {
        operation: Operation::Generate,
        ..openai("/completions", Shape::Choices)
    },
    Endpoint {
        operation: Operation::Embed,
        ..openai("/embeddings", Shape::Data)
    },
    openai("/images/generations", Shape::Data),
    Endpoint {
        forms: true,
        ..openai("/images/edits", Shape::Data)
    },
    Endpoint {
        forms: true,
        ..openai("/images/variations", Shape::Data)
    },
    Endpoint {
        any_content: true,
        ..openai("/audio/speech", Shape::AnyJson)
    },
    Endpoint {
        any_content: true,
        forms: true,
        ..openai("/audio/transcriptions", Shape::AnyJson)
    },
    Endpoint {
        any_content: true,
        forms: true,
        ..openai("/audio/translations", Shape::AnyJson)
    },
    openai("/moderations", Shape::AnyJson),
    openai("/rerank", Shape::AnyJson),
    endpoint(
        Dialect::OpenAiResponses,
        Operation::Generate,
        "/responses",
        Shape::Response,
    ),
    endpoint(
        Dialect::OpenAiResponses,
        Operation::CountTokens,
        "/responses/input_tokens",
        Shape::Count("input_tokens"),
    ),
    endpoint(
        Dialect::Anthropic,
        Operation::Generate,
        "/messages",
        Shape::Message,
    ),
    endpoint(
        Dialect::Anthropic,
        Operation::CountTokens,
        "/messages/count_tokens",
        Shape::Count("input_tokens"),
    ),
    endpoint(
        Dialect::Gemini,
        Operation::Generate,
        "/models:generateContent",
        Shape::Candidates,
    ),
    endpoint(
        Dialect::Gemini,
        Operation::CountTokens,
        "/models:countTokens",
        Shape::Count("totalTokens"),
    ),
    endpoint(
        Dialect::Gemini,
        Operation::Embed,
        "/models:embedContent",
        Shape::Embeddings,
    ),
    endpoint(
        Dialect::Gemini,
        Operation::Embed,
        "/models:batchEmbedContents",
        Shape::Embeddings,
    ),
];

impl Endpoint {
    /// The endpoint whose name is `path`.
    pub fn called(path: &str) -> Option<&'static Endpoint> {
        ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
    }

    /// The first endpoint of `dialect` that does `operation`.
    pub fn of(dialect: Dialect, operation: Operation) -> Option<&'static Endpoint> {
        ENDPOINTS
            .iter()
            .find(|endpoint| endpoint.dialect == dialect && endpoint.operation == operation)
    }

    /// Whether it generates text: then streams end with a word, and whole answers can be told as one.
    pub fn generates(&self) -> bool {
        self.operation == Operation::Generate
    }
}

/// One request of a client, past the edge's guards. Its id, its client and its times are in its book
/// ([`Record`](super::record::Record)).
#[derive(Debug)]
pub struct Call {
    /// Where it was sent.
    pub endpoint: &'static Endpoint,
    /// What its path says, in a dialect where that is more than the endpoint.
    pub spoken: Option<Spoken>,
    /// Whose key it came with: what is remembered of conversations is remembered by client.
    pub client: Arc<str>,
    /// The client's headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// What exists for the client; `None` is everything.
    pub scope: Option<Arc<Scope>>,
    /// After how long a stream has to be promised, as something between here and the client would give
    /// up; `None` is never.
    pub promise_after: Option<Duration>,
}

impl Call {
    /// How its answer and its errors are told.
    pub fn tongue(&self) -> Tongue {
        Tongue::at(self.endpoint, self.spoken.as_ref())
    }

    /// The value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

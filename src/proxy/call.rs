//! A call: one request of a client, as the edge hands it over.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

use crate::codec::openai_chat::response::Shape;
use crate::route::Scope;

/// An endpoint that is routed to providers.
#[derive(Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Path below `/v1`, here and upstream.
    pub path: &'static str,
    /// What a complete answer looks like.
    pub shape: Shape,
    /// Whether it generates text: then streams end with a finish or `[DONE]`, and report usage on request.
    pub generates: bool,
    /// Whether answers may be something other than JSON (audio, plain transcripts).
    pub any_content: bool,
    /// Whether requests may be multipart forms.
    pub forms: bool,
}

const fn endpoint(path: &'static str, shape: Shape) -> Endpoint {
    Endpoint {
        path,
        shape,
        generates: false,
        any_content: false,
        forms: false,
    }
}

/// Everything of OpenAI's that a provider may speak natively.
pub static ENDPOINTS: [Endpoint; 11] = [
    Endpoint {
        generates: true,
        ..endpoint("/chat/completions", Shape::Choices)
    },
    Endpoint {
        generates: true,
        ..endpoint("/completions", Shape::Choices)
    },
    endpoint("/embeddings", Shape::Data),
    endpoint("/images/generations", Shape::Data),
    Endpoint {
        forms: true,
        ..endpoint("/images/edits", Shape::Data)
    },
    Endpoint {
        forms: true,
        ..endpoint("/images/variations", Shape::Data)
    },
    Endpoint {
        any_content: true,
        ..endpoint("/audio/speech", Shape::AnyJson)
    },
    Endpoint {
        any_content: true,
        forms: true,
        ..endpoint("/audio/transcriptions", Shape::AnyJson)
    },
    Endpoint {
        any_content: true,
        forms: true,
        ..endpoint("/audio/translations", Shape::AnyJson)
    },
    endpoint("/moderations", Shape::AnyJson),
    endpoint("/rerank", Shape::AnyJson),
];

impl Endpoint {
    /// The endpoint at `path`: with `/v1`, with `/openai/v1`, or bare.
    pub fn at(path: &str) -> Option<&'static Endpoint> {
        let path = path.strip_prefix("/openai").unwrap_or(path);
        let path = path.strip_prefix("/v1").unwrap_or(path);
        ENDPOINTS.iter().find(|endpoint| endpoint.path == path)
    }
}

/// One request of a client, past the edge's guards. Its id, its client and its times are in its book
/// ([`Record`](super::record::Record)).
#[derive(Debug)]
pub struct Call {
    /// Where it was sent.
    pub endpoint: &'static Endpoint,
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
    /// The value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

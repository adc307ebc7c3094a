//! Ingress: from a path to the endpoint it asks for, and how its client wants to be spoken to.
//!
//! The path is read here and nowhere else, so that no spelling of it leads around a door, a scope or a key:
//! whoever asks whether something is there asks this file, and whoever serves it does, too.

use percent_encoding::percent_decode_str;

use super::call::Endpoint;
use crate::chat::Dialect;

/// How a client is spoken to, errors included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tongue {
    /// The dialect.
    pub dialect: Dialect,
    /// How a stream is framed.
    pub framing: Framing,
}

impl Tongue {
    /// That of a client who came to `endpoint` by a path that says `spoken`.
    pub fn at(endpoint: &Endpoint, spoken: Option<&Spoken>) -> Self {
        Self {
            dialect: endpoint.dialect,
            framing: spoken.map_or(Framing::Events, |spoken| spoken.framing),
        }
    }

    /// Events of `dialect`.
    pub const fn of(dialect: Dialect) -> Self {
        Self {
            dialect,
            framing: Framing::Events,
        }
    }
}

/// How the parts of a streamed answer are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events.
    Events,
    /// Elements of a JSON array, as Gemini streams where nobody asked for events.
    Array,
}

/// What a Gemini path says beside the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The model, decoded, without `models/`.
    pub model: String,
    /// Whether the verb asks for a stream.
    pub streams: bool,
    /// How that is framed.
    pub framing: Framing,
}

/// An endpoint that was found at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingress {
    /// The endpoint.
    pub endpoint: &'static Endpoint,
    /// What else the path says.
    pub spoken: Option<Spoken>,
}

/// Ways to say where Google's is.
const GEMINI: [&str; 4] = ["/v1beta/", "/v1/", "/gemini/v1beta/", "/gemini/v1/"];

impl Ingress {
    /// What is at `path`, asked for with `query`.
    pub fn at(path: &str, query: Option<&str>) -> Option<Self> {
        let path = path.strip_suffix('/').unwrap_or(path);
        plain(path).or_else(|| gemini(path, query))
    }

    /// How its client is spoken to.
    pub fn tongue(&self) -> Tongue {
        Tongue::at(self.endpoint, self.spoken.as_ref())
    }
}

/// With `/v1` or bare, as clients ask whose base URL lacks it, and under the name of who defined it.
fn plain(path: &str) -> Option<Ingress> {
    let openais = path.strip_prefix("/openai");
    let anthropics = path.strip_prefix("/anthropic");
    let below = openais.or(anthropics).unwrap_or(path);
    let endpoint = Endpoint::called(below.strip_prefix("/v1").unwrap_or(below))?;
    let is_there = match endpoint.dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => anthropics.is_none(),
        Dialect::Anthropic => openais.is_none(),
        // Its models stand in the path.
        Dialect::Gemini => false,
    };
    is_there.then_some(Ingress {
        endpoint,
        spoken: None,
    })
}

/// `{version}/models/{model}:{verb}`. A model's own name may hold a colon, so the last one counts.
fn gemini(path: &str, query: Option<&str>) -> Option<Ingress> {
    let rest = GEMINI.iter().find_map(|prefix| path.strip_prefix(prefix))?;
    let (name, verb) = rest.rsplit_once(':')?;
    let (endpoint, streams) = match verb {
        "generateContent" => ("/models:generateContent", false),
        "streamGenerateContent" => ("/models:generateContent", true),
        "countTokens" => ("/models:countTokens", false),
        "embedContent" => ("/models:embedContent", false),
        "batchEmbedContents" => ("/models:batchEmbedContents", false),
        _ => return None,
    };
    let framing = if streams && !asks_for_events(query) {
        Framing::Array
    } else {
        Framing::Events
    };
    Some(Ingress {
        endpoint: Endpoint::called(endpoint)?,
        spoken: Some(Spoken {
            model: model(name)?,
            streams,
            framing,
        }),
    })
}

/// The model that a path names, with or without `models/` before it, encoded or not. That of a tuned model
/// belongs to its name.
fn model(name: &str) -> Option<String> {
    let name = percent_decode_str(name).decode_utf8().ok()?;
    let bare = name.strip_prefix("models/").unwrap_or(&name);
    // SDKs add the prefix to what already has it.
    let bare = bare.strip_prefix("models/").unwrap_or(bare);
    Some(bare.to_owned())
}

/// Whether the query says `alt=sse`.
fn asks_for_events(query: Option<&str>) -> bool {
    let mut pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs.any(|(name, value)| name == "alt" && value == "sse")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(path: &str) -> Option<&'static str> {
        Some(Ingress::at(path, None)?.endpoint.path)
    }

    #[test]
    fn every_spelling_of_a_path_is_the_same_endpoint() {
        for (path, expected) in [
            ("/v1/chat/completions", "/chat/completions"),
            ("/chat/completions/", "/chat/completions"),
            ("/openai/v1/responses", "/responses"),
            ("/responses", "/responses"),
            ("/v1/responses/input_tokens", "/responses/input_tokens"),
            ("/v1/messages", "/messages"),
            ("/anthropic/v1/messages", "/messages"),
            ("/openai/chat/completions", "/chat/completions"),
            ("/messages/count_tokens", "/messages/count_tokens"),
            (
                "/v1beta/models/m:generateContent",
                "/models:generateContent",
            ),
            ("/gemini/v1/models/m:countTokens", "/models:countTokens"),
        ] {
            assert_eq!(name(path), Some(expected), "{path}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_nowhere() {
        for path in [
            "/v1",
            "/v1/",
            "//v1/chat/completions",
            "/v1/v1/chat/completions",
            "/anthropic/v1/chat/completions",
            "/openai/v1/messages",
            "/v1/models:generateContent/x",
            "/models/m:generateContent",
            "/v1beta/models/m:unheardOf",
            "/v1beta/models/m",
            "/v1beta/models/%ff:generateContent",
            "/V1/chat/completions",
        ] {
            assert_eq!(name(path), None, "{path}");
        }
    }

    #[test]
    fn a_gemini_path_names_its_model_and_its_framing() {
        let spoken = |path: &str, query| Ingress::at(path, query)?.spoken;
        for (path, model) in [
            ("/v1beta/models/gemini-x:generateContent", "gemini-x"),
            ("/v1/gemini-x:generateContent", "gemini-x"),
            ("/v1beta/models/a%2Fb%3Ac:generateContent", "a/b:c"),
            ("/v1beta/models/a/b:c:generateContent", "a/b:c"),
            ("/v1beta/models%2Fm:generateContent", "m"),
            ("/v1beta/models/models%2Fm:generateContent", "m"),
            ("/v1beta/tunedModels/t:generateContent", "tunedModels/t"),
        ] {
            let found = spoken(path, None).map(|spoken| spoken.model);
            assert_eq!(found.as_deref(), Some(model), "{path}");
        }
        let path = "/v1beta/models/m:streamGenerateContent";
        for (query, framing) in [
            (None, Framing::Array),
            (Some("key=k"), Framing::Array),
            (Some("alt=json"), Framing::Array),
            (Some("key=k&alt=sse"), Framing::Events),
        ] {
            let found = spoken(path, query).map(|spoken| (spoken.streams, spoken.framing));
            assert_eq!(found, Some((true, framing)), "{query:?}");
        }
    }
}

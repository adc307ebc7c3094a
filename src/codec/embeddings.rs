//! Embeddings between OpenAI and Gemini, both ways: requests, answers and the bytes of vectors.
//!
//! OpenAI has one endpoint for one text or many. Gemini has `embedContent` for one and
//! `batchEmbedContents` for at most a hundred, so one request may become several calls, whose answers are
//! put together again in the order of the inputs.

use serde_json::Value;

/// A request that has no meaning at the target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The field of the client's request.
    pub param: &'static str,
    /// What is wrong with it, for the person who wrote the request.
    pub message: String,
}

/// How vectors are written in an answer: `encoding_format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// A list of numbers.
    #[default]
    Float,
    /// Base64 of little-endian `f32`; what OpenAI's SDKs ask for unless told otherwise.
    Base64,
}

/// The two methods of Gemini.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `embedContent`: one text.
    Embed,
    /// `batchEmbedContents`: up to a hundred.
    Batch,
}

impl Method {
    /// The name in the URL, behind the colon.
    pub fn name(self) -> &'static str {
        match self {
            Method::Embed => "embedContent",
            Method::Batch => "batchEmbedContents",
        }
    }
}

/// An OpenAI request as calls to Gemini.
#[derive(Debug, Clone, PartialEq)]
pub struct ForGemini {
    /// The method of all calls.
    pub method: Method,
    /// The bodies, in the order of the inputs; at least one.
    pub calls: Vec<Value>,
    /// How the client wants its vectors.
    pub encoding: Encoding,
    /// All texts together, in characters of UTF-8: what usage is estimated from.
    pub tokens: u64,
    /// Fields that were dropped.
    pub losses: Vec<String>,
}

/// A Gemini request as a body for OpenAI.
#[derive(Debug, Clone, PartialEq)]
pub struct ForOpenAi {
    /// The body.
    pub body: Value,
    /// Fields that were dropped.
    pub losses: Vec<String>,
}

/// Translates an OpenAI request for `model` at Gemini (with or without `models/`).
pub fn request_to_gemini(request: &Value, model: &str) -> Result<ForGemini, Refusal> {
    let _ = (request, model);
    Ok(ForGemini {
        method: Method::Embed,
        calls: Vec::new(),
        encoding: Encoding::Float,
        tokens: 0,
        losses: Vec::new(),
    })
}

/// Translates a Gemini request, posted to `method`, for `model` at OpenAI.
pub fn request_to_openai(
    request: &Value,
    method: Method,
    model: &str,
) -> Result<ForOpenAi, Refusal> {
    let _ = (request, method, model);
    Ok(ForOpenAi {
        body: Value::Null,
        losses: Vec::new(),
    })
}

/// Puts the answers of Gemini's calls together as one of OpenAI's; `None` if they hold no vectors.
/// `tokens` is the usage to tell if they do not tell it themselves.
pub fn answer_to_openai(
    answers: &[Value],
    model: &str,
    encoding: Encoding,
    tokens: u64,
) -> Option<Value> {
    let _ = (answers, model, encoding, tokens);
    None
}

/// Translates an answer of OpenAI for a client that called `method`; `None` if it holds no vectors.
pub fn answer_to_gemini(answer: &Value, method: Method) -> Option<Value> {
    let _ = (answer, method);
    None
}

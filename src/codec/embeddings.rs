//! Embeddings between OpenAI and Gemini, both ways: requests, answers and the bytes of vectors.
//!
//! OpenAI has one endpoint for one text or many. Gemini has `embedContent` for one and
//! `batchEmbedContents` for at most a hundred, so one request may become several calls, whose answers are
//! put together again in the order of the inputs.

mod answer;
mod for_gemini;
mod for_openai;

pub use answer::{answer_to_gemini, answer_to_openai};
pub use for_gemini::{ForGemini, request_to_gemini};
pub use for_openai::{ForOpenAi, request_to_openai};

/// A request that has no meaning at the target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The field of the client's request.
    pub param: &'static str,
    /// What is wrong with it, for the person who wrote the request.
    pub message: String,
}

impl Refusal {
    fn new(param: &'static str, message: impl Into<String>) -> Self {
        Self {
            param,
            message: message.into(),
        }
    }
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

#[cfg(test)]
mod tests;

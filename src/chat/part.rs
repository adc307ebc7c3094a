//! Parts: what a message is made of, in requests and answers alike.

use serde_json::Value;

use super::dialect::Dialect;
use super::extra::Extra;
use super::signature::Opaque;

/// One part of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// What it is.
    pub content: Content,
    /// Whether the prompt up to here is to be cached.
    pub cache: Option<CacheMark>,
    /// What only its own dialect knows of it.
    pub extra: Extra,
}

/// What a part holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Plain text.
    Text(Text),
    /// The model's words for not answering.
    Refusal(String),
    /// A picture.
    Image(Image),
    /// A PDF, a text, a file.
    Document(Document),
    /// Sound.
    Audio(Source),
    /// Moving pictures.
    Video(Source),
    /// The model calls a tool of the client.
    ToolCall(ToolCall),
    /// What the tool answered.
    ToolResult(ToolResult),
    /// What the model thought.
    Reasoning(Reasoning),
    /// A block that only its own dialect has (hosted tools and their results, compactions).
    Foreign(Foreign),
}

/// Text with what belongs to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// Where it was taken from.
    pub citations: Vec<Citation>,
    /// Log probabilities, in OpenAI's shape (a list of tokens).
    pub logprobs: Option<Value>,
    /// A state that has to come back with it (Gemini signs texts too).
    pub signature: Option<Opaque>,
}

/// A place that a text was taken from.
#[derive(Debug, Clone, PartialEq)]
pub enum Citation {
    /// A page of the web.
    Web {
        /// Its address.
        url: String,
        /// Its title.
        title: Option<String>,
        /// First character of the text that it covers, counted in characters of its part.
        start: Option<u64>,
        /// The character after the last.
        end: Option<u64>,
        /// The words quoted from it.
        cited: Option<String>,
        /// What only its own dialect knows of it.
        extra: Extra,
    },
    /// Something that only its own dialect can name (a page of a document, a file).
    Foreign {
        /// Whose it is.
        dialect: Dialect,
        /// As it came.
        value: Value,
    },
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Where it is.
    pub source: Source,
    /// How closely to look: `auto`, `low`, `high`, `original`.
    pub detail: Option<String>,
}

/// A document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Where it is.
    pub source: Source,
    /// Its name or title.
    pub name: Option<String>,
}

/// Where the bytes of a part are.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Here, in base64 as it came.
    Data {
        /// Media type, e.g. `image/png`; may be empty where the client did not say.
        mime: String,
        /// Base64.
        data: String,
    },
    /// Here, as plain text.
    Text(String),
    /// At an address.
    Url {
        /// The address.
        url: String,
        /// Media type, where the client said.
        mime: Option<String>,
    },
    /// In a provider's store: an id that means nothing elsewhere.
    File {
        /// Whose id it is.
        dialect: Dialect,
        /// The id.
        id: String,
        /// Media type, where the client said.
        mime: Option<String>,
    },
}

/// Whether a tool takes an object of arguments or free text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToolKind {
    /// A function with a schema: arguments are a JSON object.
    #[default]
    Function,
    /// Free-form: arguments are text.
    Freeform,
}

/// A call of a client's tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolCall {
    /// What the result refers to; may be empty where the dialect has none.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// The group of tools it belongs to (Responses).
    pub namespace: Option<String>,
    /// Function: JSON as text, as the model wrote it (never re-formatted; may be invalid). Free-form: the text.
    pub arguments: String,
    /// Which of the two.
    pub kind: ToolKind,
    /// A state that has to come back with the call (Gemini).
    pub signature: Option<Opaque>,
}

/// The answer of a client's tool.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolResult {
    /// The id of the call; may be empty where the dialect has none.
    pub id: String,
    /// Name of the tool, where the dialect says it.
    pub name: Option<String>,
    /// What it answered: text, pictures, documents.
    pub parts: Vec<Part>,
    /// Whether it failed.
    pub is_error: bool,
    /// What kind of tool it was.
    pub kind: ToolKind,
}

/// What the model thought.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reasoning {
    /// What may be read of it; empty if nothing. Several summaries are joined by a blank line.
    pub text: String,
    /// The state that lets the model go on from it.
    pub opaque: Option<Opaque>,
}

/// Something that only one dialect has.
#[derive(Debug, Clone, PartialEq)]
pub struct Foreign {
    /// Whose it is.
    pub dialect: Dialect,
    /// Its type there, for messages.
    pub kind: String,
    /// As it came.
    pub value: Value,
}

/// A wish to cache the prompt up to a part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheMark {
    /// How long: `5m`, `1h`, `30m`.
    pub ttl: Option<String>,
}

impl Part {
    /// A part with nothing but its content.
    pub fn new(content: Content) -> Self {
        Self {
            content,
            cache: None,
            extra: Extra::default(),
        }
    }

    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(Content::Text(Text {
            text,
            ..Text::default()
        }))
    }

    /// The text, if that is all it is: nothing beside it would be lost.
    pub fn as_plain_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text)
                if self.cache.is_none()
                    && self.extra.is_empty()
                    && text.citations.is_empty()
                    && text.logprobs.is_none()
                    && text.signature.is_none() =>
            {
                Some(&text.text)
            }
            _ => None,
        }
    }
}

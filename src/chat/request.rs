//! A request for an answer, as no vendor writes it: what every dialect is decoded to and encoded from.
//!
//! `model` and `stream` are not in it: they are the target's and the transport's.

use serde_json::{Map, Number, Value};

use super::dialect::Dialect;
use super::effort::Effort;
use super::extra::{Extra, Leftovers};
use super::part::{CacheMark, Content, Part};

/// See the module's head.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The dialect it came in: whose leftovers [`Extra`] and [`Leftovers`] hold.
    pub dialect: Dialect,
    /// What stands in the request's own place for instructions (`system`, `instructions`,
    /// `systemInstruction`). Chat has none: its instructions are messages.
    pub instructions: Vec<Part>,
    /// The conversation. Messages of one speaker may follow each other.
    pub messages: Vec<Message>,
    /// Tools on offer.
    pub tools: Vec<Tool>,
    /// Which of them to use.
    pub tool_choice: Option<ToolChoice>,
    /// Whether several calls at once are welcome.
    pub parallel_tool_calls: Option<bool>,
    /// Most tokens of the answer.
    pub max_tokens: Option<u64>,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// How many answers are wanted.
    pub candidates: Option<u64>,
    /// Log probabilities, if wanted: with how many alternatives.
    pub logprobs: Option<u64>,
    /// The form of the answer.
    pub format: Option<Format>,
    /// How much to think.
    pub thinking: Option<Thinking>,
    /// How long-winded to be: `low`, `medium`, `high`.
    pub verbosity: Option<String>,
    /// Who the client's own user is.
    pub user: Option<String>,
    /// Labels of the client's.
    pub metadata: Option<Map<String, Value>>,
    /// Which service is paid for, in OpenAI's words: `auto`, `default`, `flex`, `priority`.
    pub service_tier: Option<String>,
    /// Whether the answer is to be kept by the provider.
    pub store: Option<bool>,
    /// What requests with a common beginning share, for the provider's cache.
    pub cache_key: Option<String>,
    /// A wish to cache as much as possible, wherever the provider sees fit.
    pub cache: Option<CacheMark>,
    /// What only its own dialect knows.
    pub extra: Extra,
    /// The paths of everything in any [`Extra`] of it.
    pub leftovers: Leftovers,
}

impl Request {
    /// An empty request of `dialect`.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            instructions: Vec::new(),
            messages: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            max_tokens: None,
            sampling: Sampling::default(),
            candidates: None,
            logprobs: None,
            format: None,
            thinking: None,
            verbosity: None,
            user: None,
            metadata: None,
            service_tier: None,
            store: None,
            cache_key: None,
            cache: None,
            extra: Extra::default(),
            leftovers: Leftovers::default(),
        }
    }

    /// Takes every thought out of the conversation, and every state that belongs to one.
    pub fn forget_thoughts(&mut self) {
        for message in &mut self.messages {
            message.parts.retain_mut(|part| match &mut part.content {
                Content::Reasoning(_) => false,
                Content::ToolCall(call) => {
                    call.signature = None;
                    true
                }
                Content::Text(text) => {
                    text.signature = None;
                    true
                }
                _ => true,
            });
        }
        self.messages.retain(|message| !message.parts.is_empty());
    }

    /// The conversation in two: instructions that stand before everything else (from both places), and
    /// the messages from the first that is none.
    pub fn split_instructions(&self) -> (impl Iterator<Item = &Part>, &[Message]) {
        let is_instruction = |message: &Message| message.role.instructs();
        let lead = self
            .messages
            .iter()
            .take_while(|m| is_instruction(m))
            .count();
        let (lead, rest) = self.messages.split_at(lead);
        let own = self.instructions.iter();
        (
            own.chain(lead.iter().flat_map(|message| &message.parts)),
            rest,
        )
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions.
    System,
    /// Instructions, as newer models of OpenAI call them.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool: every part is a result.
    Tool,
}

impl Role {
    /// Whether it instructs.
    pub fn instructs(self) -> bool {
        matches!(self, Role::System | Role::Developer)
    }
}

/// One message, or one item of it (Responses): encoders join neighbours of one speaker where they must.
/// Results of tools may stand in messages of the user (Anthropic, Gemini) or of their own (`Role::Tool`).
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub parts: Vec<Part>,
    /// A name of the speaker.
    pub name: Option<String>,
    /// What only its own dialect knows of it.
    pub extra: Extra,
}

impl Message {
    /// A message with nothing but its parts.
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self {
            role,
            parts,
            name: None,
            extra: Extra::default(),
        }
    }
}

/// How tokens are drawn. Numbers are kept as they were spelled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    /// 0…2 (Anthropic 0…1).
    pub temperature: Option<Number>,
    /// 0…1.
    pub top_p: Option<Number>,
    /// How many of the likeliest tokens.
    pub top_k: Option<Number>,
    /// For the same draw again.
    pub seed: Option<Number>,
    /// Against repetition, by count.
    pub frequency_penalty: Option<Number>,
    /// Against repetition at all.
    pub presence_penalty: Option<Number>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
}

/// A tool on offer.
#[derive(Debug, Clone, PartialEq)]
pub enum Tool {
    /// A function of the client.
    Function(Function),
    /// A tool of the client that takes free text.
    Freeform(Freeform),
    /// A search of the web by the provider.
    WebSearch(WebSearch),
    /// A tool that only its own dialect has.
    Foreign {
        /// Its type there, for messages.
        kind: String,
        /// As it came.
        value: Value,
    },
}

/// A function of the client.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The group it belongs to (Responses).
    pub namespace: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// JSON Schema of its arguments, plain (Gemini's upper-case types are lowered on decoding).
    pub parameters: Option<Value>,
    /// Whether arguments must follow the schema to the letter.
    pub strict: Option<bool>,
    /// Whether the prompt up to here is to be cached.
    pub cache: Option<CacheMark>,
    /// What only its own dialect knows of it.
    pub extra: Extra,
}

/// A free-form tool of the client.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Freeform {
    /// Its name.
    pub name: String,
    /// The group it belongs to (Responses).
    pub namespace: Option<String>,
    /// What it does.
    pub description: Option<String>,
    /// What the text must look like, in OpenAI's shape (`{"type":"grammar","syntax":…,"definition":…}`).
    pub format: Option<Value>,
    /// What only its own dialect knows of it.
    pub extra: Extra,
}

/// A search of the web by the provider.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WebSearch {
    /// Its type in its own dialect, e.g. `web_search_20250305`.
    pub kind: String,
    /// Only these domains.
    pub allowed_domains: Vec<String>,
    /// None of these.
    pub blocked_domains: Vec<String>,
    /// Where the user is, in the flat shape of Responses and Anthropic (`{type: "approximate", city, country, region, timezone}`).
    pub location: Option<Value>,
    /// Most searches.
    pub max_uses: Option<u64>,
    /// `low`, `medium`, `high`.
    pub context_size: Option<String>,
    /// What only its own dialect knows of it.
    pub extra: Extra,
}

/// Which tools to use.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolChoice {
    /// As the model likes.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named {
        /// Its name.
        name: String,
        /// The group it belongs to.
        namespace: Option<String>,
    },
    /// Only some.
    Allowed {
        /// Whether one of them must be called.
        is_required: bool,
        /// Their names.
        names: Vec<String>,
    },
    /// A hosted tool, or what only its own dialect has.
    Foreign(Value),
}

/// The form of the answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Text, said explicitly.
    Text,
    /// Any JSON.
    Json,
    /// JSON of this schema.
    Schema {
        /// Its name.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// Plain JSON Schema.
        schema: Value,
        /// Whether to the letter.
        strict: Option<bool>,
    },
}

/// How much to think, in whatever way the client said it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thinking {
    /// By level.
    pub effort: Option<Effort>,
    /// By tokens; −1 is as the model likes.
    pub budget: Option<i64>,
    /// Whether at all (Anthropic).
    pub mode: Option<ThinkingMode>,
    /// Whether the client wants to read it.
    pub is_shown: Option<bool>,
    /// How it is summed up (Responses): `auto`, `concise`, `detailed`.
    pub summary: Option<String>,
    /// What only its own dialect knows of it.
    pub extra: Extra,
}

/// Anthropic's switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingMode {
    /// With a budget.
    Enabled,
    /// As the model likes.
    Adaptive,
    /// Not at all.
    Disabled,
}

impl Thinking {
    /// How hard, whichever way it was said; `None` where that is left to the model.
    pub fn level(&self) -> Option<Effort> {
        if self.mode == Some(ThinkingMode::Disabled) {
            return Some(Effort::None);
        }
        self.effort
            .or_else(|| self.budget.and_then(Effort::from_budget))
    }
}

//! The part of a chat request that the simulation acts on. What it does not know, it ignores.

use serde::Deserialize;
use serde_json::Value;

use crate::demo::refusal::Refusal;
use crate::demo::tokens;
use crate::demo::wire::{self, Delivery, StreamOptions};

/// What a message costs beside its text: role and separators, roughly as OpenAI counts them.
const TOKENS_PER_MESSAGE: usize = 4;

/// A chat request.
#[derive(Deserialize)]
pub(super) struct ChatRequest {
    pub(super) model: String,
    messages: Vec<Message>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    n: Option<u32>,
    tools: Option<Vec<Tool>>,
    pub(super) tool_choice: Option<Value>,
    pub(super) parallel_tool_calls: Option<bool>,
    pub(super) response_format: Option<Format>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Value,
}

#[derive(Deserialize)]
struct Tool {
    /// Absent for tools that are not functions, which a demo never calls.
    function: Option<Function>,
}

/// A function the client offers.
#[derive(Deserialize)]
pub(super) struct Function {
    pub(super) name: String,
    #[serde(default)]
    pub(super) parameters: Value,
}

/// `response_format`
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Format {
    /// Free text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows a schema.
    JsonSchema { json_schema: NamedSchema },
}

/// `response_format.json_schema`
#[derive(Deserialize)]
pub(super) struct NamedSchema {
    #[serde(default)]
    pub(super) schema: Value,
}

impl ChatRequest {
    /// The request in `body`.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        wire::parse(body)
    }

    /// Refuses what cannot be answered truthfully.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        if self.messages.is_empty() {
            return Err(Refusal::invalid_field(
                "messages",
                "`messages` must hold at least one message.",
            ));
        }
        if self.n.is_some_and(|n| n != 1) {
            return Err(Refusal::invalid_field(
                "n",
                "A demo provider gives one answer: `n` must be 1.",
            ));
        }
        Ok(())
    }

    /// How the answer is to be delivered.
    pub(super) fn delivery(&self) -> Result<Delivery, Refusal> {
        Delivery::of(self.stream, self.stream_options.as_ref())
    }

    /// Most tokens the answer may have.
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        let newer = wire::limit("max_completion_tokens", self.max_completion_tokens)?;
        Ok(newer.min(wire::limit("max_tokens", self.max_tokens)?))
    }

    /// The functions among the tools, in the client's order.
    pub(super) fn functions(&self) -> impl Iterator<Item = &Function> {
        let tools = self.tools.iter().flatten();
        tools.filter_map(|tool| tool.function.as_ref())
    }

    /// What the user said last; empty if the user said nothing.
    pub(super) fn asked(&self) -> String {
        let mut from_user = self.messages.iter().filter(|m| m.role == "user");
        from_user.next_back().map(Message::text).unwrap_or_default()
    }

    /// Whether it is the user who spoke last.
    pub(super) fn ends_with_user(&self) -> bool {
        self.messages.last().is_some_and(|m| m.role == "user")
    }

    /// The tool results at the end of the conversation, in order.
    pub(super) fn tool_results(&self) -> Vec<String> {
        let from_end = self.messages.iter().rev();
        let mut results: Vec<String> = from_end
            .take_while(|m| m.role == "tool")
            .map(Message::text)
            .collect();
        results.reverse();
        results
    }

    /// `usage.prompt_tokens`
    pub(super) fn prompt_tokens(&self) -> usize {
        let cost = |m: &Message| TOKENS_PER_MESSAGE + tokens::count(&m.text());
        let messages: usize = self.messages.iter().map(cost).sum();
        let tools: usize = self
            .functions()
            .map(|f| tokens::count(&f.name) + tokens::count(&f.parameters.to_string()))
            .sum();
        messages + tools
    }
}

impl Message {
    /// The text of the content, be it a string or parts.
    fn text(&self) -> String {
        match &self.content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
                texts.collect::<Vec<_>>().join(" ")
            }
            _ => String::new(),
        }
    }
}

//! A client's request in neutral form, read once however many targets are tried.

use std::sync::OnceLock;
use std::time::Instant;

use serde_json::{Map, Value};

use super::heavy;
use crate::chat::request::ToolChoice;
use crate::chat::{Dialect, Message, Operation, Part, Request, Role};
use crate::codec::{dispatch, estimate, gemini, openai_responses};
use crate::json::fields::BadField;
use crate::proxy::call::Call;
use crate::proxy::gateway::Gateway;
use crate::proxy::problem::Problem;

/// From here on a body is weighed rather than read, where a rough count will do.
const LONG: usize = 16 * 1024;

/// Bytes of JSON that make a token, on average.
const BYTES_PER_TOKEN: u64 = 4;

/// See the module's head.
#[derive(Debug)]
pub struct Neutral {
    /// The request, with whatever its client had forgotten.
    pub request: Request,
    /// Responses: the fields that answers repeat.
    pub echo: Map<String, Value>,
    /// Chat: whether the client still calls tools functions.
    pub legacy_functions: bool,
    /// Bytes of the body.
    weight: usize,
    estimate: OnceLock<u64>,
}

impl Neutral {
    /// Reads `body`, which `call` came with.
    pub fn read(gateway: &Gateway, call: &Call, body: &[u8]) -> Result<Self, Problem> {
        heavy::check(body)?;
        let map: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| Problem::bad_request(format!("the body cannot be read: {error}")))?;
        let dialect = call.endpoint.dialect;
        let echo = match dialect {
            Dialect::OpenAiResponses => openai_responses::echo(&map),
            Dialect::OpenAiChat | Dialect::Anthropic | Dialect::Gemini => Map::new(),
        };
        let legacy = ["functions", "function_call"];
        let legacy_functions = legacy.iter().any(|field| map.contains_key(*field));
        let decoded =
            if dialect == Dialect::Gemini && call.endpoint.operation == Operation::CountTokens {
                gemini::count::decode_count(map)
            } else {
                dispatch::decode_request(dialect, map)
            };
        let mut request = decoded?;
        check_choice(&request)?;
        if dialect == Dialect::OpenAiChat
            && let Some(memory) = gateway.memory()
        {
            let now = Instant::now();
            memory.thoughts.recall(&call.client, &mut request, now);
        }
        Ok(Self {
            request,
            echo,
            legacy_functions,
            weight: body.len(),
            estimate: OnceLock::new(),
        })
    }

    /// Lets the answer begin with `words`, of about as many `tokens`, which were told already.
    pub fn go_on_from(&mut self, words: &str, tokens: u64) {
        let said = vec![Part::text(words)];
        self.request
            .messages
            .push(Message::new(Role::Assistant, said));
        if let Some(most) = &mut self.request.max_tokens {
            *most = most.saturating_sub(tokens).max(1);
        }
    }

    /// Tokens of the input, good enough for the first event of a stream, whose last one tells the upstream's
    /// count: a long text is weighed and not read.
    pub fn rough_input_tokens(&self) -> u64 {
        if self.weight < LONG || estimate::holds_media(&self.request) {
            self.input_tokens()
        } else {
            self.weight as u64 / BYTES_PER_TOKEN
        }
    }

    /// Tokens of the input, estimated when first asked for.
    pub fn input_tokens(&self) -> u64 {
        *self
            .estimate
            .get_or_init(|| estimate::input_tokens(&self.request))
    }
}

/// A choice of tools that no API defines: left out, it might let the model do what it was told not to.
fn check_choice(request: &Request) -> Result<(), Problem> {
    match &request.tool_choice {
        Some(ToolChoice::Foreign(choice))
            if request.dialect != Dialect::Gemini && !choice["type"].is_string() =>
        {
            let message = "`tool_choice` must be a mode or an object with a `type`";
            Err(Problem::bad_field("tool_choice", message))
        }
        _ => Ok(()),
    }
}

impl From<BadField> for Problem {
    fn from(error: BadField) -> Self {
        Self::bad_field(&error.field, error.to_string())
    }
}

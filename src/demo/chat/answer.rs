//! What the simulation answers to a chat request, before it is put on the wire.

use serde_json::{Value, json};

use crate::demo::refusal::Refusal;
use crate::demo::{Simulation, schema, speech, tokens};

use super::request::{ChatRequest, Format};
use super::tools;

/// An answer.
pub(super) enum Answer {
    /// In words, or in JSON if that was asked for.
    Text(String),
    /// By calling tools.
    Calls(Vec<Call>),
}

/// One tool call.
pub(super) struct Call {
    pub(super) name: String,
    /// JSON text.
    pub(super) arguments: String,
}

/// An answer no longer than it may be.
pub(super) struct Limited {
    pub(super) answer: Answer,
    /// How many tokens it has.
    pub(super) tokens: usize,
    is_complete: bool,
}

/// Decides on the answer: tool results are reported, tools called if [`tools::to_call`] says so, and
/// everything else is talked about.
pub(super) fn decide(request: &ChatRequest, simulation: &Simulation) -> Result<Answer, Refusal> {
    let results = request.tool_results();
    if !results.is_empty() {
        return Ok(Answer::Text(speech::report(&results)));
    }
    let functions = tools::to_call(request)?;
    if functions.is_empty() {
        return Ok(Answer::Text(text(request, simulation)));
    }
    let calls = functions.into_iter().map(|function| Call {
        name: function.name.clone(),
        arguments: arguments(&function.parameters),
    });
    Ok(Answer::Calls(calls.collect()))
}

fn text(request: &ChatRequest, simulation: &Simulation) -> String {
    let (name, length) = (&simulation.name, simulation.profile.answer_tokens);
    let spoken = speech::answer(name, &request.asked(), length);
    match &request.response_format {
        None | Some(Format::Text) => spoken,
        Some(Format::JsonObject) => json!({"provider": name, "answer": spoken}).to_string(),
        Some(Format::JsonSchema { json_schema }) => {
            schema::example(&json_schema.schema).to_string()
        }
    }
}

/// A function without parameters is called with an empty object.
fn arguments(parameters: &Value) -> String {
    match schema::example(parameters) {
        Value::Object(members) => Value::Object(members).to_string(),
        _ => "{}".to_owned(),
    }
}

impl Answer {
    /// The first `limit` tokens of the answer; a call costs one token and those of its arguments.
    pub(super) fn limited_to(self, limit: usize) -> Limited {
        let mut budget = Budget {
            left: limit,
            spent: 0,
            is_enough: true,
        };
        let answer = match self {
            Answer::Text(text) => Answer::Text(budget.text(&text)),
            Answer::Calls(calls) => {
                let afforded = calls.into_iter().filter_map(|call| budget.call(call));
                Answer::Calls(afforded.collect())
            }
        };
        Limited {
            answer,
            tokens: budget.spent,
            is_complete: budget.is_enough,
        }
    }
}

impl Limited {
    /// `finish_reason`
    pub(super) fn finish_reason(&self) -> &'static str {
        match self.answer {
            _ if !self.is_complete => "length",
            Answer::Text(_) => "stop",
            Answer::Calls(_) => "tool_calls",
        }
    }
}

/// Tokens that may still be spent.
struct Budget {
    left: usize,
    spent: usize,
    is_enough: bool,
}

impl Budget {
    /// Spends a token if there is one.
    fn token(&mut self) -> Option<()> {
        self.is_enough &= self.left > 0;
        self.left = self.left.checked_sub(1)?;
        self.spent += 1;
        Some(())
    }

    /// As much of `text` as there are tokens for.
    fn text(&mut self, text: &str) -> String {
        let pieces = tokens::pieces(text);
        pieces
            .map_while(|piece| self.token().map(|()| piece))
            .collect()
    }

    fn call(&mut self, call: Call) -> Option<Call> {
        self.token()?;
        Some(Call {
            arguments: self.text(&call.arguments),
            ..call
        })
    }
}

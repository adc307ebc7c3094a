//! `POST /v1/completions`, the endpoint before chat: a choice for each prompt.

use serde::Deserialize;
use serde_json::{Value, json};

use super::draws::Draws;
use super::refusal::Refusal;
use super::reply::{Reply, Transcript, done, event};
use super::wire::{self, Delivery, StreamOptions};
use super::{Simulation, speech, tokens};

/// Most prompts of a request.
const MAX_PROMPTS: usize = 128;

#[derive(Deserialize)]
struct Request {
    model: String,
    prompt: Prompt,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Prompt {
    One(String),
    Several(Vec<String>),
}

/// The continuation of one prompt.
struct Choice {
    text: String,
    tokens: usize,
    finish: &'static str,
}

/// Answers the request in `body`.
pub(super) fn reply(simulation: &Simulation, draws: &Draws, body: &[u8]) -> Result<Reply, Refusal> {
    let request: Request = wire::parse(body)?;
    simulation.check_model(&request.model)?;
    let delivery = Delivery::of(request.stream, request.stream_options.as_ref())?;
    let limit = wire::limit("max_tokens", request.max_tokens)?;
    let prompts = request.prompt.into_checked()?;
    let choices: Vec<Choice> = prompts
        .iter()
        .map(|prompt| continuation(simulation, prompt, limit))
        .collect();
    let used: usize = choices.iter().map(|choice| choice.tokens).sum();
    let usage = wire::usage(prompts.iter().map(|p| tokens::count(p)).sum(), used);
    let envelope = json!({
        "id": draws.id("cmpl-demo-"),
        "object": "text_completion",
        "created": draws.created,
        "model": request.model,
    });
    Ok(match delivery {
        Delivery::Whole => Reply::Whole {
            body: whole(envelope, &choices, usage),
            tokens: used,
        },
        Delivery::Stream => Reply::Stream(stream(&envelope, &choices, None)),
        Delivery::StreamWithUsage => Reply::Stream(stream(&envelope, &choices, Some(usage))),
    })
}

impl Prompt {
    fn into_checked(self) -> Result<Vec<String>, Refusal> {
        let prompts = match self {
            Prompt::One(prompt) => vec![prompt],
            Prompt::Several(prompts) => prompts,
        };
        if (1..=MAX_PROMPTS).contains(&prompts.len()) {
            Ok(prompts)
        } else {
            Err(Refusal::invalid_field(
                "prompt",
                format!("`prompt` must hold 1 to {MAX_PROMPTS} texts."),
            ))
        }
    }
}

fn continuation(simulation: &Simulation, prompt: &str, limit: usize) -> Choice {
    let answer = speech::answer(&simulation.name, prompt, simulation.profile.answer_tokens);
    let all = tokens::count(&answer);
    Choice {
        text: tokens::pieces(&answer).take(limit).collect(),
        tokens: all.min(limit),
        finish: if all > limit { "length" } else { "stop" },
    }
}

fn whole(mut envelope: Value, choices: &[Choice], usage: Value) -> Value {
    let choices: Vec<Value> = (0..)
        .zip(choices)
        .map(|(index, choice)| entry(index, &choice.text, Some(choice.finish)))
        .collect();
    envelope["choices"] = json!(choices);
    envelope["usage"] = usage;
    envelope
}

fn stream(envelope: &Value, choices: &[Choice], usage: Option<Value>) -> Transcript {
    let chunk = |choices: Value, usage: Option<&Value>| {
        let mut chunk = envelope.clone();
        chunk["choices"] = choices;
        if let Some(usage) = usage {
            chunk["usage"] = usage.clone();
        }
        event(&chunk)
    };
    let no_usage_yet = usage.as_ref().map(|_| &Value::Null);
    let mut transcript = Transcript::default();
    for (index, choice) in (0..).zip(choices) {
        let pieces = tokens::pieces(&choice.text);
        let entries = pieces.map(|piece| json!([entry(index, piece, None)]));
        transcript
            .tokens
            .extend(entries.map(|entry| chunk(entry, no_usage_yet)));
        let last = json!([entry(index, "", Some(choice.finish))]);
        transcript.closing.push(chunk(last, no_usage_yet));
    }
    transcript
        .closing
        .extend(usage.map(|usage| chunk(json!([]), Some(&usage))));
    transcript.closing.push(done());
    transcript
}

fn entry(index: usize, text: &str, finish: Option<&str>) -> Value {
    json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish})
}

//! What single hosts refuse or call differently, as edits of a finished body.

use serde_json::{Map, Value, json};

use crate::chat::{Report, Request};
use crate::codec::field_names::Field;
use crate::codec::target::{Refusal, Target};
use crate::provider::Quirk;

/// Fields that a quirk takes out, and whether the answer may be another for it.
const REFUSED: [(Quirk, &str, Field); 8] = [
    (Quirk::NoLogprobs, "logprobs", Field::Logprobs),
    (Quirk::NoLogprobs, "top_logprobs", Field::Logprobs),
    (
        Quirk::NoPenalties,
        "frequency_penalty",
        Field::FrequencyPenalty,
    ),
    (
        Quirk::NoPenalties,
        "presence_penalty",
        Field::PresencePenalty,
    ),
    (
        Quirk::NoParallelToolCalls,
        "parallel_tool_calls",
        Field::ParallelToolCalls,
    ),
    (Quirk::NoServiceTier, "service_tier", Field::ServiceTier),
    (Quirk::NoUser, "user", Field::User),
    (Quirk::NoSeed, "seed", Field::Seed),
];

/// Edits `body` for a host.
pub(super) fn apply(
    body: &mut Map<String, Value>,
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<(), Refusal> {
    for (quirk, key, field) in REFUSED {
        if target.has(quirk) && body.shift_remove(key).is_some() {
            match field {
                Field::User => report.note(field.name(request.dialect)),
                _ => report.drop(field.name(request.dialect)),
            }
        }
    }
    if target.has(Quirk::NoLogprobs) && body.shift_remove("logit_bias").is_some() {
        report.drop("logit_bias");
    }
    if target.has(Quirk::NoCandidates) && body.get("n").is_some_and(|n| *n != 1) {
        let message = "this target gives one answer at a time";
        return Err(Refusal::new(
            Field::Candidates.name(request.dialect),
            message,
        ));
    }
    names(body, target);
    tool_choice(body, request, target, report);
    if target.has(Quirk::RandomSeed)
        && let Some(seed) = body.shift_remove("seed")
    {
        body.insert("random_seed".to_owned(), seed);
    }
    let is_zero =
        |body: &Map<String, Value>| body.get("temperature").and_then(Value::as_f64) == Some(0.0);
    if target.has(Quirk::NoZeroTemperature) && is_zero(body) {
        body.insert("temperature".to_owned(), json!(1e-8));
    }
    if target.has(Quirk::MergeRoles) {
        merge_roles(body);
    }
    Ok(())
}

fn names(body: &mut Map<String, Value>, target: &Target<'_>) {
    if !target.has(Quirk::NoNames) {
        return;
    }
    for message in messages(body) {
        message.shift_remove("name");
    }
}

fn messages(body: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let messages = body.get_mut("messages").and_then(Value::as_array_mut);
    messages
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}

fn tool_choice(
    body: &mut Map<String, Value>,
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) {
    let Some(choice) = body.get("tool_choice").cloned() else {
        return;
    };
    let name = Field::ToolChoice.name(request.dialect);
    let is_forced = choice == "required" || choice.is_object();
    if choice == "none" && target.has(Quirk::NoToolChoiceNone) {
        for key in ["tools", "tool_choice", "parallel_tool_calls"] {
            body.shift_remove(key);
        }
    } else if is_forced && target.has(Quirk::NoForcedTools) {
        body.insert("tool_choice".to_owned(), json!("auto"));
        report.adjust(name, "auto");
    } else if is_forced && target.has(Quirk::ToolChoiceAny) {
        if let Some(named) = choice["function"].get("name") {
            only_tool(body, named);
        }
        body.insert("tool_choice".to_owned(), json!("any"));
    }
}

/// Leaves one tool on offer: where none can be named, that forces it.
fn only_tool(body: &mut Map<String, Value>, name: &Value) {
    if let Some(Value::Array(tools)) = body.get_mut("tools") {
        tools.retain(|tool| tool["function"]["name"] == *name);
    }
}

/// For strict chat templates: instructions first and nowhere else, and speakers who take turns.
fn merge_roles(body: &mut Map<String, Value>) {
    let Some(Value::Array(messages)) = body.get_mut("messages").map(Value::take) else {
        return;
    };
    let mut merged: Vec<Value> = Vec::with_capacity(messages.len());
    for mut message in messages {
        let instructs = message["role"] == "system" || message["role"] == "developer";
        if instructs && merged.iter().any(|known| known["role"] != "system") {
            let text = as_text(&message["content"]);
            let text = format!("<system-reminder>\n{text}\n</system-reminder>");
            message = json!({"role": "user", "content": text});
        }
        let joins = |last: &&mut Value| {
            last["role"] == message["role"] && is_plain(last) && is_plain(&message)
        };
        match merged.last_mut().filter(joins) {
            Some(last) => {
                last["content"] = joined(last["content"].take(), message["content"].take());
            }
            None => merged.push(message),
        }
    }
    body.insert("messages".to_owned(), merged.into());
}

/// Whether a message has nothing but what is said.
fn is_plain(message: &Value) -> bool {
    message["role"] != "tool"
        && message
            .as_object()
            .is_some_and(|message| message.len() == 2)
}

fn joined(first: Value, second: Value) -> Value {
    match (first, second) {
        (Value::String(first), Value::String(second)) => json!(format!("{first}\n\n{second}")),
        (first, second) => {
            let parts = |content| match content {
                Value::Array(parts) => parts,
                text => vec![json!({"type": "text", "text": text})],
            };
            let mut all = parts(first);
            all.extend(parts(second));
            all.into()
        }
    }
}

fn as_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => String::new(),
    }
}

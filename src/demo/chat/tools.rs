//! Which tools the simulation calls, by a rule a user can predict.
//!
//! A forced tool is called. Otherwise the tools are called whose names the user's last message holds as
//! words, or else the first tool if it speaks of a tool or of the weather, or if a call is required.

use serde_json::Value;

use crate::demo::refusal::Refusal;

use super::request::{ChatRequest, Function};

/// Words that ask for a tool without naming one; the weather is what every tool tutorial asks about.
const HINTS: [&str; 3] = ["tool", "tools", "weather"];

/// `tool_choice`
enum Choice<'a> {
    None,
    Auto,
    Required,
    Named(&'a str),
}

/// The functions to call now, in the client's order; none = answer in text.
pub(super) fn to_call(request: &ChatRequest) -> Result<Vec<&Function>, Refusal> {
    let called = match choice(request.tool_choice.as_ref()) {
        Choice::None => Vec::new(),
        Choice::Auto if !request.ends_with_user() => Vec::new(),
        Choice::Auto => asked_for(request),
        Choice::Required => match asked_for(request) {
            asked if asked.is_empty() => vec![request.functions().next().ok_or_else(no_such)?],
            asked => asked,
        },
        Choice::Named(name) => {
            let mut functions = request.functions();
            vec![functions.find(|f| f.name == name).ok_or_else(no_such)?]
        }
    };
    let most = match request.parallel_tool_calls {
        Some(false) => 1,
        _ => usize::MAX,
    };
    Ok(called.into_iter().take(most).collect())
}

fn choice(value: Option<&Value>) -> Choice<'_> {
    match value {
        Some(Value::String(mode)) if mode == "none" => Choice::None,
        Some(Value::String(mode)) if mode == "required" => Choice::Required,
        Some(forced) => match forced.pointer("/function/name").and_then(Value::as_str) {
            Some(name) => Choice::Named(name),
            None => Choice::Auto,
        },
        None => Choice::Auto,
    }
}

fn no_such() -> Refusal {
    Refusal::invalid_field(
        "tool_choice",
        "`tool_choice` asks for a tool that `tools` does not hold.",
    )
}

fn asked_for(request: &ChatRequest) -> Vec<&Function> {
    let asked = request.asked().to_lowercase();
    let words: Vec<&str> = asked
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
        .collect();
    let is_named = |f: &&Function| words.contains(&f.name.to_lowercase().as_str());
    let named: Vec<&Function> = request.functions().filter(is_named).collect();
    if named.is_empty() && HINTS.iter().any(|hint| words.contains(hint)) {
        return request.functions().take(1).collect();
    }
    named
}

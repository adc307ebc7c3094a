//! `tool_choice`, read and written back.

use serde_json::{Value, json};

use super::node::{Node, others};
use super::tool::WEB_SEARCH;
use crate::chat::request::{Tool, ToolChoice};
use crate::chat::{Leftovers, Request};

/// Switches parallel calls off; it stands inside the choice.
pub(super) const SERIAL: &str = "disable_parallel_tool_use";

/// Reads the choice of the body. One that says more than the neutral form is kept as it came.
pub(super) fn read(node: &mut Node, request: &mut Request, leftovers: &mut Leftovers) {
    let Some(value) = node.fields.take("tool_choice") else {
        return;
    };
    request.parallel_tool_calls = value[SERIAL].as_bool().map(|is_serial| !is_serial);
    request.tool_choice = Some(choice(&value, &request.tools));
    if own(request).as_ref() != Some(&value) {
        let known = ["type", "name", SERIAL];
        for path in others(&value, &known, "tool_choice") {
            leftovers.note(path);
        }
        node.keep("tool_choice", value);
    }
}

fn choice(value: &Value, tools: &[Tool]) -> ToolChoice {
    let name = value["name"].as_str();
    match (value["type"].as_str(), name) {
        (Some("auto"), _) => ToolChoice::Auto,
        (Some("any"), _) => ToolChoice::Required,
        (Some("none"), _) => ToolChoice::None,
        (Some("tool"), Some(name)) if !is_hosted(name, tools) => ToolChoice::Named {
            name: name.to_owned(),
            namespace: None,
        },
        _ => ToolChoice::Foreign(value.clone()),
    }
}

/// Whether the name is that of the provider's own search.
fn is_hosted(name: &str, tools: &[Tool]) -> bool {
    let is_search = |tool: &Tool| matches!(tool, Tool::WebSearch(_));
    name == WEB_SEARCH && tools.iter().any(is_search)
}

/// The choice in the client's own words.
pub(super) fn own(request: &Request) -> Option<Value> {
    let mut value = match request.tool_choice.as_ref()? {
        ToolChoice::Auto => json!({"type": "auto"}),
        ToolChoice::None => json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Named { name, namespace: _ } => json!({"type": "tool", "name": name}),
        ToolChoice::Allowed { is_required, .. } => {
            json!({"type": if *is_required { "any" } else { "auto" }})
        }
        ToolChoice::Foreign(value) => value.clone(),
    };
    if let (Some(is_parallel), Value::Object(map)) = (request.parallel_tool_calls, &mut value) {
        map.insert(SERIAL.to_owned(), Value::Bool(!is_parallel));
    }
    Some(value)
}

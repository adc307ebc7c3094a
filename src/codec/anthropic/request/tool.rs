//! Tools, read. Which are the client's own functions is told by `type`, or by its absence.

use serde_json::Value;

use super::block::cache_mark;
use super::node::Node;
use crate::chat::Leftovers;
use crate::chat::request::{Function, Tool, WebSearch};
use crate::codec::anthropic::cache;
use crate::json::fields::{BadField, Fields};

/// The name of the web search in every version.
pub(super) const WEB_SEARCH: &str = "web_search";

/// How the types of its versions begin.
const WEB_SEARCH_PREFIX: &str = "web_search_";

/// The tools of the body.
pub(super) fn tools(node: &mut Node, leftovers: &mut Leftovers) -> Result<Vec<Tool>, BadField> {
    let list = node.fields.list("tools")?;
    if list.as_ref().is_some_and(Vec::is_empty) {
        node.keep("tools", Value::Array(Vec::new()));
    }
    let list = list.unwrap_or_default();
    list.into_iter()
        .map(|value| tool(value, leftovers))
        .collect()
}

fn tool(value: Value, leftovers: &mut Leftovers) -> Result<Tool, BadField> {
    let kind = value["type"].as_str().unwrap_or("custom").to_owned();
    if kind != "custom" && !kind.starts_with(WEB_SEARCH_PREFIX) {
        return Ok(Tool::Foreign { kind, value });
    }
    let mut node = Node::new(Fields::of(value, "tools[]")?);
    if let Some(kind) = node.fields.take("type")
        && kind == "custom"
    {
        node.keep("type", kind);
    }
    if kind == "custom" {
        function(node, leftovers).map(Tool::Function)
    } else {
        web_search(kind, node, leftovers).map(Tool::WebSearch)
    }
}

fn function(mut node: Node, leftovers: &mut Leftovers) -> Result<Function, BadField> {
    Ok(Function {
        name: node.fields.need_text("name")?,
        namespace: None,
        description: node.fields.text("description")?,
        parameters: node.fields.take("input_schema"),
        strict: node.fields.boolean("strict")?,
        cache: cache_mark(&mut node, leftovers),
        extra: node.finish(leftovers),
    })
}

fn web_search(
    kind: String,
    mut node: Node,
    leftovers: &mut Leftovers,
) -> Result<WebSearch, BadField> {
    for key in ["name", cache::FIELD] {
        if let Some(value) = node.fields.take(key).filter(|value| value != WEB_SEARCH) {
            leftovers.note_idle(node.fields.path_of(key));
            node.keep(key, value);
        }
    }
    Ok(WebSearch {
        kind,
        allowed_domains: node.texts("allowed_domains")?,
        blocked_domains: node.texts("blocked_domains")?,
        location: node.fields.take("user_location"),
        max_uses: node.fields.count("max_uses")?,
        context_size: None,
        extra: node.finish(leftovers),
    })
}

//! The body of a request, read.

use serde_json::{Map, Value};

use super::block;
use super::node::Node;
use super::{choice, settings, tool};
use crate::chat::{Dialect, Leftovers, Message, Part, Request, Role};
use crate::json::fields::{BadField, Fields};

/// How Claude Code's own accounting begins, in the first block of `system`. It changes with every request
/// and would spoil the prompt cache of whoever else got it.
const BILLING_HEADER: &str = "x-anthropic-billing-header";

/// Reads the body of `POST /v1/messages`.
///
/// # Errors
/// A field is not what it must be.
pub fn decode_request(body: Map<String, Value>) -> Result<Request, BadField> {
    let mut node = Node::new(Fields::new(body, ""));
    let mut request = Request::new(Dialect::Anthropic);
    let mut leftovers = Leftovers::default();
    drop_transport(&mut node.fields);
    request.instructions = system(&mut node, &mut leftovers)?;
    request.messages = messages(&mut node, &mut leftovers)?;
    request.tools = tool::tools(&mut node, &mut leftovers)?;
    choice::read(&mut node, &mut request, &mut leftovers);
    settings::read(&mut node, &mut request, &mut leftovers)?;
    request.extra = node.finish(&mut leftovers);
    request.leftovers = leftovers;
    Ok(request)
}

/// Takes out what is the transport's or the gateway's.
fn drop_transport(fields: &mut Fields) {
    for key in [
        "model",
        "stream",
        "stream_options",
        "alias",
        "strict_alias",
        "extra_body",
    ] {
        fields.take(key);
    }
    if fields.peek_text("provider").is_some() {
        fields.take("provider");
    }
}

fn system(node: &mut Node, leftovers: &mut Leftovers) -> Result<Vec<Part>, BadField> {
    let blocks = match node.fields.take("system") {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => return Ok(vec![Part::text(text)]),
        Some(Value::Array(blocks)) => blocks,
        Some(_) => return Err(node.fields.bad("system", "a string or an array")),
    };
    let mut own = Vec::new();
    let mut parts = Vec::with_capacity(blocks.len());
    for value in blocks {
        let is_header = |text: &str| text.starts_with(BILLING_HEADER);
        if parts.is_empty() && value["text"].as_str().is_some_and(is_header) {
            leftovers.note_idle(format!("system[].{BILLING_HEADER}"));
            own.push(value);
        } else {
            parts.push(block::block(value, leftovers)?);
        }
    }
    // Kept in any case: it says that a list was meant.
    node.keep("system", Value::Array(own));
    Ok(parts)
}

fn messages(node: &mut Node, leftovers: &mut Leftovers) -> Result<Vec<Message>, BadField> {
    let list = node.fields.list("messages")?;
    let list = list.ok_or_else(|| node.fields.bad("messages", "an array"))?;
    list.into_iter()
        .map(|value| message(value, leftovers))
        .collect()
}

fn message(value: Value, leftovers: &mut Leftovers) -> Result<Message, BadField> {
    let mut node = Node::new(Fields::of(value, "messages[]")?);
    let role = match node.fields.need_text("role")?.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "developer" => Role::Developer,
        _ => return Err(node.fields.bad("role", "`user`, `assistant` or `system`")),
    };
    let content = node.fields.take("content");
    let parts = block::content(content, &mut node, leftovers)?;
    Ok(Message {
        role,
        parts,
        name: None,
        extra: node.finish(leftovers),
    })
}

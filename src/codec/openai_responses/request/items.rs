//! Items of the input, read: one item is one message.

use serde_json::{Map, Value, json};

use super::super::node::{AS_ITEM, AS_TEXT, BARE, CONTENT, Kept, OUTPUT};
use super::{parts, thought, tools};
use crate::chat::part::{Foreign, ToolCall, ToolKind, ToolResult};
use crate::chat::request::{Message, Role};
use crate::chat::{Content, Dialect, Part, Request};
use crate::json::fields::{BadField, Fields};

/// Where an item stands.
const PATH: &str = "input[]";

/// Reads an item.
pub(super) fn read(item: Value, request: &mut Request) -> Result<(), BadField> {
    let map = match item {
        Value::Object(map) => map,
        Value::String(text) => {
            let message = Message::new(Role::User, vec![Part::text(text)]);
            request.messages.push(message);
            return Ok(());
        }
        _ => return Err(BadField::new(PATH, "an object")),
    };
    let kind = kind(&map)?.to_owned();
    let message = match kind.as_str() {
        "message" => message(map, request)?,
        "function_call" => call(map, ToolKind::Function, request)?,
        "custom_tool_call" => call(map, ToolKind::Freeform, request)?,
        "function_call_output" => result(map, ToolKind::Function, request)?,
        "custom_tool_call_output" => result(map, ToolKind::Freeform, request)?,
        "reasoning" => return thought::read(Fields::new(map, PATH), request),
        "additional_tools" => additional_tools(map, request)?,
        _ => foreign(kind, map),
    };
    request.messages.push(message);
    Ok(())
}

/// The type of an item: messages and references may leave it out.
fn kind(map: &Map<String, Value>) -> Result<&str, BadField> {
    match map.get("type") {
        Some(Value::String(kind)) => Ok(kind),
        None | Some(Value::Null) if map.contains_key("role") => Ok("message"),
        None | Some(Value::Null) if map.contains_key("id") => Ok("item_reference"),
        _ => Err(BadField::new(format!("{PATH}.type"), "a type of item")),
    }
}

/// What says only how the wire is held: it means nothing elsewhere.
pub(super) fn bookkeeping(fields: &mut Fields, kept: &mut Kept) {
    for key in ["type", "id", "status"] {
        kept.keep(fields, key);
    }
}

fn message(map: Map<String, Value>, request: &mut Request) -> Result<Message, BadField> {
    let mut fields = Fields::new(map, PATH);
    let mut kept = Kept::default();
    bookkeeping(&mut fields, &mut kept);
    let role = match fields.need_text("role")?.as_str() {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return Err(fields.bad("role", "user, assistant, system or developer")),
    };
    let parts = match fields.take("content") {
        None => Vec::new(),
        Some(Value::String(text)) => {
            kept.mark(CONTENT, AS_TEXT);
            vec![Part::text(text)]
        }
        Some(Value::Array(list)) => {
            if role == Role::Assistant && list.iter().all(|part| part.get("annotations").is_none())
            {
                kept.mark(CONTENT, BARE);
            }
            parts::read_all(list, role, "input[].content[]", &mut request.leftovers)?
        }
        Some(_) => return Err(fields.bad("content", "a string or an array")),
    };
    let mut message = Message::new(role, parts);
    message.extra = kept.with(fields, &mut request.leftovers);
    Ok(message)
}

fn call(
    map: Map<String, Value>,
    kind: ToolKind,
    request: &mut Request,
) -> Result<Message, BadField> {
    let mut fields = Fields::new(map, PATH);
    let mut kept = Kept::default();
    let id = fields.text("call_id")?;
    let id = id.or_else(|| fields.peek_text("id").map(str::to_owned));
    bookkeeping(&mut fields, &mut kept);
    let arguments = fields.take(match kind {
        ToolKind::Function => "arguments",
        ToolKind::Freeform => "input",
    });
    let call = ToolCall {
        id: id.ok_or_else(|| fields.bad("call_id", "a string"))?,
        name: fields.need_text("name")?,
        namespace: fields.text("namespace")?,
        arguments: as_text(arguments),
        kind,
        signature: None,
    };
    let mut message = Message::new(Role::Assistant, vec![Part::new(Content::ToolCall(call))]);
    message.extra = kept.with(fields, &mut request.leftovers);
    Ok(message)
}

/// Text as it is, anything else as JSON: some clients parse what the model wrote.
fn as_text(value: Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(value) => value.to_string(),
    }
}

fn result(
    map: Map<String, Value>,
    kind: ToolKind,
    request: &mut Request,
) -> Result<Message, BadField> {
    let mut fields = Fields::new(map, PATH);
    let mut kept = Kept::default();
    bookkeeping(&mut fields, &mut kept);
    let id = fields.need_text("call_id")?;
    let name = fields.text("name")?;
    let parts = match fields.take("output") {
        Some(Value::Array(list)) => {
            parts::read_all(list, Role::Tool, "input[].output[]", &mut request.leftovers)?
        }
        output => {
            kept.mark(OUTPUT, AS_TEXT);
            vec![Part::text(as_text(output))]
        }
    };
    let result = ToolResult {
        id,
        name,
        parts,
        is_error: false,
        kind,
    };
    let mut message = Message::new(Role::Tool, vec![Part::new(Content::ToolResult(result))]);
    message.extra = kept.with(fields, &mut request.leftovers);
    Ok(message)
}

/// Tools that come as an item (Codex, for its newest models). The item says nothing else, so what is left
/// is a message without parts that only its own dialect writes again.
fn additional_tools(map: Map<String, Value>, request: &mut Request) -> Result<Message, BadField> {
    let list = match map.get("tools") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => list.clone(),
        Some(_) => return Err(BadField::new("input[].tools", "an array")),
    };
    for tool in list {
        tools::read(tool, &mut request.tools, &mut request.leftovers)?;
    }
    let mut message = Message::new(Role::Developer, Vec::new());
    message.extra = map.into();
    Ok(message)
}

/// How many tools an item of tools brought.
pub(super) fn count_tools(message: &Message) -> usize {
    let Some(Value::Array(list)) = message.extra.get("tools") else {
        return 0;
    };
    let mut read = Vec::new();
    for tool in list {
        // What was read once without an error is again.
        let _ = tools::read(
            tool.clone(),
            &mut read,
            &mut crate::chat::Leftovers::default(),
        );
    }
    read.len()
}

/// An item that only this dialect has: a hosted tool's call or what it found, a reference, a summary.
fn foreign(kind: String, map: Map<String, Value>) -> Message {
    let is_result = kind.ends_with("_output") || kind == "mcp_approval_response";
    let role = if is_result {
        Role::User
    } else {
        Role::Assistant
    };
    let part = Part::new(Content::Foreign(Foreign {
        dialect: Dialect::OpenAiResponses,
        kind,
        value: Value::Object(map),
    }));
    let mut message = Message::new(role, vec![part]);
    message.extra.set(CONTENT, json!(AS_ITEM));
    message
}

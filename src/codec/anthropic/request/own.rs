//! A request of this dialect, written as it was read (law L1).
//!
//! It passes through the neutral form only when its thoughts are sealed, since they may be another
//! provider's; everything else is as the client wrote it.

use serde_json::{Map, Value};

use super::own_block::Blocks;
use super::{choice, settings};
use crate::chat::request::{Function, Sampling, Tool, WebSearch};
use crate::chat::{Extra, Message, Report, Request, Role};
use crate::codec::anthropic::cache;
use crate::codec::target::Target;

/// The body, for the target.
pub(super) fn encode(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Map<String, Value> {
    let mut body = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            body.insert(key.to_owned(), value);
        }
    };
    let mut blocks = Blocks { target, report };
    put("model", Some(target.model.into()));
    put("stream", Some(target.streams.into()));
    put("system", system(request, &mut blocks));
    let messages = request
        .messages
        .iter()
        .filter_map(|m| message(m, &mut blocks));
    put("messages", Some(messages.collect()));
    let tools: Vec<Value> = request.tools.iter().map(tool).collect();
    put("tools", (!tools.is_empty()).then(|| tools.into()));
    put(
        "tool_choice",
        request
            .extra
            .get("tool_choice")
            .cloned()
            .or_else(|| choice::own(request)),
    );
    put("max_tokens", request.max_tokens.map(Value::from));
    put(
        "cache_control",
        request
            .cache
            .as_ref()
            .map(|mark| mark_of(mark, &request.extra)),
    );
    put("metadata", metadata(request));
    put(
        "service_tier",
        request.service_tier.as_deref().map(service_tier),
    );
    let thinking = request.thinking.as_ref();
    put("thinking", thinking.and_then(settings::own_thinking));
    put("output_config", output_config(request));
    let Sampling {
        temperature,
        top_p,
        top_k,
        stop,
        // Not of this dialect.
        seed: _,
        frequency_penalty: _,
        presence_penalty: _,
    } = &request.sampling;
    for (key, number) in [
        ("temperature", temperature),
        ("top_p", top_p),
        ("top_k", top_k),
    ] {
        put(key, number.clone().map(Value::Number));
    }
    put(
        "stop_sequences",
        (!stop.is_empty()).then(|| stop.clone().into()),
    );
    request.extra.merge_into(&mut body);
    body
}

/// A mark with whatever else it said.
pub(super) fn mark_of(mark: &crate::chat::part::CacheMark, extra: &Extra) -> Value {
    let raw = extra.get(cache::FIELD).cloned();
    raw.unwrap_or_else(|| cache::write(mark))
}

fn system(request: &Request, blocks: &mut Blocks<'_, '_>) -> Option<Value> {
    let Some(kept) = request.extra.get("system") else {
        let text = request.instructions.first()?.as_plain_text()?;
        return Some(text.into());
    };
    let mut list = kept.as_array().cloned().unwrap_or_default();
    list.extend(
        request
            .instructions
            .iter()
            .filter_map(|part| blocks.block(part)),
    );
    Some(list.into())
}

/// A message; `None` if nothing is left of it but what was stripped.
fn message(message: &Message, blocks: &mut Blocks<'_, '_>) -> Option<Value> {
    let role = match message.role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    };
    let content = blocks.content(&message.parts, &message.extra);
    let was_stripped = content.as_array().is_some_and(Vec::is_empty) && !message.parts.is_empty();
    let mut map = Map::new();
    map.insert("role".to_owned(), role.into());
    map.insert("content".to_owned(), content);
    message.extra.merge_into(&mut map);
    (!was_stripped).then_some(Value::Object(map))
}

fn tool(tool: &Tool) -> Value {
    match tool {
        Tool::Function(function) => self::function(function),
        Tool::WebSearch(search) => web_search(search),
        Tool::Foreign { value, .. } => value.clone(),
        // This dialect has none, so that none was read.
        Tool::Freeform(tool) => Value::from(tool.name.as_str()),
    }
}

fn function(function: &Function) -> Value {
    let Function {
        name,
        namespace: _,
        description,
        parameters,
        strict,
        cache,
        extra,
    } = function;
    let mut map = Map::new();
    map.insert("name".to_owned(), name.as_str().into());
    let mut put = |key: &str, value: Option<Value>| {
        map.extend(value.map(|value| (key.to_owned(), value)));
    };
    put("description", description.as_deref().map(Value::from));
    put("input_schema", parameters.clone());
    put("strict", strict.map(Value::from));
    put(
        cache::FIELD,
        cache.as_ref().map(|mark| mark_of(mark, extra)),
    );
    extra.merge_into(&mut map);
    Value::Object(map)
}

fn web_search(search: &WebSearch) -> Value {
    let WebSearch {
        kind,
        allowed_domains,
        blocked_domains,
        location,
        max_uses,
        context_size: _,
        extra,
    } = search;
    let list = |domains: &Vec<String>| (!domains.is_empty()).then(|| domains.clone().into());
    let mut map = Map::new();
    map.insert("type".to_owned(), kind.as_str().into());
    let mut put = |key: &str, value: Option<Value>| {
        map.extend(value.map(|value| (key.to_owned(), value)));
    };
    put(
        "name",
        extra.get("name").cloned().or(Some("web_search".into())),
    );
    put("allowed_domains", list(allowed_domains));
    put("blocked_domains", list(blocked_domains));
    put("user_location", location.clone());
    put("max_uses", max_uses.map(Value::from));
    extra.merge_into(&mut map);
    Value::Object(map)
}

fn metadata(request: &Request) -> Option<Value> {
    let mut map = Map::new();
    if let Some(user) = &request.user {
        map.insert("user_id".to_owned(), user.as_str().into());
    }
    map.extend(request.metadata.clone().into_iter().flatten());
    (request.user.is_some() || request.metadata.is_some()).then_some(Value::Object(map))
}

fn service_tier(tier: &str) -> Value {
    if tier == "default" {
        "standard_only"
    } else {
        tier
    }
    .into()
}

fn output_config(request: &Request) -> Option<Value> {
    let mut map = match request.extra.get("output_config") {
        Some(Value::Object(raw)) => raw.clone(),
        _ => Map::new(),
    };
    let effort = request
        .thinking
        .as_ref()
        .and_then(|thinking| thinking.effort);
    if let Some(effort) = effort {
        map.insert("effort".to_owned(), effort.name().into());
    }
    let is_elsewhere = request.extra.get("output_format").is_some();
    let format = request.format.as_ref().filter(|_| !is_elsewhere);
    if let Some(format) = format.and_then(settings::own_format) {
        map.entry("format").or_insert(format);
    }
    (!map.is_empty()).then_some(Value::Object(map))
}

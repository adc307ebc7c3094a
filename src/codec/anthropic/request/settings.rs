//! Everything of a request but its conversation and tools, read: limits, sampling, thinking, format.

use serde_json::{Map, Value, json};

use super::block::cache_mark;
use super::node::{Node, others};
use crate::chat::request::{Format, Thinking, ThinkingMode};
use crate::chat::{Effort, Leftovers, Request};
use crate::json::fields::{BadField, Fields};

/// Reads them into `request`.
pub(super) fn read(
    node: &mut Node,
    request: &mut Request,
    leftovers: &mut Leftovers,
) -> Result<(), BadField> {
    request.max_tokens = node.fields.count("max_tokens")?;
    request.sampling.temperature = node.fields.number("temperature")?;
    request.sampling.top_p = node.fields.number("top_p")?;
    request.sampling.top_k = node.fields.number("top_k")?;
    request.sampling.stop = node.texts("stop_sequences")?;
    request.cache = cache_mark(node, leftovers);
    request.thinking = thinking(node, leftovers)?;
    output_config(node, request, leftovers)?;
    output_format(node, request, leftovers);
    metadata(node, request)?;
    request.service_tier = service_tier(node);
    Ok(())
}

fn thinking(node: &mut Node, leftovers: &mut Leftovers) -> Result<Option<Thinking>, BadField> {
    let Some(value) = node.fields.take("thinking") else {
        return Ok(None);
    };
    let mut fields = Fields::of(value.clone(), "thinking")?;
    let kind = fields.text("type")?;
    let budget = fields.number("budget_tokens")?;
    if budget
        .as_ref()
        .is_some_and(|budget| budget.as_i64().is_none())
    {
        return Err(fields.bad("budget_tokens", "a whole number"));
    }
    let display = fields.text("display")?;
    let mut thinking = Thinking {
        budget: budget.and_then(|budget| budget.as_i64()),
        mode: kind.as_deref().and_then(mode),
        is_shown: display.as_deref().and_then(is_shown),
        ..Thinking::default()
    };
    let mut inner = Node::new(fields);
    if own_thinking(&thinking).as_ref() != Some(&value) {
        if kind.is_some() && thinking.mode.is_none() {
            leftovers.note("thinking.type".to_owned());
        }
        if display.is_some() && thinking.is_shown.is_none() {
            leftovers.note("thinking.display".to_owned());
        }
        inner.keep(RAW, value);
    }
    thinking.extra = inner.finish(leftovers);
    Ok(Some(thinking))
}

/// Where the switch is kept as it came, if it says more than the neutral form.
pub(super) const RAW: &str = "thinking";

fn mode(kind: &str) -> Option<ThinkingMode> {
    match kind {
        "enabled" => Some(ThinkingMode::Enabled),
        "adaptive" => Some(ThinkingMode::Adaptive),
        "disabled" => Some(ThinkingMode::Disabled),
        _ => None,
    }
}

fn is_shown(display: &str) -> Option<bool> {
    match display {
        "summarized" => Some(true),
        "omitted" => Some(false),
        _ => None,
    }
}

/// The switch in the client's own words; `None` where it was not used.
pub(super) fn own_thinking(thinking: &Thinking) -> Option<Value> {
    if let Some(raw) = thinking.extra.get(RAW) {
        return Some(raw.clone());
    }
    let kind = match thinking.mode? {
        ThinkingMode::Enabled => "enabled",
        ThinkingMode::Adaptive => "adaptive",
        ThinkingMode::Disabled => "disabled",
    };
    let mut value = json!({"type": kind});
    if let Some(budget) = thinking.budget {
        value["budget_tokens"] = budget.into();
    }
    if let Some(is_shown) = thinking.is_shown {
        value["display"] = if is_shown { "summarized" } else { "omitted" }.into();
    }
    Some(value)
}

/// `output_config`: how hard, and in what form. What is left of it is kept.
fn output_config(
    node: &mut Node,
    request: &mut Request,
    leftovers: &mut Leftovers,
) -> Result<(), BadField> {
    let Some(mut fields) = node.fields.object("output_config")? else {
        return Ok(());
    };
    if let Some(value) = fields.take("effort") {
        match value.as_str().and_then(effort) {
            Some(effort) => request.thinking.get_or_insert_default().effort = Some(effort),
            None => fields.put_back("effort", value),
        }
    }
    let mut raw = Map::new();
    if let Some(value) = fields.take("format") {
        match format(&value) {
            Some(format) => {
                if own_format(&format).as_ref() != Some(&value) {
                    note_format(&value, "output_config.format", leftovers);
                    raw.insert("format".to_owned(), value);
                }
                request.format = Some(format);
            }
            None => fields.put_back("format", value),
        }
    }
    leftovers.collect(fields).merge_into(&mut raw);
    if !raw.is_empty() {
        node.keep("output_config", Value::Object(raw));
    }
    Ok(())
}

/// A level in this dialect's spelling.
fn effort(name: &str) -> Option<Effort> {
    Effort::parse(name).filter(|effort| effort.name() == name)
}

fn format(value: &Value) -> Option<Format> {
    let schema = value
        .get("schema")
        .filter(|_| value["type"] == "json_schema")?;
    Some(Format::Schema {
        name: value["name"].as_str().map(str::to_owned),
        description: None,
        schema: schema.clone(),
        strict: None,
    })
}

/// Notes what a format says beyond its schema.
fn note_format(value: &Value, path: &str, leftovers: &mut Leftovers) {
    let known = ["type", "schema", "name"];
    for path in others(value, &known, path) {
        leftovers.note(path);
    }
}

/// The format in the client's own words; `None` for one that this dialect has no word for.
pub(super) fn own_format(format: &Format) -> Option<Value> {
    match format {
        Format::Schema { schema, .. } => Some(json!({"type": "json_schema", "schema": schema})),
        Format::Text | Format::Json => None,
    }
}

/// The format's older place.
fn output_format(node: &mut Node, request: &mut Request, leftovers: &mut Leftovers) {
    let Some(value) = node.fields.take("output_format") else {
        return;
    };
    match format(&value).filter(|_| request.format.is_none()) {
        Some(format) => {
            request.format = Some(format);
            note_format(&value, "output_format", leftovers);
            node.keep("output_format", value);
        }
        None => node.fields.put_back("output_format", value),
    }
}

/// `user_id` is the user; everything else are labels.
fn metadata(node: &mut Node, request: &mut Request) -> Result<(), BadField> {
    let Some(value) = node.fields.take("metadata") else {
        return Ok(());
    };
    let mut fields = Fields::of(value, "metadata")?;
    request.user = fields.text("user_id")?;
    let rest = fields.into_rest();
    if request.user.is_none() || !rest.is_empty() {
        request.metadata = Some(rest);
    }
    Ok(())
}

/// The tier in neutral words; one of no known name stays a leftover.
fn service_tier(node: &mut Node) -> Option<String> {
    let value = node.fields.take("service_tier")?;
    match value.as_str() {
        Some("auto") => Some("auto".to_owned()),
        Some("standard_only") => Some("default".to_owned()),
        _ => {
            node.fields.put_back("service_tier", value);
            None
        }
    }
}

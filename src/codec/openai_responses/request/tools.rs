//! Tools on offer and the choice among them, read.

use serde_json::{Map, Value};

use super::super::node::{GROUP, Kept};
use crate::chat::Leftovers;
use crate::chat::request::{Freeform, Function, Tool, ToolChoice, WebSearch};
use crate::json::fields::{BadField, Fields};

/// Where a tool stands.
const PATH: &str = "tools[]";

/// Reads a tool into `out`; a group becomes the tools in it. What Codex always offers and nobody else
/// has is handed back: it is no reason to refuse a request.
pub(super) fn read(
    tool: Value,
    out: &mut Vec<Tool>,
    leftovers: &mut Leftovers,
) -> Result<Option<Value>, BadField> {
    let kind = kind(&tool)?.to_owned();
    match kind.as_str() {
        "namespace" => group(tool, out, leftovers)?,
        "tool_search" => {
            leftovers.note("tools[].tool_search".to_owned());
            return Ok(Some(tool));
        }
        _ => out.push(single(kind, tool, None, leftovers)?),
    }
    Ok(None)
}

fn kind(tool: &Value) -> Result<&str, BadField> {
    let kind = tool.get("type").and_then(Value::as_str);
    kind.ok_or_else(|| BadField::new(format!("{PATH}.type"), "a type of tool"))
}

fn single(
    kind: String,
    tool: Value,
    namespace: Option<&str>,
    leftovers: &mut Leftovers,
) -> Result<Tool, BadField> {
    let is_search = kind.starts_with("web_search") && namespace.is_none();
    match kind.as_str() {
        "function" => Ok(Tool::Function(function(
            Fields::of(unwrap(tool, "function"), PATH)?,
            namespace,
            leftovers,
        )?)),
        "custom" => Ok(Tool::Freeform(freeform(
            Fields::of(unwrap(tool, "custom"), PATH)?,
            namespace,
            leftovers,
        )?)),
        _ if is_search => Ok(Tool::WebSearch(search(
            kind,
            Fields::of(tool, PATH)?,
            leftovers,
        )?)),
        _ => Ok(Tool::Foreign { kind, value: tool }),
    }
}

/// The shape of Chat has the tool one level deeper.
fn unwrap(mut tool: Value, key: &str) -> Value {
    match tool.get_mut(key) {
        Some(inner @ Value::Object(_)) => inner.take(),
        _ => tool,
    }
}

fn group(tool: Value, out: &mut Vec<Tool>, leftovers: &mut Leftovers) -> Result<(), BadField> {
    let mut fields = Fields::of(tool, PATH)?;
    let name = fields.need_text("name")?;
    let tools = fields.list("tools")?.unwrap_or_default();
    fields.take("type");
    let mut whole = Map::new();
    leftovers.collect(fields).merge_into(&mut whole);
    for (place, tool) in tools.into_iter().enumerate() {
        let kind = kind(&tool)?.to_owned();
        let mut tool = single(kind, tool, Some(&name), leftovers)?;
        if place == 0 {
            remember(&mut tool, &whole);
        }
        out.push(tool);
    }
    Ok(())
}

/// The first tool of a group remembers the group.
fn remember(tool: &mut Tool, group: &Map<String, Value>) {
    let group = Value::Object(group.clone());
    match tool {
        Tool::Function(tool) => tool.extra.set(GROUP, group),
        Tool::Freeform(tool) => tool.extra.set(GROUP, group),
        Tool::WebSearch(_) | Tool::Foreign { .. } => {}
    }
}

fn function(
    mut fields: Fields,
    namespace: Option<&str>,
    leftovers: &mut Leftovers,
) -> Result<Function, BadField> {
    fields.take("type");
    Ok(Function {
        name: fields.need_text("name")?,
        namespace: namespace.map(str::to_owned),
        description: fields.text("description")?,
        parameters: fields.take("parameters"),
        strict: fields.boolean("strict")?,
        cache: None,
        extra: Kept::default().with(fields, leftovers),
    })
}

fn freeform(
    mut fields: Fields,
    namespace: Option<&str>,
    leftovers: &mut Leftovers,
) -> Result<Freeform, BadField> {
    fields.take("type");
    Ok(Freeform {
        name: fields.need_text("name")?,
        namespace: namespace.map(str::to_owned),
        description: fields.text("description")?,
        format: fields.take("format"),
        extra: Kept::default().with(fields, leftovers),
    })
}

fn search(
    kind: String,
    mut fields: Fields,
    leftovers: &mut Leftovers,
) -> Result<WebSearch, BadField> {
    fields.take("type");
    let mut kept = Kept::default();
    let domains = |key| texts(fields.peek("filters").and_then(|filters| filters.get(key)));
    let (allowed_domains, blocked_domains) =
        (domains("allowed_domains"), domains("blocked_domains"));
    kept.keep(&mut fields, "filters");
    Ok(WebSearch {
        kind,
        allowed_domains,
        blocked_domains,
        location: fields.take("user_location"),
        max_uses: None,
        context_size: fields.text("search_context_size")?,
        extra: kept.with(fields, leftovers),
    })
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|text| text.as_str().map(str::to_owned))
        .collect()
}

/// Reads the choice of a tool.
pub(super) fn read_choice(choice: Value) -> Result<ToolChoice, BadField> {
    match &choice {
        Value::String(mode) => match mode.as_str() {
            "auto" => Ok(ToolChoice::Auto),
            "none" => Ok(ToolChoice::None),
            "required" => Ok(ToolChoice::Required),
            _ => Ok(ToolChoice::Foreign(choice)),
        },
        Value::Object(map) => Ok(named(map)
            .or_else(|| allowed(map))
            .unwrap_or(ToolChoice::Foreign(choice))),
        _ => Err(BadField::new("tool_choice", "a string or an object")),
    }
}

fn named(map: &Map<String, Value>) -> Option<ToolChoice> {
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    let kind = text("type")?;
    let name = text("name").or_else(|| map.get(kind)?.get("name")?.as_str())?;
    matches!(kind, "function" | "custom").then(|| ToolChoice::Named {
        name: name.to_owned(),
        namespace: text("namespace").map(str::to_owned),
    })
}

/// A choice among tools that all have nothing but a name; any other is only its own dialect's.
fn allowed(map: &Map<String, Value>) -> Option<ToolChoice> {
    let text = |key: &str| map.get(key).and_then(Value::as_str);
    if text("type")? != "allowed_tools" {
        return None;
    }
    let name = |tool: &Value| {
        let kind = tool.get("type")?.as_str()?;
        let is_plain = matches!(kind, "function" | "custom") && tool.as_object()?.len() == 2;
        is_plain.then(|| tool.get("name")?.as_str().map(str::to_owned))?
    };
    let tools = map.get("tools")?.as_array()?.iter();
    Some(ToolChoice::Allowed {
        is_required: text("mode")? == "required",
        names: tools.map(name).collect::<Option<_>>()?,
    })
}

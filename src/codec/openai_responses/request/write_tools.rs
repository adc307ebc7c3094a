//! Tools on offer and the choice among them, written.

use serde_json::{Value, json};

use super::super::node::{GROUP, Node, TOOLS};
use super::encode::Context;
use super::items::count_tools;
use crate::chat::request::{Freeform, Function, Tool, ToolChoice, WebSearch};
use crate::chat::{Dialect, Extra, Report};
use crate::codec::field_names::Field;
use crate::codec::schema::fits_openai_strict;
use crate::codec::target::Refusal;

/// What a tool is called, for a fingerprint.
pub(super) fn name(tool: &Tool) -> &str {
    match tool {
        Tool::Function(tool) => &tool.name,
        Tool::Freeform(tool) => &tool.name,
        Tool::WebSearch(tool) => &tool.kind,
        Tool::Foreign { kind, .. } => kind,
    }
}

/// Writes tools, choice and whether several calls are welcome.
pub(super) fn write(cx: &Context<'_>, node: &mut Node, report: &mut Report) -> Result<(), Refusal> {
    let mut tools = list(cx, report)?;
    if cx.is_own {
        put_aside_back(cx, &mut tools);
    }
    let has_tools = !tools.is_empty();
    if has_tools {
        node.put("tools", tools);
    }
    // Beside no tools the upstream refuses a choice; the client's own request is the client's.
    if !has_tools && !cx.is_own {
        return Ok(());
    }
    if let Some(choice) = &cx.request.tool_choice
        && let Some(choice) = write_choice(cx, choice, report)
    {
        node.put("tool_choice", choice);
    }
    if let Some(parallel) = cx.request.parallel_tool_calls {
        node.put("parallel_tool_calls", parallel);
    }
    Ok(())
}

fn list(cx: &Context<'_>, report: &mut Report) -> Result<Vec<Value>, Refusal> {
    let tools = own_tools(cx);
    let mut written: Vec<Value> = Vec::with_capacity(tools.len());
    let mut open: Option<&str> = None;
    for tool in tools {
        let value = single(cx, tool, report)?;
        let (namespace, begins) = place(tool);
        match namespace {
            None => written.push(value),
            Some(name) => {
                if open != namespace || begins.is_some() {
                    written.push(group(name, begins));
                }
                let last = written.last_mut().and_then(|group| group.get_mut("tools"));
                if let Some(Value::Array(tools)) = last {
                    tools.push(value);
                }
            }
        }
        open = namespace;
    }
    Ok(written)
}

/// The tools of the list itself: those that came as items are written with their items.
fn own_tools<'a>(cx: &Context<'a>) -> &'a [Tool] {
    let tools = &cx.request.tools;
    if !cx.is_own {
        return tools;
    }
    let items = cx.request.messages.iter().map(count_tools).sum::<usize>();
    &tools[..tools.len().saturating_sub(items)]
}

/// The group of a tool, and what was kept of it if it begins here.
fn place(tool: &Tool) -> (Option<&str>, Option<&Value>) {
    let (namespace, extra): (_, &Extra) = match tool {
        Tool::Function(tool) => (&tool.namespace, &tool.extra),
        Tool::Freeform(tool) => (&tool.namespace, &tool.extra),
        Tool::WebSearch(_) | Tool::Foreign { .. } => return (None, None),
    };
    (namespace.as_deref(), extra.get(GROUP))
}

fn group(name: &str, kept: Option<&Value>) -> Value {
    let mut node = Node::typed("namespace").with("name", name);
    for (key, value) in kept.and_then(Value::as_object).into_iter().flatten() {
        node.put(key, value.clone());
    }
    node.with("tools", json!([])).into()
}

/// What was set aside, where it stood. Places count what the client listed, groups as one.
fn put_aside_back(cx: &Context<'_>, tools: &mut Vec<Value>) {
    let aside = cx.request.extra.get(TOOLS).and_then(Value::as_array);
    for entry in aside.into_iter().flatten() {
        if let (Some(place), Some(tool)) = (entry[0].as_u64(), entry.get(1)) {
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            tools.insert(place.min(tools.len()), tool.clone());
        }
    }
}

fn single(cx: &Context<'_>, tool: &Tool, report: &mut Report) -> Result<Value, Refusal> {
    match tool {
        Tool::Function(tool) => Ok(function(cx, tool, report)),
        Tool::Freeform(tool) => Ok(freeform(cx, tool)),
        Tool::WebSearch(tool) => Ok(search(cx, tool, report)),
        Tool::Foreign { value, .. } if cx.is_own => Ok(value.clone()),
        Tool::Foreign { kind, .. } => {
            let field = cx.name(Field::Tools);
            let message = format!("`{field}`: the Responses API has no tool `{kind}`");
            Err(Refusal::new(field, message))
        }
    }
}

fn function(cx: &Context<'_>, tool: &Function, report: &mut Report) -> Value {
    let Function {
        name,
        namespace,
        description,
        parameters,
        strict,
        cache,
        extra,
    } = tool;
    if cache.is_some() {
        report.note(cx.name(Field::CacheMarks));
    }
    let node = Node::new(cx.is_own.then_some(extra), &[GROUP])
        .with("type", "function")
        .with("name", cx.target.tools.outward(name, namespace.as_deref()))
        .maybe("description", description.as_deref());
    if cx.is_own {
        let node = node.maybe("parameters", parameters.clone());
        return node.maybe("strict", *strict).into();
    }
    // Both are required by the specification, and what is left out may be taken for strict.
    let parameters = parameters.clone().filter(Value::is_object);
    let parameters = parameters.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
    let strict = strictness(cx, *strict, &parameters, report);
    node.with("parameters", parameters)
        .with("strict", strict)
        .into()
}

/// Whether the tool is strict here: a schema written for another vendor is not mended, only relaxed.
fn strictness(
    cx: &Context<'_>,
    strict: Option<bool>,
    parameters: &Value,
    report: &mut Report,
) -> bool {
    let wanted = strict.unwrap_or(false);
    let is_openai = cx.request.dialect == Dialect::OpenAiChat;
    let given = wanted && (is_openai || fits_openai_strict(parameters));
    if given != wanted {
        report.adjust(cx.name(Field::ToolStrict), given);
    }
    given
}

fn freeform(cx: &Context<'_>, tool: &Freeform) -> Value {
    let Freeform {
        name,
        namespace,
        description,
        format,
        extra,
    } = tool;
    Node::new(cx.is_own.then_some(extra), &[GROUP])
        .with("type", "custom")
        .with("name", cx.target.tools.outward(name, namespace.as_deref()))
        .maybe("description", description.as_deref())
        .maybe("format", format.clone())
        .into()
}

fn search(cx: &Context<'_>, tool: &WebSearch, report: &mut Report) -> Value {
    let WebSearch {
        kind,
        allowed_domains,
        blocked_domains,
        location,
        max_uses,
        context_size,
        extra,
    } = tool;
    let node = Node::new(cx.is_own.then_some(extra), &[]);
    if cx.is_own {
        return node
            .with("type", kind.as_str())
            .maybe("user_location", location.clone())
            .maybe("search_context_size", context_size.as_deref())
            .into();
    }
    if !blocked_domains.is_empty() {
        report.drop("tools[].blocked_domains");
    }
    if max_uses.is_some() {
        report.drop("tools[].max_uses");
    }
    let filters = json!({"allowed_domains": allowed_domains});
    node.with("type", "web_search")
        .maybe("filters", (!allowed_domains.is_empty()).then_some(filters))
        .maybe("user_location", location.clone())
        .maybe("search_context_size", context_size.as_deref())
        .into()
}

fn write_choice(cx: &Context<'_>, choice: &ToolChoice, report: &mut Report) -> Option<Value> {
    Some(match choice {
        ToolChoice::Auto => json!("auto"),
        ToolChoice::None => json!("none"),
        ToolChoice::Required => json!("required"),
        ToolChoice::Named { name, namespace } => {
            let outward = cx.target.tools.outward(name, namespace.as_deref());
            Node::typed(kind_of(cx, name))
                .with("name", outward)
                .maybe("namespace", namespace.as_deref())
                .into()
        }
        ToolChoice::Allowed { is_required, names } => {
            let tools: Vec<Value> = names
                .iter()
                .map(|name| {
                    json!({"type": kind_of(cx, name), "name": cx.target.tools.outward(name, None)})
                })
                .collect();
            let mode = if *is_required { "required" } else { "auto" };
            json!({"type": "allowed_tools", "mode": mode, "tools": tools})
        }
        ToolChoice::Foreign(value) if cx.is_own => value.clone(),
        ToolChoice::Foreign(_) => {
            report.drop(cx.name(Field::ToolChoice));
            return None;
        }
    })
}

/// The type of the tool of this name.
fn kind_of(cx: &Context<'_>, name: &str) -> &'static str {
    let is_freeform = |tool: &Tool| matches!(tool, Tool::Freeform(tool) if tool.name == name);
    if cx.request.tools.iter().any(is_freeform) {
        "custom"
    } else {
        "function"
    }
}

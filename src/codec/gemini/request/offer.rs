//! Tools on offer and the choice among them, written for the upstream.

use serde_json::{Map, Value, json};

use super::schemas::{ToolSchema, schema_for};
use crate::chat::request::{Freeform, Function, Tool, ToolChoice, WebSearch};
use crate::chat::{Dialect, Report, Request};
use crate::codec::field_names::Field;
use crate::codec::gemini::wire;
use crate::codec::target::{Refusal, Target};

/// Writes `tools`: all functions in one object, at the place of the first.
pub(super) fn encode(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Result<Vec<Value>, Refusal> {
    let mut functions = Vec::new();
    let mut tools = Vec::new();
    for tool in &request.tools {
        let before = functions.len();
        match tool {
            Tool::Function(function) => {
                functions.push(declaration(function, request, target, report));
            }
            Tool::Freeform(tool) => functions.push(emulated(tool, request, target, report)),
            Tool::WebSearch(search) => tools.extend(search_of(search, request, target, report)),
            Tool::Foreign { kind, value } => tools.extend(foreign(kind, value, request, report)?),
        }
        if before == 0 && !functions.is_empty() {
            // A place for them, to be filled at the end.
            tools.push(Value::Null);
        }
    }
    for place in tools.iter_mut().filter(|tool| tool.is_null()) {
        *place = json!({ "functionDeclarations": std::mem::take(&mut functions) });
    }
    Ok(tools)
}

fn declaration(
    function: &Function,
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Value {
    let Function {
        name,
        namespace,
        description,
        parameters,
        strict,
        cache,
        extra,
    } = function;
    let is_own = request.dialect == Dialect::Gemini;
    let mut map = Map::new();
    let outward = target.tools.outward(name, namespace.as_deref());
    map.insert("name".to_owned(), outward.into());
    if let Some(description) = description {
        map.insert("description".to_owned(), description.as_str().into());
    }
    if is_own {
        let mut own = Map::new();
        extra.merge_into(&mut own);
        wire::overlay(&mut map, own);
        return map.into();
    }
    if let Some(parameters) = parameters
        .as_ref()
        .filter(|schema| !is_empty_object(schema))
    {
        let (key, schema) = schema_for(parameters, ToolSchema, request, target, report);
        map.insert(key.to_owned(), schema);
    }
    if *strict == Some(true) {
        report.drop(Field::ToolStrict.name(request.dialect));
    }
    if cache.is_some() {
        report.note(Field::CacheMarks.name(request.dialect));
    }
    map.into()
}

/// Old models refuse an object without properties.
fn is_empty_object(schema: &Value) -> bool {
    let Some(map) = schema.as_object() else {
        return schema.is_null();
    };
    let has = |key: &str| {
        map.get(key).is_some_and(|value| match value {
            Value::Object(map) => !map.is_empty(),
            Value::Array(list) => !list.is_empty(),
            value => !value.is_null(),
        })
    };
    ![
        "properties",
        "$ref",
        "anyOf",
        "oneOf",
        "allOf",
        "patternProperties",
    ]
    .iter()
    .any(|key| has(key))
        && !map
            .get("additionalProperties")
            .is_some_and(Value::is_object)
}

/// A tool that takes text, as a function of one argument.
fn emulated(tool: &Freeform, request: &Request, target: &Target<'_>, report: &mut Report) -> Value {
    let Freeform {
        name,
        namespace,
        description,
        format,
        extra: _,
    } = tool;
    let mut text = description.clone().unwrap_or_default();
    let definition = format.as_ref().and_then(|format| {
        let grammar = format.get("grammar").unwrap_or(format);
        grammar.get("definition")?.as_str()
    });
    if let Some(definition) = definition {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str("The input must follow this grammar:\n");
        text.push_str(definition);
    }
    let mut map = Map::new();
    let outward = target.tools.outward(name, namespace.as_deref());
    map.insert("name".to_owned(), outward.into());
    if !text.is_empty() {
        map.insert("description".to_owned(), text.into());
    }
    let schema = json!({
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
    });
    let (key, schema) = schema_for(&schema, ToolSchema, request, target, report);
    map.insert(key.to_owned(), schema);
    map.into()
}

fn search_of(
    search: &WebSearch,
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Option<Value> {
    let WebSearch {
        kind,
        allowed_domains,
        blocked_domains,
        location,
        max_uses,
        context_size,
        extra,
    } = search;
    if request.dialect == Dialect::Gemini {
        let mut map = Map::new();
        extra.merge_into(&mut map);
        return Some(json!({ kind.as_str(): map }));
    }
    if !target.knowledge.thought_signatures && request.tools.iter().any(is_function) {
        // Before Gemini 3 a request has functions or a search.
        report.drop(search_name(request.dialect, ""));
        return None;
    }
    let losses = [
        (!allowed_domains.is_empty(), ".allowed_domains"),
        (!blocked_domains.is_empty(), ".blocked_domains"),
        (location.is_some(), ".user_location"),
        (max_uses.is_some(), ".max_uses"),
        (context_size.is_some(), ".search_context_size"),
    ];
    for (_, name) in losses.into_iter().filter(|(is_lost, _)| *is_lost) {
        report.drop(search_name(request.dialect, name));
    }
    Some(json!({ "googleSearch": {} }))
}

fn search_name(dialect: Dialect, field: &str) -> String {
    match dialect {
        Dialect::OpenAiChat => format!("web_search_options{field}"),
        _ if field.is_empty() => "tools[].web_search".to_owned(),
        _ => format!("tools[]{field}"),
    }
}

/// Tools of Codex that only save tokens: without them it works as before.
const DISPENSABLE: &[&str] = &["tool_search"];

fn foreign(
    kind: &str,
    value: &Value,
    request: &Request,
    report: &mut Report,
) -> Result<Option<Value>, Refusal> {
    let field = Field::Tools.name(request.dialect);
    if request.dialect == Dialect::Gemini {
        return Ok(Some(value.clone()));
    }
    if DISPENSABLE.contains(&kind) {
        report.drop(format!("{field}[].{kind}"));
        return Ok(None);
    }
    Err(Refusal::new(
        field,
        format!("the tool `{kind}` does not exist in the Gemini API"),
    ))
}

/// Writes `toolConfig`, which only goes with tools.
pub(super) fn encode_config(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Option<Value> {
    // Gemini's own configuration comes back as it was, with its leftovers.
    if request.dialect == Dialect::Gemini || !request.tools.iter().any(is_function) {
        return None;
    }
    let mut config = Map::new();
    if let Some(calling) = calling_config(request, target, report) {
        config.insert("functionCallingConfig".to_owned(), calling);
    }
    let searches = |tool: &Tool| matches!(tool, Tool::WebSearch(_));
    if target.knowledge.thought_signatures && request.tools.iter().any(searches) {
        // Gemini 3 takes both kinds of tools at once if it may show what it does with its own.
        config.insert("includeServerSideToolInvocations".to_owned(), true.into());
    }
    (!config.is_empty()).then(|| config.into())
}

fn is_function(tool: &Tool) -> bool {
    matches!(tool, Tool::Function(_) | Tool::Freeform(_))
}

fn calling_config(request: &Request, target: &Target<'_>, report: &mut Report) -> Option<Value> {
    let outward =
        |name: &str, namespace: Option<&str>| target.tools.outward(name, namespace).into_owned();
    Some(match request.tool_choice.as_ref()? {
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Named { name, namespace } => {
            let name = outward(name, namespace.as_deref());
            json!({"mode": "ANY", "allowedFunctionNames": [name]})
        }
        ToolChoice::Allowed { is_required, names } => {
            let names: Vec<_> = names.iter().map(|name| outward(name, None)).collect();
            let mode = if *is_required { "ANY" } else { "VALIDATED" };
            json!({"mode": mode, "allowedFunctionNames": names})
        }
        ToolChoice::Foreign(_) => {
            report.drop(Field::ToolChoice.name(request.dialect));
            return None;
        }
    })
}

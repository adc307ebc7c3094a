//! Tools and the choice among them, both ways.

use serde_json::{Map, Value, json};

use crate::chat::request::{Freeform, Function, Tool, ToolChoice, WebSearch};
use crate::chat::{Dialect, Leftovers, Report, Request};
use crate::codec::field_names::Field;
use crate::codec::gemini::wire;
use crate::codec::schema::{self, lower_types};
use crate::codec::target::{Refusal, Target};
use crate::json::fields::{BadField, Fields};

/// Searches of the web, the newer first.
const SEARCHES: [&str; 2] = ["googleSearch", "googleSearchRetrieval"];

/// Reads `tools`: each object holds any number of functions, hosted tools, or both.
pub(super) fn decode(tools: Vec<Value>, leftovers: &mut Leftovers) -> Result<Vec<Tool>, BadField> {
    let mut decoded = Vec::new();
    for tool in tools.into_iter().filter(|tool| !tool.is_null()) {
        let mut fields = wire::node(tool, "tools[]")?;
        for function in wire::list(&mut fields, "functionDeclarations") {
            decoded.push(Tool::Function(function_of(function, leftovers)?));
        }
        for (key, value) in fields.into_rest() {
            if !value.is_null() {
                decoded.push(hosted(key, value));
            }
        }
    }
    Ok(decoded)
}

fn function_of(value: Value, leftovers: &mut Leftovers) -> Result<Function, BadField> {
    let mut fields = wire::node(value, "tools[].functionDeclarations[]")?;
    let mut function = Function {
        name: fields.text("name")?.unwrap_or_default(),
        description: fields.text("description")?,
        ..Function::default()
    };
    // The client's spelling of the schema is kept for Gemini; everybody else gets it plain.
    let mut own = Map::new();
    for key in ["parametersJsonSchema", "parameters"] {
        if let Some(value) = fields.take(key) {
            let mut plain = value.clone();
            lower_types(&mut plain);
            function.parameters.get_or_insert(plain);
            own.insert(key.to_owned(), value);
        }
    }
    function.extra = leftovers.collect(fields);
    for (key, value) in own {
        function.extra.set(&key, value);
    }
    Ok(function)
}

fn hosted(key: String, value: Value) -> Tool {
    if SEARCHES.contains(&key.as_str()) {
        let extra = match value {
            Value::Object(map) => map.into(),
            _ => Map::new().into(),
        };
        return Tool::WebSearch(WebSearch {
            kind: key,
            extra,
            ..WebSearch::default()
        });
    }
    Tool::Foreign {
        value: json!({ key.as_str(): value }),
        kind: key,
    }
}

/// Reads `toolConfig`; what Gemini is to see again goes to `own`.
pub(super) fn decode_choice(
    fields: &mut Fields,
    request: &mut Request,
    own: &mut Map<String, Value>,
    leftovers: &mut Leftovers,
) -> Result<(), BadField> {
    let Some(mut config) = wire::child(fields, "toolConfig")? else {
        return Ok(());
    };
    let mut kept = Map::new();
    if let Some(mut calling) = wire::child(&mut config, "functionCallingConfig")? {
        kept.insert(
            "functionCallingConfig".to_owned(),
            calling.clone().into_rest().into(),
        );
        let mode = calling.text("mode")?.unwrap_or_default();
        let names = wire::list(&mut calling, "allowedFunctionNames");
        let names = names.into_iter().filter_map(|name| match name {
            Value::String(name) => Some(name),
            _ => None,
        });
        request.tool_choice = choice(&mode, names.collect(), calling.path(), leftovers);
        leftovers.collect(calling);
    }
    leftovers.collect(config).merge_into(&mut kept);
    own.insert("toolConfig".to_owned(), kept.into());
    Ok(())
}

fn choice(
    mode: &str,
    mut names: Vec<String>,
    path: &str,
    leftovers: &mut Leftovers,
) -> Option<ToolChoice> {
    let is_required = match wire::constant(mode, "MODE_").as_str() {
        "NONE" => return Some(ToolChoice::None),
        "ANY" => true,
        "AUTO" | "VALIDATED" => false,
        "" | "UNSPECIFIED" => return None,
        _ => {
            leftovers.note(format!("{path}.mode"));
            return None;
        }
    };
    Some(match names.len() {
        0 if is_required => ToolChoice::Required,
        0 => ToolChoice::Auto,
        1 if is_required => ToolChoice::Named {
            name: names.swap_remove(0),
            namespace: None,
        },
        _ => ToolChoice::Allowed { is_required, names },
    })
}

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

/// Where a schema stands: that of a tool or that of the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct ToolSchema;

/// The keys of a schema in the two languages that Gemini has for it, and what it is called in reports.
pub(super) trait Place {
    /// In JSON Schema.
    const JSON: &'static str;
    /// In the older `Schema`.
    const CLASSIC: &'static str;
    /// Its name in the client's dialect.
    fn name(dialect: Dialect) -> &'static str;
}

impl Place for ToolSchema {
    const JSON: &'static str = "parametersJsonSchema";
    const CLASSIC: &'static str = "parameters";
    fn name(dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::OpenAiChat => "tools[].function.parameters",
            Dialect::OpenAiResponses => "tools[].parameters",
            Dialect::Anthropic => "tools[].input_schema",
            Dialect::Gemini => "tools[].functionDeclarations[].parameters",
        }
    }
}

/// The schema in the language that the model reads, with its key. Keywords that were lost are reported by
/// their names, not by each of their places: an agent's tools have hundreds of those.
pub(super) fn schema_for<P: Place>(
    schema: &Value,
    _place: P,
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> (&'static str, Value) {
    let (key, rewritten) = if target.knowledge.json_schema {
        (P::JSON, schema::for_gemini_json(schema))
    } else {
        (P::CLASSIC, schema::for_gemini_classic(schema))
    };
    for path in rewritten.changed {
        let keyword = path.rsplit('.').next().unwrap_or(&path);
        report.drop(format!("{}.{keyword}", P::name(request.dialect)));
    }
    (key, rewritten.schema)
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
    let is_function = |tool: &Tool| matches!(tool, Tool::Function(_) | Tool::Freeform(_));
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
        _ => format!("tools[].web_search{field}"),
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
pub(super) fn encode_choice(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Option<Value> {
    let choice = request.tool_choice.as_ref()?;
    let is_function = |tool: &Tool| matches!(tool, Tool::Function(_) | Tool::Freeform(_));
    // Gemini's own choice comes back as it was, with its leftovers.
    if request.dialect == Dialect::Gemini || !request.tools.iter().any(is_function) {
        return None;
    }
    let outward =
        |name: &str, namespace: Option<&str>| target.tools.outward(name, namespace).into_owned();
    let config = match choice {
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
    };
    Some(json!({ "functionCallingConfig": config }))
}

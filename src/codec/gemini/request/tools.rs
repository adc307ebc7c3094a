//! Tools on offer and the choice among them, read from a client.

use serde_json::{Map, Value, json};

use crate::chat::request::{Function, Tool, ToolChoice, WebSearch};
use crate::chat::{Leftovers, Request};
use crate::codec::gemini::wire;
use crate::codec::schema::lower_types;
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
                decoded.push(hosted(key, value, leftovers));
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

fn hosted(key: String, value: Value, leftovers: &mut Leftovers) -> Tool {
    if SEARCHES.contains(&key.as_str()) {
        let extra = match value {
            Value::Object(map) => leftovers.collect(Fields::new(map, format!("tools[].{key}"))),
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

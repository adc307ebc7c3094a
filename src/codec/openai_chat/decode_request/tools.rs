//! Tools on offer and the choice among them, in Chat's shape and in those of other vendors.

use serde_json::{Map, Value, json};

use super::Reader;
use crate::chat::request::{Freeform, Function, Tool, ToolChoice};
use crate::codec::openai_chat::cache::cache_mark;
use crate::codec::openai_chat::spelling::Spelling;
use crate::codec::openai_chat::web_search;
use crate::codec::schema;
use crate::json::fields::{BadField, Fields};

impl Reader {
    pub(super) fn tools(&mut self, fields: &mut Fields) -> Result<(), BadField> {
        for tool in fields.list("tools")?.into_iter().flatten() {
            self.tool(Fields::of(tool, "tools[]")?)?;
        }
        for function in fields.list("functions")?.into_iter().flatten() {
            let function =
                self.function(Fields::of(function, "functions[]")?, Spelling::default())?;
            self.request.tools.push(Tool::Function(function));
            self.spelling.note("tools", "functions");
        }
        if let Some(options) = fields.take("web_search_options") {
            let options = Fields::of(options, "web_search_options")?;
            let search = web_search::read_options(options, &mut self.leftovers)?;
            self.request.tools.push(Tool::WebSearch(search));
        }
        self.choice(fields);
        Ok(())
    }

    fn tool(&mut self, mut tool: Fields) -> Result<(), BadField> {
        if let Some(declarations) =
            tool.take_any(&["functionDeclarations", "function_declarations"])
        {
            return self.declarations(declarations, tool);
        }
        let kind = tool.peek_text("type").map(str::to_owned);
        let is_function = matches!(kind.as_deref(), None | Some("function"))
            || (kind.as_deref() == Some("custom") && tool.peek("input_schema").is_some());
        if is_function && (tool.peek("function").is_some() || tool.peek("name").is_some()) {
            let tool = self.client_function(tool)?;
            self.request.tools.push(Tool::Function(tool));
        } else if kind.as_deref() == Some("custom") {
            let tool = self.freeform(tool)?;
            self.request.tools.push(Tool::Freeform(tool));
        } else {
            self.hosted(kind, tool);
        }
        Ok(())
    }

    fn client_function(&mut self, mut tool: Fields) -> Result<Function, BadField> {
        tool.take("type");
        let mut spelling = Spelling::default();
        match tool.object("function")? {
            None => self.function(tool, spelling),
            Some(inner) => {
                let cache = take_cache(&mut tool, &mut spelling);
                let mut outer = Map::new();
                self.leftovers.collect(tool).merge_into(&mut outer);
                if !outer.is_empty() {
                    spelling.note("tool", outer);
                }
                let function = self.function(inner, spelling)?;
                Ok(Function {
                    cache: cache.or(function.cache),
                    ..function
                })
            }
        }
    }

    /// A function: nested (Chat), flat (Responses, legacy), with `input_schema` (Anthropic).
    fn function(&mut self, mut tool: Fields, mut spelling: Spelling) -> Result<Function, BadField> {
        let cache = take_cache(&mut tool, &mut spelling);
        let name = tool.need_text("name")?;
        let description = tool.text("description")?;
        let strict = tool.boolean("strict")?;
        let parameters = tool.take_any(&["parameters", "input_schema", "parametersJsonSchema"]);
        let mut extra = self.leftovers.collect(tool);
        spelling.keep(&mut extra);
        Ok(Function {
            name,
            namespace: None,
            description,
            parameters,
            strict,
            cache,
            extra,
        })
    }

    /// Gemini's list of functions, whose types may be in capitals.
    fn declarations(&mut self, list: Value, tool: Fields) -> Result<(), BadField> {
        let Value::Array(list) = list else {
            return Err(tool.bad("functionDeclarations", "an array"));
        };
        self.leftovers.collect(tool);
        for declaration in list {
            let declaration = Fields::of(declaration, "tools[].functionDeclarations[]")?;
            let mut function = self.function(declaration, Spelling::default())?;
            if let Some(parameters) = &mut function.parameters {
                schema::lower_types(parameters);
            }
            self.request.tools.push(Tool::Function(function));
        }
        Ok(())
    }

    fn freeform(&mut self, mut tool: Fields) -> Result<Freeform, BadField> {
        tool.take("type");
        let mut inner = match tool.object("custom")? {
            Some(inner) => inner,
            None => std::mem::take(&mut tool),
        };
        let name = inner.need_text("name")?;
        let description = inner.text("description")?;
        let format = inner.take("format").map(flat_format);
        let mut spelling = Spelling::default();
        let mut outer = Map::new();
        self.leftovers.collect(tool).merge_into(&mut outer);
        if !outer.is_empty() {
            spelling.note("tool", outer);
        }
        let mut extra = self.leftovers.collect(inner);
        spelling.keep(&mut extra);
        Ok(Freeform {
            name,
            namespace: None,
            description,
            format,
            extra,
        })
    }

    fn hosted(&mut self, kind: Option<String>, tool: Fields) {
        let value = Value::Object(tool.into_rest());
        let tool = web_search::read_tool(kind.as_deref(), &value).map_or_else(
            || Tool::Foreign {
                kind: kind.unwrap_or_else(|| first_key(&value)),
                value: value.clone(),
            },
            Tool::WebSearch,
        );
        self.request.tools.push(tool);
    }

    fn choice(&mut self, fields: &mut Fields) {
        if let Some(choice) = fields.take("tool_choice") {
            if let Some(Value::Bool(is_serial)) = choice.get("disable_parallel_tool_use") {
                let welcome = Some(!is_serial);
                self.request.parallel_tool_calls = self.request.parallel_tool_calls.or(welcome);
            }
            if choice == "any" {
                self.spelling
                    .note_field("tool_choice", "tool_choice", choice.clone());
            }
            self.request.tool_choice = Some(tool_choice(choice));
        }
        if let Some(choice) = fields.take("function_call") {
            let spelled = choice.clone();
            self.spelling
                .note_field("tool_choice", "function_call", spelled);
            self.request.tool_choice = Some(tool_choice(choice));
        }
    }
}

/// The name a tool without a type goes by: that of its first field (`{"codeExecution": {}}`).
fn first_key(tool: &Value) -> String {
    let keys = tool.as_object().into_iter().flat_map(Map::keys);
    keys.map(String::as_str).next().unwrap_or("tool").to_owned()
}

fn take_cache(tool: &mut Fields, spelling: &mut Spelling) -> Option<crate::chat::part::CacheMark> {
    let mark = tool.take("cache_control")?;
    let cache = cache_mark(&mark);
    spelling.note_field("cache", "cache_control", mark);
    Some(cache)
}

/// Chat nests a grammar in its own object.
fn flat_format(mut format: Value) -> Value {
    let Some(Value::Object(grammar)) = format.get_mut("grammar").map(Value::take) else {
        return format;
    };
    let mut flat = Map::new();
    flat.insert("type".to_owned(), json!("grammar"));
    flat.extend(grammar);
    Value::Object(flat)
}

/// Reads a choice in the words of any vendor.
fn tool_choice(choice: Value) -> ToolChoice {
    let word = choice.as_str().or_else(|| match choice["type"].as_str() {
        // Chat and Anthropic spell objects with a `type`; legacy functions have only the name.
        Some(kind) => Some(kind),
        None => choice["name"].as_str().map(|_| "function"),
    });
    match word {
        Some("auto") => ToolChoice::Auto,
        Some("none") => ToolChoice::None,
        Some("required" | "any") => ToolChoice::Required,
        Some("allowed_tools") => allowed(choice),
        Some(kind @ ("function" | "custom" | "tool")) => match chosen_name(&choice, kind) {
            Some(name) => ToolChoice::Named {
                name,
                namespace: None,
            },
            None => ToolChoice::Foreign(choice),
        },
        _ => ToolChoice::Foreign(choice),
    }
}

fn chosen_name(choice: &Value, kind: &str) -> Option<String> {
    let name = choice[kind].get("name").or_else(|| choice.get("name"));
    name?.as_str().map(str::to_owned)
}

fn allowed(choice: Value) -> ToolChoice {
    let inner = choice.get("allowed_tools").unwrap_or(&choice);
    let names = |tool: &Value| {
        let kind = tool["type"].as_str()?;
        chosen_name(tool, kind)
    };
    let tools = inner["tools"].as_array();
    let names: Option<Vec<String>> = tools.and_then(|tools| tools.iter().map(names).collect());
    match names {
        Some(names) => ToolChoice::Allowed {
            is_required: inner["mode"] == "required",
            names,
        },
        None => ToolChoice::Foreign(choice),
    }
}

//! Tools on offer, and which of them to use.

use serde_json::{Map, Value, json};

use super::Writer;
use crate::chat::Dialect;
use crate::chat::request::{Freeform, Function, Tool, ToolChoice, WebSearch};
use crate::codec::field_names::Field;
use crate::codec::openai_chat::{spelling, web_search};
use crate::codec::schema;
use crate::codec::target::Refusal;
use crate::provider::Quirk;

impl Writer<'_, '_> {
    pub(super) fn tools(&mut self, tools: &[Tool]) -> Result<(), Refusal> {
        let mut written = Vec::with_capacity(tools.len());
        let mut legacy = Vec::new();
        let is_legacy = self.is_own() && spelling::is(&self.request.extra, "tools", "functions");
        for tool in tools {
            match tool {
                Tool::Function(tool) if is_legacy => legacy.push(self.function(tool)),
                Tool::Function(tool) => {
                    let function = self.function(tool);
                    let cache = tool.cache.is_some();
                    let mut outer = self.outer("function", function, &tool.extra);
                    self.tool_mark(cache, &tool.extra, &mut outer);
                    written.push(outer);
                }
                Tool::Freeform(tool) => written.push(self.freeform(tool)),
                Tool::WebSearch(search) => written.extend(self.web_search(search)),
                Tool::Foreign { kind, value } => written.extend(self.hosted(kind, value)?),
            }
        }
        for (key, list) in [("tools", written), ("functions", legacy)] {
            if !list.is_empty() {
                self.put(key, list);
            }
        }
        Ok(())
    }

    fn function(&mut self, tool: &Function) -> Value {
        let Function {
            name,
            namespace,
            description,
            parameters,
            strict,
            cache: _,
            extra,
        } = tool;
        let mut function = Map::new();
        let name = self.target.tools.outward(name, namespace.as_deref());
        function.insert("name".to_owned(), json!(name));
        function.extend(
            description
                .as_ref()
                .map(|text| ("description".to_owned(), json!(text))),
        );
        let parameters = parameters.as_ref();
        function.extend(parameters.map(|schema| ("parameters".to_owned(), schema.clone())));
        let strict = self.strict(*strict, parameters);
        function.extend(strict.map(|strict| ("strict".to_owned(), json!(strict))));
        if self.is_own() {
            spelling::restore(extra, &mut function);
        }
        Value::Object(function)
    }

    fn strict(&mut self, strict: Option<bool>, parameters: Option<&Value>) -> Option<bool> {
        if self.is_own() {
            return strict;
        }
        let fits = parameters.is_none_or(schema::fits_openai_strict);
        if strict == Some(true) && !fits {
            self.report.adjust(self.name(Field::ToolStrict), false);
        }
        // False is what everybody takes an absent one for.
        (strict == Some(true) && fits).then_some(true)
    }

    /// The tool around a function or free-form tool.
    fn outer(&self, kind: &str, inner: Value, extra: &crate::chat::Extra) -> Value {
        let mut outer = Map::new();
        outer.insert("type".to_owned(), json!(kind));
        outer.insert(kind.to_owned(), inner);
        let left = spelling::of(extra, "tool").and_then(Value::as_object);
        if let Some(left) = left.filter(|_| self.is_own()) {
            outer.extend(left.clone());
        }
        Value::Object(outer)
    }

    fn tool_mark(&mut self, has_mark: bool, extra: &crate::chat::Extra, outer: &mut Value) {
        if !has_mark {
            return;
        }
        let spelled = spelling::of(extra, "cache").and_then(Value::as_object);
        match (spelled.filter(|_| self.is_own()), outer.as_object_mut()) {
            (Some(mark), Some(outer)) => outer.extend(mark.clone()),
            _ => self.note(Field::CacheMarks),
        }
    }

    /// A free-form tool, or a function with one argument where the host knows none.
    fn freeform(&mut self, tool: &Freeform) -> Value {
        let Freeform {
            name,
            namespace,
            description,
            format,
            extra,
        } = tool;
        let mut inner = Map::new();
        let name = self.target.tools.outward(name, namespace.as_deref());
        inner.insert("name".to_owned(), json!(name));
        if !self.takes_all() {
            let description = emulated(description.as_deref(), format.as_ref());
            inner.insert("description".to_owned(), json!(description));
            inner.insert("parameters".to_owned(), input_schema());
            return json!({"type": "function", "function": inner});
        }
        inner.extend(
            description
                .as_ref()
                .map(|text| ("description".to_owned(), json!(text))),
        );
        let format = format.as_ref().map(nested_format);
        inner.extend(format.map(|format| ("format".to_owned(), format)));
        if self.is_own() {
            spelling::restore(extra, &mut inner);
        }
        self.outer("custom", Value::Object(inner), extra)
    }

    fn web_search(&mut self, search: &WebSearch) -> Option<Value> {
        if let Some(tool) = web_search::spelled(search).filter(|_| self.is_own()) {
            return Some(tool.clone());
        }
        let is_search_model =
            self.target.has(Quirk::OpenAiHost) && self.target.model.contains("search");
        if self.is_own() || is_search_model || self.target.has(Quirk::WebSearchOptions) {
            let mut options = web_search::write_options(search);
            if self.is_own() {
                spelling::restore(&search.extra, &mut options);
            }
            if !search.blocked_domains.is_empty() || search.max_uses.is_some() {
                self.drop(Field::Tools);
            }
            self.put("web_search_options", options);
        } else {
            self.report
                .drop(format!("{}[].{}", self.name(Field::Tools), search.kind));
        }
        None
    }

    /// A tool that only its own vendor runs. Codex offers some with every request, without need of them.
    fn hosted(&mut self, kind: &str, value: &Value) -> Result<Option<Value>, Refusal> {
        if self.is_own() {
            return Ok(Some(value.clone()));
        }
        if self.request.dialect == Dialect::OpenAiResponses && kind == "tool_search" {
            self.report
                .drop(format!("{}[].{kind}", self.name(Field::Tools)));
            return Ok(None);
        }
        Err(Refusal::new(
            self.name(Field::Tools),
            format!("the tool `{kind}` is run by its own provider, and this target is another"),
        ))
    }

    pub(super) fn parallel(&mut self, parallel: Option<bool>) {
        let has_tools = self.out.contains_key("tools") || self.is_own();
        self.option("parallel_tool_calls", parallel.filter(|_| has_tools));
    }

    pub(super) fn tool_choice(&mut self, choice: Option<&ToolChoice>) {
        let Some(choice) = choice else {
            return;
        };
        let forces = matches!(
            choice,
            ToolChoice::Required
                | ToolChoice::Named { .. }
                | ToolChoice::Allowed {
                    is_required: true,
                    ..
                }
        );
        if forces && !self.target.knowledge.forced_tool_choice.when(self.thinks()) {
            self.unforced(choice);
            return;
        }
        if self.spelled("tool_choice") {
            return;
        }
        if !self.is_own() && !self.out.contains_key("tools") {
            return;
        }
        let written = match choice {
            ToolChoice::Auto => json!("auto"),
            ToolChoice::None => json!("none"),
            ToolChoice::Required => json!("required"),
            ToolChoice::Named { name, namespace } => self.named(name, namespace.as_deref()),
            ToolChoice::Allowed { is_required, names } => self.allowed(*is_required, names),
            ToolChoice::Foreign(value) if self.is_own() => value.clone(),
            ToolChoice::Foreign(_) => {
                self.drop(Field::ToolChoice);
                return;
            }
        };
        self.put("tool_choice", written);
    }

    /// A model that refuses to be forced is asked.
    fn unforced(&mut self, choice: &ToolChoice) {
        self.adjust(Field::ToolChoice, "auto");
        self.put("tool_choice", "auto");
        self.notes.push(match choice {
            ToolChoice::Named { name, namespace } => {
                let name = self.target.tools.outward(name, namespace.as_deref());
                format!("Call the tool `{name}`.")
            }
            _ => "Call one of the tools.".to_owned(),
        });
    }

    fn named(&self, name: &str, namespace: Option<&str>) -> Value {
        let is_it = |tool: &Tool| matches!(tool, Tool::Freeform(tool) if tool.name == name);
        let is_custom = self.takes_all() && self.request.tools.iter().any(is_it);
        let kind = if is_custom { "custom" } else { "function" };
        let name = self.target.tools.outward(name, namespace);
        let mut choice = json!({ "type": kind });
        choice[kind] = json!({ "name": name });
        choice
    }

    fn allowed(&mut self, is_required: bool, names: &[String]) -> Value {
        let mode = if is_required { "required" } else { "auto" };
        let tools: Vec<Value> = names.iter().map(|name| self.named(name, None)).collect();
        if self.takes_all() {
            let allowed = json!({"mode": mode, "tools": tools});
            return json!({"type": "allowed_tools", "allowed_tools": allowed});
        }
        // A host without such a choice is offered only these.
        let is_allowed = |tool: &Value| {
            let name = &tool["function"]["name"];
            tools
                .iter()
                .any(|allowed| allowed["function"]["name"] == *name)
        };
        if let Some(Value::Array(offered)) = self.out.get_mut("tools") {
            offered.retain(is_allowed);
        }
        self.adjust(Field::ToolChoice, mode);
        json!(mode)
    }
}

/// The schema of a free-form tool that is said as a function.
fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {"input": {"type": "string"}},
        "required": ["input"],
        "additionalProperties": false,
    })
}

/// What a free-form tool does and what its text must look like.
fn emulated(description: Option<&str>, format: Option<&Value>) -> String {
    let mut text = description.unwrap_or_default().to_owned();
    let definition = format.and_then(|format| format["definition"].as_str());
    if let Some(definition) = definition {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str("`input` must follow this grammar:\n");
        text.push_str(definition);
    }
    text
}

/// Chat nests a grammar in an object of its own.
fn nested_format(format: &Value) -> Value {
    match format.as_object() {
        Some(flat) if format["type"] == "grammar" => {
            let inner: Map<_, _> = flat
                .iter()
                .filter(|(key, _)| *key != "type")
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            json!({"type": "grammar", "grammar": inner})
        }
        _ => format.clone(),
    }
}

//! Tools of another dialect, and the choice among them, written.

use serde_json::{Map, Value, json};

use super::choice::SERIAL;
use super::spoken::Writer;
use super::tool::WEB_SEARCH;
use crate::chat::request::{Freeform, Function, Tool, ToolChoice, WebSearch};
use crate::chat::{Dialect, Request};
use crate::codec::anthropic::cache;
use crate::codec::field_names::Field;
use crate::codec::schema::{Rewritten, for_anthropic_strict, for_anthropic_tool};
use crate::codec::target::Refusal;

/// The version of the search that is asked for: the first, which every model has.
const WEB_SEARCH_KIND: &str = "web_search_20250305";

/// Tools that agents offer whether or not there is any use for them; the answer can do without.
const IDLE_TOOLS: [&str; 2] = ["tool_search", "additional_tools"];

/// The tools of the request that may be used.
pub(super) fn tools(request: &Request, writer: &mut Writer<'_, '_>) -> Result<Vec<Value>, Refusal> {
    let allowed = match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => Some(names),
        _ => None,
    };
    let mut tools = Vec::new();
    for tool in &request.tools {
        let is_allowed = allowed.is_none_or(|names| names.iter().any(|name| is_called(tool, name)));
        if is_allowed {
            tools.extend(writer.tool(tool)?);
        }
    }
    if allowed.is_some() {
        writer.report.adjust(writer.name(Field::Tools), tools.len());
    }
    Ok(tools)
}

fn is_called(tool: &Tool, called: &str) -> bool {
    match tool {
        Tool::Function(Function { name, .. }) | Tool::Freeform(Freeform { name, .. }) => {
            name == called
        }
        Tool::WebSearch(search) => called == WEB_SEARCH || called == search.kind,
        Tool::Foreign { kind, .. } => called == kind,
    }
}

impl Writer<'_, '_> {
    fn tool(&mut self, tool: &Tool) -> Result<Option<Value>, Refusal> {
        match tool {
            Tool::Function(tool) => Ok(Some(self.function(tool))),
            Tool::Freeform(tool) => Ok(Some(self.freeform(tool))),
            Tool::WebSearch(search) => Ok(Some(self.web_search(search))),
            Tool::Foreign { kind, .. } if IDLE_TOOLS.contains(&kind.as_str()) => {
                self.report
                    .drop(format!("{}[].{kind}", self.name(Field::Tools)));
                Ok(None)
            }
            Tool::Foreign { kind, .. } => {
                let model = self.target.model;
                let message = format!("the tool `{kind}` cannot be used with `{model}`");
                Err(Refusal::new(self.name(Field::Tools), message))
            }
        }
    }

    fn function(&mut self, function: &Function) -> Value {
        let Function {
            name,
            namespace,
            description,
            parameters,
            strict,
            cache,
            // The source dialect's own; the caller reports it.
            extra: _,
        } = function;
        let knows_strict = self.target.knowledge.structured_output;
        let is_strict = *strict == Some(true) && knows_strict;
        if *strict == Some(true) && !knows_strict {
            self.lose(Field::ToolStrict);
        }
        let parameters = parameters.as_ref().unwrap_or(&Value::Null);
        let free = for_anthropic_tool(parameters);
        let schema = if is_strict {
            for_anthropic_strict(&free.schema)
        } else {
            free
        };
        let mut tool = Map::new();
        let name = self.target.tools.outward(name, namespace.as_deref());
        tool.insert("name".to_owned(), name.into());
        if let Some(description) = description.as_deref().filter(|text| !text.is_empty()) {
            tool.insert("description".to_owned(), description.into());
        }
        tool.insert(
            "input_schema".to_owned(),
            self.rewritten(schema, Field::Tools),
        );
        if is_strict {
            tool.insert("strict".to_owned(), true.into());
        }
        if let Some(mark) = cache {
            tool.insert(cache::FIELD.to_owned(), cache::translated(mark));
        }
        Value::Object(tool)
    }

    /// The schema; what of it means something else now is said.
    pub(super) fn rewritten(&mut self, schema: Rewritten, field: Field) -> Value {
        if !schema.changed.is_empty() {
            let field = format!("{}.schema", self.name(field));
            self.report.adjust(field, schema.changed.join(" "));
        }
        schema.schema
    }

    /// A free-form tool as a function of one text.
    fn freeform(&mut self, tool: &Freeform) -> Value {
        let Freeform {
            name,
            namespace,
            description,
            format,
            extra: _,
        } = tool;
        let mut words = description.clone().unwrap_or_default();
        if let Some(grammar) = format
            .as_ref()
            .and_then(|format| format["definition"].as_str())
        {
            words.push_str("\n\nThe input must follow this grammar:\n");
            words.push_str(grammar);
        }
        let name = self.target.tools.outward(name, namespace.as_deref());
        json!({
            "name": name,
            "description": words.trim(),
            "input_schema": {
                "type": "object",
                "properties": {"input": {"type": "string"}},
                "required": ["input"],
                "additionalProperties": false,
            },
        })
    }

    fn web_search(&mut self, search: &WebSearch) -> Value {
        let WebSearch {
            kind: _,
            allowed_domains,
            blocked_domains,
            location,
            max_uses,
            context_size,
            extra: _,
        } = search;
        let mut tool = Map::new();
        tool.insert("type".to_owned(), WEB_SEARCH_KIND.into());
        tool.insert("name".to_owned(), WEB_SEARCH.into());
        if !allowed_domains.is_empty() {
            tool.insert("allowed_domains".to_owned(), allowed_domains.clone().into());
        } else if !blocked_domains.is_empty() {
            tool.insert("blocked_domains".to_owned(), blocked_domains.clone().into());
        }
        if !allowed_domains.is_empty() && !blocked_domains.is_empty() {
            // Both at once are refused.
            self.report
                .drop(format!("{}[].blocked_domains", self.name(Field::Tools)));
        }
        if let Some(location) = location {
            tool.insert("user_location".to_owned(), location.clone());
        }
        if let Some(uses) = max_uses {
            tool.insert("max_uses".to_owned(), (*uses).into());
        }
        if context_size.is_some() {
            let search = match self.source {
                Dialect::OpenAiChat => "web_search_options",
                _ => "tools[]",
            };
            self.report.drop(format!("{search}.search_context_size"));
        }
        Value::Object(tool)
    }
}

/// Whether the client wants a tool to be called whatever the model thinks.
pub(super) fn is_forced(request: &Request) -> bool {
    matches!(
        request.tool_choice,
        Some(
            ToolChoice::Required
                | ToolChoice::Named { .. }
                | ToolChoice::Allowed {
                    is_required: true,
                    ..
                }
        )
    )
}

/// Without tools there is no choice, and saying one would be refused.
pub(super) fn no_choice(request: &Request, writer: &mut Writer<'_, '_>) -> Option<Value> {
    if request.tool_choice.is_some() {
        writer.report.note(writer.name(Field::ToolChoice));
    }
    if request.parallel_tool_calls.is_some() {
        writer.report.note(writer.name(Field::ParallelToolCalls));
    }
    None
}

/// The value of `tool_choice`; where none may be forced, `lines` ask for it instead.
pub(super) fn choice(
    request: &Request,
    thinks: bool,
    writer: &mut Writer<'_, '_>,
    lines: &mut Vec<String>,
) -> Option<Value> {
    let mut choice = match request.tool_choice.as_ref() {
        None => None,
        Some(_)
            if is_forced(request) && !writer.target.knowledge.forced_tool_choice.when(thinks) =>
        {
            lines.push(plea(request, writer));
            writer.emulate(Field::ToolChoice, "auto");
            Some(json!({"type": "auto"}))
        }
        Some(choice) => written(choice, &request.tools, writer),
    };
    if request.parallel_tool_calls == Some(false) {
        let choice = choice.get_or_insert_with(|| json!({"type": "auto"}));
        if choice["type"] != "none" {
            choice[SERIAL] = true.into();
        }
    }
    choice
}

fn written(choice: &ToolChoice, tools: &[Tool], writer: &mut Writer<'_, '_>) -> Option<Value> {
    Some(match choice {
        ToolChoice::Auto => json!({"type": "auto"}),
        ToolChoice::None => json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Named { name, namespace } => {
            let name = writer.target.tools.outward(name, namespace.as_deref());
            json!({"type": "tool", "name": name})
        }
        ToolChoice::Allowed { is_required, .. } => {
            json!({"type": if *is_required { "any" } else { "auto" }})
        }
        ToolChoice::Foreign(value) => {
            let is_search = |tool: &Tool| matches!(tool, Tool::WebSearch(_));
            let kind = value["type"].as_str().unwrap_or_default();
            if kind.starts_with(WEB_SEARCH) && tools.iter().any(is_search) {
                json!({"type": "tool", "name": WEB_SEARCH})
            } else {
                writer.lose(Field::ToolChoice);
                return None;
            }
        }
    })
}

/// The words that stand for a choice that cannot be made.
fn plea(request: &Request, writer: &Writer<'_, '_>) -> String {
    match &request.tool_choice {
        Some(ToolChoice::Named { name, namespace }) => {
            let name = writer.target.tools.outward(name, namespace.as_deref());
            format!("Call the tool `{name}`.")
        }
        _ => "Call at least one of the tools.".to_owned(),
    }
}

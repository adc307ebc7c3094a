//! Messages: who speaks, and what beside parts belongs to a message of Chat.

use serde_json::Value;

use super::Reader;
use super::items::{foreign, said};
use super::parts::arguments;
use super::thoughts::{take_signature, text_extras, thoughts};
use crate::chat::part::{Content, ToolCall, ToolKind, ToolResult};
use crate::chat::request::Message;
use crate::chat::{Part, Role};
use crate::codec::openai_chat::spelling::{LIST, Spelling};
use crate::json::fields::{BadField, Fields};

impl Reader {
    /// The conversation, under the name of any dialect.
    pub(super) fn conversation(&mut self, fields: &mut Fields) -> Result<(), BadField> {
        if let Some(system) = fields.take("system") {
            self.request.instructions = self.system(system)?;
        }
        let messages = match fields.take_any(&["messages", "contents", "input"]) {
            Some(Value::Array(messages)) => messages,
            Some(Value::String(text)) => vec![said(&text)],
            Some(message @ Value::Object(_)) => vec![message],
            _ => return Err(fields.bad("messages", "an array")),
        };
        for message in messages {
            self.message(message)?;
        }
        Ok(())
    }

    /// Instructions that stand outside the conversation: text, blocks, or Gemini's content.
    fn system(&mut self, system: Value) -> Result<Vec<Part>, BadField> {
        match system {
            Value::Object(mut content) if content.contains_key("parts") => {
                self.content(content.shift_remove("parts").unwrap_or_default())
            }
            system => self.content(system),
        }
    }

    fn message(&mut self, message: Value) -> Result<(), BadField> {
        let message = match message {
            Value::String(text) => said(&text),
            message => message,
        };
        let mut fields = Fields::of(message, "messages[]")?;
        if fields.peek("role").is_none() {
            return self.item_or_part(fields);
        }
        let role = role(&fields.need_text("role")?)?;
        if fields.peek_text("type") == Some("message") {
            fields.take("type");
            fields.take("id");
            fields.take("status");
        }
        let mut spelling = Spelling::default();
        let mut message = match role {
            Some(Role::Assistant) => self.assistant(&mut fields, &mut spelling)?,
            Some(Role::Tool) => self.tool_message(&mut fields)?,
            Some(role) => Message::new(role, self.said_parts(&mut fields, &mut spelling)?),
            None => self.function_message(&mut fields, &mut spelling)?,
        };
        message.name = match role {
            Some(Role::Tool) | None => None,
            _ => fields.text("name")?,
        };
        message.extra = self.leftovers.collect(fields);
        spelling.keep(&mut message.extra);
        self.request.messages.push(message);
        Ok(())
    }

    /// What has no role: an item of Responses, or a part that is all the user says.
    fn item_or_part(&mut self, mut fields: Fields) -> Result<(), BadField> {
        let kind = fields.peek_text("type").unwrap_or_default().to_owned();
        let Some(mut item) = self.item(&kind, &mut fields)? else {
            if fields.peek("parts").is_some() {
                let parts = fields.take("parts").unwrap_or_default();
                let parts = self.content(parts)?;
                self.request.messages.push(Message::new(Role::User, parts));
                return Ok(());
            }
            let value = Value::Object(fields.into_rest());
            let part = match kind.as_str() {
                "item_reference" | "compaction" => foreign(kind, value),
                _ => self.part(value)?,
            };
            self.request
                .messages
                .push(Message::new(Role::User, vec![part]));
            return Ok(());
        };
        fields.take("type");
        item.extra = self.leftovers.collect(fields);
        // What one answer of Responses holds is one message of Chat.
        match self.request.messages.last_mut() {
            Some(last) if last.role == Role::Assistant && item.role == Role::Assistant => {
                last.parts.append(&mut item.parts);
            }
            _ => self.request.messages.push(item),
        }
        Ok(())
    }

    /// The parts of a message, in `content` or in Gemini's `parts`.
    fn said_parts(
        &mut self,
        fields: &mut Fields,
        spelling: &mut Spelling,
    ) -> Result<Vec<Part>, BadField> {
        let content = fields.take_any(&["content", "parts"]).unwrap_or_default();
        match &content {
            Value::Array(_) => spelling.note("content", LIST),
            Value::String(text) if text.is_empty() => spelling.note("content", "empty"),
            _ => {}
        }
        self.content(content)
    }

    fn assistant(
        &mut self,
        fields: &mut Fields,
        spelling: &mut Spelling,
    ) -> Result<Message, BadField> {
        let mut parts = thoughts(fields, spelling)?;
        let mut said = self.said_parts(fields, spelling)?;
        said.retain(|part| part.as_plain_text() != Some(""));
        parts.append(&mut said);
        text_extras(fields, &mut parts);
        if let Some(refusal) = fields.text("refusal")? {
            spelling.note("refusal", "field");
            parts.push(Part::new(Content::Refusal(refusal)));
        }
        for call in fields.list("tool_calls")?.into_iter().flatten() {
            let call = self.call(Fields::of(call, "messages[].tool_calls[]")?)?;
            parts.push(call);
        }
        if let Some(call) = fields.object("function_call")? {
            spelling.note("tool_calls", "function_call");
            let call = self.called(call, None, spelling)?;
            parts.push(Part::new(Content::ToolCall(call)));
        }
        Ok(Message::new(Role::Assistant, parts))
    }

    fn call(&mut self, mut call: Fields) -> Result<Part, BadField> {
        let id = call.text("id")?;
        let kind = call.text("type")?;
        let signature = take_signature(&mut call);
        let mut spelling = Spelling::default();
        let mut content = match call.object("custom")? {
            Some(mut custom) if kind.as_deref() == Some("custom") => {
                let name = custom.need_text("name")?;
                let input = custom.text("input")?.unwrap_or_default();
                self.keep_inner(custom, &mut spelling);
                ToolCall {
                    id: self.calls.call(id, &name),
                    name,
                    arguments: input,
                    kind: ToolKind::Freeform,
                    ..ToolCall::default()
                }
            }
            _ => match call.object("function")? {
                Some(function) => self.called(function, id, &mut spelling)?,
                None => return Err(call.bad("function", "an object")),
            },
        };
        content.signature = signature;
        call.take("index");
        let mut extra = self.leftovers.collect(call);
        spelling.keep(&mut extra);
        Ok(Part {
            extra,
            ..Part::new(Content::ToolCall(content))
        })
    }

    fn called(
        &mut self,
        mut function: Fields,
        id: Option<String>,
        spelling: &mut Spelling,
    ) -> Result<ToolCall, BadField> {
        let name = function.need_text("name")?;
        let arguments = arguments(function.take("arguments"));
        self.keep_inner(function, spelling);
        Ok(ToolCall {
            id: self.calls.call(id, &name),
            name,
            arguments,
            ..ToolCall::default()
        })
    }

    fn tool_message(&mut self, fields: &mut Fields) -> Result<Message, BadField> {
        let id = fields.text("tool_call_id")?;
        let name = fields.text("name")?;
        let content = fields.take("content").unwrap_or_default();
        // Gemini's answers of functions may come under this role too.
        if let Some(parts) = fields.take("parts") {
            return Ok(Message::new(Role::Tool, self.content(parts)?));
        }
        let mut spelling = Spelling::default();
        if content.is_array() {
            spelling.note("content", LIST);
        }
        let result = ToolResult {
            id: self.calls.result(id, name.as_deref()),
            name,
            parts: self.result_parts(content)?,
            is_error: false,
            kind: ToolKind::Function,
        };
        let mut part = Part::new(Content::ToolResult(result));
        spelling.keep(&mut part.extra);
        Ok(Message::new(Role::Tool, vec![part]))
    }

    fn function_message(
        &mut self,
        fields: &mut Fields,
        spelling: &mut Spelling,
    ) -> Result<Message, BadField> {
        if fields.peek("parts").is_some() {
            return self.tool_message(fields);
        }
        spelling.note("role", "function");
        let name = fields.need_text("name")?;
        let content = fields.take("content").unwrap_or_default();
        let result = ToolResult {
            id: self.calls.result(None, Some(&name)),
            name: Some(name),
            parts: self.result_parts(content)?,
            ..ToolResult::default()
        };
        Ok(Message::new(
            Role::Tool,
            vec![Part::new(Content::ToolResult(result))],
        ))
    }
}

/// The speaker; `None` for a legacy function.
fn role(role: &str) -> Result<Option<Role>, BadField> {
    Ok(Some(match role {
        "system" => Role::System,
        "developer" => Role::Developer,
        "user" | "human" => Role::User,
        "assistant" | "model" | "ai" => Role::Assistant,
        "tool" => Role::Tool,
        "function" => return Ok(None),
        _ => {
            return Err(BadField::new(
                "messages[].role",
                "`system`, `developer`, `user`, `assistant` or `tool`",
            ));
        }
    }))
}

//! One message: instructions, what a user says, what the model said, what a tool answered.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::Writer;
use super::conversation::Ids;
use super::parts::Moved;
use crate::chat::part::{Content, Reasoning, ToolCall, ToolKind, ToolResult};
use crate::chat::{Extra, Opaque, OpaqueKind, Part, Role};
use crate::codec::call_id::{self, IdRule};
use crate::codec::field_names::Field;
use crate::codec::openai_chat::annotations;
use crate::codec::openai_chat::spelling::{self, LIST};
use crate::codec::target::Refusal;
use crate::provider::Quirk;

/// What tells a model that its tool failed, where results have no field for it.
const FAILED: &str = "[tool error] ";

impl Writer<'_, '_> {
    /// The role of instructions at this target.
    pub(super) fn instructor(&self, role: Role) -> &'static str {
        let is_new = self.target.has(Quirk::OpenAiHost) && self.target.knowledge.developer_role;
        match role {
            _ if is_new && !self.is_own() => "developer",
            Role::Developer if self.is_own() && !self.target.has(Quirk::NoDeveloperRole) => {
                "developer"
            }
            _ => "system",
        }
    }

    /// Instructions as one message; `None` if they say nothing.
    pub(super) fn instructions<'p>(
        &mut self,
        role: Role,
        parts: impl Iterator<Item = &'p Part>,
    ) -> Result<Option<Value>, Refusal> {
        self.said(role, parts)
    }

    /// What instructs or what a user says, as one message; `None` if it is nothing.
    pub(super) fn said<'p>(
        &mut self,
        role: Role,
        parts: impl Iterator<Item = &'p Part>,
    ) -> Result<Option<Value>, Refusal> {
        let mut written = Vec::new();
        for part in parts {
            written.extend(self.part(part)?);
        }
        written.retain(|part| part["type"] != "text" || part["text"] != "");
        if written.is_empty() {
            return Ok(None);
        }
        let role = match role {
            Role::User => "user",
            role => self.instructor(role),
        };
        let content = plain_text(&written).map_or_else(|| written.into(), Value::String);
        Ok(Some(json!({"role": role, "content": content})))
    }

    /// The same of a client that speaks this dialect: text stays text, a list stays a list.
    pub(super) fn own_said<'p>(
        &mut self,
        role: Role,
        parts: impl Iterator<Item = &'p Part>,
        extra: &Extra,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut written = Vec::new();
        for part in parts {
            written.extend(self.part(part)?);
        }
        let role = match role {
            Role::User => "user",
            role => self.instructor(role),
        };
        let mut message = Map::new();
        message.insert("role".to_owned(), json!(role));
        if !written.is_empty() || spelling::of(extra, "content").is_some() {
            message.insert("content".to_owned(), content(written, extra));
        }
        Ok(message)
    }

    /// What the model said; `None` if nothing of it is left.
    pub(super) fn assistant<'p>(
        &mut self,
        parts: impl Iterator<Item = &'p Part>,
        extra: &Extra,
        ids: &mut Ids,
    ) -> Result<Option<Map<String, Value>>, Refusal> {
        let mut said = Said::default();
        ids.clear();
        for part in parts {
            self.say(part, extra, ids, &mut said)?;
        }
        if said.is_nothing() && !self.is_own() {
            return Ok(None);
        }
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        let content = self.assistants_content(&mut said, extra);
        message.insert("content".to_owned(), content);
        self.thoughts(&said.thoughts, !said.calls.is_empty(), extra, &mut message);
        if let Some(refusal) = said.refusal {
            message.insert("refusal".to_owned(), json!(refusal));
        }
        message.extend(said.fields);
        if self.is_own() && spelling::is(extra, "tool_calls", "function_call") {
            let call = said
                .calls
                .pop()
                .and_then(|mut call| call.get_mut("function").map(Value::take));
            message.extend(call.map(|call| ("function_call".to_owned(), call)));
        }
        if !said.calls.is_empty() {
            message.insert("tool_calls".to_owned(), said.calls.into());
        }
        Ok(Some(message))
    }

    fn say<'p>(
        &mut self,
        part: &'p Part,
        extra: &Extra,
        ids: &mut Ids,
        said: &mut Said<'p>,
    ) -> Result<(), Refusal> {
        match &part.content {
            Content::ToolCall(call) => {
                let id = ids.next(&call.id);
                said.calls.push(self.call(call, &id, part));
            }
            Content::Reasoning(thought) => {
                // Mistral's thoughts are parts of the content, and stay so.
                match spelling::of(&part.extra, "thinking").filter(|_| self.is_own()) {
                    Some(chunks) => said
                        .content
                        .push(json!({"type": "thinking", "thinking": chunks})),
                    None => said.thoughts.push(thought),
                }
            }
            Content::Refusal(text) if spelling::is(extra, "refusal", "field") => {
                said.refusal.get_or_insert_default().push_str(text);
            }
            Content::Text(text) => {
                if !said.calls.is_empty() && !said.content.is_empty() {
                    said.content.push(json!({"type": "text", "text": "\n\n"}));
                }
                if self.is_own() {
                    let list: Vec<Value> = text
                        .citations
                        .iter()
                        .filter_map(|citation| annotations::write(citation, 0, 0))
                        .collect();
                    if !list.is_empty() {
                        said.fields.insert("annotations".to_owned(), list.into());
                    }
                }
                let slot = text
                    .signature
                    .as_ref()
                    .and_then(|token| self.signature(token));
                if let Some(slot) = slot {
                    said.fields.insert("extra_content".to_owned(), slot);
                }
                said.content.extend(self.part(part)?);
            }
            Content::Image(_) | Content::Audio(_) | Content::Video(_) | Content::Document(_)
                if !self.is_own() =>
            {
                // A model cannot have said a picture here.
                self.report
                    .drop(format!("{}[].content[]", self.name(Field::Messages)));
            }
            _ => said.content.extend(self.part(part)?),
        }
        Ok(())
    }

    fn assistants_content(&self, said: &mut Said<'_>, extra: &Extra) -> Value {
        let written = std::mem::take(&mut said.content);
        if !written.is_empty() {
            if self.is_own() {
                return content(written, extra);
            }
            let text = written.iter().filter_map(|part| part["text"].as_str());
            return Value::String(text.collect());
        }
        match spelling::of(extra, "content").and_then(Value::as_str) {
            Some("empty") if self.is_own() => json!(""),
            _ if self.target.has(Quirk::EmptyContent) => json!(""),
            _ => Value::Null,
        }
    }

    /// A call of a tool.
    fn call(&mut self, call: &ToolCall, id: &str, part: &Part) -> Value {
        let ToolCall {
            id: _,
            name,
            namespace,
            arguments,
            kind,
            signature,
        } = call;
        let name = self.target.tools.outward(name, namespace.as_deref());
        let mut written = Map::new();
        written.insert("id".to_owned(), json!(self.id(id)));
        let (key, inner) = match kind {
            ToolKind::Freeform if self.takes_all() => {
                ("custom", json!({"name": name, "input": arguments}))
            }
            ToolKind::Freeform => {
                let arguments = json!({ "input": arguments }).to_string();
                ("function", json!({"name": name, "arguments": arguments}))
            }
            ToolKind::Function => {
                let empty = arguments.is_empty() && !self.is_own();
                let arguments = if empty { "{}" } else { arguments };
                ("function", json!({"name": name, "arguments": arguments}))
            }
        };
        written.insert("type".to_owned(), json!(key));
        written.insert(key.to_owned(), inner);
        let slot = signature.as_ref().and_then(|token| self.signature(token));
        if let Some(slot) = slot {
            written.insert("extra_content".to_owned(), slot);
        }
        if self.is_own() {
            spelling::restore(&part.extra, &mut written);
            spelling::restore_inner(&part.extra, key, &mut written);
        }
        written.into()
    }

    /// The place Gemini's own Chat endpoint has for a thought signature.
    fn signature(&mut self, token: &Opaque) -> Option<Value> {
        let is_clients = self.is_own() && token.provider.is_none();
        let is_known = token.provider.is_some() && self.target.may_have(token, OpaqueKind::Thought);
        if is_clients || is_known {
            return Some(json!({"google": {"thought_signature": token.payload}}));
        }
        self.drop(Field::Reasoning);
        None
    }

    /// The id of a call as the target takes it.
    pub(super) fn id<'i>(&self, id: &'i str) -> Cow<'i, str> {
        if self.target.has(Quirk::NineCharIds) {
            call_id::outward(id, IdRule::Nine)
        } else if self.is_own() {
            Cow::Borrowed(id)
        } else {
            call_id::outward(id, IdRule::OpenAi)
        }
    }

    /// A result in a message of this dialect.
    pub(super) fn own_result(
        &mut self,
        result: &ToolResult,
        part: &Part,
        extra: &Extra,
        moved: &mut Moved,
    ) -> Result<Value, Refusal> {
        if spelling::is(extra, "role", "function") {
            let mut message = self.tool_result(result, part, moved)?;
            if let Some(message) = message.as_object_mut() {
                message.shift_remove("tool_call_id");
                message.insert("role".to_owned(), json!("function"));
                spelling::restore(extra, message);
            }
            return Ok(message);
        }
        let mut message = self.tool_result(result, part, moved)?;
        if let Some(message) = message.as_object_mut() {
            spelling::restore(extra, message);
        }
        Ok(message)
    }

    /// What a tool answered. What is no text follows as if the user said it.
    pub(super) fn tool_result(
        &mut self,
        result: &ToolResult,
        part: &Part,
        moved: &mut Moved,
    ) -> Result<Value, Refusal> {
        let ToolResult {
            id,
            name,
            parts,
            is_error,
            kind: _,
        } = result;
        if self.target.has(Quirk::NoToolResults) {
            let message = "this target takes no results of tools";
            return Err(Refusal::new(self.name(Field::Messages), message));
        }
        let id = self.id(id).into_owned();
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("tool"));
        message.insert("tool_call_id".to_owned(), json!(id));
        if let Some(name) = name.as_ref().filter(|_| self.is_own()) {
            message.insert("name".to_owned(), json!(name));
        }
        let mut written = Vec::new();
        for part in parts {
            written.extend(self.part(part)?);
        }
        let is_list = self.is_own() && spelling::is(&part.extra, "content", LIST);
        let content = if is_list {
            written.into()
        } else {
            let (texts, others): (Vec<_>, Vec<_>) =
                written.into_iter().partition(|part| part["type"] == "text");
            let texts: Vec<&str> = texts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect();
            let mut text = texts.join("\n");
            moved.add(&id, others, &mut text);
            if *is_error {
                text.insert_str(0, FAILED);
            }
            Value::String(text)
        };
        message.insert("content".to_owned(), content);
        Ok(message.into())
    }
}

/// What an assistant's message is made of.
#[derive(Default)]
struct Said<'p> {
    content: Vec<Value>,
    thoughts: Vec<&'p Reasoning>,
    refusal: Option<String>,
    calls: Vec<Value>,
    /// Fields of the message that belong to its text.
    fields: Map<String, Value>,
}

impl Said<'_> {
    fn is_nothing(&self) -> bool {
        let is_empty = |part: &Value| part["text"] == "";
        self.content.iter().all(is_empty) && self.refusal.is_none() && self.calls.is_empty()
    }
}

/// Content as the client of this dialect had it.
fn content(mut written: Vec<Value>, extra: &Extra) -> Value {
    let is_list = spelling::is(extra, "content", LIST);
    let is_plain = |part: &Value| {
        part["type"] == "text" && part.as_object().is_some_and(|part| part.len() == 2)
    };
    match written.as_mut_slice() {
        [] if !is_list => json!(""),
        [only] if !is_list && is_plain(only) => only["text"].take(),
        _ => written.into(),
    }
}

/// Several texts are one for hosts that take no list; `None` if there is more than text.
fn plain_text(written: &[Value]) -> Option<String> {
    let texts: Option<Vec<&str>> = written
        .iter()
        .map(|part| {
            let is_plain = part.as_object().is_some_and(|part| part.len() == 2);
            part["text"].as_str().filter(|_| is_plain)
        })
        .collect();
    Some(texts?.join("\n\n"))
}

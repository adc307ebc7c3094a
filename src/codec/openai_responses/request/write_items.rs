//! Messages as items of the input.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::super::node::{AS_ITEM, AS_TEXT, CONTENT, INPUT, Node, OUTPUT, is_marked};
use super::encode::{Context, say_json};
use super::{thought, write_parts};
use crate::chat::part::{Reasoning, ToolCall, ToolKind, ToolResult};
use crate::chat::request::{Message, Role};
use crate::chat::{Content, Opaque, OpaqueKind, Part, Report};
use crate::codec::call_id::{self, IdRule};
use crate::codec::field_names::Field;
use crate::codec::target::Refusal;

/// Marks of what is to be cached that OpenAI takes in one request; the last ones count.
const MARKS: usize = 4;

/// How a tool's error is told, as there is no field for it.
const ERROR: &str = "[tool error] ";

/// The conversation as this dialect has it.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) instructions: Option<String>,
    pub(super) input: Option<Value>,
    /// Whether a mark of what is to be cached was left out.
    pub(super) lost_marks: bool,
}

/// Items in the making.
pub(super) struct Items<'a> {
    cx: &'a Context<'a>,
    report: &'a mut Report,
    written: Vec<Value>,
    /// Ids of the calls of free-form tools: other dialects do not tell their results apart.
    freeform: HashSet<&'a str>,
    /// How many marks are to be left out before the ones that count.
    surplus: usize,
    lost_marks: bool,
    /// Whether ids of items may be ours: the upstream would look for them in vain.
    strips_ids: bool,
}

impl<'a> Items<'a> {
    /// Writes the conversation.
    pub(super) fn write(cx: &'a Context<'a>, report: &'a mut Report) -> Result<Written, Refusal> {
        let request = cx.request;
        let mut items = Items {
            cx,
            report,
            written: Vec::new(),
            freeform: freeform_calls(&request.messages),
            surplus: marks(cx).saturating_sub(MARKS),
            lost_marks: false,
            strips_ids: is_sealed(&request.messages),
        };
        if cx.is_own {
            return items.write_own();
        }
        let (lead, rest) = request.split_instructions();
        let lead: Vec<&Part> = lead.collect();
        let instructions = items.lead(&lead)?;
        for message in rest {
            items.message(message)?;
        }
        items.drop_lone_thoughts();
        Ok(Written {
            instructions,
            input: Some(Value::Array(items.written)),
            lost_marks: items.lost_marks,
        })
    }

    /// A request of this dialect, as it came.
    fn write_own(mut self) -> Result<Written, Refusal> {
        let request = self.cx.request;
        let texts: Vec<&str> = request
            .instructions
            .iter()
            .map(write_parts::text_of)
            .collect();
        let instructions = (!texts.is_empty()).then(|| texts.join("\n\n"));
        let input = match request.messages.as_slice() {
            [only] if is_marked(&request.extra, INPUT, AS_TEXT) => {
                let text = only.parts.first().map(write_parts::text_of);
                Some(json!(text.unwrap_or_default()))
            }
            [] => None,
            messages => {
                for message in messages {
                    self.message(message)?;
                }
                Some(Value::Array(std::mem::take(&mut self.written)))
            }
        };
        Ok(Written {
            instructions,
            input,
            lost_marks: false,
        })
    }

    /// Leading instructions: in their own place, unless there is more to them than text.
    fn lead(&mut self, lead: &[&'a Part]) -> Result<Option<String>, Refusal> {
        let is_marked = |part: &&&Part| part.cache.is_some() && self.cx.takes_marks();
        let is_text = |part: &&Part| matches!(part.content, Content::Text(_));
        if lead.iter().any(|part| is_marked(&part)) || !lead.iter().all(is_text) {
            let role = self.instructor();
            let parts: Vec<Part> = lead.iter().map(|part| (*part).clone()).collect();
            self.spoken(role, parts.iter(), None)?;
            return Ok(None);
        }
        self.lost_marks |= lead.iter().any(|part| part.cache.is_some());
        let texts = lead.iter().map(|part| write_parts::text_of(part));
        let mut text = texts
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join("\n\n");
        if let Some(line) = say_json(self.cx, &text) {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(line);
        }
        Ok((!text.is_empty()).then_some(text))
    }

    /// Who instructs the model.
    fn instructor(&self) -> Role {
        if self.cx.target.knowledge.developer_role {
            Role::Developer
        } else {
            Role::System
        }
    }

    fn message(&mut self, message: &'a Message) -> Result<(), Refusal> {
        if self.cx.is_own && is_marked(&message.extra, "type", "additional_tools") {
            let item = Node::new(Some(&message.extra), &[]);
            self.written.push(item.into());
            return Ok(());
        }
        if message.name.is_some() {
            let list = self.cx.name(Field::Messages);
            self.report.drop(format!("{list}[].name"));
        }
        let role = match message.role {
            Role::System | Role::Developer if !self.cx.is_own => self.instructor(),
            role => role,
        };
        let mut spoken: Vec<&Part> = Vec::new();
        for part in &message.parts {
            if is_spoken(part) && !is_marked(&message.extra, CONTENT, AS_ITEM) {
                spoken.push(part);
                continue;
            }
            if !spoken.is_empty() {
                self.spoken(role, spoken.drain(..), Some(message))?;
            }
            self.item(part, message)?;
        }
        if !spoken.is_empty() || message.parts.is_empty() && self.cx.is_own {
            self.spoken(role, spoken.into_iter(), Some(message))?;
        }
        Ok(())
    }

    /// A part that is an item of its own.
    fn item(&mut self, part: &'a Part, message: &Message) -> Result<(), Refusal> {
        match &part.content {
            Content::ToolCall(call) => self.call(call, message),
            Content::ToolResult(result) => self.result(result, message)?,
            Content::Reasoning(reasoning) => self.reasoning(reasoning, message),
            Content::Foreign(foreign) => self.written.push(foreign.value.clone()),
            _ => {}
        }
        self.lost_marks |= part.cache.is_some() && !self.cx.is_own;
        Ok(())
    }

    /// An item that begins with what was kept of its message.
    fn node(&self, message: Option<&Message>, marks: &[&str]) -> Node {
        let extra = message.map(|message| &message.extra);
        let node = Node::new(extra.filter(|_| self.cx.is_own), marks);
        if self.strips_ids {
            node.without("id")
        } else {
            node
        }
    }

    /// What is said in words and pictures.
    fn spoken<'p>(
        &mut self,
        role: Role,
        parts: impl Iterator<Item = &'p Part>,
        message: Option<&Message>,
    ) -> Result<(), Refusal> {
        let role = if role == Role::Tool { Role::User } else { role };
        let mut content = Vec::new();
        let mut is_said = false;
        let as_text = message.is_some_and(|message| is_marked(&message.extra, CONTENT, AS_TEXT));
        for part in parts {
            is_said = true;
            if let Content::Text(text) = &part.content {
                self.before(text.signature.as_ref());
            }
            if self.cx.is_own && as_text {
                let text = Value::from(write_parts::text_of(part));
                self.say(role, text, message);
                return Ok(());
            }
            if let Some(written) = write_parts::write(self.cx, part, message, role, self.report)? {
                content.push(self.marked(written, part));
            }
        }
        if !content.is_empty() || self.cx.is_own && (is_said || message.is_some()) {
            self.say(role, Value::Array(content), message);
        }
        Ok(())
    }

    fn say(&mut self, role: Role, content: Value, message: Option<&Message>) {
        let mut node = self.node(message, &[CONTENT]);
        if !self.cx.is_own {
            node.put("type", "message");
        }
        let node = node.with("role", role_name(role)).with("content", content);
        self.written.push(node.into());
    }

    /// The part with its mark, if it is one of those that count.
    fn marked(&mut self, mut written: Value, part: &Part) -> Value {
        if part.cache.is_none() || self.cx.is_own {
            return written;
        }
        if !self.cx.takes_marks() || self.surplus > 0 {
            self.surplus = self.surplus.saturating_sub(1);
            self.lost_marks = true;
        } else if let Value::Object(map) = &mut written {
            let mark = json!({"mode": "explicit"});
            map.insert("prompt_cache_breakpoint".to_owned(), mark);
        }
        written
    }

    fn call(&mut self, call: &ToolCall, message: &Message) {
        self.before(call.signature.as_ref());
        let name = self
            .cx
            .target
            .tools
            .outward(&call.name, call.namespace.as_deref());
        let node = self
            .node(Some(message), &[])
            .with("type", call_type(call.kind))
            .with("call_id", call_id::outward(&call.id, IdRule::OpenAi))
            .with("name", name)
            .maybe("namespace", call.namespace.as_deref());
        let arguments = call.arguments.as_str();
        let node = match call.kind {
            ToolKind::Freeform => node.with("input", arguments),
            ToolKind::Function if arguments.is_empty() && !self.cx.is_own => {
                node.with("arguments", "{}")
            }
            ToolKind::Function => node.with("arguments", arguments),
        };
        self.written.push(node.into());
    }

    fn result(&mut self, result: &ToolResult, message: &Message) -> Result<(), Refusal> {
        let is_freeform =
            result.kind == ToolKind::Freeform || self.freeform.contains(result.id.as_str());
        let kind = if is_freeform {
            "custom_tool_call_output"
        } else {
            "function_call_output"
        };
        let output = self.output(result, message)?;
        let node = self
            .node(Some(message), &[OUTPUT])
            .with("type", kind)
            .with("call_id", call_id::outward(&result.id, IdRule::OpenAi))
            .maybe("name", result.name.as_deref().filter(|_| self.cx.is_own))
            .with("output", output);
        self.written.push(node.into());
        Ok(())
    }

    /// What a tool answered: one text if it is nothing but text, else a list of parts.
    fn output(&mut self, result: &ToolResult, message: &Message) -> Result<Value, Refusal> {
        let is_text = |part: &Part| matches!(part.content, Content::Text(_));
        let as_text = is_marked(&message.extra, OUTPUT, AS_TEXT) || !self.cx.is_own;
        let error = if result.is_error { ERROR } else { "" };
        if as_text && result.parts.iter().all(is_text) {
            self.lost_marks |=
                !self.cx.is_own && result.parts.iter().any(|part| part.cache.is_some());
            let texts = result.parts.iter().map(write_parts::text_of);
            let texts: Vec<&str> = texts.collect();
            return Ok(json!(format!("{error}{}", texts.join("\n"))));
        }
        let mut parts = Vec::new();
        if result.is_error {
            parts.push(json!({"type": "input_text", "text": ERROR.trim_end()}));
        }
        for part in &result.parts {
            let written = write_parts::write(self.cx, part, None, Role::Tool, self.report)?;
            if let Some(written) = written {
                parts.push(self.marked(written, part));
            }
        }
        Ok(Value::Array(parts))
    }

    fn reasoning(&mut self, reasoning: &Reasoning, message: &Message) {
        let Reasoning { text, opaque } = reasoning;
        let is_verbatim = self.cx.is_own && opaque.is_none();
        let may_have = |opaque: &&Opaque| self.cx.target.may_have(opaque, OpaqueKind::Encrypted);
        let given = opaque.as_ref().filter(may_have);
        if given.is_none() && !is_verbatim {
            self.report.drop(self.cx.name(Field::Reasoning));
            return;
        }
        let node = self
            .node(Some(message), &[])
            .with("type", "reasoning")
            .with("summary", thought::write_summary(text))
            .maybe(
                "encrypted_content",
                given.map(|given| given.payload.as_str()),
            );
        self.written.push(node.into());
    }

    /// A state that came with a text or a call: here it stands before them.
    fn before(&mut self, signature: Option<&Opaque>) {
        let Some(opaque) = signature else { return };
        if !self.cx.target.may_have(opaque, OpaqueKind::Encrypted) {
            self.report.drop(self.cx.name(Field::Reasoning));
            return;
        }
        let summary = thought::write_summary(opaque.text.as_deref().unwrap_or_default());
        let node = Node::typed("reasoning")
            .with("summary", summary)
            .with("encrypted_content", opaque.payload.as_str());
        self.written.push(node.into());
    }

    /// A thought has to be followed by what it led to.
    fn drop_lone_thoughts(&mut self) {
        let mut is_followed = false;
        let mut kept: Vec<Value> = Vec::with_capacity(self.written.len());
        for item in self.written.drain(..).rev() {
            match item.get("type").and_then(Value::as_str) {
                Some("reasoning") if !is_followed => {
                    self.report.drop(self.cx.name(Field::Reasoning));
                    continue;
                }
                Some("reasoning" | "function_call" | "custom_tool_call") => is_followed = true,
                _ => is_followed = item.get("role").and_then(Value::as_str) == Some("assistant"),
            }
            kept.push(item);
        }
        kept.reverse();
        self.written = kept;
    }
}

/// Whether the part is said within a message.
fn is_spoken(part: &Part) -> bool {
    !matches!(
        part.content,
        Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_)
    )
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::Developer => "developer",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    }
}

fn call_type(kind: ToolKind) -> &'static str {
    match kind {
        ToolKind::Function => "function_call",
        ToolKind::Freeform => "custom_tool_call",
    }
}

fn freeform_calls(messages: &[Message]) -> HashSet<&str> {
    let parts = messages.iter().flat_map(|message| &message.parts);
    parts
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) if call.kind == ToolKind::Freeform => Some(call.id.as_str()),
            _ => None,
        })
        .collect()
}

/// Whether a token in the conversation has been through our hands, and so its items' ids may have.
fn is_sealed(messages: &[Message]) -> bool {
    let is_ours = |opaque: &Option<Opaque>| {
        opaque
            .as_ref()
            .is_some_and(|opaque| opaque.provider.is_some())
    };
    let parts = messages.iter().flat_map(|message| &message.parts);
    parts.into_iter().any(|part| match &part.content {
        Content::Reasoning(reasoning) => is_ours(&reasoning.opaque),
        Content::ToolCall(call) => is_ours(&call.signature),
        Content::Text(text) => is_ours(&text.signature),
        _ => false,
    })
}

/// How many marks of what is to be cached the conversation has in places that can be marked here.
fn marks(cx: &Context<'_>) -> usize {
    let (lead, rest) = cx.request.split_instructions();
    let rest = rest.iter().flat_map(|message| &message.parts);
    let inner = |part: &&Part| match &part.content {
        Content::ToolResult(result) if result.parts.iter().any(|p| !is_text_only(p)) => {
            result.parts.iter().filter(|p| p.cache.is_some()).count()
        }
        _ => usize::from(part.cache.is_some() && is_spoken(part)),
    };
    lead.chain(rest).map(|part| inner(&part)).sum()
}

fn is_text_only(part: &Part) -> bool {
    matches!(part.content, Content::Text(_))
}

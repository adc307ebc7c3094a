//! Parts of another dialect's messages, written as blocks that this one's servers accept.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::media::{self, Written};
use crate::chat::part::{Content, Document, Foreign, Image, Reasoning, Source, ToolCall, ToolKind};
use crate::chat::{Dialect, OpaqueKind, Part, Report};
use crate::codec::anthropic::object::object;
use crate::codec::anthropic::{arguments, cache};
use crate::codec::call_id::{self, IdRule};
use crate::codec::field_names::Field;
use crate::codec::target::{Refusal, Target};
use crate::codec::turns::Answer;

/// Writes blocks for a target, from a request of `source`.
#[derive(Debug)]
pub(super) struct Writer<'a, 't> {
    /// The dialect the request came in.
    pub(super) source: Dialect,
    /// Who gets them.
    pub(super) target: &'a Target<'t>,
    /// What was lost or changed.
    pub(super) report: &'a mut Report,
    /// Ids of calls so far: each may stand once.
    pub(super) ids: HashSet<String>,
}

type Block = Map<String, Value>;

impl Writer<'_, '_> {
    /// What `field` is called by the client.
    pub(super) fn name(&self, field: Field) -> &'static str {
        field.name(self.source)
    }

    /// Reports what only its own dialect had.
    pub(super) fn lose(&mut self, field: Field) {
        self.report.drop(self.name(field));
    }

    /// A block of the user's side; `None` for what says nothing here.
    pub(super) fn users(&mut self, part: &Part) -> Result<Option<Value>, Refusal> {
        let block = match &part.content {
            Content::Text(text) => self::text(&text.text),
            Content::Refusal(text) => self::text(text),
            Content::Image(Image { source, detail }) => {
                if detail.is_some() {
                    self.report.note(self.name(Field::Detail));
                }
                Some(self.medium("image", source, None)?)
            }
            Content::Document(Document { source, name }) => {
                Some(self.medium("document", source, name.as_deref())?)
            }
            Content::Audio(_) => return Err(self.refuse("audio")),
            Content::Video(_) => return Err(self.refuse("video")),
            Content::Foreign(foreign) => self.foreign(foreign)?,
            Content::Reasoning(_) | Content::ToolCall(_) | Content::ToolResult(_) => None,
        };
        Ok(block.map(|block| marked(block, part)))
    }

    /// A block of the model's side; a call gets `id`.
    pub(super) fn models(&mut self, part: &Part, id: &str) -> Result<Option<Value>, Refusal> {
        let block = match &part.content {
            Content::Text(text) => {
                if text.signature.is_some() {
                    self.report.note(self.name(Field::Reasoning));
                }
                if !text.citations.is_empty() {
                    self.report.note(self.name(Field::Citations));
                }
                self::text(&text.text)
            }
            Content::Refusal(text) => self::text(text),
            // A thought holds no mark.
            Content::Reasoning(reasoning) => return Ok(self.reasoning(reasoning)),
            Content::ToolCall(call) => Some(self.tool_use(call, id)),
            Content::Foreign(foreign) => self.foreign(foreign)?,
            Content::Image(_)
            | Content::Document(_)
            | Content::Audio(_)
            | Content::Video(_)
            | Content::ToolResult(_) => {
                // The model has no words but text here.
                self.report.drop(content_path(self.source));
                None
            }
        };
        Ok(block.map(|block| marked(block, part)))
    }

    fn medium(
        &mut self,
        kind: &str,
        source: &Source,
        name: Option<&str>,
    ) -> Result<Block, Refusal> {
        let written = media::translated(source)
            .map_err(|problem| Refusal::new(content_path(self.source), problem))?;
        let (kind, source) = match written {
            Written::Image(source) => ("image", source),
            Written::Document(source) => ("document", source),
            Written::Address(source) => (kind, source),
        };
        let mut block = object([("type", kind.into()), ("source", source)]);
        if let Some(name) = name.filter(|name| kind == "document" && !name.is_empty()) {
            block.insert("title".to_owned(), name.into());
        }
        Ok(block)
    }

    fn refuse(&self, kind: &str) -> Refusal {
        let message = format!("`{}` takes no {kind}", self.target.model);
        Refusal::new(content_path(self.source), message)
    }

    /// What another dialect alone has. What stands for state that is kept elsewhere, or for what a tool did
    /// to a machine, cannot be left out.
    fn foreign(&mut self, foreign: &Foreign) -> Result<Option<Block>, Refusal> {
        let kind = foreign.kind.as_str();
        if self.source == Dialect::OpenAiResponses && is_needed(kind) {
            let message =
                format!("an item of type `{kind}` cannot be sent to this model's provider");
            return Err(Refusal::new(self.name(Field::Messages), message));
        }
        self.report
            .drop(format!("{}.{kind}", content_path(self.source)));
        Ok(None)
    }

    fn tool_use(&mut self, call: &ToolCall, id: &str) -> Block {
        if call.signature.is_some() {
            self.lose(Field::Reasoning);
        }
        let input = match call.kind {
            ToolKind::Freeform => json!({"input": call.arguments}),
            ToolKind::Function => self.input(&call.arguments),
        };
        let name = self
            .target
            .tools
            .outward(&call.name, call.namespace.as_deref());
        object([
            ("type", "tool_use".into()),
            ("id", id.into()),
            ("name", name.into()),
            ("input", input),
        ])
    }

    fn input(&mut self, text: &str) -> Value {
        arguments::write(text).unwrap_or_else(|| {
            self.report.adjust(arguments_path(self.source), "_raw");
            arguments::raw(text)
        })
    }

    /// A thought, if the target may have the state that makes it one; it is never told as text.
    fn reasoning(&mut self, reasoning: &Reasoning) -> Option<Value> {
        let Some(opaque) = &reasoning.opaque else {
            self.lose(Field::Reasoning);
            return None;
        };
        if self.target.may_have(opaque, OpaqueKind::Signature) {
            // The carrier may have lost or shortened what may be read of it.
            let text = opaque.text.as_deref().unwrap_or(&reasoning.text);
            let signature = &opaque.payload;
            return Some(json!({"type": "thinking", "thinking": text, "signature": signature}));
        }
        if self.target.may_have(opaque, OpaqueKind::Redacted) {
            return Some(json!({"type": "redacted_thinking", "data": opaque.payload}));
        }
        self.lose(Field::Reasoning);
        None
    }

    /// The result of a call that was written with `id`; a call without one is said to have none.
    pub(super) fn answer(&mut self, answer: &Answer<'_>, id: &str) -> Result<Value, Refusal> {
        let Some((result, part)) = answer.result else {
            return Ok(self.no_answer(id));
        };
        let mut block = object([("type", "tool_result".into()), ("tool_use_id", id.into())]);
        let content = self.answered(&result.parts)?;
        if !content.is_null() {
            block.insert("content".to_owned(), content);
        }
        if result.is_error {
            block.insert("is_error".to_owned(), true.into());
        }
        Ok(marked(block, part))
    }

    /// What stands for a result that there is none of: every call must have one.
    pub(super) fn no_answer(&mut self, id: &str) -> Value {
        self.report.adjust(self.name(Field::Messages), NO_RESULT);
        json!({"type": "tool_result", "tool_use_id": id, "content": NO_RESULT, "is_error": true})
    }

    /// What a tool said: a string where that is all, null where it said nothing.
    fn answered(&mut self, parts: &[Part]) -> Result<Value, Refusal> {
        if let [part] = parts
            && let Content::Text(text) = &part.content
        {
            return Ok(text.text.as_str().into());
        }
        let mut blocks = Vec::new();
        for part in parts {
            // Marks are on the result, not within.
            let part = Part {
                cache: None,
                ..part.clone()
            };
            blocks.extend(self.users(&part)?);
        }
        Ok(if blocks.is_empty() {
            Value::Null
        } else {
            blocks.into()
        })
    }

    /// The id of a call as it is written; one that came before is made another.
    pub(super) fn id(&mut self, call: &ToolCall) -> String {
        let id = call_id::outward(&call.id, IdRule::Anthropic).into_owned();
        let mut unique = id.clone();
        for n in 2.. {
            if self.ids.insert(unique.clone()) {
                break;
            }
            unique = format!("{id}_{n}");
        }
        unique
    }
}

/// What a call is answered with that nobody answered.
const NO_RESULT: &str = "[no result]";

/// Items of Responses that cannot be left out without changing what was said.
fn is_needed(kind: &str) -> bool {
    let prefixes = ["program", "shell", "local_shell", "mcp_", "apply_patch"];
    matches!(kind, "item_reference" | "compaction")
        || prefixes.iter().any(|prefix| kind.starts_with(prefix))
}

/// Text that says something; empty blocks are refused.
pub(super) fn text(text: &str) -> Option<Block> {
    (!text.trim().is_empty()).then(|| object([("type", "text".into()), ("text", text.into())]))
}

/// The block with its part's mark.
pub(super) fn marked(mut block: Block, part: &Part) -> Value {
    if let Some(mark) = &part.cache {
        block.insert(cache::FIELD.to_owned(), cache::translated(mark));
    }
    Value::Object(block)
}

/// Where parts stand in the client's request.
pub(super) fn content_path(source: Dialect) -> &'static str {
    match source {
        Dialect::OpenAiChat | Dialect::Anthropic => "messages[].content[]",
        Dialect::OpenAiResponses => "input[].content[]",
        Dialect::Gemini => "contents[].parts[]",
    }
}

fn arguments_path(source: Dialect) -> &'static str {
    match source {
        Dialect::OpenAiChat => "messages[].tool_calls[].function.arguments",
        Dialect::OpenAiResponses => "input[].arguments",
        Dialect::Anthropic => "messages[].content[].input",
        Dialect::Gemini => "contents[].parts[].functionCall.args",
    }
}

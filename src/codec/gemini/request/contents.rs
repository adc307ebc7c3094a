//! Contents and their parts, written for the upstream.
//!
//! A conversation that a Gemini client wrote is written back content by content; any other one is put
//! into turns first.

use serde_json::{Map, Value, json};

use crate::chat::part::ToolKind;
use crate::chat::part::{Content, Document, Foreign, Image, Reasoning, Source, Text, ToolCall};
use crate::chat::{Dialect, Opaque, OpaqueKind, Part, Report, Request, Role};
use crate::codec::field_names::Field;
use crate::codec::gemini::signature::{MADE_ID, SENTINEL};
use crate::codec::gemini::{parts, wire};
use crate::codec::target::{Refusal, Target};

/// Writes the conversation of one request.
pub(super) struct Writer<'a, 'r> {
    pub(super) request: &'a Request,
    pub(super) target: &'a Target<'a>,
    pub(super) report: &'r mut Report,
    /// Whether no call of the content under way was written yet.
    is_first_call: bool,
}

/// A content: who speaks, and what.
pub(super) fn content(role: &str, parts: Vec<Value>) -> Value {
    let mut content = Map::new();
    content.insert("role".to_owned(), role.into());
    content.insert("parts".to_owned(), parts.into());
    content.into()
}

impl<'a, 'r> Writer<'a, 'r> {
    pub(super) fn new(
        request: &'a Request,
        target: &'a Target<'a>,
        report: &'r mut Report,
    ) -> Self {
        Self {
            request,
            target,
            report,
            is_first_call: true,
        }
    }

    /// `systemInstruction` and `contents`.
    pub(super) fn conversation(&mut self) -> Result<(Option<Value>, Vec<Value>), Refusal> {
        if self.is_own() {
            let instructions = self.request.instructions.iter();
            let parts = self.parts(instructions)?;
            let instructions = (!parts.is_empty()).then(|| json!({ "parts": parts }));
            return Ok((instructions, self.own_contents()?));
        }
        let (instructions, messages) = self.request.split_instructions();
        let mut texts = Vec::new();
        for part in instructions {
            texts.extend(self.instruction(part));
        }
        let instructions = (!texts.is_empty()).then(|| json!({ "parts": texts }));
        Ok((instructions, self.turns(messages)?))
    }

    pub(super) fn is_own(&self) -> bool {
        self.request.dialect == Dialect::Gemini
    }

    /// The contents of a Gemini client, one by one.
    fn own_contents(&mut self) -> Result<Vec<Value>, Refusal> {
        let mut contents = Vec::new();
        for message in &self.request.messages {
            self.begin_content();
            let role = match message.role {
                Role::User => "user",
                Role::Assistant => "model",
                Role::Tool => "function",
                Role::System | Role::Developer => "system",
            };
            let parts = self.parts(message.parts.iter())?;
            if parts.is_empty() && !message.parts.is_empty() {
                continue;
            }
            let mut map = Map::new();
            map.insert("role".to_owned(), role.into());
            map.insert("parts".to_owned(), parts.into());
            message.extra.merge_into(&mut map);
            contents.push(map.into());
        }
        Ok(contents)
    }

    /// A new content begins: its first call is the one to be signed.
    pub(super) fn begin_content(&mut self) {
        self.is_first_call = true;
    }

    fn parts<'p>(&mut self, parts: impl Iterator<Item = &'p Part>) -> Result<Vec<Value>, Refusal> {
        let mut written = Vec::new();
        for part in parts {
            written.extend(self.part(part)?);
        }
        Ok(written)
    }

    /// An instruction is text; anything else that stands there is lost.
    fn instruction(&mut self, part: &Part) -> Option<Value> {
        self.note_mark(part);
        let text = match &part.content {
            Content::Text(text) => &text.text,
            Content::Document(Document {
                source: Source::Text(text),
                ..
            }) => text,
            _ => {
                self.lose(Field::Instructions);
                return None;
            }
        };
        (!text.trim().is_empty()).then(|| json!({ "text": text }))
    }

    /// Writes a part; `None` if nothing of it may be sent.
    pub(super) fn part(&mut self, part: &Part) -> Result<Option<Value>, Refusal> {
        let map = match &part.content {
            Content::Text(text) => self.text(text),
            Content::Refusal(text) => (!text.is_empty()).then(|| object(json!({ "text": text }))),
            Content::Image(Image { source, detail }) => {
                let map = self.media(source, "image/jpeg")?;
                Some(self.with_detail(map, detail.as_deref()))
            }
            Content::Document(document) => self.document(document)?,
            Content::Audio(source) => Some(self.media(source, "audio/wav")?),
            Content::Video(source) => Some(self.media(source, "video/mp4")?),
            Content::ToolCall(call) => Some(self.call(call, part)),
            // In a conversation of another dialect results are written with their calls.
            Content::ToolResult(result) => {
                Some(object(self.own_result(&result.id, result.name.as_deref())))
            }
            Content::Reasoning(reasoning) => self.reasoning(reasoning),
            Content::Foreign(foreign) => self.foreign(foreign)?,
        };
        let Some(mut map) = map else {
            return Ok(None);
        };
        if self.is_own() {
            let mut over = Map::new();
            part.extra.merge_into(&mut over);
            wire::overlay(&mut map, over);
        }
        self.note_mark(part);
        Ok(Some(map.into()))
    }

    pub(super) fn note_mark(&mut self, part: &Part) {
        if part.cache.is_some() {
            let name = Field::CacheMarks.name(self.request.dialect);
            self.report.note(name);
        }
    }

    fn lose(&mut self, field: Field) {
        self.report.drop(field.name(self.request.dialect));
    }

    fn text(&mut self, text: &Text) -> Option<Map<String, Value>> {
        let Text {
            text,
            citations,
            // Measures of an answer that was given; no dialect takes them back.
            logprobs: _,
            signature,
        } = text;
        if !citations.is_empty() {
            let name = Field::Citations.name(self.request.dialect);
            self.report.note(name);
        }
        let signature = self.given(signature.as_ref());
        if text.is_empty() && signature.is_none() && !self.is_own() {
            return None;
        }
        let mut map = object(json!({ "text": text }));
        sign(&mut map, signature);
        Some(map)
    }

    /// The token, if it may be given to this target.
    fn given(&mut self, token: Option<&Opaque>) -> Option<String> {
        let token = token?;
        if self.target.may_have(token, OpaqueKind::Thought) {
            return Some(token.payload.clone());
        }
        self.lose(Field::Reasoning);
        None
    }

    /// A thought goes back with its token or not at all: without one it would pass for the model's words.
    fn reasoning(&mut self, reasoning: &Reasoning) -> Option<Map<String, Value>> {
        let Reasoning { text, opaque } = reasoning;
        // What Gemini thought without a token it does not ask back.
        let is_bare = |token: &Opaque| token.kind == OpaqueKind::Plain && token.payload.is_empty();
        let signature = match opaque.as_ref().filter(|token| !is_bare(token)) {
            Some(token) => Some(self.given(Some(token))?),
            None if self.is_own() => None,
            None => {
                let name = Field::Reasoning.name(self.request.dialect);
                self.report.note(name);
                return None;
            }
        };
        let mut map = object(json!({ "thought": true, "text": text }));
        sign(&mut map, signature);
        Some(map)
    }

    /// A call. The first one of a step must be signed from Gemini 3 on.
    fn call(&mut self, call: &ToolCall, part: &Part) -> Map<String, Value> {
        let ToolCall {
            id,
            name,
            namespace,
            arguments,
            kind,
            signature,
        } = call;
        let mut inner = Map::new();
        if let Some(id) = outward_id(id) {
            inner.insert("id".to_owned(), id.into());
        }
        let outward = self.target.tools.outward(name, namespace.as_deref());
        inner.insert("name".to_owned(), outward.into());
        if !(arguments.is_empty() && self.is_own()) {
            let args = match kind {
                ToolKind::Function => self.arguments(arguments),
                ToolKind::Freeform => json!({ "input": arguments }),
            };
            inner.insert("args".to_owned(), args);
        }
        let mut map = object(json!({ "functionCall": inner }));
        let is_first = std::mem::replace(&mut self.is_first_call, false);
        let must_sign = is_first && self.target.knowledge.thought_signatures;
        let has_own = self.is_own() && part.extra.get("thoughtSignature").is_some();
        let signature = self
            .given(signature.as_ref())
            .or_else(|| (must_sign && !has_own).then(|| SENTINEL.to_owned()));
        sign(&mut map, signature);
        map
    }

    /// Arguments are an object here. What is none is not hidden from the model that wrote it.
    fn arguments(&mut self, text: &str) -> Value {
        if text.trim().is_empty() {
            return json!({});
        }
        if let Ok(Value::Object(map)) = serde_json::from_str(text) {
            return map.into();
        }
        let messages = Field::Messages.name(self.request.dialect);
        self.report
            .adjust(format!("{messages}[].arguments"), "_raw");
        json!({ "_raw": text })
    }

    fn own_result(&mut self, id: &str, name: Option<&str>) -> Value {
        let mut inner = Map::new();
        if let Some(id) = outward_id(id) {
            inner.insert("id".to_owned(), id.into());
        }
        if let Some(name) = name {
            let outward = self.target.tools.outward(name, None);
            inner.insert("name".to_owned(), outward.into());
        }
        json!({ "functionResponse": inner })
    }

    fn document(&mut self, document: &Document) -> Result<Option<Map<String, Value>>, Refusal> {
        let Document { source, name } = document;
        if let Source::Text(text) = source {
            let text = match name {
                Some(name) => format!("{name}\n\n{text}"),
                None => text.clone(),
            };
            return Ok((!text.is_empty()).then(|| object(json!({ "text": text }))));
        }
        let mut map = self.media(source, "application/pdf")?;
        if name.is_some() && !self.is_own() {
            self.report
                .note(Field::FileNames.name(self.request.dialect));
        }
        let blob = map.get_mut("inlineData").or(None);
        if self.is_own()
            && let Some(name) = name
        {
            let key = if blob.is_some() {
                "inlineData"
            } else {
                "fileData"
            };
            if let Some(Value::Object(inner)) = map.get_mut(key) {
                inner.insert("displayName".to_owned(), name.as_str().into());
            }
        }
        Ok(Some(map))
    }

    /// Bytes or an address. `guess` is what it most likely is, if nobody says.
    pub(super) fn media(
        &mut self,
        source: &Source,
        guess: &str,
    ) -> Result<Map<String, Value>, Refusal> {
        let guess = if self.is_own() { "" } else { guess };
        parts::write_media(source, guess).ok_or_else(|| {
            let field = Field::Messages.name(self.request.dialect);
            let what = match source {
                Source::File { dialect, id, .. } => {
                    format!("the file `{id}` is in the store of another provider ({dialect})")
                }
                _ => "media must be data or an address of the web".to_owned(),
            };
            Refusal::new(field, what)
        })
    }

    fn with_detail(
        &mut self,
        mut map: Map<String, Value>,
        detail: Option<&str>,
    ) -> Map<String, Value> {
        let level = match detail {
            Some("low") => "MEDIA_RESOLUTION_LOW",
            Some("high") => "MEDIA_RESOLUTION_HIGH",
            _ => return map,
        };
        // Older models refuse it; their one resolution is what they have.
        if self.is_own() || self.target.knowledge.thought_signatures {
            map.insert("mediaResolution".to_owned(), json!({ "level": level }));
        } else {
            self.report.note(Field::Detail.name(self.request.dialect));
        }
        map
    }

    /// A block of another vendor. A search that was made is no loss worth refusing: what came of it
    /// stands in the text.
    fn foreign(&mut self, foreign: &Foreign) -> Result<Option<Map<String, Value>>, Refusal> {
        let Foreign {
            dialect,
            kind,
            value,
        } = foreign;
        if *dialect == Dialect::Gemini {
            return Ok(value.as_object().cloned());
        }
        let field = Field::Messages.name(self.request.dialect);
        let name = value.get("name").and_then(Value::as_str);
        if kind.contains("web_search") || name == Some("web_search") || kind == "tool_search" {
            self.report.drop(format!("{field}[].{kind}"));
            return Ok(None);
        }
        let message = format!("`{kind}` does not exist in the Gemini API");
        Err(Refusal::new(field, message))
    }
}

/// The id as Gemini is to hear it: none that was made up for others.
pub(super) fn outward_id(id: &str) -> Option<&str> {
    (!id.is_empty() && !id.starts_with(MADE_ID)).then_some(id)
}

fn sign(map: &mut Map<String, Value>, signature: Option<String>) {
    if let Some(signature) = signature {
        map.insert("thoughtSignature".to_owned(), signature.into());
    }
}

pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

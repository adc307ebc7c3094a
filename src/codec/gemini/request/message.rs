//! Contents and their parts, read from a client.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::calls::Calls;
use super::decode::is_content;
use crate::chat::extra::Extra;
use crate::chat::part::{Content, Foreign, Image, Text, ToolCall, ToolKind, ToolResult};
use crate::chat::{Dialect, Leftovers, Message, Opaque, OpaqueKind, Part, Role};
use crate::codec::gemini::signature::{self, Slot};
use crate::codec::gemini::{parts, wire};
use crate::json::fields::{BadField, Fields};

/// Reads messages, in their order: calls are numbered as they come.
pub(super) struct Reader<'l> {
    leftovers: &'l mut Leftovers,
    calls: Calls,
    pub(super) messages: Vec<Message>,
    /// The tokens of thoughts that the model's turn under way holds.
    pub(super) tokens: HashSet<String>,
}

/// Where a part was signed, if anything came of it.
struct Signed {
    token: Option<Opaque>,
    /// What only Gemini needs to see again.
    own: Option<String>,
}

impl<'l> Reader<'l> {
    pub(super) fn new(leftovers: &'l mut Leftovers) -> Self {
        Self {
            leftovers,
            calls: Calls::default(),
            messages: Vec::new(),
            tokens: HashSet::new(),
        }
    }

    /// What is left of an object.
    pub(super) fn leave(&mut self, fields: Fields) -> Extra {
        self.leftovers.collect(fields)
    }

    /// `contents`: a list of contents; a single one, loose parts and bare text are understood as well.
    pub(super) fn contents(&mut self, contents: Option<Value>) -> Result<Vec<Message>, BadField> {
        let contents = match contents {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(single) => vec![single],
        };
        let mut is_loose = false;
        for content in contents {
            match content {
                Value::Null => {}
                Value::Object(map) if is_content(&map) => {
                    is_loose = false;
                    self.content(map)?;
                }
                part => {
                    if !is_loose {
                        self.messages.push(Message::new(Role::User, Vec::new()));
                    }
                    is_loose = true;
                    self.part(part, "contents[]")?;
                }
            }
        }
        let mut messages = std::mem::take(&mut self.messages);
        messages.retain(|message| !message.parts.is_empty() || !message.extra.is_empty());
        Ok(messages)
    }

    fn content(&mut self, map: Map<String, Value>) -> Result<(), BadField> {
        let mut fields = wire::node_of(map, "contents[]");
        let role = match fields.text("role")?.as_deref() {
            None | Some("" | "user") => Role::User,
            Some("model" | "assistant") => Role::Assistant,
            Some("function" | "tool") => Role::Tool,
            Some("system") => Role::System,
            Some("developer") => Role::Developer,
            Some(_) => return Err(fields.bad("role", "`user` or `model`")),
        };
        if role != Role::Assistant {
            self.tokens.clear();
        }
        let parts = wire::list(&mut fields, "parts");
        self.messages.push(Message::new(role, Vec::new()));
        for part in parts {
            self.part(part, "contents[].parts[]")?;
        }
        let extra = self.leave(fields);
        if let Some(message) = self.messages.last_mut() {
            message.extra = extra;
        }
        Ok(())
    }

    /// Parts that belong to no message.
    pub(super) fn parts(&mut self, parts: Vec<Value>, path: &str) -> Result<Vec<Part>, BadField> {
        self.messages.push(Message::new(Role::System, Vec::new()));
        for part in parts {
            self.part(part, path)?;
        }
        let message = self.messages.pop();
        Ok(message.map(|message| message.parts).unwrap_or_default())
    }

    /// Reads a part onto the last message.
    fn part(&mut self, part: Value, path: &str) -> Result<(), BadField> {
        let mut fields = match part {
            Value::Null => return Ok(()),
            Value::String(text) => {
                self.push(Part::text(text));
                return Ok(());
            }
            part => wire::node(part, path)?,
        };
        let is_thought = fields.boolean("thought")?.unwrap_or_default();
        let Signed { mut token, own } = self.signed(&mut fields)?;
        if is_thought && fields.peek("text").is_some() {
            let text = fields.text("text")?.unwrap_or_default();
            self.thought(text, token);
            let rest = self.leave(fields);
            self.join(&rest, own);
            return Ok(());
        }
        if token
            .as_ref()
            .is_some_and(|token| token.kind != OpaqueKind::Thought)
        {
            let is_call = fields.peek("functionCall").is_some();
            self.carried(token.take(), is_call);
        }
        let mut extra = Extra::default();
        if is_thought {
            extra.set("thought", true.into());
        }
        if let Some(content) = self.content_of(&mut fields, token, &mut extra)? {
            let mut part = Part::new(content);
            part.extra = joined(extra, &self.leave(fields), own);
            self.push(part);
        }
        Ok(())
    }

    /// What a part holds that is no thought.
    fn content_of(
        &mut self,
        fields: &mut Fields,
        token: Option<Opaque>,
        extra: &mut Extra,
    ) -> Result<Option<Content>, BadField> {
        if fields.peek("functionCall").is_some() {
            return self.call(fields, token, extra).map(Some);
        }
        if let Some(text) = fields.text("text")? {
            // The last chunk of a stream has an empty text, and clients keep it.
            let says_nothing = text.is_empty() && token.is_none() && fields.is_empty();
            return Ok((!says_nothing).then(|| signed_text(text, token)));
        }
        if fields.is_empty() {
            // Nothing but a signature, if that.
            return Ok(token.map(|token| signed_text(String::new(), Some(token))));
        }
        if let Some(token) = token {
            extra.set("thoughtSignature", token.payload.into());
        }
        if let Some(result) = wire::child(fields, "functionResponse")? {
            return self.result(result, extra).map(Some);
        }
        if let Some(media) = parts::take_media(fields)? {
            return self.media(media, fields, extra).map(Some);
        }
        Ok(foreign(std::mem::take(fields)).map(Content::Foreign))
    }

    pub(super) fn push(&mut self, part: Part) {
        if let Some(message) = self.messages.last_mut() {
            message.parts.push(part);
        }
    }

    fn signed(&mut self, fields: &mut Fields) -> Result<Signed, BadField> {
        let mut signed = Signed {
            token: None,
            own: None,
        };
        let Some(slot) = fields.text("thoughtSignature")? else {
            return Ok(signed);
        };
        match signature::read(&slot) {
            Slot::Token(token) => signed.token = Some(token),
            Slot::Skip => signed.own = Some(slot),
            Slot::Broken => self.leftovers.note(fields.path_of("thoughtSignature")),
        }
        Ok(signed)
    }

    fn join(&mut self, rest: &Extra, own: Option<String>) {
        let message = self.messages.last_mut();
        if let Some(part) = message.and_then(|message| message.parts.last_mut()) {
            part.extra = joined(std::mem::take(&mut part.extra), rest, own);
        }
    }

    fn call(
        &mut self,
        fields: &mut Fields,
        signature: Option<Opaque>,
        extra: &mut Extra,
    ) -> Result<Content, BadField> {
        let mut call = wire::child(fields, "functionCall")?.unwrap_or_default();
        let name = call.text("name")?.unwrap_or_default();
        let id = self.calls.call(call.text("id")?, &name);
        let arguments = match call.take("args") {
            None => String::new(),
            Some(Value::String(text)) => text,
            Some(args) => args.to_string(),
        };
        self.keep("functionCall", call, extra);
        Ok(Content::ToolCall(ToolCall {
            id,
            name,
            namespace: None,
            arguments,
            kind: ToolKind::Function,
            signature,
        }))
    }

    fn result(&mut self, mut result: Fields, extra: &mut Extra) -> Result<Content, BadField> {
        let name = result.text("name")?.unwrap_or_default();
        let given = result.text("id")?;
        let id = self.calls.answer(given, &name);
        let raw = result.take("response");
        let (text, is_error) = raw.as_ref().map(unwrapped).unwrap_or_default();
        let mut parts: Vec<Part> = Vec::new();
        if !text.is_empty() {
            parts.push(Part::text(text));
        }
        let media = result.take("parts");
        if let Some(Value::Array(list)) = &media {
            for part in list.clone() {
                let mut part = wire::node(part, "contents[].parts[].functionResponse.parts[]")?;
                if let Some(media) = parts::take_media(&mut part)? {
                    parts.push(Part::new(media.content));
                } else {
                    self.leave(part);
                }
            }
        }
        // What Gemini is to see again is what the client wrote.
        let mut kept = Map::new();
        kept.extend(raw.map(|raw| ("response".to_owned(), raw)));
        kept.extend(media.map(|media| ("parts".to_owned(), media)));
        self.leave(result).merge_into(&mut kept);
        extra.set("functionResponse", kept.into());
        Ok(Content::ToolResult(ToolResult {
            id,
            name: Some(name).filter(|name| !name.is_empty()),
            parts,
            is_error,
            kind: ToolKind::Function,
        }))
    }

    fn media(
        &mut self,
        media: parts::Media,
        fields: &mut Fields,
        extra: &mut Extra,
    ) -> Result<Content, BadField> {
        let parts::Media {
            mut content,
            key,
            rest,
        } = media;
        if let Content::Image(image) = &mut content {
            detail(fields, image)?;
        }
        self.keep(key, rest, extra);
        Ok(content)
    }

    /// Keeps what is left of an object inside a part.
    fn keep(&mut self, key: &str, rest: Fields, extra: &mut Extra) {
        let mut kept = Map::new();
        self.leave(rest).merge_into(&mut kept);
        if !kept.is_empty() {
            extra.set(key, kept.into());
        }
    }
}

/// How closely to look at a picture, where the other dialects have a word for it.
fn detail(fields: &mut Fields, image: &mut Image) -> Result<(), BadField> {
    let Some(mut resolution) = wire::child(fields, "mediaResolution")? else {
        return Ok(());
    };
    let level = resolution.text("level")?.unwrap_or_default();
    image.detail = match level.as_str() {
        "MEDIA_RESOLUTION_LOW" => Some("low".to_owned()),
        "MEDIA_RESOLUTION_HIGH" => Some("high".to_owned()),
        _ => {
            resolution.put_back("level", level.into());
            fields.put_back("mediaResolution", resolution.into_rest().into());
            None
        }
    };
    Ok(())
}

/// What a tool's answer says in plain words, and whether it failed.
fn unwrapped(response: &Value) -> (String, bool) {
    let Value::Object(map) = response else {
        return (text_of(response), false);
    };
    let mut members = map.iter();
    match (members.next(), members.next()) {
        (Some((key, inner)), None) => match key.as_str() {
            "error" => (text_of(inner), true),
            "output" | "result" => (text_of(inner), false),
            "content" if inner.is_string() => (text_of(inner), false),
            _ => (response.to_string(), false),
        },
        _ => (response.to_string(), false),
    }
}

fn signed_text(text: String, signature: Option<Opaque>) -> Content {
    Content::Text(Text {
        text,
        signature,
        ..Text::default()
    })
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// A part that only Gemini has; nothing if it is empty.
fn foreign(fields: Fields) -> Option<Foreign> {
    let map = fields.into_rest();
    let kind = map.keys().next()?.clone();
    Some(Foreign {
        dialect: Dialect::Gemini,
        kind,
        value: map.into(),
    })
}

fn joined(mut extra: Extra, rest: &Extra, own: Option<String>) -> Extra {
    let mut map = Map::new();
    rest.merge_into(&mut map);
    map.extend(own.map(|own| ("thoughtSignature".to_owned(), own.into())));
    for (key, value) in map {
        extra.set(&key, value);
    }
    extra
}

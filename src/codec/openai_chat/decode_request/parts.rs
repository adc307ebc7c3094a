//! Parts of a message: Chat's own, and those of other vendors that are posted in their place.

use serde_json::Value;

use super::Reader;
use crate::chat::part::{
    CacheMark, Content, Document, Foreign, Image, Reasoning, Source, Text, ToolCall, ToolKind,
    ToolResult,
};
use crate::chat::{Dialect, Opaque, OpaqueKind, Part};
use crate::codec::media::{self, DataUrl};
use crate::codec::openai_chat::cache::{MARKS, cache_mark};
use crate::codec::openai_chat::spelling::Spelling;
use crate::json::fields::{BadField, Fields};

/// The path of a part, for messages and reports.
const PATH: &str = "messages[].content[]";

impl Reader {
    /// The parts of a message's content, whatever its form.
    pub(super) fn content(&mut self, content: Value) -> Result<Vec<Part>, BadField> {
        match content {
            Value::Null => Ok(Vec::new()),
            Value::String(text) => Ok(vec![Part::text(text)]),
            Value::Array(parts) => parts.into_iter().map(|part| self.part(part)).collect(),
            part @ Value::Object(_) => Ok(vec![self.part(part)?]),
            Value::Bool(_) | Value::Number(_) => Err(BadField::new(
                "messages[].content",
                "a string or an array of parts",
            )),
        }
    }

    /// One part.
    pub(super) fn part(&mut self, part: Value) -> Result<Part, BadField> {
        if let Value::String(text) = part {
            return Ok(Part::text(text));
        }
        let mut part = Fields::of(part, PATH)?;
        let Some(kind) = part.peek_text("type").map(str::to_owned) else {
            return self.gemini_part(part);
        };
        if is_foreign(&kind, &part) {
            return Ok(Part::new(Content::Foreign(Foreign {
                dialect: Dialect::OpenAiChat,
                kind,
                value: Value::Object(part.into_rest()),
            })));
        }
        part.take("type");
        let mut spelling = Spelling::default();
        let cache = take_cache(&mut part, &mut spelling);
        let content = self.typed(&kind, &mut part, &mut spelling)?;
        let mut extra = self.leftovers.collect(part);
        spelling.keep(&mut extra);
        Ok(Part {
            content,
            cache,
            extra,
        })
    }

    fn typed(
        &mut self,
        kind: &str,
        part: &mut Fields,
        spelling: &mut Spelling,
    ) -> Result<Content, BadField> {
        Ok(match kind {
            "refusal" => Content::Refusal(part.need_text("refusal")?),
            "image_url" | "input_image" => self.image(part, spelling)?,
            "image" => Content::Image(Image {
                source: claude_source(part, "image/png")?,
                detail: None,
            }),
            "file" | "input_file" => self.file(part, spelling)?,
            "document" => Content::Document(Document {
                source: claude_source(part, "application/pdf")?,
                name: part.text("title")?,
            }),
            "input_audio" => self.audio(part, spelling)?,
            "video_url" | "input_video" => {
                Content::Video(self.url_source(part, "video_url", spelling)?)
            }
            "tool_use" => self.tool_use(part)?,
            "tool_result" => self.tool_result(part)?,
            "thinking" => thinking(part, spelling)?,
            "redacted_thinking" => Content::Reasoning(Reasoning {
                text: String::new(),
                opaque: Opaque::open(&part.need_text("data")?, OpaqueKind::Redacted),
            }),
            _ => Content::Text(Text {
                text: part.text("text")?.unwrap_or_default(),
                ..Text::default()
            }),
        })
    }

    fn file(&mut self, part: &mut Fields, spelling: &mut Spelling) -> Result<Content, BadField> {
        let mut nested = part.object("file")?;
        let file = nested.as_mut().unwrap_or(part);
        let name = file.text("filename")?;
        let source = if let Some(data) = file.text("file_data")? {
            data_source(&data)
        } else if let Some(id) = file.text("file_id")? {
            file_id(id)
        } else if let Some(url) = file.text("file_url")? {
            Source::Url { url, mime: None }
        } else {
            return Err(file.bad("file_data", "a string"));
        };
        if let Some(file) = nested {
            self.keep_inner(file, spelling);
        }
        Ok(Content::Document(Document { source, name }))
    }

    fn image(&mut self, part: &mut Fields, spelling: &mut Spelling) -> Result<Content, BadField> {
        if let Some(id) = part.text("file_id")? {
            return Ok(Content::Image(Image {
                source: file_id(id),
                detail: part.text("detail")?,
            }));
        }
        let detail = match part.peek("image_url") {
            Some(Value::Object(image)) => image.get("detail").and_then(Value::as_str),
            _ => None,
        };
        let detail = detail.map(str::to_owned);
        let detail = detail.or(part.text("detail")?);
        let source = self.url_source(part, "image_url", spelling)?;
        Ok(Content::Image(Image { source, detail }))
    }

    /// The address in `key`, in an object of its own or bare.
    fn url_source(
        &mut self,
        part: &mut Fields,
        key: &str,
        spelling: &mut Spelling,
    ) -> Result<Source, BadField> {
        if let Some(url) = part.peek_text(key) {
            let source = data_source(url);
            part.take(key);
            spelling.note("url", "bare");
            return Ok(source);
        }
        let Some(mut object) = part.object(key)? else {
            return Err(part.bad(key, "an object"));
        };
        let source = data_source(&object.need_text("url")?);
        object.take("detail");
        self.keep_inner(object, spelling);
        Ok(source)
    }

    fn audio(&mut self, part: &mut Fields, spelling: &mut Spelling) -> Result<Content, BadField> {
        let Some(mut audio) = part.object("input_audio")? else {
            return Err(part.bad("input_audio", "an object"));
        };
        let data = audio.need_text("data")?;
        let format = audio.text("format")?.unwrap_or_default();
        let mime = match media::audio_media_type(&format) {
            Some(mime) => mime.to_owned(),
            None => format!("audio/{format}"),
        };
        spelling.note("format", format);
        self.keep_inner(audio, spelling);
        Ok(Content::Audio(Source::Data { mime, data }))
    }

    fn tool_use(&mut self, part: &mut Fields) -> Result<Content, BadField> {
        let name = part.need_text("name")?;
        let id = self.calls.call(part.text("id")?, &name);
        Ok(Content::ToolCall(ToolCall {
            id,
            name,
            arguments: arguments(part.take("input")),
            ..ToolCall::default()
        }))
    }

    fn tool_result(&mut self, part: &mut Fields) -> Result<Content, BadField> {
        let id = part.text("tool_use_id")?;
        let id = self.calls.result(id, None);
        let content = part.take("content").unwrap_or_default();
        Ok(Content::ToolResult(ToolResult {
            id,
            name: None,
            parts: self.result_parts(content)?,
            is_error: part.boolean("is_error")?.unwrap_or(false),
            kind: ToolKind::Function,
        }))
    }

    /// What a tool answered; results hold no results, however deep a client nests them.
    pub(super) fn result_parts(&mut self, content: Value) -> Result<Vec<Part>, BadField> {
        let nests = |part: &Value| part["type"] == "tool_result";
        match content {
            Value::Array(parts) => {
                let flat = parts.into_iter().map(|part| {
                    if nests(&part) || !(part.is_object() || part.is_string()) {
                        return Ok(Part::text(part.to_string()));
                    }
                    self.part(part)
                });
                flat.collect()
            }
            Value::Null => Ok(Vec::new()),
            Value::String(text) => Ok(vec![Part::text(text)]),
            other => Ok(vec![Part::text(other.to_string())]),
        }
    }
}

/// Arguments as JSON text; a client that has them as an object is understood too.
pub(super) fn arguments(value: Option<Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    }
}

fn take_cache(part: &mut Fields, spelling: &mut Spelling) -> Option<CacheMark> {
    let mut cache = None;
    for key in MARKS {
        if let Some(mark) = part.take(key) {
            cache = cache.or(Some(cache_mark(&mark)));
            spelling.note_field("cache", key, mark);
        }
    }
    cache
}

/// Whether a part is of a type nobody here knows.
fn is_foreign(kind: &str, part: &Fields) -> bool {
    match kind {
        "text" | "input_text" | "output_text" => part.peek_text("text").is_none(),
        "image" | "document" => part.peek("source").is_none(),
        "refusal" | "image_url" | "input_image" | "file" | "input_file" | "input_audio"
        | "video_url" | "input_video" | "tool_use" | "tool_result" | "thinking"
        | "redacted_thinking" => false,
        _ => true,
    }
}

/// An address, a data URL taken apart, or bare base64.
pub(super) fn data_source(url: &str) -> Source {
    if let Some(parsed) = DataUrl::parse(url)
        && let Some(data) = parsed.base64()
    {
        return Source::Data {
            mime: parsed.media_type.into_owned(),
            data: data.into_owned(),
        };
    }
    let is_address = url.contains("://") || media::is_data_url(url);
    if is_address {
        let url = url.to_owned();
        return Source::Url { url, mime: None };
    }
    Source::Data {
        mime: media::sniff(url).unwrap_or_default().to_owned(),
        data: url.to_owned(),
    }
}

fn file_id(id: String) -> Source {
    Source::File {
        dialect: Dialect::OpenAiChat,
        id,
        mime: None,
    }
}

/// Anthropic's `source`.
fn claude_source(part: &mut Fields, default: &str) -> Result<Source, BadField> {
    let Some(mut source) = part.object("source")? else {
        return Err(part.bad("source", "an object"));
    };
    let mime = source.text("media_type")?;
    match source.text("type")?.as_deref() {
        Some("url") => Ok(Source::Url {
            url: source.need_text("url")?,
            mime,
        }),
        Some("text") => Ok(Source::Text(source.need_text("data")?)),
        Some("file") => Ok(Source::File {
            dialect: Dialect::Anthropic,
            id: source.need_text("file_id")?,
            mime,
        }),
        _ => Ok(Source::Data {
            mime: mime.unwrap_or_else(|| default.to_owned()),
            data: source.need_text("data")?,
        }),
    }
}

/// A thought: Anthropic's text with a signature, or Mistral's list of texts.
fn thinking(part: &mut Fields, spelling: &mut Spelling) -> Result<Content, BadField> {
    let signature = part.text("signature")?.filter(|slot| !slot.is_empty());
    let opaque = signature.and_then(|slot| Opaque::open(&slot, OpaqueKind::Signature));
    let text = match part.take("thinking") {
        Some(Value::Array(chunks)) => {
            let text = chunks.iter().filter_map(|chunk| chunk["text"].as_str());
            let text = text.collect();
            spelling.note("thinking", Value::Array(chunks));
            text
        }
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    Ok(Content::Reasoning(Reasoning { text, opaque }))
}

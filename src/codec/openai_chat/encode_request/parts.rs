//! Parts of a message: text, pictures, files and sound.

use serde_json::{Map, Value, json};

use super::Writer;
use crate::chat::part::{Content, Document, Foreign, Image, Source};
use crate::chat::{Dialect, Part};
use crate::codec::field_names::Field;
use crate::codec::media;
use crate::codec::openai_chat::spelling;
use crate::codec::target::Refusal;
use crate::provider::Quirk;

impl Writer<'_, '_> {
    /// One part of a message's content; `None` if it has no place there.
    pub(super) fn part(&mut self, part: &Part) -> Result<Option<Value>, Refusal> {
        let mut written = match &part.content {
            Content::Text(text) => {
                if !self.is_own() && !text.citations.is_empty() {
                    self.note(Field::Citations);
                }
                json!({"type": "text", "text": text.text})
            }
            Content::Refusal(text) if self.takes_all() => {
                json!({"type": "refusal", "refusal": text})
            }
            Content::Refusal(text) => json!({"type": "text", "text": text}),
            Content::Image(image) => self.image(image, part)?,
            Content::Document(document) => self.document(document)?,
            Content::Audio(source) => self.audio(source, part)?,
            Content::Video(source) => self.video(source, part)?,
            Content::Foreign(foreign) => return self.foreign_part(foreign),
            Content::ToolCall(_) | Content::ToolResult(_) | Content::Reasoning(_) => {
                return Ok(None);
            }
        };
        if let Some(written) = written.as_object_mut() {
            self.mark(part, written);
            if self.is_own() {
                spelling::restore(&part.extra, written);
                let key = written["type"].as_str().unwrap_or_default().to_owned();
                spelling::restore_inner(&part.extra, &key, written);
            }
        }
        Ok(Some(written))
    }

    /// OpenAI takes explicit marks from GPT-5.6 on.
    pub(super) fn takes_breakpoints(&self) -> bool {
        self.target.has(Quirk::OpenAiHost) && is_marked_generation(self.target.model)
    }

    fn mark(&mut self, part: &Part, written: &mut Map<String, Value>) {
        let Some(cache) = &part.cache else {
            return;
        };
        let spelled = spelling::of(&part.extra, "cache").and_then(Value::as_object);
        if let Some(mark) = spelled.filter(|_| self.is_own()) {
            written.extend(mark.clone());
        } else if self.target.has(Quirk::CacheControl) {
            let mut mark = json!({"type": "ephemeral"});
            if let Some(ttl) = &cache.ttl {
                mark["ttl"] = json!(ttl);
            }
            written.insert("cache_control".to_owned(), mark);
        } else if self.takes_breakpoints() {
            let mark = json!({"mode": "explicit"});
            written.insert("prompt_cache_breakpoint".to_owned(), mark);
        } else {
            self.note(Field::CacheMarks);
        }
    }

    fn image(&mut self, image: &Image, part: &Part) -> Result<Value, Refusal> {
        let Image { source, detail } = image;
        let url = match source {
            Source::Data { mime, data } => media_url(mime, data),
            Source::Url { url, .. } => url.clone(),
            Source::Text(_) | Source::File { .. } => {
                return Err(self.refusal("an image in a provider's own store"));
            }
        };
        if self.is_own() && spelling::is(&part.extra, "url", "bare") {
            let mut written = json!({"type": "image_url", "image_url": url});
            if let Some(detail) = detail {
                written["detail"] = json!(detail);
            }
            return Ok(written);
        }
        let mut inner = json!({ "url": url });
        if let Some(detail) = detail {
            let is_known = self.is_own() || matches!(detail.as_str(), "auto" | "low" | "high");
            inner["detail"] = json!(if is_known { detail } else { "high" });
        }
        Ok(json!({"type": "image_url", "image_url": inner}))
    }

    fn document(&mut self, document: &Document) -> Result<Value, Refusal> {
        let Document { source, name } = document;
        let mut file = Map::new();
        match source {
            Source::Text(text) => {
                if name.is_some() {
                    self.report
                        .note(format!("{}[].content[].title", self.name(Field::Messages)));
                }
                return Ok(json!({"type": "text", "text": text}));
            }
            Source::Data { mime, data } => {
                let name = name
                    .as_deref()
                    .or((!self.is_own()).then_some("document.pdf"));
                file.extend(name.map(|name| ("filename".to_owned(), json!(name))));
                file.insert("file_data".to_owned(), json!(media_url(mime, data)));
            }
            Source::File { dialect, id, .. } if self.knows_files_of(*dialect) => {
                file.insert("file_id".to_owned(), json!(id));
                file.extend(
                    name.as_ref()
                        .map(|name| ("filename".to_owned(), json!(name))),
                );
            }
            Source::File { .. } => return Err(self.refusal("a file in another provider's store")),
            Source::Url { .. } => return Err(self.refusal("a document at an address")),
        }
        Ok(json!({"type": "file", "file": file}))
    }

    /// Chat and Responses share a store of files at OpenAI.
    fn knows_files_of(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::OpenAiChat => self.is_own(),
            Dialect::OpenAiResponses => self.target.has(Quirk::OpenAiHost),
            Dialect::Anthropic | Dialect::Gemini => false,
        }
    }

    fn audio(&mut self, source: &Source, part: &Part) -> Result<Value, Refusal> {
        let Source::Data { mime, data } = source else {
            return Err(self.refusal("sound at an address"));
        };
        let spelled = spelling::of(&part.extra, "format").and_then(Value::as_str);
        let format = spelled
            .filter(|_| self.is_own())
            .or(media::audio_format(mime));
        let Some(format) = format else {
            return Err(self.refusal(&format!("sound of type `{mime}`")));
        };
        Ok(json!({"type": "input_audio", "input_audio": {"data": data, "format": format}}))
    }

    fn video(&mut self, source: &Source, part: &Part) -> Result<Value, Refusal> {
        if !self.is_own() && !self.target.has(Quirk::VideoUrl) {
            return Err(self.refusal("a video"));
        }
        let url = match source {
            Source::Data { mime, data } => media_url(mime, data),
            Source::Url { url, .. } => url.clone(),
            Source::Text(_) | Source::File { .. } => {
                return Err(self.refusal("a video in a provider's own store"));
            }
        };
        let is_bare = self.is_own() && spelling::is(&part.extra, "url", "bare");
        let inner = if is_bare {
            json!(url)
        } else {
            json!({ "url": url })
        };
        Ok(json!({"type": "video_url", "video_url": inner}))
    }

    /// A block of another vendor. What a search found is history; the rest carries a meaning that
    /// nobody else can be told.
    fn foreign_part(&mut self, foreign: &Foreign) -> Result<Option<Value>, Refusal> {
        let Foreign {
            dialect,
            kind,
            value,
        } = foreign;
        if *dialect == Dialect::OpenAiChat && self.is_own() {
            return Ok(Some(value.clone()));
        }
        let may_go = ["web_search", "tool_search", "web_fetch"];
        let name = value["name"].as_str().unwrap_or_default();
        let is_search = |prefix: &&str| kind.starts_with(prefix) || name.starts_with(prefix);
        if may_go.iter().any(is_search) {
            self.report
                .drop(format!("{}[].{kind}", self.name(Field::Messages)));
            return Ok(None);
        }
        Err(self.refusal(&format!("a part of type `{kind}`")))
    }

    fn refusal(&self, what: &str) -> Refusal {
        let message = format!("{what} cannot be said in OpenAI Chat");
        Refusal::new(self.name(Field::Messages), message)
    }
}

/// A data URL; bare base64 where nobody said what it is.
fn media_url(mime: &str, data: &str) -> String {
    let mime = match mime {
        "" => media::sniff(data),
        mime => Some(mime),
    };
    mime.map_or_else(|| data.to_owned(), |mime| media::data_url(mime, data))
}

/// Whether a name is that of GPT-5.6 or a later one.
fn is_marked_generation(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let Some(version) = name.strip_prefix("gpt-") else {
        return false;
    };
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    let mut next = || numbers.next().and_then(|digits| digits.parse::<u32>().ok());
    let (major, minor) = (next().unwrap_or(0), next().unwrap_or(0));
    // A date is no version.
    let is_minor = version.contains('.') && minor < 100;
    major > 5 || (major == 5 && is_minor && minor >= 6)
}

/// Parts of results that are no text: they follow in a message of the user.
#[derive(Debug, Default)]
pub(super) struct Moved(Vec<Value>);

impl Moved {
    /// Takes what the result of call `id` holds beside `text`, and says so in it if that is empty.
    pub(super) fn add(&mut self, id: &str, parts: Vec<Value>, text: &mut String) {
        if parts.is_empty() {
            return;
        }
        if text.is_empty() {
            text.push_str("[see the next message]");
        }
        let label = format!("[from the result of tool call {id}]");
        self.0.push(json!({"type": "text", "text": label}));
        self.0.extend(parts);
    }

    /// What was taken.
    pub(super) fn into_parts(self) -> Vec<Value> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explicit_marks_are_for_newer_models() {
        for (model, is_new) in [
            ("gpt-5.6", true),
            ("gpt-5.6-mini", true),
            ("openai/gpt-6", true),
            ("gpt-5.10", true),
            ("gpt-5.5", false),
            ("gpt-5-2025-08-07", false),
            ("gpt-4o", false),
            ("o3", false),
        ] {
            assert_eq!(is_marked_generation(model), is_new, "{model}");
        }
    }
}

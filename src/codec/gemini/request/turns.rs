//! The conversation of another dialect in turns: two speakers, results right behind their calls.

use serde_json::{Map, Value, json};

use super::contents::{Writer, content, object, outward_id};
use crate::chat::part::{Content, Document, Image, Source, ToolResult};
use crate::chat::{Message, Part};
use crate::codec::field_names::Field;
use crate::codec::gemini::signature::SENTINEL;
use crate::codec::target::Refusal;
use crate::codec::turns::{Answer, Speaker, Spoken, Turn, turns};

/// What the user says where a conversation begins without one.
const NOTHING: &str = ".";

/// What is said of a call that was never answered.
const NO_RESULT: &str = "[no result]";

impl<'a> Writer<'a, '_> {
    /// The contents of a conversation in another dialect.
    pub(super) fn turns(&mut self, messages: &'a [Message]) -> Result<Vec<Value>, Refusal> {
        for name in messages.iter().filter_map(|message| message.name.as_ref()) {
            if !name.is_empty() {
                let field = Field::Messages.name(self.request.dialect);
                self.report.drop(format!("{field}[].name"));
            }
        }
        let mut contents = Contents::default();
        for turn in turns(messages, self.report) {
            self.turn(&turn, &mut contents)?;
        }
        Ok(self.with_a_beginning(contents.done))
    }

    fn turn(&mut self, turn: &Turn<'a>, contents: &mut Contents) -> Result<(), Refusal> {
        self.begin_content();
        let mut spoken = Vec::new();
        for said in &turn.parts {
            match said {
                Spoken::Part(part) => spoken.extend(self.part(part)?),
                Spoken::Instruction(part, _) => spoken.extend(self.reminder(part)),
            }
        }
        match turn.speaker {
            Speaker::Model => contents.say("model", spoken),
            Speaker::User => {
                let mut results = Results::default();
                for answer in &turn.answers {
                    self.answer(answer, &mut results)?;
                }
                results.beside.append(&mut spoken);
                // From Gemini 3 on nothing may stand beside results.
                if self.target.knowledge.thought_signatures && !results.parts.is_empty() {
                    contents.say("user", results.parts);
                    contents.say_apart("user", results.beside);
                } else {
                    results.parts.append(&mut results.beside);
                    contents.say("user", results.parts);
                }
            }
        }
        Ok(())
    }

    /// Instructions in mid-conversation: Gemini hears them from the user.
    fn reminder(&mut self, part: &Part) -> Option<Value> {
        self.note_mark(part);
        let Content::Text(text) = &part.content else {
            self.report
                .drop(Field::Instructions.name(self.request.dialect));
            return None;
        };
        let text = text.text.trim();
        (!text.is_empty())
            .then(|| json!({ "text": format!("<system-reminder>\n{text}\n</system-reminder>") }))
    }

    fn answer(&mut self, answer: &Answer<'a>, results: &mut Results) -> Result<(), Refusal> {
        let mut inner = Map::new();
        if let Some(id) = outward_id(&answer.call.id) {
            inner.insert("id".to_owned(), id.into());
        }
        let namespace = answer.call.namespace.as_deref();
        let name = self.target.tools.outward(&answer.call.name, namespace);
        inner.insert("name".to_owned(), name.into());
        let mut media = Vec::new();
        let response = match answer.result {
            None => json!({ "error": NO_RESULT }),
            Some((result, part)) => {
                self.note_mark(part);
                self.response(result, &mut media, results)?
            }
        };
        inner.insert("response".to_owned(), response);
        if !media.is_empty() {
            inner.insert("parts".to_owned(), media.into());
        }
        results.parts.push(json!({ "functionResponse": inner }));
        Ok(())
    }

    /// The object that a tool answered. Pictures go with it where the model reads them there.
    fn response(
        &mut self,
        result: &ToolResult,
        media: &mut Vec<Value>,
        results: &mut Results,
    ) -> Result<Value, Refusal> {
        let mut text = String::new();
        for part in &result.parts {
            self.note_mark(part);
            match &part.content {
                Content::Text(more) => append(&mut text, &more.text),
                Content::Refusal(more)
                | Content::Document(Document {
                    source: Source::Text(more),
                    ..
                }) => append(&mut text, more),
                Content::Image(Image { source, .. })
                | Content::Document(Document { source, .. }) => {
                    let guess = match part.content {
                        Content::Image(_) => "image/jpeg",
                        _ => "application/pdf",
                    };
                    let written = self.media(source, guess)?;
                    let is_inside = self.target.knowledge.thought_signatures
                        && written.contains_key("inlineData");
                    let place = if is_inside {
                        &mut *media
                    } else {
                        &mut results.beside
                    };
                    place.push(written.into());
                }
                _ => results.beside.extend(self.part(part)?),
            }
        }
        Ok(if result.is_error {
            json!({ "error": text })
        } else {
            match serde_json::from_str(&text) {
                Ok(Value::Object(map)) => json!({ "output": map }),
                _ => json!({ "output": text }),
            }
        })
    }

    /// A conversation has contents, and the user begins.
    fn with_a_beginning(&mut self, mut contents: Vec<Value>) -> Vec<Value> {
        let is_users = |content: &Value| content["role"] == "user";
        if !contents.first().is_some_and(is_users) {
            contents.insert(0, content("user", vec![json!({ "text": NOTHING })]));
            let field = Field::Messages.name(self.request.dialect);
            self.report.adjust(field, "user: .");
        }
        contents
    }
}

/// Results of a turn, and what stands beside them.
#[derive(Default)]
struct Results {
    parts: Vec<Value>,
    beside: Vec<Value>,
}

/// Contents in the making.
#[derive(Default)]
struct Contents {
    done: Vec<Value>,
}

impl Contents {
    /// Adds parts; what the last speaker says once more joins what it said.
    fn say(&mut self, role: &'static str, parts: Vec<Value>) {
        if parts.is_empty() {
            return;
        }
        if let Some(last) = self.done.last_mut().filter(|last| last["role"] == role)
            && let Some(Value::Array(known)) = last.get_mut("parts")
        {
            join(known, parts);
        } else {
            self.done.push(content(role, parts));
        }
    }

    fn say_apart(&mut self, role: &'static str, parts: Vec<Value>) {
        if !parts.is_empty() {
            self.done.push(content(role, parts));
        }
    }
}

/// Joins two contents of a speaker; a step has one sentinel, on its first call.
fn join(known: &mut Vec<Value>, parts: Vec<Value>) {
    let has_call = known.iter().any(|part| part.get("functionCall").is_some());
    for part in parts {
        let mut part = object(part);
        let is_sentinel = part
            .get("thoughtSignature")
            .is_some_and(|slot| slot == SENTINEL);
        if has_call && is_sentinel {
            part.remove("thoughtSignature");
        }
        known.push(part.into());
    }
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}

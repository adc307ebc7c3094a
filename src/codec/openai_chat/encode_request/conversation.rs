//! The conversation: messages in their order, each tool's answer behind its call.

use serde_json::{Map, Value, json};

use super::Writer;
use super::parts::Moved;
use crate::chat::part::{Content, ToolResult};
use crate::chat::request::Message;
use crate::chat::{Extra, Part, Role};
use crate::codec::field_names::Field;
use crate::codec::fingerprint;
use crate::codec::openai_chat::cache::MARKS;
use crate::codec::target::Refusal;
use crate::codec::turns::{Answer, Speaker, Spoken, Turn, turns};
use crate::provider::Quirk;

/// Most cache marks OpenAI and Anthropic take.
const MAX_MARKS: usize = 4;

/// What a tool is said to have answered when the conversation does not tell.
const NO_RESULT: &str = "[no result]";

impl Writer<'_, '_> {
    pub(super) fn conversation(&mut self) -> Result<Vec<Value>, Refusal> {
        let mut messages = Vec::with_capacity(self.request.messages.len() + 1);
        if self.is_own() {
            self.own(&mut messages)?;
        } else {
            self.foreign(&mut messages)?;
        }
        self.add_notes(&mut messages);
        if !self.is_own() {
            keep_last_marks(&mut messages);
            self.cache_key(&messages);
        }
        Ok(messages)
    }

    /// Messages of this dialect, one by one; instructions outside of them only in odd shapes.
    fn own(&mut self, out: &mut Vec<Value>) -> Result<(), Refusal> {
        let instructions = &self.request.instructions;
        out.extend(self.instructions(Role::System, instructions.iter())?);
        for message in &self.request.messages {
            self.message(message, out)?;
        }
        Ok(())
    }

    /// Messages of another dialect, as turns.
    fn foreign(&mut self, out: &mut Vec<Value>) -> Result<(), Refusal> {
        let (lead, rest) = self.request.split_instructions();
        out.extend(self.instructions(Role::System, lead)?);
        let mut made = Ids::default();
        for turn in turns(rest, self.report) {
            match turn.speaker {
                Speaker::Model => {
                    let parts = turn.parts.iter().map(part_of);
                    let message = self.assistant(parts, &Extra::default(), &mut made)?;
                    out.extend(message.map(Value::Object));
                }
                Speaker::User => self.users_turn(&turn, &mut made, out)?,
            }
        }
        Ok(())
    }

    fn users_turn(
        &mut self,
        turn: &Turn<'_>,
        made: &mut Ids,
        out: &mut Vec<Value>,
    ) -> Result<(), Refusal> {
        let mut moved = Moved::default();
        for (place, answer) in turn.answers.iter().enumerate() {
            let id = made.of(place, &answer.call.id);
            out.push(self.answer(answer, &id, &mut moved)?);
        }
        let moved = moved.into_parts();
        if !moved.is_empty() {
            out.push(json!({"role": "user", "content": moved}));
        }
        // Instructions in mid-conversation keep their place among what the user says.
        for run in turn
            .parts
            .chunk_by(|a, b| is_instruction(a) == is_instruction(b))
        {
            let parts = run.iter().map(part_of);
            let message = if is_instruction(&run[0]) {
                self.instructions(Role::System, parts)?
            } else {
                self.said(Role::User, parts)?
            };
            out.extend(message);
        }
        Ok(())
    }

    fn answer(
        &mut self,
        answer: &Answer<'_>,
        id: &str,
        moved: &mut Moved,
    ) -> Result<Value, Refusal> {
        if let Some((result, part)) = answer.result {
            let result = ToolResult {
                id: id.to_owned(),
                ..result.clone()
            };
            self.tool_result(&result, part, moved)
        } else {
            let id = self.id(id).into_owned();
            Ok(json!({"role": "tool", "tool_call_id": id, "content": NO_RESULT}))
        }
    }

    /// A message of this dialect. One in an odd shape may hold results among what the user says: these
    /// become messages of their own, before the rest.
    fn message(&mut self, message: &Message, out: &mut Vec<Value>) -> Result<(), Refusal> {
        let Message {
            role,
            parts,
            name,
            extra,
        } = message;
        let is_result = |part: &&Part| matches!(part.content, Content::ToolResult(_));
        let mut moved = Moved::default();
        for part in parts.iter().filter(is_result) {
            if let Content::ToolResult(result) = &part.content {
                out.push(self.own_result(result, part, extra, &mut moved)?);
            }
        }
        let moved = moved.into_parts();
        if !moved.is_empty() {
            out.push(json!({"role": "user", "content": moved}));
        }
        if *role == Role::Tool {
            return Ok(());
        }
        let has_results = parts.iter().any(|part| is_result(&part));
        let rest = parts.iter().filter(|part| !is_result(part));
        if has_results && rest.clone().next().is_none() {
            return Ok(());
        }
        let written = match role {
            Role::Assistant => self.assistant(rest, extra, &mut Ids::default())?,
            role => Some(self.own_said(*role, rest, extra)?),
        };
        if let Some(mut written) = written {
            if let Some(name) = name {
                written.insert("name".to_owned(), json!(name));
            }
            crate::codec::openai_chat::spelling::restore(extra, &mut written);
            out.push(written.into());
        }
        Ok(())
    }

    /// Tells the model what the host has no field for.
    fn add_notes(&mut self, messages: &mut Vec<Value>) {
        if self.notes.is_empty() {
            return;
        }
        let notes = self.notes.join("\n\n");
        let leads = messages
            .iter()
            .take_while(|message| message["role"] == "system" || message["role"] == "developer")
            .count();
        let last = leads.checked_sub(1).and_then(|last| messages.get_mut(last));
        if let Some(Value::String(text)) = last.and_then(|last| last.get_mut("content")) {
            text.push_str("\n\n");
            text.push_str(&notes);
        } else {
            let role = self.instructor(Role::System);
            messages.insert(leads, json!({"role": role, "content": notes}));
        }
    }

    /// Requests whose marks cannot be said share a key, so that OpenAI finds its cache all the same.
    fn cache_key(&mut self, messages: &[Value]) {
        let is_unmarked = !self.takes_breakpoints() && self.has_marks();
        if !is_unmarked || !self.target.has(Quirk::OpenAiHost) {
            return;
        }
        if self.request.cache_key.is_none() {
            let first = messages.first().filter(|first| first["role"] != "user");
            let first = first.map(Value::to_string).unwrap_or_default();
            let tools = self
                .out
                .get("tools")
                .map(Value::to_string)
                .unwrap_or_default();
            let key = fingerprint::hex(&(first + &tools), 32);
            self.put("prompt_cache_key", key);
        }
    }

    fn has_marks(&mut self) -> bool {
        let parts = self
            .request
            .messages
            .iter()
            .flat_map(|message| &message.parts);
        let mut all = self.request.instructions.iter().chain(parts);
        let has = all.any(|part| part.cache.is_some());
        if has && !self.takes_breakpoints() && !self.target.has(Quirk::CacheControl) {
            self.note(Field::CacheMarks);
        }
        has
    }
}

/// Ids of the last turn's calls, where they had none.
#[derive(Debug, Default)]
pub(super) struct Ids {
    made: usize,
    last: Vec<String>,
}

impl Ids {
    /// A new message of the model begins.
    pub(super) fn clear(&mut self) {
        self.last.clear();
    }

    /// The id of its next call.
    pub(super) fn next(&mut self, id: &str) -> String {
        let id = if id.is_empty() {
            self.made += 1;
            format!("call_{}", self.made)
        } else {
            id.to_owned()
        };
        self.last.push(id.clone());
        id
    }

    /// The id of the call at `place`.
    fn of(&self, place: usize, id: &str) -> String {
        let made = self.last.get(place).filter(|_| id.is_empty());
        made.map_or_else(|| id.to_owned(), Clone::clone)
    }
}

fn part_of<'a>(spoken: &Spoken<'a>) -> &'a Part {
    match spoken {
        Spoken::Part(part) | Spoken::Instruction(part, _) => part,
    }
}

fn is_instruction(spoken: &Spoken<'_>) -> bool {
    matches!(spoken, Spoken::Instruction(..))
}

/// Takes out all marks but the last few: more are refused.
fn keep_last_marks(messages: &mut [Value]) {
    let mut kept = 0;
    for message in messages.iter_mut().rev() {
        let parts = message.get_mut("content").and_then(Value::as_array_mut);
        for part in parts.into_iter().flatten().rev() {
            if let Some(part) = part.as_object_mut() {
                drop_mark_after(part, &mut kept);
            }
        }
    }
}

fn drop_mark_after(part: &mut Map<String, Value>, kept: &mut usize) {
    for mark in MARKS {
        if part.contains_key(mark) {
            *kept += 1;
            if *kept > MAX_MARKS {
                part.shift_remove(mark);
            }
        }
    }
}

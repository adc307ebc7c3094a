//! A conversation of another dialect in this one's order: two speakers who take turns, the user first,
//! results right behind their calls.

use serde_json::{Value, json};

use super::spoken::{self, Writer};
use crate::chat::part::Content;
use crate::chat::{Part, Request};
use crate::codec::anthropic::object::object;
use crate::codec::field_names::Field;
use crate::codec::target::Refusal;
use crate::codec::turns::{self, Speaker, Spoken, Turn};

/// What a conversation is opened with that the model began.
const OPENING: &str = ".";

/// A conversation, written.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// Blocks of `system`.
    pub(super) system: Vec<Value>,
    /// `messages`.
    pub(super) messages: Vec<Value>,
}

/// Writes the conversation of `request`.
pub(super) fn write(
    request: &Request,
    writer: &mut Writer<'_, '_>,
) -> Result<Conversation, Refusal> {
    let (lead, rest) = request.split_instructions();
    let mut talk = Talk {
        system: lead.filter_map(|part| instruction(part, writer)).collect(),
        ..Talk::default()
    };
    if request
        .messages
        .iter()
        .any(|message| message.name.is_some())
    {
        let field = format!("{}[].name", writer.name(Field::Messages));
        writer.report.drop(field);
    }
    for turn in turns::turns(rest, writer.report) {
        match turn.speaker {
            Speaker::User => talk.user(&turn, writer)?,
            Speaker::Model => talk.model(&turn, writer)?,
        }
    }
    talk.answer_the_last(writer);
    talk.begin_with_the_user(writer);
    Ok(Conversation {
        system: talk.system,
        messages: talk.messages,
    })
}

/// An instruction before everything else: text, as nothing else may stand there.
fn instruction(part: &Part, writer: &mut Writer<'_, '_>) -> Option<Value> {
    let Content::Text(text) = &part.content else {
        writer.lose(Field::Instructions);
        return None;
    };
    spoken::text(&text.text).map(|block| spoken::marked(block, part))
}

#[derive(Debug, Default)]
struct Talk {
    system: Vec<Value>,
    messages: Vec<Value>,
    /// Calls of the last message, as they were written.
    open: Vec<String>,
}

impl Talk {
    fn push(&mut self, role: &str, content: Vec<Value>) {
        if !content.is_empty() {
            let message = object([("role", role.into()), ("content", Value::Array(content))]);
            self.messages.push(Value::Object(message));
        }
    }

    fn user(&mut self, turn: &Turn<'_>, writer: &mut Writer<'_, '_>) -> Result<(), Refusal> {
        let open = std::mem::take(&mut self.open);
        let mut blocks = Vec::new();
        for (answer, id) in turn.answers.iter().zip(&open) {
            blocks.push(writer.answer(answer, id)?);
        }
        let (said, late) = turn.parts.split_at(end_of_talk(turn, writer));
        for spoken in said {
            match spoken {
                Spoken::Part(part) => blocks.extend(writer.users(part)?),
                Spoken::Instruction(part, _) => blocks.extend(reminder(part, writer)),
            }
        }
        if blocks.is_empty() {
            // There must be something that the instructions follow.
            blocks.extend(
                late.iter()
                    .filter_map(|spoken| reminder(part_of(spoken), writer)),
            );
            self.push("user", blocks);
        } else {
            self.push("user", blocks);
            let late = late.iter().map(part_of);
            let late = late.filter_map(|part| instruction(part, writer)).collect();
            self.push("system", late);
        }
        Ok(())
    }

    fn model(&mut self, turn: &Turn<'_>, writer: &mut Writer<'_, '_>) -> Result<(), Refusal> {
        let mut blocks = Vec::new();
        for part in turn.parts.iter().map(part_of) {
            let id = match &part.content {
                Content::ToolCall(call) => writer.id(call),
                _ => String::new(),
            };
            blocks.extend(writer.models(part, &id)?);
            if !id.is_empty() {
                self.open.push(id);
            }
        }
        self.push("assistant", blocks);
        Ok(())
    }

    /// A last call that is still open would be refused.
    fn answer_the_last(&mut self, writer: &mut Writer<'_, '_>) {
        let open = std::mem::take(&mut self.open);
        let answers = open.iter().map(|id| writer.no_answer(id)).collect();
        self.push("user", answers);
    }

    fn begin_with_the_user(&mut self, writer: &mut Writer<'_, '_>) {
        if self
            .messages
            .first()
            .is_none_or(|message| message["role"] != "user")
        {
            writer.report.adjust(writer.name(Field::Messages), OPENING);
            let opening = json!({"role": "user", "content": OPENING});
            self.messages.insert(0, opening);
        }
    }
}

/// Where the instructions begin that end a turn: the one place where this dialect takes them, and
/// only newer models do.
fn end_of_talk(turn: &Turn<'_>, writer: &Writer<'_, '_>) -> usize {
    if !writer.target.knowledge.mid_system {
        return turn.parts.len();
    }
    let is_part = |spoken: &Spoken<'_>| matches!(spoken, Spoken::Part(_));
    turn.parts
        .iter()
        .rposition(is_part)
        .map_or(0, |last| last + 1)
}

fn part_of<'a>(spoken: &Spoken<'a>) -> &'a Part {
    match spoken {
        Spoken::Part(part) | Spoken::Instruction(part, _) => part,
    }
}

/// An instruction in mid-conversation, for models that take it in the user's turn only.
fn reminder(part: &Part, writer: &mut Writer<'_, '_>) -> Option<Value> {
    let Content::Text(text) = &part.content else {
        writer.lose(Field::Instructions);
        return None;
    };
    let words = text.text.trim();
    if words.is_empty() {
        return None;
    }
    let block = spoken::text(&format!("<system-reminder>\n{words}\n</system-reminder>"))?;
    Some(spoken::marked(block, part))
}

impl Conversation {
    /// Whether the model is in a loop of tools that it did not begin with a thought: it cannot go on
    /// from there thinking, where thoughts have to stand first.
    pub(super) fn lacks_a_thought(&self) -> bool {
        let [.., model, user] = self.messages.as_slice() else {
            return false;
        };
        let first = &model["content"][0]["type"];
        user["content"][0]["type"] == "tool_result"
            && model["role"] == "assistant"
            && first != "thinking"
            && first != "redacted_thinking"
    }

    /// The words that the model is to go on from, if the conversation ends with them.
    pub(super) fn prefill(&self) -> Option<String> {
        let last = self.messages.last()?;
        if last["role"] != "assistant" {
            return None;
        }
        let blocks = last["content"].as_array()?;
        let texts = blocks.iter().filter_map(|block| block["text"].as_str());
        Some(texts.collect())
    }

    /// Takes the last words away from the model and asks for them instead.
    pub(super) fn ask_for(&mut self, prefill: &str) {
        self.messages.pop();
        if prefill.is_empty() {
            return;
        }
        let words = format!("Continue exactly from: {prefill}");
        match self.messages.last_mut().map(|last| &mut last["content"]) {
            Some(Value::Array(blocks)) => blocks.push(json!({"type": "text", "text": words})),
            Some(content) => *content = words.into(),
            None => {}
        }
    }

    /// Last words may not end with white space.
    pub(super) fn trim_prefill(&mut self) {
        let Some(last) = self.messages.last_mut() else {
            return;
        };
        let block = last["content"]
            .as_array_mut()
            .and_then(|blocks| blocks.last_mut());
        if let Some(Value::String(text)) = block.and_then(|block| block.get_mut("text")) {
            text.truncate(text.trim_end().len());
        }
    }

    /// Adds instructions of ours behind the client's.
    pub(super) fn instruct(&mut self, lines: &[String]) {
        if !lines.is_empty() {
            let text = lines.join("\n\n");
            self.system.push(json!({"type": "text", "text": text}));
        }
    }
}

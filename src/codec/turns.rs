//! Turns: a conversation as strict dialects want it. Anthropic and Gemini know two speakers who take
//! turns, and want the results of tools right behind their calls, all of them, in the order of the calls.
//!
//! Neighbours of one side are joined, results are moved behind their calls, a call without a result gets
//! none ([`Answer::result`] is `None`: the encoder says so in its dialect), and a result without a call
//! is left out and reported.

use std::collections::HashMap;

use crate::chat::part::{Content, Part, ToolCall, ToolResult};
use crate::chat::request::{Message, Role};
use crate::chat::{Extra, Report};

/// Who speaks in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaker {
    /// The user's side: what people and tools say, and instructions in mid-conversation.
    User,
    /// The model.
    Model,
}

/// What one side says until the other speaks.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn<'a> {
    /// Who.
    pub speaker: Speaker,
    /// Results of the calls in the turn before, in their order; only on the user's side.
    pub answers: Vec<Answer<'a>>,
    /// Everything else, in order.
    pub parts: Vec<Spoken<'a>>,
}

/// One thing said in a turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spoken<'a> {
    /// A part.
    Part(&'a Part),
    /// A part of an instruction in mid-conversation, with what is left over of its message.
    Instruction(&'a Part, &'a Extra),
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer<'a> {
    /// The call.
    pub call: &'a ToolCall,
    /// Its result, with the part that holds it; `None` if there is none in the conversation.
    pub result: Option<(&'a ToolResult, &'a Part)>,
}

/// The turns of `messages` (without leading instructions). A last call that is still open has no answers
/// behind it.
pub fn turns<'a>(messages: &'a [Message], report: &mut Report) -> Vec<Turn<'a>> {
    let mut results = Results::of(messages);
    let mut turns: Vec<Turn<'a>> = Vec::new();
    for message in messages {
        let speaker = match message.role {
            Role::Assistant => Speaker::Model,
            _ => Speaker::User,
        };
        for part in &message.parts {
            if matches!(part.content, Content::ToolResult(_)) {
                // Said where its call was; here it only ends the model's turn.
                open(&mut turns, Speaker::User, &mut results);
                continue;
            }
            let spoken = if message.role.instructs() {
                Spoken::Instruction(part, &message.extra)
            } else {
                Spoken::Part(part)
            };
            open(&mut turns, speaker, &mut results).parts.push(spoken);
        }
    }
    if results.has_left() {
        report.drop("messages[].tool_result");
    }
    turns.retain(|turn| !turn.parts.is_empty() || !turn.answers.is_empty());
    turns
}

/// The turn of `speaker` that is under way, or a new one that begins with the answers it owes.
fn open<'t, 'a>(
    turns: &'t mut Vec<Turn<'a>>,
    speaker: Speaker,
    results: &mut Results<'a>,
) -> &'t mut Turn<'a> {
    if turns.last().is_none_or(|turn| turn.speaker != speaker) {
        let answers = match turns.last() {
            Some(last) if speaker == Speaker::User => answers(last, results),
            _ => Vec::new(),
        };
        turns.push(Turn {
            speaker,
            answers,
            parts: Vec::new(),
        });
    }
    turns.last_mut().expect("pushed if there was none")
}

fn answers<'a>(turn: &Turn<'a>, results: &mut Results<'a>) -> Vec<Answer<'a>> {
    let calls = turn.parts.iter().filter_map(|spoken| match spoken {
        Spoken::Part(Part {
            content: Content::ToolCall(call),
            ..
        }) => Some(call),
        _ => None,
    });
    calls
        .map(|call| Answer {
            call,
            result: results.take(&call.id),
        })
        .collect()
}

/// Results by the id of their call, in their order: an id may come again in a long conversation.
struct Results<'a>(HashMap<&'a str, std::collections::VecDeque<(&'a ToolResult, &'a Part)>>);

impl<'a> Results<'a> {
    fn of(messages: &'a [Message]) -> Self {
        let mut results: HashMap<&str, std::collections::VecDeque<_>> = HashMap::new();
        for part in messages.iter().flat_map(|message| &message.parts) {
            if let Content::ToolResult(result) = &part.content {
                results
                    .entry(&result.id)
                    .or_default()
                    .push_back((result, part));
            }
        }
        Self(results)
    }

    fn take(&mut self, id: &str) -> Option<(&'a ToolResult, &'a Part)> {
        self.0.get_mut(id)?.pop_front()
    }

    fn has_left(&self) -> bool {
        self.0.values().any(|left| !left.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str) -> Part {
        let id = id.to_owned();
        Part::new(Content::ToolCall(ToolCall {
            id,
            ..ToolCall::default()
        }))
    }

    fn result(id: &str) -> Message {
        let id = id.to_owned();
        let result = Content::ToolResult(ToolResult {
            id,
            ..ToolResult::default()
        });
        Message::new(Role::Tool, vec![Part::new(result)])
    }

    fn assistant(parts: Vec<Part>) -> Message {
        Message::new(Role::Assistant, parts)
    }

    fn user(text: &str) -> Message {
        Message::new(Role::User, vec![Part::text(text)])
    }

    /// Turns in short: `U` or `M`, answered ids (`!` without a result), then what is said.
    fn sketch(messages: &[Message]) -> (Vec<String>, bool) {
        let mut report = Report::default();
        let sketch = turns(messages, &mut report).into_iter().map(|turn| {
            let mut text = format!("{:?}", turn.speaker)[..1].to_owned();
            for answer in turn.answers {
                let missing = if answer.result.is_none() { "!" } else { "" };
                text.extend([" ", missing, &answer.call.id]);
            }
            for spoken in turn.parts {
                text += match spoken {
                    Spoken::Instruction(..) => " (i)",
                    Spoken::Part(part) => match &part.content {
                        Content::ToolCall(_) => " call",
                        _ => " text",
                    },
                };
            }
            text
        });
        (sketch.collect(), report.dropped().next().is_some())
    }

    #[test]
    fn neighbours_are_joined_and_results_follow_their_calls_in_order() {
        let messages = [
            user("a"),
            user("b"),
            assistant(vec![call("1")]),
            assistant(vec![call("2")]),
            result("2"),
            user("c"),
            result("1"),
        ];
        let expected = ["U text text", "M call call", "U 1 2 text"];
        assert_eq!(
            sketch(&messages),
            (expected.map(str::to_owned).to_vec(), false)
        );
    }

    #[test]
    fn a_call_without_a_result_is_answered_by_nothing() {
        let messages = [user("a"), assistant(vec![call("1")]), user("b")];
        assert_eq!(sketch(&messages).0, ["U text", "M call", "U !1 text"]);
    }

    #[test]
    fn the_last_call_is_still_open() {
        let messages = [user("a"), assistant(vec![call("1")])];
        assert_eq!(sketch(&messages).0, ["U text", "M call"]);
    }

    #[test]
    fn a_result_without_a_call_is_left_out_and_reported() {
        assert_eq!(
            sketch(&[user("a"), result("9")]),
            (vec!["U text".to_owned()], true)
        );
    }

    #[test]
    fn an_id_may_come_again() {
        let round = || [assistant(vec![call("1")]), result("1")];
        let messages: Vec<_> = round().into_iter().chain(round()).collect();
        assert_eq!(sketch(&messages).0, ["M call", "U 1", "M call", "U 1"]);
    }

    #[test]
    fn instructions_in_mid_conversation_keep_their_place() {
        let system = Message::new(Role::System, vec![Part::text("s")]);
        let messages = [user("a"), system, assistant(vec![Part::text("b")])];
        assert_eq!(sketch(&messages).0, ["U text (i)", "M text"]);
    }
}

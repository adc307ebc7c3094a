//! Conversation: what a body says of the one it belongs to, without reading the body as a whole.
//!
//! Some clients name it, so that prompt caches find it again. Of the others its beginning is known again: the
//! system prompt and the first turn of the user are the same in all its requests. Only texts count for
//! that, as clients move their cache marks from turn to turn and write a text now as a string and now as a
//! list of one part.

use std::fmt::Write as _;

use ring::digest::{Context, SHA256};

use super::head::member;
use crate::chat::Dialect;
use crate::json::raw::RawObject;
use crate::json::scan;

/// Bytes of the system prompt that count, and as many of the first turn.
const MOST_BYTES: usize = 8 * 1024;

/// Turns among which the user's first one is looked for.
const MOST_TURNS: usize = 64;

/// Longest `metadata.user_id` that is looked into.
const LONGEST_USER: usize = 1024;

/// The id that the client gives its session in the body, if it does:
/// - `session_id`, as OpenRouter has it, or `prompt_cache_key`, in OpenAI's dialects;
/// - the session that Claude Code writes into `metadata.user_id`, in Anthropic's.
pub fn session_id(dialect: Dialect, body: &RawObject) -> Option<String> {
    match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            let named = ["session_id", "prompt_cache_key"].iter();
            let mut named = named.filter_map(|name| scan::string(body.get(name)?));
            Some(named.find(|id| !id.is_empty())?.into_owned())
        }
        Dialect::Anthropic => {
            let user = member(body.get("metadata")?, "user_id")?;
            let user = Some(user).filter(|user| user.len() <= LONGEST_USER);
            session_of(&scan::string(user?)?)
        }
        Dialect::Gemini => None,
    }
}

/// The session within a `metadata.user_id` of Claude Code: an object as text, or before version 2.1.78 the
/// end of a text.
fn session_of(user: &str) -> Option<String> {
    let id = if user.starts_with('{') {
        scan::string(member(user.as_bytes(), "session_id")?)?.into_owned()
    } else {
        let (owner, id) = user.rsplit_once("_session_")?;
        owner.starts_with("user_").then(|| id.to_owned())?
    };
    (!id.is_empty()).then_some(id)
}

/// A name for the conversation that begins as `body` does; `None` if no turn of the user is in sight, or the
/// conversation began elsewhere.
pub fn beginning(dialect: Dialect, body: &RawObject) -> Option<String> {
    let mut begins = Beginning::new();
    let is_told = match dialect {
        Dialect::OpenAiChat => begins.turns(body.get("messages")?),
        Dialect::Anthropic => {
            begins.system(body.get("system"));
            begins.turns(body.get("messages")?)
        }
        Dialect::OpenAiResponses => {
            let goes_on = ["previous_response_id", "conversation"].iter();
            let mut goes_on = goes_on.filter_map(|name| body.get(name));
            if goes_on.any(|value| !scan::is_blank(value)) {
                return None;
            }
            begins.system(body.get("instructions"));
            begins.turns(body.get("input")?)
        }
        Dialect::Gemini => {
            let system = body.get("systemInstruction");
            begins.system(system.or_else(|| body.get("system_instruction")));
            begins.turns(body.get("contents")?)
        }
    };
    is_told.then(|| begins.name())
}

struct Beginning {
    hash: Context,
    /// Bytes that still count of what is being read.
    room: usize,
}

impl Beginning {
    fn new() -> Self {
        Self {
            hash: Context::new(&SHA256),
            room: MOST_BYTES,
        }
    }

    fn name(self) -> String {
        let mut name = "prefix-".to_owned();
        for byte in self.hash.finish().as_ref().iter().take(16) {
            write!(name, "{byte:02x}").expect("a string takes text");
        }
        name
    }

    fn system(&mut self, content: Option<&[u8]>) {
        if let Some(content) = content {
            self.content(content);
        }
    }

    /// Reads turns up to the user's first, and says whether that one says anything.
    fn turns(&mut self, turns: &[u8]) -> bool {
        if !turns.starts_with(b"[") {
            return self.user(turns);
        }
        for turn in scan::elements(turns).flatten().take(MOST_TURNS) {
            match member(turn, "role") {
                Some(b"\"system\"" | b"\"developer\"") => self.system(said(turn)),
                Some(b"\"user\"") => return self.user(said(turn).unwrap_or_default()),
                // Gemini's turns may have no role, and its list may be one of parts.
                None if member(turn, "parts").is_some() || member(turn, "text").is_some() => {
                    return self.user(turn);
                }
                _ => {}
            }
        }
        false
    }

    fn user(&mut self, content: &[u8]) -> bool {
        self.hash.update(b"\0user\0");
        self.room = MOST_BYTES;
        self.content(content);
        self.room < MOST_BYTES
    }

    /// A text, a list of parts, or a turn of Gemini's.
    fn content(&mut self, content: &[u8]) {
        let content = member(content, "parts").unwrap_or(content);
        if !content.starts_with(b"[") {
            return self.part(content);
        }
        for part in scan::elements(content).flatten() {
            if self.room == 0 {
                break;
            }
            self.part(part);
        }
    }

    /// A part that is no text counts as it is written, but for its mark.
    fn part(&mut self, part: &[u8]) {
        if let Some(text) = inner(part).or_else(|| inner(member(part, "text")?)) {
            return self.add(text);
        }
        for field in scan::members(part).flatten() {
            if &part[field.key..field.key_end] != b"cache_control" {
                self.add(&part[field.key..field.end]);
            }
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(self.room)];
        self.room -= bytes.len();
        self.hash.update(bytes);
        self.hash.update(b"\0");
    }
}

/// What is between the quotes of a string.
fn inner(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The content of a turn.
fn said(turn: &[u8]) -> Option<&[u8]> {
    member(turn, "content").or_else(|| member(turn, "parts"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::{Value, json};

    use super::Dialect::{Anthropic, Gemini, OpenAiChat, OpenAiResponses};
    use super::*;

    fn body(json: &Value) -> RawObject {
        RawObject::parse(Bytes::from(json.to_string())).expect("an object")
    }

    fn begins(dialect: Dialect, json: &Value) -> Option<String> {
        beginning(dialect, &body(json))
    }

    #[test]
    fn later_turns_begin_as_the_first_did() {
        let mark = json!({ "type": "ephemeral" });
        for (dialect, first, later) in [
            (
                OpenAiChat,
                json!({ "messages": [
                    { "role": "system", "content": "be kind" },
                    { "role": "user", "content": "hi" },
                ]}),
                json!({ "model": "other", "messages": [
                    { "role": "system", "content": [{ "type": "text", "text": "be kind" }] },
                    { "role": "user", "content": "hi" },
                    { "role": "assistant", "content": "hello" },
                    { "role": "user", "content": "more" },
                ]}),
            ),
            (
                Anthropic,
                json!({ "system": "be kind", "messages": [
                    { "role": "user", "content": [{ "type": "text", "text": "hi", "cache_control": mark }] },
                ]}),
                json!({ "system": [{ "type": "text", "text": "be kind", "cache_control": mark }], "messages": [
                    { "role": "user", "content": "hi" },
                    { "role": "assistant", "content": "hello" },
                    { "role": "user", "content": [{ "type": "text", "text": "more", "cache_control": mark }] },
                ]}),
            ),
            (
                OpenAiResponses,
                json!({ "instructions": "be kind", "input": "hi" }),
                json!({ "instructions": "be kind", "previous_response_id": null, "input": [
                    { "type": "additional_tools", "tools": [] },
                    { "role": "user", "content": [{ "type": "input_text", "text": "hi" }] },
                    { "role": "assistant", "content": "hello" },
                ]}),
            ),
            (
                Gemini,
                json!({ "systemInstruction": { "parts": [{ "text": "be kind" }] },
                        "contents": [{ "parts": [{ "text": "hi" }] }] }),
                json!({ "system_instruction": { "parts": { "text": "be kind" } }, "contents": [
                    { "role": "user", "parts": [{ "text": "hi" }] },
                    { "role": "model", "parts": [{ "text": "hello" }] },
                    { "role": "user", "parts": [{ "text": "more" }] },
                ]}),
            ),
        ] {
            let name = begins(dialect, &first);
            let name = name.unwrap_or_else(|| panic!("{dialect:?} has a beginning"));
            assert_eq!(name.len(), "prefix-".len() + 32);
            assert_eq!(begins(dialect, &later), Some(name), "{dialect:?}");
        }
    }

    #[test]
    fn another_beginning_is_another_conversation() {
        let image = |data: &str| json!([{ "type": "image_url", "image_url": { "url": data } }]);
        let seen: Vec<_> = [
            (json!("be kind"), json!("hi")),
            (json!("be kind"), json!("hi there")),
            (json!("be kindhi"), json!("")),
            (json!("be brief"), json!("hi")),
            (json!(null), json!("hi")),
            (json!("be kind"), image("data:1")),
            (json!("be kind"), image("data:2")),
            (json!("be kind"), json!([{ "text": "h" }, { "text": "i" }])),
        ]
        .iter()
        .map(|(system, user)| {
            let system = json!({ "role": "system", "content": system });
            let user = json!({ "role": "user", "content": user });
            begins(OpenAiChat, &json!({ "messages": [system, user] }))
        })
        .collect();
        assert!(seen[2].is_none(), "a turn that says nothing");
        let mut names: Vec<_> = seen.iter().flatten().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 7);
    }

    #[test]
    fn what_has_no_beginning_in_sight_has_no_name() {
        for (dialect, json) in [
            (OpenAiChat, json!({})),
            (OpenAiChat, json!({ "messages": 7 })),
            (OpenAiChat, json!({ "messages": [7, null, "x", {}] })),
            (
                OpenAiChat,
                json!({ "messages": [{ "role": "system", "content": "x" }] }),
            ),
            (OpenAiChat, json!({ "messages": [{ "role": "user" }] })),
            (Anthropic, json!({ "system": "x", "messages": [] })),
            (
                OpenAiResponses,
                json!({ "input": "hi", "previous_response_id": "resp_1" }),
            ),
            (
                OpenAiResponses,
                json!({ "input": "hi", "conversation": { "id": "conv_1" } }),
            ),
            (
                Gemini,
                json!({ "contents": [{ "role": "model", "parts": [{ "text": "x" }] }] }),
            ),
        ] {
            assert_eq!(begins(dialect, &json), None, "{dialect:?} {json}");
        }
    }

    #[test]
    fn only_the_beginning_of_long_texts_counts() {
        let ask = |system: &str, user: &str| {
            let user = json!({ "role": "user", "content": user });
            begins(Anthropic, &json!({ "system": system, "messages": [user] }))
        };
        let long = "x".repeat(MOST_BYTES);
        let longer = "x".repeat(20 * MOST_BYTES);
        assert_eq!(ask(&long, &long), ask(&longer, &longer));
        // However long the system prompt is, the user's turn is looked at.
        assert_ne!(ask(&longer, "a"), ask(&longer, "b"));
        assert!(ask(&longer, "a").is_some());
    }

    #[test]
    fn reads_the_ids_that_clients_write_into_bodies() {
        let user = |id: &str| json!({ "metadata": { "user_id": id } });
        for (dialect, json, expected) in [
            (OpenAiChat, json!({ "prompt_cache_key": "k" }), Some("k")),
            (
                OpenAiResponses,
                json!({ "prompt_cache_key": "k" }),
                Some("k"),
            ),
            (
                OpenAiChat,
                json!({ "prompt_cache_key": "k", "session_id": "s" }),
                Some("s"),
            ),
            (
                OpenAiChat,
                json!({ "prompt_cache_key": "k", "session_id": "" }),
                Some("k"),
            ),
            (OpenAiChat, json!({ "session_id": 7, "user": "me" }), None),
            (Anthropic, json!({ "prompt_cache_key": "k" }), None),
            (
                Anthropic,
                user(r#"{"device_id":"d","account_uuid":"","session_id":"s-1"}"#),
                Some("s-1"),
            ),
            (Anthropic, user("user_0a_account__session_s-2"), Some("s-2")),
            (Anthropic, user("user-77"), None),
            (Anthropic, user("{\"session_id\":7}"), None),
            (Anthropic, user("{\"session_id\":"), None),
            (
                Anthropic,
                user(&format!("user_{}_session_s", "x".repeat(LONGEST_USER))),
                None,
            ),
            (Anthropic, json!({ "metadata": "x" }), None),
            (Gemini, json!({ "session_id": "s" }), None),
        ] {
            let id = session_id(dialect, &body(&json));
            assert_eq!(id.as_deref(), expected, "{dialect:?} {json}");
        }
    }
}

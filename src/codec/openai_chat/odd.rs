//! Requests in odd shapes: the body of another vendor, or half of one, posted to the Chat endpoint.
//!
//! They cannot pass as bytes, so they are decoded and encoded. This is asked of every request, before
//! anything else is read, so it looks at the names of the top level and at the beginning of the tools and
//! of the messages as text: a quote inside a JSON string is escaped, so a name in quotes is a name.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::json::raw::RawObject;

/// A name in quotes. Making a finder costs more than most searches, so each is made once.
type Name = LazyLock<Finder<'static>>;

static TYPE: Name = LazyLock::new(|| Finder::new("\"type\""));
static PARTS: Name = LazyLock::new(|| Finder::new("\"parts\""));
static INPUT_SCHEMA: Name = LazyLock::new(|| Finder::new("\"input_schema\""));
static DECLARATIONS: Name = LazyLock::new(|| Finder::new("\"functionDeclarations\""));
static SNAKE_DECLARATIONS: Name = LazyLock::new(|| Finder::new("\"function_declarations\""));
static PARAMETERS: Name = LazyLock::new(|| Finder::new("\"parameters\""));
static FUNCTION: Name = LazyLock::new(|| Finder::new("\"function\""));

/// Bytes that are looked at of the tools and of the messages: the first few show whose they are.
const LOOKED_AT: usize = 4096;

/// Fields that only other vendors have at the top of a request.
pub(super) const FIELDS: [&str; 13] = [
    "contents",
    "input",
    "system",
    "systemInstruction",
    "system_instruction",
    "instructions",
    "generationConfig",
    "generation_config",
    "toolConfig",
    "tool_config",
    "stop_sequences",
    "max_tokens_to_sample",
    "output_config",
];

/// Types of parts that Chat does not have.
const FOREIGN_PARTS: [&[u8]; 9] = [
    b"\"image\"",
    b"\"document\"",
    b"\"tool_use\"",
    b"\"tool_result\"",
    b"\"redacted_thinking\"",
    b"\"input_text\"",
    b"\"output_text\"",
    b"\"input_image\"",
    b"\"input_file\"",
];

/// Whether the body is not quite one of Chat.
pub fn is_odd(body: &RawObject) -> bool {
    body.iter().any(|(name, value)| match name {
        Some("tools") => has_odd_tool(beginning(value)),
        Some("messages") => has_odd_message(beginning(value)),
        Some(name) => FIELDS.contains(&name) && value != b"null",
        None => false,
    })
}

fn beginning(value: &[u8]) -> &[u8] {
    &value[..value.len().min(LOOKED_AT)]
}

/// A function of Chat has its schema one level deeper; hosted tools have none.
fn has_odd_tool(tools: &[u8]) -> bool {
    let has = |name: &'static Name| values(tools, name).next().is_some();
    has(&INPUT_SCHEMA)
        || has(&DECLARATIONS)
        || has(&SNAKE_DECLARATIONS)
        || (has(&PARAMETERS) && !has(&FUNCTION))
}

fn has_odd_message(messages: &[u8]) -> bool {
    let is_foreign = |value: &[u8]| FOREIGN_PARTS.iter().any(|kind| value.starts_with(kind));
    values(messages, &TYPE).any(is_foreign)
        || values(messages, &PARTS).any(|value| value.starts_with(b"["))
}

/// What follows each member of that name, from its value on.
fn values<'a>(text: &'a [u8], name: &'static Name) -> impl Iterator<Item = &'a [u8]> {
    let length = name.needle().len();
    name.find_iter(text).filter_map(move |at| {
        let value = text[at + length..].trim_ascii_start().strip_prefix(b":")?;
        Some(value.trim_ascii_start())
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn is(text: &str) -> bool {
        is_odd(&RawObject::parse(Bytes::copy_from_slice(text.as_bytes())).expect("valid"))
    }

    #[test]
    fn bodies_of_other_vendors_are_recognised() {
        for text in [
            r#"{"contents":[{"parts":[{"text":"a"}]}]}"#,
            r#"{"model":"m","input":"a"}"#,
            r#"{"model":"m","system":"a","messages":[]}"#,
            r#"{"messages":[],"stop_sequences":["a"]}"#,
            r#"{"messages":[{"role":"user","parts":[{"text":"a"}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{}}]}]}"#,
            r#"{"messages":[],"tools":[{"name":"f","input_schema":{}}]}"#,
            r#"{"messages":[],"tools":[{"type":"function","name":"f","parameters":{}}]}"#,
            r#"{"messages":[],"tools":[{"functionDeclarations":[]}]}"#,
        ] {
            assert!(is(text), "{text}");
        }
    }

    #[test]
    fn bodies_of_chat_are_not() {
        for text in [
            r#"{"model":"m","messages":[{"role":"user","content":"a"}],"input":null}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"\"tool_use\""},{"type":"image_url"}]}]}"#,
            r#"{"messages":[],"tools":[{"type":"function","function":{"name":"f","parameters":{}}}]}"#,
            r#"{"messages":[],"tools":[{"type":"custom","custom":{"name":"f"}}]}"#,
            r#"{"messages":[],"tools":[{"type":"web_search"}]}"#,
            r#"{"messages":"x","tools":7}"#,
            "{}",
        ] {
            assert!(!is(text), "{text}");
        }
    }
}

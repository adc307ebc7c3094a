//! The head of a request: what routing needs to know, read from the top level only.

use bytes::Bytes;

use crate::json::raw::RawObject;
use crate::json::scan;
use crate::provider::{Feature, Features};

/// Top-level fields that autogw reads. A duplicate of one is refused: first-wins and last-wins
/// readers would see two different requests.
const READ: [&str; 21] = [
    "model",
    "messages",
    "input",
    "stream",
    "stream_options",
    "provider",
    "alias",
    "strict_alias",
    "extra_body",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "functions",
    "function_call",
    "response_format",
    "reasoning",
    "reasoning_effort",
    "store",
    "background",
    "conversation",
    "previous_response_id",
];

/// Longest `model`: a list of preferences is a few hundred bytes.
const MAX_MODEL: usize = 1024;

/// Most fields of an `extra_body`: each is looked for in the body.
const MAX_EXTRAS: usize = 64;

/// Longest name of a field of an `extra_body`.
const MAX_EXTRA_NAME: usize = 128;

/// Fields that an `extra_body` may not set: they decide where a request goes and what it asks.
pub const PROTECTED: [&str; 4] = ["model", "messages", "input", "stream"];

/// What is wrong with a request's head.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// A field has the wrong type or value.
    #[error("`{field}` must be {expected}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A field that is read occurs twice.
    #[error("`{0}` occurs more than once")]
    Duplicate(&'static str),
}

impl HeadError {
    /// The field it is about.
    pub fn field(&self) -> &'static str {
        match self {
            HeadError::Field { field, .. } | HeadError::Duplicate(field) => field,
        }
    }
}

/// What routing needs to know of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// `model` as written.
    pub model: Option<String>,
    /// `stream`, if the body says.
    pub stream: Option<bool>,
    /// Whether the client asked for the usage chunk (`stream_options.include_usage`).
    pub include_usage: bool,
    /// `provider`: a pin, removed before the upstream sees the body.
    pub provider: Option<String>,
    /// `alias`: the key to use, removed likewise.
    pub alias: Option<String>,
    /// `strict_alias`: whether other keys may follow, removed likewise.
    pub strict_alias: Option<bool>,
    /// `extra_body`: fields to merge, removed likewise.
    pub extra_body: Vec<(String, Bytes)>,
    /// Whether repeating the request might have effects beyond its cost: stored answers,
    /// background runs, conversation state, hosted tools.
    pub has_effects: bool,
}

impl Head {
    /// Reads the head of `body`.
    pub fn peek(body: &RawObject) -> Result<Self, HeadError> {
        if let Some(field) = body.duplicate(&READ) {
            return Err(HeadError::Duplicate(field));
        }
        let mut head = Head::default();
        for (name, value) in body.iter() {
            if let Some(name) = name {
                head.take(name, value)?;
            }
        }
        let extras = &head.extra_body;
        head.has_effects |= extras.iter().any(|(name, value)| has_effect(name, value));
        Ok(head)
    }

    fn take(&mut self, key: &str, value: &[u8]) -> Result<(), HeadError> {
        if value == b"null" && key != "model" {
            return Ok(());
        }
        match key {
            "model" => self.model = Some(model_name(value)?),
            "stream" => self.stream = Some(boolean("stream", value)?),
            "stream_options" => self.include_usage = asks_for_usage(value)?,
            // OpenRouter's `provider` object is the upstream's business.
            "provider" if value.starts_with(b"\"") => {
                self.provider = Some(non_empty("provider", value)?);
            }
            "alias" => self.alias = Some(non_empty("alias", value)?),
            "strict_alias" => self.strict_alias = Some(boolean("strict_alias", value)?),
            "extra_body" => self.extra_body = extras(value)?,
            _ => self.has_effects |= has_effect(key, value),
        }
        Ok(())
    }
}

/// Whether a field of this value makes a second run of the request more than a second bill.
pub fn has_effect(field: &str, value: &[u8]) -> bool {
    match field {
        "store" | "background" => value == b"true",
        "conversation" | "previous_response_id" => value != b"null",
        "tools" => has_hosted_tools(value),
        _ => false,
    }
}

fn wrong(field: &'static str, expected: &'static str) -> HeadError {
    HeadError::Field { field, expected }
}

fn non_empty(field: &'static str, value: &[u8]) -> Result<String, HeadError> {
    let expected = "a non-empty string";
    let text = scan::string(value).ok_or(wrong(field, expected))?;
    if text.trim().is_empty() {
        Err(wrong(field, expected))
    } else {
        Ok(text.into_owned())
    }
}

fn model_name(value: &[u8]) -> Result<String, HeadError> {
    let name = non_empty("model", value)?;
    check_model(&name)?;
    Ok(name)
}

/// Checks a model string, wherever it stands: it ends up in headers and logs, so it has no business
/// with line breaks, and a list must name something.
pub fn check_model(name: &str) -> Result<(), HeadError> {
    if name.len() > MAX_MODEL || name.chars().any(char::is_control) {
        return Err(wrong(
            "model",
            "a name of at most 1024 bytes without control characters",
        ));
    }
    let is_no_name = |c: char| c.is_whitespace() || matches!(c, '[' | ']' | ',' | '\'' | '"');
    if name.chars().all(is_no_name) {
        return Err(wrong("model", "the name of a model, or a list of names"));
    }
    Ok(())
}

fn boolean(field: &'static str, value: &[u8]) -> Result<bool, HeadError> {
    match value {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err(wrong(field, "true or false")),
    }
}

fn extras(value: &[u8]) -> Result<Vec<(String, Bytes)>, HeadError> {
    let refused = || {
        wrong(
            "extra_body",
            "an object of at most 64 fields, with names of at most 128 bytes",
        )
    };
    let object = RawObject::parse(Bytes::copy_from_slice(value)).map_err(|_| refused())?;
    let mut fields = Vec::new();
    for (name, value) in object.iter() {
        let name = name.filter(|name| name.len() <= MAX_EXTRA_NAME);
        let name = name.ok_or_else(refused)?.to_owned();
        fields.push((name, object.text().slice_ref(value)));
    }
    if fields.len() > MAX_EXTRAS {
        return Err(refused());
    }
    Ok(fields)
}

fn asks_for_usage(value: &[u8]) -> Result<bool, HeadError> {
    match member(value, "include_usage") {
        None if value.starts_with(b"{") => Ok(false),
        None => Err(wrong("stream_options", "an object")),
        Some(wish) => Ok(wish == b"true"),
    }
}

/// Hosted tools run at the provider: anything that is neither a function nor free-form.
fn has_hosted_tools(tools: &[u8]) -> bool {
    let local = |tool: &[u8]| {
        matches!(
            member(tool, "type"),
            Some(b"\"function\"" | b"\"custom\"") | None
        )
    };
    scan::elements(tools).flatten().any(|tool| !local(tool))
}

/// The value of the first member of `object` named `key`, spelled plainly.
fn member<'a>(object: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let found = scan::members(object)
        .flatten()
        .find(|m| &object[m.key..m.key_end] == key.as_bytes())?;
    Some(&object[found.value..found.end])
}

/// Checks the types of the fields that routing reads of a request for text; what is inside them is the
/// upstream's business.
pub fn check_types(body: &RawObject) -> Result<(), HeadError> {
    for (field, start, expected) in [
        ("messages", b'[', "an array"),
        ("tools", b'[', "an array"),
        ("functions", b'[', "an array"),
        ("response_format", b'{', "an object"),
    ] {
        let value = body.get(field);
        let is_absent = value.is_none_or(|value| value == b"null" && field != "messages");
        if !is_absent && value.is_some_and(|value| value[0] != start) {
            return Err(wrong(field, expected));
        }
    }
    Ok(())
}

/// The capabilities a chat request needs.
pub fn needs(body: &RawObject) -> Features {
    body.iter()
        .filter_map(|(name, value)| Some(field_needs(name?, value)))
        .flat_map(Features::iter)
        .collect()
}

/// The capabilities that the fields of an `extra_body` need where `body` does not have them itself.
pub fn extra_needs(body: &RawObject, extras: &[(String, Bytes)]) -> Features {
    extras
        .iter()
        .filter(|(name, _)| !PROTECTED.contains(&name.as_str()) && body.get(name).is_none())
        .flat_map(|(name, value)| field_needs(name, value).iter())
        .collect()
}

fn field_needs(name: &str, value: &[u8]) -> Features {
    let one = |feature| Features::NONE.with(feature);
    match name {
        "tools" | "functions" if !scan::is_blank(value) => one(Feature::ToolCalls),
        "reasoning" | "reasoning_effort" if !scan::is_blank(value) => one(Feature::Reasoning),
        "response_format" if !matches!(member(value, "type"), None | Some(b"\"text\"")) => {
            one(Feature::Json)
        }
        "messages" => media(value).collect(),
        _ => Features::NONE,
    }
}

/// The capability that a content part of this `type` needs.
pub fn part_feature(kind: &[u8]) -> Option<Feature> {
    match kind {
        b"\"image_url\"" | b"\"input_image\"" | b"\"image\"" => Some(Feature::Vision),
        b"\"input_audio\"" => Some(Feature::Audio),
        b"\"video_url\"" | b"\"input_video\"" => Some(Feature::VideoVision),
        b"\"file\"" | b"\"input_file\"" => Some(Feature::Media),
        _ => None,
    }
}

/// Whether anything, at whatever depth, has the `type` of a part that needs a capability.
fn mentions_media(messages: &[u8]) -> bool {
    const KEY: &[u8] = b"\"type\"";
    memchr::memmem::find_iter(messages, KEY).any(|at| {
        let value = messages[at + KEY.len()..].trim_ascii_start();
        let value = value.strip_prefix(b":").unwrap_or_default();
        let value = value.trim_ascii_start();
        let end = value.iter().skip(1).position(|&byte| byte == b'"');
        end.is_some_and(|end| part_feature(&value[..end + 2]).is_some())
    })
}

fn media(messages: &[u8]) -> impl Iterator<Item = Feature> {
    // Nearly every request has none, and is told apart by a search that runs at the speed of memory.
    let messages = if mentions_media(messages) {
        messages
    } else {
        b"[]"
    };
    scan::elements(messages)
        .flatten()
        .filter_map(|message| member(message, "content"))
        .filter(|content| content.starts_with(b"["))
        .flat_map(|content| scan::elements(content).flatten())
        .filter_map(|part| part_feature(member(part, "type")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> RawObject {
        RawObject::parse(Bytes::copy_from_slice(text.as_bytes())).expect("valid")
    }

    fn peek(text: &str) -> Result<Head, HeadError> {
        Head::peek(&body(text))
    }

    #[test]
    fn reads_model_stream_and_control_fields() {
        let head = peek(
            r#"{"model":" gpt ","stream":true,"stream_options":{"include_usage":true},"provider":"a","alias":"k",
                "strict_alias":false,"extra_body":{"top_k":40}}"#,
        )
        .expect("valid");
        assert_eq!(head.model.as_deref(), Some(" gpt "));
        assert_eq!(
            (head.stream, head.include_usage, head.strict_alias),
            (Some(true), true, Some(false))
        );
        assert_eq!(
            (head.provider.as_deref(), head.alias.as_deref()),
            (Some("a"), Some("k"))
        );
        assert_eq!(
            head.extra_body,
            [("top_k".to_owned(), Bytes::from_static(b"40"))]
        );
    }

    #[test]
    fn openrouters_provider_object_is_not_a_pin() {
        assert_eq!(
            peek(r#"{"model":"m","provider":{"order":["a"]}}"#)
                .expect("valid")
                .provider,
            None
        );
    }

    #[test]
    fn names_the_field_that_is_wrong() {
        for (text, field) in [
            (r#"{"model":""}"#, "model"),
            (r#"{"model":null}"#, "model"),
            (r#"{"model":7}"#, "model"),
            (r#"{"model":"m","stream":"yes"}"#, "stream"),
            (r#"{"model":"m","stream_options":3}"#, "stream_options"),
            (r#"{"model":"[]"}"#, "model"),
            (r#"{"model":"[ ]"}"#, "model"),
            (r#"{"model":",, ''"}"#, "model"),
            (r#"{"model":"m","extra_body":[]}"#, "extra_body"),
            (r#"{"model":"m","model":"n"}"#, "model"),
            (
                r#"{"model":"m","stream":true,"strea\u006d":false}"#,
                "stream",
            ),
        ] {
            assert_eq!(peek(text).expect_err(text).field(), field);
        }
    }

    #[test]
    fn an_extra_body_is_small() {
        let with = |count: usize, name: &str| {
            let fields: Vec<_> = (0..count).map(|n| format!("\"{name}{n}\":1")).collect();
            peek(&format!(
                "{{\"model\":\"m\",\"extra_body\":{{{}}}}}",
                fields.join(",")
            ))
        };
        assert_eq!(with(64, "x").expect("valid").extra_body.len(), 64);
        for (count, name) in [(65, "x".to_owned()), (1, "x".repeat(128))] {
            assert_eq!(with(count, &name).expect_err(&name).field(), "extra_body");
        }
    }

    #[test]
    fn whatever_is_read_may_occur_once() {
        for field in READ {
            let text = format!("{{\"{field}\":null,\"x\":1,\"{field}\":null}}");
            assert_eq!(peek(&text), Err(HeadError::Duplicate(field)));
        }
        let read_elsewhere = super::super::strip::TOOL_FIELDS
            .into_iter()
            .chain(PROTECTED);
        for field in read_elsewhere {
            assert!(READ.contains(&field), "{field}");
        }
    }

    #[test]
    fn knows_what_must_not_be_repeated() {
        assert!(
            peek(r#"{"model":"m","store":true}"#)
                .expect("valid")
                .has_effects
        );
        assert!(
            peek(r#"{"model":"m","tools":[{"type":"web_search"}]}"#)
                .expect("valid")
                .has_effects
        );
        assert!(
            !peek(r#"{"model":"m","store":false,"tools":[{"type":"function"}]}"#)
                .expect("valid")
                .has_effects
        );
    }

    #[test]
    fn an_extra_body_has_effects_and_needs_of_its_own() {
        for extras in [
            r#""store":true"#,
            r#""background":true"#,
            r#""conversation":"c""#,
            r#""previous_response_id":"r""#,
            r#""tools":[{"type":"web_search"}]"#,
        ] {
            let text = format!(r#"{{"model":"m","extra_body":{{{extras}}}}}"#);
            assert!(peek(&text).expect("valid").has_effects, "{extras}");
        }
        let text = r#"{"reasoning":null,"extra_body":{"tools":[{}],"reasoning":{"effort":"low"},"messages":[]}}"#;
        let extras = peek(text).expect("valid").extra_body;
        assert_eq!(
            extra_needs(&body(text), &extras),
            Features::NONE.with(Feature::ToolCalls)
        );
    }

    #[test]
    fn names_the_field_that_has_the_wrong_type() {
        for (text, field) in [
            (r#"{"messages":5}"#, "messages"),
            (r#"{"messages":"x"}"#, "messages"),
            (r#"{"messages":null}"#, "messages"),
            (r#"{"tools":"x"}"#, "tools"),
            (r#"{"functions":{}}"#, "functions"),
            (r#"{"response_format":"json"}"#, "response_format"),
        ] {
            assert_eq!(check_types(&body(text)).expect_err(text).field(), field);
        }
        let good = r#"{"messages":[],"tools":null,"functions":[],"response_format":null}"#;
        assert_eq!(check_types(&body(good)), Ok(()));
        assert_eq!(check_types(&body("{}")), Ok(()));
    }

    #[test]
    fn finds_the_capabilities_a_request_needs() {
        let text = r#"{"tools":[{}],"response_format":{"type":"json_object"},
            "messages":[{"content":"the words image_url"},{"content":[{"type":"text"},{"type":"image_url"}]}]}"#;
        let expected = [Feature::ToolCalls, Feature::Json, Feature::Vision]
            .into_iter()
            .collect();
        assert_eq!(needs(&body(text)), expected);
        assert_eq!(
            needs(&body(
                r#"{"tools":[],"messages":[{"content":"image_url"}]}"#
            )),
            Features::NONE
        );
    }
}

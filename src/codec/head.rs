//! The head of a request: what routing needs to know, read from the top level only.
//!
//! What is common to all dialects is here; which fields matter, and what they mean, each dialect says for
//! itself.

mod anthropic;
mod gemini;
mod openai_responses;

use bytes::Bytes;

use super::openai_chat::request as openai_chat;
use crate::chat::Dialect;
use crate::json::raw::RawObject;
use crate::json::scan;
use crate::provider::Features;

/// Longest `model`: a list of preferences is a few hundred bytes.
const MAX_MODEL: usize = 1024;

/// Most fields of an `extra_body`: each is looked for in the body.
const MAX_EXTRAS: usize = 64;

/// Longest name of a field of an `extra_body`.
const MAX_EXTRA_NAME: usize = 128;

/// Fields that an `extra_body` may not set: they decide where a request goes and what it asks.
pub const PROTECTED: [&str; 5] = ["model", "messages", "input", "contents", "stream"];

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
    /// background runs, conversation state, hosted tools. What is so unless a field says otherwise is not
    /// counted here: an `extra_body` may say it (see [`stores_by_default`]).
    pub has_effects: bool,
}

impl Head {
    /// Reads the head of `body`.
    pub fn peek(dialect: Dialect, body: &RawObject) -> Result<Self, HeadError> {
        if let Some(field) = body.duplicate(read(dialect)) {
            return Err(HeadError::Duplicate(field));
        }
        let mut head = Head::default();
        for (name, value) in body.iter() {
            if let Some(name) = name {
                head.take(dialect, name, value)?;
            }
        }
        let mut extras = head.extra_body.iter();
        head.has_effects |= extras.any(|(name, value)| has_effect(dialect, name, value));
        Ok(head)
    }

    fn take(&mut self, dialect: Dialect, key: &str, value: &[u8]) -> Result<(), HeadError> {
        if value == b"null" && key != "model" {
            return Ok(());
        }
        match key {
            // Gemini's stand in the path.
            "model" | "stream" if dialect == Dialect::Gemini => {}
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
            _ => self.has_effects |= has_effect(dialect, key, value),
        }
        Ok(())
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

/// The top-level fields that are read of a request.
fn read(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::OpenAiChat => &openai_chat::READ,
        Dialect::OpenAiResponses => &openai_responses::READ,
        Dialect::Anthropic => &anthropic::READ,
        Dialect::Gemini => &gemini::READ,
    }
}

/// Whether a field of this value makes a second run of the request more than a second bill.
pub fn has_effect(dialect: Dialect, field: &str, value: &[u8]) -> bool {
    match dialect {
        Dialect::OpenAiChat => openai_chat::has_effect(field, value),
        Dialect::OpenAiResponses => openai_responses::has_effect(field, value),
        Dialect::Anthropic => anthropic::has_effect(field, value),
        Dialect::Gemini => gemini::has_effect(field, value),
    }
}

/// Whether an answer is stored unless `store` says otherwise.
pub fn stores_by_default(dialect: Dialect) -> bool {
    dialect == Dialect::OpenAiResponses
}

/// What a field must begin with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    field: &'static str,
    starts: u8,
    is_required: bool,
}

impl Type {
    /// A field that may be null or absent.
    pub(super) const fn optional(field: &'static str, starts: u8) -> Self {
        Self {
            field,
            starts,
            is_required: false,
        }
    }

    /// A field that may be absent (the upstream says so in its own words) but not null.
    pub(super) const fn required(field: &'static str, starts: u8) -> Self {
        Self {
            field,
            starts,
            is_required: true,
        }
    }

    fn check(self, body: &RawObject) -> Result<(), HeadError> {
        let value = body.get(self.field);
        let is_absent = value.is_none_or(|value| value == b"null" && !self.is_required);
        if is_absent || value.is_some_and(|value| value.first() == Some(&self.starts)) {
            return Ok(());
        }
        let expected = if self.starts == b'[' {
            "an array"
        } else {
            "an object"
        };
        Err(wrong(self.field, expected))
    }
}

/// Checks the types of the fields that routing reads of a request for text; what is inside them is the
/// upstream's business.
pub fn check_types(dialect: Dialect, body: &RawObject) -> Result<(), HeadError> {
    let types: &[Type] = match dialect {
        Dialect::OpenAiChat => &openai_chat::TYPES,
        Dialect::OpenAiResponses => &openai_responses::TYPES,
        Dialect::Anthropic => &anthropic::TYPES,
        Dialect::Gemini => &gemini::TYPES,
    };
    types.iter().try_for_each(|one| one.check(body))
}

/// The capabilities a request for text needs.
pub fn needs(dialect: Dialect, body: &RawObject) -> Features {
    body.iter()
        .filter_map(|(name, value)| Some(field_needs(dialect, name?, value)))
        .flat_map(Features::iter)
        .collect()
}

/// The capabilities that the fields of an `extra_body` need where `body` does not have them itself.
pub fn extra_needs(dialect: Dialect, body: &RawObject, extras: &[(String, Bytes)]) -> Features {
    extras
        .iter()
        .filter(|(name, _)| !PROTECTED.contains(&name.as_str()) && body.get(name).is_none())
        .flat_map(|(name, value)| field_needs(dialect, name, value).iter())
        .collect()
}

fn field_needs(dialect: Dialect, name: &str, value: &[u8]) -> Features {
    match dialect {
        Dialect::OpenAiChat => openai_chat::field_needs(name, value),
        Dialect::OpenAiResponses => openai_responses::field_needs(name, value),
        Dialect::Anthropic => anthropic::field_needs(name, value),
        Dialect::Gemini => gemini::field_needs(name, value),
    }
}

/// The value of the first member of `object` named `key`, spelled plainly.
pub(super) fn member<'a>(object: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let found = scan::members(object)
        .flatten()
        .find(|m| &object[m.key..m.key_end] == key.as_bytes())?;
    Some(&object[found.value..found.end])
}

/// Whether `kind`, a string with its quotes, is one of `plain`.
pub(super) fn is_one_of(kind: &[u8], plain: &[&str]) -> bool {
    let inner = kind
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    inner.is_some_and(|inner| plain.iter().any(|word| word.as_bytes() == inner))
}

#[cfg(test)]
mod tests;

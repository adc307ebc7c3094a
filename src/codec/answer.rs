//! A complete answer: is it one, and what did it cost.

use super::openai_chat::error;
use super::{anthropic, gemini, openai_chat};
use crate::chat::{ErrorBody, Usage};
use crate::json::scan;

/// What kind of answer an endpoint gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `choices` with at least one entry.
    Choices,
    /// `data`.
    Data,
    /// Any JSON object or array.
    AnyJson,
    /// A response: `output`, in whatever state it is but failed.
    Response,
    /// A message: `content`.
    Message,
    /// `candidates` with at least one entry, or the word that the prompt was blocked.
    Candidates,
    /// A number under one of these names.
    Count(&'static str),
    /// `embedding`, or several of them.
    Embeddings,
}

/// Why a 200 is not an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// It is an error in disguise.
    Error(ErrorBody),
    /// It is not JSON, or not of the endpoint's shape.
    Malformed(&'static str),
}

/// Checks a complete 200 body and reads its usage.
pub fn check(body: &[u8], shape: Shape) -> Result<Option<Usage>, NoAnswer> {
    if std::str::from_utf8(body).is_err() {
        return Err(NoAnswer::Malformed("the answer is not UTF-8"));
    }
    if shape == Shape::AnyJson
        && scan::validate(body).is_ok()
        && !body.trim_ascii_start().starts_with(b"{")
    {
        return Ok(None);
    }
    let mut seen = Seen::default();
    for member in scan::members(body) {
        let Ok(member) = member else {
            return Err(not_json(body));
        };
        let name = &body[member.key..member.key_end];
        seen.take(name, &body[member.value..member.end], shape);
    }
    seen.verdict(body, shape)
}

fn not_json(body: &[u8]) -> NoAnswer {
    error::recognise(body).map_or(
        NoAnswer::Malformed("the answer is not valid JSON"),
        NoAnswer::Error,
    )
}

#[derive(Default)]
struct Seen<'a> {
    is_error: bool,
    is_complete: bool,
    usage: Option<&'a [u8]>,
}

impl<'a> Seen<'a> {
    fn take(&mut self, key: &[u8], value: &'a [u8], shape: Shape) {
        self.is_complete |= completes(shape, key, value);
        match key {
            b"error" => self.is_error |= error::is_reported(value),
            b"status" if shape == Shape::Response => self.is_error |= value == b"\"failed\"",
            b"type" if shape == Shape::Message => self.is_error |= value == b"\"error\"",
            b"usage" | b"usageMetadata" => self.usage = Some(value),
            _ => {}
        }
    }

    fn verdict(self, body: &[u8], shape: Shape) -> Result<Option<Usage>, NoAnswer> {
        if self.is_error || !(self.is_complete || shape == Shape::AnyJson) {
            let missing = NoAnswer::Malformed(missing(shape));
            return Err(error::recognise(body).map_or(missing, NoAnswer::Error));
        }
        let read = match shape {
            Shape::Message => anthropic::usage,
            Shape::Candidates => gemini::usage,
            _ => openai_chat::usage,
        };
        Ok(self.usage.and_then(read))
    }
}

/// Whether an answer of this shape is one if it has such a member.
fn completes(shape: Shape, key: &[u8], value: &[u8]) -> bool {
    match (shape, key) {
        (Shape::Choices, b"choices") | (Shape::Candidates, b"candidates" | b"promptFeedback") => {
            !scan::is_blank(value)
        }
        (Shape::Data, b"data") | (Shape::Response, b"output") | (Shape::Message, b"content") => {
            value.starts_with(b"[")
        }
        (Shape::Embeddings, b"embedding" | b"embeddings") => !scan::is_blank(value),
        (Shape::Count(name), key) => key == name.as_bytes() && openai_chat::number(value).is_some(),
        _ => false,
    }
}

fn missing(shape: Shape) -> &'static str {
    match shape {
        Shape::Choices => "the answer has no choices",
        Shape::Data | Shape::AnyJson => "the answer has no data",
        Shape::Response => "the answer has no output",
        Shape::Message => "the answer has no content",
        Shape::Candidates => "the answer has no candidates",
        Shape::Count(_) => "the answer has no count",
        Shape::Embeddings => "the answer has no embedding",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_answer_gives_its_usage() {
        let body = br#"{"choices":[{}],"usage":{"prompt_tokens":3,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":2}}}"#;
        let usage = check(body, Shape::Choices).expect("good").expect("counted");
        assert_eq!(
            usage,
            Usage {
                input: 3,
                output: 5,
                cached: 2,
                ..Usage::default()
            }
        );
    }

    #[test]
    fn errors_in_disguise_are_recognised() {
        for body in [
            r#"{"error":{"message":"m"}}"#,
            r#"{"choices":[],"error":{"message":"m"}}"#,
            r#"{"code":"c","error":"m"}"#,
            r#"{error: {message: "m"}}"#,
            r#"{"object":"error","message":"m"}"#,
        ] {
            match check(body.as_bytes(), Shape::Choices) {
                Err(NoAnswer::Error(error)) => assert_eq!(error.message, "m", "{body}"),
                other => panic!("{body}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_answer_is_malformed() {
        for body in [
            "",
            "<html>",
            "{\"choices\":[]}",
            "{\"choices\":[{}]",
            "null",
            "[]",
        ] {
            assert!(
                matches!(
                    check(body.as_bytes(), Shape::Choices),
                    Err(NoAnswer::Malformed(_))
                ),
                "{body}"
            );
        }
    }

    #[test]
    fn an_error_field_of_null_is_no_error() {
        assert_eq!(check(br#"{"error":null,"data":[]}"#, Shape::Data), Ok(None));
        assert_eq!(check(b" [1]", Shape::AnyJson), Ok(None));
    }
}

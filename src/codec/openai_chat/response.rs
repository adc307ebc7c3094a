//! A complete answer: is it one, and what did it cost.

use super::{Usage, error};
use crate::chat::ErrorBody;
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
        seen.take(
            &body[member.key..member.key_end],
            &body[member.value..member.end],
        );
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
    error: bool,
    choices: bool,
    data: bool,
    usage: Option<&'a [u8]>,
}

impl<'a> Seen<'a> {
    fn take(&mut self, key: &[u8], value: &'a [u8]) {
        match key {
            b"error" => self.error = error::is_reported(value),
            b"choices" => self.choices = !scan::is_blank(value),
            b"data" => self.data = value.starts_with(b"["),
            b"usage" => self.usage = Some(value),
            _ => {}
        }
    }

    fn verdict(self, body: &[u8], shape: Shape) -> Result<Option<Usage>, NoAnswer> {
        let complete = match shape {
            Shape::Choices => self.choices,
            Shape::Data => self.data,
            Shape::AnyJson => true,
        };
        if self.error || !complete {
            let missing = if shape == Shape::Choices {
                "the answer has no choices"
            } else {
                "the answer has no data"
            };
            return Err(
                error::recognise(body).map_or(NoAnswer::Malformed(missing), NoAnswer::Error)
            );
        }
        Ok(self.usage.and_then(Usage::read))
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
                reasoning: 0
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

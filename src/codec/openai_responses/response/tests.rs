//! Answers: what is read of them, and that what is written holds every field.

use serde_json::{Map, Value, json};

use super::super::testing::{exchange, fixtures, json as fixture, map, origin};
use super::{decode_response, echo, encode_response};
use crate::chat::part::ToolKind;
use crate::chat::{
    Choice, Content, ErrorBody, Finish, FinishReason, Opaque, OpaqueKind, Part, Report, Response,
    Usage,
};
use crate::codec::target::Exchange;

/// Every field that the specification or an SDK asks of an answer.
const REQUIRED: [&str; 31] = [
    "id",
    "object",
    "created_at",
    "status",
    "background",
    "completed_at",
    "error",
    "frequency_penalty",
    "incomplete_details",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "output",
    "parallel_tool_calls",
    "presence_penalty",
    "previous_response_id",
    "prompt_cache_key",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "usage",
];

fn write(response: &Response) -> Value {
    encode_response(response, &exchange(), &mut Report::default())
}

fn answer(parts: Vec<Part>, reason: FinishReason) -> Response {
    Response {
        choices: vec![Choice {
            parts,
            finish: Finish {
                reason,
                ..Finish::default()
            },
        }],
        ..Response::default()
    }
}

#[test]
fn every_field_of_the_schema_is_there() {
    let body = map(write(&answer(vec![Part::text("x")], FinishReason::End)));
    for key in REQUIRED {
        assert!(body.contains_key(key), "{key} is missing");
    }
    assert!(body.contains_key("user"));
    let usage = &body["usage"];
    assert_eq!(usage["input_tokens"], 11, "estimated");
    assert_eq!(usage["input_tokens_details"]["cache_write_tokens"], 0);
    assert_eq!(usage["output_tokens_details"]["reasoning_tokens"], 0);
    assert_eq!(body["status"], "completed");
    assert_eq!(body["completed_at"], body["created_at"]);
    let id = body["id"].as_str().expect("an id");
    assert!(id.starts_with("resp_"), "{id}");
}

#[test]
fn an_answer_repeats_its_request() {
    let request = map(json!({
        "model": "x", "input": "secret", "instructions": "Be kind.", "temperature": 0.5,
        "tools": [{"type": "function", "name": "f"}], "text": {"verbosity": "low"},
        "reasoning": {"effort": "low"}, "metadata": {"a": "b"}, "user": "u", "store": true,
        "tool_choice": "required", "top_p": null,
    }));
    let echo = echo(&request);
    assert!(!echo.contains_key("input") && !echo.contains_key("model"));
    let exchange = Exchange {
        echo,
        ..(*exchange()).clone()
    };
    let response = answer(vec![Part::text("x")], FinishReason::End);
    let body = encode_response(&response, &exchange, &mut Report::default());
    assert_eq!(body["instructions"], "Be kind.");
    assert_eq!(body["temperature"], 0.5);
    assert_eq!(body["top_p"], 1.0);
    assert_eq!(
        body["tools"],
        json!([{"type": "function", "name": "f", "parameters": null, "strict": null}])
    );
    assert_eq!(
        body["text"],
        json!({"verbosity": "low", "format": {"type": "text"}})
    );
    assert_eq!(body["reasoning"], json!({"effort": "low", "summary": null}));
    assert_eq!(body["tool_choice"], "required");
    assert_eq!(body["model"], "served");
}

#[test]
fn ways_to_end() {
    use FinishReason as R;
    let cases = [
        (R::End, "completed", Value::Null),
        (R::StopSequence, "completed", Value::Null),
        (R::ToolCalls, "completed", Value::Null),
        (R::Paused, "completed", Value::Null),
        (
            R::Length,
            "incomplete",
            json!({"reason": "max_output_tokens"}),
        ),
        (
            R::ContextFull,
            "incomplete",
            json!({"reason": "max_output_tokens"}),
        ),
        (
            R::Filtered,
            "incomplete",
            json!({"reason": "content_filter"}),
        ),
    ];
    for (reason, status, details) in cases {
        let body = write(&answer(vec![Part::text("x")], reason));
        assert_eq!(body["status"], status, "{reason:?}");
        assert_eq!(body["incomplete_details"], details, "{reason:?}");
        assert_eq!(body["output"][0]["status"], status, "{reason:?}");
    }
}

#[test]
fn ways_to_end_are_read() {
    let cases = [
        ("plain_text", FinishReason::End, "completed"),
        ("one_tool", FinishReason::ToolCalls, "completed"),
        ("length", FinishReason::Length, "max_output_tokens"),
        ("filtered", FinishReason::Filtered, "content_filter"),
        ("refusal", FinishReason::End, "completed"),
    ];
    for (name, reason, native) in cases {
        let response = decode_response(fixture("response", name), &origin()).expect("an answer");
        let finish = &response.choices[0].finish;
        assert_eq!(finish.reason, reason, "{name}");
        assert_eq!(finish.native.as_deref(), Some(native), "{name}");
    }
}

#[test]
fn a_thought_keeps_its_state_and_its_origin() {
    let response = decode_response(fixture("response", "reasoning"), &origin()).expect("an answer");
    let Content::Reasoning(thought) = &response.choices[0].parts[0].content else {
        panic!("{response:?}");
    };
    assert_eq!(thought.text, "**Thinking**\n\nFirst.\n\nSecond.");
    let expected = origin().opaque(OpaqueKind::Encrypted, "gAAAAABo_r1==");
    assert_eq!(thought.opaque, Some(expected.clone()));
    let written = write(&response);
    let slot = written["output"][0]["encrypted_content"]
        .as_str()
        .expect("sealed");
    assert_eq!(Opaque::open(slot, OpaqueKind::Encrypted), Some(expected));
}

#[test]
fn a_signature_travels_with_the_words_it_was_made_for() {
    let signed = |kind| Opaque {
        provider: Some("claude".to_owned()),
        ..Opaque::unsealed(kind, "sig")
    };
    for (kind, text) in [
        (OpaqueKind::Signature, Some("hm")),
        (OpaqueKind::Plain, Some("hm")),
        (OpaqueKind::Encrypted, None),
        (OpaqueKind::Thought, None),
    ] {
        let thought = Content::Reasoning(crate::chat::part::Reasoning {
            text: "hm".to_owned(),
            opaque: Some(signed(kind)),
        });
        let body = write(&answer(vec![Part::new(thought)], FinishReason::End));
        let slot = body["output"][0]["encrypted_content"].as_str().expect("it");
        let opened = Opaque::open(slot, OpaqueKind::Encrypted).expect("sealed");
        assert_eq!(opened.text.as_deref(), text, "{kind:?}");
        assert_eq!(opened.payload, "sig");
    }
}

#[test]
fn counts_are_read_whole() {
    let response = decode_response(fixture("response", "cache_usage"), &origin()).expect("fine");
    assert_eq!(
        response.usage,
        Some(Usage {
            input: 2048,
            output: 3,
            cached: 1536,
            cache_write: 256,
            reasoning: 0
        })
    );
    let response = decode_response(fixture("response", "no_usage"), &origin()).expect("fine");
    assert_eq!(response.usage, None);
}

#[test]
fn a_failed_answer_is_an_error() {
    let error = decode_response(fixture("response", "error_event"), &origin()).expect_err("failed");
    assert_eq!(error.code.as_deref(), Some("rate_limit_exceeded"));
    assert!(error.message.starts_with("Rate limit"));
    for body in [
        json!({"status": "failed"}),
        json!({"error": {"message": "x"}}),
        json!({"status": "cancelled", "output": []}),
        json!("text"),
        json!(null),
    ] {
        assert!(decode_response(body.clone(), &origin()).is_err(), "{body}");
    }
}

#[test]
fn errors_get_codes_that_clients_know() {
    let error = |kind: Option<&str>, code: Option<&str>| ErrorBody {
        kind: kind.map(str::to_owned),
        code: code.map(str::to_owned),
        ..ErrorBody::default()
    };
    let cases = [
        (error(None, None), "server_error"),
        (error(Some("api_error"), None), "server_error"),
        (error(Some("rate_limit_error"), None), "rate_limit_exceeded"),
        (
            error(Some("overloaded_error"), None),
            "server_is_overloaded",
        ),
        (
            error(Some("RESOURCE_EXHAUSTED"), Some("429")),
            "rate_limit_exceeded",
        ),
        (
            error(
                Some("invalid_request_error"),
                Some("context_length_exceeded"),
            ),
            "context_length_exceeded",
        ),
        (error(Some("billing_error"), None), "insufficient_quota"),
    ];
    for (error, code) in cases {
        assert_eq!(super::error_code(&error), code, "{error:?}");
    }
}

#[test]
fn a_refusal_told_beside_the_answer_is_told_in_it() {
    let mut response = answer(Vec::new(), FinishReason::Filtered);
    response.choices[0].finish.explanation = Some("Not this.".to_owned());
    let body = write(&response);
    assert_eq!(
        body["output"][0]["content"],
        json!([{"type": "refusal", "refusal": "Not this."}])
    );
}

#[test]
fn free_form_calls_and_groups_have_their_items() {
    for name in ["freeform_tool", "namespace_tool"] {
        let original = fixture("response", name);
        let response = decode_response(original.clone(), &origin()).expect("fine");
        let Content::ToolCall(call) = &response.choices[0].parts[0].content else {
            panic!("{response:?}");
        };
        assert_eq!(call.kind == ToolKind::Freeform, name == "freeform_tool");
        let mut written = write(&response)["output"][0].take();
        let mut original = original["output"][0].clone();
        for item in [&mut written, &mut original] {
            item.as_object_mut().map(|item| item.shift_remove("id"));
        }
        assert_eq!(written, original);
    }
}

#[test]
fn hostile_answers_never_panic() {
    let mut tried = 0;
    for (_, text) in fixtures("response") {
        let body: Value = serde_json::from_str(&text).expect("JSON");
        let keys: Vec<String> = body
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect();
        for key in keys {
            for odd in [
                json!(null),
                json!(5),
                json!([5, [], {}]),
                json!({}),
                json!("x"),
            ] {
                let mut broken = body.clone();
                broken[&key] = odd;
                if let Ok(response) = decode_response(broken, &origin()) {
                    write(&response);
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 1_000);
    let echo = echo(&Map::new());
    assert!(echo.is_empty());
}

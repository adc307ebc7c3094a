//! The laws: a request comes back as it was, a stream folds to its document, and what is written can be
//! read again.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{decoded, encoded, encoded_for, exchange, fixture, fixtures, object, origin, told};
use crate::chat::part::{Citation, Content};
use crate::chat::{Opaque, OpaqueKind, Report, Response};
use crate::codec::anthropic::{decode_request, decode_response, encode_response};
use crate::provider::knowledge::Knowledge;

/// L1, of everything that is not the transport's.
#[test]
fn a_request_comes_back_as_it_was() {
    for (case, text) in fixtures("request") {
        let mut body = object(&text);
        let model = body["model"].as_str().expect("a model").to_owned();
        let request = decode_request(body.clone()).expect(&case);
        let (again, report) = encoded(&request, &model, &Knowledge::nothing()).expect(&case);
        body.insert("stream".to_owned(), false.into());
        assert_eq!(again, Value::Object(body), "{case}");
        assert_eq!(report, Report::default(), "{case}");
    }
}

#[test]
fn what_only_this_dialect_has_is_left_over_by_name() {
    let request = decode_request(object(&fixture("request", "full"))).expect("good");
    let left: Vec<&str> = request.leftovers.iter().collect();
    let expected = [
        "messages[].content[].context",
        "messages[].content[].citations",
        "messages[].content[].caller",
        "messages[].output_config",
        "tools[].defer_loading",
        "tools[].input_examples",
        "tools[].eager_input_streaming",
        "tools[].allowed_callers",
        "output_config.task_budget",
        "speed",
        "inference_geo",
        "container",
        "context_management",
        "mcp_servers",
        "betas",
        "fallbacks",
        "future_field",
    ];
    for path in expected {
        assert!(left.contains(&path), "{path} is not in {left:?}");
    }
    assert_eq!(left.len(), expected.len(), "{left:?}");
}

/// L3.
#[test]
fn a_stream_folds_to_its_document() {
    let streams: HashMap<String, String> = fixtures("stream").into_iter().collect();
    for (case, document) in fixtures("response") {
        let document = serde_json::from_str(&document).expect("JSON");
        let expected = decode_response(document, &origin()).expect(&case);
        let (events, end) = decoded(&[streams[&case].as_bytes()]);
        assert_eq!(end, Ok(true), "{case}");
        assert_eq!(Response::fold(events), expected, "{case}");
    }
}

/// L4, for both forms of an answer.
#[test]
fn what_is_written_can_be_read_again() {
    for (case, document) in fixtures("response") {
        let document = serde_json::from_str(&document).expect("JSON");
        let response = decode_response(document, &origin()).expect(&case);
        let (stream, report) = told(response.clone().into_events());
        assert_eq!(report, Report::default(), "{case}");
        let (events, end) = decoded(&[stream.as_bytes()]);
        assert_eq!(end, Ok(true), "{case}");
        let mut told = Response::fold(events);
        let mut report = Report::default();
        let document = encode_response(&response, &exchange(), &mut report);
        assert_eq!(report, Report::default(), "{case}");
        let mut written = decode_response(document, &origin()).expect(&case);
        for answer in [&mut told, &mut written] {
            unseal(answer);
            assert!(answer.usage.is_some(), "{case}");
            if response.usage.is_none() {
                answer.usage = None;
            }
        }
        assert_eq!(written, response, "{case}: the document");
        assert_eq!(told, response, "{case}: the stream");
    }
}

/// Opens what was sealed for the client, as its next request would.
fn unseal(response: &mut Response) {
    for part in response
        .choices
        .iter_mut()
        .flat_map(|choice| &mut choice.parts)
    {
        if let Content::Reasoning(reasoning) = &mut part.content {
            let sealed = reasoning.opaque.take().expect("a slot is never empty");
            let opened = Opaque::open(&sealed.payload, sealed.kind).expect("a seal");
            reasoning.opaque = Some(opened).filter(|opaque| opaque.kind != OpaqueKind::Plain);
        }
    }
}

/// L5: cut everywhere at once, and at each single place of a stream with wide characters.
#[test]
fn events_do_not_depend_on_where_a_stream_is_cut() {
    for (case, stream) in fixtures("stream") {
        let whole = decoded(&[stream.as_bytes()]);
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(decoded(&bytes), whole, "{case}");
    }
    let stream = fixture("stream", "unicode");
    let whole = decoded(&[stream.as_bytes()]);
    for at in 0..=stream.len() {
        let (head, tail) = stream.as_bytes().split_at(at);
        assert_eq!(decoded(&[head, tail]), whole, "at {at}");
    }
}

/// L10.
#[test]
fn a_stream_without_its_end_is_not_complete() {
    assert_eq!(
        decoded(&[fixture("stream", "truncated").as_bytes()]).1,
        Ok(false)
    );
    let error = decoded(&[fixture("stream", "error_event").as_bytes()]).1;
    let error = error.expect_err("reported");
    assert_eq!(error.kind.as_deref(), Some("overloaded_error"));
    assert_eq!(error.message, "Overloaded");
}

#[test]
fn a_conversation_with_sealed_thoughts_goes_on() {
    let mut body = object(&fixture("request", "thinking_tool_loop"));
    let own = Opaque {
        provider: Some("claude".to_owned()),
        model: Some("claude-sonnet-4-5".to_owned()),
        ..Opaque::unsealed(OpaqueKind::Signature, "EpIB/own+=")
    };
    let other = Opaque {
        provider: Some("openai".to_owned()),
        ..Opaque::unsealed(OpaqueKind::Encrypted, "gAAAA")
    };
    body["messages"][1]["content"][0]["signature"] = own.seal().into();
    body["messages"][3]["content"][0]["signature"] = other.seal().into();
    let request = decode_request(body.clone()).expect("good");
    let (again, report) = encoded_for(&request, "claude-sonnet-4-5");
    body["messages"][1]["content"][0]["signature"] = "EpIB/own+=".into();
    body["messages"][3]["content"]
        .as_array_mut()
        .expect("a list")
        .remove(0);
    assert_eq!(again["messages"], body["messages"]);
    assert_eq!(
        report.dropped().collect::<Vec<_>>(),
        ["messages[].thinking"]
    );
}

#[test]
fn a_broken_seal_is_nobodys_signature() {
    let body = json!({"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "b", "signature": "agw1.***"},
            {"type": "redacted_thinking", "data": "agw1.***"},
        ]},
        {"role": "user", "content": "c"},
    ]});
    let request = decode_request(object(&body.to_string())).expect("good");
    let (again, report) = encoded_for(&request, "claude-sonnet-4-5");
    let roles: Vec<_> = again["messages"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|m| &m["role"])
        .collect();
    assert_eq!(roles, ["user", "user"]);
    assert_eq!(report.dropped().count(), 1);
}

#[test]
fn the_state_of_a_call_comes_back_with_it() {
    let state = Opaque {
        provider: Some("google".to_owned()),
        ..Opaque::unsealed(OpaqueKind::Thought, "c2ln")
    };
    let document = fixture("response", "parallel_tools");
    let document = serde_json::from_str(&document).expect("JSON");
    let mut response = decode_response(document, &origin()).expect("good");
    for place in [1, 3] {
        if let Content::ToolCall(call) = &mut response.choices[0].parts[place].content {
            call.signature = Some(state.clone());
        }
    }
    let document = encode_response(&response, &exchange(), &mut Report::default());
    let (stream, _) = told(response.clone().into_events());
    let told = Response::fold(decoded(&[stream.as_bytes()]).0);
    assert_eq!(
        told,
        decode_response(document.clone(), &origin()).expect("good")
    );
    let body = json!({"messages": [{"role": "assistant", "content": document["content"]}]});
    let request = decode_request(object(&body.to_string())).expect("good");
    let calls = request.messages[0]
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(call.signature.clone()),
            _ => None,
        });
    assert_eq!(
        calls.collect::<Vec<_>>(),
        [Some(state.clone()), None, Some(state)]
    );
    assert_eq!(request.messages[0].parts.len(), 4);
}

#[test]
fn a_citation_of_the_web_covers_its_block() {
    let (events, _) = decoded(&[fixture("stream", "web_search").as_bytes()]);
    let response = Response::fold(events);
    let mut citations = response.choices[0]
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Text(text) => text.citations.first().cloned(),
            _ => None,
        });
    let Some(Citation::Web {
        url, start, end, ..
    }) = citations.next_back()
    else {
        panic!("no citation of the web");
    };
    assert_eq!(
        (url.as_str(), start, end),
        ("https://example.com/a", Some(0), Some(9))
    );
}

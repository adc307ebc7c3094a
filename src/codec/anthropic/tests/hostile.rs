//! Whatever comes in, nothing panics, and a stream that is written stays one.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{decoded, encoded_for, exchange, fixtures, origin, told};
use crate::chat::part::Content;
use crate::chat::{Report, Response};
use crate::codec::anthropic::{decode_request, decode_response, encode_response};

/// Calls `check` with the value once for each place in it, where something else stands then.
fn each_place(value: &Value, check: &mut impl FnMut(Value)) {
    let mut places = Vec::new();
    collect(value, &mut String::new(), &mut places);
    assert!(places.len() > 1);
    for place in places {
        for other in [
            json!(null),
            json!(1.5),
            json!("x"),
            json!([]),
            json!([7]),
            json!({"a": 1}),
        ] {
            let mut changed = value.clone();
            if let Some(slot) = changed.pointer_mut(&place) {
                *slot = other;
            }
            check(changed);
        }
    }
}

fn collect(value: &Value, path: &mut String, places: &mut Vec<String>) {
    places.push(path.clone());
    let length = path.len();
    let mut down = |key: &str, inner: &Value| {
        path.push('/');
        path.push_str(key);
        collect(inner, path, places);
        path.truncate(length);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| down(key, inner)),
        Value::Array(list) => {
            for (at, inner) in list.iter().enumerate() {
                down(&at.to_string(), inner);
            }
        }
        _ => {}
    }
}

#[test]
fn requests_with_anything_anywhere_are_read_or_refused() {
    for (_, text) in fixtures("request") {
        let body: Value = serde_json::from_str(&text).expect("JSON");
        each_place(&body, &mut |changed| {
            if let Value::Object(body) = changed
                && let Ok(request) = decode_request(body)
            {
                encoded_for(&request, "claude-opus-5");
            }
        });
    }
}

#[test]
fn answers_with_anything_anywhere_are_read_and_written() {
    for (_, text) in fixtures("response") {
        let body: Value = serde_json::from_str(&text).expect("JSON");
        each_place(&body, &mut |changed| {
            if let Ok(response) = decode_response(changed, &origin()) {
                encode_response(&response, &exchange(), &mut Report::default());
                well_formed(response);
            }
        });
    }
}

#[test]
fn streams_with_anything_anywhere_are_read_and_written() {
    let mut seen = HashSet::new();
    for (_, text) in fixtures("stream") {
        let events: Vec<(&str, &str)> = text
            .split_terminator("\n\n")
            .filter_map(|block| block.split_once("\ndata: "))
            .collect();
        for (at, (_, data)) in events.iter().enumerate() {
            let data: Value = serde_json::from_str(data).expect("JSON");
            // One of each kind is enough.
            let kinds = [
                "/type",
                "/delta/type",
                "/content_block/type",
                "/delta/stop_reason",
            ];
            if !seen.insert(kinds.map(|kind| data.pointer(kind).cloned())) {
                continue;
            }
            each_place(&data, &mut |changed| {
                let changed = changed.to_string();
                let mut stream = String::new();
                for (place, (name, data)) in events.iter().enumerate() {
                    let data = if place == at { &changed } else { *data };
                    write!(stream, "{name}\ndata: {data}\n\n").expect("a string takes text");
                }
                let (events, _) = decoded(&[stream.as_bytes()]);
                well_formed(Response::fold(events));
            });
        }
    }
}

#[test]
fn every_beginning_of_a_stream_is_read() {
    for (_, text) in fixtures("stream") {
        for at in (0..text.len()).step_by(7) {
            let (events, end) = decoded(&[&text.as_bytes()[..at]]);
            assert!(end != Ok(true) || !events.is_empty());
        }
    }
}

/// Whatever the answer is, the stream that tells it is one of this dialect.
fn well_formed(response: Response) {
    let (stream, _) = told(response.into_events());
    super::super::stream::check(&stream);
}

#[test]
fn a_delta_that_nobody_announced_opens_its_block() {
    let stream = concat!(
        r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"one"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"late"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":"1","delta":{"type":"text_delta","text":" two"}}"#,
        "\n\n",
        r#"data: {"type":"content_block_stop","index":1}"#,
        "\n\n",
        r#"data: {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{"}}"#,
        "\n\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let (events, end) = decoded(&[stream.as_bytes()]);
    assert_eq!(end, Ok(true));
    let response = Response::fold(events);
    let parts = response.choices[0].parts.iter();
    let texts: Vec<_> = parts
        .map(|part| match &part.content {
            Content::Text(text) => text.text.as_str(),
            Content::Reasoning(thought) => thought.text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["hm", "one two"]);
}

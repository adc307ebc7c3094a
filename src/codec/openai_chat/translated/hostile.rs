//! Hostile input: nothing panics, whatever comes.

use serde_json::{Map, Value, json};

use super::{encode, exchange, fixtures, origin, read_stream};
use crate::chat::{Report, Response};
use crate::codec::openai_chat::decode_request::decode_request;
use crate::codec::openai_chat::decode_response::decode_response;
use crate::codec::openai_chat::encode_response::encode_response;

/// All bodies that have one value of `value` replaced by each of a few others.
fn mutants(value: &Value) -> Vec<Value> {
    let others = [
        json!(null),
        json!(7),
        json!(-1.5),
        json!(true),
        json!("x"),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"type": "text"}),
    ];
    let mut pointers = Vec::new();
    collect(value, String::new(), &mut pointers);
    let mut all = Vec::new();
    for pointer in &pointers {
        for other in &others {
            let mut mutant = value.clone();
            *mutant.pointer_mut(pointer).expect("a place") = other.clone();
            all.push(mutant);
        }
    }
    all
}

fn collect(value: &Value, at: String, out: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(value, format!("{at}/{key}"), out);
            }
        }
        Value::Array(list) => {
            for (place, value) in list.iter().enumerate() {
                collect(value, format!("{at}/{place}"), out);
            }
        }
        _ => {}
    }
    if !at.is_empty() {
        out.push(at);
    }
}

#[test]
fn no_request_panics() {
    let mut read = 0;
    for (_, text) in fixtures("request") {
        let value: Value = serde_json::from_str(&text).expect("JSON");
        for mutant in mutants(&value) {
            let Value::Object(body) = mutant else {
                continue;
            };
            if let Ok(request) = decode_request(body) {
                read += 1;
                encode(&request);
            }
        }
    }
    assert!(read > 1000, "{read}");
}

#[test]
fn no_answer_panics() {
    let mut read = 0;
    for (_, text) in fixtures("response") {
        let value: Value = serde_json::from_str(&text).expect("JSON");
        for mutant in mutants(&value) {
            if let Ok(response) = decode_response(mutant, &origin()) {
                read += 1;
                encode_response(&response, &exchange(), &mut Report::default());
            }
        }
    }
    assert!(read > 1000, "{read}");
}

#[test]
fn no_stream_panics() {
    for (_, text) in fixtures("stream") {
        for event in text.split_inclusive("\n\n") {
            for end in 0..event.len() {
                let cut = [&event.as_bytes()[..end], b"\n\n"].concat();
                let (told, _) = read_stream(&[&cut, b"data: [DONE]\n\n"]);
                Response::fold(told);
            }
        }
        for line in text
            .split("\n\n")
            .filter_map(|line| line.strip_prefix("data: "))
        {
            let Ok(chunk) = serde_json::from_str::<Value>(line) else {
                continue;
            };
            for mutant in mutants(&chunk) {
                let stream = format!("data: {mutant}\n\ndata: [DONE]\n\n");
                let (told, _) = read_stream(&[stream.as_bytes()]);
                Response::fold(told);
            }
        }
    }
}

#[test]
fn deep_nesting_and_floods_are_survived() {
    let mut deep = json!("x");
    for _ in 0..100 {
        deep = json!([{"type": "tool_result", "tool_use_id": "a", "content": deep}]);
    }
    let body = json!({"messages": [{"role": "user", "content": deep}]});
    let Value::Object(body) = body else {
        unreachable!("an object")
    };
    let request = decode_request(body).expect("a request");
    encode(&request);

    let mut flood = String::new();
    for index in 0..2000 {
        let call = json!({"index": index, "id": format!("c{index}"), "function": {"name": "f"}});
        let chunk = json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]});
        flood.extend(["data: ", &chunk.to_string(), "\n\n"]);
    }
    let (_, end) = read_stream(&[flood.as_bytes()]);
    assert!(end.is_err(), "more calls than are held");
    assert_eq!(
        decode_request(Map::new()).expect_err("empty").field,
        "messages"
    );
}

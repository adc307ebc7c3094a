//! Upstreams' streams, read.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::super::{Decoder, Encoder};
use crate::chat::Response;
use crate::codec::openai_responses::response::decode_response;
use crate::codec::openai_responses::testing::{
    blocks, decode, exchange, fixtures, json as fixture, origin,
};
use crate::codec::stream::{StreamDecoder, StreamEncoder};
use crate::sse::Event;

#[test]
fn a_stream_says_what_its_document_says() {
    let mut pairs = 0;
    for (name, stream) in fixtures("stream") {
        let (events, is_complete) = decode(&[stream.as_bytes()]);
        let Ok(events) = events else { continue };
        if !is_complete {
            continue;
        }
        let document = decode_response(fixture("response", &name), &origin()).expect("an answer");
        assert_eq!(Response::fold(events), document, "{name}");
        pairs += 1;
    }
    assert!(pairs > 20, "{pairs}");
}

#[test]
fn a_stream_may_be_cut_anywhere() {
    for (name, stream) in fixtures("stream") {
        let whole = decode(&[stream.as_bytes()]);
        let events = blocks(&[stream.as_bytes()]);
        // Between two events nothing is remembered, so each is cut by itself.
        for event in &events {
            for at in 1..event.len() {
                let (head, tail) = event.split_at(at);
                assert_eq!(
                    blocks(&[head, tail]),
                    *std::slice::from_ref(event),
                    "{name} at {at}"
                );
            }
        }
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(decode(&bytes), whole, "{name}");
    }
}

#[test]
fn what_is_cut_off_is_never_complete() {
    for (name, stream) in fixtures("stream") {
        let all = blocks(&[stream.as_bytes()]);
        for count in 0..all.len() {
            let head = all[..count].concat();
            assert!(!decode(&[&head]).1, "{name} after {count}");
        }
    }
    let (events, is_complete) = decode(&[fixture_stream("truncated").as_bytes()]);
    assert!(events.is_ok() && !is_complete);
}

fn fixture_stream(name: &str) -> String {
    let all = fixtures("stream");
    let found = all.into_iter().find(|(known, _)| known == name);
    found.expect("the fixture is there").1
}

#[test]
fn failures_are_told_in_three_shapes() {
    let cases = [
        ("error_event", None, "rate_limit_exceeded"),
        ("error_event_bare", None, "server_error"),
        (
            "error_event_nested",
            Some("insufficient_quota"),
            "insufficient_quota",
        ),
    ];
    for (name, kind, code) in cases {
        let error = decode(&[fixture_stream(name).as_bytes()])
            .0
            .expect_err(name);
        assert_eq!(error.kind.as_deref(), kind, "{name}");
        assert_eq!(error.code.as_deref(), Some(code), "{name}");
        assert!(!error.message.is_empty(), "{name}");
    }
}

/// Events of a stream without those that `leave_out` names.
fn thinned(name: &str, leave_out: &[&str]) -> Vec<u8> {
    let stream = fixture_stream(name);
    let kept = blocks(&[stream.as_bytes()]).into_iter().filter(|block| {
        let name = Event::parse(block).name.unwrap_or_default().to_vec();
        let name = String::from_utf8(name).expect("text");
        !leave_out.iter().any(|out| name.contains(out))
    });
    kept.collect::<Vec<_>>().concat()
}

#[test]
fn an_upstream_that_leaves_out_events_is_understood() {
    let cases: [&[&str]; 6] = [
        &["delta"],
        &["content_part.added"],
        &["content_part", "text.done", "arguments.done", "input.done"],
        &["output_item.added", "content_part.added"],
        &["delta", "added", "annotation"],
        &[
            "delta",
            "part",
            "text",
            "arguments",
            "input",
            "output_item",
            "in_progress",
        ],
    ];
    for name in [
        "plain_text",
        "one_tool",
        "parallel_tools",
        "freeform_tool",
        "reasoning",
        "citations",
        "logprobs",
        "refusal",
    ] {
        let document = decode_response(fixture("response", name), &origin()).expect("an answer");
        for leave_out in cases {
            let stream = thinned(name, leave_out);
            let (events, is_complete) = decode(&[&stream]);
            assert!(is_complete, "{name} without {leave_out:?}");
            let told = Response::fold(events.expect("no error"));
            assert_eq!(
                told.choices[0].parts.len(),
                document.choices[0].parts.len(),
                "{name} without {leave_out:?}"
            );
            assert_eq!(told, document, "{name} without {leave_out:?}");
        }
    }
}

#[test]
fn unknown_events_and_noise_say_nothing() {
    let mut stream = b": hello\n\ndata: [DONE]\n\nevent: response.new\ndata: {\"type\":\"response.new\",\"output_index\":null}\n\ndata: 5\n\nevent: response.output_item.added\ndata: {}\n\n".to_vec();
    let plain = fixture_stream("plain_text");
    stream.extend_from_slice(plain.as_bytes());
    let told = Response::fold(decode(&[&stream]).0.expect("no error"));
    let document = decode_response(fixture("response", "plain_text"), &origin()).expect("fine");
    assert_eq!(told.choices[0].parts, document.choices[0].parts);
}

#[test]
fn too_many_open_items_are_an_error() {
    let mut decoder = Decoder::new(origin());
    let mut out = Vec::new();
    let mut failed = false;
    for index in 0..5_000 {
        let data = format!(
            r#"{{"type":"response.output_item.added","output_index":{index},"item":{{"type":"message"}}}}"#
        );
        let block = format!("data: {data}\n\n");
        failed |= decoder
            .decode(&Event::parse(block.as_bytes()), &mut out)
            .is_err();
    }
    assert!(failed);
}

#[test]
fn hostile_streams_never_panic() {
    let odd = [
        json!(null),
        json!(5),
        json!([]),
        json!({}),
        json!("x"),
        json!(u64::MAX),
    ];
    let (mut tried, mut seen) = (0, HashMap::new());
    for (_, stream) in fixtures("stream") {
        let all = blocks(&[stream.as_bytes()]);
        let text = |blocks: &[Vec<u8>]| String::from_utf8(blocks.concat()).expect("text");
        let (begin, end) = (text(&all[..3.min(all.len())]), text(&all[all.len() - 2..]));
        for block in &all {
            let event = Event::parse(block);
            // A few events of each kind are enough.
            let times: &mut u32 = seen.entry(event.name.map(<[u8]>::to_vec)).or_default();
            *times += 1;
            if *times > 4 {
                continue;
            }
            let data: Value = serde_json::from_slice(&event.data.expect("data")).expect("JSON");
            let keys: Vec<String> = data
                .as_object()
                .expect("an object")
                .keys()
                .cloned()
                .collect();
            for (key, odd) in keys
                .iter()
                .flat_map(|key| odd.iter().map(move |odd| (key, odd)))
            {
                let mut broken = data.clone();
                broken[key] = odd.clone();
                let whole = format!("{begin}data: {broken}\n\n{end}");
                let (events, _) = decode(&[whole.as_bytes()]);
                if let Ok(events) = events {
                    let mut encoder = Encoder::new(exchange());
                    let mut out = Vec::new();
                    for event in events.into_iter().take(50) {
                        encoder.encode(event, &mut out);
                    }
                    encoder.end(&mut out);
                }
                tried += 1;
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
}

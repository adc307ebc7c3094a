//! Streams: cuts, pairs, and that what is written can be read.

mod read;
mod written;

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::testing::{blocks, exchange};
use super::Encoder;
use crate::chat::part::ToolKind;
use crate::chat::{Delta, Finish, FinishReason, Opaque, StreamEvent};
use crate::codec::stream::StreamEncoder;
use crate::sse::Event;

pub(super) fn tell(delta: Delta) -> StreamEvent {
    StreamEvent::Delta { choice: 0, delta }
}

pub(super) fn text(text: &str) -> StreamEvent {
    tell(Delta::Text(text.to_owned()))
}

pub(super) fn end(signature: Option<Opaque>) -> StreamEvent {
    tell(Delta::PartEnd { signature })
}

pub(super) fn finish(reason: FinishReason) -> StreamEvent {
    StreamEvent::Finish {
        choice: 0,
        finish: Finish {
            reason,
            ..Finish::default()
        },
    }
}

pub(super) fn call(number: u32, name: &str) -> StreamEvent {
    tell(Delta::ToolCall {
        call: number,
        id: format!("call_{number}"),
        name: name.to_owned(),
        namespace: None,
        kind: ToolKind::Function,
    })
}

pub(super) fn arguments(call: u32, fragment: &str) -> StreamEvent {
    let fragment = fragment.to_owned();
    tell(Delta::ToolArguments { call, fragment })
}

pub(super) fn call_end(call: u32) -> StreamEvent {
    tell(Delta::ToolEnd {
        call,
        signature: None,
    })
}

/// What the encoder writes for `events`, as its events.
pub(super) fn encode(events: impl IntoIterator<Item = StreamEvent>) -> Vec<Value> {
    let mut encoder = Encoder::new(exchange());
    let mut out = Vec::new();
    for event in events {
        encoder.encode(event, &mut out);
    }
    encoder.end(&mut out);
    check(&out)
}

/// The events of a stream, after a look at what holds for every one of them.
pub(super) fn check(out: &[u8]) -> Vec<Value> {
    let mut seen = Vec::new();
    for block in blocks(&[out]) {
        let event = Event::parse(&block);
        let Some(data) = event.data else { continue };
        let data: Value = serde_json::from_slice(&data).expect("JSON");
        let name = event
            .name
            .map(|name| String::from_utf8_lossy(name).into_owned());
        assert_eq!(data["type"].as_str(), name.as_deref());
        assert_eq!(data["sequence_number"], seen.len(), "{data}");
        seen.push(data);
    }
    let done: Vec<&Value> = seen
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| &event["item"])
        .collect();
    let added = seen
        .iter()
        .filter(|event| event["type"] == "response.output_item.added");
    let ids: Vec<&Value> = added.map(|event| &event["item"]["id"]).collect();
    if let Some(last) = seen
        .last()
        .filter(|last| last["response"]["output"].is_array() && last["response"]["error"].is_null())
    {
        let output: Vec<&Value> = last["response"]["output"]
            .as_array()
            .expect("a list")
            .iter()
            .collect();
        assert_eq!(output, done, "the last event has the items that were done");
        let done_ids: Vec<&Value> = done.iter().map(|item| &item["id"]).collect();
        assert_eq!(ids, done_ids, "an item keeps its id");
        let unique: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(unique.len(), ids.len(), "ids are not used twice");
    }
    seen
}

pub(super) fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events.iter().map(|event| event["type"].as_str());
    kinds
        .map(|kind| kind.expect("a type").trim_start_matches("response."))
        .collect()
}

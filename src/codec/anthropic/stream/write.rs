//! The events of the dialect, as bytes: templates, with what varies written into them.

use std::io::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::trouble;
use crate::chat::ErrorBody;

/// The sign of life that this dialect's clients know.
pub(super) const PING: &[u8] = b"event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// The end of a complete answer.
pub(super) const MESSAGE_STOP: &[u8] =
    b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/// A delta of one text: its type and the name of its field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind(&'static str, &'static str);

/// Of a text.
pub(super) const TEXT: Kind = Kind("text_delta", "text");
/// Of a thought.
pub(super) const THINKING: Kind = Kind("thinking_delta", "thinking");
/// Of what was signed.
pub(super) const SIGNATURE: Kind = Kind("signature_delta", "signature");
/// Of a call's arguments.
pub(super) const INPUT: Kind = Kind("input_json_delta", "partial_json");

/// `message_start`.
pub(super) fn start(id: &str, model: &str, usage: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":",
    );
    json(id, out);
    out.extend_from_slice(b",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    json(model, out);
    out.extend_from_slice(
        b",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":",
    );
    json(usage, out);
    out.extend_from_slice(b"}}\n\n");
}

/// `content_block_start` with the block as it begins.
pub(super) fn open(index: u32, block: &Value, out: &mut Vec<u8>) {
    head("content_block_start", index, out);
    out.extend_from_slice(b",\"content_block\":");
    json(block, out);
    out.extend_from_slice(b"}\n\n");
}

/// `content_block_delta` of one text.
pub(super) fn delta(index: u32, kind: Kind, text: &str, out: &mut Vec<u8>) {
    head("content_block_delta", index, out);
    out.extend_from_slice(b",\"delta\":{\"type\":\"");
    out.extend_from_slice(kind.0.as_bytes());
    out.extend_from_slice(b"\",\"");
    out.extend_from_slice(kind.1.as_bytes());
    out.extend_from_slice(b"\":");
    json(text, out);
    out.extend_from_slice(b"}}\n\n");
}

/// `content_block_delta` of a citation.
pub(super) fn citation(index: u32, citation: &Value, out: &mut Vec<u8>) {
    head("content_block_delta", index, out);
    out.extend_from_slice(b",\"delta\":{\"type\":\"citations_delta\",\"citation\":");
    json(citation, out);
    out.extend_from_slice(b"}}\n\n");
}

/// `content_block_stop`.
pub(super) fn close(index: u32, out: &mut Vec<u8>) {
    head("content_block_stop", index, out);
    out.extend_from_slice(b"}\n\n");
}

/// `message_delta`.
pub(super) fn finish(delta: &Value, usage: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":");
    json(delta, out);
    out.extend_from_slice(b",\"usage\":");
    json(usage, out);
    out.extend_from_slice(b"}\n\n");
}

/// `error`.
pub(super) fn error(error: &ErrorBody, request_id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":");
    json(trouble::kind(error), out);
    out.extend_from_slice(b",\"message\":");
    json(&error.message, out);
    out.extend_from_slice(b"},\"request_id\":");
    json(request_id, out);
    out.extend_from_slice(b"}\n\n");
}

fn head(name: &str, index: u32, out: &mut Vec<u8>) {
    write!(
        out,
        "event: {name}\ndata: {{\"type\":\"{name}\",\"index\":{index}"
    )
    .expect("a vector takes bytes");
}

fn json<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) {
    serde_json::to_writer(out, value).expect("texts and trees are always JSON");
}

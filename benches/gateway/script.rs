//! What the upstream says, in each dialect: a plain answer and the events of a stream, all built once.
//!
//! The same thousand words in every dialect, with the fields that stand beside them in the real thing: what a
//! translation costs is to be compared, not how talkative a vendor is.

use bytes::Bytes;
use serde_json::{Value, json};

use super::tongue::Tongue;

/// Tokens in a stream.
pub(crate) const TOKENS: usize = 1000;
/// A word of every plain answer, and of every eighth token of a stream.
pub(crate) const WORD: &[u8] = b"quick";

/// Size of a plain answer in bytes.
const ANSWER_BYTES: usize = 1024;

const WORDS: [&str; 8] = [
    "The", " quick", " brown", " fox", " said", " \"hé\"", "\n", " and",
];

/// The answers of one dialect.
pub(crate) struct Script {
    /// A complete answer of exactly [`ANSWER_BYTES`].
    pub(crate) answer: Bytes,
    /// Events before the first token.
    pub(crate) opening: Vec<Bytes>,
    /// One event for each token.
    pub(crate) tokens: Vec<Bytes>,
    /// Events behind the last token.
    pub(crate) closing: Vec<Bytes>,
    /// Where in the closing stands what is sent only if usage was asked for.
    pub(crate) usage: Option<usize>,
}

impl Script {
    /// What an upstream of the dialect says about `model`.
    pub(crate) fn new(tongue: Tongue, model: &str) -> Self {
        match tongue {
            Tongue::Chat => chat(model),
            Tongue::Responses => responses(model),
            Tongue::Anthropic => anthropic(model),
            Tongue::Gemini => gemini(model),
        }
    }
}

fn tokens(event: impl Fn(usize, &str) -> Bytes) -> Vec<Bytes> {
    let words = WORDS.into_iter().cycle().take(TOKENS);
    words
        .enumerate()
        .map(|(place, word)| event(place, word))
        .collect()
}

/// A complete answer, its text as long as its size allows.
fn padded(answer: impl Fn(&str) -> Value) -> Bytes {
    let text = "The quick brown fox ";
    let least = answer(text).to_string().len();
    let padding = "x".repeat(ANSWER_BYTES.saturating_sub(least));
    answer(&format!("{text}{padding}")).to_string().into()
}

fn unnamed(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

/// An event that is called what its `type` says.
fn named(data: &Value) -> Bytes {
    let name = data["type"].as_str().unwrap_or_default();
    format!("event: {name}\ndata: {data}\n\n").into()
}

fn chat(model: &str) -> Script {
    let counts =
        json!({"prompt_tokens": 480, "completion_tokens": TOKENS, "total_tokens": 480 + TOKENS});
    // `usage` is null in every chunk but the last, as it is in the real thing: an observer must not be woken by the word
    // alone.
    let chunk = |choices: Value, usage: &Value| {
        unnamed(&json!({
            "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG", "object": "chat.completion.chunk", "created": 1_741_570_283,
            "model": model, "system_fingerprint": "fp_fc9f1d7035", "choices": choices, "usage": usage,
        }))
    };
    let delta = |delta: Value, finish: &Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        chunk(json!([choice]), &Value::Null)
    };
    let answer = |text: &str| {
        let message = json!({"role": "assistant", "content": text, "refusal": null});
        json!({
            "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", "object": "chat.completion", "created": 1_741_569_952,
            "model": model, "usage": counts,
            "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": "stop"}],
        })
    };
    Script {
        answer: padded(answer),
        opening: vec![delta(
            json!({"role": "assistant", "content": "", "refusal": null}),
            &Value::Null,
        )],
        tokens: tokens(|_, word| delta(json!({"content": word}), &Value::Null)),
        closing: vec![
            delta(json!({}), &json!("stop")),
            chunk(json!([]), &counts),
            Bytes::from_static(b"data: [DONE]\n\n"),
        ],
        usage: Some(1),
    }
}

fn anthropic(model: &str) -> Script {
    let message = |content: Value, stop: Value| {
        let usage = json!({"input_tokens": 480, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 1});
        json!({
            "id": "msg_01XFDUDYJgAACzvnptvVoYEL", "type": "message", "role": "assistant", "model": model,
            "content": content, "stop_reason": stop, "stop_sequence": null, "usage": usage,
        })
    };
    let delta = |_, word: &str| {
        named(
            &json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}),
        )
    };
    let text = |text: &str| json!({"type": "text", "text": text});
    Script {
        answer: padded(|words| message(json!([text(words)]), json!("end_turn"))),
        opening: vec![
            named(&json!({"type": "message_start", "message": message(json!([]), Value::Null)})),
            named(&json!({"type": "content_block_start", "index": 0, "content_block": text("")})),
        ],
        tokens: tokens(delta),
        closing: vec![
            named(&json!({"type": "content_block_stop", "index": 0})),
            named(&json!({
                "type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                "usage": {"output_tokens": TOKENS},
            })),
            named(&json!({"type": "message_stop"})),
        ],
        usage: None,
    }
}

fn gemini(model: &str) -> Script {
    let answer = |text: &str, finish: &Value| {
        let mut candidate =
            json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
        if !finish.is_null() {
            candidate["finishReason"] = finish.clone();
        }
        json!({
            "candidates": [candidate],
            "usageMetadata": {"promptTokenCount": 480, "candidatesTokenCount": TOKENS, "totalTokenCount": 480 + TOKENS},
            "modelVersion": model, "responseId": "mAitaLmkHPPlz7IPvtfUqQ4",
        })
    };
    let stop = json!("STOP");
    Script {
        answer: padded(|text| answer(text, &stop)),
        opening: Vec::new(),
        tokens: tokens(|_, word| unnamed(&answer(word, &Value::Null))),
        closing: vec![unnamed(&answer("", &stop))],
        usage: None,
    }
}

fn responses(model: &str) -> Script {
    let text: String = WORDS.into_iter().cycle().take(TOKENS).collect();
    let part = |text: &str| json!({"type": "output_text", "annotations": [], "logprobs": [], "text": text});
    let item = |status: &str, content: Value| json!({"id": ITEM, "type": "message", "status": status, "content": content, "role": "assistant"});
    let whole = |status: &str, output: Value| {
        let usage = json!({
            "input_tokens": 480, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": TOKENS,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 480 + TOKENS,
        });
        json!({
            "id": "resp_68af4030592c81938ec0a5fbab4a3e9f05438e46b5f69a3b", "object": "response", "created_at": 1_756_315_696,
            "status": status, "error": null, "model": model, "output": output,
            "usage": if status == "completed" { usage } else { Value::Null },
        })
    };
    let done = item("completed", json!([part(&text)]));
    let events = [
        json!({"type": "response.created", "response": whole("in_progress", json!([]))}),
        json!({"type": "response.in_progress", "response": whole("in_progress", json!([]))}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": item("in_progress", json!([]))}),
        json!({"type": "response.content_part.added", "item_id": ITEM, "output_index": 0, "content_index": 0, "part": part("")}),
        json!({"type": "response.output_text.done", "item_id": ITEM, "output_index": 0, "content_index": 0, "text": text, "logprobs": []}),
        json!({"type": "response.content_part.done", "item_id": ITEM, "output_index": 0, "content_index": 0, "part": part(&text)}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": done}),
        json!({"type": "response.completed", "response": whole("completed", json!([done]))}),
    ];
    let numbered = |(number, event): (usize, &Value)| {
        let mut event = event.clone();
        event["sequence_number"] = number.into();
        named(&event)
    };
    let delta = |place: usize, word: &str| {
        named(&json!({
            "type": "response.output_text.delta", "item_id": ITEM, "output_index": 0, "content_index": 0,
            "delta": word, "logprobs": [], "obfuscation": "LkCa2bYq4GwT", "sequence_number": place + 4,
        }))
    };
    let (opening, closing) = events.split_at(4);
    Script {
        answer: padded(|text| whole("completed", json!([item("completed", json!([part(text)]))]))),
        opening: opening.iter().enumerate().map(numbered).collect(),
        tokens: tokens(delta),
        closing: (TOKENS + 4..).zip(closing).map(numbered).collect(),
        usage: None,
    }
}

/// The id of the one item that a response of ours has.
const ITEM: &str = "msg_68af4033a2ac8193b1e5a8e4c0ba3a0c05438e46b5f69a3b";

//! A decided answer on the wire: one `chat.completion`, or the chunks of a stream.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::demo::draws::Draws;
use crate::demo::reply::{Reply, Transcript, done, event};
use crate::demo::tokens;
use crate::demo::wire::{self, Delivery};

use super::answer::{Answer, Call, Limited};

/// An answer with everything that is written around it.
pub(super) struct Turn<'a> {
    pub(super) draws: &'a Draws,
    pub(super) model: &'a str,
    pub(super) prompt_tokens: usize,
    pub(super) answer: Limited,
}

impl Turn<'_> {
    /// The answer as one document.
    pub(super) fn whole(self) -> Reply {
        let message = match &self.answer.answer {
            Answer::Text(text) => json!({"role": "assistant", "content": text, "refusal": null}),
            Answer::Calls(calls) => {
                let calls: Vec<Value> = (0..).zip(calls).map(|(n, c)| self.call(n, c)).collect();
                json!({"role": "assistant", "content": null, "tool_calls": calls, "refusal": null})
            }
        };
        let body = json!({
            "id": self.draws.id("chatcmpl-demo-"),
            "object": "chat.completion",
            "created": self.draws.created,
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": message,
                "logprobs": null,
                "finish_reason": self.answer.finish_reason(),
            }],
            "usage": self.usage(),
        });
        Reply::Whole {
            body,
            tokens: self.answer.tokens,
        }
    }

    /// The answer as a stream.
    pub(super) fn stream(self, delivery: Delivery) -> Transcript {
        let with_usage = delivery == Delivery::StreamWithUsage;
        let chunk = |choices: Value, usage: Value| self.chunk(&choices, usage, with_usage);
        let delta = |delta: Value, finish: Option<&str>| {
            let choice =
                json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
            chunk(json!([choice]), Value::Null)
        };
        let (first, tokens) = match &self.answer.answer {
            Answer::Text(text) => (json!(""), text_deltas(text)),
            Answer::Calls(calls) => (Value::Null, self.call_deltas(calls)),
        };
        let mut closing = vec![delta(json!({}), Some(self.answer.finish_reason()))];
        if with_usage {
            closing.push(chunk(json!([]), self.usage()));
        }
        closing.push(done());
        Transcript {
            opening: vec![delta(json!({"role": "assistant", "content": first}), None)],
            tokens: tokens.into_iter().map(|token| delta(token, None)).collect(),
            closing,
        }
    }

    /// A chunk; where usage was asked for, every chunk has the key and all but the last say null.
    fn chunk(&self, choices: &Value, usage: Value, with_usage: bool) -> Bytes {
        let mut chunk = json!({
            "id": self.draws.id("chatcmpl-demo-"),
            "object": "chat.completion.chunk",
            "created": self.draws.created,
            "model": self.model,
            "choices": choices,
        });
        if with_usage {
            chunk["usage"] = usage;
        }
        event(&chunk)
    }

    /// Deltas of all calls, one per token: the head of a call first, then its arguments in fragments.
    fn call_deltas(&self, calls: &[Call]) -> Vec<Value> {
        let mut deltas = Vec::new();
        for (index, call) in (0..).zip(calls) {
            let mut head = self.call(index, call);
            head["index"] = json!(index);
            head["function"]["arguments"] = json!("");
            deltas.push(json!({"tool_calls": [head]}));
            deltas.extend(tokens::pieces(&call.arguments).map(|fragment| {
                json!({"tool_calls": [{"index": index, "function": {"arguments": fragment}}]})
            }));
        }
        deltas
    }

    fn call(&self, index: usize, call: &Call) -> Value {
        json!({
            "id": self.draws.id(&format!("call_demo_{index}_")),
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        })
    }

    fn usage(&self) -> Value {
        wire::usage(self.prompt_tokens, self.answer.tokens)
    }
}

fn text_deltas(text: &str) -> Vec<Value> {
    tokens::pieces(text)
        .map(|piece| json!({"content": piece}))
        .collect()
}

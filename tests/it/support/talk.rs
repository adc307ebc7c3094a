//! The plainest conversation in each dialect: one question, one answer, read and written by hand.
//!
//! What a [`Tongue`] makes odd is plain here, so that an answer which crossed from one dialect to
//! another can be compared by what it says.

use serde_json::{Value, json};

use super::reply::Reply;
use super::tongue::{ANTHROPIC, CHAT, GEMINI, RESPONSES, Tongue};
use super::{Answer, Client, Config, Upstream, chat, client};

/// What every plain answer says.
pub(crate) const SAID: &str = "gr\u{fc}\u{df}e \u{1f389}";

/// One dialect, and what its upstreams answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk {
    /// The same dialect with everything odd in it.
    pub(crate) tongue: &'static Tongue,
    /// The type of a provider that is spoken to in it.
    pub(crate) kind: &'static str,
    /// A model that is served in this dialect and in no other.
    pub(crate) model: &'static str,
    /// Where the upstream is asked, below its base URL.
    pub(crate) path: &'static str,
    /// The same for a stream.
    pub(crate) stream_path: &'static str,
    /// The last words of an answer that is whole.
    pub(crate) end: &'static str,
}

/// All of them.
pub(crate) const TALKS: [Talk; 4] = [TO_CHAT, TO_RESPONSES, TO_ANTHROPIC, TO_GEMINI];

/// OpenAI Chat Completions.
pub(crate) const TO_CHAT: Talk = Talk {
    tongue: &CHAT,
    kind: "openai_compatible",
    model: "llama-9",
    path: "/v1/chat/completions",
    stream_path: "/v1/chat/completions",
    end: "data: [DONE]\n\n",
};

/// OpenAI Responses.
pub(crate) const TO_RESPONSES: Talk = Talk {
    tongue: &RESPONSES,
    kind: "openai",
    model: "gpt-5-codex",
    path: "/v1/responses",
    stream_path: "/v1/responses",
    end: "event: response.completed\n",
};

/// Anthropic Messages.
pub(crate) const TO_ANTHROPIC: Talk = Talk {
    tongue: &ANTHROPIC,
    kind: "anthropic",
    model: "claude-sonnet-4-5",
    path: "/v1/messages",
    stream_path: "/v1/messages",
    end: "event: message_stop\n",
};

/// Google Gemini.
pub(crate) const TO_GEMINI: Talk = Talk {
    tongue: &GEMINI,
    kind: "google",
    model: "gemini-3-pro",
    path: "/v1/models/gemini-3-pro:generateContent",
    stream_path: "/v1/models/gemini-3-pro:streamGenerateContent?alt=sse",
    end: "\"finishReason\":",
};

impl Talk {
    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.tongue.name
    }

    /// A provider of this dialect: its model `m` is one that no other dialect serves.
    pub(crate) fn fields(&self) -> Value {
        json!({"type": self.kind, "models": {"m": {"upstream": self.model}}})
    }

    /// A configuration with this upstream alone, as provider `a`.
    pub(crate) fn over(&self, upstream: &Upstream) -> Config {
        Config::new().provider("a", upstream, self.fields())
    }

    /// Where `model` is asked.
    pub(crate) fn target(&self, model: &str, streamed: bool) -> String {
        match (self.name(), streamed) {
            ("gemini", false) => format!("/v1beta/models/{model}:generateContent"),
            ("gemini", true) => format!("/v1beta/models/{model}:streamGenerateContent?alt=sse"),
            _ => self.path.to_owned(),
        }
    }

    /// Asks `model` the plainest question.
    pub(crate) fn body(&self, model: &str, streamed: bool) -> Value {
        let mut body = match self.name() {
            "chat" => chat::ask(model),
            "responses" => json!({"model": model, "input": "hello"}),
            "anthropic" => json!({"model": model, "max_tokens": 100,
                "messages": [{"role": "user", "content": "hello"}]}),
            _ => return json!({"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}),
        };
        if streamed {
            body["stream"] = json!(true);
        }
        body
    }

    /// The plainest question to `m`, as a call.
    pub(crate) fn ask(&self, client: &Client, streamed: bool) -> client::Call {
        client.post(&self.target("m", streamed), self.body("m", streamed))
    }

    /// What its clients say first of all.
    pub(crate) fn asked(&self, body: &Value) -> Option<String> {
        let text = match self.name() {
            "chat" | "anthropic" => &body["messages"][0]["content"],
            "responses" => &body["input"],
            _ => &body["contents"][0]["parts"][0]["text"],
        };
        let text = match text {
            Value::Array(parts) => {
                let first = &parts[0];
                first.get("content").map_or(&first["text"], |content| {
                    content.get(0).map_or(content, |part| &part["text"])
                })
            }
            text => text,
        };
        text.as_str().map(str::to_owned)
    }

    /// A plain answer, whole or as a stream.
    pub(crate) fn reply(&self, streamed: bool) -> Reply {
        if streamed {
            Reply::stream().bytes(self.stream())
        } else {
            Reply::json(200, self.answer())
        }
    }

    /// An upstream that answers as it is asked.
    pub(crate) async fn upstream(self) -> Upstream {
        Upstream::answering(move |request, _| {
            let streamed = request.target.contains("stream")
                || serde_json::from_slice::<Value>(&request.body)
                    .is_ok_and(|body| body["stream"] == true);
            self.reply(streamed)
        })
        .await
    }

    /// A plain whole answer.
    pub(crate) fn answer(&self) -> Value {
        match self.name() {
            "chat" => json!({"id": "chatcmpl-1", "object": "chat.completion", "created": 1,
                "model": self.model, "choices": [{"index": 0, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": SAID}}],
                "usage": {"prompt_tokens": 31, "completion_tokens": 17, "total_tokens": 48}}),
            "responses" => json!({"id": "resp_up", "object": "response", "created_at": 1,
                "status": "completed", "model": self.model, "error": null,
                "incomplete_details": null, "parallel_tool_calls": true, "tool_choice": "auto",
                "tools": [], "output": [message_item()], "usage": {"input_tokens": 31,
                    "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 17,
                    "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 48}}),
            "anthropic" => json!({"id": "msg_1", "type": "message", "role": "assistant",
                "model": self.model, "content": [{"type": "text", "text": SAID}],
                "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 31, "output_tokens": 17}}),
            _ => json!({"candidates": [{"content": {"role": "model", "parts": [{"text": SAID}]},
                "finishReason": "STOP", "index": 0}], "modelVersion": self.model,
                "responseId": "r", "usageMetadata": {"promptTokenCount": 31,
                    "candidatesTokenCount": 17, "totalTokenCount": 48}}),
        }
    }

    /// The same as a stream, its text in two pieces.
    pub(crate) fn stream(&self) -> String {
        let (begun, rest) = self.halves();
        begun + &rest
    }

    /// The stream up to its first piece of text, and from there.
    pub(crate) fn halves(&self) -> (String, String) {
        let (first, second) = SAID.split_at(4);
        match self.name() {
            "chat" => (
                events([chat::role(), chat::token(first)]),
                events([
                    chat::token(second),
                    chat::finish(),
                    chat::usage()
                        .replace(":3,", ":31,")
                        .replace(":2,", ":17,")
                        .replace(":5}", ":48}"),
                    chat::DONE.to_owned(),
                ]),
            ),
            "responses" => self.response_halves(first, second),
            "anthropic" => self.message_halves(first, second),
            _ => (
                events([json!({"candidates": [{"index": 0, "content":
                    {"role": "model", "parts": [{"text": first}]}}],
                    "modelVersion": self.model, "responseId": "r"})
                .to_string()]),
                events([
                    json!({"candidates": [{"index": 0, "finishReason": "STOP", "content":
                    {"role": "model", "parts": [{"text": second}]}}],
                    "modelVersion": self.model, "responseId": "r", "usageMetadata":
                    {"promptTokenCount": 31, "candidatesTokenCount": 17, "totalTokenCount": 48}})
                    .to_string(),
                ]),
            ),
        }
    }

    fn response_halves(&self, first: &str, second: &str) -> (String, String) {
        let begun = json!({"id": "resp_up", "object": "response", "created_at": 1,
            "status": "in_progress", "model": self.model, "output": []});
        let place = json!({"item_id": "msg_1", "output_index": 0, "content_index": 0});
        let mut number = 0;
        let mut say = |kind: &str, mut more: Value| {
            more["type"] = json!(kind);
            more["sequence_number"] = json!(number);
            number += 1;
            format!("event: {kind}\ndata: {more}\n\n")
        };
        let at = |field: &str, value: Value| {
            let mut event = place.clone();
            event[field] = value;
            event
        };
        let empty = json!({"type": "message", "id": "msg_1", "status": "in_progress",
            "role": "assistant", "content": []});
        let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
        let start = [
            say("response.created", json!({"response": begun})),
            say("response.in_progress", json!({"response": begun})),
            say(
                "response.output_item.added",
                json!({"output_index": 0, "item": empty}),
            ),
            say("response.content_part.added", at("part", part(""))),
            say("response.output_text.delta", at("delta", json!(first))),
        ]
        .concat();
        let rest = [
            say("response.output_text.delta", at("delta", json!(second))),
            say("response.output_text.done", at("text", json!(SAID))),
            say("response.content_part.done", at("part", part(SAID))),
            say(
                "response.output_item.done",
                json!({"output_index": 0, "item": message_item()}),
            ),
            say("response.completed", json!({"response": self.answer()})),
        ]
        .concat();
        (start, rest)
    }

    fn message_halves(&self, first: &str, second: &str) -> (String, String) {
        let start = json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
            "role": "assistant", "model": self.model, "content": [], "stop_reason": null,
            "stop_sequence": null, "usage": {"input_tokens": 31, "output_tokens": 1}}});
        let delta = |text: &str| {
            json!({"type": "content_block_delta", "index": 0,
                "delta": {"type": "text_delta", "text": text}})
        };
        (
            named([
                start,
                json!({"type": "content_block_start", "index": 0,
                    "content_block": {"type": "text", "text": ""}}),
                delta(first),
            ]),
            named([
                delta(second),
                json!({"type": "content_block_stop", "index": 0}),
                json!({"type": "message_delta", "delta": {"stop_reason": "end_turn",
                    "stop_sequence": null}, "usage": {"output_tokens": 17}}),
                json!({"type": "message_stop"}),
            ]),
        )
    }

    /// What the answer to one of its clients is, in a few facts.
    #[track_caller]
    pub(crate) fn heard(&self, answer: &Answer, streamed: bool) -> Heard {
        if streamed {
            self.heard_in_stream(answer)
        } else {
            self.heard_in(&answer.json())
        }
    }

    /// The facts of a whole answer.
    pub(crate) fn heard_in(&self, json: &Value) -> Heard {
        let (model, text, input, output) = match self.name() {
            "chat" => (
                &json["model"],
                text_of(&json["choices"][0]["message"]["content"]),
                &json["usage"]["prompt_tokens"],
                &json["usage"]["completion_tokens"],
            ),
            "responses" => (
                &json["model"],
                texts(&json["output"], "content"),
                &json["usage"]["input_tokens"],
                &json["usage"]["output_tokens"],
            ),
            "anthropic" => (
                &json["model"],
                texts(&json["content"], ""),
                &json["usage"]["input_tokens"],
                &json["usage"]["output_tokens"],
            ),
            _ => (
                &json["modelVersion"],
                texts(&json["candidates"][0]["content"]["parts"], ""),
                &json["usageMetadata"]["promptTokenCount"],
                &json["usageMetadata"]["candidatesTokenCount"],
            ),
        };
        Heard {
            model: text_of(model),
            text,
            usage: (input.as_u64(), output.as_u64()),
        }
    }

    fn heard_in_stream(&self, answer: &Answer) -> Heard {
        let mut heard = Heard::default();
        for event in answer.events() {
            let Ok(event) = serde_json::from_str::<Value>(&event) else {
                continue;
            };
            let (model, text, input, output) = match self.name() {
                "chat" => (
                    &event["model"],
                    text_of(&event["choices"][0]["delta"]["content"]),
                    &event["usage"]["prompt_tokens"],
                    &event["usage"]["completion_tokens"],
                ),
                "responses" => (
                    &event["response"]["model"],
                    text_of(
                        &event[if event["type"] == "response.output_text.delta" {
                            "delta"
                        } else {
                            "-"
                        }],
                    ),
                    &event["response"]["usage"]["input_tokens"],
                    &event["response"]["usage"]["output_tokens"],
                ),
                "anthropic" if event["type"] == "message_start" => (
                    &event["message"]["model"],
                    String::new(),
                    &event["message"]["usage"]["input_tokens"],
                    &event["message"]["usage"]["output_tokens"],
                ),
                "anthropic" => (
                    &event["-"],
                    text_of(&event["delta"]["text"]),
                    &event["usage"]["input_tokens"],
                    &event["usage"]["output_tokens"],
                ),
                _ => (
                    &event["modelVersion"],
                    texts(&event["candidates"][0]["content"]["parts"], ""),
                    &event["usageMetadata"]["promptTokenCount"],
                    &event["usageMetadata"]["candidatesTokenCount"],
                ),
            };
            if let Some(model) = model.as_str() {
                model.clone_into(&mut heard.model);
            }
            heard.text += &text;
            heard.usage.0 = input.as_u64().or(heard.usage.0);
            heard.usage.1 = output.as_u64().or(heard.usage.1);
        }
        heard
    }

    /// Whether `stream` claims a whole answer.
    pub(crate) fn claims_end(&self, stream: &str) -> bool {
        stream.replace("\r\n", "\n").contains(self.end)
    }

    /// The error that ends `stream`, if one does.
    pub(crate) fn error_in(&self, stream: &str) -> Option<Value> {
        let failed = || {
            let (_, last) = stream.rsplit_once("event: response.failed\ndata: ")?;
            let event: Value = serde_json::from_str(last.strip_suffix("\n\n")?).ok()?;
            let response = &event["response"];
            let says = response["status"] == "failed" && response["error"]["message"].is_string();
            says.then_some(event)
        };
        self.tongue.error_in(stream).or_else(failed)
    }

    /// The message of an error answer in its own shape; a panic that shows it if it has another.
    #[track_caller]
    pub(crate) fn error(&self, answer: &Answer) -> String {
        let json = answer.json();
        let error = &json["error"];
        let is_own = match self.name() {
            "anthropic" => json["type"] == "error" && error["type"].is_string(),
            "gemini" => error["code"] == answer.status && error["status"].is_string(),
            _ => {
                let all = ["message", "type", "param", "code"];
                all.iter().all(|field| error.get(field).is_some())
            }
        };
        assert!(is_own, "{}: {json}", self.name());
        error["message"].as_str().expect("a message").to_owned()
    }
}

/// The facts of an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    /// Who says it answered.
    pub(crate) model: String,
    /// What was said.
    pub(crate) text: String,
    /// Tokens in and out.
    pub(crate) usage: (Option<u64>, Option<u64>),
}

fn message_item() -> Value {
    json!({"type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
        "content": [{"type": "output_text", "text": SAID, "annotations": []}]})
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The texts of `parts`, or of the list called `below` in each, all together; thoughts are none.
fn texts(parts: &Value, below: &str) -> String {
    let parts = parts.as_array().into_iter().flatten();
    let said = parts.filter(|part| part["thought"] != true);
    said.map(|part| match part.get(below) {
        Some(inner) => texts(inner, ""),
        None => text_of(&part["text"]),
    })
    .collect()
}

/// `events` as lines of data.
pub(crate) fn events<E: AsRef<str>>(events: impl IntoIterator<Item = E>) -> String {
    let events = events.into_iter();
    events.fold(String::new(), |all, event| {
        all + "data: " + event.as_ref() + "\n\n"
    })
}

/// Events named by their `type`.
pub(crate) fn named(events: impl IntoIterator<Item = Value>) -> String {
    let events = events.into_iter();
    events.fold(String::new(), |all, event| {
        let name = event["type"].as_str().unwrap_or_default();
        all + "event: " + name + "\ndata: " + &event.to_string() + "\n\n"
    })
}

//! A model that thinks before it calls a tool, and clients that bring the result: two turns, in which the
//! thought has to come back to whoever thought it as it was.

use serde_json::{Value, json};

use super::talk::{TO_CHAT, Talk, named};
use super::{Answer, Reply, Upstream};

/// What is thought, for everybody to read.
pub(crate) const THOUGHT: &str = "I shall look.";

/// The token of the thought, in letters that a careless hand would change.
pub(crate) const TOKEN: &str = "EqQBCgIYAhIM+/b8Zz09+/==";

/// A thought that nobody may read.
pub(crate) const HIDDEN: &str = "EmwKAhgBEgy+/3va==";

/// OpenRouter: Chat, with thoughts in `reasoning_details`.
pub(crate) const TO_OPENROUTER: Talk = Talk {
    kind: "openrouter",
    ..TO_CHAT
};

/// DeepSeek: Chat, with thoughts that are nothing but text and are wanted back all the same.
pub(crate) const TO_DEEPSEEK: Talk = Talk {
    kind: "deepseek",
    ..TO_CHAT
};

/// A model that thinks best.
pub(crate) fn model(talk: Talk) -> &'static str {
    match talk.name() {
        "anthropic" => "claude-opus-5-5",
        _ => talk.model,
    }
}

/// A provider of `talk` whose model `m` thinks.
pub(crate) fn fields(talk: Talk) -> Value {
    json!({"type": talk.kind, "models": {"m": {"upstream": model(talk)}}})
}

/// An upstream that thinks and calls when it is first asked, and then says something plain.
pub(crate) async fn upstream(talk: Talk) -> Upstream {
    Upstream::answering(move |request, _| {
        let streamed = request.target.contains("stream") || request.json()["stream"] == true;
        let has_result = request.text().contains("the result");
        if has_result {
            talk.reply(streamed)
        } else if streamed {
            Reply::stream().bytes(stream(talk))
        } else {
            Reply::json(200, answer(talk))
        }
    })
    .await
}

/// A whole answer that thinks and calls.
pub(crate) fn answer(talk: Talk) -> Value {
    let mut answer = talk.answer();
    match talk.name() {
        "anthropic" => {
            answer["content"] = Value::Array(blocks());
            answer["stop_reason"] = json!("tool_use");
        }
        "responses" => answer["output"] = json!([reasoning(), call()]),
        "gemini" => {
            answer["candidates"][0]["content"]["parts"] = json!([
                {"text": THOUGHT, "thought": true},
                {"functionCall": {"name": "look", "args": {"q": "x"}}, "thoughtSignature": TOKEN},
                {"functionCall": {"name": "look", "args": {"q": "y"}}},
            ]);
        }
        _ => {
            answer["choices"][0]["message"] = message(talk);
            answer["choices"][0]["finish_reason"] = json!("tool_calls");
        }
    }
    answer
}

fn message(talk: Talk) -> Value {
    let call = json!({"id": "call_01", "type": "function",
        "function": {"name": "look", "arguments": "{\"q\":\"x\"}"}});
    let mut message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
    if talk.kind == "openrouter" {
        message["reasoning"] = json!(THOUGHT);
        message["reasoning_details"] = details();
    } else {
        message["reasoning_content"] = json!(THOUGHT);
    }
    message
}

/// Entries of OpenRouter's, one that may be read and one that may not.
fn details() -> Value {
    json!([
        {"type": "reasoning.text", "text": THOUGHT, "signature": TOKEN, "format": "x-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": HIDDEN, "id": "r_1", "format": "x-v1", "index": 1},
    ])
}

fn blocks() -> Vec<Value> {
    vec![
        json!({"type": "thinking", "thinking": THOUGHT, "signature": TOKEN}),
        json!({"type": "redacted_thinking", "data": HIDDEN}),
        json!({"type": "tool_use", "id": "toolu_01", "name": "look", "input": {"q": "x"}}),
    ]
}

fn reasoning() -> Value {
    json!({"type": "reasoning", "id": "rs_1", "encrypted_content": TOKEN,
        "summary": [{"type": "summary_text", "text": THOUGHT}]})
}

fn call() -> Value {
    json!({"type": "function_call", "id": "fc_1", "call_id": "call_01", "name": "look",
        "arguments": "{\"q\":\"x\"}", "status": "completed"})
}

/// The same as a stream.
pub(crate) fn stream(talk: Talk) -> String {
    match talk.name() {
        "anthropic" => anthropic_stream(talk),
        "responses" => responses_stream(talk),
        "chat" => chat_stream(talk),
        _ => super::talk::events(gemini_chunks(talk)),
    }
}

fn gemini_chunks(talk: Talk) -> Vec<String> {
    let answer = answer(talk);
    let parts = answer["candidates"][0]["content"]["parts"].as_array();
    let parts = parts.expect("parts").clone();
    let last = parts.len() - 1;
    let chunk = |(place, part): (usize, Value)| {
        let mut chunk = answer.clone();
        chunk["candidates"][0]["content"]["parts"] = json!([part]);
        if place < last {
            let candidate = chunk["candidates"][0].as_object_mut();
            candidate.expect("a candidate").remove("finishReason");
        }
        chunk.to_string()
    };
    parts.into_iter().enumerate().map(chunk).collect()
}

fn anthropic_stream(talk: Talk) -> String {
    let block = |index: u32, start: Value, deltas: Vec<Value>| {
        let start = json!({"type": "content_block_start", "index": index, "content_block": start});
        let delta = |delta| json!({"type": "content_block_delta", "index": index, "delta": delta});
        let stop = json!({"type": "content_block_stop", "index": index});
        let deltas = deltas.into_iter().map(delta);
        [start]
            .into_iter()
            .chain(deltas)
            .chain([stop])
            .collect::<Vec<_>>()
    };
    let (first, second) = THOUGHT.split_at(3);
    let mut events = vec![json!({"type": "message_start", "message": {"id": "msg_1",
        "type": "message", "role": "assistant", "model": model(talk), "content": [],
        "stop_reason": null, "usage": {"input_tokens": 31, "output_tokens": 1}}})];
    events.extend(block(
        0,
        json!({"type": "thinking", "thinking": "", "signature": ""}),
        vec![
            json!({"type": "thinking_delta", "thinking": first}),
            json!({"type": "thinking_delta", "thinking": second}),
            json!({"type": "signature_delta", "signature": TOKEN}),
        ],
    ));
    events.extend(block(1, blocks()[1].clone(), Vec::new()));
    events.extend(block(
        2,
        json!({"type": "tool_use", "id": "toolu_01", "name": "look", "input": {}}),
        vec![
            json!({"type": "input_json_delta", "partial_json": "{\"q\":"}),
            json!({"type": "input_json_delta", "partial_json": "\"x\"}"}),
        ],
    ));
    events.push(
        json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"},
        "usage": {"output_tokens": 17}}),
    );
    events.push(json!({"type": "message_stop"}));
    named(events)
}

fn chat_stream(talk: Talk) -> String {
    let message = message(talk);
    let chunk = |delta: Value, finish: Option<&str>| {
        json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": talk.model,
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        .to_string()
    };
    let mut chunks = vec![chunk(json!({"role": "assistant", "content": ""}), None)];
    for entry in message["reasoning_details"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let mut delta = json!({"reasoning_details": [entry]});
        if let Some(text) = entry.get("text") {
            delta["reasoning"] = text.clone();
        }
        chunks.push(chunk(delta, None));
    }
    if let Some(text) = message.get("reasoning_content") {
        chunks.push(chunk(json!({"reasoning_content": text}), None));
    }
    let mut call = message["tool_calls"][0].clone();
    call["index"] = json!(0);
    chunks.push(chunk(json!({"tool_calls": [call]}), None));
    chunks.push(chunk(json!({}), Some("tool_calls")));
    chunks.push("[DONE]".to_owned());
    super::talk::events(chunks)
}

fn responses_stream(talk: Talk) -> String {
    let mut begun = talk.answer();
    begun["status"] = json!("in_progress");
    begun["output"] = json!([]);
    let bare = json!({"type": "reasoning", "id": "rs_1", "summary": []});
    let mut asked = call();
    asked["arguments"] = json!("");
    asked["status"] = json!("in_progress");
    let mut events = vec![
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.output_item.added", "output_index": 0, "item": bare}),
        json!({"type": "response.reasoning_summary_part.added", "item_id": "rs_1",
            "output_index": 0, "summary_index": 0, "part": {"type": "summary_text", "text": ""}}),
        json!({"type": "response.reasoning_summary_text.delta", "item_id": "rs_1",
            "output_index": 0, "summary_index": 0, "delta": THOUGHT}),
        json!({"type": "response.reasoning_summary_text.done", "item_id": "rs_1",
            "output_index": 0, "summary_index": 0, "text": THOUGHT}),
        json!({"type": "response.reasoning_summary_part.done", "item_id": "rs_1",
            "output_index": 0, "summary_index": 0,
            "part": {"type": "summary_text", "text": THOUGHT}}),
        json!({"type": "response.output_item.done", "output_index": 0, "item": reasoning()}),
        json!({"type": "response.output_item.added", "output_index": 1, "item": asked}),
        json!({"type": "response.function_call_arguments.delta", "item_id": "fc_1",
            "output_index": 1, "delta": "{\"q\":\"x\"}"}),
        json!({"type": "response.function_call_arguments.done", "item_id": "fc_1",
            "output_index": 1, "arguments": "{\"q\":\"x\"}"}),
        json!({"type": "response.output_item.done", "output_index": 1, "item": call()}),
        json!({"type": "response.completed", "response": answer(talk)}),
    ];
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = json!(number);
    }
    named(events)
}

/// What the upstream of `talk` finds of its thoughts in `body`, in order, with the calls they led to.
pub(crate) fn thoughts(talk: Talk, body: &Value) -> Vec<Value> {
    let lists: Vec<&Value> = match talk.name() {
        "anthropic" => all(&body["messages"], "content"),
        "responses" => body["input"].as_array().into_iter().flatten().collect(),
        "chat" => body["messages"].as_array().into_iter().flatten().collect(),
        _ => all(&body["contents"], "parts"),
    };
    let kinds = ["thinking", "redacted_thinking", "reasoning"];
    let is_thought = |item: &&&Value| {
        let is_named = item["type"]
            .as_str()
            .is_some_and(|kind| kinds.contains(&kind));
        let fields = ["thoughtSignature", "reasoning_content", "reasoning_details"];
        let is_marked = fields.iter().any(|field| item.get(field).is_some());
        is_named || is_marked || item["thought"] == true
    };
    lists.iter().filter(is_thought).copied().cloned().collect()
}

fn all<'v>(turns: &'v Value, below: &str) -> Vec<&'v Value> {
    let turns = turns.as_array().into_iter().flatten();
    let parts = turns.filter_map(|turn| turn[below].as_array());
    parts.flatten().collect()
}

/// Fails unless `body`, which the upstream of `talk` was sent, holds its own thoughts as they were.
#[track_caller]
pub(crate) fn assert_kept(talk: Talk, body: &Value, place: &str) {
    let found = thoughts(talk, body);
    match talk.name() {
        "anthropic" => assert_eq!(found, blocks()[..2], "{place}: {body}"),
        "responses" => {
            assert_eq!(found.len(), 1, "{place}: {body}");
            assert_eq!(found[0]["encrypted_content"], TOKEN, "{place}: {body}");
            assert_eq!(
                found[0]["summary"],
                reasoning()["summary"],
                "{place}: {body}"
            );
        }
        "chat" => {
            assert_eq!(found.len(), 1, "{place}: {body}");
            let field = if talk.kind == "openrouter" {
                "reasoning_details"
            } else {
                "reasoning_content"
            };
            assert_eq!(found[0][field], message(talk)[field], "{place}: {body}");
        }
        _ => {
            let signed: Vec<_> = found
                .iter()
                .filter(|part| part.get("thoughtSignature").is_some())
                .collect();
            assert_eq!(signed.len(), 1, "{place}: {body}");
            assert_eq!(signed[0]["thoughtSignature"], TOKEN, "{place}: {body}");
            assert_eq!(
                signed[0]["functionCall"]["args"],
                json!({"q": "x"}),
                "{place}"
            );
        }
    }
}

/// A client that uses tools.
#[derive(Clone, Copy)]
pub(crate) struct ToolUser {
    /// What it speaks.
    pub(crate) talk: Talk,
    /// Whether it streams.
    pub(crate) streamed: bool,
    /// Whether it sends back only what its SDK knows.
    pub(crate) forgets: bool,
}

impl std::fmt::Debug for ToolUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (streamed, forgets) = (self.streamed, self.forgets);
        let name = self.talk.name();
        write!(f, "{name} (streamed: {streamed}, forgets: {forgets})")
    }
}

impl ToolUser {
    /// Where it asks.
    pub(crate) fn target(&self) -> String {
        self.talk.target("m", self.streamed)
    }

    /// The first question.
    pub(crate) fn first(&self) -> Value {
        let mut body = self.talk.body("m", self.streamed);
        let schema = json!({"type": "object", "properties": {"q": {"type": "string"}}});
        let tool = match self.talk.name() {
            "chat" => json!({"type": "function",
                "function": {"name": "look", "parameters": schema}}),
            "responses" => json!({"type": "function", "name": "look", "strict": false,
                "parameters": schema}),
            "anthropic" => json!({"name": "look", "input_schema": schema}),
            _ => json!({"functionDeclarations": [{"name": "look", "parameters": schema}]}),
        };
        body["tools"] = json!([tool]);
        match self.talk.name() {
            "responses" => {
                body["store"] = json!(false);
                body["reasoning"] = json!({"effort": "high", "summary": "auto"});
            }
            "chat" => body["reasoning_effort"] = json!("high"),
            "anthropic" => body["max_tokens"] = json!(9000),
            _ => {}
        }
        body
    }

    /// The second question: the conversation, what was answered, and the results of its calls.
    #[track_caller]
    pub(crate) fn second(&self, answer: &Answer) -> Value {
        let mut body = self.first();
        match self.talk.name() {
            "chat" => {
                let message = if self.streamed {
                    assembled(answer)
                } else {
                    answer.json()["choices"][0]["message"].clone()
                };
                let message = if self.forgets {
                    known(&message)
                } else {
                    message
                };
                let calls = message["tool_calls"].as_array().expect("calls").clone();
                let messages = body["messages"].as_array_mut().expect("messages");
                messages.push(message);
                messages.extend(calls.iter().map(|call| {
                    json!({"role": "tool", "tool_call_id": call["id"], "content": "the result"})
                }));
            }
            "responses" => {
                let output = self.output(answer);
                let calls = output.iter().filter(|item| item["type"] == "function_call");
                let results = calls.map(|call| {
                    json!({"type": "function_call_output", "call_id": call["call_id"],
                        "output": "the result"})
                });
                let results: Vec<_> = results.collect();
                assert!(!results.is_empty(), "no calls in {output:?}");
                let question = json!({"role": "user", "content": body["input"]});
                let items = [question].into_iter().chain(output).chain(results);
                body["input"] = items.collect();
            }
            "anthropic" => {
                let content = if self.streamed {
                    assembled_blocks(answer)
                } else {
                    answer.json()["content"].clone()
                };
                let blocks = content.as_array().expect("blocks").iter();
                let calls = blocks.filter(|block| block["type"] == "tool_use");
                let results = calls.map(|call| {
                    json!({"type": "tool_result", "tool_use_id": call["id"],
                        "content": "the result"})
                });
                let results: Vec<_> = results.collect();
                let messages = body["messages"].as_array_mut().expect("messages");
                messages.push(json!({"role": "assistant", "content": content}));
                messages.push(json!({"role": "user", "content": results}));
            }
            _ => {
                let parts: Vec<Value> = self.parts(answer);
                let calls = parts.iter().filter_map(|part| part.get("functionCall"));
                let results = calls.map(|call| {
                    json!({"functionResponse": {"name": call["name"], "id": call.get("id"),
                        "response": {"output": "the result"}}})
                });
                let results: Vec<_> = results.collect();
                let contents = body["contents"].as_array_mut().expect("contents");
                contents.push(json!({"role": "model", "parts": parts}));
                contents.push(json!({"role": "user", "parts": results}));
            }
        }
        body
    }

    fn output(&self, answer: &Answer) -> Vec<Value> {
        let response = if self.streamed {
            let events = answer.events();
            let last = events.last().expect("events");
            serde_json::from_str::<Value>(last).expect("JSON")["response"].clone()
        } else {
            answer.json()
        };
        response["output"].as_array().expect("output").clone()
    }

    fn parts(&self, answer: &Answer) -> Vec<Value> {
        let chunks: Vec<Value> = if self.streamed {
            let events = answer.events();
            let chunks = events.iter().map(|event| serde_json::from_str(event));
            chunks.collect::<Result<_, _>>().expect("JSON")
        } else {
            vec![answer.json()]
        };
        let parts = chunks
            .iter()
            .filter_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array());
        parts.flatten().cloned().collect()
    }
}

/// Of a message of Chat what SDKs send back.
fn known(message: &Value) -> Value {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let calls: Vec<_> = calls
        .map(|call| {
            json!({"id": call["id"], "type": "function", "function": {
                "name": call["function"]["name"], "arguments": call["function"]["arguments"]}})
        })
        .collect();
    json!({"role": "assistant", "content": message["content"], "tool_calls": calls})
}

/// The message that a stream of Chat adds up to.
fn assembled(answer: &Answer) -> Value {
    let mut message = json!({"role": "assistant", "content": null});
    let (mut calls, mut details) = (Vec::<Value>::new(), Vec::new());
    let mut text = String::new();
    for event in answer.events() {
        let Ok(event) = serde_json::from_str::<Value>(&event) else {
            continue;
        };
        let delta = &event["choices"][0]["delta"];
        text += delta["content"].as_str().unwrap_or_default();
        details.extend(
            delta["reasoning_details"]
                .as_array()
                .into_iter()
                .flatten()
                .cloned(),
        );
        for piece in delta["tool_calls"].as_array().into_iter().flatten() {
            let at = piece["index"]
                .as_u64()
                .and_then(|at| usize::try_from(at).ok());
            let at = at.expect("an index");
            if at == calls.len() {
                calls.push(json!({"type": "function", "id": piece["id"],
                    "function": {"name": piece["function"]["name"], "arguments": ""}}));
            }
            let more = piece["function"]["arguments"].as_str().unwrap_or_default();
            let so_far = calls[at]["function"]["arguments"]
                .as_str()
                .unwrap_or_default();
            calls[at]["function"]["arguments"] = json!(format!("{so_far}{more}"));
            if let Some(extra) = piece.get("extra_content") {
                calls[at]["extra_content"] = extra.clone();
            }
        }
    }
    if !text.is_empty() {
        message["content"] = json!(text);
    }
    if !details.is_empty() {
        message["reasoning_details"] = json!(details);
    }
    message["tool_calls"] = json!(calls);
    message
}

/// The blocks that a stream of Anthropic's adds up to.
fn assembled_blocks(answer: &Answer) -> Value {
    let (mut blocks, mut inputs) = (Vec::<Value>::new(), Vec::<String>::new());
    for event in answer.events() {
        let event: Value = serde_json::from_str(&event).expect("JSON");
        let delta = &event["delta"];
        let mut extend = |field: &str| {
            let block = blocks.last_mut().expect("a block");
            let text = format!(
                "{}{}",
                block[field].as_str().unwrap_or_default(),
                delta[field].as_str().unwrap_or_default()
            );
            block[field] = json!(text);
        };
        match (event["type"].as_str(), delta["type"].as_str()) {
            (Some("content_block_start"), _) => {
                blocks.push(event["content_block"].clone());
                inputs.push(String::new());
            }
            (_, Some("thinking_delta")) => extend("thinking"),
            (_, Some("signature_delta")) => extend("signature"),
            (_, Some("text_delta")) => extend("text"),
            (_, Some("input_json_delta")) => {
                let piece = delta["partial_json"].as_str().unwrap_or_default();
                inputs.last_mut().expect("a block").push_str(piece);
            }
            _ => {}
        }
    }
    for (block, input) in blocks.iter_mut().zip(inputs) {
        if block["type"] == "tool_use" {
            block["input"] = serde_json::from_str(&input).expect("whole arguments");
        }
    }
    json!(blocks)
}

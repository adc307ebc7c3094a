//! Calls of tools across dialects: names, arguments and results arrive as what they were.

use serde_json::{Value, json};

use crate::support::talk::{
    SAID, TALKS, TO_ANTHROPIC, TO_CHAT, TO_GEMINI, TO_RESPONSES, Talk, events, named,
};
use crate::support::thinker::{self, TO_DEEPSEEK, ToolUser};
use crate::support::{Answer, Config, Reply, Upstream};

/// The dialect of `talk` with a model that calls; Chat's is one that thinks aloud.
fn caller(talk: Talk) -> Talk {
    if talk.name() == "chat" {
        TO_DEEPSEEK
    } else {
        talk
    }
}

/// The names and arguments of the calls in a conversation as `talk` has it.
fn calls(talk: Talk, body: &Value) -> Vec<(String, Value)> {
    let lists = match talk.name() {
        "chat" | "anthropic" => &body["messages"],
        "responses" => &body["input"],
        _ => &body["contents"],
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let parsed = |value: &Value| serde_json::from_str(&text(value)).unwrap_or_default();
    let mut calls = Vec::new();
    for item in lists.as_array().expect("a conversation") {
        if item["type"] == "function_call" {
            calls.push((text(&item["name"]), parsed(&item["arguments"])));
        }
        for call in item["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            calls.push((text(&function["name"]), parsed(&function["arguments"])));
        }
        for block in item["content"].as_array().into_iter().flatten() {
            if block["type"] == "tool_use" {
                calls.push((text(&block["name"]), block["input"].clone()));
            }
        }
        for part in item["parts"].as_array().into_iter().flatten() {
            if let Some(call) = part.get("functionCall") {
                calls.push((text(&call["name"]), call["args"].clone()));
            }
        }
    }
    calls
}

#[tokio::test]
async fn a_call_and_its_result_make_the_round() {
    for upstream in TALKS.map(caller) {
        for talk in TALKS {
            for streamed in [false, true] {
                let user = ToolUser {
                    talk,
                    streamed,
                    forgets: false,
                };
                let place = format!("{user:?} to {}", upstream.name());
                let other = thinker::upstream(upstream).await;
                let config = Config::new().provider("a", &other, thinker::fields(upstream));
                let gateway = config.start().await;
                let client = gateway.client();
                let first = client.post(&user.target(), user.first()).send().await;
                let first = first.expect_status(200);
                let second = client.post(&user.target(), user.second(&first)).send();
                let second = second.await.expect_status(200);
                assert_eq!(talk.heard(&second, streamed).text, SAID, "{place}");
                let sent = other.requests()[1].json();
                let mut expected = vec![("look".to_owned(), json!({"q": "x"}))];
                if upstream.name() == "gemini" {
                    expected.push(("look".to_owned(), json!({"q": "y"})));
                }
                assert_eq!(calls(upstream, &sent), expected, "{place}: {sent}");
                let results = sent.to_string().matches("the result").count();
                assert_eq!(results, expected.len(), "{place}: {sent}");
            }
        }
    }
}

/// A question of Codex's: a tool that takes free text.
fn codex(streamed: bool) -> Value {
    json!({"model": "m", "input": "hello", "stream": streamed, "store": false, "tools": [
        {"type": "custom", "name": "apply_patch", "description": "patches",
            "format": {"type": "text"}}]})
}

const PATCH: &str = "*** Begin Patch\n\"gr\u{fc}\u{df}e\"\n*** End Patch";

/// An answer of `talk` that calls the emulated tool with the patch.
fn patching(talk: Talk, streamed: bool) -> Reply {
    let input = json!({"input": PATCH});
    let text = input.to_string();
    let mut answer = talk.answer();
    match (talk.name(), streamed) {
        ("anthropic", false) => {
            answer["content"] = json!([{"type": "tool_use", "id": "toolu_1",
                "name": "apply_patch", "input": input}]);
            answer["stop_reason"] = json!("tool_use");
        }
        ("anthropic", true) => {
            let (begun, _) = talk.halves();
            let start = begun
                .split_inclusive("\n\n")
                .next()
                .expect("a start")
                .to_owned();
            let mut all = vec![
                json!({"type": "content_block_start", "index": 0, "content_block":
                {"type": "tool_use", "id": "toolu_1", "name": "apply_patch", "input": {}}}),
            ];
            let cut = text.floor_char_boundary(text.len() / 2);
            for piece in [&text[..cut], &text[cut..]] {
                all.push(json!({"type": "content_block_delta", "index": 0,
                    "delta": {"type": "input_json_delta", "partial_json": piece}}));
            }
            all.push(json!({"type": "content_block_stop", "index": 0}));
            all.push(
                json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"},
                "usage": {"output_tokens": 17}}),
            );
            all.push(json!({"type": "message_stop"}));
            return Reply::stream().bytes(start + &named(all));
        }
        (_, false) => {
            answer["choices"][0]["message"] = json!({"role": "assistant", "content": null,
                "tool_calls": [{"id": "call_1", "type": "function",
                    "function": {"name": "apply_patch", "arguments": text}}]});
            answer["choices"][0]["finish_reason"] = json!("tool_calls");
        }
        (_, true) => {
            let chunk = |delta: Value, finish: Option<&str>| {
                json!({"id": "c", "choices": [{"index": 0, "delta": delta,
                    "finish_reason": finish}]})
                .to_string()
            };
            let call = json!([{"index": 0, "id": "call_1", "type": "function",
                "function": {"name": "apply_patch", "arguments": text}}]);
            return Reply::stream().bytes(events([
                chunk(json!({"role": "assistant"}), None),
                chunk(json!({"tool_calls": call}), None),
                chunk(json!({}), Some("tool_calls")),
                "[DONE]".to_owned(),
            ]));
        }
    }
    Reply::json(200, answer)
}

#[track_caller]
fn patch_call(answer: &Answer, streamed: bool) -> Value {
    let response = if streamed {
        let events = answer.events();
        let last = events.last().expect("events");
        serde_json::from_str::<Value>(last).expect("JSON")["response"].clone()
    } else {
        answer.json()
    };
    let output = response["output"].as_array().expect("output");
    let call = output
        .iter()
        .find(|item| item["type"] == "custom_tool_call");
    call.unwrap_or_else(|| panic!("{response}")).clone()
}

#[tokio::test]
async fn codexs_patches_are_text_on_any_upstream() {
    for upstream in [TO_ANTHROPIC, TO_CHAT] {
        for streamed in [false, true] {
            let other = Upstream::answering(move |request, _| {
                if request.text().contains("Done!") {
                    upstream.reply(streamed)
                } else {
                    patching(upstream, streamed)
                }
            })
            .await;
            let gateway = upstream.over(&other).start().await;
            let client = gateway.client();
            let mut body = codex(streamed);
            let answer = client.post("/v1/responses", &body).send().await;
            let call = patch_call(&answer.expect_status(200), streamed);
            let place = format!("{} ({streamed}): {call}", upstream.name());
            assert_eq!(call["name"], "apply_patch", "{place}");
            assert_eq!(call["input"], PATCH, "{place}");
            body["input"] = json!([{"role": "user", "content": "hello"}, call,
                {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "Done!"}]);
            let answer = client.post("/v1/responses", &body).send().await;
            let answer = answer.expect_status(200);
            assert_eq!(TO_RESPONSES.heard(&answer, streamed).text, SAID, "{place}");
            let sent = other.requests()[1].json();
            let expected = vec![("apply_patch".to_owned(), json!({"input": PATCH}))];
            assert_eq!(calls(upstream, &sent), expected, "{place}");
        }
    }
}

#[tokio::test]
async fn a_name_that_one_vendor_refuses_comes_back_as_the_client_knows_it() {
    let name = "files.read/all the things in a name that is longer than sixty-four letters";
    let schema = json!({"type": "object"});
    let mut body = TO_GEMINI.body("m", false);
    body["tools"] = json!([{"functionDeclarations": [{"name": name, "parameters": schema}]}]);
    let other = Upstream::answering(move |request, _| {
        let outward = request.json()["tools"][0]["function"]["name"].clone();
        let mut answer = TO_CHAT.answer();
        answer["choices"][0]["message"] = json!({"role": "assistant", "content": null,
            "tool_calls": [{"id": "call_1", "type": "function",
                "function": {"name": outward, "arguments": ""}}]});
        Reply::json(200, answer)
    })
    .await;
    let gateway = TO_CHAT.over(&other).start().await;
    let call = gateway.client().post(&TO_GEMINI.target("m", false), body);
    let json = call.send().await.expect_status(200).json();
    let part = &json["candidates"][0]["content"]["parts"][0]["functionCall"];
    assert_eq!(part["name"], name, "{json}");
    assert_eq!(part["args"], json!({}), "{json}");
    let sent = other.only_request().json();
    let outward = sent["tools"][0]["function"]["name"]
        .as_str()
        .expect("a name");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    assert!(
        outward.len() <= 64 && outward.chars().all(is_plain),
        "{outward}"
    );
}

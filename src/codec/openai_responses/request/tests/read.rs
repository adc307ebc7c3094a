//! Requests of the dialect, read; and written again as they came.

use serde_json::{Value, json};

use super::super::{decode_request, stateful_fields};
use super::{MODEL, sealed};
use crate::chat::extra::is_blank;
use crate::chat::part::{Image, Reasoning, Source, ToolKind};
use crate::chat::request::{Tool, ToolChoice};
use crate::chat::{Content, Opaque, OpaqueKind};
use crate::codec::openai_responses::testing::{encode, fixtures, json as fixture, map, request};

/// A request without the transport's fields, and without what says nothing.
fn bare(mut body: Value) -> Value {
    let fields = body.as_object_mut().expect("an object");
    for key in ["model", "stream", "stream_options"] {
        fields.shift_remove(key);
    }
    body
}

#[test]
fn a_request_of_the_dialect_is_written_as_it_came() {
    for (name, text) in fixtures("request") {
        let body: Value = serde_json::from_str(&text).expect("JSON");
        let request = decode_request(map(body.clone())).expect("a request");
        let (written, report) = encode(&request, MODEL);
        let written = written.expect("nothing to refuse");
        assert_eq!(written["model"], MODEL, "{name}");
        assert_eq!(bare(written), bare(body), "{name}");
        assert!(report.losses().is_empty(), "{name}: {report:?}");
        assert!(report.adjustments().is_empty(), "{name}: {report:?}");
    }
}

#[test]
fn what_no_other_dialect_knows_is_named() {
    let request = request("full");
    let names: Vec<&str> = request.leftovers.iter().collect();
    for name in [
        "previous_response_id",
        "conversation",
        "prompt",
        "background",
        "truncation",
        "include",
        "max_tool_calls",
        "client_metadata",
        "unheard_of",
        "reasoning.context",
        "tools[].tool_search",
        "tools[].defer_loading",
        "input[].phase",
        "prompt_cache_options",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    for name in ["input[].id", "input[].type", "model", "user", "text"] {
        assert!(!names.contains(&name), "{name} is in {names:?}");
    }
}

#[test]
fn fields_that_need_the_providers_memory_are_listed() {
    let full: Vec<_> = stateful_fields(&request("full")).collect();
    assert_eq!(
        full,
        [
            "previous_response_id",
            "conversation",
            "prompt",
            "background"
        ]
    );
    let body = json!({"input": "x", "background": false, "previous_response_id": null});
    let request = decode_request(map(body)).expect("a request");
    assert_eq!(stateful_fields(&request).count(), 0);
    assert_eq!(request.leftovers.iter().count(), 0);
}

#[test]
fn items_become_messages_one_by_one() {
    let request = request("codex");
    let kinds: Vec<String> = request
        .messages
        .iter()
        .map(|message| {
            let kind = match &message.parts[0].content {
                Content::Text(_) => "text",
                Content::Reasoning(_) => "thought",
                Content::ToolCall(call) if call.kind == ToolKind::Freeform => "custom call",
                Content::ToolCall(_) => "call",
                Content::ToolResult(_) => "result",
                _ => "other",
            };
            format!("{:?} {kind}", message.role)
        })
        .collect();
    let expected = [
        "Developer text",
        "User text",
        "User text",
        "Assistant thought",
        "Assistant custom call",
        "Tool result",
        "Assistant call",
        "Tool result",
        "Assistant text",
        "User text",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn a_group_of_tools_becomes_its_tools() {
    let request = request("codex");
    let tools: Vec<_> = request
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Function(tool) => ("function", tool.name.as_str(), tool.namespace.as_deref()),
            Tool::Freeform(tool) => ("custom", tool.name.as_str(), tool.namespace.as_deref()),
            Tool::WebSearch(tool) => ("search", tool.kind.as_str(), None),
            Tool::Foreign { kind, .. } => ("foreign", kind.as_str(), None),
        })
        .collect();
    let expected = [
        ("function", "exec_command", None),
        ("function", "send", Some("collaboration")),
        ("custom", "note", Some("collaboration")),
        ("custom", "apply_patch", None),
        ("search", "web_search", None),
    ];
    assert_eq!(tools, expected);
}

#[test]
fn tools_that_come_as_an_item_are_tools() {
    let request = request("codex_additional_tools");
    let [Tool::Freeform(tool)] = request.tools.as_slice() else {
        panic!("{:?}", request.tools);
    };
    assert_eq!(
        (tool.name.as_str(), tool.namespace.as_deref()),
        ("exec", Some("functions"))
    );
    assert!(request.messages[0].parts.is_empty());
}

#[test]
fn a_thought_without_text_or_with_a_null_content_is_read() {
    let body = json!({"input": [
        {"type": "reasoning", "summary": [], "content": null, "encrypted_content": "gAAA"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "a"},
            {"type": "summary_text", "text": "b"}], "encrypted_content": null},
    ]});
    let request = decode_request(map(body)).expect("a request");
    let thoughts: Vec<_> = request
        .messages
        .iter()
        .map(|message| match &message.parts[0].content {
            Content::Reasoning(thought) => thought.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let opaque = Opaque::unsealed(OpaqueKind::Encrypted, "gAAA");
    let expected = [
        Reasoning {
            text: String::new(),
            opaque: Some(opaque),
        },
        Reasoning {
            text: "a\n\nb".to_owned(),
            opaque: None,
        },
    ];
    assert_eq!(thoughts, expected);
}

#[test]
fn a_sealed_thought_comes_back_to_the_letter() {
    let token = sealed(OpaqueKind::Signature, "claude", Some("exact  words"));
    let body = json!({"input": [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "shortened"}],
         "encrypted_content": token.seal()}
    ]});
    let request = decode_request(map(body)).expect("a request");
    let Content::Reasoning(thought) = &request.messages[0].parts[0].content else {
        panic!("{:?}", request.messages);
    };
    assert_eq!(thought.text, "exact  words");
    assert_eq!(thought.opaque, Some(token));
}

#[test]
fn a_signature_without_a_place_goes_back_to_its_call_or_text() {
    let token = sealed(OpaqueKind::Thought, "google", None);
    let thought = json!({"type": "reasoning", "summary": [], "encrypted_content": token.seal()});
    let body = json!({"input": [
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}, thought,
        {"type": "function_call_output", "call_id": "a", "output": "x"},
        {"role": "assistant", "content": "said"}, thought, thought,
    ]});
    let request = decode_request(map(body)).expect("a request");
    assert_eq!(request.messages.len(), 4);
    match &request.messages[0].parts[0].content {
        Content::ToolCall(call) => assert_eq!(call.signature.as_ref(), Some(&token)),
        other => panic!("{other:?}"),
    }
    match &request.messages[2].parts[0].content {
        Content::Text(text) => assert_eq!(text.signature.as_ref(), Some(&token)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_conversation_with_sealed_thoughts_goes_home_without_our_ids() {
    let own = sealed(OpaqueKind::Encrypted, "openai", None);
    let other = sealed(OpaqueKind::Encrypted, "azure", None);
    let body = json!({"input": [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": own.seal()},
        {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": other.seal()},
        {"type": "reasoning", "id": "rs_3", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "f", "arguments": "{}"},
    ]});
    let request = decode_request(map(body)).expect("a request");
    let (written, report) = encode(&request, MODEL);
    let expected = json!([
        {"type": "reasoning", "summary": [], "encrypted_content": "payload"},
        {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"},
        {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"},
    ]);
    assert_eq!(written.expect("fine")["input"], expected);
    let dropped: Vec<_> = report.dropped().collect();
    assert_eq!(dropped, ["input[].reasoning"]);
}

#[test]
fn odd_spellings_are_understood() {
    let cases = [
        json!({"input": ["hi"]}),
        json!({"input": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}),
        json!({"input": [{"role": "user", "content": "hi"}], "instructions": null, "tools": null}),
        json!({"input": [{"role": "user", "content": ["hi"]}], "provider": "x", "alias": "y"}),
    ];
    for body in cases {
        let request = decode_request(map(body.clone())).expect("a request");
        assert_eq!(
            crate::codec::openai_responses::request::write_parts::text_of(
                &request.messages[0].parts[0]
            ),
            "hi",
            "{body}"
        );
        assert!(request.leftovers.iter().next().is_none(), "{body}");
    }
    let chat = json!({"input": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}]}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}}});
    let request = decode_request(map(chat)).expect("a request");
    assert!(matches!(&request.tools[0], Tool::Function(tool) if tool.name == "f"));
    assert!(matches!(&request.tool_choice, Some(ToolChoice::Named { name, .. }) if name == "f"));
    assert!(matches!(
        &request.messages[0].parts[0].content,
        Content::Image(Image { source: Source::Url { .. }, detail: Some(detail) }) if detail == "low"
    ));
}

#[test]
fn a_wrong_type_is_named() {
    let cases = [
        (json!({"input": 5}), "input"),
        (json!({"input": [5]}), "input[]"),
        (json!({"input": [{}]}), "input[].type"),
        (json!({"input": [{"role": "robot"}]}), "input[].role"),
        (
            json!({"input": [{"role": "user", "content": 1}]}),
            "input[].content",
        ),
        (
            json!({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}),
            "input[].content[].text",
        ),
        (
            json!({"input": [{"type": "function_call", "name": "f"}]}),
            "input[].call_id",
        ),
        (json!({"tools": [{}]}), "tools[].type"),
        (json!({"tools": [{"type": "function"}]}), "tools[].name"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"max_output_tokens": -1}), "max_output_tokens"),
        (
            json!({"text": {"format": {"type": "json_schema"}}}),
            "text.format.schema",
        ),
        (json!({"instructions": ["x"]}), "instructions"),
    ];
    for (body, field) in cases {
        let error = decode_request(map(body.clone())).expect_err("wrong");
        assert_eq!(error.field, field, "{body}");
    }
}

#[test]
fn hostile_values_never_panic() {
    fn places(value: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
        out.push(path.clone());
        let children: Vec<(String, &Value)> = match value {
            Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), v)).collect(),
            Value::Array(list) => list
                .iter()
                .enumerate()
                .map(|(at, v)| (at.to_string(), v))
                .collect(),
            _ => Vec::new(),
        };
        for (key, child) in children {
            path.push(key);
            places(child, path, out);
            path.pop();
        }
    }
    let mut tried = 0;
    for (_, text) in fixtures("request") {
        let body: Value = serde_json::from_str(&text).expect("JSON");
        let mut all = Vec::new();
        places(&body, &mut Vec::new(), &mut all);
        for path in all.iter().filter(|path| !path.is_empty()) {
            for odd in [
                json!(null),
                json!(5),
                json!([]),
                json!([[]]),
                json!({}),
                json!(""),
            ] {
                let mut broken = body.clone();
                let place = path.iter().fold(&mut broken, |value, key| match value {
                    Value::Array(list) => &mut list[key.parse::<usize>().expect("a place")],
                    value => &mut value[key],
                });
                *place = odd;
                tried += 1;
                if let Ok(request) = decode_request(map(broken)) {
                    let _ = encode(&request, MODEL);
                }
            }
        }
    }
    assert!(tried > 5_000, "{tried}");
    assert!(!is_blank(&fixture("request", "full")));
}

//! Bodies of other vendors, posted to the Chat endpoint.

use serde_json::{Value, json};

use super::{decode, encode};

/// The body a Chat upstream gets for an odd one, and the odd one for a message.
fn adapted(odd: &Value) -> Value {
    let (mut body, report) = encode(&decode(odd.clone()));
    assert_eq!(report.losses(), [], "{odd}");
    body.remove("model");
    Value::Object(body)
}

#[test]
fn settings_of_other_vendors_are_chats() {
    let table = [
        (json!({"stop_sequences": ["a"]}), json!({"stop": ["a"]})),
        (json!({"max_tokens_to_sample": 5}), json!({"max_tokens": 5})),
        (json!({"max_output_tokens": 5}), json!({"max_tokens": 5})),
        (
            json!({"generationConfig": {"temperature": 0.5, "topP": 0.9, "maxOutputTokens": 7, "stopSequences": ["b"], "candidateCount": 2, "topK": 3}}),
            json!({"temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "stop": ["b"], "n": 2, "top_k": 3}),
        ),
        (
            json!({"generation_config": {"max_output_tokens": 7, "response_mime_type": "application/json"}}),
            json!({"max_tokens": 7, "response_format": {"type": "json_object"}}),
        ),
        (
            json!({"generationConfig": {"responseSchema": {"type": "OBJECT"}}}),
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "response", "schema": {"type": "object"}}}}),
        ),
        (
            json!({"generationConfig": {"thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": true}}}),
            json!({"reasoning_effort": "high"}),
        ),
        (
            json!({"system": "x", "thinking": {"type": "enabled", "budget_tokens": 2048}}),
            json!({"reasoning_effort": "low"}),
        ),
        (
            json!({"output_config": {"effort": "max", "format": {"type": "json_schema", "schema": {}}}}),
            json!({"reasoning_effort": "max", "response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}),
        ),
        (
            json!({"tools": [{"name": "f", "input_schema": {"type": "object"}}], "tool_choice": {"type": "any", "disable_parallel_tool_use": true}}),
            json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}], "tool_choice": "required", "parallel_tool_calls": false}),
        ),
        (
            json!({"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "STRING"}}]}],
                "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}}),
            json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}],
                "tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ),
        (
            json!({"tools": [{"type": "function", "name": "f", "parameters": {}}], "tool_choice": {"type": "function", "name": "f"}}),
            json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}], "tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ),
        (
            json!({"text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "schema": {}, "strict": true}}}),
            json!({"verbosity": "low", "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": true}}}),
        ),
    ];
    for (mut odd, expected) in table {
        odd["contents"] = json!([]);
        let mut body = adapted(&odd);
        if let Some(body) = body.as_object_mut() {
            body.remove("messages");
        }
        assert_eq!(body, expected, "{odd}");
    }
}

#[test]
fn conversations_of_other_vendors_are_chats() {
    let user = json!({"role": "user", "content": "hi"});
    let call = |id: &str| {
        json!({"role": "assistant", "content": null, "tool_calls": [
            {"id": id, "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]})
    };
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "ok"});
    let named =
        |id: &str| json!({"role": "tool", "tool_call_id": id, "name": "f", "content": "ok"});
    let table = [
        (json!({"input": "hi"}), json!([user])),
        (json!({"input": ["hi"]}), json!([user])),
        (json!({"contents": "hi"}), json!([user])),
        (
            json!({"contents": {"parts": [{"text": "hi"}]}}),
            json!([{"role": "user", "content": "hi"}]),
        ),
        (
            json!({"input": [{"type": "text", "text": "hi"}]}),
            json!([user]),
        ),
        (
            json!({"system": "be kind", "messages": [user]}),
            json!([{"role": "system", "content": "be kind"}, user]),
        ),
        (
            json!({"systemInstruction": {"parts": [{"text": "be"}, {"text": "kind"}]}, "contents": [user]}),
            json!([{"role": "system", "content": "be\n\nkind"}, user]),
        ),
        (
            json!({"contents": [
                {"role": "user", "parts": [{"text": "hi"}]},
                {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
                {"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {"result": "ok"}}}]},
            ]}),
            json!([{"role": "user", "content": [{"type": "text", "text": "hi"}]}, call("call_1"), named("call_1")]),
        ),
        (
            json!({"messages": [
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "ok"}]}, {"type": "text", "text": "go on"}]},
            ]}),
            json!([
                call("t1"),
                result("t1"),
                {"role": "user", "content": [{"type": "text", "text": "go on"}]},
            ]),
        ),
        (
            json!({"instructions": "be kind", "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"},
                {"type": "function_call_output", "call_id": "c1", "output": "ok"},
            ]}),
            json!([{"role": "system", "content": "be kind"}, {"role": "user", "content": [{"type": "text", "text": "hi"}]}, call("c1"), result("c1")]),
        ),
        (
            json!({"messages": [{"role": "user", "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
                {"type": "input_image", "image_url": "https://e.org/a.png"},
            ]}]}),
            json!([{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": "words"},
                {"type": "image_url", "image_url": "https://e.org/a.png"},
            ]}]),
        ),
    ];
    for (odd, expected) in table {
        let mut body = adapted(&odd);
        let mut messages = body["messages"].take();
        // Null content and none are the same to everybody.
        for message in messages.as_array_mut().into_iter().flatten() {
            if message.get("tool_calls").is_some() && message.get("content").is_none() {
                message["content"] = Value::Null;
            }
        }
        assert_eq!(messages, expected, "{odd}");
    }
}

#[test]
fn a_failed_result_says_so() {
    let odd = json!({"messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "is_error": true, "content": "no"}]},
    ]});
    let body = adapted(&odd);
    assert_eq!(body["messages"][1]["content"], "[tool error] no");
}

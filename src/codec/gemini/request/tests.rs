//! Requests of Gemini's own clients: read, and written back as they were.

use serde_json::{Value, json};

use super::decode_request;
use crate::chat::part::{Content, Source};
use crate::chat::request::{Format, Tool, ToolChoice};
use crate::chat::{Effort, OpaqueKind, Part, Request, Role};
use crate::codec::gemini::count::{count_request, decode_count};
use crate::codec::gemini::fixtures::{all, broken, encode_for, object};
use crate::codec::gemini::signature;

pub(super) fn decode(body: Value) -> Request {
    let Value::Object(body) = body else {
        panic!("not an object: {body}");
    };
    decode_request(body).expect("a request")
}

#[test]
fn a_request_comes_back_as_it_was() {
    for (name, text) in all("request") {
        let body = object(&text);
        let request = decode_request(body.clone()).expect("a request");
        let (written, report) = encode_for("gemini-3-pro", &request);
        let written = written.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(Value::Object(written), Value::Object(body), "{name}");
        assert_eq!(report.losses(), [], "{name}");
        assert_eq!(report.adjustments(), [], "{name}");
    }
}

#[test]
fn every_field_of_the_dialect_is_read_or_left_over() {
    let (_, text) = all("request")
        .into_iter()
        .find(|(name, _)| name == "full")
        .expect("there");
    let request = decode_request(object(&text)).expect("a request");
    let left: Vec<_> = request.leftovers.iter().collect();
    for expected in [
        "cachedContent",
        "modelArmorConfig",
        "generationConfig.speechConfig",
        "generationConfig.imageConfig",
        "generationConfig.mediaResolution",
        "generationConfig.responseModalities",
        "toolConfig.retrievalConfig",
        "contents[].parts[].videoMetadata",
        "contents[].parts[].functionResponse.scheduling",
        "tools[].functionDeclarations[].behavior",
    ] {
        assert!(left.contains(&expected), "{expected} not in {left:?}");
    }
    let known = [
        "contents",
        "temperature",
        "parameters",
        "parts",
        "thoughtSignature",
    ];
    for known in known {
        assert!(!left.iter().any(|path| path.ends_with(known)), "{known}");
    }
    assert!(!left.contains(&"safetySettings"), "a note, not a loss");
}

#[test]
fn both_spellings_mean_the_same() {
    let camel = json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"snake_key": 1}}, "thoughtSignature": "c2ln"}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"result": 1}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object", "properties": {"snake_key": {"type": "string"}}}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"maxOutputTokens": 16, "thinkingConfig": {"includeThoughts": true, "thinkingBudget": 0}},
    });
    let snake = json!({
        "system_instruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"inline_data": {"mime_type": "image/png", "data": "AAAA"}}]},
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {"snake_key": 1}}, "thought_signature": "c2ln"}]},
            {"role": "user", "parts": [{"function_response": {"name": "f", "response": {"result": 1}}}]},
        ],
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object", "properties": {"snake_key": {"type": "string"}}}}]}],
        "tool_config": {"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        "generation_config": {"max_output_tokens": "16", "thinking_config": {"include_thoughts": true, "thinking_budget": "0"}},
    });
    let (camel, snake) = (decode(camel), decode(snake));
    assert_eq!(camel.messages, snake.messages);
    assert_eq!(camel.instructions, snake.instructions);
    assert_eq!(camel.tools, snake.tools);
    assert_eq!(camel.tool_choice, snake.tool_choice);
    assert_eq!((camel.max_tokens, snake.max_tokens), (Some(16), Some(16)));
    assert_eq!(camel.thinking, snake.thinking);
    let Content::ToolCall(call) = &camel.messages[1].parts[0].content else {
        panic!("no call");
    };
    assert_eq!(call.arguments, r#"{"snake_key":1}"#);
}

#[test]
fn odd_shapes_of_contents_are_understood() {
    let texts = |contents: Value| {
        let request = decode(json!({ "contents": contents }));
        let text = |part: &Part| part.as_plain_text().unwrap_or("?").to_owned();
        let messages = request.messages.into_iter();
        let messages = messages.map(|message| {
            let texts: Vec<_> = message.parts.iter().map(text).collect();
            (message.role, texts.join("|"))
        });
        messages.collect::<Vec<_>>()
    };
    let user = |text: &str| (Role::User, text.to_owned());
    assert_eq!(texts(json!("hi")), [user("hi")]);
    assert_eq!(texts(json!({"parts": {"text": "hi"}})), [user("hi")]);
    assert_eq!(texts(json!({"parts": ["a", {"text": "b"}]})), [user("a|b")]);
    assert_eq!(texts(json!(["a", {"text": "b"}])), [user("a|b")]);
    assert_eq!(texts(json!([{"role": "user", "parts": null}, null])), []);
    assert_eq!(
        texts(json!([{"role": "model", "parts": [{"text": ""}]}])),
        []
    );
    assert_eq!(
        texts(json!([{"role": "model", "parts": [{"text": "a"}]}, "b"])),
        [(Role::Assistant, "a".to_owned()), user("b")]
    );
    let instructions = |value: Value| decode(json!({"systemInstruction": value})).instructions;
    for value in [
        json!("s"),
        json!({"text": "s"}),
        json!([{"text": "s"}]),
        json!({"role": "user", "parts": [{"text": "s"}]}),
    ] {
        assert_eq!(instructions(value.clone()), [Part::text("s")], "{value}");
    }
}

#[test]
fn results_find_their_calls() {
    let request = decode(json!({"contents": [
        {"role": "model", "parts": [
            {"functionCall": {"name": "f"}}, {"functionCall": {"name": "g", "id": "own"}}, {"functionCall": {"name": "f"}}]},
        {"role": "user", "parts": [
            {"functionResponse": {"name": "g", "response": {}}},
            {"functionResponse": {"name": "f", "response": {"error": "no"}}},
            {"functionResponse": {"name": "f", "response": {"a": 1, "b": 2}}}]},
    ]}));
    let results: Vec<_> = request.messages[1]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::ToolResult(result) => {
                let text = result.parts.first().and_then(Part::as_plain_text);
                (
                    result.id.as_str(),
                    text.unwrap_or_default(),
                    result.is_error,
                )
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        ("own", "{}", false),
        ("call_agw_0", "no", true),
        ("call_agw_2", r#"{"a":1,"b":2}"#, false),
    ];
    assert_eq!(results, expected);
}

#[test]
fn answers_of_tools_are_unwrapped() {
    let table = [
        (json!({"output": "x"}), "x", false),
        (json!({"result": "x"}), "x", false),
        (json!({"result": 42}), "42", false),
        (json!({"output": {"a": [1]}}), r#"{"a":[1]}"#, false),
        (json!({"content": "x"}), "x", false),
        (json!({"content": 1}), r#"{"content":1}"#, false),
        (json!({"error": {"code": 1}}), r#"{"code":1}"#, true),
        (
            json!({"output": "x", "error": "y"}),
            r#"{"output":"x","error":"y"}"#,
            false,
        ),
    ];
    for (response, text, is_error) in table {
        let request = decode(
            json!({"contents": [{"parts": [{"functionResponse": {"name": "f", "response": response}}]}]}),
        );
        let Content::ToolResult(result) = &request.messages[0].parts[0].content else {
            panic!("no result");
        };
        assert_eq!(result.parts, [Part::text(text)], "{response}");
        assert_eq!(result.is_error, is_error, "{response}");
    }
}

#[test]
fn choices_of_tools_are_read() {
    let allowed = |is_required, names: &[&str]| ToolChoice::Allowed {
        is_required,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let table = [
        (json!({"mode": "AUTO"}), Some(ToolChoice::Auto)),
        (json!({"mode": "none"}), Some(ToolChoice::None)),
        (json!({"mode": "ANY"}), Some(ToolChoice::Required)),
        (
            json!({"mode": "ANY", "allowedFunctionNames": ["f"]}),
            Some(ToolChoice::Named {
                name: "f".into(),
                namespace: None,
            }),
        ),
        (
            json!({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
            Some(allowed(true, &["f", "g"])),
        ),
        (
            json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
            Some(allowed(false, &["f"])),
        ),
        (json!({"mode": "VALIDATED"}), Some(ToolChoice::Auto)),
        (json!({"mode": "MODE_UNSPECIFIED"}), None),
        (json!({}), None),
    ];
    for (config, choice) in table {
        let request = decode(json!({"toolConfig": {"functionCallingConfig": config}}));
        assert_eq!(request.tool_choice, choice, "{config}");
    }
}

#[test]
fn the_form_of_the_answer_is_read() {
    let format = |config: Value| decode(json!({ "generationConfig": config })).format;
    assert_eq!(
        format(json!({"responseMimeType": "application/json"})),
        Some(Format::Json)
    );
    assert_eq!(
        format(json!({"responseMimeType": "text/plain"})),
        Some(Format::Text)
    );
    assert_eq!(format(json!({})), None);
    let upper = format(
        json!({"responseMimeType": "application/json", "responseJsonSchema": {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}}),
    );
    let Some(Format::Schema { schema, .. }) = upper else {
        panic!("no schema");
    };
    assert_eq!(
        schema,
        json!({"type": "object", "properties": {"a": {"type": "string"}}})
    );
    let request = decode(
        json!({"generationConfig": {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}}}),
    );
    assert_eq!(request.format, None);
    let left: Vec<_> = request.leftovers.iter().collect();
    assert_eq!(
        left,
        [
            "generationConfig.responseMimeType",
            "generationConfig.responseSchema"
        ]
    );
}

#[test]
fn settings_are_read() {
    let request = decode(json!({
        "generationConfig": {
            "candidateCount": 2, "seed": "7", "responseLogprobs": true,
            "thinkingConfig": {"thinkingLevel": "THINKING_LEVEL_HIGH", "includeThoughts": false},
            "stopSequences": ["a"],
        },
        "serviceTier": "SERVICE_TIER_STANDARD", "store": false, "labels": {"a": "b"}, "model": "models/x",
        "provider": "p", "extra_body": {"x": 1},
    }));
    assert_eq!(request.candidates, Some(2));
    assert_eq!(request.sampling.seed, Some(7.into()));
    assert_eq!(request.logprobs, Some(0));
    let thinking = request.thinking.expect("thinking");
    assert_eq!(
        (thinking.effort, thinking.is_shown),
        (Some(Effort::High), Some(false))
    );
    assert_eq!(request.service_tier.as_deref(), Some("default"));
    assert_eq!(request.store, Some(false));
    assert_eq!(request.leftovers.iter().count(), 0);
}

#[test]
fn tools_come_in_any_number_of_objects() {
    let request = decode(json!({"tools": [
        {"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}], "googleSearch": {}},
        {"function_declarations": {"name": "g"}}, {"url_context": {}}, {},
    ]}));
    let kinds: Vec<_> = request
        .tools
        .iter()
        .map(|tool| match tool {
            Tool::Function(function) => function.name.clone(),
            Tool::WebSearch(search) => search.kind.clone(),
            Tool::Foreign { kind, .. } => kind.clone(),
            Tool::Freeform(tool) => tool.name.clone(),
        })
        .collect();
    assert_eq!(kinds, ["f", "googleSearch", "g", "urlContext"]);
}

#[test]
fn media_may_be_looked_at_closely() {
    let request = decode(json!({"contents": [{"parts": [
        {"inlineData": {"mimeType": "image/png", "data": "AA"}, "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}},
        {"inlineData": {"mimeType": "image/png", "data": "AA"}, "mediaResolution": {"level": "MEDIA_RESOLUTION_MEDIUM"}},
    ]}]}));
    let details: Vec<_> = request.messages[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::Image(image) => {
                assert!(matches!(image.source, Source::Data { .. }));
                image.detail.as_deref()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(details, [Some("low"), None]);
    assert_eq!(request.leftovers.iter().count(), 1);
}

#[test]
fn the_sentinel_is_nothing_to_lose_elsewhere() {
    let slot = signature::SENTINEL;
    let request = decode(json!({"contents": [{"role": "model", "parts": [
        {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": slot},
        {"text": "a", "thoughtSignature": "c2ln"},
    ]}]}));
    let parts = &request.messages[0].parts;
    assert!(matches!(&parts[0].content, Content::ToolCall(call) if call.signature.is_none()));
    let Content::Text(text) = &parts[1].content else {
        panic!("no text");
    };
    assert_eq!(
        text.signature.as_ref().map(|token| token.kind),
        Some(OpaqueKind::Thought)
    );
    assert_eq!(request.leftovers.iter().count(), 0);
}

#[test]
fn counting_wraps_and_unwraps_a_request() {
    for (_, text) in all("request") {
        let body = object(&text);
        let direct = decode_request(body.clone()).expect("a request");
        let wrapped = count_request(body, "gemini-3-pro");
        assert_eq!(
            wrapped["generateContentRequest"]["model"],
            "models/gemini-3-pro"
        );
        assert_eq!(decode_count(wrapped), Ok(direct));
    }
    let plain = object(r#"{"contents": [{"parts": [{"text": "a"}]}]}"#);
    assert_eq!(decode_count(plain).expect("a request").messages.len(), 1);
}

#[test]
fn no_request_breaks_the_decoder() {
    let mut read = 0;
    for (_, text) in all("request") {
        for document in broken(&Value::Object(object(&text))) {
            let Value::Object(body) = document else {
                continue;
            };
            if let Ok(request) = decode_request(body) {
                read += 1;
                let _ = encode_for("gemini-2.5-flash", &request);
            }
        }
    }
    assert!(read > 500, "{read}");
}

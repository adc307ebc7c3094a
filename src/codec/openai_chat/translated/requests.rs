//! The rows of the reference: from another dialect's request, and into one.

use serde_json::{Number, Value, json};

use super::{decode, dropped, encode_for, encode_with};
use crate::chat::part::{CacheMark, Content, ToolCall, ToolKind, ToolResult};
use crate::chat::request::{
    Format, Freeform, Function, Message, Sampling, Thinking, ThinkingMode, Tool, ToolChoice,
    WebSearch,
};
use crate::chat::{Dialect, Effort, Part, Report, Request, Role};
use crate::provider::Quirk;
use crate::provider::knowledge::{Accepts, Knowledge};

/// A request of Anthropic's with these messages.
pub(super) fn request(messages: Vec<Message>) -> Request {
    Request {
        messages,
        ..Request::new(Dialect::Anthropic)
    }
}

pub(super) fn user(parts: Vec<Part>) -> Message {
    Message::new(Role::User, parts)
}

pub(super) fn assistant(parts: Vec<Part>) -> Message {
    Message::new(Role::Assistant, parts)
}

pub(super) fn hello() -> Request {
    request(vec![user(vec![Part::text("hi")])])
}

pub(super) fn call(id: &str) -> Part {
    Part::new(Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: "{}".to_owned(),
        ..ToolCall::default()
    }))
}

pub(super) fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::new(Content::ToolResult(ToolResult {
        id: id.to_owned(),
        parts,
        ..ToolResult::default()
    }))
}

pub(super) fn written(request: &Request, quirks: &[Quirk]) -> (Value, Report) {
    let (body, report) = encode_for(request, "m", quirks).expect("no refusal");
    (Value::Object(body), report)
}

#[test]
fn scalars_are_read_in_every_spelling() {
    let request = decode(
        json!({"messages": [], "max_completion_tokens": 5, "max_tokens": 3,
        "temperature": 0.5, "stop": "x", "logprobs": true, "n": 2.0, "user": "u",
        "safety_identifier": "s", "store": false, "verbosity": null, "service_tier": "flex",
        "prompt_cache_key": "k", "metadata": {"a": "b"}, "reasoning_effort": "xhigh",
        "logit_bias": {"1": 2}, "provider": "p", "alias": "a", "extra_body": {}, "strict_alias": true}),
    );
    assert_eq!(request.max_tokens, Some(5));
    assert_eq!(request.sampling.stop, ["x"]);
    assert_eq!(request.logprobs, Some(0));
    assert_eq!(request.candidates, Some(2));
    assert_eq!(request.user.as_deref(), Some("s"));
    assert_eq!(request.store, Some(false));
    let level = request.thinking.as_ref().and_then(Thinking::level);
    assert_eq!(level, Some(Effort::Xhigh));
    assert_eq!(request.leftovers.iter().collect::<Vec<_>>(), ["logit_bias"]);
}

#[test]
fn thinking_is_read_in_every_spelling() {
    let table = [
        (
            json!({"reasoning": {"effort": "low", "exclude": true}}),
            Some(Effort::Low),
        ),
        (
            json!({"reasoning": {"max_tokens": 9000}}),
            Some(Effort::Medium),
        ),
        (
            json!({"thinking": {"type": "disabled"}}),
            Some(Effort::None),
        ),
        (json!({"thinking": {"type": "enabled"}}), None),
        (json!({"reasoning": {"enabled": false}}), Some(Effort::None)),
    ];
    for (mut body, expected) in table {
        body["messages"] = json!([]);
        let thinking = decode(body.clone()).thinking.expect("said");
        assert_eq!(thinking.level(), expected, "{body}");
    }
    let odd = decode(json!({"messages": [], "reasoning_effort": "extreme"}));
    assert_eq!(odd.thinking, None);
    assert_eq!(
        odd.leftovers.iter().collect::<Vec<_>>(),
        ["reasoning_effort"]
    );
}

#[test]
fn wrong_types_name_their_field() {
    for (body, field) in [
        (json!({}), "messages"),
        (json!({"messages": 7}), "messages"),
        (json!({"messages": [7]}), "messages[]"),
        (json!({"messages": [{"role": 7}]}), "messages[].role"),
        (json!({"messages": [{"role": "robot"}]}), "messages[].role"),
        (
            json!({"messages": [{"role": "user", "content": 7}]}),
            "messages[].content",
        ),
        (json!({"messages": [], "temperature": "hot"}), "temperature"),
        (
            json!({"messages": [], "tools": [{"type": "function", "function": {}}]}),
            "tools[].function.name",
        ),
        (json!({"messages": [], "stop": [1]}), "stop"),
    ] {
        let error = super::decode_request(super::object(&body.to_string())).expect_err("an error");
        assert_eq!(error.field, field, "{body}");
    }
}

#[test]
fn the_name_of_the_limit_is_the_hosts() {
    let mut request = hello();
    request.max_tokens = Some(100_000);
    let limited = Knowledge {
        max_output: Some(64),
        ..Knowledge::nothing()
    };
    let newer = Knowledge {
        max_completion_tokens: true,
        ..Knowledge::nothing()
    };
    let table: [(&Knowledge, &[Quirk], &str, u64); 4] = [
        (&Knowledge::nothing(), &[], "max_tokens", 100_000),
        (
            &Knowledge::nothing(),
            &[Quirk::OpenAiHost],
            "max_completion_tokens",
            100_000,
        ),
        (&newer, &[], "max_completion_tokens", 100_000),
        (&limited, &[], "max_tokens", 64),
    ];
    for (knowledge, quirks, key, tokens) in table {
        let (body, report) = encode_with(&request, "m", quirks, knowledge).expect("no refusal");
        assert_eq!(body[key], tokens);
        assert_eq!(report.adjustments().len(), usize::from(tokens == 64));
    }
}

#[test]
fn what_a_thinking_model_refuses_is_dropped_by_the_clients_name() {
    let number = |value| Number::from_f64(value);
    let sampling = Sampling {
        temperature: number(0.5),
        top_p: number(0.5),
        top_k: number(4.0),
        seed: None,
        frequency_penalty: number(0.5),
        presence_penalty: number(0.5),
        stop: vec!["x".to_owned()],
    };
    let request = Request {
        sampling,
        logprobs: Some(1),
        ..hello()
    };
    let knowledge = Knowledge {
        sampling: Accepts::Never,
        stop: Accepts::Never,
        ..Knowledge::nothing()
    };
    let (body, report) = encode_with(&request, "m", &[Quirk::TopK], &knowledge).expect("fine");
    let mut lost = dropped(&report);
    lost.sort_unstable();
    let expected = [
        "frequency_penalty",
        "logprobs",
        "presence_penalty",
        "stop_sequences",
        "temperature",
        "top_k",
        "top_p",
    ];
    assert_eq!(lost, expected);
    assert_eq!(body.keys().collect::<Vec<_>>(), ["model", "messages"]);
    let (_, report) = written(&request, &[]);
    assert_eq!(dropped(&report), ["top_k"]);
}

#[test]
fn what_only_openai_has_is_not_sent_elsewhere() {
    let request = Request {
        metadata: Some(super::object(r#"{"a":"b"}"#)),
        user: Some("x".repeat(80)),
        service_tier: Some("priority".to_owned()),
        verbosity: Some("low".to_owned()),
        cache_key: Some("k".to_owned()),
        store: Some(true),
        ..hello()
    };
    let (body, report) = written(&request, &[Quirk::OpenAiHost]);
    assert_eq!(report.losses(), []);
    assert_eq!(body["safety_identifier"].as_str().map(str::len), Some(64));
    for key in [
        "metadata",
        "service_tier",
        "verbosity",
        "prompt_cache_key",
        "store",
    ] {
        assert!(body.get(key).is_some(), "{key}");
    }
    let (body, report) = written(&request, &[]);
    assert_eq!(dropped(&report), ["service_tier", "verbosity"]);
    assert_eq!(report.losses().len(), 5);
    assert_eq!(
        body.as_object().map(serde_json::Map::len),
        Some(3),
        "{body}"
    );
    let (body, _) = written(&hello(), &[Quirk::OpenAiHost]);
    assert_eq!(body["store"], false, "OpenAI keeps answers unless told");
}

#[test]
fn a_schema_is_named_and_strict_only_if_it_can_be() {
    let fits =
        json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false});
    let loose = json!({"type": "object", "properties": {"a": {}}});
    for (schema, asked, given, adjustments) in [
        (&fits, None, true, 0),
        (&loose, None, false, 0),
        (&loose, Some(true), false, 1),
        (&fits, Some(false), false, 0),
    ] {
        let format = Format::Schema {
            name: None,
            description: None,
            schema: schema.clone(),
            strict: asked,
        };
        let request = Request {
            format: Some(format),
            ..hello()
        };
        let (body, report) = written(&request, &[]);
        let inner = &body["response_format"]["json_schema"];
        assert_eq!(
            (&inner["name"], &inner["strict"]),
            (&json!("response"), &json!(given))
        );
        assert_eq!(report.adjustments().len(), adjustments);
    }
}

#[test]
fn tools_of_a_client_are_said_as_functions() {
    let freeform = Tool::Freeform(Freeform {
        name: "patch".to_owned(),
        format: Some(json!({"type": "grammar", "syntax": "lark", "definition": "start: x"})),
        ..Freeform::default()
    });
    let function = Tool::Function(Function {
        name: "f".to_owned(),
        strict: Some(false),
        cache: Some(CacheMark::default()),
        ..Function::default()
    });
    let history = Part::new(Content::ToolCall(ToolCall {
        id: "a".to_owned(),
        name: "patch".to_owned(),
        arguments: "*** x".to_owned(),
        kind: ToolKind::Freeform,
        ..ToolCall::default()
    }));
    let request = Request {
        tools: vec![freeform, function],
        ..request(vec![assistant(vec![history])])
    };
    let (body, report) = written(&request, &[]);
    let emulated = &body["tools"][0]["function"];
    assert_eq!(emulated["parameters"]["required"], json!(["input"]));
    assert!(
        emulated["description"]
            .as_str()
            .is_some_and(|text| text.contains("start: x"))
    );
    assert_eq!(
        body["tools"][1],
        json!({"type": "function", "function": {"name": "f"}})
    );
    let call = &body["messages"][0]["tool_calls"][0]["function"];
    assert_eq!(call["arguments"], "{\"input\":\"*** x\"}");
    assert_eq!((dropped(&report).len(), report.losses().len()), (0, 1));
    let (body, _) = written(&request, &[Quirk::OpenAiHost]);
    assert_eq!(
        body["tools"][0]["custom"]["format"]["grammar"]["syntax"],
        "lark"
    );
    assert_eq!(
        body["messages"][0]["tool_calls"][0]["custom"]["input"],
        "*** x"
    );
}

#[test]
fn hosted_tools_are_searched_for_a_word_or_refused() {
    let search = WebSearch {
        kind: "web_search_20250305".to_owned(),
        location: Some(json!({"type": "approximate", "city": "Paris"})),
        ..WebSearch::default()
    };
    let request = Request {
        tools: vec![Tool::WebSearch(search)],
        tool_choice: Some(ToolChoice::Auto),
        ..hello()
    };
    let (body, report) = written(&request, &[]);
    assert_eq!(dropped(&report), ["tools[].web_search_20250305"]);
    assert!(body.get("tools").is_none() && body.get("tool_choice").is_none());
    let (body, _) = written(&request, &[Quirk::WebSearchOptions]);
    let city = &body["web_search_options"]["user_location"]["approximate"]["city"];
    assert_eq!(city, "Paris");
    let hosted = Request {
        tools: vec![Tool::Foreign {
            kind: "computer_20250124".to_owned(),
            value: json!({}),
        }],
        ..hello()
    };
    let refusal = encode_for(&hosted, "m", &[]).expect_err("a refusal");
    assert!(refusal.message.contains("computer_20250124"));
}

#[test]
fn choices_of_tools_are_said() {
    let tool = |name: &str| {
        Tool::Function(Function {
            name: name.to_owned(),
            ..Function::default()
        })
    };
    let named = json!({"type": "function", "function": {"name": "f"}});
    let only_f = vec!["f".to_owned()];
    let table = [
        (ToolChoice::Auto, json!("auto")),
        (ToolChoice::None, json!("none")),
        (ToolChoice::Required, json!("required")),
        (
            ToolChoice::Named {
                name: "f".to_owned(),
                namespace: None,
            },
            named,
        ),
        (
            ToolChoice::Allowed {
                is_required: true,
                names: only_f,
            },
            json!("required"),
        ),
        (ToolChoice::Foreign(json!({"type": "x"})), Value::Null),
    ];
    for (choice, expected) in table {
        let request = Request {
            tools: vec![tool("f"), tool("g")],
            tool_choice: Some(choice.clone()),
            ..hello()
        };
        let (body, _) = written(&request, &[]);
        assert_eq!(body["tool_choice"], expected, "{choice:?}");
        let count = body["tools"].as_array().map(Vec::len);
        let is_filtered = matches!(choice, ToolChoice::Allowed { .. });
        assert_eq!(count, Some(if is_filtered { 1 } else { 2 }));
        let unforced = Knowledge {
            forced_tool_choice: Accepts::Never,
            ..Knowledge::nothing()
        };
        let (body, report) = encode_with(&request, "m", &[], &unforced).expect("fine");
        if matches!(choice, ToolChoice::Required | ToolChoice::Named { .. }) {
            assert_eq!(body["tool_choice"], "auto");
            assert_eq!(body["messages"][0]["role"], "system", "it is asked instead");
            assert_eq!(report.adjustments().len(), 1);
        }
    }
}

#[test]
fn a_mode_without_a_level_is_left_to_the_model() {
    let request = Request {
        thinking: Some(Thinking {
            mode: Some(ThinkingMode::Adaptive),
            ..Thinking::default()
        }),
        ..hello()
    };
    let (body, report) = written(&request, &[]);
    assert!(body.get("reasoning_effort").is_none());
    assert_eq!(report.losses(), []);
}

//! Requests of other dialects, written in this one.

use serde_json::{Value, json};

use super::super::decode_request;
use super::{MODEL, sealed};
use crate::chat::part::{
    CacheMark, Citation, Document, Foreign, Image, Reasoning, Source, Text, ToolCall, ToolResult,
};
use crate::chat::request::{
    Format, Freeform, Function, Message, Role, Thinking, ThinkingMode, Tool, ToolChoice, WebSearch,
};
use crate::chat::{Content, Dialect, Effort, OpaqueKind, Part, Request};
use crate::codec::openai_responses::testing::{encode, map};

fn of(dialect: Dialect, messages: Vec<Message>) -> Request {
    Request {
        messages,
        ..Request::new(dialect)
    }
}

fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Part::text(text)])
}

fn input(request: &Request) -> Value {
    let (written, _) = encode(request, MODEL);
    written.expect("fine")["input"].take()
}

#[test]
fn instructions_stand_in_their_own_place() {
    let mut request = of(
        Dialect::OpenAiChat,
        vec![
            Message::new(Role::System, vec![Part::text("a")]),
            Message::new(Role::Developer, vec![Part::text("b")]),
            user("hi"),
            Message::new(Role::System, vec![Part::text("c")]),
        ],
    );
    request.max_tokens = Some(5);
    let (written, report) = encode(&request, MODEL);
    let written = written.expect("fine");
    assert_eq!(written["instructions"], "a\n\nb");
    assert_eq!(
        written["input"],
        json!([
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "c"}]},
        ])
    );
    assert_eq!(written["store"], false);
    assert_eq!(written["include"], json!(["reasoning.encrypted_content"]));
    assert_eq!(written["max_output_tokens"], 16);
    assert_eq!(report.adjustments()[0].field, "max_completion_tokens");
}

#[test]
fn a_turn_of_the_model_becomes_its_items() {
    let call = |signature| {
        Part::new(Content::ToolCall(ToolCall {
            id: "toolu:1".to_owned(),
            name: "f".to_owned(),
            signature,
            ..ToolCall::default()
        }))
    };
    let thought = |opaque| {
        Part::new(Content::Reasoning(Reasoning {
            text: "hm".to_owned(),
            opaque,
        }))
    };
    let result = ToolResult {
        id: "toolu:1".to_owned(),
        parts: vec![Part::text("bad")],
        is_error: true,
        ..ToolResult::default()
    };
    let own = sealed(OpaqueKind::Encrypted, "openai", None);
    let request = of(
        Dialect::Anthropic,
        vec![
            user("hi"),
            Message::new(
                Role::Assistant,
                vec![
                    thought(Some(own.clone())),
                    Part::text("Let me"),
                    call(Some(own)),
                ],
            ),
            Message::new(
                Role::User,
                vec![Part::new(Content::ToolResult(result)), Part::text("go on")],
            ),
            Message::new(
                Role::Assistant,
                vec![thought(Some(sealed(OpaqueKind::Signature, "claude", None)))],
            ),
        ],
    );
    let (written, report) = encode(&request, MODEL);
    let items = written.expect("fine")["input"].take();
    let id = items[4]["call_id"].as_str().expect("an id").to_owned();
    assert!(id.starts_with("toolu1_"), "{id}");
    let thought =
        |text: Value| json!({"type": "reasoning", "summary": text, "encrypted_content": "payload"});
    assert_eq!(
        items,
        json!([
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            thought(json!([{"type": "summary_text", "text": "hm"}])),
            {"type": "message", "role": "assistant",
             "content": [{"type": "output_text", "text": "Let me", "annotations": []}]},
            thought(json!([])),
            {"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": id, "output": "[tool error] bad"},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go on"}]},
        ])
    );
    assert_eq!(
        report.dropped().collect::<Vec<_>>(),
        ["messages[].thinking"]
    );
}

#[test]
fn a_thought_that_led_to_nothing_is_left_out() {
    let own = sealed(OpaqueKind::Encrypted, "openai", None);
    let thought = Part::new(Content::Reasoning(Reasoning {
        text: String::new(),
        opaque: Some(own),
    }));
    let request = of(
        Dialect::OpenAiChat,
        vec![Message::new(Role::Assistant, vec![thought]), user("hi")],
    );
    let (written, report) = encode(&request, MODEL);
    let written = written.expect("fine");
    assert_eq!(written["input"].as_array().map(Vec::len), Some(1));
    assert!(report.dropped().next().is_some());
}

#[test]
fn pictures_and_files_in_results_stay_where_they_are() {
    let image = Content::Image(Image {
        source: Source::Data {
            mime: "image/png".to_owned(),
            data: "iVBORw0KGgo=".to_owned(),
        },
        detail: None,
    });
    let file = Content::Document(Document {
        source: Source::Data {
            mime: "application/pdf".to_owned(),
            data: "JVBERg==".to_owned(),
        },
        name: None,
    });
    let result = ToolResult {
        id: "a".to_owned(),
        parts: vec![Part::text("see"), Part::new(image), Part::new(file)],
        ..ToolResult::default()
    };
    let message = Message::new(Role::Tool, vec![Part::new(Content::ToolResult(result))]);
    let items = input(&of(Dialect::Anthropic, vec![message]));
    assert_eq!(
        items[0]["output"],
        json!([
            {"type": "input_text", "text": "see"},
            {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"},
            {"type": "input_file", "filename": "document.pdf",
             "file_data": "data:application/pdf;base64,JVBERg=="},
        ])
    );
}

#[test]
fn what_cannot_be_said_is_refused_by_name() {
    let audio = Part::new(Content::Audio(Source::Data {
        mime: "audio/wav".to_owned(),
        data: "UklGRg==".to_owned(),
    }));
    let file = Part::new(Content::Image(Image {
        source: Source::File {
            dialect: Dialect::Anthropic,
            id: "file_1".to_owned(),
            mime: None,
        },
        detail: None,
    }));
    let said = |part| {
        of(
            Dialect::Anthropic,
            vec![Message::new(Role::User, vec![part])],
        )
    };
    let mut several = of(Dialect::Gemini, vec![user("x")]);
    several.candidates = Some(2);
    let mut hosted = of(Dialect::Anthropic, vec![user("x")]);
    hosted.tools.push(Tool::Foreign {
        kind: "computer_20250124".to_owned(),
        value: json!({}),
    });
    let cases = [
        (said(audio), "messages", "sound"),
        (said(file), "messages", "file id"),
        (several, "candidateCount", "one answer"),
        (hosted, "tools", "computer_20250124"),
    ];
    for (request, field, words) in cases {
        let refusal = encode(&request, MODEL).0.expect_err(words);
        assert_eq!(refusal.field, field);
        assert!(refusal.message.contains(words), "{}", refusal.message);
    }
}

#[test]
fn what_is_lost_is_reported_in_the_clients_words() {
    let mut request = of(Dialect::Gemini, vec![user("x")]);
    let one = || Some(1.into());
    request.sampling.temperature = one();
    request.sampling.top_k = one();
    request.sampling.seed = one();
    request.sampling.frequency_penalty = one();
    request.sampling.presence_penalty = one();
    request.sampling.stop = vec!["STOP".to_owned()];
    request.logprobs = Some(2);
    request.messages.push(Message::new(
        Role::Assistant,
        vec![Part::new(Content::Foreign(Foreign {
            dialect: Dialect::Gemini,
            kind: "executableCode".to_owned(),
            value: json!({}),
        }))],
    ));
    let (written, report) = encode(&request, MODEL);
    let mut dropped: Vec<_> = report.dropped().collect();
    dropped.sort_unstable();
    assert_eq!(
        dropped,
        [
            "contents[].executableCode",
            "frequencyPenalty",
            "presencePenalty",
            "responseLogprobs",
            "seed",
            "stopSequences",
            "temperature",
            "topK",
        ]
    );
    assert!(written.expect("fine").get("temperature").is_none());
    let (written, _) = encode(&request, "gpt-4.1");
    let written = written.expect("fine");
    assert_eq!(written["temperature"], 1);
    assert_eq!(written["top_logprobs"], 2);
    assert_eq!(
        written["include"],
        json!(["message.output_text.logprobs"]),
        "a model that does not think refuses to be asked for thoughts"
    );
}

#[test]
fn tools_are_explicit_about_their_strictness() {
    let function = |strict, parameters| {
        Tool::Function(Function {
            name: "f".to_owned(),
            strict,
            parameters,
            ..Function::default()
        })
    };
    let loose = json!({"type": "object", "properties": {"a": {"type": "string"}}});
    let mut request = of(Dialect::Anthropic, vec![user("x")]);
    request.tools = vec![
        function(None, None),
        function(Some(true), Some(loose.clone())),
        Tool::Freeform(Freeform {
            name: "p".to_owned(),
            format: Some(json!({"type": "text"})),
            ..Freeform::default()
        }),
        Tool::WebSearch(WebSearch {
            kind: "web_search_20250305".to_owned(),
            allowed_domains: vec!["example.com".to_owned()],
            max_uses: Some(3),
            ..WebSearch::default()
        }),
    ];
    let (written, report) = encode(&request, MODEL);
    assert_eq!(
        written.expect("fine")["tools"],
        json!([
            {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": false},
            {"type": "function", "name": "f", "parameters": loose, "strict": false},
            {"type": "custom", "name": "p", "format": {"type": "text"}},
            {"type": "web_search", "filters": {"allowed_domains": ["example.com"]}},
        ])
    );
    assert_eq!(report.adjustments()[0].field, "tools[].strict");
    assert_eq!(report.dropped().collect::<Vec<_>>(), ["tools[].max_uses"]);
}

#[test]
fn choices_among_tools() {
    let named = |name: &str| ToolChoice::Named {
        name: name.to_owned(),
        namespace: None,
    };
    let allowed = ToolChoice::Allowed {
        is_required: true,
        names: vec!["f".to_owned(), "p".to_owned()],
    };
    let cases = [
        (ToolChoice::Auto, json!("auto")),
        (ToolChoice::None, json!("none")),
        (ToolChoice::Required, json!("required")),
        (named("f"), json!({"type": "function", "name": "f"})),
        (named("p"), json!({"type": "custom", "name": "p"})),
        (
            allowed,
            json!({"type": "allowed_tools", "mode": "required", "tools":
                [{"type": "function", "name": "f"}, {"type": "custom", "name": "p"}]}),
        ),
    ];
    for (choice, expected) in cases {
        let mut request = of(Dialect::OpenAiChat, vec![user("x")]);
        request.tool_choice = Some(choice.clone());
        request.parallel_tool_calls = Some(false);
        let (written, _) = encode(&request, MODEL);
        let written = written.expect("fine");
        assert!(written.get("tool_choice").is_none(), "without tools");
        request.tools = vec![
            Tool::Function(Function {
                name: "f".to_owned(),
                ..Function::default()
            }),
            Tool::Freeform(Freeform {
                name: "p".to_owned(),
                ..Freeform::default()
            }),
        ];
        let (written, _) = encode(&request, MODEL);
        let written = written.expect("fine");
        assert_eq!(written["tool_choice"], expected);
        assert_eq!(written["parallel_tool_calls"], false);
        let body = json!({"input": "x", "tool_choice": expected});
        let back = decode_request(map(body)).expect("a request");
        assert_eq!(back.tool_choice, Some(choice));
    }
}

#[test]
fn effort_in_every_way_it_is_said() {
    let effort = |effort| Thinking {
        effort: Some(effort),
        ..Thinking::default()
    };
    let disabled = Thinking {
        mode: Some(ThinkingMode::Disabled),
        ..Thinking::default()
    };
    let shown = Thinking {
        budget: Some(8192),
        is_shown: Some(true),
        ..Thinking::default()
    };
    let cases = [
        (effort(Effort::High), MODEL, json!({"effort": "high"})),
        (effort(Effort::Minimal), MODEL, json!({"effort": "low"})),
        (disabled.clone(), MODEL, json!({"effort": "none"})),
        (disabled, "o3", json!({"effort": "low"})),
        (shown, MODEL, json!({"effort": "medium", "summary": "auto"})),
        (effort(Effort::High), "gpt-4.1", Value::Null),
    ];
    for (thinking, model, expected) in cases {
        let mut request = of(Dialect::Anthropic, vec![user("x")]);
        request.thinking = Some(thinking);
        let (written, _) = encode(&request, model);
        let written = written.expect("fine");
        let reasoning = written.get("reasoning").cloned().unwrap_or_default();
        assert_eq!(reasoning, expected, "{model}");
    }
}

#[test]
fn forms_of_the_answer() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}},
        "required": ["a"], "additionalProperties": false});
    let mut request = of(Dialect::Anthropic, vec![user("x")]);
    request.format = Some(Format::Schema {
        name: Some("né me!".to_owned()),
        description: None,
        schema: schema.clone(),
        strict: None,
    });
    request.verbosity = Some("low".to_owned());
    let (written, _) = encode(&request, MODEL);
    assert_eq!(
        written.expect("fine")["text"],
        json!({"format": {"type": "json_schema", "name": "nme", "schema": schema, "strict": true},
            "verbosity": "low"})
    );
    let mut request = of(Dialect::Gemini, vec![user("x")]);
    request.format = Some(Format::Json);
    let (written, _) = encode(&request, MODEL);
    let written = written.expect("fine");
    assert_eq!(written["text"], json!({"format": {"type": "json_object"}}));
    assert_eq!(written["instructions"], "Answer in JSON.");
}

#[test]
fn the_last_four_marks_of_a_cache_count() {
    let marked = |text: &str| {
        let mut part = Part::text(text);
        part.cache = Some(CacheMark::default());
        Message::new(Role::User, vec![part])
    };
    let request = of(
        Dialect::Anthropic,
        ["a", "b", "c", "d", "e"].map(marked).into(),
    );
    let items = input(&request);
    let marks: Vec<bool> = items
        .as_array()
        .expect("items")
        .iter()
        .map(|item| item["content"][0].get("prompt_cache_breakpoint").is_some())
        .collect();
    assert_eq!(marks, [false, true, true, true, true]);
    let (written, report) = encode(&request, "gpt-5.1");
    let written = written.expect("fine");
    assert!(
        written["input"][4]["content"][0]
            .get("prompt_cache_breakpoint")
            .is_none()
    );
    assert!(written["prompt_cache_key"].is_string());
    assert_eq!(report.dropped().count(), 0, "a mark is no loss of meaning");
    assert_eq!(report.losses().len(), 1);
}

#[test]
fn the_rest_of_the_scalars() {
    let mut request = of(Dialect::Anthropic, vec![user("x")]);
    request.user = Some("u".repeat(65));
    request.metadata = Some(map(json!({"k": "v"})));
    request.service_tier = Some("flex".to_owned());
    request.store = Some(true);
    request.cache_key = Some("key".to_owned());
    let (written, _) = encode(&request, MODEL);
    let written = written.expect("fine");
    assert_eq!(
        written["safety_identifier"].as_str().map(str::len),
        Some(64)
    );
    assert_eq!(written["metadata"], json!({"k": "v"}));
    assert_eq!(written["service_tier"], "flex");
    assert_eq!(written["store"], true);
    assert_eq!(written["prompt_cache_key"], "key");
}

#[test]
fn texts_taken_from_the_web_say_so() {
    let text = Text {
        text: "It rained".to_owned(),
        citations: vec![
            Citation::Web {
                url: "https://example.com".to_owned(),
                title: None,
                start: None,
                end: None,
                cited: None,
                extra: crate::chat::Extra::default(),
            },
            Citation::Foreign {
                dialect: Dialect::Anthropic,
                value: json!({"type": "page_location"}),
            },
        ],
        ..Text::default()
    };
    let message = Message::new(Role::Assistant, vec![Part::new(Content::Text(text))]);
    let (written, report) = encode(&of(Dialect::Anthropic, vec![message]), MODEL);
    assert_eq!(
        written.expect("fine")["input"][0]["content"][0]["annotations"],
        json!([{"type": "url_citation", "start_index": 0, "end_index": 9,
            "url": "https://example.com", "title": ""}])
    );
    assert_eq!(
        report.dropped().collect::<Vec<_>>(),
        ["messages[].content[].citations"]
    );
}

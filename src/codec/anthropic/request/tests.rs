//! Requests of other dialects, as this one's servers get them: the tables of the reference.

use serde_json::{Value, json};

use crate::chat::part::{
    CacheMark, Content, Document, Foreign, Image, Reasoning, Source, ToolCall, ToolKind, ToolResult,
};
use crate::chat::request::{Format, Freeform, Function, Thinking, Tool, ToolChoice, WebSearch};
use crate::chat::{Dialect, Effort, Message, Opaque, OpaqueKind, Part, Report, Request, Role};
use crate::codec::anthropic::decode_request;
use crate::codec::anthropic::tests::{encoded, encoded_for, fixture, object};
use crate::provider::knowledge::{self, Knowledge};

/// The model of tests that are about no model.
const CLAUDE: &str = "claude-opus-4-8";

/// A Chat request of one question, changed by `change`.
fn request(change: impl FnOnce(&mut Request)) -> Request {
    let mut request = Request::new(Dialect::OpenAiChat);
    request.max_tokens = Some(16_000);
    request.messages = vec![user("Hi")];
    change(&mut request);
    request
}

fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Part::text(text)])
}

fn assistant(parts: Vec<Part>) -> Message {
    Message::new(Role::Assistant, parts)
}

fn system(text: &str) -> Message {
    Message::new(Role::System, vec![Part::text(text)])
}

fn call(id: &str, arguments: &str) -> Part {
    Part::new(Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
        ..ToolCall::default()
    }))
}

fn result(id: &str, parts: Vec<Part>) -> Message {
    let result = ToolResult {
        id: id.to_owned(),
        parts,
        ..ToolResult::default()
    };
    Message::new(Role::Tool, vec![Part::new(Content::ToolResult(result))])
}

fn function(name: &str) -> Tool {
    Tool::Function(Function {
        name: name.to_owned(),
        ..Function::default()
    })
}

fn thinking(effort: Effort) -> Option<Thinking> {
    Some(Thinking {
        effort: Some(effort),
        ..Thinking::default()
    })
}

fn dropped(report: &Report) -> Vec<&str> {
    report.dropped().collect()
}

fn adjusted(report: &Report) -> Vec<(&str, &str)> {
    let all = report.adjustments().iter();
    all.map(|one| (&*one.field, one.value.as_str())).collect()
}

#[test]
fn a_plain_question_is_a_plain_request() {
    let (body, report) = encoded_for(&request(|_| {}), CLAUDE);
    let expected = json!({
        "model": CLAUDE, "max_tokens": 16_000, "stream": false,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
    });
    assert_eq!(body, expected);
    assert_eq!(report, Report::default());
}

#[test]
fn instructions_go_to_the_front_or_stay_in_their_place() {
    let request = request(|request| {
        request.messages = vec![
            system("One."),
            Message::new(Role::Developer, vec![Part::text("Two.")]),
            user("Hi"),
            system("Three."),
            assistant(vec![Part::text("Ho")]),
            system("Four."),
            user("Ha"),
        ];
    });
    let text = |text: &str| json!({"type": "text", "text": text});
    let reminder = |words: &str| text(&format!("<system-reminder>\n{words}\n</system-reminder>"));
    let (new, _) = encoded_for(&request, "claude-opus-4-8");
    assert_eq!(new["system"], json!([text("One."), text("Two.")]));
    let expected = json!([
        {"role": "user", "content": [text("Hi")]},
        {"role": "system", "content": [text("Three.")]},
        {"role": "assistant", "content": [text("Ho")]},
        {"role": "user", "content": [reminder("Four."), text("Ha")]},
    ]);
    assert_eq!(new["messages"], expected);
    let (old, _) = encoded_for(&request, "claude-sonnet-4-5");
    let expected = json!([text("Hi"), reminder("Three.")]);
    assert_eq!(old["messages"][0]["content"], expected);
}

#[test]
fn results_follow_their_calls_and_every_call_has_one() {
    let request = request(|request| {
        request.messages = vec![
            user("Hi"),
            assistant(vec![
                Part::text(" "),
                call("a:1", "{\"x\":1}"),
                call("b", ""),
            ]),
            result("b", vec![Part::text("second")]),
            result("a:1", vec![Part::text("first")]),
            user("Go on"),
            assistant(vec![call("c", "{\"x\":")]),
            user("Well?"),
        ];
    });
    let (body, report) = encoded_for(&request, CLAUDE);
    let messages = &body["messages"];
    let calls = &messages[1]["content"];
    let id = calls[0]["id"].as_str().expect("an id");
    assert!(id.starts_with("a1_"), "{id}");
    assert_eq!(calls[0]["input"], json!({"x": 1}));
    assert_eq!(calls[1]["input"], json!({}));
    let expected = json!([
        {"type": "tool_result", "tool_use_id": id, "content": "first"},
        {"type": "tool_result", "tool_use_id": "b", "content": "second"},
        {"type": "text", "text": "Go on"},
    ]);
    assert_eq!(messages[2]["content"], expected);
    assert_eq!(
        messages[3]["content"][0]["input"],
        json!({"_raw": "{\"x\":"})
    );
    let expected = json!({"type": "tool_result", "tool_use_id": "c", "content": "[no result]", "is_error": true});
    assert_eq!(messages[4]["content"][0], expected);
    let expected = [
        ("messages[].tool_calls[].function.arguments", "_raw"),
        ("messages", "[no result]"),
    ];
    assert_eq!(adjusted(&report), expected);
}

#[test]
fn an_id_that_comes_again_is_made_another() {
    let round = || {
        [
            assistant(vec![call("call_0", "{}")]),
            result("call_0", vec![Part::text("x")]),
        ]
    };
    let request = request(|request| {
        request.messages.extend(round());
        request.messages.extend(round());
    });
    let (body, _) = encoded_for(&request, CLAUDE);
    let ids = [1, 2, 3, 4].map(|at| {
        let block = &body["messages"][at]["content"][0];
        block["id"]
            .as_str()
            .or(block["tool_use_id"].as_str())
            .expect("an id")
            .to_owned()
    });
    assert_eq!(ids, ["call_0", "call_0", "call_0_2", "call_0_2"]);
}

#[test]
fn a_conversation_that_the_model_began_is_opened() {
    let request = request(|request| {
        request.messages = vec![assistant(vec![Part::text("Hello?")]), user("Hi")];
    });
    let (body, report) = encoded_for(&request, CLAUDE);
    assert_eq!(body["messages"][0], json!({"role": "user", "content": "."}));
    assert_eq!(adjusted(&report), [("messages", ".")]);
    let alone = self::request(|request| request.messages = vec![system("Only this.")]);
    let (body, _) = encoded_for(&alone, CLAUDE);
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(1));
}

#[test]
fn last_words_are_gone_on_from_or_asked_for() {
    let prefill = request(|request| request.messages.push(assistant(vec![Part::text("Once ")])));
    let (body, report) = encoded_for(&prefill, "claude-sonnet-4-5");
    assert_eq!(body["messages"][1]["content"][0]["text"], "Once");
    assert_eq!(dropped(&report), [""; 0]);
    let (body, report) = encoded_for(&prefill, "claude-opus-4-6");
    let content = &body["messages"][0]["content"];
    assert_eq!(content[1]["text"], "Continue exactly from: Once ");
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(1));
    assert_eq!(dropped(&report), ["messages[].prefill"]);
}

#[test]
fn an_answer_has_room_that_nobody_asked_for() {
    let table = [
        ("claude-opus-5", false, None, 16_000, true),
        ("claude-opus-5", true, None, 32_000, true),
        ("claude-3-5-haiku-20241022", true, None, 8_192, true),
        ("claude-3-5-haiku-20241022", false, Some(100), 100, false),
        (
            "claude-3-5-haiku-20241022",
            false,
            Some(100_000),
            8_192,
            true,
        ),
        ("my-own-model", false, None, 4_096, true),
        ("my-own-model", false, Some(1_000_000), 1_000_000, false),
        ("claude-opus-5", false, Some(0), 0, false),
    ];
    for (model, streams, asked, given, is_adjusted) in table {
        let request = request(|request| request.max_tokens = asked);
        let tools = crate::codec::tool_map::ToolMap::new(&request, Dialect::Anthropic);
        let target = crate::codec::target::Target {
            provider: "p",
            quirks: &[],
            model,
            knowledge: &knowledge::of(model),
            streams,
            tools: &tools,
        };
        let mut report = Report::default();
        let body = super::encode_request(&request, &target, &mut report).expect("good");
        assert_eq!(body["max_tokens"], given, "{model} {asked:?}");
        assert_eq!(body["stream"], streams);
        assert_eq!(
            !report.adjustments().is_empty(),
            is_adjusted,
            "{model} {asked:?}"
        );
    }
}

/// §2.9.
#[test]
fn effort_is_told_as_each_generation_understands_it() {
    use Effort::{High, Low, Max, Medium, Minimal, None as Off, Xhigh};
    let adaptive = || json!({"type": "adaptive", "display": "summarized"});
    let plain = || json!({"type": "adaptive"});
    let enabled = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
    let table = [
        ("claude-sonnet-4-5", Off, json!(null), json!(null)),
        ("claude-sonnet-4-5", Minimal, enabled(1_024), json!(null)),
        ("claude-sonnet-4-5", Low, enabled(2_048), json!(null)),
        ("claude-sonnet-4-5", Medium, enabled(8_192), json!(null)),
        ("claude-sonnet-4-5", High, enabled(16_384), json!(null)),
        ("claude-sonnet-4-5", Xhigh, enabled(24_576), json!(null)),
        ("claude-sonnet-4-5", Max, enabled(32_000), json!(null)),
        ("claude-opus-4-6", Off, json!(null), json!(null)),
        ("claude-opus-4-6", Minimal, plain(), json!("low")),
        ("claude-opus-4-6", Xhigh, plain(), json!("high")),
        ("claude-opus-4-6", Max, plain(), json!("max")),
        ("claude-opus-4-8", Off, json!(null), json!(null)),
        ("claude-opus-4-8", Xhigh, adaptive(), json!("xhigh")),
        (
            "claude-opus-5",
            Off,
            json!({"type": "disabled"}),
            json!(null),
        ),
        ("claude-opus-5", Medium, adaptive(), json!("medium")),
        ("claude-fable-5", Off, json!(null), json!("low")),
        ("claude-opus-5-5", Off, json!(null), json!("low")),
        ("claude-opus-5-5", High, adaptive(), json!("high")),
        (
            "claude-sonnet-5-5",
            Off,
            json!({"type": "between_tools"}),
            json!("low"),
        ),
        ("claude-3-5-haiku-20241022", High, json!(null), json!(null)),
    ];
    for (model, effort, switch, level) in table {
        let request = request(|request| request.thinking = thinking(effort));
        let (body, _) = encoded_for(&request, model);
        let nothing = Value::Null;
        assert_eq!(
            body.get("thinking").unwrap_or(&nothing),
            &switch,
            "{model} {effort:?}"
        );
        let config = body.get("output_config").unwrap_or(&nothing);
        assert_eq!(config["effort"], level, "{model} {effort:?}");
    }
}

#[test]
fn a_budget_has_room_in_the_answer() {
    let budget = |tokens: i64, max: Option<u64>| {
        let request = request(|request| {
            request.max_tokens = max;
            request.thinking = Some(Thinking {
                budget: Some(tokens),
                ..Thinking::default()
            });
        });
        let (body, _) = encoded_for(&request, "claude-sonnet-4-5");
        (
            body["max_tokens"].clone(),
            body["thinking"]["budget_tokens"].clone(),
        )
    };
    assert_eq!(budget(4_000, Some(8_000)), (json!(8_000), json!(4_000)));
    assert_eq!(budget(8_000, Some(4_000)), (json!(12_000), json!(8_000)));
    assert_eq!(budget(500, Some(4_000)), (json!(4_000), json!(1_024)));
    assert_eq!(budget(4_000, None), (json!(20_000), json!(4_000)));
    assert_eq!(budget(100_000, Some(4_000)), (json!(64_000), json!(63_999)));
    assert_eq!(budget(-1, Some(4_000)), (json!(4_000), json!(null)));
}

#[test]
fn sampling_is_told_where_it_is_taken() {
    let number = |value: f64| serde_json::Number::from_f64(value);
    let hot = |effort: Option<Effort>| {
        request(|request| {
            request.sampling.temperature = number(1.5);
            request.sampling.top_p = number(0.5);
            request.sampling.top_k = Some(5.into());
            request.sampling.seed = Some(7.into());
            request.sampling.frequency_penalty = number(0.0);
            request.sampling.presence_penalty = number(0.5);
            request.thinking = effort.and_then(thinking);
        })
    };
    let keys = |body: &Value| {
        let known = ["temperature", "top_p", "top_k"];
        known
            .into_iter()
            .filter(|key| body.get(key).is_some())
            .collect::<Vec<_>>()
    };
    let (body, report) = encoded_for(&hot(None), "my-own-model");
    assert_eq!(keys(&body), ["temperature", "top_p", "top_k"]);
    assert_eq!(body["temperature"], 1);
    assert_eq!(adjusted(&report), [("temperature", "1")]);
    assert_eq!(dropped(&report), ["seed", "presence_penalty"]);
    let (body, report) = encoded_for(&hot(None), "claude-sonnet-4-5");
    assert_eq!(keys(&body), ["temperature", "top_k"]);
    assert!(dropped(&report).contains(&"top_p"));
    let (body, report) = encoded_for(&hot(Some(Effort::Low)), "claude-sonnet-4-5");
    assert_eq!(keys(&body), [""; 0]);
    assert!(dropped(&report).contains(&"temperature"));
    let (body, report) = encoded_for(&hot(None), "claude-opus-5");
    assert_eq!(keys(&body), [""; 0]);
    assert!(dropped(&report).contains(&"top_k"));
    let mild = request(|request| request.sampling.temperature = Some(1.into()));
    let (_, report) = encoded_for(&mild, "claude-opus-5");
    assert_eq!(
        (dropped(&report), report.losses().len()),
        (Vec::new(), 1),
        "a default is no loss"
    );
}

#[test]
fn white_space_stops_nothing() {
    let request =
        request(|request| request.sampling.stop = vec!["\n".to_owned(), "END".to_owned()]);
    let (body, report) = encoded_for(&request, CLAUDE);
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(dropped(&report), ["stop"]);
}

#[test]
fn what_nobody_here_has_is_refused() {
    type Change = fn(&mut Request);
    let part = |request: &mut Request, content| request.messages[0].parts.push(Part::new(content));
    let _ = part;
    let table: [(Change, &str); 7] = [
        (|r| r.candidates = Some(2), "n"),
        (|r| r.logprobs = Some(0), "logprobs"),
        (
            |r| push(r, Content::Audio(data("audio/wav", "UklGRg=="))),
            "messages[].content[]",
        ),
        (
            |r| push(r, Content::Video(data("video/mp4", "AAAA"))),
            "messages[].content[]",
        ),
        (|r| push(r, file("file-1")), "messages[].content[]"),
        (
            |r| push(r, image("image/heic", "AAAAGGZ0eXBoZWlj")),
            "messages[].content[]",
        ),
        (
            |r| {
                r.tools.push(Tool::Foreign {
                    kind: "file_search".to_owned(),
                    value: json!({}),
                });
            },
            "tools",
        ),
    ];
    for (change, field) in table {
        let refused = encoded(&request(change), CLAUDE, &knowledge::of(CLAUDE));
        assert_eq!(refused.expect_err(field).field, field);
    }
    let one = request(|request| request.candidates = Some(1));
    assert!(encoded(&one, CLAUDE, &Knowledge::nothing()).is_ok());
}

fn push(request: &mut Request, content: Content) {
    request.messages[0].parts.push(Part::new(content));
}

fn data(mime: &str, data: &str) -> Source {
    Source::Data {
        mime: mime.to_owned(),
        data: data.to_owned(),
    }
}

fn image(mime: &str, bytes: &str) -> Content {
    Content::Image(Image {
        source: data(mime, bytes),
        detail: Some("low".to_owned()),
    })
}

fn document(source: Source) -> Content {
    Content::Document(Document {
        source,
        name: Some("a".to_owned()),
    })
}

fn file(id: &str) -> Content {
    document(Source::File {
        dialect: Dialect::OpenAiChat,
        id: id.to_owned(),
        mime: None,
    })
}

#[test]
fn media_go_under_their_real_types() {
    let address = |url: &str, mime: Option<&str>| Source::Url {
        url: url.to_owned(),
        mime: mime.map(str::to_owned),
    };
    let base64 =
        |mime: &str, data: &str| json!({"type": "base64", "media_type": mime, "data": data});
    let text = |text: &str| json!({"type": "text", "media_type": "text/plain", "data": text});
    let url = |url: &str| json!({"type": "url", "url": url});
    let table = [
        (
            image("image/jpg", "/9j/4AAQSkZJRgABAQ=="),
            "image",
            base64("image/jpeg", "/9j/4AAQSkZJRgABAQ=="),
        ),
        (
            image("image/jpeg", "iVBORw0KGgo="),
            "image",
            base64("image/png", "iVBORw0KGgo="),
        ),
        (
            document(data("", "JVBERi0xLjQ=")),
            "document",
            base64("application/pdf", "JVBERi0xLjQ="),
        ),
        (document(data("text/plain", "aGk=")), "document", text("hi")),
        (
            document(Source::Text("hi".to_owned())),
            "document",
            text("hi"),
        ),
        (
            document(address("https://e.com/x", None)),
            "document",
            url("https://e.com/x"),
        ),
        (
            Content::Image(Image {
                source: address("https://e.com/x", None),
                detail: None,
            }),
            "image",
            url("https://e.com/x"),
        ),
        (
            Content::Image(Image {
                source: address("data:image/png;base64,iVBORw0KGgo=", None),
                detail: None,
            }),
            "image",
            base64("image/png", "iVBORw0KGgo="),
        ),
    ];
    for (content, kind, source) in table {
        let (body, report) = encoded_for(&request(|request| push(request, content)), CLAUDE);
        let block = &body["messages"][0]["content"][1];
        assert_eq!(block["type"], kind);
        assert_eq!(block["source"], source);
        assert_eq!(block.get("title").is_some(), kind == "document");
        assert_eq!(dropped(&report), [""; 0]);
    }
}

#[test]
fn a_tool_may_answer_with_a_picture() {
    let picture = Part::new(image("image/png", "iVBORw0KGgo="));
    let request = request(|request| {
        request.messages.push(assistant(vec![call("a", "{}")]));
        request
            .messages
            .push(result("a", vec![Part::text("Here:"), picture]));
        request.messages.push(assistant(vec![call("b", "{}")]));
        request.messages.push(result("b", Vec::new()));
    });
    let (body, _) = encoded_for(&request, CLAUDE);
    let content = &body["messages"][2]["content"][0]["content"];
    assert_eq!(content[0]["text"], "Here:");
    assert_eq!(content[1]["type"], "image");
    assert_eq!(
        body["messages"][4]["content"],
        json!([{"type": "tool_result", "tool_use_id": "b"}])
    );
}

/// §2.6.
#[test]
fn a_tool_is_forced_where_that_is_possible() {
    let choose = |choice: ToolChoice| {
        request(|request| {
            request.tools = vec![function("f"), function("g")];
            request.tool_choice = Some(choice);
        })
    };
    let named = || ToolChoice::Named {
        name: "f".to_owned(),
        namespace: None,
    };
    let allowed = |is_required| ToolChoice::Allowed {
        is_required,
        names: vec!["g".to_owned()],
    };
    let table = [
        (ToolChoice::Auto, json!({"type": "auto"})),
        (ToolChoice::None, json!({"type": "none"})),
        (ToolChoice::Required, json!({"type": "any"})),
        (named(), json!({"type": "tool", "name": "f"})),
        (allowed(true), json!({"type": "any"})),
        (allowed(false), json!({"type": "auto"})),
    ];
    for (choice, expected) in table {
        let is_subset = matches!(choice, ToolChoice::Allowed { .. });
        let (body, report) = encoded_for(&choose(choice), "claude-opus-4-8");
        assert_eq!(body["tool_choice"], expected);
        assert_eq!(
            body["tools"].as_array().map(Vec::len),
            Some(if is_subset { 1 } else { 2 })
        );
        assert_eq!(dropped(&report), [""; 0]);
    }
    let (body, report) = encoded_for(&choose(named()), "claude-opus-5-5");
    assert_eq!(body["tool_choice"], json!({"type": "auto"}));
    assert_eq!(body["system"][0]["text"], "Call the tool `f`.");
    assert_eq!(
        (dropped(&report), adjusted(&report)),
        (vec!["tool_choice"], vec![("tool_choice", "auto")])
    );
    let mut thoughtful = choose(named());
    thoughtful.thinking = thinking(Effort::High);
    for model in ["claude-sonnet-4-5", "claude-opus-4-6", "claude-opus-4-8"] {
        let (body, report) = encoded_for(&thoughtful, model);
        assert_eq!(body["tool_choice"]["type"], "tool", "{model}");
        assert_eq!(body.get("thinking"), None, "{model}");
        assert_eq!(adjusted(&report), [("reasoning_effort", "none")], "{model}");
    }
    let lonely = request(|request| request.tool_choice = Some(ToolChoice::Required));
    assert_eq!(encoded_for(&lonely, CLAUDE).0.get("tool_choice"), None);
}

#[test]
fn one_call_at_a_time_is_said_inside_the_choice() {
    let serial = |choice| {
        let request = request(|request| {
            request.tools = vec![function("f")];
            request.tool_choice = choice;
            request.parallel_tool_calls = Some(false);
        });
        encoded_for(&request, CLAUDE).0["tool_choice"].clone()
    };
    assert_eq!(
        serial(None),
        json!({"type": "auto", "disable_parallel_tool_use": true})
    );
    let expected = json!({"type": "any", "disable_parallel_tool_use": true});
    assert_eq!(serial(Some(ToolChoice::Required)), expected);
    assert_eq!(serial(Some(ToolChoice::None)), json!({"type": "none"}));
}

#[test]
fn tools_are_written_as_this_dialect_has_them() {
    let request = request(|request| {
        request.tools = vec![
            Tool::Function(Function {
                name: "f".to_owned(),
                parameters: Some(
                    json!({"type": "object", "properties": {"a": {"type": "string"}}}),
                ),
                strict: Some(true),
                ..Function::default()
            }),
            function("g"),
            Tool::Freeform(Freeform {
                name: "patch".to_owned(),
                description: Some("Patches.".to_owned()),
                format: Some(
                    json!({"type": "grammar", "syntax": "lark", "definition": "start: /x/"}),
                ),
                ..Freeform::default()
            }),
            Tool::WebSearch(WebSearch {
                kind: "web_search".to_owned(),
                blocked_domains: vec!["e.com".to_owned()],
                context_size: Some("low".to_owned()),
                ..WebSearch::default()
            }),
        ];
        request
            .messages
            .push(assistant(vec![Part::new(Content::ToolCall(ToolCall {
                id: "p".to_owned(),
                name: "patch".to_owned(),
                arguments: "*** Begin".to_owned(),
                kind: ToolKind::Freeform,
                ..ToolCall::default()
            }))]));
    });
    let (body, report) = encoded_for(&request, CLAUDE);
    let tools = &body["tools"];
    assert_eq!(tools[0]["strict"], true);
    assert_eq!(tools[0]["input_schema"]["additionalProperties"], false);
    assert_eq!(tools[1]["input_schema"]["type"], "object");
    assert_eq!(tools[1].get("strict"), None);
    assert_eq!(tools[2]["input_schema"]["required"], json!(["input"]));
    let description = tools[2]["description"].as_str().expect("text");
    assert!(description.starts_with("Patches.") && description.ends_with("start: /x/"));
    let expected =
        json!({"type": "web_search_20250305", "name": "web_search", "blocked_domains": ["e.com"]});
    assert_eq!(tools[3], expected);
    assert_eq!(
        body["messages"][1]["content"][0]["input"],
        json!({"input": "*** Begin"})
    );
    assert_eq!(dropped(&report), ["tools[].search_context_size"]);
}

/// §2.10.
#[test]
fn the_form_of_the_answer_is_held_or_asked_for() {
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let form = |format| request(|request| request.format = Some(format));
    let schema_form = || {
        form(Format::Schema {
            name: Some("x".to_owned()),
            description: None,
            schema: schema.clone(),
            strict: Some(true),
        })
    };
    let (body, report) = encoded_for(&schema_form(), "claude-sonnet-4-5");
    let format = &body["output_config"]["format"];
    assert_eq!(format["type"], "json_schema");
    assert_eq!(format["schema"]["additionalProperties"], false);
    assert_eq!(dropped(&report), [""; 0]);
    let (body, report) = encoded_for(&schema_form(), "claude-3-5-haiku-20241022");
    assert_eq!(body.get("output_config"), None);
    let words = body["system"][0]["text"].as_str().expect("text");
    assert!(words.ends_with(&schema.to_string()), "{words}");
    assert_eq!(dropped(&report), ["response_format"]);
    let (body, report) = encoded_for(&form(Format::Json), CLAUDE);
    assert!(body["system"][0]["text"].is_string());
    assert_eq!(adjusted(&report), [("response_format", "instruction")]);
    let (body, report) = encoded_for(&form(Format::Text), CLAUDE);
    assert_eq!((body.get("system"), report), (None, Report::default()));
}

#[test]
fn thoughts_go_back_to_where_they_came_from_only() {
    let thought = |opaque: Option<Opaque>| {
        Part::new(Content::Reasoning(Reasoning {
            text: "Hm".to_owned(),
            opaque,
        }))
    };
    let of = |provider: &str, kind, model: &str| {
        Some(Opaque {
            provider: Some(provider.to_owned()),
            model: Some(model.to_owned()),
            ..Opaque::unsealed(kind, "sig==")
        })
    };
    let signed = json!({"type": "thinking", "thinking": "Hm", "signature": "sig=="});
    let redacted = json!({"type": "redacted_thinking", "data": "sig=="});
    let table = [
        (
            of("claude", OpaqueKind::Signature, CLAUDE),
            Some(signed.clone()),
        ),
        (
            of("claude", OpaqueKind::Signature, "claude-sonnet-4-5"),
            Some(signed),
        ),
        (of("claude", OpaqueKind::Redacted, CLAUDE), Some(redacted)),
        (of("other", OpaqueKind::Signature, CLAUDE), None),
        (of("claude", OpaqueKind::Encrypted, "gpt-5"), None),
        (of("claude", OpaqueKind::Signature, "gemini-3-pro"), None),
        (None, None),
    ];
    for (opaque, expected) in table {
        let request = request(|request| {
            request
                .messages
                .push(assistant(vec![thought(opaque.clone()), Part::text("Yes")]));
            request.messages.push(user("Sure?"));
        });
        let (body, report) = encoded_for(&request, CLAUDE);
        let blocks = body["messages"][1]["content"].as_array().expect("a list");
        let first = (blocks.len() == 2).then(|| blocks[0].clone());
        assert_eq!(first, expected, "{opaque:?}");
        let lost: &[&str] = if expected.is_some() {
            &[]
        } else {
            &["messages[].reasoning_content"]
        };
        assert_eq!(dropped(&report), lost, "{opaque:?}");
        assert!(!body.to_string().contains("Hm") || expected.is_some());
    }
}

#[test]
fn a_loop_that_began_without_a_thought_goes_on_without() {
    let request = request(|request| {
        request.thinking = thinking(Effort::Medium);
        request.tools = vec![function("f")];
        request.messages.push(assistant(vec![call("a", "{}")]));
        request.messages.push(result("a", vec![Part::text("x")]));
    });
    let (old, report) = encoded_for(&request, "claude-sonnet-4-5");
    assert_eq!(old.get("thinking"), None);
    assert_eq!(adjusted(&report), [("reasoning_effort", "none")]);
    let (new, report) = encoded_for(&request, "claude-opus-4-8");
    assert_eq!(new["thinking"]["type"], "adaptive");
    assert_eq!(report, Report::default());
}

#[test]
fn four_marks_are_kept_and_the_last_ones() {
    let marked = |text: &str| Part {
        cache: Some(CacheMark {
            ttl: Some("30m".to_owned()),
        }),
        ..Part::text(text)
    };
    let many = request(|request| {
        let parts = ["a", "b", "c", "d"].map(marked).to_vec();
        request.messages = vec![
            Message::new(Role::System, vec![marked("s")]),
            Message::new(Role::User, parts),
        ];
    });
    let (body, report) = encoded_for(&many, CLAUDE);
    assert_eq!(body["system"][0].get("cache_control"), None);
    let blocks = body["messages"][0]["content"].as_array().expect("a list");
    assert!(
        blocks
            .iter()
            .all(|block| block["cache_control"] == json!({"type": "ephemeral"}))
    );
    assert_eq!(adjusted(&report), [("prompt_cache_breakpoint", "4")]);
    let whole = request(|request| {
        request.messages = many.messages.clone();
        request.cache = Some(CacheMark {
            ttl: Some("1h".to_owned()),
        });
    });
    let (body, _) = encoded_for(&whole, CLAUDE);
    assert_eq!(
        body["cache_control"],
        json!({"type": "ephemeral", "ttl": "1h"})
    );
    assert_eq!(body["messages"][0]["content"][0].get("cache_control"), None);
}

#[test]
fn small_fields_are_told_or_reported() {
    let request = request(|request| {
        request.user = Some("jane@example.com".to_owned());
        request.metadata = Some(object("{\"a\":\"b\"}"));
        request.store = Some(true);
        request.cache_key = Some("k".to_owned());
        request.verbosity = Some("low".to_owned());
        request.service_tier = Some("default".to_owned());
    });
    let (body, report) = encoded_for(&request, CLAUDE);
    let user = body["metadata"]["user_id"].as_str().expect("an id");
    assert!(user.len() == 64 && !user.contains("jane"));
    assert_eq!(body["service_tier"], "standard_only");
    assert_eq!(dropped(&report), ["verbosity"]);
    assert_eq!(report.losses().len(), 4);
    let again = self::request(|request| request.user = Some(user.to_owned()));
    assert_eq!(encoded_for(&again, CLAUDE).0["metadata"]["user_id"], user);
    let flex = self::request(|request| request.service_tier = Some("flex".to_owned()));
    let (body, report) = encoded_for(&flex, CLAUDE);
    assert_eq!(
        (body.get("service_tier"), dropped(&report)),
        (None, vec!["service_tier"])
    );
}

#[test]
fn items_of_responses_are_left_out_or_refused() {
    let item = |kind: &str| {
        let mut request = Request::new(Dialect::OpenAiResponses);
        request.messages = vec![user("Hi")];
        push(
            &mut request,
            Content::Foreign(Foreign {
                dialect: Dialect::OpenAiResponses,
                kind: kind.to_owned(),
                value: json!({}),
            }),
        );
        encoded(&request, CLAUDE, &knowledge::of(CLAUDE))
    };
    for kind in [
        "item_reference",
        "compaction",
        "shell_call",
        "mcp_call",
        "program_output",
    ] {
        assert_eq!(item(kind).expect_err(kind).field, "input");
    }
    let (_, report) = item("web_search_call").expect("left out");
    assert_eq!(dropped(&report), ["input[].content[].web_search_call"]);
}

/// What Claude Code sends, as other dialects' encoders see it.
#[test]
fn a_request_of_claude_code_is_read() {
    let request = decode_request(object(&fixture("request", "claude_code"))).expect("good");
    assert_eq!(request.instructions.len(), 2);
    assert_eq!(request.instructions[0].as_plain_text(), None);
    assert!(request.instructions.iter().all(|part| part.cache.is_some()));
    assert_eq!(request.messages[1].role, Role::System);
    assert_eq!(request.messages[1].parts, [Part::text("Files may change.")]);
    let wish = request.thinking.as_ref().expect("thinking");
    assert_eq!(
        (wish.level(), wish.is_shown),
        (Some(Effort::High), Some(false))
    );
    let mut report = Report::default();
    crate::codec::losses::report_leftovers(&request, &mut report);
    let expected = [
        "messages[].output_config",
        "tools[].defer_loading",
        "context_management",
    ];
    assert_eq!(dropped(&report), expected);
    assert_eq!(report.losses().len(), 4, "the billing header is a note");
}

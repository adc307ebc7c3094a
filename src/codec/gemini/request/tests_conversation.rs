//! Conversations of other dialects, written for Gemini.

use serde_json::{Value, json};

use super::tests::decode;
use crate::chat::part::{
    CacheMark, Content, Document, Foreign, Image, Reasoning, Source, Text, ToolCall, ToolKind,
    ToolResult,
};
use crate::chat::{Dialect, Message, Opaque, OpaqueKind, Part, Report, Request, Role};
use crate::codec::gemini::fixtures::{encode_for, origin};
use crate::codec::gemini::signature::{self, SENTINEL};

const NEW: &str = "gemini-3-pro";
const OLD: &str = "gemini-2.5-flash";

pub(super) fn request(messages: Vec<Message>) -> Request {
    Request {
        messages,
        ..Request::new(Dialect::OpenAiChat)
    }
}

pub(super) fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Part::text(text)])
}

fn call(id: &str, name: &str, arguments: &str, signature: Option<Opaque>) -> Part {
    Part::new(Content::ToolCall(ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
        signature,
        ..ToolCall::default()
    }))
}

fn result(id: &str, parts: Vec<Part>, is_error: bool) -> Message {
    let result = ToolResult {
        id: id.into(),
        parts,
        is_error,
        ..ToolResult::default()
    };
    Message::new(Role::Tool, vec![Part::new(Content::ToolResult(result))])
}

fn picture() -> Part {
    Part::new(Content::Image(Image {
        source: Source::Data {
            mime: "image/png".into(),
            data: "iVBORw0KGgo=".into(),
        },
        detail: None,
    }))
}

fn contents(model: &str, messages: Vec<Message>) -> (Value, Report) {
    let (body, report) = encode_for(model, &request(messages));
    let body = body.expect("no refusal");
    (body["contents"].clone(), report)
}

fn ours(payload: &str) -> Opaque {
    origin().opaque(OpaqueKind::Thought, payload)
}

/// §14.4 of the reference.
#[test]
fn a_tool_loop_is_signed_and_its_results_are_in_the_order_of_the_calls() {
    let loop_of = |signature: Option<Opaque>| {
        vec![
            user("go"),
            Message::new(
                Role::Assistant,
                vec![
                    call("a", "f", r#"{"x":1}"#, signature),
                    call("b", "g", "", None),
                ],
            ),
            result("b", vec![Part::text("err")], false),
            result("a", vec![Part::text("21")], false),
        ]
    };
    let expected = |slot: &str| {
        json!([
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [
                {"functionCall": {"id": "a", "name": "f", "args": {"x": 1}}, "thoughtSignature": slot},
                {"functionCall": {"id": "b", "name": "g", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "a", "name": "f", "response": {"output": "21"}}},
                {"functionResponse": {"id": "b", "name": "g", "response": {"output": "err"}}}]},
        ])
    };
    let (signed, report) = contents(NEW, loop_of(Some(ours("c2ln"))));
    assert_eq!(signed, expected("c2ln"));
    assert_eq!(report.losses(), []);
    assert_eq!(contents(NEW, loop_of(None)).0, expected(SENTINEL));
    let foreign = Opaque {
        provider: Some("claude".into()),
        ..Opaque::unsealed(OpaqueKind::Signature, "sig")
    };
    let (stripped, report) = contents(NEW, loop_of(Some(foreign)));
    assert_eq!(stripped, expected(SENTINEL));
    assert_eq!(report.dropped().count(), 1);
    let (old, _) = contents(OLD, loop_of(None));
    assert_eq!(old[1]["parts"][0].get("thoughtSignature"), None);
}

#[test]
fn every_step_has_one_sentinel() {
    let step = |id: &str| {
        [
            Message::new(Role::Assistant, vec![call(id, "f", "{}", None)]),
            Message::new(
                Role::Assistant,
                vec![call(&format!("{id}2"), "f", "{}", None)],
            ),
            result(id, vec![Part::text("r")], false),
            result(&format!("{id}2"), vec![Part::text("r")], false),
        ]
    };
    let mut messages = vec![user("go")];
    messages.extend(step("a").into_iter().chain(step("b")));
    let (contents, _) = contents(NEW, messages);
    assert_eq!(contents.to_string().matches(SENTINEL).count(), 2);
    for place in [1, 3] {
        assert_eq!(contents[place]["parts"][0]["thoughtSignature"], SENTINEL);
    }
}

#[test]
fn nothing_stands_beside_results_on_gemini_3() {
    let messages = || {
        vec![
            user("go"),
            Message::new(Role::Assistant, vec![call("a", "f", "{}", None)]),
            result("a", vec![Part::text("see"), picture()], false),
            user("and?"),
        ]
    };
    let (new, _) = contents(NEW, messages());
    assert_eq!(new[2]["parts"].as_array().expect("parts").len(), 1);
    let response = &new[2]["parts"][0]["functionResponse"];
    assert_eq!(response["parts"][0]["inlineData"]["mimeType"], "image/png");
    assert_eq!(new[3], json!({"role": "user", "parts": [{"text": "and?"}]}));
    let (old, _) = contents(OLD, messages());
    assert_eq!(old.as_array().expect("contents").len(), 3);
    let parts = old[2]["parts"].as_array().expect("parts");
    assert_eq!(parts.len(), 3);
    assert!(parts[0]["functionResponse"].get("parts").is_none());
    assert!(parts[1].get("inlineData").is_some());
    assert_eq!(parts[2]["text"], "and?");
}

#[test]
fn results_are_objects() {
    let response = |message: Message| {
        let calls = Message::new(Role::Assistant, vec![call("a", "f", "{}", None)]);
        let (contents, _) = contents(NEW, vec![user("go"), calls, message]);
        contents[2]["parts"][0]["functionResponse"]["response"].clone()
    };
    let text = |text: &str| vec![Part::text(text)];
    assert_eq!(
        response(result("a", text("x"), false)),
        json!({"output": "x"})
    );
    assert_eq!(
        response(result("a", text("21"), false)),
        json!({"output": "21"})
    );
    assert_eq!(
        response(result("a", text("{\"n\": 1}"), false)),
        json!({"output": {"n": 1}})
    );
    assert_eq!(
        response(result("a", text("no"), true)),
        json!({"error": "no"})
    );
    assert_eq!(
        response(result("a", Vec::new(), false)),
        json!({"output": ""})
    );
    assert_eq!(response(user("go on")), json!({"error": "[no result]"}));
}

#[test]
fn arguments_that_are_no_object_are_shown_as_they_are() {
    let args = |arguments: &str| {
        let calls = Message::new(Role::Assistant, vec![call("a", "f", arguments, None)]);
        let (contents, report) = contents(NEW, vec![user("go"), calls]);
        let args = contents[1]["parts"][0]["functionCall"]["args"].clone();
        (args, report.adjustments().len())
    };
    assert_eq!(args(r#"{"a": 1}"#), (json!({"a": 1}), 0));
    assert_eq!(args(" "), (json!({}), 0));
    assert_eq!(args("{\"a\":"), (json!({"_raw": "{\"a\":"}), 1));
    assert_eq!(args("[1]"), (json!({"_raw": "[1]"}), 1));
    let free = Part::new(Content::ToolCall(ToolCall {
        name: "patch".into(),
        arguments: "*** Begin".into(),
        kind: ToolKind::Freeform,
        ..ToolCall::default()
    }));
    let (contents, _) = contents(
        NEW,
        vec![user("go"), Message::new(Role::Assistant, vec![free])],
    );
    assert_eq!(
        contents[1]["parts"][0]["functionCall"]["args"],
        json!({"input": "*** Begin"})
    );
}

#[test]
fn speakers_alternate_and_instructions_have_a_place_of_their_own() {
    let system = |text: &str| Message::new(Role::System, vec![Part::text(text)]);
    let (body, _) = encode_for(
        NEW,
        &request(vec![
            system("one"),
            system("two"),
            user("a"),
            user(""),
            user("b"),
            system("now"),
            Message::new(Role::Assistant, vec![Part::text("c")]),
            Message::new(Role::Assistant, vec![Part::text("d")]),
        ]),
    );
    let body = body.expect("no refusal");
    assert_eq!(
        body["systemInstruction"],
        json!({"parts": [{"text": "one"}, {"text": "two"}]})
    );
    assert_eq!(
        body["contents"],
        json!([
            {"role": "user", "parts": [{"text": "a"}, {"text": "b"}, {"text": "<system-reminder>\nnow\n</system-reminder>"}]},
            {"role": "model", "parts": [{"text": "c"}, {"text": "d"}]},
        ])
    );
}

#[test]
fn a_conversation_begins_with_the_user() {
    for messages in [
        Vec::new(),
        vec![Message::new(Role::Assistant, vec![Part::text("c")])],
        vec![user("")],
    ] {
        let (contents, report) = contents(NEW, messages);
        assert_eq!(
            contents[0],
            json!({"role": "user", "parts": [{"text": "."}]})
        );
        assert_eq!(report.adjustments().len(), 1);
    }
}

#[test]
fn thoughts_go_back_only_with_a_token_of_this_place() {
    let think = |opaque: Option<Opaque>| {
        let thought = Part::new(Content::Reasoning(Reasoning {
            text: "Hm".into(),
            opaque,
        }));
        let said = Message::new(Role::Assistant, vec![thought, Part::text("c")]);
        let (contents, report) = contents(NEW, vec![user("a"), said]);
        let dropped = report.dropped().count();
        (
            contents[1]["parts"][0].clone(),
            dropped,
            report.losses().len(),
        )
    };
    let signed = json!({"thought": true, "text": "Hm", "thoughtSignature": "c2ln"});
    assert_eq!(think(Some(ours("c2ln"))), (signed, 0, 0));
    assert_eq!(think(None), (json!({"text": "c"}), 0, 1));
    let elsewhere = Opaque {
        provider: Some("other".into()),
        ..ours("c2ln")
    };
    assert_eq!(think(Some(elsewhere)), (json!({"text": "c"}), 1, 1));
}

#[test]
fn an_empty_text_stays_if_it_is_signed() {
    let text = |signature: Option<Opaque>| {
        Part::new(Content::Text(Text {
            signature,
            ..Text::default()
        }))
    };
    let said = Message::new(
        Role::Assistant,
        vec![text(None), Part::text("a"), text(Some(ours("c2ln")))],
    );
    let (contents, _) = contents(NEW, vec![user("a"), said]);
    assert_eq!(
        contents[1]["parts"],
        json!([{"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}])
    );
}

#[test]
fn media_are_written_by_what_they_are() {
    let source = |source: Source| {
        Content::Image(Image {
            source,
            detail: Some("low".into()),
        })
    };
    let url = |url: &str| Source::Url {
        url: url.into(),
        mime: None,
    };
    let table = [
        (
            source(url("https://a.example/b.webp?x=1")),
            json!({"fileData": {"mimeType": "image/webp", "fileUri": "https://a.example/b.webp?x=1"},
                "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}),
        ),
        (
            source(url("data:image/jpg;base64,AAAA")),
            json!({"inlineData": {"mimeType": "image/jpeg", "data": "AAAA"},
                "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}),
        ),
        (
            Content::Audio(Source::Data {
                mime: "audio/wav".into(),
                data: "AAAA".into(),
            }),
            json!({"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}),
        ),
        (
            Content::Document(Document {
                source: url("https://a.example/b"),
                name: Some("n".into()),
            }),
            json!({"fileData": {"mimeType": "application/pdf", "fileUri": "https://a.example/b"}}),
        ),
        (
            Content::Document(Document {
                source: Source::Text("t".into()),
                name: Some("n".into()),
            }),
            json!({"text": "n\n\nt"}),
        ),
        (Content::Refusal("no".into()), json!({"text": "no"})),
    ];
    for (content, expected) in table {
        let message = Message::new(Role::User, vec![Part::new(content)]);
        let (contents, _) = contents(NEW, vec![message]);
        let written = &contents[0]["parts"][0];
        assert_eq!(*written, expected);
    }
}

#[test]
fn what_gemini_cannot_hold_is_refused_or_reported() {
    let refused = |content: Content| {
        let message = Message::new(Role::User, vec![Part::new(content)]);
        encode_for(NEW, &request(vec![message])).0.err()
    };
    let file = Source::File {
        dialect: Dialect::OpenAiChat,
        id: "file-1".into(),
        mime: None,
    };
    let document = Content::Document(Document {
        source: file,
        name: None,
    });
    assert!(refused(document).is_some_and(|refusal| refusal.message.contains("file-1")));
    let foreign = |kind: &str| {
        Content::Foreign(Foreign {
            dialect: Dialect::Anthropic,
            kind: kind.into(),
            value: json!({"type": kind}),
        })
    };
    let refusal = refused(foreign("mcp_tool_use")).expect("a refusal");
    assert!(refusal.message.contains("mcp_tool_use"));
    assert_eq!(refused(foreign("web_search_tool_result")), None);
    let mut marked = Part::text("a");
    marked.cache = Some(CacheMark::default());
    let (_, report) = contents(NEW, vec![Message::new(Role::User, vec![marked])]);
    assert_eq!((report.dropped().count(), report.losses().len()), (0, 1));
}

/// The token of another model's thought, back from a client that kept the answer as it streamed, and
/// from one that leaves out thoughts.
#[test]
fn a_foreign_token_is_found_wherever_it_comes_back() {
    let token = Opaque {
        provider: Some("claude".into()),
        model: Some("opus".into()),
        text: Some("First this, then that.".into()),
        ..Opaque::unsealed(OpaqueKind::Signature, "sig==")
    };
    let slot = signature::write(&token);
    let call =
        json!({"functionCall": {"id": "a", "name": "f", "args": {}}, "thoughtSignature": slot});
    let model = |parts: Value| json!({"role": "model", "parts": parts});
    let kept = json!([
        model(json!([{"thought": true, "text": "First this, "}])),
        model(json!([{"thought": true, "text": "then that."}])),
        model(json!([call])),
    ]);
    let apart = json!([
        model(json!([{"thought": true, "text": "First this, "}])),
        model(json!([{"thought": true, "text": "then that."}])),
        model(json!([{"thought": true, "text": "", "thoughtSignature": slot}])),
        model(json!([{"text": "I look."}])),
        model(json!([call])),
    ]);
    let left_out = json!([model(json!([{"text": "I look."}, call]))]);
    for contents in [kept, apart, left_out] {
        let request = decode(json!({ "contents": contents }));
        let parts: Vec<_> = request
            .messages
            .iter()
            .flat_map(|message| &message.parts)
            .collect();
        let thought = Content::Reasoning(Reasoning {
            text: "First this, then that.".into(),
            opaque: Some(token.clone()),
        });
        assert_eq!(parts[0].content, thought, "{contents}");
        let thoughts = parts
            .iter()
            .filter(|part| matches!(part.content, Content::Reasoning(_)));
        assert_eq!(thoughts.count(), 1, "{contents}");
        let Content::ToolCall(call) = &parts.last().expect("parts").content else {
            panic!("no call at the end");
        };
        assert_eq!(call.signature, None);
        // Gemini itself cannot use it, and says so.
        let (body, report) = encode_for(NEW, &request);
        let text = Value::Object(body.expect("no refusal")).to_string();
        assert!(
            text.contains(SENTINEL) && !text.contains("First this"),
            "{text}"
        );
        assert_eq!(report.dropped().collect::<Vec<_>>(), ["contents[].thought"]);
    }
}

#[test]
fn geminis_own_token_comes_back_verbatim_from_its_seal() {
    let slot = signature::write(&ours("CikBDb1u+/=="));
    let request = decode(json!({"contents": [
        {"role": "user", "parts": [{"text": "a"}]},
        {"role": "model", "parts": [
            {"text": "b", "thoughtSignature": slot},
            {"functionCall": {"name": "f", "args": {}}, "thoughtSignature": slot}]},
    ]}));
    let (body, report) = encode_for(NEW, &request);
    let body = body.expect("no refusal");
    for place in [0, 1] {
        let part = &body["contents"][1]["parts"][place];
        assert_eq!(part["thoughtSignature"], "CikBDb1u+/==");
    }
    assert_eq!(report.losses(), []);
}

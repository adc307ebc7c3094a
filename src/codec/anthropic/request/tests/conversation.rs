//! The conversation: who speaks when, and what of it may go where.

use serde_json::json;

use crate::chat::part::{Content, Foreign, Reasoning};
use crate::chat::{Dialect, Effort, Message, Opaque, OpaqueKind, Part, Report, Request, Role};
use crate::codec::anthropic::decode_request;
use crate::codec::anthropic::tests::{encoded, encoded_for, fixture, object};
use crate::provider::knowledge::{self};

use super::*;

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
        request.thinking = Some(thinking(Effort::Medium));
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
    assert_eq!(
        dropped(&report),
        [""; 0],
        "an agent's own manners are notes"
    );
    let noted: Vec<_> = report.losses().iter().map(|loss| &*loss.field).collect();
    for field in [
        "messages[].output_config",
        "tools[].defer_loading",
        "context_management",
    ] {
        assert!(noted.contains(&field), "{noted:?}");
    }
    assert_eq!(
        noted.len(),
        5,
        "with the billing header and the scope of a mark"
    );
}

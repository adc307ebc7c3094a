//! Conversations of other dialects: order, results, thoughts, parts, marks.

use serde_json::{Value, json};

use super::requests::{assistant, call, request, result, user, written};
use super::{decode, dropped, encode_for, encode_with};
use crate::chat::part::{CacheMark, Content, Document, Foreign, Image, Reasoning, Source};
use crate::chat::request::Message;
use crate::chat::{Dialect, Opaque, OpaqueKind, Part, Role};
use crate::provider::Quirk;
use crate::provider::knowledge::Knowledge;

#[test]
fn results_follow_their_calls_and_pictures_follow_the_results() {
    let picture = Part::new(Content::Image(Image {
        source: Source::Data {
            mime: "image/png".to_owned(),
            data: "AAAA".to_owned(),
        },
        detail: None,
    }));
    let mut failed = result("b", vec![Part::text("no")]);
    if let Content::ToolResult(result) = &mut failed.content {
        result.is_error = true;
    }
    let messages = vec![
        user(vec![Part::text("go"), Part::text("on")]),
        assistant(vec![Part::text("So."), call("a"), call("b"), call("c")]),
        user(vec![failed, result("a", vec![picture]), Part::text("and?")]),
    ];
    let (body, _) = written(&request(messages), &[]);
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "go\n\non"},
            {"role": "assistant", "content": "So.", "tool_calls": [call("a"), call("b"), call("c")]},
            {"role": "tool", "tool_call_id": "a", "content": "[see the next message]"},
            {"role": "tool", "tool_call_id": "b", "content": "[tool error] no"},
            {"role": "tool", "tool_call_id": "c", "content": "[no result]"},
            {"role": "user", "content": [
                {"type": "text", "text": "[from the result of tool call a]"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ]},
            {"role": "user", "content": "and?"},
        ])
    );
}

#[test]
fn calls_without_ids_get_some_and_ids_that_do_not_conform_are_changed_on_both_sides() {
    for id in ["", "has space/ü"] {
        let messages = vec![
            assistant(vec![call(id)]),
            user(vec![result(id, vec![Part::text("ok")])]),
        ];
        let (body, _) = written(&request(messages), &[]);
        let made = body["messages"][0]["tool_calls"][0]["id"]
            .as_str()
            .expect("an id");
        assert!(
            !made.is_empty() && made.is_ascii() && !made.contains(' '),
            "{made}"
        );
        assert_eq!(body["messages"][1]["tool_call_id"], made);
    }
}

#[test]
fn instructions_lead_and_keep_their_place_in_between() {
    let system = |text: &str| Message::new(Role::System, vec![Part::text(text)]);
    let mut request = request(vec![
        system("b"),
        user(vec![Part::text("c")]),
        system("d"),
        user(vec![Part::text("e")]),
    ]);
    request.instructions = vec![Part::text("a")];
    let (body, _) = written(&request, &[]);
    assert_eq!(
        body["messages"],
        json!([
            {"role": "system", "content": "a\n\nb"}, {"role": "user", "content": "c"},
            {"role": "system", "content": "d"}, {"role": "user", "content": "e"},
        ])
    );
    let newer = Knowledge {
        developer_role: true,
        ..Knowledge::nothing()
    };
    let (body, _) = encode_with(&request, "m", &[Quirk::OpenAiHost], &newer).expect("fine");
    assert_eq!(body["messages"][0]["role"], "developer");
}

#[test]
fn thoughts_go_back_only_to_whom_they_came_from() {
    let opaque = |kind, provider: &str| Opaque {
        provider: Some(provider.to_owned()),
        model: Some("m".to_owned()),
        ..Opaque::unsealed(kind, "[{\"type\":\"reasoning.encrypted\",\"data\":\"x\"}]")
    };
    let thought = |opaque| {
        let text = "hm".to_owned();
        Part::new(Content::Reasoning(Reasoning { text, opaque }))
    };
    let replays: &[Quirk] = &[Quirk::ReplaysReasoning];
    let own = Some(opaque(OpaqueKind::Plain, "up"));
    // The token, the host, and: is the text sent, are details, is there a loss.
    let table = [
        (own.clone(), replays, [true, false, false]),
        (own, &[], [false, false, false]),
        (
            Some(opaque(OpaqueKind::Plain, "other")),
            replays,
            [false, false, true],
        ),
        (
            Some(opaque(OpaqueKind::Signature, "other")),
            replays,
            [false, false, true],
        ),
        (
            Some(Opaque::unsealed(OpaqueKind::Signature, "x")),
            replays,
            [false, false, true],
        ),
        (
            Some(opaque(OpaqueKind::Details, "up")),
            &[],
            [true, true, false],
        ),
        (
            Some(opaque(OpaqueKind::Details, "other")),
            &[],
            [false, false, true],
        ),
        (None, replays, [false, false, true]),
    ];
    for (token, quirks, [text, details, is_lost]) in table {
        let messages = vec![assistant(vec![thought(token.clone()), call("a")])];
        let (body, report) = written(&request(messages), quirks);
        let message = &body["messages"][0];
        assert_eq!(message["reasoning_content"] == "hm", text, "{token:?}");
        assert_eq!(
            message["reasoning_details"].is_array(),
            details,
            "{token:?}"
        );
        let lost = if is_lost {
            vec!["messages[].thinking"]
        } else {
            vec![]
        };
        assert_eq!(dropped(&report), lost, "{token:?}");
        assert_eq!(message["content"], Value::Null, "never as text");
    }
}

#[test]
fn sealed_tokens_of_a_chat_client_are_opened_and_unsealed_ones_stay() {
    let token = Opaque {
        provider: Some("claude".to_owned()),
        ..Opaque::unsealed(OpaqueKind::Signature, "sig")
    };
    let request = decode(json!({"messages": [{"role": "assistant", "content": "x",
        "reasoning_content": "a\n\nb",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "a", "signature": token.seal(), "index": 0},
            {"type": "reasoning.encrypted", "data": token.seal(), "index": 1},
        ],
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": ""},
            "extra_content": {"google": {"thought_signature": "own"}}}]}]}));
    let parts = &request.messages[0].parts;
    let thoughts: Vec<_> = parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Reasoning(thought) => Some((thought.text.as_str(), thought.opaque.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(thoughts, [("a", Some(token.clone())), ("", Some(token))]);
    let (body, report) = written(&request, &[]);
    let message = &body["messages"][0];
    assert!(message.get("reasoning_details").is_none());
    assert_eq!(dropped(&report), ["messages[].reasoning_content"]);
    let call = &message["tool_calls"][0];
    assert_eq!(call["extra_content"]["google"]["thought_signature"], "own");
}

#[test]
fn parts_that_cannot_be_said_are_refused() {
    let file = |dialect| Source::File {
        dialect,
        id: "file_1".to_owned(),
        mime: None,
    };
    let url = || Source::Url {
        url: "https://e.org/a".to_owned(),
        mime: None,
    };
    let document = |source| Content::Document(Document { source, name: None });
    let foreign = |kind: &str| {
        Content::Foreign(Foreign {
            dialect: Dialect::Anthropic,
            kind: kind.to_owned(),
            value: json!({"type": kind}),
        })
    };
    for content in [
        document(file(Dialect::Anthropic)),
        document(url()),
        Content::Audio(url()),
        Content::Video(url()),
        foreign("container_upload"),
    ] {
        let request = request(vec![user(vec![Part::new(content.clone())])]);
        let refusal = encode_for(&request, "m", &[]).expect_err("a refusal");
        assert_eq!(refusal.field, "messages", "{content:?}");
    }
    let request = request(vec![assistant(vec![Part::new(foreign(
        "web_search_tool_result",
    ))])]);
    let (body, report) = written(&request, &[]);
    assert_eq!(dropped(&report), ["messages[].web_search_tool_result"]);
    assert_eq!(body["messages"], json!([]));
}

#[test]
fn cache_marks_are_said_where_somebody_reads_them() {
    let marked = || {
        let mut part = Part::text("long");
        part.cache = Some(CacheMark {
            ttl: Some("1h".to_owned()),
        });
        part
    };
    let request = request(vec![user((0..6).map(|_| marked()).collect())]);
    let (body, report) = written(&request, &[]);
    assert_eq!(body["messages"][0]["content"], ["long"; 6].join("\n\n"));
    assert_eq!((dropped(&report).len(), report.losses().len()), (0, 1));
    let (body, _) = written(&request, &[Quirk::CacheControl]);
    let parts = body["messages"][0]["content"].as_array().expect("parts");
    assert_eq!(parts[0].get("cache_control"), None);
    assert_eq!(
        parts[5]["cache_control"],
        json!({"type": "ephemeral", "ttl": "1h"})
    );
    let (body, _) = encode_for(&request, "gpt-5.6", &[Quirk::OpenAiHost]).expect("fine");
    let parts = body["messages"][0]["content"].as_array().expect("parts");
    let marks = parts
        .iter()
        .filter(|part| part.get("prompt_cache_breakpoint").is_some());
    assert_eq!(marks.count(), 4);
    let (body, _) = encode_for(&request, "gpt-4o", &[Quirk::OpenAiHost]).expect("fine");
    assert_eq!(body["prompt_cache_key"].as_str().map(str::len), Some(32));
}

//! What single hosts get.

use serde_json::{Value, json};

use super::{decode, encode_for, encode_with};
use crate::chat::request::{Format, Thinking as Wish};
use crate::chat::{Dialect, Effort, Report, Request};
use crate::provider::Quirk;
use crate::provider::knowledge::{Knowledge, Thinking};
use crate::provider::preset;

fn host(kind: &str, body: Value) -> (Value, Report) {
    host_model(kind, "some-model", body)
}

fn host_model(kind: &str, model: &str, mut body: Value) -> (Value, Report) {
    if body.get("messages").is_none() {
        body["messages"] = json!([{"role": "user", "content": "hi"}]);
    }
    let quirks = &preset::find(kind).expect("a preset").quirks;
    let (body, report) = encode_for(&decode(body), model, quirks).expect("no refusal");
    (Value::Object(body), report)
}

fn losses(report: &Report) -> Vec<&str> {
    report.losses().iter().map(|loss| &*loss.field).collect()
}

#[test]
fn fields_a_host_refuses_are_taken_out() {
    let everything = json!({
        "logprobs": true, "top_logprobs": 2, "logit_bias": {"1": 1}, "frequency_penalty": 1,
        "presence_penalty": 1, "parallel_tool_calls": true, "service_tier": "flex", "user": "u",
        "seed": 7, "temperature": 0,
    });
    let table = [
        ("groq", vec!["logprobs", "logit_bias"]),
        (
            "cerebras",
            vec![
                "logprobs",
                "frequency_penalty",
                "presence_penalty",
                "parallel_tool_calls",
                "service_tier",
                "logit_bias",
            ],
        ),
        ("mistral", vec!["logprobs", "user", "logit_bias"]),
        ("openai", vec![]),
        ("openai_compatible", vec![]),
    ];
    for (kind, expected) in table {
        let (body, report) = host(kind, everything.clone());
        let mut expected = expected;
        let mut lost = losses(&report);
        expected.sort_unstable();
        lost.sort_unstable();
        assert_eq!(lost, expected, "{kind}");
        for field in expected {
            assert!(body.get(field).is_none(), "{kind}: {field}");
        }
    }
}

#[test]
fn mistral_has_words_of_its_own() {
    let tool = |name: &str| json!({"type": "function", "function": {"name": name}});
    let named = json!({"seed": 7, "tools": [tool("f"), tool("g")],
    "tool_choice": {"type": "function", "function": {"name": "g"}},
    "messages": [
        {"role": "developer", "content": "x"},
        {"role": "assistant", "tool_calls": [{"id": "call_long_id", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "call_long_id", "content": "ok"},
    ]});
    let (body, _) = host("mistral", named);
    assert_eq!(body["random_seed"], 7);
    assert!(body.get("seed").is_none());
    assert_eq!(body["tool_choice"], "any");
    assert_eq!(body["tools"], json!([tool("g")]));
    let messages = &body["messages"];
    assert_eq!(messages[0]["role"], "system");
    let id = messages[1]["tool_calls"][0]["id"].as_str().expect("an id");
    assert_eq!(id.len(), 9);
    assert_eq!(messages[2]["tool_call_id"], id);
}

#[test]
fn a_choice_of_tools_is_said_as_the_host_takes_it() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let table = [
        ("cerebras", json!("required"), json!("auto"), true),
        (
            "cerebras",
            json!({"type": "function", "function": {"name": "f"}}),
            json!("auto"),
            true,
        ),
        ("together", json!("none"), Value::Null, false),
        ("fireworks", json!("none"), Value::Null, false),
        ("together", json!("required"), json!("required"), true),
        ("mistral", json!("required"), json!("any"), true),
        ("openai", json!("none"), json!("none"), true),
    ];
    for (kind, choice, expected, has_tools) in table {
        let (body, _) = host(kind, json!({"tools": tools, "tool_choice": choice}));
        assert_eq!(body["tool_choice"], expected, "{kind} {choice}");
        assert_eq!(body.get("tools").is_some(), has_tools, "{kind} {choice}");
    }
}

#[test]
fn groq_knows_no_names_and_no_zero() {
    let (body, _) = host(
        "groq",
        json!({"temperature": 0, "messages": [{"role": "user", "name": "ann", "content": "hi"}]}),
    );
    assert_eq!(
        body["messages"][0],
        json!({"role": "user", "content": "hi"})
    );
    assert_eq!(body["temperature"], json!(1e-8));
    let quirks = &preset::find("groq").expect("a preset").quirks;
    let two = decode(json!({"n": 2, "messages": []}));
    let refusal = encode_for(&two, "m", quirks).expect_err("a refusal");
    assert_eq!(refusal.field, "n");
}

fn foreign(format: Option<Format>) -> Request {
    Request {
        format,
        messages: decode(json!({"messages": [{"role": "user", "content": "hi"}]})).messages,
        ..Request::new(Dialect::Anthropic)
    }
}

#[test]
fn a_host_without_schemas_is_told_in_words() {
    for strict in [None, Some(true)] {
        let request = foreign(Some(Format::Schema {
            name: None,
            description: None,
            schema: json!({"type": "object", "title": "T"}),
            strict,
        }));
        let quirks = &preset::find("deepseek").expect("a preset").quirks;
        let (body, report) = encode_for(&request, "deepseek-chat", quirks).expect("no refusal");
        assert_eq!(body["response_format"], json!({"type": "json_object"}));
        let told = body["messages"][0]["content"].as_str().expect("text");
        assert!(told.contains(r#""title":"T""#), "{told}");
        assert_eq!(body["messages"][0]["role"], "system");
        assert_eq!(report.dropped().count(), usize::from(strict.is_some()));
        assert_eq!(report.adjustments().len(), usize::from(strict.is_none()));
    }
}

#[test]
fn thinking_is_said_as_the_model_knows_it() {
    let levels = |levels: &[Effort]| levels.to_vec().into();
    let effort = |asked| Wish {
        effort: Some(asked),
        ..Wish::default()
    };
    let budget = |tokens| Wish {
        budget: Some(tokens),
        ..Wish::default()
    };
    let known = Thinking::Effort {
        levels: levels(&[Effort::Low, Effort::High]),
        default: Effort::Low,
    };
    let toggle = Thinking::Toggle {
        levels: levels(&[]),
        on_by_default: false,
    };
    let none: &[Quirk] = &[];
    let table = [
        (
            Thinking::Unknown,
            none,
            effort(Effort::Max),
            json!({"reasoning_effort": "max"}),
        ),
        (
            known.clone(),
            none,
            effort(Effort::Max),
            json!({"reasoning_effort": "high"}),
        ),
        (
            known.clone(),
            none,
            budget(1024),
            json!({"reasoning_effort": "low"}),
        ),
        (known, none, budget(-1), json!({})),
        (Thinking::None, none, effort(Effort::High), json!({})),
        (
            toggle.clone(),
            &[Quirk::ThinkingType],
            effort(Effort::High),
            json!({"thinking": {"type": "enabled"}}),
        ),
        (
            toggle,
            &[Quirk::ThinkingType],
            effort(Effort::None),
            json!({"thinking": {"type": "disabled"}}),
        ),
        (
            Thinking::ClaudeBudget,
            &[Quirk::ReasoningObject],
            budget(5000),
            json!({"reasoning": {"max_tokens": 5000}}),
        ),
        (
            Thinking::Unknown,
            &[Quirk::ReasoningObject],
            effort(Effort::Low),
            json!({"reasoning": {"effort": "low"}}),
        ),
        (
            Thinking::ClaudeBudget,
            none,
            budget(5000),
            json!({"reasoning_effort": "medium"}),
        ),
    ];
    for (thinking, quirks, wish, expected) in table {
        let request = Request {
            thinking: Some(wish),
            ..foreign(None)
        };
        let knowledge = Knowledge {
            thinking,
            ..Knowledge::nothing()
        };
        let (mut body, _) = encode_with(&request, "m", quirks, &knowledge).expect("no refusal");
        for key in ["model", "messages"] {
            body.remove(key);
        }
        assert_eq!(Value::Object(body), expected, "{knowledge:?}");
    }
}

#[test]
fn strict_templates_get_speakers_who_take_turns() {
    let request = decode(json!({"messages": [
        {"role": "system", "content": "a"}, {"role": "system", "content": "b"},
        {"role": "user", "content": "c"}, {"role": "user", "content": [{"type": "text", "text": "d"}]},
        {"role": "system", "content": "e"}, {"role": "assistant", "content": "f"},
    ]}));
    let (body, _) = encode_for(&request, "m", &[Quirk::MergeRoles]).expect("no refusal");
    let roles: Vec<_> = body["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|m| m["role"].clone())
        .collect();
    assert_eq!(roles, ["system", "user", "assistant"]);
    assert_eq!(body["messages"][0]["content"], "a\n\nb");
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "text", "text": "c"}, {"type": "text", "text": "d"},
            {"type": "text", "text": "<system-reminder>\ne\n</system-reminder>"}])
    );
}

#[test]
fn every_quirk_of_the_table_is_applied_by_name() {
    let mut known = 0;
    for preset in preset::PRESETS.iter() {
        known += preset.quirks.len();
    }
    assert!(known > 30, "{known}");
}

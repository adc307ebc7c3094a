//! Everything but the conversation and the tools.

use serde_json::{Value, json};

use crate::chat::part::{CacheMark, Content};
use crate::chat::request::{Format, Thinking, Tool};
use crate::chat::{Dialect, Effort, Message, Part, Report, Request, Role};
use crate::codec::anthropic::tests::{encoded, encoded_for, object};
use crate::provider::knowledge::{self, Knowledge};

use super::*;

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
        let body =
            crate::codec::anthropic::encode_request(&request, &target, &mut report).expect("good");
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
        let request = request(|request| request.thinking = Some(thinking(effort)));
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
            request.thinking = effort.map(thinking);
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

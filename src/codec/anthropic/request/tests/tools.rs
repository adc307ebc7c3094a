//! Tools and the choice among them.

use serde_json::json;

use crate::chat::part::{Content, ToolCall, ToolKind};
use crate::chat::request::{Freeform, Function, Tool, ToolChoice, WebSearch};
use crate::chat::{Effort, Part};
use crate::codec::anthropic::tests::encoded_for;

use super::*;

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
    thoughtful.thinking = Some(thinking(Effort::High));
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
    assert_eq!(dropped(&report), ["web_search_options.search_context_size"]);
}

//! Settings and tools of other dialects, written for Gemini: each row of the tables of the reference.

use serde_json::{Value, json};

use super::tests_conversation::{request, user};
use crate::chat::request::{
    Format, Freeform, Function, Thinking, ThinkingMode, Tool, ToolChoice, WebSearch,
};
use crate::chat::{Dialect, Effort, Report, Request};
use crate::codec::gemini::fixtures::{encode_for, encode_knowing};
use crate::provider::knowledge::{self, Knowledge};

const NEW: &str = "gemini-3-pro";
const OLD: &str = "gemini-2.5-flash";

fn base() -> Request {
    request(vec![user("hi")])
}

fn encoded(model: &str, request: &Request) -> (Value, Report) {
    let (body, report) = encode_for(model, request);
    (Value::Object(body.expect("no refusal")), report)
}

fn dropped(report: &Report) -> Vec<String> {
    report.dropped().map(str::to_owned).collect()
}

fn tool(name: &str, parameters: Option<Value>) -> Tool {
    Tool::Function(Function {
        name: name.into(),
        parameters,
        ..Function::default()
    })
}

#[test]
fn scalars_have_their_places() {
    let mut asked = base();
    asked.max_tokens = Some(64);
    asked.candidates = Some(2);
    asked.logprobs = Some(3);
    asked.sampling.temperature = Some(1.into());
    asked.sampling.top_p = Some(1.into());
    asked.sampling.top_k = Some(40.into());
    asked.sampling.seed = Some(7.into());
    asked.sampling.frequency_penalty = Some(1.into());
    asked.sampling.presence_penalty = Some(1.into());
    asked.sampling.stop = vec!["a".into(), String::new()];
    let (body, report) = encoded(OLD, &asked);
    let mut config = body["generationConfig"].clone();
    config
        .as_object_mut()
        .expect("one")
        .remove("thinkingConfig");
    assert_eq!(
        config,
        json!({"maxOutputTokens": 64, "temperature": 1, "topP": 1, "topK": 40, "seed": 7,
            "frequencyPenalty": 1, "presencePenalty": 1, "stopSequences": ["a"], "candidateCount": 2,
            "responseLogprobs": true, "logprobs": 3})
    );
    assert_eq!(report.losses(), []);
    let (body, _) = encoded("gemma-3-27b-it", &base());
    assert_eq!(body.get("generationConfig"), None);
}

#[test]
fn values_out_of_range_are_brought_in_and_told() {
    let mut asked = base();
    asked.max_tokens = Some(99_999_999);
    asked.sampling.seed = Some(u64::MAX.into());
    asked.sampling.stop = ["1", "2", "3", "4", "5", "6"].map(str::to_owned).to_vec();
    let (body, report) = encoded(OLD, &asked);
    let config = &body["generationConfig"];
    assert_eq!(config["seed"], 0x7fff_ffff);
    assert_eq!(config["stopSequences"].as_array().expect("list").len(), 5);
    assert!(config["maxOutputTokens"].as_u64() < Some(99_999_999));
    assert_eq!(dropped(&report), ["stop"]);
    assert_eq!(report.adjustments().len(), 2);
}

#[test]
fn what_has_no_place_is_dropped_or_noted() {
    let mut asked = base();
    asked.parallel_tool_calls = Some(false);
    asked.verbosity = Some("low".into());
    asked.store = Some(true);
    asked.service_tier = Some("scale".into());
    asked.user = Some("u".into());
    asked.metadata = Some(serde_json::Map::new());
    asked.cache_key = Some("k".into());
    let (_, report) = encoded(NEW, &asked);
    let expected = ["parallel_tool_calls", "verbosity", "store", "service_tier"];
    assert_eq!(dropped(&report), expected);
    assert_eq!(report.losses().len(), 7);
    asked = base();
    asked.parallel_tool_calls = Some(true);
    asked.store = Some(false);
    assert_eq!(encoded(NEW, &asked).1.losses(), []);
}

#[test]
fn tiers_of_service_are_translated() {
    let table = [
        ("auto", None),
        ("default", Some("standard")),
        ("flex", Some("flex")),
        ("priority", Some("priority")),
    ];
    for (tier, written) in table {
        let mut asked = base();
        asked.service_tier = Some(tier.into());
        let (body, _) = encoded(NEW, &asked);
        assert_eq!(body.get("serviceTier").and_then(Value::as_str), written);
    }
}

#[test]
fn functions_stand_in_one_object() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    let mut asked = base();
    asked.tools = vec![
        tool("f", Some(schema.clone())),
        Tool::WebSearch(WebSearch::default()),
        tool("g", Some(json!({"type": "object", "properties": {}}))),
        tool("h", None),
    ];
    let (body, _) = encoded(NEW, &asked);
    assert_eq!(
        body["tools"],
        json!([
            {"functionDeclarations": [
                {"name": "f", "parametersJsonSchema": schema}, {"name": "g"}, {"name": "h"}]},
            {"googleSearch": {}},
        ])
    );
    // Without it Gemini 3 refuses a search beside functions.
    let both = &body["toolConfig"]["includeServerSideToolInvocations"];
    assert_eq!(*both, true);
    let (body, report) = encoded(OLD, &asked);
    assert_eq!(body["tools"].as_array().expect("tools").len(), 1);
    assert_eq!(dropped(&report), ["web_search_options"]);
}

#[test]
fn old_models_are_told_schemas_in_their_own_words() {
    let schema = json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]});
    let knowledge = Knowledge {
        json_schema: false,
        ..Knowledge::nothing()
    };
    let mut asked = base();
    asked.tools = vec![tool("f", Some(schema.clone()))];
    asked.format = Some(Format::Schema {
        name: Some("n".into()),
        description: None,
        schema,
        strict: Some(true),
    });
    let (body, _) = encode_knowing("gemini-1.5-pro", &knowledge, &asked);
    let body = body.expect("no refusal");
    let parameters = &body["tools"][0]["functionDeclarations"][0]["parameters"];
    assert_eq!(parameters["type"], "OBJECT");
    assert_eq!(parameters["properties"]["a"]["nullable"], true);
    assert_eq!(body["generationConfig"]["responseSchema"], *parameters);
}

#[test]
fn lost_keywords_are_told_once() {
    let one = |key: &str| json!({"type": "object", "properties": {key: {"type": "string", "pattern": "a+"}}});
    let mut asked = base();
    asked.tools = vec![tool("f", Some(one("a"))), tool("g", Some(one("b")))];
    let (_, report) = encoded(NEW, &asked);
    assert_eq!(dropped(&report), ["tools[].function.parameters.pattern"]);
}

#[test]
fn other_tools_are_emulated_or_refused() {
    let mut asked = base();
    asked.tools = vec![Tool::Freeform(Freeform {
        name: "patch".into(),
        description: Some("Patches.".into()),
        format: Some(json!({"type": "grammar", "syntax": "lark", "definition": "start: X"})),
        ..Freeform::default()
    })];
    let (body, _) = encoded(NEW, &asked);
    let function = &body["tools"][0]["functionDeclarations"][0];
    assert_eq!(
        function["parametersJsonSchema"]["required"],
        json!(["input"])
    );
    assert!(
        function["description"]
            .as_str()
            .is_some_and(|text| text.contains("start: X"))
    );
    let foreign = |kind: &str| {
        let mut asked = base();
        asked.dialect = Dialect::OpenAiResponses;
        asked.tools = vec![Tool::Foreign {
            kind: kind.into(),
            value: json!({"type": kind}),
        }];
        encode_for(NEW, &asked)
    };
    let refusal = foreign("mcp").0.expect_err("a refusal");
    assert!(refusal.message.contains("`mcp`"), "{refusal}");
    let (body, report) = foreign("tool_search");
    assert!(body.is_ok());
    assert_eq!(dropped(&report), ["tools[].tool_search"]);
}

#[test]
fn choices_of_tools_are_written() {
    let named = |name: &str| ToolChoice::Named {
        name: name.into(),
        namespace: None,
    };
    let allowed = |is_required| ToolChoice::Allowed {
        is_required,
        names: vec!["f".into()],
    };
    let table = [
        (ToolChoice::Auto, json!({"mode": "AUTO"})),
        (ToolChoice::None, json!({"mode": "NONE"})),
        (ToolChoice::Required, json!({"mode": "ANY"})),
        (
            named("f"),
            json!({"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ),
        (
            allowed(true),
            json!({"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ),
        (
            allowed(false),
            json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        ),
    ];
    for (choice, config) in table {
        let mut asked = base();
        asked.tool_choice = Some(choice);
        assert_eq!(
            encoded(NEW, &asked).0.get("toolConfig"),
            None,
            "without tools"
        );
        asked.tools = vec![tool("f", None)];
        let (body, report) = encoded(NEW, &asked);
        assert_eq!(
            body["toolConfig"],
            json!({ "functionCallingConfig": config })
        );
        assert_eq!(report.losses(), []);
    }
    let mut asked = base();
    asked.tools = vec![tool("f", None)];
    asked.tool_choice = Some(ToolChoice::Foreign(json!({"type": "mcp"})));
    assert_eq!(dropped(&encoded(NEW, &asked).1), ["tool_choice"]);
}

#[test]
fn thinking_is_told_in_levels_or_budgets() {
    let config = |model: &str, thinking: Thinking| {
        let mut asked = base();
        asked.thinking = Some(thinking);
        encoded(model, &asked).0["generationConfig"]["thinkingConfig"].clone()
    };
    let effort = |effort: Effort| Thinking {
        effort: Some(effort),
        ..Thinking::default()
    };
    let levels = [
        (Effort::Low, "LOW"),
        (Effort::High, "HIGH"),
        (Effort::Xhigh, "HIGH"),
        (Effort::Max, "HIGH"),
    ];
    for (asked, level) in levels {
        let expected = json!({"thinkingLevel": level, "includeThoughts": true});
        assert_eq!(
            config("gemini-3.5-flash", effort(asked)),
            expected,
            "{asked:?}"
        );
    }
    let budgets = [
        (Effort::Minimal, 512),
        (Effort::Low, 1024),
        (Effort::Medium, 8192),
        (Effort::High, 24_576),
        (Effort::Max, -1),
    ];
    for (asked, budget) in budgets {
        let expected = json!({"thinkingBudget": budget, "includeThoughts": true});
        assert_eq!(config(OLD, effort(asked)), expected, "{asked:?}");
    }
    assert_eq!(
        config(OLD, effort(Effort::None)),
        json!({"thinkingBudget": 0})
    );
    assert_eq!(
        config("gemini-2.5-pro", effort(Effort::None))["thinkingBudget"],
        128
    );
    let off = Thinking {
        mode: Some(ThinkingMode::Disabled),
        ..Thinking::default()
    };
    assert_eq!(config(OLD, off), json!({"thinkingBudget": 0}));
    let huge = Thinking {
        budget: Some(i64::MAX),
        ..Thinking::default()
    };
    assert_eq!(config(OLD, huge)["thinkingBudget"], 24_576);
    let free = Thinking {
        budget: Some(-1),
        ..Thinking::default()
    };
    assert_eq!(config(OLD, free)["thinkingBudget"], -1);
}

#[test]
fn thoughts_are_asked_for_where_the_client_reads_them() {
    let shown = |dialect: Dialect, model: &str, thinking: Option<Thinking>| {
        let mut asked = base();
        asked.dialect = dialect;
        asked.thinking = thinking;
        let (body, _) = encoded(model, &asked);
        let path = "/generationConfig/thinkingConfig/includeThoughts";
        body.pointer(path).is_some()
    };
    let effort = || Thinking {
        effort: Some(Effort::Low),
        ..Thinking::default()
    };
    let hidden = || Thinking {
        is_shown: Some(false),
        ..effort()
    };
    let summed = || Thinking {
        summary: Some("auto".into()),
        ..effort()
    };
    assert!(shown(Dialect::OpenAiChat, NEW, None));
    assert!(!shown(Dialect::OpenAiChat, "gemini-2.0-flash", None));
    assert!(!shown(Dialect::Anthropic, NEW, None));
    assert!(shown(Dialect::Anthropic, NEW, Some(effort())));
    assert!(!shown(Dialect::Anthropic, NEW, Some(hidden())));
    assert!(!shown(Dialect::OpenAiResponses, NEW, Some(effort())));
    assert!(shown(Dialect::OpenAiResponses, NEW, Some(summed())));
}

#[test]
fn the_form_of_the_answer_is_written() {
    let config = |format: Format| {
        let mut asked = base();
        asked.dialect = Dialect::Anthropic;
        asked.format = Some(format);
        let (body, report) = encoded(NEW, &asked);
        (body.get("generationConfig").cloned(), report)
    };
    assert_eq!(config(Format::Text).0, None);
    let json = Some(json!({"responseMimeType": "application/json"}));
    assert_eq!(config(Format::Json).0, json);
    let schema =
        json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]});
    let (written, report) = config(Format::Schema {
        name: Some("n".into()),
        description: Some("d".into()),
        schema: schema.clone(),
        strict: Some(true),
    });
    let mut expected = schema;
    expected["description"] = json!("d");
    let written = written.expect("a config");
    assert_eq!(written["responseJsonSchema"], expected);
    assert_eq!(written["responseMimeType"], "application/json");
    // Google has no name for it, and holds to every schema.
    assert_eq!(report.dropped().next(), None);
    assert_eq!(report.losses().len(), 2);
}

#[test]
fn nothing_known_of_a_model_is_no_reason_to_be_silent() {
    let mut asked = base();
    asked.thinking = Some(Thinking {
        effort: Some(Effort::Max),
        ..Thinking::default()
    });
    let (body, report) = encode_knowing("x", &Knowledge::nothing(), &asked);
    let config = body.expect("no refusal")["generationConfig"]["thinkingConfig"].clone();
    assert_eq!(
        config,
        json!({"thinkingLevel": "HIGH", "includeThoughts": true})
    );
    assert_eq!(report.adjustments().len(), 1);
    assert_eq!(knowledge::Thinking::Unknown, Knowledge::nothing().thinking);
}

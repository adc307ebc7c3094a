//! What the head of a request says, in each dialect.

use super::*;
use crate::chat::Dialect::OpenAiChat;
use crate::provider::Feature;

fn body(text: &str) -> RawObject {
    RawObject::parse(Bytes::copy_from_slice(text.as_bytes())).expect("valid")
}

fn peek(text: &str) -> Result<Head, HeadError> {
    Head::peek(OpenAiChat, &body(text))
}

#[test]
fn reads_model_stream_and_control_fields() {
    let head = peek(
        r#"{"model":" gpt ","stream":true,"stream_options":{"include_usage":true},"provider":"a","alias":"k",
            "strict_alias":false,"extra_body":{"top_k":40}}"#,
    )
    .expect("valid");
    assert_eq!(head.model.as_deref(), Some(" gpt "));
    assert_eq!(
        (head.stream, head.include_usage, head.strict_alias),
        (Some(true), true, Some(false))
    );
    assert_eq!(
        (head.provider.as_deref(), head.alias.as_deref()),
        (Some("a"), Some("k"))
    );
    assert_eq!(
        head.extra_body,
        [("top_k".to_owned(), Bytes::from_static(b"40"))]
    );
}

#[test]
fn openrouters_provider_object_is_not_a_pin() {
    assert_eq!(
        peek(r#"{"model":"m","provider":{"order":["a"]}}"#)
            .expect("valid")
            .provider,
        None
    );
}

#[test]
fn names_the_field_that_is_wrong() {
    for (text, field) in [
        (r#"{"model":""}"#, "model"),
        (r#"{"model":null}"#, "model"),
        (r#"{"model":7}"#, "model"),
        (r#"{"model":"m","stream":"yes"}"#, "stream"),
        (r#"{"model":"m","stream_options":3}"#, "stream_options"),
        (r#"{"model":"[]"}"#, "model"),
        (r#"{"model":"[ ]"}"#, "model"),
        (r#"{"model":",, ''"}"#, "model"),
        (r#"{"model":"m","extra_body":[]}"#, "extra_body"),
        (r#"{"model":"m","model":"n"}"#, "model"),
        (
            r#"{"model":"m","stream":true,"strea\u006d":false}"#,
            "stream",
        ),
    ] {
        assert_eq!(peek(text).expect_err(text).field(), field);
    }
}

#[test]
fn an_extra_body_is_small() {
    let with = |count: usize, name: &str| {
        let fields: Vec<_> = (0..count).map(|n| format!("\"{name}{n}\":1")).collect();
        peek(&format!(
            "{{\"model\":\"m\",\"extra_body\":{{{}}}}}",
            fields.join(",")
        ))
    };
    assert_eq!(with(64, "x").expect("valid").extra_body.len(), 64);
    for (count, name) in [(65, "x".to_owned()), (1, "x".repeat(128))] {
        assert_eq!(with(count, &name).expect_err(&name).field(), "extra_body");
    }
}

#[test]
fn whatever_is_read_may_occur_once() {
    for (dialect, field) in Dialect::ALL
        .into_iter()
        .flat_map(|dialect| read(dialect).iter().map(move |field| (dialect, *field)))
    {
        let text = format!("{{\"{field}\":null,\"x\":1,\"{field}\":null}}");
        let seen = Head::peek(dialect, &body(&text));
        assert_eq!(seen, Err(HeadError::Duplicate(field)), "{dialect}");
    }
    let read_elsewhere = crate::codec::openai_chat::strip::TOOL_FIELDS
        .into_iter()
        .chain(["model", "messages", "input", "stream"]);
    for field in read_elsewhere {
        assert!(openai_chat::READ.contains(&field), "{field}");
    }
}

#[test]
fn knows_what_must_not_be_repeated() {
    assert!(
        peek(r#"{"model":"m","store":true}"#)
            .expect("valid")
            .has_effects
    );
    assert!(
        peek(r#"{"model":"m","tools":[{"type":"web_search"}]}"#)
            .expect("valid")
            .has_effects
    );
    assert!(
        !peek(r#"{"model":"m","store":false,"tools":[{"type":"function"}]}"#)
            .expect("valid")
            .has_effects
    );
}

#[test]
fn every_dialect_knows_its_effects() {
    use crate::chat::Dialect::{Anthropic, Gemini, OpenAiResponses};
    let effects = |dialect, text: &str| {
        let head = Head::peek(dialect, &body(text)).expect("valid");
        head.has_effects
    };
    for (dialect, effective, harmless) in [
        (
            OpenAiChat,
            &[
                r#"{"web_search_options":{}}"#,
                r#"{"extra_body":{"web_search_options":{"search_context_size":"low"}}}"#,
                r#"{"search_parameters":{"mode":"auto"}}"#,
                r#"{"plugins":[{"id":"web"}]}"#,
                r#"{"background":true}"#,
                r#"{"tools":[{"type":"mcp"}]}"#,
            ][..],
            &[
                r#"{"web_search_options":null}"#,
                r#"{"extra_body":{"web_search_options":null}}"#,
                r#"{"search_parameters":{"mode":"off"}}"#,
                r#"{"plugins":[]}"#,
                r#"{"tools":[{"type":"custom"},{"function":{}}]}"#,
            ][..],
        ),
        (
            OpenAiResponses,
            &[
                r#"{"store":true}"#,
                r#"{"background":true}"#,
                r#"{"conversation":{"id":"c"}}"#,
                r#"{"previous_response_id":"r"}"#,
                r#"{"tools":[{"type":"function"},{"type":"mcp"}]}"#,
                r#"{"tools":[{"type":"web_search"}]}"#,
                r#"{"tools":[{"type":"code_interpreter"}]}"#,
                r#"{"tools":[{"type":"image_generation"}]}"#,
            ],
            &[
                r#"{"store":false,"background":false,"conversation":null}"#,
                r#"{"tools":[{"type":"function"},{"type":"custom"}]}"#,
            ],
        ),
        (
            Anthropic,
            &[
                r#"{"tools":[{"type":"web_search_20250305","name":"web_search"}]}"#,
                r#"{"tools":[{"type":"web_fetch_20250910"}]}"#,
                r#"{"tools":[{"type":"code_execution_20250825"}]}"#,
                r#"{"mcp_servers":[{"type":"url"}]}"#,
                r#"{"container":"c"}"#,
            ],
            &[
                r#"{"tools":[{"name":"f"},{"type":"custom"},{"type":"bash_20250124"}]}"#,
                r#"{"mcp_servers":[],"container":null}"#,
            ],
        ),
        (
            Gemini,
            &[
                r#"{"tools":[{"googleSearch":{}}]}"#,
                r#"{"tools":[{"google_search":{}}]}"#,
                r#"{"tools":[{"functionDeclarations":[]},{"codeExecution":{}}]}"#,
                r#"{"tools":[{"urlContext":{}}]}"#,
            ],
            &[r#"{"tools":[{"functionDeclarations":[{}],"googleSearch":null}]}"#],
        ),
    ] {
        for text in effective {
            assert!(effects(dialect, text), "{text}");
        }
        for text in harmless {
            assert!(!effects(dialect, text), "{text}");
        }
    }
}

#[test]
fn an_extra_body_has_effects_and_needs_of_its_own() {
    for extras in [
        r#""store":true"#,
        r#""background":true"#,
        r#""conversation":"c""#,
        r#""previous_response_id":"r""#,
        r#""tools":[{"type":"web_search"}]"#,
    ] {
        let text = format!(r#"{{"model":"m","extra_body":{{{extras}}}}}"#);
        assert!(peek(&text).expect("valid").has_effects, "{extras}");
    }
    let text = r#"{"reasoning":null,"extra_body":{"tools":[{}],"reasoning":{"effort":"low"},"messages":[]}}"#;
    let extras = peek(text).expect("valid").extra_body;
    assert_eq!(
        extra_needs(OpenAiChat, &body(text), &extras),
        Features::NONE.with(Feature::ToolCalls)
    );
}

#[test]
fn names_the_field_that_has_the_wrong_type() {
    for (text, field) in [
        (r#"{"messages":5}"#, "messages"),
        (r#"{"messages":"x"}"#, "messages"),
        (r#"{"messages":null}"#, "messages"),
        (r#"{"tools":"x"}"#, "tools"),
        (r#"{"functions":{}}"#, "functions"),
        (r#"{"response_format":"json"}"#, "response_format"),
    ] {
        assert_eq!(
            check_types(OpenAiChat, &body(text))
                .expect_err(text)
                .field(),
            field
        );
    }
    let good = r#"{"messages":[],"tools":null,"functions":[],"response_format":null}"#;
    assert_eq!(check_types(OpenAiChat, &body(good)), Ok(()));
    assert_eq!(check_types(OpenAiChat, &body("{}")), Ok(()));
}

#[test]
fn finds_the_capabilities_a_request_needs() {
    let text = r#"{"tools":[{}],"response_format":{"type":"json_object"},
        "messages":[{"content":"the words image_url"},{"content":[{"type":"text"},{"type":"image_url"}]}]}"#;
    let expected = [Feature::ToolCalls, Feature::Json, Feature::Vision]
        .into_iter()
        .collect();
    assert_eq!(needs(OpenAiChat, &body(text)), expected);
    assert_eq!(
        needs(
            OpenAiChat,
            &body(r#"{"tools":[],"messages":[{"content":"image_url"}]}"#)
        ),
        Features::NONE
    );
}

#[test]
fn each_dialect_says_what_it_needs_in_its_own_way() {
    use Dialect::{Anthropic, Gemini, OpenAiResponses};
    use Feature::{Audio, Json, Media, Reasoning, ToolCalls, VideoVision, Vision};
    for (dialect, text, expected) in [
        (
            OpenAiResponses,
            r#"{"text":{"format":{"type":"json_schema"}},"reasoning":{"effort":"low"},"tools":[{}]}"#,
            vec![Json, Reasoning, ToolCalls],
        ),
        (
            OpenAiResponses,
            r#"{"input":"input_image","text":{"format":{"type":"text"}},"tools":[]}"#,
            vec![],
        ),
        (
            Anthropic,
            r#"{"thinking":{"type":"adaptive"},"output_config":{"format":{"type":"json_schema"}},
                "messages":[{"content":[{"type":"document"}]}]}"#,
            vec![Reasoning, Json, Media],
        ),
        (
            Anthropic,
            r#"{"thinking":{"type":"disabled"},"messages":[{"content":[{"type":"tool_use","input":{"type":"image"}}]}]}"#,
            vec![],
        ),
        (
            Gemini,
            r#"{"generation_config":{"responseMimeType":"application/json","thinking_config":{"x":1}},
                "contents":[{"parts":[{"inline_data":{"mime_type":"audio/wav"}},{"fileData":{"mimeType":"video/mp4"}}]}]}"#,
            vec![Json, Reasoning, Audio, VideoVision],
        ),
        (
            Gemini,
            r#"{"contents":{"parts":[{"inlineData":{"mimeType":"application/pdf"}},{"inlineData":{"mimeType":"image/png"}}]}}"#,
            vec![Media, Vision],
        ),
        (
            Gemini,
            r#"{"generationConfig":{"responseMimeType":"text/plain","thinkingConfig":{}},"contents":[{"parts":[{"text":"inlineData"}]}]}"#,
            vec![],
        ),
    ] {
        let expected: Features = expected.into_iter().collect();
        assert_eq!(needs(dialect, &body(text)), expected, "{text}");
    }
}

#[test]
fn every_dialect_names_the_field_that_has_the_wrong_type() {
    for (dialect, text, field) in [
        (Dialect::OpenAiResponses, r#"{"tools":{}}"#, "tools"),
        (Dialect::Anthropic, r#"{"messages":"x"}"#, "messages"),
        (Dialect::Anthropic, r#"{"thinking":[]}"#, "thinking"),
        (
            Dialect::Gemini,
            r#"{"generation_config":7}"#,
            "generation_config",
        ),
    ] {
        let error = check_types(dialect, &body(text)).expect_err(text);
        assert_eq!(error.field(), field);
    }
}

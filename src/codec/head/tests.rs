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
    for field in openai_chat::READ {
        let text = format!("{{\"{field}\":null,\"x\":1,\"{field}\":null}}");
        assert_eq!(peek(&text), Err(HeadError::Duplicate(field)));
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

//! Pictures and documents.

use serde_json::json;

use crate::chat::Part;
use crate::chat::part::{Content, Image, Source};
use crate::codec::anthropic::tests::encoded_for;

use super::*;

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

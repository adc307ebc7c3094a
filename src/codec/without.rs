//! A request without what no target can take (`router.strip_unsupported`): named parts go, the rest stays
//! in order, and no message is left empty.

use crate::chat::part::Content;
use crate::chat::{Part, Report, Request};
use crate::codec::field_names::Field;
use crate::provider::{Feature, Features};

/// `request` without what needs one of `missing`.
pub fn without(request: &Request, missing: Features, report: &mut Report) -> Request {
    let mut request = request.clone();
    if missing.has(Feature::ToolCalls) && !request.tools.is_empty() {
        report.drop(Field::Tools.name(request.dialect));
        request.tools.clear();
        request.tool_choice = None;
        request.parallel_tool_calls = None;
    }
    let messages = Field::Messages.name(request.dialect);
    for message in &mut request.messages {
        strip(&mut message.parts, missing, messages, report);
    }
    request
}

fn strip(parts: &mut Vec<Part>, missing: Features, path: &str, report: &mut Report) {
    let mut last = None;
    let had_parts = !parts.is_empty();
    parts.retain(|part| match lacking(&part.content, missing) {
        None => true,
        Some(kind) => {
            report.drop(format!("{path}.{kind}"));
            last = Some(kind);
            false
        }
    });
    for part in parts.iter_mut() {
        if let Content::ToolResult(result) = &mut part.content {
            strip(&mut result.parts, missing, path, report);
        }
    }
    if let Some(kind) = last.filter(|_| had_parts && parts.is_empty()) {
        parts.push(Part::text(format!("[{kind} removed]")));
    }
}

/// What a part is called whose capability is missing.
fn lacking(content: &Content, missing: Features) -> Option<&'static str> {
    let (feature, kind) = match content {
        Content::Image(_) => (Feature::Vision, "image"),
        Content::Document(_) => (Feature::Media, "document"),
        Content::Audio(_) => (Feature::Audio, "audio"),
        Content::Video(_) => (Feature::VideoVision, "video"),
        _ => return None,
    };
    missing.has(feature).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::part::{Image, Source, ToolResult};
    use crate::chat::request::{Function, Tool};
    use crate::chat::{Dialect, Message, Role};

    fn image() -> Part {
        Part::new(Content::Image(Image {
            source: Source::Text(String::new()),
            detail: None,
        }))
    }

    #[test]
    fn named_parts_go_and_no_message_is_left_empty() {
        let mut request = Request::new(Dialect::Anthropic);
        request.tools = vec![Tool::Function(Function::default())];
        let result = Part::new(Content::ToolResult(ToolResult {
            parts: vec![image()],
            ..ToolResult::default()
        }));
        request.messages = vec![
            Message::new(Role::User, vec![Part::text("look"), image()]),
            Message::new(Role::User, vec![image(), result]),
        ];
        let mut report = Report::default();
        let missing = Features::NONE
            .with(Feature::Vision)
            .with(Feature::ToolCalls);
        let stripped = without(&request, missing, &mut report);
        assert!(stripped.tools.is_empty());
        assert_eq!(stripped.messages[0].parts, [Part::text("look")]);
        let Content::ToolResult(result) = &stripped.messages[1].parts[0].content else {
            panic!("{stripped:?}")
        };
        assert_eq!(result.parts, [Part::text("[image removed]")]);
        let dropped: Vec<_> = report.dropped().collect();
        assert_eq!(dropped, ["tools", "messages.image"]);
    }

    #[test]
    fn what_nothing_is_missing_for_stays() {
        let mut request = Request::new(Dialect::Anthropic);
        request.messages = vec![Message::new(Role::User, vec![image()])];
        let mut report = Report::default();
        let missing = Features::NONE.with(Feature::Audio);
        assert_eq!(without(&request, missing, &mut report), request);
        assert!(report.losses().is_empty());
    }
}

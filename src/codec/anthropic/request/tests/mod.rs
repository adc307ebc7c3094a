//! Requests of other dialects, as this one's servers get them: the tables of the reference.

mod conversation;
mod media;
mod settings;
mod tools;

use crate::chat::part::{Content, Document, Image, Source, ToolCall, ToolResult};
use crate::chat::request::{Function, Thinking, Tool};
use crate::chat::{Dialect, Effort, Message, Part, Report, Request, Role};

/// The model of tests that are about no model.
const CLAUDE: &str = "claude-opus-4-8";

/// A Chat request of one question, changed by `change`.
fn request(change: impl FnOnce(&mut Request)) -> Request {
    let mut request = Request::new(Dialect::OpenAiChat);
    request.max_tokens = Some(16_000);
    request.messages = vec![user("Hi")];
    change(&mut request);
    request
}

fn user(text: &str) -> Message {
    Message::new(Role::User, vec![Part::text(text)])
}

fn assistant(parts: Vec<Part>) -> Message {
    Message::new(Role::Assistant, parts)
}

fn system(text: &str) -> Message {
    Message::new(Role::System, vec![Part::text(text)])
}

fn call(id: &str, arguments: &str) -> Part {
    Part::new(Content::ToolCall(ToolCall {
        id: id.to_owned(),
        name: "f".to_owned(),
        arguments: arguments.to_owned(),
        ..ToolCall::default()
    }))
}

fn result(id: &str, parts: Vec<Part>) -> Message {
    let result = ToolResult {
        id: id.to_owned(),
        parts,
        ..ToolResult::default()
    };
    Message::new(Role::Tool, vec![Part::new(Content::ToolResult(result))])
}

fn function(name: &str) -> Tool {
    Tool::Function(Function {
        name: name.to_owned(),
        ..Function::default()
    })
}

fn thinking(effort: Effort) -> Thinking {
    Thinking {
        effort: Some(effort),
        ..Thinking::default()
    }
}

fn dropped(report: &Report) -> Vec<&str> {
    report.dropped().collect()
}

fn adjusted(report: &Report) -> Vec<(&str, &str)> {
    let all = report.adjustments().iter();
    all.map(|one| (&*one.field, one.value.as_str())).collect()
}

fn push(request: &mut Request, content: Content) {
    request.messages[0].parts.push(Part::new(content));
}

fn data(mime: &str, data: &str) -> Source {
    Source::Data {
        mime: mime.to_owned(),
        data: data.to_owned(),
    }
}

fn image(mime: &str, bytes: &str) -> Content {
    Content::Image(Image {
        source: data(mime, bytes),
        detail: Some("low".to_owned()),
    })
}

fn document(source: Source) -> Content {
    Content::Document(Document {
        source,
        name: Some("a".to_owned()),
    })
}

fn file(id: &str) -> Content {
    document(Source::File {
        dialect: Dialect::OpenAiChat,
        id: id.to_owned(),
        mime: None,
    })
}

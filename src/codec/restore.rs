//! Restores an upstream's tool calls to what the client declared: its own names, groups, and free text
//! where a free-form tool was emulated by a function.

use serde_json::Value;

use super::tool_map::ToolMap;
use crate::chat::part::{Content, ToolCall, ToolKind};
use crate::chat::{Delta, Response, StreamEvent};

/// The one argument of a function that stands for a free-form tool.
pub const INPUT: &str = "input";

/// Most text of free-form calls that is held until they are complete, of all calls together.
const MAX_HELD: usize = 8 * 1024 * 1024;

/// Restores the calls of one stream.
#[derive(Debug)]
pub struct Restore {
    tools: ToolMap,
    held: Vec<Held>,
}

/// A call of an emulated tool: its arguments are JSON until they are whole.
#[derive(Debug)]
struct Held {
    choice: u32,
    call: u32,
    arguments: String,
}

impl Restore {
    /// A restorer for calls of `tools`.
    pub fn new(tools: ToolMap) -> Self {
        Self {
            tools,
            held: Vec::new(),
        }
    }

    /// Passes `event` on to `out` as the client knows it.
    pub fn pass(&mut self, event: StreamEvent, mut out: impl FnMut(StreamEvent)) {
        let StreamEvent::Delta { choice, delta } = event else {
            return out(event);
        };
        let mut out = |delta| out(StreamEvent::Delta { choice, delta });
        match delta {
            Delta::ToolCall {
                call,
                id,
                name,
                namespace,
                kind,
            } => {
                let tool = declared(&self.tools, &name, namespace, kind);
                if tool.is_emulated {
                    self.held.push(Held {
                        choice,
                        call,
                        arguments: String::new(),
                    });
                }
                out(Delta::ToolCall {
                    call,
                    id,
                    name: tool.name,
                    namespace: tool.namespace,
                    kind: tool.kind,
                });
            }
            Delta::ToolArguments { call, fragment } => match self.held(choice, call) {
                None => out(Delta::ToolArguments { call, fragment }),
                Some(place) => {
                    let all = self.held.iter().map(|held| held.arguments.len());
                    if all.sum::<usize>() + fragment.len() <= MAX_HELD {
                        self.held[place].arguments.push_str(&fragment);
                    }
                }
            },
            Delta::ToolEnd { call, signature } => {
                if let Some(place) = self.held(choice, call) {
                    let fragment = free_text(self.held.swap_remove(place).arguments);
                    out(Delta::ToolArguments { call, fragment });
                }
                out(Delta::ToolEnd { call, signature });
            }
            Delta::Whole(mut part) => {
                if let Content::ToolCall(call) = &mut part.content {
                    restore_call(&self.tools, call);
                }
                out(Delta::Whole(part));
            }
            other => out(other),
        }
    }

    fn held(&self, choice: u32, call: u32) -> Option<usize> {
        let mut held = self.held.iter();
        held.position(|held| held.choice == choice && held.call == call)
    }
}

/// The same for a complete answer.
pub fn restore(response: &mut Response, tools: &ToolMap) {
    let parts = response
        .choices
        .iter_mut()
        .flat_map(|choice| &mut choice.parts);
    for part in parts {
        if let Content::ToolCall(call) = &mut part.content {
            restore_call(tools, call);
        }
    }
}

fn restore_call(tools: &ToolMap, call: &mut ToolCall) {
    let name = std::mem::take(&mut call.name);
    let tool = declared(tools, &name, call.namespace.take(), call.kind);
    if tool.is_emulated {
        call.arguments = free_text(std::mem::take(&mut call.arguments));
    }
    call.name = tool.name;
    call.namespace = tool.namespace;
    call.kind = tool.kind;
}

struct Declared {
    name: String,
    namespace: Option<String>,
    kind: ToolKind,
    is_emulated: bool,
}

fn declared(tools: &ToolMap, name: &str, namespace: Option<String>, kind: ToolKind) -> Declared {
    let origin = tools.back(name);
    let own = origin.namespace.map(str::to_owned);
    let (back, declared) = (origin.name.into_owned(), origin.kind);
    Declared {
        is_emulated: declared == ToolKind::Freeform && kind == ToolKind::Function,
        kind: if declared == ToolKind::Freeform {
            declared
        } else {
            kind
        },
        namespace: own.or(namespace),
        name: back,
    }
}

/// The text that the emulating function was given; whatever else the model wrote is the text itself.
fn free_text(arguments: String) -> String {
    let parsed: Option<Value> = serde_json::from_str(&arguments).ok();
    match parsed.as_ref().and_then(|value| value.get(INPUT)?.as_str()) {
        Some(text) => text.to_owned(),
        None => arguments,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Dialect;
    use crate::chat::request::{Freeform, Function, Request, Tool};

    fn tools() -> ToolMap {
        let mut request = Request::new(Dialect::OpenAiResponses);
        request.tools = vec![
            Tool::Freeform(Freeform {
                name: "apply_patch".into(),
                ..Freeform::default()
            }),
            Tool::Function(Function {
                name: "read".into(),
                namespace: Some("files".into()),
                ..Function::default()
            }),
        ];
        ToolMap::new(&request, Dialect::Anthropic)
    }

    fn play(name: &str, fragments: &[&str]) -> Vec<Delta> {
        let mut restore = Restore::new(tools());
        let mut seen = Vec::new();
        let start = Delta::ToolCall {
            call: 0,
            id: "1".into(),
            name: name.into(),
            namespace: None,
            kind: ToolKind::Function,
        };
        let pieces = fragments.iter().map(|fragment| Delta::ToolArguments {
            call: 0,
            fragment: (*fragment).to_owned(),
        });
        let end = Delta::ToolEnd {
            call: 0,
            signature: None,
        };
        for delta in [start].into_iter().chain(pieces).chain([end]) {
            restore.pass(
                StreamEvent::Delta { choice: 0, delta },
                |event| match event {
                    StreamEvent::Delta { delta, .. } => seen.push(delta),
                    other => panic!("{other:?}"),
                },
            );
        }
        seen
    }

    #[test]
    fn an_emulated_tool_gets_its_text_back() {
        let seen = play("apply_patch", &["{\"input\":", "\"*** Begin\\n\"}"]);
        assert!(matches!(
            &seen[0],
            Delta::ToolCall {
                kind: ToolKind::Freeform,
                ..
            }
        ));
        assert!(
            matches!(&seen[1], Delta::ToolArguments { fragment, .. } if fragment == "*** Begin\n")
        );
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn a_grouped_tool_gets_its_group_back() {
        let seen = play("files__read", &["{}"]);
        let Delta::ToolCall {
            name,
            namespace,
            kind,
            ..
        } = &seen[0]
        else {
            panic!("{seen:?}")
        };
        assert_eq!(
            (name.as_str(), namespace.as_deref()),
            ("read", Some("files"))
        );
        assert_eq!(*kind, ToolKind::Function);
    }

    #[test]
    fn what_was_not_declared_passes() {
        let seen = play("other", &["{\"input\":1}"]);
        assert!(
            matches!(&seen[1], Delta::ToolArguments { fragment, .. } if fragment == "{\"input\":1}")
        );
    }
}

//! The tools of one request, as they are called on the other side, and back again.
//!
//! A target may take fewer characters in a name, know no groups of tools, or no free-form ones. What the
//! request says outward and what the answer says inward go through the same map, so that a client only
//! ever hears its own names.

use std::borrow::Cow;

use super::tool_names::ToolNames;
use crate::chat::Dialect;
use crate::chat::part::{Content, ToolKind};
use crate::chat::request::{Request, Tool};

/// Between the group of a tool and its name, where a target knows no groups.
const SEPARATOR: &str = "__";

/// See the module's head.
#[derive(Debug, Clone)]
pub struct ToolMap {
    names: ToolNames,
    /// Tools that the name alone does not tell all about.
    special: Vec<Special>,
    keeps_groups: bool,
}

#[derive(Debug, Clone)]
struct Special {
    outward: String,
    name: String,
    namespace: Option<String>,
    kind: ToolKind,
}

/// What a name of the other side stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The client's name for it.
    pub name: Cow<'a, str>,
    /// The group it belongs to.
    pub namespace: Option<&'a str>,
    /// What kind of tool the client declared.
    pub kind: ToolKind,
}

impl ToolMap {
    /// The map for `request` at a target that speaks `target`.
    pub fn new(request: &Request, target: Dialect) -> Self {
        let keeps_groups = target == Dialect::OpenAiResponses;
        let declared = request.tools.iter().filter_map(|tool| match tool {
            Tool::Function(tool) => Some((&tool.name, &tool.namespace, ToolKind::Function)),
            Tool::Freeform(tool) => Some((&tool.name, &tool.namespace, ToolKind::Freeform)),
            Tool::WebSearch(_) | Tool::Foreign { .. } => None,
        });
        let parts = request.messages.iter().flat_map(|message| &message.parts);
        let called = parts.filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some((&call.name, &call.namespace, call.kind)),
            _ => None,
        });
        let flat = |name: &str, namespace: &Option<String>| match namespace {
            Some(namespace) if !keeps_groups => format!("{namespace}{SEPARATOR}{name}"),
            _ => name.to_owned(),
        };
        let all: Vec<_> = declared
            .chain(called)
            .map(|(name, namespace, kind)| (flat(name, namespace), name, namespace, kind))
            .collect();
        let names = ToolNames::for_dialect(target, all.iter().map(|(flat, ..)| flat.as_str()));
        let mut special: Vec<Special> = Vec::new();
        for (flat, name, namespace, kind) in &all {
            let is_plain = namespace.is_none() && *kind == ToolKind::Function;
            if is_plain
                || special
                    .iter()
                    .any(|known| known.outward == names.outward(flat))
            {
                continue;
            }
            special.push(Special {
                outward: names.outward(flat).into_owned(),
                name: (*name).clone(),
                namespace: (*namespace).clone(),
                kind: *kind,
            });
        }
        Self {
            names,
            special,
            keeps_groups,
        }
    }

    /// What a tool is called on the other side.
    pub fn outward<'a>(&'a self, name: &'a str, namespace: Option<&str>) -> Cow<'a, str> {
        match namespace {
            Some(namespace) if !self.keeps_groups => {
                let flat = format!("{namespace}{SEPARATOR}{name}");
                Cow::Owned(self.names.outward(&flat).into_owned())
            }
            _ => self.names.outward(name),
        }
    }

    /// What the other side means by `outward`.
    pub fn back<'a>(&'a self, outward: &'a str) -> Origin<'a> {
        match self.special.iter().find(|known| known.outward == outward) {
            Some(known) => Origin {
                name: Cow::Borrowed(&known.name),
                namespace: known.namespace.as_deref(),
                kind: known.kind,
            },
            None => Origin {
                name: self.names.back(outward),
                namespace: None,
                kind: ToolKind::Function,
            },
        }
    }
}

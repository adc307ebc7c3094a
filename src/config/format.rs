//! The formats a configuration may be written in.

use std::path::Path;

use super::node::{Node, Span};
use super::{json, toml, yaml};

/// How a file is written; the schema is the same in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON with comments and trailing commas.
    Json,
    /// YAML 1.2, one document.
    Yaml,
    /// TOML.
    Toml,
}

impl Format {
    /// File extensions in the order in which discovery looks for them.
    pub const EXTENSIONS: [&'static str; 4] = ["json", "yaml", "yml", "toml"];

    /// The format of `path` by its extension; JSON where it says nothing else.
    pub fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("yaml" | "yml") => Format::Yaml,
            Some("toml") => Format::Toml,
            _ => Format::Json,
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Format::Json => "JSON",
            Format::Yaml => "YAML",
            Format::Toml => "TOML",
        }
    }

    /// Parses `text`, or says where it is not well-formed.
    pub(super) fn parse(self, text: &str) -> Result<Node, Vec<SyntaxFault>> {
        match self {
            Format::Json => json::parse(text),
            Format::Yaml => yaml::parse(text),
            Format::Toml => toml::parse(text),
        }
    }
}

/// A place where a text is not what its format says.
#[derive(Debug)]
pub(super) struct SyntaxFault {
    pub(super) message: String,
    pub(super) span: Span,
}

impl SyntaxFault {
    /// A fault that stands alone, as the parsers' results want it.
    pub(super) fn alone(message: impl Into<String>, span: Span) -> Vec<Self> {
        vec![Self {
            message: message.into(),
            span,
        }]
    }
}

//! The four dialects, as the bench speaks them.

use http::Uri;
use serde_json::{Value, json};

/// A dialect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tongue {
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's Responses.
    Responses,
    /// Anthropic's Messages.
    Anthropic,
    /// Google's Gemini.
    Gemini,
}

impl Tongue {
    /// All of them.
    pub(crate) const ALL: [Tongue; 4] = [
        Tongue::Chat,
        Tongue::Responses,
        Tongue::Anthropic,
        Tongue::Gemini,
    ];

    /// The dialect that is spoken at a path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let has_ending = |tongue: &Tongue| match tongue {
            Tongue::Gemini => path.starts_with("/v1beta/"),
            other => path == other.target("", false),
        };
        Self::ALL.into_iter().find(has_ending)
    }

    /// The model that its upstream has.
    pub(crate) fn model(self) -> &'static str {
        match self {
            Tongue::Chat => super::upstream::MODEL,
            // Served in this dialect only, so that clients of others are translated.
            Tongue::Responses => "gpt-5.3-codex",
            Tongue::Anthropic => "claude-sonnet-4-5",
            Tongue::Gemini => "gemini-2.5-flash",
        }
    }

    /// A provider of it at `upstream`.
    pub(crate) fn provider(self, upstream: std::net::SocketAddr) -> Value {
        let (kind, base) = match self {
            Tongue::Chat => ("openai_compatible", "v1"),
            Tongue::Responses => ("openai", "v1"),
            Tongue::Anthropic => ("anthropic", "v1"),
            Tongue::Gemini => ("google", "v1beta"),
        };
        json!({
            "type": kind,
            "name": format!("{self:?}").to_lowercase(),
            "base_url": format!("http://{upstream}/{base}"),
            "api_key": "sk-bench",
            "models": [self.model()],
        })
    }

    /// Where `model` is asked.
    pub(crate) fn uri(self, model: &str, streams: bool) -> Uri {
        Uri::try_from(self.target(model, streams)).expect("a path of ours is one")
    }

    fn target(self, model: &str, streams: bool) -> String {
        match (self, streams) {
            (Tongue::Chat, _) => "/v1/chat/completions".to_owned(),
            (Tongue::Responses, _) => "/v1/responses".to_owned(),
            (Tongue::Anthropic, _) => "/v1/messages".to_owned(),
            (Tongue::Gemini, true) => {
                format!("/v1beta/models/{model}:streamGenerateContent?alt=sse")
            }
            (Tongue::Gemini, false) => format!("/v1beta/models/{model}:generateContent"),
        }
    }
}

//! Places: an upstream of each dialect, and requests written for it as the gateway writes them.

use autogw::chat::{Dialect, Report, Request};
use autogw::codec::losses::{refuse_leftovers, report_leftovers};
use autogw::codec::target::{Refusal, Target};
use autogw::codec::tool_map::ToolMap;
use autogw::codec::{dispatch, openai_responses};
use autogw::provider::Quirk;
use autogw::provider::knowledge::{self, Knowledge};
use serde_json::{Map, Value};

/// A model at a provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// What the provider speaks.
    pub dialect: Dialect,
    /// The provider's name.
    pub provider: &'static str,
    /// What the model is called there.
    pub model: &'static str,
    quirks: &'static [Quirk],
}

const fn place(dialect: Dialect, provider: &'static str, model: &'static str) -> Place {
    Place {
        dialect,
        provider,
        model,
        quirks: &[],
    }
}

const fn openai(dialect: Dialect, model: &'static str) -> Place {
    Place {
        quirks: &[Quirk::OpenAiHost],
        ..place(dialect, "openai", model)
    }
}

/// The places whose requests are shown, the first of a dialect in full.
const PLACES: [Place; 9] = [
    openai(Dialect::OpenAiChat, "gpt-5.5"),
    openai(Dialect::OpenAiChat, "gpt-4o"),
    place(Dialect::OpenAiChat, "local", "llama-3.3-70b"),
    openai(Dialect::OpenAiResponses, "gpt-5.6"),
    place(Dialect::Anthropic, "claude", "claude-opus-5"),
    place(Dialect::Anthropic, "claude", "claude-sonnet-4-5"),
    place(Dialect::Gemini, "google", "gemini-3-pro"),
    place(Dialect::Gemini, "google", "gemini-2.5-flash"),
    place(Dialect::Gemini, "google", "gemini-1.5-pro"),
];

/// The places that speak `dialect`; the first is the one meant where one is enough.
pub(crate) fn places(dialect: Dialect) -> impl Iterator<Item = Place> {
    PLACES
        .into_iter()
        .filter(move |place| place.dialect == dialect)
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Written {
    /// It was written.
    Body(Map<String, Value>, Report),
    /// It was refused before it was sent.
    Refused(Refusal),
}

impl Place {
    /// Writes `request` as the gateway does.
    pub(crate) fn write(&self, request: &Request) -> Written {
        self.write_knowing(request, &knowledge::of(self.model))
    }

    /// The same for a model of which nothing is known: whatever can be said is.
    pub(crate) fn write_unknowing(&self, request: &Request) -> Written {
        self.write_knowing(request, &Knowledge::nothing())
    }

    fn write_knowing(&self, request: &Request, knowledge: &Knowledge) -> Written {
        let is_at_home = request.dialect == self.dialect;
        let mut stateful = openai_responses::stateful_fields(request);
        if let Some(field) = stateful.next().filter(|_| !is_at_home) {
            return Written::Refused(Refusal::new(field, "only its own dialect holds it"));
        }
        if !is_at_home && let Err(refusal) = refuse_leftovers(request) {
            return Written::Refused(refusal);
        }
        let tools = ToolMap::new(request, self.dialect);
        let target = Target {
            provider: self.provider,
            quirks: self.quirks,
            model: self.model,
            knowledge,
            streams: false,
            tools: &tools,
        };
        let mut report = Report::default();
        match dispatch::encode_request(self.dialect, request, &target, &mut report) {
            Err(refusal) => Written::Refused(refusal),
            Ok(body) => {
                if !is_at_home {
                    report_leftovers(request, &mut report);
                }
                Written::Body(body, report)
            }
        }
    }
}

/// The request that `body` is.
pub(crate) fn decoded(dialect: Dialect, body: Map<String, Value>) -> Request {
    dispatch::decode_request(dialect, body).unwrap_or_else(|bad| panic!("{dialect}: {bad}"))
}

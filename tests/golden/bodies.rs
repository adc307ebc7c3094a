//! The bodies of the fuzz targets: each takes any bytes, and must neither panic nor say more than a
//! multiple of what it was told.
//!
//! The targets under `fuzz/` include this file as it is; here they run over their corpus.

use std::sync::Arc;

use autogw::chat::{Dialect, Report, Request};
use autogw::codec::dispatch::{self, Decoder, Encoder};
use autogw::codec::restore::Restore;
use autogw::codec::stream::{StreamDecoder as _, StreamEncoder as _};
use autogw::codec::target::{Exchange, Origin, Target};
use autogw::codec::tool_map::ToolMap;
use autogw::provider::knowledge;
use autogw::sse::{Event, Splitter};

/// Most bytes that a byte of input may become, and what every answer costs whatever was said. A chunk of
/// Chat's has a head of some hundred bytes for each word; each number in a list may become a node.
const FACTOR: usize = 600;
const CONSTANT: usize = 64 * 1024;

fn bounded(written: usize, read: usize) {
    let most = read.saturating_mul(FACTOR).saturating_add(CONSTANT);
    assert!(written <= most, "{read} bytes became {written}");
}

/// Events do not depend on where the bytes are cut: at each, or nowhere.
pub(crate) fn sse(input: &[u8]) {
    const BOM: &[u8] = b"\xef\xbb\xbf";
    if input.windows(3).skip(1).any(|bytes| bytes == BOM) {
        // The mark is skipped where an event begins, which a cut within a line ending moves.
        return;
    }
    assert_eq!(events(input, input.len()), events(input, 1));
}

/// The events of `input` in chunks of `size`: their names and data.
fn events(input: &[u8], size: usize) -> Vec<(Option<Vec<u8>>, Vec<u8>)> {
    let (mut splitter, mut held, mut events) = (Splitter::default(), Vec::new(), Vec::new());
    for chunk in input.chunks(size.max(1)) {
        let mut at = 0;
        while let Some(end) = splitter.next(chunk, at) {
            held.extend_from_slice(&chunk[at..end]);
            let block = std::mem::take(&mut held);
            let event = Event::parse(&block);
            if let Some(data) = event.data {
                assert!(data.len() <= block.len(), "more than was told");
                events.push((event.name.map(<[u8]>::to_vec), data.into_owned()));
            }
            at = end;
        }
        held.extend_from_slice(&chunk[at..]);
    }
    events
}

/// A client's request, for upstreams of all dialects.
pub(crate) fn request(dialect: Dialect, input: &[u8]) {
    let Ok(body) = serde_json::from_slice(input) else {
        return;
    };
    let Ok(request) = dispatch::decode_request(dialect, body) else {
        return;
    };
    for (upstream, model) in MODELS {
        let knowledge = knowledge::of(model);
        let tools = ToolMap::new(&request, upstream);
        let target = Target {
            provider: "there",
            quirks: &[],
            model,
            knowledge: &knowledge,
            streams: true,
            tools: &tools,
        };
        let mut report = Report::default();
        if let Ok(body) = dispatch::encode_request(upstream, &request, &target, &mut report) {
            bounded(
                serde_json::Value::Object(body).to_string().len(),
                input.len(),
            );
        }
    }
}

/// An upstream's document, for clients of all dialects.
pub(crate) fn response(dialect: Dialect, input: &[u8]) {
    let Ok(body) = serde_json::from_slice(input) else {
        return;
    };
    let Ok(response) = dispatch::decode_response(dialect, body, &origin()) else {
        return;
    };
    for client in Dialect::ALL {
        let mut report = Report::default();
        let body = dispatch::encode_response(client, &response, &exchange(), &mut report);
        bounded(body.to_string().len(), input.len());
        let mut out = Vec::new();
        let mut encoder = Encoder::new(client, Arc::new(exchange()));
        for event in response.clone().into_events() {
            encoder.encode(event, &mut out);
        }
        encoder.end(&mut out);
        bounded(out.len(), input.len());
    }
}

/// An upstream's stream, for clients of all dialects. Whether it ends well or not, the client is told.
pub(crate) fn stream(dialect: Dialect, input: &[u8]) {
    let tools = ToolMap::new(&Request::new(Dialect::OpenAiChat), dialect);
    for client in Dialect::ALL {
        let mut decoder = Decoder::new(dialect, origin());
        let mut restore = Restore::new(tools.clone());
        let mut encoder = Encoder::new(client, Arc::new(exchange()));
        let (mut splitter, mut at) = (Splitter::default(), 0);
        let (mut events, mut out, mut failure) = (Vec::new(), Vec::new(), None);
        while let Some(end) = splitter.next(input, at) {
            let result = decoder.decode(&Event::parse(&input[at..end]), &mut events);
            for event in events.drain(..) {
                restore.pass(event, |event| encoder.encode(event, &mut out));
            }
            at = end;
            if let Err(error) = result {
                failure = Some(error);
                break;
            }
        }
        let is_whole = failure.is_none() && decoder.end(&mut events);
        for event in events.drain(..) {
            restore.pass(event, |event| encoder.encode(event, &mut out));
        }
        if is_whole {
            encoder.end(&mut out);
        } else {
            encoder.fail(&failure.unwrap_or_default(), "req-1", &mut out);
        }
        assert!(out.is_empty() || out.ends_with(b"\n\n"), "half an event");
        bounded(out.len(), input.len());
    }
}

const MODELS: [(Dialect, &str); 5] = [
    (Dialect::OpenAiChat, "gpt-5.5"),
    (Dialect::OpenAiResponses, "gpt-5.6"),
    (Dialect::Anthropic, "claude-sonnet-4-5"),
    (Dialect::Gemini, "gemini-3-pro"),
    (Dialect::Gemini, "gemini-1.5-pro"),
];

fn origin() -> Origin {
    Origin {
        provider: "there".to_owned(),
        model: "a-model".to_owned(),
    }
}

fn exchange() -> Exchange {
    Exchange {
        model: "best".to_owned(),
        created: 1_790_000_000,
        seed: 7,
        include_usage: true,
        estimated_input: 11,
        echo: serde_json::Map::new(),
        legacy_functions: false,
    }
}

//! Streams of OpenAI Responses, for clients of all dialects.
#![no_main]

#[path = "../../tests/golden/bodies.rs"]
#[expect(dead_code, reason = "each target needs one of the bodies")]
mod bodies;

use autogw::chat::Dialect;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::stream(Dialect::OpenAiResponses, input));

//! The parser of event streams.
#![no_main]

#[path = "../../tests/golden/bodies.rs"]
#[expect(dead_code, reason = "each target needs one of the bodies")]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::sse(input));

//! The parser of event streams.
#![no_main]

#[path = "../../tests/golden/bodies.rs"]
#[allow(dead_code, unreachable_pub, reason = "each target needs one of the bodies")]
mod bodies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| bodies::sse(input));

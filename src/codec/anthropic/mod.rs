//! Anthropic Messages: blocks and named events.

pub mod error;
pub mod observe;

pub use observe::usage;

/// The event that Anthropic itself keeps silent streams alive with.
pub const PING: &[u8] = b"event: ping\ndata: {\"type\": \"ping\"}\n\n";

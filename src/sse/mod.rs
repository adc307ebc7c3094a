//! Server-sent events without IO: where an event ends, and what it says.
//!
//! [`Splitter`] finds event boundaries in bytes that arrive in any cut (law L5); [`Event`] reads one
//! complete block. Nothing is decoded before a block is whole, so a character cut in two by the
//! network is never seen.

mod event;
mod splitter;

pub use event::Event;
pub use splitter::Splitter;

/// The content type of a stream, exactly as proxies on the way expect it.
pub const CONTENT_TYPE: &str = "text/event-stream; charset=utf-8";

/// A comment that keeps a silent connection alive; every chat client skips it.
pub const KEEP_ALIVE: &[u8] = b": ping\n\n";

//! Dialects, decoded and observed: plain functions and state machines over bytes.
//!
//! Native traffic is never re-encoded here: a request's head is peeked at, an answer is checked, a
//! stream is watched, and the bytes themselves go on as they came.

pub mod call_id;
pub mod embeddings;
pub mod field_names;
pub mod fingerprint;
pub mod gemini;
pub mod media;
pub mod multipart;
pub mod openai_chat;
pub mod schema;
pub mod stream;
pub mod target;
pub mod tokens;
pub mod tool_map;
pub mod tool_names;
pub mod turns;

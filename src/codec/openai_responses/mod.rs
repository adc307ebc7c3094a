//! OpenAI Responses: items and numbered events.

pub mod error;
pub mod observe;

//! Translation: a request in one dialect for an upstream that speaks another.
//!
//! ```text
//! Neutral (decoded once per request) ── write() ──> the upstream's body, and a Crossing
//!                                                      │
//!         document: Crossing::carry    stream: Translator (decoder → restore → encoder)
//! ```
//!
//! Whatever does not come over is in the report: a header, a log line, or under `strict` a refusal.
//! Requests of the upstream's own dialect are re-written here only where their bytes would be refused:
//! sealed thoughts of other models in them, or the shape of another dialect.

mod crossing;
mod embed;
pub mod heavy;
mod keep;
mod neutral;
mod outgoing;
mod translator;

pub use crossing::{Carried, Crossing};
pub use embed::{Calls, Embedding};
pub use keep::{Storing, keep};
pub use neutral::Neutral;
pub(in crate::proxy) use outgoing::strictly;
pub use outgoing::{Outgoing, Refused, THOUGHTS, write};
pub use translator::Translator;

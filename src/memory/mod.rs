//! Memory: what is kept of conversations, and of requests under a key, between requests, for upstreams and clients that keep nothing.
//!
//! Everything is bounded in bytes and time, belongs to the client key it came with, and lives in this
//! process only. Time is an argument.

mod call;
pub mod idempotency;
pub mod responses;
pub mod sessions;
mod shelf;
pub mod thoughts;

pub use responses::Responses;
pub use sessions::Sessions;
pub use shelf::Shelf;
pub use thoughts::Thoughts;

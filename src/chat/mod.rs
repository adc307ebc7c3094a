//! The vocabulary every floor above speaks: dialects and failures.
//!
//! It knows nothing of vendors, time or IO. What a conversation can hold (messages, parts, stream
//! events) joins it with the first translation between dialects.

pub mod dialect;
pub mod effort;
pub mod failure;

pub use dialect::Dialect;
pub use effort::Effort;
pub use failure::{Blame, ErrorBody, Failure, FailureClass, Next, Stage};

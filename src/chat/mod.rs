//! The vocabulary every floor above speaks: dialects, operations, token counts and failures.
//!
//! It knows nothing of vendors, time or IO. What a conversation can hold (messages, parts, stream
//! events) joins it with the first translation between dialects.

pub mod dialect;
pub mod failure;
pub mod operation;
pub mod usage;

pub use dialect::Dialect;
pub use failure::{Blame, ErrorBody, Failure, FailureClass, Next, Stage};
pub use operation::Operation;
pub use usage::Usage;

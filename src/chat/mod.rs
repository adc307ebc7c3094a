//! The vocabulary every floor above speaks: dialects, failures, and what a conversation can hold.
//!
//! It knows nothing of vendors, time or IO. A [`Request`] and a [`Response`] are the neutral forms that
//! every dialect is decoded to and encoded from; a stream is a series of [`StreamEvent`]s. What a dialect
//! has beyond them is kept as [`Extra`], and what cannot be said in another one is told in a [`Report`].

pub mod dialect;
pub mod effort;
pub mod event;
pub mod extra;
pub mod failure;
pub mod operation;
pub mod part;
pub mod request;
pub mod response;
pub mod signature;
pub mod usage;

pub use dialect::Dialect;
pub use effort::Effort;
pub use event::{Delta, StreamEvent};
pub use extra::{Extra, Leftovers, Level, Report};
pub use failure::{Blame, ErrorBody, Failure, FailureClass, Next, Stage};
pub use operation::Operation;
pub use part::{Content, Part};
pub use request::{Message, Request, Role};
pub use response::{Choice, Finish, FinishReason, Response};
pub use signature::{Opaque, OpaqueKind};
pub use usage::Usage;

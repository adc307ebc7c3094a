//! Attach: the other end of the admin API, for the dashboard and for scripts.
//!
//! ```text
//! door    where a running gateway is: its Unix socket, or a loopback address with a token
//! client  one question, one answer: details, acts, reload
//! feed    the stream of events; when it breaks it is opened again, and says so meanwhile
//! wire    a connection, and one exchange on it
//! ```

pub mod client;
pub mod door;
pub mod feed;
#[cfg(test)]
mod scripted;
mod wire;

pub use client::{Client, Trouble};
pub use door::{BadDoor, Door};
pub use feed::{Feed, News};

//! One file per section of the configuration: which keys it has, and what they become.

pub(super) mod demo;
pub(super) mod door;
pub(super) mod extra;
pub(super) mod fallback;
pub(super) mod health;
pub(super) mod keys;
pub(super) mod merge;
pub(super) mod models;
pub(super) mod parts;
pub(super) mod provider;
pub(super) mod public;
pub(super) mod root;
pub(super) mod route;
pub(super) mod router;
pub(super) mod server;
pub(super) mod timeouts;
pub(super) mod tunnel;

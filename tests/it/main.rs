//! The integration tests: one binary, a module per capability.
//!
//! Every test starts a gateway of its own in front of scripted upstreams on loopback and asks it
//! over HTTP; nothing below the wire is touched.

mod harness;
mod support;

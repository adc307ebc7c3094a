//! The integration tests: one binary, a module per capability.

mod config;
mod verbs;

//! autogw: one endpoint over many AI providers.

pub mod chat;
pub mod cli;
pub mod config;
pub mod provider;

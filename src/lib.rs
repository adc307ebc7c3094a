//! autogw: one endpoint over many AI providers.

pub mod chat;
pub mod config;
pub mod demo;
pub mod json;
pub mod provider;

//! autogw: one endpoint over many AI providers.

pub mod chat;
pub mod codec;
pub mod config;
pub mod demo;
pub mod health;
pub mod json;
pub mod provider;
pub mod route;
pub mod sse;
pub mod telemetry;

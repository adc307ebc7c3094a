//! autogw: one endpoint over many AI providers.

pub mod app;
pub mod chat;
pub mod cli;
pub mod codec;
pub mod config;
pub mod demo;
pub mod health;
pub mod json;
pub mod provider;
pub mod proxy;
pub mod route;
pub mod server;
pub mod sse;
pub mod telemetry;

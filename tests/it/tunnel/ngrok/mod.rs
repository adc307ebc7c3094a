//! The tunnel through ngrok: the real crate against an edge in this process.

mod ear;
mod gateway;
mod house;
mod life;
mod traffic;
mod trouble;

//! Tunnels: public doors that are opened from the inside, kept open, and closed again.
//!
//! ```text
//! app ── opens a door of its own ──> ngrok:       connections arrive in this process, one by one
//!    │                              cloudflared:  a child process connects to the door's Unix socket
//!    └── Closing ──> supervisor ── telemetry::tunnel::Line ──> log · banner · /health · dashboard
//! ```
//!
//! A supervisor opens its tunnel, opens it again with growing pauses when it breaks, gives up on what no
//! waiting mends, and says at every step how it stands. It decides nothing about requests: that is the
//! door's business.

pub mod backoff;
pub mod closing;
pub mod cloudflared;
pub mod ngrok;
pub mod verify;

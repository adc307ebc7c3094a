//! What the gateway tells about itself: log, traces, tunnels, and the snapshot that all of it comes together in.

pub mod act;
pub mod books;
pub mod bus;
pub mod capture;
pub mod clock;
pub mod event;
pub mod foreign;
pub mod live;
pub mod log;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod snapshot;
pub mod trace;
pub mod tunnel;

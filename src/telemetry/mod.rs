//! What the gateway tells about itself: the log, and how its tunnels are.

pub mod log;
pub mod tunnel;

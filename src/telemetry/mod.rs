//! What the gateway tells about itself: the log, how its tunnels are, and what others say about them.

pub mod foreign;
pub mod log;
pub mod trace;
pub mod tunnel;

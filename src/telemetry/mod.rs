//! What the gateway tells about itself: the log.

pub mod log;

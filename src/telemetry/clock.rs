//! Times as they are told: whole milliseconds, and moments of the clock on the wall in milliseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whole milliseconds.
pub fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// `time` in milliseconds since 1970; 0 for what lies before.
pub fn unix_ms(time: SystemTime) -> u64 {
    milliseconds(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The present in milliseconds since 1970.
pub fn now_ms() -> u64 {
    unix_ms(SystemTime::now())
}

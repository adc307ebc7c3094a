//! Times: how long an act may hold. Nothing that was changed by hand is to be forgotten there.

use std::time::Duration;

use crate::telemetry::act::{Fault, Refused};

/// Longest pin: a working day and a night.
const MOST_MINUTES: f64 = 24.0 * 60.0;

/// Longest fault: a fault that was forgotten is an outage.
const MOST_SECONDS: f64 = 3_600.0;

/// Longest latency: far behind every limit of an attempt.
const MOST_LATENCY: u64 = 600_000;

/// The time of a pin.
pub(super) fn minutes(minutes: f64) -> Result<Duration, Refused> {
    within(
        minutes,
        60.0,
        MOST_MINUTES,
        "`minutes` must be more than 0 and at most 1440 (a day)",
    )
}

/// The time of a fault.
pub(super) fn seconds(seconds: f64) -> Result<Duration, Refused> {
    within(
        seconds,
        1.0,
        MOST_SECONDS,
        "`seconds` must be more than 0 and at most 3600 (an hour)",
    )
}

/// `fault`, if it is one that can be played.
pub(super) fn bounded(fault: Fault) -> Result<Fault, Refused> {
    match fault {
        Fault::Latency { ms } if !(1..=MOST_LATENCY).contains(&ms) => Err(Refused::new(
            "`ms` must be more than 0 and at most 600000 (ten minutes)",
        )),
        fault => Ok(fault),
    }
}

fn within(time: f64, unit: f64, most: f64, rule: &str) -> Result<Duration, Refused> {
    let is_within = time.is_finite() && time > 0.0 && time <= most;
    let time = Duration::try_from_secs_f64(time * unit)
        .ok()
        .filter(|_| is_within);
    time.filter(|time| !time.is_zero())
        .ok_or_else(|| Refused::new(rule))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_more_than_nothing_and_have_a_bound() {
        for time in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::MIN_POSITIVE, 1e300] {
            assert!(minutes(time).is_err() && seconds(time).is_err(), "{time}");
        }
        assert_eq!(minutes(1440.0), Ok(Duration::from_hours(24)));
        assert!(minutes(1440.1).is_err());
        assert_eq!(seconds(3600.0), Ok(Duration::from_hours(1)));
        assert!(seconds(3600.1).is_err());
        assert_eq!(minutes(0.5), Ok(Duration::from_secs(30)));
    }

    #[test]
    fn a_latency_is_one_that_somebody_could_wait_for() {
        for (ms, is_one) in [(0, false), (1, true), (600_000, true), (600_001, false)] {
            assert_eq!(bounded(Fault::Latency { ms }).is_ok(), is_one, "{ms}");
        }
        assert_eq!(bounded(Fault::Garbage), Ok(Fault::Garbage));
    }
}

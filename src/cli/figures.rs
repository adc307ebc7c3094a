//! Figures as people read them.

use std::time::{Duration, UNIX_EPOCH};

use super::table::NOTHING;

/// A time that something took: `812 ms`, `4.0 s`, `3 min`.
pub(super) fn took(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => span(ms),
    }
}

/// A longer time, of which the two largest units count: `2 h 14 min`.
pub(super) fn span(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match (hours / 24, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, 1..10) => format!("{minutes} min {} s", seconds % 60),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        (days, _, _) => format!("{days} d {} h", hours % 24),
    }
}

/// A count: `9876`, `12.3k`, `1.2M`.
pub(super) fn count(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => format!("{}.{}k", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{}M", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// US dollars.
pub(super) fn money(dollars: f64) -> String {
    if dollars == 0.0 {
        "$0".to_owned()
    } else if dollars < 1.0 {
        format!("${dollars:.4}")
    } else {
        format!("${dollars:.2}")
    }
}

/// The time of day, in UTC as in the log.
pub(super) fn time_of_day(ms: u64) -> String {
    let text = moment(ms);
    text.get(11..19).unwrap_or_default().to_owned()
}

/// Date and time as in the log.
pub(super) fn moment(ms: u64) -> String {
    // The end of the calendar.
    const LAST: u64 = 253_402_300_799_999;
    let time = UNIX_EPOCH + Duration::from_millis(ms.min(LAST));
    humantime::format_rfc3339_millis(time).to_string()
}

/// What is known, or that it is not.
pub(super) fn known<T>(value: Option<T>, said: impl Fn(T) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let took: Vec<String> = [0, 999, 1_000, 59_999, 61_000, 8_040_000, 273_600_000]
            .map(took)
            .into();
        assert_eq!(
            took,
            [
                "0 ms",
                "999 ms",
                "1.0 s",
                "59.9 s",
                "1 min 1 s",
                "2 h 14 min",
                "3 d 4 h"
            ]
        );
        assert_eq!(
            [9_999, 12_345, 1_234_567].map(count),
            ["9999", "12.3k", "1.2M"]
        );
        assert_eq!([0.0, 0.01234, 3.416].map(money), ["$0", "$0.0123", "$3.42"]);
    }

    #[test]
    fn no_time_is_too_late() {
        assert_eq!(time_of_day(1_795_269_669_120), "14:01:09");
        assert_eq!(moment(u64::MAX), "9999-12-31T23:59:59.999Z");
    }
}

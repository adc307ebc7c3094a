//! Figures as people read them: short, never wrong by more than they show, and harmless where they are odd.
//!
//! What is cut off is cut, not rounded up: 999 999 is `999k`, never `1000k`.

/// What stands where there is nothing to tell.
pub const NOTHING: &str = "-";

/// A count: `999`, `1.2k`, `12.3k`, `310k`, `3.4M`.
pub fn count(n: u64) -> String {
    let (unit, letter) = match n {
        0..1_000 => return n.to_string(),
        1_000..1_000_000 => (1_000, 'k'),
        1_000_000..1_000_000_000 => (1_000_000, 'M'),
        1_000_000_000..1_000_000_000_000 => (1_000_000_000, 'G'),
        1_000_000_000_000..1_000_000_000_000_000 => (1_000_000_000_000, 'T'),
        _ => return ">999T".to_owned(),
    };
    match n / unit {
        whole @ 0..100 => format!("{whole}.{}{letter}", n % unit / (unit / 10)),
        whole => format!("{whole}{letter}"),
    }
}

/// So many per second: `0.4`, `12.4`, `310`, `1.2k`.
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() || per_second < 0.0 {
        return NOTHING.to_owned();
    }
    if per_second < 99.95 {
        return format!("{per_second:.1}");
    }
    count(whole(per_second))
}

/// A share of 0 to 1 in hundredths, without the sign: `0.4`, `22`, `100`.
pub fn percent(share: f64) -> String {
    let hundredths = share * 100.0;
    if !hundredths.is_finite() {
        return NOTHING.to_owned();
    }
    match hundredths.clamp(0.0, 999.0) {
        few if few < 9.95 => format!("{few:.1}"),
        many => format!("{many:.0}"),
    }
}

/// A part of a whole in hundredths; nothing of nothing.
pub fn part(part: u64, whole: u64) -> String {
    if whole == 0 {
        return NOTHING.to_owned();
    }
    percent(real(part) / real(whole))
}

/// A time with its unit: `412 ms`, `1.9 s`, `75 s`, `12 min`.
pub fn millis(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..600_000 => format!("{} s", ms / 1_000),
        600_000..7_200_000 => format!("{} min", ms / 60_000),
        _ => format!("{} h", count(ms / 3_600_000)),
    }
}

/// The same for a narrow column: `412`, `1.9s`, `75s`, `12m`.
pub fn narrow_millis(ms: u64) -> String {
    match ms {
        0..1_000 => ms.to_string(),
        1_000..60_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
        60_000..600_000 => format!("{}s", ms / 1_000),
        600_000..7_200_000 => format!("{}m", ms / 60_000),
        _ => format!("{}h", count(ms / 3_600_000)),
    }
}

/// A time in microseconds: `84 µs`, `1.2 ms`.
pub fn micros(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..10_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => millis(us / 1_000),
    }
}

/// US dollars: `$0`, `$0.0123`, `$3.42`, `$310`, `$1.2k`.
pub fn money(dollars: f64) -> String {
    match dollars {
        odd if !odd.is_finite() || odd < 0.0 => NOTHING.to_owned(),
        0.0 => "$0".to_owned(),
        tiny if tiny < 0.000_1 => "<$0.0001".to_owned(),
        small if small < 0.1 => format!("${small:.4}"),
        some if some < 100.0 => format!("${some:.2}"),
        many if many < 1_000.0 => format!("${many:.0}"),
        many => format!("${}", count(whole(many))),
    }
}

/// What something has cost; of what nobody knows a price, nothing is said.
pub fn cost(dollars: f64) -> String {
    if dollars > 0.0 {
        money(dollars)
    } else {
        NOTHING.to_owned()
    }
}

/// How long something lasts: `02:14`, `1:02:14`, `3d 04h`.
pub fn lasting(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match days {
        0 if hours == 0 => format!("{minutes:02}:{:02}", seconds % 60),
        0 => format!("{hours}:{:02}:{:02}", minutes % 60, seconds % 60),
        1..1_000 => format!("{days}d {:02}h", hours % 24),
        _ => format!("{}d", count(days)),
    }
}

/// What is left until `until_ms`, the second that has begun included: `00:17`; `00:00` when it is over.
pub fn countdown(until_ms: u64, now_ms: u64) -> String {
    lasting(until_ms.saturating_sub(now_ms).saturating_add(999))
}

/// How long ago something was: `now`, `12 s ago`, `3 min ago`, `2 h ago`.
pub fn ago(then_ms: u64, now_ms: u64) -> String {
    let seconds = now_ms.saturating_sub(then_ms) / 1_000;
    match seconds {
        0 => "now".to_owned(),
        1..100 => format!("{seconds} s ago"),
        100..6_000 => format!("{} min ago", seconds / 60),
        6_000..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", count(seconds / 86_400)),
    }
}

/// The time of day in UTC, as in the log: `14:02:09`.
pub fn time_of_day(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (hours, minutes) = (seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}", seconds % 60)
}

/// The whole number below.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and what is odd becomes 0"
)]
pub fn whole(number: f64) -> u64 {
    number as u64
}

/// As a number with fractions.
#[expect(clippy::cast_precision_loss, reason = "a figure for eyes")]
pub fn real(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_short_and_never_larger_than_what_they_stand_for() {
        for (n, shown) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1.0k"),
            (1_299, "1.2k"),
            (99_999, "99.9k"),
            (310_400, "310k"),
            (999_999, "999k"),
            (3_450_000, "3.4M"),
            (7_000_000_000, "7.0G"),
            (u64::MAX, ">999T"),
        ] {
            assert_eq!(count(n), shown);
            assert!(count(n).len() <= 5);
        }
    }

    #[test]
    fn rates_and_shares_survive_what_is_no_number() {
        for (n, shown) in [
            (0.0, "0.0"),
            (12.44, "12.4"),
            (99.96, "99"),
            (1_234.0, "1.2k"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
            (-1.0, "-"),
            (f64::MAX, ">999T"),
        ] {
            assert_eq!(rate(n), shown);
        }
        for (share, shown) in [
            (0.004, "0.4"),
            (0.22, "22"),
            (1.0, "100"),
            (f64::NAN, "-"),
            (-3.0, "0.0"),
            (1e9, "999"),
        ] {
            assert_eq!(percent(share), shown);
        }
        assert_eq!((part(1, 4).as_str(), part(1, 0).as_str()), ("25", "-"));
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        for (ms, shown, narrow) in [
            (0, "0 ms", "0"),
            (412, "412 ms", "412"),
            (1_930, "1.9 s", "1.9s"),
            (75_000, "75 s", "75s"),
            (720_000, "12 min", "12m"),
            (7_200_000, "2 h", "2h"),
        ] {
            assert_eq!(
                (millis(ms).as_str(), narrow_millis(ms).as_str()),
                (shown, narrow)
            );
        }
        assert!(narrow_millis(u64::MAX).len() <= 6);
        assert_eq!(
            (micros(84).as_str(), micros(1_250).as_str()),
            ("84 µs", "1.2 ms")
        );
    }

    #[test]
    fn money_shows_what_matters_of_it() {
        for (dollars, shown) in [
            (0.0, "$0"),
            (0.000_01, "<$0.0001"),
            (0.012_34, "$0.0123"),
            (3.42, "$3.42"),
            (310.4, "$310"),
            (1_234.0, "$1.2k"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(money(dollars), shown);
        }
    }

    #[test]
    fn clocks_count_to_the_second() {
        for (ms, shown) in [
            (0, "00:00"),
            (134_000, "02:14"),
            (3_734_000, "1:02:14"),
            (273_600_000, "3d 04h"),
        ] {
            assert_eq!(lasting(ms), shown);
        }
        assert_eq!(countdown(17_000, 0), "00:17");
        assert_eq!(countdown(1, 0), "00:01");
        assert_eq!(countdown(0, 5), "00:00");
        assert_eq!(countdown(u64::MAX, 0), lasting(u64::MAX));
        assert_eq!(time_of_day(50_529_000), "14:02:09");
        assert_eq!(
            (ago(0, 12_500).as_str(), ago(9, 5).as_str()),
            ("12 s ago", "now")
        );
    }
}

//! The clock of this machine against those of the providers, which put the time on every answer.
//!
//! One provider alone may be wrong itself, so that at most a warning comes of it.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

use super::finding::Finding;
use super::patient::Patient;

/// More than this is no matter of how long the answer took.
const WARNS: i64 = 120;

/// Tokens and signatures that have a date are refused from about here on.
const FAILS: i64 = 300;

/// How far apart providers may be and still say the same.
const AGREED: i64 = 60;

/// What the answer of one provider says of the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sample {
    /// The host and port it came from.
    place: String,
    /// Seconds by which this machine is ahead; negative if it is behind.
    ahead: i64,
}

impl Sample {
    /// What `headers` say, of an answer of `place` that was asked for at `asked` and took that long.
    pub(super) fn read(
        place: String,
        headers: &HeaderMap,
        asked: SystemTime,
        took: Duration,
    ) -> Option<Self> {
        let date = headers.get(header::DATE)?.to_str().ok()?;
        let theirs = httpdate::parse_http_date(date).ok()?;
        // It was written when the request was half-way back, and is half a second old on average.
        let ours = asked + took / 2;
        let theirs = theirs + Duration::from_millis(500);
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let ahead = match ours.duration_since(theirs) {
            Ok(ahead) => seconds(ahead),
            Err(behind) => -seconds(behind.duration()),
        };
        Some(Self { place, ahead })
    }
}

/// What is found.
pub(super) fn check(patient: &Patient) -> Vec<Finding> {
    judge(&patient.samples.borrow()).into_iter().collect()
}

fn judge(samples: &[Sample]) -> Option<Finding> {
    let mut samples = samples.to_vec();
    samples.sort_by(|one, other| one.place.cmp(&other.place));
    samples.dedup_by(|one, other| one.place == other.place);
    samples.sort_by_key(|sample| sample.ahead);
    let median = samples.get(samples.len() / 2)?.ahead;
    let off = median.saturating_abs();
    let agreed = samples
        .iter()
        .filter(|sample| (sample.ahead - median).abs() <= AGREED);
    let agreed = agreed.count();
    if off <= WARNS {
        return Some(right(off, agreed));
    }
    let places = samples
        .iter()
        .map(|sample| format!("{} ({:+} s)", sample.place, sample.ahead));
    let places = places.collect::<Vec<_>>().join(", ");
    let finding = wrong(median, agreed).fix("`sudo timedatectl set-ntp true`");
    Some(finding.detail(places))
}

fn right(off: i64, agreed: usize) -> Finding {
    let whose = if agreed == 1 {
        "a provider"
    } else {
        "the providers"
    };
    Finding::ok("", format!("as that of {whose}, within {off} s"))
}

fn wrong(median: i64, agreed: usize) -> Finding {
    let off = median.saturating_abs();
    let how = if median > 0 { "ahead" } else { "behind" };
    let witnesses = match agreed {
        1 => "one provider, which may be wrong itself".to_owned(),
        count => format!("{count} providers"),
    };
    let message = format!(
        "this machine is {} {how} of the time, say {witnesses}",
        span(off)
    );
    if off > FAILS && agreed > 1 {
        Finding::error("", message)
    } else {
        Finding::warning("", message)
    }
}

fn span(seconds: i64) -> String {
    match seconds {
        ..=7200 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    fn verdict(ahead: &[i64]) -> Option<Verdict> {
        let sample = |(place, ahead): (usize, &i64)| Sample {
            place: place.to_string(),
            ahead: *ahead,
        };
        let samples: Vec<Sample> = ahead.iter().enumerate().map(sample).collect();
        judge(&samples).map(|finding| finding.verdict)
    }

    #[test]
    fn several_must_agree_before_it_is_an_error() {
        for (ahead, expected) in [
            (&[][..], None),
            (&[3][..], Some(Verdict::Ok)),
            (&[-200][..], Some(Verdict::Warning)),
            (&[4000][..], Some(Verdict::Warning)),
            (&[4000, 4010][..], Some(Verdict::Error)),
            (&[-200, -190][..], Some(Verdict::Warning)),
            (&[0, 1, 4000][..], Some(Verdict::Ok)),
        ] {
            assert_eq!(verdict(ahead), expected, "{ahead:?}");
        }
    }

    #[test]
    fn the_way_there_and_back_does_not_count() {
        let now = SystemTime::now();
        let mut headers = HeaderMap::new();
        let date = httpdate::fmt_http_date(now + Duration::from_secs(30));
        headers.insert(header::DATE, date.parse().expect("a value"));
        let sample = |took| Sample::read("a".to_owned(), &headers, now, took).map(|one| one.ahead);
        let minute = sample(Duration::from_mins(1)).expect("a date");
        assert!(minute.abs() <= 1, "{minute}");
        let none = sample(Duration::ZERO).expect("a date");
        assert!((-31..=-29).contains(&none), "{none}");
    }
}

//! What a certificate says: for whom, by whom, and how long.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// A certificate that is renewed by itself is renewed a month before its end: two weeks before it, it was not.
const SOON: Duration = Duration::from_hours(14 * 24);

/// What is told of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Facts {
    /// Who vouches for it.
    pub(super) issuer: String,
    /// Whether it vouches for itself.
    pub(super) is_self_signed: bool,
    /// From when it is valid.
    pub(super) begins: SystemTime,
    /// Until when.
    pub(super) ends: SystemTime,
}

/// How long a certificate is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// It is not valid yet.
    Early,
    /// It is valid.
    Good,
    /// It is valid for so many days.
    Soon(u64),
    /// It ended so many days ago.
    Over(u64),
}

impl Facts {
    /// What stands in `der`, if it can be read.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let validity = certificate.validity();
        Some(Self {
            issuer: certificate.issuer().to_string(),
            is_self_signed: certificate.issuer() == certificate.subject(),
            begins: moment(validity.not_before.timestamp()),
            ends: moment(validity.not_after.timestamp()),
        })
    }

    /// How it is at `now`.
    pub(super) fn age(&self, now: SystemTime) -> Age {
        let days = |time: Duration| time.as_secs() / 86_400;
        match self.ends.duration_since(now) {
            Err(over) => Age::Over(days(over.duration())),
            Ok(_) if now < self.begins => Age::Early,
            Ok(left) if left < SOON => Age::Soon(days(left)),
            Ok(_) => Age::Good,
        }
    }

    /// The day on which it ends.
    pub(super) fn end(&self) -> String {
        day(self.ends)
    }
}

/// `2026-11-22`.
pub(super) fn day(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// Dates of certificates end in 9999, and so do those that can be written.
fn moment(seconds: i64) -> SystemTime {
    const LAST: u64 = 253_402_300_799;
    let seconds = u64::try_from(seconds).unwrap_or(0).min(LAST);
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_before_it_comes() {
        let now = SystemTime::now();
        let day = Duration::from_hours(24);
        let facts = |begins, ends| Facts {
            issuer: String::new(),
            is_self_signed: false,
            begins,
            ends,
        };
        for (begins, ends, age) in [
            (now - day, now + 100 * day, Age::Good),
            (now - day, now + 3 * day + day / 2, Age::Soon(3)),
            (now - 9 * day, now - 2 * day, Age::Over(2)),
            (now + day, now + 9 * day, Age::Early),
        ] {
            assert_eq!(facts(begins, ends).age(now), age);
        }
        assert_eq!(Facts::read(b"no certificate"), None);
    }
}

//! What the system allows to the process, and whether its clock has ever been set.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use super::patient::Patient;

/// A stream holds two connections: fewer files than this are a few hundred streams.
const FEW_FILES: u64 = 2048;

/// 2024: before this was written, so that no clock that was ever set shows less.
const EARLIEST: Duration = Duration::from_hours(473_352);

/// What is found.
pub(super) fn check(_: &Patient) -> Vec<Finding> {
    let most = getrlimit(Resource::Nofile).maximum;
    let findings: Vec<Finding> = [files(most), date(SystemTime::now())]
        .into_iter()
        .flatten()
        .collect();
    if findings.is_empty() {
        let files = most.map_or_else(|| "any number of".to_owned(), |most| most.to_string());
        return vec![Finding::ok(
            "",
            format!("{files} files may be open at once"),
        )];
    }
    findings
}

fn files(most: Option<u64>) -> Option<Finding> {
    let most = most.filter(|most| *most < FEW_FILES)?;
    let message = format!(
        "only {most} files may be open at once: about {} streams",
        most / 2
    );
    let fix = "`ulimit -n 65536` as root, or `LimitNOFILE=65536` in the unit of the service";
    Some(Finding::warning("open files", message).fix(fix))
}

fn date(now: SystemTime) -> Option<Finding> {
    (now < UNIX_EPOCH + EARLIEST).then(|| {
        let message = "the clock of this machine stands before 2024: no certificate is valid then";
        Finding::error("clock", message).fix("`sudo timedatectl set-ntp true`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_limit_and_a_clock_that_was_never_set_are_told() {
        assert!(files(Some(256)).is_some_and(|told| told.message.contains("128 streams")));
        assert_eq!((files(Some(65536)), files(None)), (None, None));
        assert!(date(UNIX_EPOCH).is_some());
        assert_eq!(date(SystemTime::now()), None);
    }
}

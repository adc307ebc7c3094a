//! Whether there is room where the state and the log are written.

use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};

use super::finding::Finding;

/// A day of logs, and what is written beside them until it is whole.
const LITTLE: u64 = 100 << 20;

/// Not enough for a state file and its successor beside it.
const NOTHING: u64 = 5 << 20;

/// What is wrong with the disk of `directory`.
pub(super) fn check(directory: &Path) -> Option<Finding> {
    let disk = statvfs(directory).ok()?;
    let shown = directory.display().to_string();
    if disk.f_flag.contains(StatVfsMountFlags::RDONLY) {
        let finding = Finding::error(shown, "its file system is read-only");
        return Some(finding.fix("mount it writable, or `export AUTOGW_HOME=DIRECTORY`"));
    }
    if disk.f_files > 0 && disk.f_favail == 0 {
        let finding = Finding::error(shown, "its file system has no room for another file");
        return Some(
            finding.fix("remove small files nobody needs (`df -i` shows how many there are)"),
        );
    }
    room(shown, disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn room(shown: String, free: u64) -> Option<Finding> {
    let message = format!("its disk has {} MB left", free >> 20);
    let fix = "make room (`df -h` shows where), or `export AUTOGW_HOME=DIRECTORY` on another disk";
    match free {
        ..NOTHING => Some(Finding::error(shown, message).fix(fix)),
        NOTHING..LITTLE => Some(Finding::warning(shown, message).fix(fix)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Verdict;
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_none_an_error() {
        let verdict = |free| room("/h".to_owned(), free).map(|finding| finding.verdict);
        assert_eq!(verdict(1 << 30), None);
        assert_eq!(verdict(50 << 20), Some(Verdict::Warning));
        assert_eq!(verdict(1 << 20), Some(Verdict::Error));
    }
}

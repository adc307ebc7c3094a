//! When a gateway that is gone is looked for again.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::attach::door::Door;

/// The first wait: a gateway that is restarted is back by then.
const SHORTEST: Duration = Duration::from_millis(250);

/// The longest: soon enough for whoever has just started it.
const LONGEST: Duration = Duration::from_secs(5);

/// How often it is seen whether there is another socket. That costs a system call.
const GLANCE: Duration = Duration::from_millis(100);

/// Waits that grow.
#[derive(Debug)]
pub(super) struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(SHORTEST)
    }
}

impl Backoff {
    /// The next wait, which is longer than the last one.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = wait.saturating_mul(2).min(LONGEST);
        wait
    }
}

/// Which file a socket is: another one is another gateway.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark(Option<(u64, i64, i64)>);

impl Mark {
    /// The mark of what is there now.
    pub(super) fn of(door: &Door) -> Self {
        let Door::Unix(path) = door else {
            return Self(None);
        };
        let file = std::fs::metadata(path).ok();
        Self(file.map(|file| (file.ino(), file.ctime(), file.ctime_nsec())))
    }

    /// Whether there is a file now, and not the same.
    fn has_come(&mut self, door: &Door) -> bool {
        let now = Self::of(door);
        let has_come = now.0.is_some() && now != *self;
        *self = now;
        has_come
    }
}

/// Waits until then, or until another socket is there.
pub(super) async fn wait(until: Instant, mark: &mut Mark, door: &Door) {
    while Instant::now() < until && !mark.has_come(door) {
        sleep_until(until.min(Instant::now() + GLANCE)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_five_seconds() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..7).map(|_| backoff.next().as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 5000, 5000]);
    }

    #[test]
    fn only_another_socket_has_come() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        let door = Door::Unix(path.clone());
        std::fs::write(&path, "").expect("a file");
        let mut mark = Mark::of(&door);
        assert!(!mark.has_come(&door));
        std::fs::remove_file(&path).expect("it is there");
        assert!(!mark.has_come(&door));
        std::fs::write(&path, "").expect("a file");
        assert!(mark.has_come(&door));
        assert!(!mark.has_come(&door));
    }
}

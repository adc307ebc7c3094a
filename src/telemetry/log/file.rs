//! The daily file: `autogw.2026-11-21.log`, seven kept, with a limit on a day's bytes.
//!
//! `tracing-appender` turns the page at midnight UTC. The old pages are removed here: its own pruning
//! goes by prefix, so that `autogw` would delete the files of an instance called `autogw.work` as well.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use tracing_appender::rolling::{RollingFileAppender, Rotation};

/// Files kept, the current one included.
const KEPT: usize = 7;

/// Most bytes of a day: a storm of errors must not fill the disk.
const DAY_LIMIT: u64 = 256 << 20;

const SECONDS_PER_DAY: u64 = 86_400;

/// A file per day in one directory.
#[derive(Debug)]
pub(super) struct DailyFile {
    appender: RollingFileAppender,
    directory: PathBuf,
    /// `autogw`, or `autogw.NAME`.
    prefix: String,
    /// Days since 1970 (UTC) of the current file.
    day: u64,
    /// Bytes in the current file.
    written: u64,
    day_limit: u64,
}

impl DailyFile {
    /// Opens today's file of the instance `name` in `directory`, which is made when absent.
    pub(super) fn open(directory: &Path, name: Option<&str>) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let prefix = match name {
            Some(name) => format!("autogw.{name}"),
            None => "autogw".to_owned(),
        };
        let appender = RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix(&prefix)
            .filename_suffix("log")
            .build(directory)
            .map_err(io::Error::other)?;
        let mut file = Self {
            appender,
            directory: directory.to_owned(),
            prefix,
            day: today(),
            written: 0,
            day_limit: DAY_LIMIT,
        };
        file.begin_day(today());
        Ok(file)
    }

    /// The current file.
    pub(super) fn path(&self) -> PathBuf {
        let midnight = UNIX_EPOCH + std::time::Duration::from_secs(self.day * SECONDS_PER_DAY);
        let time = humantime::format_rfc3339_seconds(midnight).to_string();
        let date = &time[.."2026-11-21".len()];
        self.directory.join(format!("{}.{date}.log", self.prefix))
    }

    fn begin_day(&mut self, day: u64) {
        self.day = day;
        self.written = fs::metadata(self.path()).map_or(0, |file| file.len());
        // Files that cannot be listed or removed are no reason to stop logging.
        let _ = self.remove_old_files();
    }

    fn remove_old_files(&self) -> io::Result<()> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.directory)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| self.is_ours(path))
            .collect();
        // Dates of this form sort as text.
        files.sort_unstable();
        let surplus = files.len().saturating_sub(KEPT);
        files[..surplus].iter().try_for_each(fs::remove_file)
    }

    fn is_ours(&self, path: &Path) -> bool {
        path.file_name()
            .and_then(|name| name.to_str()?.strip_prefix(&self.prefix)?.strip_prefix('.'))
            .and_then(|name| name.strip_suffix(".log"))
            .is_some_and(is_date)
    }
}

impl Write for DailyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let day = today();
        if day != self.day {
            self.begin_day(day);
        }
        if self.written + bytes.len() as u64 > self.day_limit {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = self.appender.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.appender.flush()
    }
}

fn today() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs() / SECONDS_PER_DAY
}

/// Whether `text` has the form `2026-11-21`.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| match at {
            4 | 7 => b == b'-',
            _ => b.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .expect("the directory exists")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn writes_into_the_file_of_today() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut file = DailyFile::open(&home.path().join("logs"), Some("work")).expect("it opens");
        file.write_all(b"a line\n").expect("it is written");
        assert_eq!(
            fs::read_to_string(file.path()).expect("it is there"),
            "a line\n"
        );
    }

    #[test]
    fn keeps_seven_files_and_only_touches_its_own() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let strangers = [
            "autogw.work.2020-01-01.log",
            "autogw.2020-01-01.txt",
            "autogw.log",
        ];
        for name in strangers {
            fs::write(home.path().join(name), "").expect("it is written");
        }
        for day in 1..=9 {
            let name = format!("autogw.2020-01-0{day}.log");
            fs::write(home.path().join(name), "").expect("it is written");
        }
        let file = DailyFile::open(home.path(), None).expect("it opens");
        let left = names(home.path());
        assert_eq!(left.len(), KEPT + strangers.len());
        assert!(file.path().exists());
        assert!(!left.contains(&"autogw.2020-01-03.log".to_owned()));
        assert!(left.contains(&"autogw.2020-01-04.log".to_owned()));
        assert!(
            strangers
                .iter()
                .all(|name| left.contains(&(*name).to_owned()))
        );
    }

    #[test]
    fn refuses_more_than_a_days_share_across_restarts() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let mut file = DailyFile::open(home.path(), None).expect("it opens");
        file.write_all(b"12345678").expect("it is written");
        let mut again = DailyFile::open(home.path(), None).expect("it opens");
        again.day_limit = 10;
        let refused = again.write_all(b"123").expect_err("the day is full");
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        again.write_all(b"12").expect("there is room for this");
    }
}

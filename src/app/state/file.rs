//! The state file: read whole, written whole, and never found half-written.
//!
//! What is written goes into a file beside it first, which takes its place when it is on the disk. One
//! gateway writes to a path: it holds a lock on a file of its own beside, because the state file itself is
//! another one after each writing.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use rustix::process::geteuid;

/// Largest file that is read. One of a thousand targets has some 400 KiB.
const MAX_BYTES: u64 = 16 << 20;

/// How many broken files are kept for whoever wants to know what broke them.
const KEPT_ASIDE: usize = 3;

/// See the module's head.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// Held while this gateway is the one that writes.
    lock: Option<File>,
}

impl StateFile {
    /// The file at `path`, or where a link leads that stands there. Nothing is touched yet.
    pub(super) fn at(path: &Path) -> Self {
        let led = leads_us(path).then(|| fs::canonicalize(path).ok());
        Self {
            path: led.flatten().unwrap_or_else(|| path.to_owned()),
            lock: None,
        }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is this gateway that writes, from now on or already; `false` while another one does.
    ///
    /// # Errors
    /// Something else than a file stands there; or the directory cannot be made, or not be written to.
    pub(super) fn claim(&mut self) -> io::Result<bool> {
        if self.lock.is_some() {
            return Ok(true);
        }
        // A device or a directory is somebody else's: no file takes its place, and it is not moved away.
        if fs::metadata(&self.path).is_ok_and(|there| !there.is_file()) {
            return Err(io::Error::other("it is not a file"));
        }
        if let Some(directory) = self.path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)?;
        }
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(without_traps())
            .open(self.beside("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(false),
            // Where files cannot be locked, nobody is kept out, and whole files still replace each other.
            Ok(()) | Err(_) => self.lock = Some(lock),
        }
        // Of a gateway that was killed while it wrote.
        let _ = fs::remove_file(self.beside("tmp"));
        Ok(true)
    }

    /// What it holds; `None` if it is not there, or no file.
    pub(super) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(without_traps());
        let file = match options.open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(io::Error::other("it is larger than 16 MiB"));
        }
        Ok(Some(bytes))
    }

    /// Writes `bytes` in its place.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.check()?;
        let beside = self.beside("tmp");
        let written = put(&beside, bytes).and_then(|()| fs::rename(&beside, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&beside);
            return written;
        }
        // The name is new, too. Where directories cannot be synced, the old file may come back.
        if let Some(directory) = self.path.parent()
            && let Ok(directory) = File::open(directory)
        {
            let _ = directory.sync_all();
        }
        Ok(())
    }

    /// Moves it out of the way, to be looked at by a person; returns where it went.
    pub(super) fn set_aside(&self, now: SystemTime) -> io::Result<PathBuf> {
        self.check()?;
        let stamp: String = humantime::format_rfc3339_millis(now.max(SystemTime::UNIX_EPOCH))
            .to_string()
            .chars()
            .filter(|c| !matches!(c, '-' | ':'))
            .collect();
        let aside = self.beside(&format!("broken-{stamp}"));
        fs::rename(&self.path, &aside)?;
        self.forget_oldest();
        Ok(aside)
    }

    /// What stands at the path by mistake is left there: a directory or a device is nobody's state.
    fn check(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if !found.is_file() && !found.is_symlink() => {
                Err(io::Error::other("it is not a file"))
            }
            _ => Ok(()),
        }
    }

    fn forget_oldest(&self) {
        let Some(prefix) = self.beside("broken-").file_name().map(ToOwned::to_owned) else {
            return;
        };
        let prefix = prefix.to_string_lossy().into_owned();
        let entries = self.path.parent().and_then(|path| fs::read_dir(path).ok());
        let names = entries.into_iter().flatten().flatten();
        let is_ours = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default();
            name.to_string_lossy().starts_with(&prefix)
        };
        let mut aside: Vec<PathBuf> = names.map(|entry| entry.path()).filter(is_ours).collect();
        // Their names sort by time.
        aside.sort();
        let too_many = aside.len().saturating_sub(KEPT_ASIDE);
        for path in &aside[..too_many] {
            let _ = fs::remove_file(path);
        }
    }

    /// `state.json.WORD`
    fn beside(&self, word: &str) -> PathBuf {
        let mut path = self.path.as_os_str().to_owned();
        path.push(".");
        path.push(word);
        path.into()
    }
}

/// Whether a link stands at `path` that we, or the owner of the machine, have put there. Where others may
/// write, theirs could lead to any file of ours.
fn leads_us(path: &Path) -> bool {
    let found = fs::symlink_metadata(path);
    found.is_ok_and(|link| link.is_symlink() && [geteuid().as_raw(), 0].contains(&link.uid()))
}

/// Flags for files that stand where they stand: no link is followed any more, and no pipe is waited for.
fn without_traps() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

/// Writes a new file that only its owner can read, all the way to the disk.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use super::*;

    fn home() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary directory")
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_written_is_read_and_only_its_owner_sees_it() {
        let home = home();
        let mut file = StateFile::at(&home.path().join("new/state.json"));
        assert_eq!(file.read().expect("absent is no error"), None);
        assert!(file.claim().expect("a writable directory"));
        for text in ["one", "two"] {
            file.write(text.as_bytes()).expect("writable");
            assert_eq!(
                file.read().expect("readable").as_deref(),
                Some(text.as_bytes())
            );
        }
        let mode = |path: &Path| {
            fs::metadata(path)
                .expect("it is there")
                .permissions()
                .mode()
                & 0o777
        };
        assert_eq!(mode(file.path()), 0o600);
        assert_eq!(mode(&home.path().join("new")), 0o700);
        assert_eq!(
            names(&home.path().join("new")),
            ["state.json", "state.json.lock"]
        );
    }

    #[test]
    fn one_gateway_writes_and_the_next_follows_when_it_has_ended() {
        let home = home();
        let path = home.path().join("state.json");
        let (mut first, mut second) = (StateFile::at(&path), StateFile::at(&path));
        assert!(first.claim().expect("writable"));
        assert!(!second.claim().expect("writable"));
        drop(first);
        assert!(second.claim().expect("writable"));
    }

    #[test]
    fn a_claim_clears_what_a_killed_gateway_left() {
        let home = home();
        fs::write(home.path().join("state.json.tmp"), "{\"vers").expect("writable");
        let mut file = StateFile::at(&home.path().join("state.json"));
        assert!(file.claim().expect("writable"));
        assert_eq!(names(home.path()), ["state.json.lock"]);
    }

    #[test]
    fn what_is_no_file_is_neither_claimed_nor_touched() {
        let home = home();
        let path = home.path().join("state.json");
        fs::create_dir(&path).expect("writable");
        let link = home.path().join("nothing");
        std::os::unix::fs::symlink("/dev/null", &link).expect("writable");
        for path in [&path, &link] {
            let mut file = StateFile::at(path);
            assert!(file.claim().is_err(), "{}", path.display());
            assert_eq!(file.read().expect("no trouble"), None);
        }
        assert_eq!(names(home.path()), ["nothing", "state.json"]);
        assert!(path.is_dir() && !Path::new("/dev/null.lock").exists());
    }

    #[test]
    fn a_failed_writing_leaves_the_old_file_and_nothing_beside_it() {
        let home = home();
        let path = home.path().join("state.json");
        let mut file = StateFile::at(&path);
        assert!(file.claim().expect("writable"));
        fs::create_dir_all(path.join("in the way")).expect("writable");
        assert!(file.write(b"new").is_err());
        assert_eq!(names(home.path()), ["state.json", "state.json.lock"]);
    }

    #[test]
    fn what_is_no_file_is_neither_waited_for_nor_moved_nor_replaced() {
        let home = home();
        let (pipe, directory) = (home.path().join("pipe"), home.path().join("directory"));
        fs::create_dir(&directory).expect("writable");
        pipe_at(&pipe);
        for path in [pipe, directory] {
            let mut file = StateFile::at(&path);
            assert!(file.claim().is_err());
            assert_eq!(file.read().expect("no trouble"), None);
            assert!(file.set_aside(SystemTime::UNIX_EPOCH).is_err());
            assert!(file.write(b"new").is_err());
            let found = fs::symlink_metadata(&path).expect("it is still there");
            assert!(!found.is_file());
        }
    }

    #[test]
    fn a_lock_is_no_pipe_and_no_link() {
        let home = home();
        let victim = home.path().join("victim");
        for name in ["pipe", "link"] {
            let lock = home.path().join(format!("{name}.lock"));
            match name {
                "pipe" => pipe_at(&lock),
                _ => std::os::unix::fs::symlink(&victim, &lock).expect("writable"),
            }
            let mut file = StateFile::at(&home.path().join(name));
            assert!(file.claim().is_err(), "{name}");
        }
        assert!(!victim.exists());
    }

    #[test]
    fn a_link_of_ours_is_followed_to_its_file() {
        let home = home();
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        fs::write(&real, "old").expect("writable");
        std::os::unix::fs::symlink(&real, &link).expect("writable");
        let file = StateFile::at(&link);
        file.write(b"new").expect("writable");
        assert_eq!(fs::read(&real).expect("it is there"), b"new");
        assert!(link.is_symlink());
        // One that is put there later is not.
        fs::rename(&link, &real).expect("writable");
        assert!(file.read().is_err());
    }

    fn pipe_at(path: &Path) {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.expect("mkfifo").success());
    }

    #[test]
    fn a_few_broken_files_are_kept_aside_the_latest() {
        let home = home();
        let file = StateFile::at(&home.path().join("state.json"));
        for minute in 0..5 {
            fs::write(file.path(), "{").expect("writable");
            let now = SystemTime::UNIX_EPOCH + Duration::from_mins(minute);
            let aside = file.set_aside(now).expect("it can be moved");
            assert!(aside.exists() && !file.path().exists());
        }
        let aside = names(home.path());
        assert_eq!(
            aside,
            [2, 3, 4].map(|minute| format!("state.json.broken-19700101T000{minute}00.000Z"))
        );
    }
}

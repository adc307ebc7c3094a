//! Where a configuration comes from, and comes from again.

use std::fmt;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use ring::digest::{Context, SHA256};

use crate::config::{Config, ConfigError, Diagnostic, open_regular};

/// More than any configuration has; what is larger is told apart by its beginning, and no more of it is read.
const MOST_BYTES: u64 = 16 << 20;

/// How much is read at a time.
const PIECE: usize = 64 << 10;

/// A configuration that was read anew.
#[derive(Debug)]
pub struct Fresh {
    /// The configuration, with flags applied as at the start.
    pub config: Config,
    /// What should be said about it.
    pub warnings: Vec<Diagnostic>,
}

/// A configuration being read.
pub type Reading = Pin<Box<dyn Future<Output = Result<Fresh, ConfigError>> + Send>>;

/// See the module's head.
pub trait Source: fmt::Debug + Send + Sync {
    /// The files that it is read from; none where it comes from the environment.
    fn files(&self) -> Vec<PathBuf>;

    /// Reads it as the start did.
    fn read(&self) -> Reading;
}

/// What files say, so far as it matters whether they say something else now. One that cannot be read says that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Fingerprint(Vec<u8>);

impl Fingerprint {
    /// That of `files`, as they are now.
    pub(super) fn of(files: &[PathBuf]) -> Self {
        let mut context = Context::new(&SHA256);
        for path in files {
            match digest(path) {
                Ok(digest) => {
                    context.update(b"file");
                    context.update(&digest);
                }
                Err(_) => context.update(b"none"),
            }
        }
        Self(context.finish().as_ref().to_vec())
    }
}

/// The digest of the file at `path`. A pipe has been read to its end, and would keep us waiting: it is no file.
fn digest(path: &Path) -> io::Result<Vec<u8>> {
    let (file, found) = open_regular(path)?;
    let mut context = Context::new(&SHA256);
    context.update(&found.len().to_be_bytes());
    let (mut file, mut piece) = (file.take(MOST_BYTES), vec![0; PIECE]);
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(context.finish().as_ref().to_vec()),
            Ok(read) => context.update(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::net::UnixListener;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn files_are_told_apart_by_what_they_say_and_not_by_when_it_was_written() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let files = [directory.path().join("a"), directory.path().join("b")];
        let of = || Fingerprint::of(&files);
        let nothing = of();
        fs::write(&files[0], "one").expect("written");
        let one = of();
        assert_ne!(nothing, one);
        fs::write(&files[0], "two").expect("written");
        assert_ne!(one, of());
        fs::remove_file(&files[0]).expect("removed");
        assert_eq!(nothing, of());
        fs::write(&files[1], "one").expect("written");
        assert_ne!(one, of(), "the other file says it");
        fs::write(&files[0], "one").expect("written");
        fs::remove_file(&files[1]).expect("removed");
        assert_eq!(one, of());
    }

    #[test]
    fn what_is_far_too_large_is_not_read_to_its_end() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("large");
        // It has holes, and would take minutes and all of the memory.
        let size = 1 << 40;
        File::create(&path)
            .and_then(|file| file.set_len(size))
            .expect("a file with holes");
        let of = || Fingerprint::of(std::slice::from_ref(&path));
        let (large, begun) = (of(), Instant::now());
        assert_eq!(large, of());
        assert!(begun.elapsed() < Duration::from_secs(20));
        File::create(&path)
            .and_then(|file| file.set_len(size + 1))
            .expect("a larger one");
        assert_ne!(large, of());
    }

    #[test]
    fn what_is_no_file_is_none_and_not_waited_for() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let of = |name: &str| Fingerprint::of(&[directory.path().join(name)]);
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            directory.path().join("pipe"),
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        )
        .expect("a pipe");
        let _listener = UnixListener::bind(directory.path().join("socket")).expect("a socket");
        fs::create_dir(directory.path().join("directory")).expect("a directory");
        for name in ["pipe", "socket", "directory"] {
            assert_eq!(of(name), of("nothing"), "{name}");
        }
    }
}

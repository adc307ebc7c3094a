//! Where a configuration comes from, and comes from again.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::pin::Pin;

use ring::digest::{Context, SHA256};

use crate::config::{Config, ConfigError, Diagnostic};

/// More than any configuration has; what is larger is told apart by its beginning.
const MOST_BYTES: usize = 16 << 20;

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
            // A pipe has been read to its end, and would keep us waiting.
            let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
            let bytes = is_file.then(|| fs::read(path).ok()).flatten();
            match bytes {
                Some(bytes) => {
                    context.update(b"file");
                    context.update(&bytes.len().to_be_bytes());
                    context.update(&bytes[..bytes.len().min(MOST_BYTES)]);
                }
                None => context.update(b"none"),
            }
        }
        Self(context.finish().as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests {
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
}

//! A client's file as it is on the disk: read with care, replaced as a whole.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use thiserror::Error;

use crate::config::write::{resolve_link, write_with_mode};

/// Largest file that is touched: those of clients have a few kilobytes, a log that lies in the place of one more.
const LARGEST: u64 = 8 << 20;

/// Whose files of the machine's own are, seen from a container without privileges.
const NOBODY: u32 = 65534;

/// What is in a file, and who may read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its permissions, the last nine bits and those before.
    pub mode: u32,
}

/// Why a file is left alone.
#[derive(Debug, Error)]
pub enum Untouchable {
    /// It is a directory, a pipe, a device.
    #[error("it is no regular file")]
    NoFile,
    /// It cannot be what it should be.
    #[error("it has more than {} MB", LARGEST >> 20)]
    TooLarge,
    /// It would change hands.
    #[error("it belongs to another user")]
    Foreign,
    /// It would be somebody else's neighbour.
    #[error("its directory {0} belongs to another user")]
    ForeignDirectory(PathBuf),
    /// It is no text.
    #[error("it is not UTF-8")]
    NoText,
    /// Somebody could put another file, or a link, in its place between a look and a write.
    #[error("others can put files into {0}, or another directory in its place")]
    Open(PathBuf),
    /// Somebody has written to it after it was read.
    #[error("it has just been changed by somebody else")]
    Changed,
    /// The system says no.
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for Untouchable {
    fn from(error: io::Error) -> Self {
        Self::Io(plainly(error))
    }
}

/// `error` without the name of the file on the way to the one that people know.
pub(super) fn plainly(error: io::Error) -> io::Error {
    let is_wrapped = error.get_ref().is_some() && error.kind() != io::ErrorKind::Other;
    if is_wrapped {
        error.kind().into()
    } else {
        error
    }
}

impl Content {
    /// Its bytes as a text.
    pub fn text(&self) -> Result<&str, Untouchable> {
        std::str::from_utf8(&self.bytes).map_err(|_| Untouchable::NoText)
    }
}

/// What is at `path`, where links lead; `None` if nothing is and something can be put there.
pub fn read(path: &Path) -> Result<Option<Content>, Untouchable> {
    let target = resolve_link(path)?;
    let directory = existing_directory(&target)?;
    if !is_ours(&fs::metadata(&directory)?) {
        return Err(Untouchable::ForeignDirectory(directory));
    }
    is_closed(&directory)?;
    let found = match fs::metadata(&target) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Before it is opened: a pipe would be waited for.
    if !found.is_file() {
        return Err(Untouchable::NoFile);
    }
    if !is_ours(&found) {
        return Err(Untouchable::Foreign);
    }
    let mut bytes = Vec::new();
    let read = fs::File::open(&target)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > LARGEST {
        return Err(Untouchable::TooLarge);
    }
    let mode = found.mode() & 0o7777;
    Ok(Some(Content { bytes, mode }))
}

/// Puts `content` at `path` in one step, if what is there is still what was `read`.
pub fn replace(path: &Path, was: Option<&Content>, content: &Content) -> Result<(), Untouchable> {
    still_is(path, was)?;
    write_with_mode(path, &content.bytes, content.mode)?;
    Ok(())
}

/// Removes what is at `path`, if that is still what was `read`. A link that leads there stays.
pub fn remove(path: &Path, was: Option<&Content>) -> Result<(), Untouchable> {
    still_is(path, was)?;
    match fs::remove_file(resolve_link(path)?) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn still_is(path: &Path, was: Option<&Content>) -> Result<(), Untouchable> {
    let now = read(path)?;
    if now.as_ref().map(|now| &now.bytes) == was.map(|was| &was.bytes) {
        Ok(())
    } else {
        Err(Untouchable::Changed)
    }
}

/// The directories that have to be made for `path`, the outermost first.
pub fn missing_directories(path: &Path) -> Result<Vec<PathBuf>, Untouchable> {
    let target = resolve_link(path)?;
    let missing = target.ancestors().skip(1);
    let missing = missing.take_while(|directory| !directory.exists());
    let mut missing: Vec<PathBuf> = missing.map(Path::to_owned).collect();
    missing.reverse();
    Ok(missing)
}

/// The innermost directory above `path` that there is.
fn existing_directory(path: &Path) -> Result<PathBuf, Untouchable> {
    let mut above = path.ancestors().skip(1);
    let found = above.find(|directory| directory.exists());
    let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(found.to_owned())
}

/// A file of somebody else's would become ours when it is replaced: that is what happens under `sudo`.
fn is_ours(found: &fs::Metadata) -> bool {
    found.uid() == geteuid().as_raw()
}

/// What is written there holds keys, and is written where links lead: on the way there is nobody else. Some
/// systems give every user a group of their own, which may write.
fn is_closed(directory: &Path) -> Result<(), Untouchable> {
    let real = fs::canonicalize(directory)?;
    for above in directory.ancestors().chain(real.ancestors()) {
        // What is above a relative path is found by the real one.
        let Ok(found) = fs::metadata(above) else {
            continue;
        };
        let is_sticky = found.mode() & 0o1000 != 0 && above != directory && above != real;
        let is_open = found.mode() & 0o002 != 0 && !is_sticky;
        let keepers = [0, geteuid().as_raw(), NOBODY];
        if is_open || !keepers.contains(&found.uid()) {
            return Err(Untouchable::Open(above.to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn what_is_no_text_of_ours_is_left_alone() {
        let root = tempfile::tempdir().expect("a directory");
        let at = |name: &str| root.path().join(name);
        fs::create_dir(at("directory")).expect("a directory");
        assert!(matches!(read(&at("directory")), Err(Untouchable::NoFile)));
        let large = fs::File::create(at("large")).expect("a file");
        large.set_len(LARGEST + 1).expect("a hole");
        assert!(matches!(read(&at("large")), Err(Untouchable::TooLarge)));
        fs::write(at("binary"), b"\xff\xfe").expect("a file");
        let content = read(&at("binary")).expect("it is read").expect("a file");
        assert!(matches!(content.text(), Err(Untouchable::NoText)));
        symlink("loop", at("loop")).expect("a link");
        assert!(matches!(read(&at("loop")), Err(Untouchable::Io(_))));
        assert!(matches!(read(&at("deep/er/file")), Ok(None)));
    }

    #[test]
    fn a_file_is_replaced_where_its_link_leads_unless_somebody_was_faster() {
        let root = tempfile::tempdir().expect("a directory");
        let (link, file) = (root.path().join("link"), root.path().join("file"));
        fs::write(&file, "old").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("its mode");
        symlink("file", &link).expect("a link");
        let was = read(&link).expect("it is read");
        assert_eq!(was.as_ref().map(|was| was.mode), Some(0o644));
        let new = Content {
            bytes: b"new".to_vec(),
            mode: 0o640,
        };
        replace(&link, was.as_ref(), &new).expect("it is written");
        assert_eq!(read(&file).expect("it is read"), Some(new.clone()));
        assert!(link.is_symlink());
        let late = replace(&link, was.as_ref(), &new);
        assert!(matches!(late, Err(Untouchable::Changed)), "{late:?}");
        assert!(matches!(remove(&link, None), Err(Untouchable::Changed)));
        remove(&link, Some(&new)).expect("it is removed");
        assert!(link.is_symlink() && !file.exists());
    }

    #[test]
    fn directories_that_are_missing_are_known_before() {
        let root = tempfile::tempdir().expect("a directory");
        let missing = missing_directories(&root.path().join("a/b/c.json")).expect("a path");
        assert_eq!(missing, [root.path().join("a"), root.path().join("a/b")]);
        let missing = missing_directories(&root.path().join("c.json")).expect("a path");
        assert!(missing.is_empty());
    }
}

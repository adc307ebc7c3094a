//! Writing files that only their owner may read, whole or not at all.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Makes `directory` and its parents; what is made is for its owner only (0700).
pub fn create_private_directory(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Puts `bytes` at `path` in one step, for its owner only (0600).
///
/// A crash leaves the old file or the new one. A symbolic link is followed, so that a file kept elsewhere
/// (dotfiles) is replaced there and the link stays.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    in_private_directory(path, bytes, None)
}

/// The same with the permissions `mode`, which the file has from its first moment on.
pub fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    in_private_directory(path, bytes, Some(mode))
}

/// The same for what everybody may read (0644), in a directory that is there.
#[cfg(unix)]
pub fn write_public(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(&resolve_link(path)?, bytes, Some(0o644))
}

fn in_private_directory(path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    let target = resolve_link(path)?;
    create_private_directory(parent(&target))?;
    replace(&target, bytes, mode)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn replace(target: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    // Root could: a unit that is masked leads to /dev/null.
    if fs::metadata(target).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other("what is there is no regular file"));
    }
    let directory = parent(target);
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    #[cfg(unix)]
    if let Some(mode) = mode {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// Copies the file at `path` beside itself as `.bak`, and says where: there is a file at every moment.
pub fn back_up(path: &Path) -> io::Result<PathBuf> {
    let mut name = path.as_os_str().to_owned();
    name.push(".bak");
    let backup = PathBuf::from(name);
    write_private(&backup, &fs::read(path)?)?;
    Ok(backup)
}

/// Most links in a row; the same number the kernel allows.
const MAX_LINKS: usize = 40;

/// Where a chain of links ends, even if nothing is there yet.
pub fn resolve_link(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&path) {
            Ok(link) => path = path.parent().unwrap_or(Path::new("")).join(link),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// Makes what was done in `directory` durable: a rename is only once the directory is written.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    }

    #[test]
    fn files_and_directories_are_for_their_owner_only() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("home/deep/config.json");
        write_private(&path, b"{}").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"{}");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().expect("a parent")), 0o700);
    }

    #[test]
    fn a_loose_file_becomes_tight_when_replaced() {
        let root = tempfile::tempdir().expect("a directory");
        let path = root.path().join("config.json");
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
        write_private(&path, b"new").expect("written");
        assert_eq!(mode(&path), 0o600);
        let left = fs::read_dir(root.path()).expect("listed").count();
        assert_eq!(left, 1, "no temporary file stays");
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let root = tempfile::tempdir().expect("a directory");
        let (device, link) = (root.path().join("device"), root.path().join("link"));
        let _listening = std::os::unix::net::UnixListener::bind(&device).expect("a socket");
        symlink("device", &link).expect("linked");
        for path in [&device, &link] {
            assert!(write_private(path, b"x").is_err());
            assert!(write_public(path, b"x").is_err());
        }
        let found = fs::metadata(&device).expect("it is there");
        assert!(!found.is_file(), "a socket still");
    }

    #[test]
    fn a_link_stays_a_link() {
        let root = tempfile::tempdir().expect("a directory");
        let real = root.path().join("dotfiles.json");
        let link = root.path().join("config.json");
        symlink("dotfiles.json", &link).expect("linked");
        write_private(&link, b"new").expect("written through a link to nothing yet");
        assert_eq!(fs::read(&real).expect("read"), b"new");
        assert!(link.is_symlink());
    }
}

//! Files of one run, in `run/` below autogw's home: keys made for it, sockets, what children are told.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::config::{Home, Name};

/// The directory, made if it is not there; only its owner can look into it.
///
/// # Errors
/// Also if it belongs to somebody else, who could put a socket of their own in the place of ours.
pub(super) fn directory(home: &Home) -> io::Result<PathBuf> {
    let directory = home.run();
    private(&directory)?;
    Ok(directory)
}

/// Makes `directory` if it is not there; only its owner can look into it.
///
/// # Errors
/// Those of [`directory`].
pub(super) fn private(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let found = fs::metadata(directory)?;
    // A link may lead here, if it is not somebody else who says so.
    let named = fs::symlink_metadata(directory)?;
    let is_foreign = |found: &fs::Metadata| found.uid() != geteuid().as_raw();
    if is_foreign(&found) || is_foreign(&named) {
        let message = format!("{} belongs to another user", directory.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    if found.mode() & 0o077 != 0 {
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// `client.key`, or `client.NAME.key`.
pub(super) fn named(stem: &str, name: Option<&Name>, extension: &str) -> String {
    match name {
        Some(name) => format!("{stem}.{}.{extension}", name.as_str()),
        None => format!("{stem}.{extension}"),
    }
}

/// Writes `line` where only its owner can read it. A file of an earlier run may have been left
/// readable: it is replaced, not reused.
pub(super) fn write_private(path: &Path, line: &str) -> io::Result<fs::File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{line}")?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    #[test]
    fn a_directory_is_its_owners_alone_even_if_it_was_open() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let (real, link) = (base.path().join("real"), base.path().join("link"));
        fs::create_dir(&real).expect("made");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o755)).expect("opened");
        symlink(&real, &link).expect("linked");
        private(&link).expect("our own link is followed");
        let mode = fs::metadata(&real).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn where_somebody_elses_link_leads_nothing_is_changed() {
        let base = tempfile::tempdir().expect("a temporary directory");
        let (real, link) = (base.path().join("real"), base.path().join("link"));
        fs::create_dir(&real).expect("made");
        fs::set_permissions(&real, fs::Permissions::from_mode(0o755)).expect("opened");
        symlink(&real, &link).expect("linked");
        // Only root can give a link away.
        if std::os::unix::fs::lchown(&link, Some(65534), None).is_err() {
            return;
        }
        assert!(private(&link).is_err());
        let mode = fs::metadata(&real).expect("it is there").mode();
        assert_eq!(mode & 0o777, 0o755);
        chown(&real, Some(65534), None).expect("root gives it away");
        assert!(private(&real).is_err());
    }
}

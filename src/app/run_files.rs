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
    if found.uid() != geteuid().as_raw() {
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

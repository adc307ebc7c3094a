//! The Unix socket: only its owner opens it, one that nobody listens on any more is replaced, and one that
//! somebody listens on is left alone.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;

use crate::server::listen::{ListenError, Listener};

/// How long another gateway may take to open its socket.
const TURN: Duration = Duration::from_millis(5);

/// How often its turn is waited for.
const TURNS: u32 = 40;

/// Opens the socket at `path`; where another gateway answers there, one beside it whose name has this process'
/// id. The file goes with the listener.
pub fn open(path: &Path) -> Result<(Listener, PathBuf), ListenError> {
    // Two gateways that start at once must not both take the same socket for left behind.
    let _turn = path.parent().and_then(take_turn);
    let path = if is_live(path) {
        beside(path)
    } else {
        path.to_owned()
    };
    check_owner(&path)?;
    Ok((Listener::bind_unix(&path)?, path))
}

/// Locks `directory` for as long as the file is open. Where it cannot be locked, or is locked for long, that is no
/// reason to have no socket.
fn take_turn(directory: &Path) -> Option<File> {
    let directory = File::open(directory).ok()?;
    let mut tries = 0..TURNS;
    let is_locked = || flock(&directory, FlockOperation::NonBlockingLockExclusive).is_ok();
    while !is_locked() && tries.next().is_some() {
        std::thread::sleep(TURN);
    }
    Some(directory)
}

/// Whether somebody listens there.
fn is_live(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

/// `admin.sock` → `admin-4711.sock`.
fn beside(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{}.sock", std::process::id()))
}

/// What somebody else has left behind is not ours to remove.
fn check_owner(path: &Path) -> Result<(), ListenError> {
    let is_foreign = |found: fs::Metadata| found.uid() != geteuid().as_raw();
    if fs::symlink_metadata(path).is_ok_and(is_foreign) {
        return Err(ListenError {
            place: path.display().to_string(),
            reason: "a file of another user is in the way".to_owned(),
            hint: "remove it, or choose another `server.admin.socket`".to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn a_live_socket_is_left_alone_and_a_stale_one_replaced() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let usual = home.path().join("admin.sock");
        let (first, path) = open(&usual).expect("a socket");
        assert_eq!(path, usual);
        let mode = fs::metadata(&usual).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (second, path) = open(&usual).expect("a socket");
        assert_eq!(path, beside(&usual));
        drop(second);
        assert!(!path.exists(), "it goes with its listener");
        // As after a kill: the file stays, and nobody listens.
        let Listener::Unix(listener, _) = &first else {
            panic!("a Unix socket");
        };
        let stale = home.path().join("stale.sock");
        drop(std::os::unix::net::UnixListener::bind(&stale).expect("a socket"));
        assert!(stale.exists() && listener.local_addr().is_ok());
        let (third, path) = open(&stale).expect("a socket");
        assert_eq!(path, stale);
        assert!(is_live(&stale));
        drop((first, third));
        assert!(!usual.exists() && !stale.exists());
    }

    #[tokio::test]
    async fn who_ends_leaves_the_socket_of_another_gateway() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let usual = home.path().join("admin.sock");
        let (first, _) = open(&usual).expect("a socket");
        // The name stays taken until the other one has its own file.
        fs::rename(&usual, home.path().join("aside")).expect("renamed");
        let (second, path) = open(&usual).expect("a socket");
        assert_eq!(path, usual);
        drop(first);
        assert!(is_live(&usual), "the other one's socket stays");
        drop(second);
        assert!(!usual.exists());
    }

    #[test]
    fn what_is_no_socket_stays() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = home.path().join("admin.sock");
        fs::write(&path, "mine").expect("a file");
        assert!(open(&path).is_err());
        assert_eq!(fs::read_to_string(&path).expect("a file"), "mine");
    }
}

//! A door that others can reach is never open without a key: where none is configured, one is made.
//!
//! It is made at every start without keys, needed or not: a tunnel may be opened later, and what hides
//! secrets from logs has to know all of them from the beginning.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{Options, StartError, run_files};
use crate::config::{Config, Home, Name};
use crate::provider::Secret;

/// 192 bits: not to be guessed, and short enough to be copied from a screen.
const KEY_BYTES: usize = 24;

/// A key made for this run, and how its owner gets to know it.
#[derive(Debug, Clone)]
pub enum MadeKey {
    /// By reading it from the terminal.
    Shown(Secret),
    /// From this file, which only its owner can read.
    Kept(PathBuf),
}

/// A key for doors that need one, if none is configured.
pub(super) fn make_if_none(config: &Config) -> Result<Option<Secret>, StartError> {
    if !config.server.api_keys.is_empty() {
        return Ok(None);
    }
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(StartError::Random)?;
    let key = format!("agw-{}", URL_SAFE_NO_PAD.encode(bytes));
    Ok(Some(Secret::new(key)))
}

/// Whether the configured listener asks for a key although none is configured: others can reach it, or
/// a tunnel is asked for, which may turn out to lead here.
pub(super) fn is_needed_locally(config: &Config) -> bool {
    let is_exposed = !config.server.listen.is_local() || config.server.tunnel.is_some();
    is_exposed && !config.tunnels.door.needs_no_key
}

/// A key that its owner has got to know, and what keeps the place where it is written.
#[derive(Debug, Clone)]
pub(super) struct HandedOver {
    pub(super) key: MadeKey,
    _file: Option<Arc<KeyFile>>,
}

/// Lets the owner know `key`.
pub(super) fn hand_over(key: Secret, options: &Options) -> Result<HandedOver, StartError> {
    if options.shows_made_key {
        return Ok(HandedOver {
            key: MadeKey::Shown(key),
            _file: None,
        });
    }
    let kept = run_files::directory(&options.home)
        .and_then(|directory| KeyFile::write(&directory, options.name.as_ref(), &key));
    match kept {
        Ok(file) => Ok(HandedOver {
            key: MadeKey::Kept(file.path.clone()),
            _file: Some(Arc::new(file)),
        }),
        Err(error) => Err(StartError::ClientKey {
            path: made_key_file(&options.home, options.name.as_ref()),
            reason: error.to_string(),
        }),
    }
}

/// Where a key that was made for a run is left for programs.
pub fn made_key_file(home: &Home, name: Option<&Name>) -> PathBuf {
    home.run().join(usual_name(name))
}

fn usual_name(name: Option<&Name>) -> String {
    run_files::named("client", name, "key")
}

/// The file of a key, locked for as long as the run goes on.
///
/// It stays behind, so that who has read its path finds the last key there. A second gateway of the same
/// home and name must not put its key in the place of one that is in use: it takes a file with its process
/// id instead, which goes with it.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    is_temporary: bool,
    _locked: File,
}

impl KeyFile {
    fn write(directory: &Path, name: Option<&Name>, key: &Secret) -> io::Result<Self> {
        let usual = directory.join(usual_name(name));
        let is_temporary = is_in_use(&usual);
        let path = if is_temporary {
            directory.join(format!("client-{}.key", std::process::id()))
        } else {
            usual
        };
        let file = run_files::write_private(&path, key.expose())?;
        // It is new and ours: nobody else has locked it. Where files cannot be locked, none is in use.
        let _ = flock(&file, FlockOperation::NonBlockingLockExclusive);
        Ok(Self {
            path,
            is_temporary,
            _locked: file,
        })
    }
}

impl Drop for KeyFile {
    fn drop(&mut self) {
        if self.is_temporary {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a gateway that is running has written its key there.
fn is_in_use(path: &Path) -> bool {
    let file = File::open(path).ok();
    file.is_some_and(|file| {
        flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_use_is_not_overwritten() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let write = |key: &str| {
            let kept = KeyFile::write(home.path(), None, &Secret::new(key));
            kept.expect("a writable directory")
        };
        let read = |file: &KeyFile| fs::read_to_string(&file.path).expect("a key");
        let first = write("agw-first");
        let second = write("agw-second");
        assert_eq!(read(&first), "agw-first\n");
        assert_eq!(read(&second), "agw-second\n");
        let path = second.path.clone();
        drop(second);
        assert!(!path.exists());
        drop(first);
        let third = write("agw-third");
        assert_eq!(third.path, home.path().join("client.key"));
        assert_eq!(read(&third), "agw-third\n");
    }
}

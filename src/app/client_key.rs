//! A door that others can reach is never open without a key: where none is configured, one is made.
//!
//! It is made at every start, needed or not: a tunnel may be opened later, the keys of the configuration may be
//! taken out of it, and what hides secrets from logs has to know all of them from the beginning.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{Options, StartError, run_files};
use crate::config::{Config, Home, Name, Server};
use crate::provider::Secret;
use crate::server::auth::ClientKeys;

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

/// The client keys of a run: those of the configuration, the one that was made, and how their holders are called.
#[derive(Debug)]
pub(super) struct RunKeys {
    /// For doors that need a key where none is configured.
    spare: Secret,
    /// How its owner got to know it.
    handed: Mutex<Option<HandedOver>>,
    /// Each key keeps its name for as long as the run goes on, and no other one gets it: what is remembered
    /// of conversations is remembered under it.
    holders: Mutex<HashMap<Secret, Arc<str>>>,
}

impl RunKeys {
    /// Makes the spare key.
    pub(super) fn make() -> Result<Self, StartError> {
        let mut bytes = [0; KEY_BYTES];
        getrandom::fill(&mut bytes).map_err(StartError::Random)?;
        let key = format!("agw-{}", URL_SAFE_NO_PAD.encode(bytes));
        Ok(Self {
            spare: Secret::new(key),
            handed: Mutex::default(),
            holders: Mutex::default(),
        })
    }

    /// The key that was made.
    pub(super) fn spare(&self) -> &Secret {
        &self.spare
    }

    /// How its owner got to know it, if there was need.
    pub(super) fn made(&self) -> Option<MadeKey> {
        let handed = self.handed.lock();
        handed.as_ref().map(|handed| handed.key.clone())
    }

    /// Lets the owner know the spare key; returns how, if that is news.
    ///
    /// # Errors
    /// There is no place for it.
    pub(super) fn hand_over(&self, options: &Options) -> Result<Option<MadeKey>, StartError> {
        let mut handed = self.handed.lock();
        if handed.is_some() {
            return Ok(None);
        }
        let made = hand_over(self.spare.clone(), options)?;
        let key = made.key.clone();
        *handed = Some(made);
        Ok(Some(key))
    }

    /// Whoever may come in at the configured listener.
    pub(super) fn local(&self, server: &Server) -> ClientKeys {
        self.named(&server.api_keys, server.accept_base64_keys)
    }

    /// Whoever may come in through a tunnel: never anybody, unless that was said.
    pub(super) fn public(&self, config: &Config) -> ClientKeys {
        let mut keys = config.server.api_keys.clone();
        if self.is_needed_by_tunnels(config) {
            keys.push(self.spare.clone());
        }
        self.named(&keys, config.server.accept_base64_keys)
    }

    /// Whether a tunnel asks for the spare key.
    pub(super) fn is_needed_by_tunnels(&self, config: &Config) -> bool {
        config.server.api_keys.is_empty() && !config.tunnels.door.needs_no_key
    }

    fn named(&self, keys: &[Secret], accepts_base64: bool) -> ClientKeys {
        let mut holders = self.holders.lock();
        let names = keys.iter().zip(1..);
        let names = names.map(|(key, place)| name_of(&mut holders, key, place));
        let names: Vec<_> = names.collect();
        ClientKeys::named(keys, names, accepts_base64)
    }
}

/// How the holder of `key`, which stands at that place, is called.
fn name_of(holders: &mut HashMap<Secret, Arc<str>>, key: &Secret, place: usize) -> Arc<str> {
    if let Some(name) = holders.get(key) {
        return name.clone();
    }
    let plain = format!("key {place}");
    let later = (2_u32..).map(|turn| format!("{plain}, rotated {}", turn - 1));
    let mut names = std::iter::once(plain.clone()).chain(later);
    let is_free = |name: &String| holders.values().all(|taken| **taken != **name);
    let name: Arc<str> = names.find(is_free).unwrap_or(plain).into();
    holders.insert(key.clone(), name.clone());
    name
}

/// Whether the configured listener asks for a key although none is configured: others can reach it, or
/// a tunnel is asked for, which may turn out to lead here.
pub(super) fn is_needed_locally(config: &Config) -> bool {
    let is_exposed = !config.server.listen.is_local() || config.server.tunnel.is_some();
    is_exposed && !config.tunnels.door.needs_no_key && config.server.api_keys.is_empty()
}

/// A key that its owner has got to know, and what keeps the place where it is written.
#[derive(Debug)]
struct HandedOver {
    key: MadeKey,
    _file: Option<KeyFile>,
}

/// Lets the owner know `key`.
fn hand_over(key: Secret, options: &Options) -> Result<HandedOver, StartError> {
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
            _file: Some(file),
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
    fn a_key_keeps_its_name_and_no_other_one_gets_it() {
        let keys = RunKeys::make().expect("random numbers");
        let names = |texts: &[&str]| -> Vec<String> {
            let written: Vec<Secret> = texts.iter().map(|text| Secret::new(*text)).collect();
            let named = keys.named(&written, false);
            let name = |text: &&str| named.recognise(text).expect("a key").to_string();
            texts.iter().map(name).collect()
        };
        assert_eq!(names(&["a", "b"]), ["key 1", "key 2"]);
        assert_eq!(names(&["b", "c"]), ["key 2", "key 2, rotated 1"]);
        assert_eq!(names(&["d", "a"]), ["key 1, rotated 1", "key 1"]);
        assert_eq!(names(&["d", "e"]), ["key 1, rotated 1", "key 2, rotated 2"]);
    }

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

//! A door that others can reach is never open without a key: where none is configured, one is made.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Options, StartError};
use crate::config::Config;
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

/// Makes a key if the listener can be reached from elsewhere and none is configured.
pub(super) fn make_if_needed(
    config: &mut Config,
    options: &Options,
) -> Result<Option<MadeKey>, StartError> {
    if config.server.listen.is_local() || !config.server.api_keys.is_empty() {
        return Ok(None);
    }
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(StartError::Random)?;
    let key = Secret::new(format!("agw-{}", URL_SAFE_NO_PAD.encode(bytes)));
    config.server.api_keys.push(key.clone());
    if options.shows_made_key {
        return Ok(Some(MadeKey::Shown(key)));
    }
    let name = options
        .name
        .as_ref()
        .map_or_else(String::new, |name| format!(".{}", name.as_str()));
    let path = options.home.run().join(format!("client{name}.key"));
    match write(&path, &key) {
        Ok(()) => Ok(Some(MadeKey::Kept(path))),
        Err(error) => Err(StartError::ClientKey {
            path,
            reason: error.to_string(),
        }),
    }
}

fn write(path: &Path, key: &Secret) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
    }
    // A file of an earlier run may have been left readable: it is replaced, not reused.
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    writeln!(file, "{}", key.expose())
}

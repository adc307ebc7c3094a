//! A door that others can reach is never open without a key: where none is configured, one is made.
//!
//! It is made at every start without keys, needed or not: a tunnel may be opened later, and what hides
//! secrets from logs has to know all of them from the beginning.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Options, StartError, run_files};
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

/// Lets the owner know `key`.
pub(super) fn hand_over(key: Secret, options: &Options) -> Result<MadeKey, StartError> {
    if options.shows_made_key {
        return Ok(MadeKey::Shown(key));
    }
    let file = run_files::named("client", options.name.as_ref(), "key");
    let path = options.home.run().join(file);
    let written = run_files::directory(&options.home)
        .and_then(|_| run_files::write_private(&path, key.expose()));
    match written {
        Ok(()) => Ok(MadeKey::Kept(path)),
        Err(error) => Err(StartError::ClientKey {
            path,
            reason: error.to_string(),
        }),
    }
}

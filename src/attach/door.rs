//! Where a running gateway can be asked.

use std::fmt;
use std::path::PathBuf;

/// See the module's head.
#[derive(Clone, PartialEq, Eq)]
pub enum Door {
    /// Its admin socket.
    Unix(PathBuf),
    /// An address that its configuration names, e.g. `127.0.0.1:8001`, and the token it asks for.
    Tcp {
        /// `host:port`.
        authority: String,
        /// The token.
        token: Option<String>,
    },
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Door::Unix(path) => write!(f, "unix:{}", path.display()),
            Door::Tcp { authority, .. } => write!(f, "http://{authority}"),
        }
    }
}

impl fmt::Debug for Door {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({self})")
    }
}

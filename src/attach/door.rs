//! Where a running gateway can be asked.

use std::fmt;
use std::path::PathBuf;

use url::Url;

use crate::config::{Home, Name};

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

/// A text that is no door.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no place of a gateway: use unix:PATH or http://HOST:PORT")]
pub struct BadDoor(String);

impl Door {
    /// The socket of the gateway of this home and name, whether one runs or not.
    pub fn of(home: &Home, name: Option<&Name>) -> Self {
        Self::Unix(home.admin_socket(name))
    }

    /// Reads `unix:PATH` or `http://HOST:PORT`.
    pub fn parse(text: &str, token: Option<String>) -> Result<Self, BadDoor> {
        let bad = || BadDoor(text.chars().take(LONGEST_QUOTE).collect());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(bad()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let url = Url::parse(text).map_err(|_| bad())?;
        let is_bare = url.scheme() == "http"
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) if is_bare => Ok(Self::Tcp {
                authority: format!("{host}:{port}"),
                token,
            }),
            _ => Err(bad()),
        }
    }
}

/// Characters that are quoted of a text that is no door.
const LONGEST_QUOTE: usize = 80;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_addresses_are_doors() {
        for (text, shown) in [
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            ("unix:///run/a.sock", "unix:/run/a.sock"),
            ("unix:a.sock", "unix:a.sock"),
            ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
            ("http://[::1]:8001/", "http://[::1]:8001"),
            ("http://localhost", "http://localhost:80"),
        ] {
            let door = Door::parse(text, None).expect(text);
            assert_eq!(door.to_string(), shown);
        }
    }

    #[test]
    fn what_would_be_ignored_is_refused() {
        for text in [
            "",
            "unix:",
            "https://127.0.0.1:8001",
            "127.0.0.1:8001",
            "http://127.0.0.1:8001/v1",
            "http://token@127.0.0.1:8001",
            "http://127.0.0.1:8001/?token=x",
            "http://127.0.0.1:99999",
        ] {
            assert!(Door::parse(text, None).is_err(), "{text}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let door = Door::parse("http://127.0.0.1:1", Some("canary".to_owned()));
        let door = door.expect("a door");
        assert!(!format!("{door:?} {door}").contains("canary"));
    }
}

//! The gate: who may ask.
//!
//! At the Unix socket the operating system answers that: its file opens for its owner alone, and the other end is
//! asked once more who it is. At the loopback address everybody on this machine could knock, browsers included:
//! there a token is asked for on every path, and a host by a foreign name is turned away.

use std::time::Instant;

use http::header;
use http::request::Parts;
use rustix::process::geteuid;
use tokio::net::UnixStream;

use super::failed::Failed;
use crate::provider::Secret;
use crate::server::address::Address;
use crate::server::auth::ClientKeys;
use crate::server::framing;
use crate::server::guard::Guard;
use crate::server::patience::{Patience, Verdict};

/// See the module's head.
#[derive(Debug)]
pub struct Gate {
    guard: Guard,
    token: Option<ClientKeys>,
    patience: Patience,
}

impl Gate {
    /// The gate of the Unix socket.
    pub fn of_socket(address: &Address) -> Self {
        Self {
            guard: Guard::new(address, &[], &[]),
            token: None,
            patience: Patience::default(),
        }
    }

    /// The gate of a loopback address that asks for `token`.
    pub fn of_address(address: &Address, token: &Secret) -> Self {
        Self {
            token: Some(ClientKeys::new(std::slice::from_ref(token), false)),
            ..Self::of_socket(address)
        }
    }

    /// Checks a question.
    ///
    /// # Errors
    /// 400 for what can be read in two ways, 403 for a web page, 421 for a foreign host, 401 and 429 for a
    /// token that is missing or wrong.
    pub fn check(&self, head: &Parts) -> Result<(), Failed> {
        framing::check(head)?;
        self.guard.check(head)?;
        let Some(token) = &self.token else {
            return Ok(());
        };
        let Some(presented) = bearer(head) else {
            return Err(wrong("a token is needed"));
        };
        if token.recognise(presented).is_some() {
            return Ok(());
        }
        match self.patience.wrong_key(None, Instant::now()) {
            Verdict::Wrong => Err(wrong("the token is wrong")),
            Verdict::Blocked { .. } => Err(Failed::new(
                http::StatusCode::TOO_MANY_REQUESTS,
                "too many wrong tokens",
            )),
        }
    }
}

fn wrong(message: &str) -> Failed {
    Failed::new(http::StatusCode::UNAUTHORIZED, message)
        .with_hint("send `authorization: Bearer` with `server.admin.token`, or with what is in run/admin.token")
}

fn bearer(head: &Parts) -> Option<&str> {
    let value = head.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Whether the other end of `stream` is the gateway's own user, or root.
pub fn is_owner(stream: &UnixStream) -> bool {
    let other = stream.peer_cred().map(|other| other.uid());
    other.is_ok_and(|other| other == geteuid().as_raw() || other == 0)
}

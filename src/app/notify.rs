//! What systemd is told: that the gateway is ready, reads its configuration anew, stops, and is alive.
//!
//! A service manager that wants to hear it names a socket in `NOTIFY_SOCKET`; without one nothing is sent. The
//! variable stays in this process's environment, and out of its children's: theirs is made from nothing.

mod watchdog;

use std::fmt;
use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sd_notify::NotifyState;

use crate::config::Environment;
use crate::proxy::gateway::Gateway;
use crate::server::address::Address;

pub(super) use watchdog::Pulse;

/// How long a service manager that does not read may hold a message up.
const PATIENCE: Duration = Duration::from_secs(1);

/// What an end may take beside the drain: last words, tunnels, the state.
const BESIDE_DRAIN: Duration = Duration::from_secs(10);

/// The service manager, if one listens. Clones are the same.
#[derive(Clone, Default)]
pub struct Notifier(Option<Arc<Inner>>);

struct Inner {
    socket: UnixDatagram,
    /// In what time it wants to hear that the process is alive.
    watchdog: Option<Duration>,
    /// Where the gateway answers, as soon as it does.
    address: OnceLock<Address>,
}

impl Notifier {
    /// The one that `env` names. One that cannot be reached is none: the gateway serves as well without.
    pub fn of(env: &Environment) -> Self {
        let Some(name) = env.filled("NOTIFY_SOCKET") else {
            return Self::default();
        };
        match connected(name) {
            Ok(socket) => Self(Some(Arc::new(Inner {
                socket,
                watchdog: watchdog_time(env, std::process::id()),
                address: OnceLock::new(),
            }))),
            Err(error) => {
                tracing::warn!(target: "autogw::app", %error, socket = name, "the service manager cannot be told anything");
                Self::default()
            }
        }
    }

    /// It answers from now on, at `address`.
    pub(super) fn ready(&self, gateway: &Gateway, address: &Address) {
        if let Some(inner) = &self.0 {
            let address = inner.address.get_or_init(|| address.clone());
            let status = status(gateway, address);
            self.tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
        }
    }

    /// A reload is under way until what is returned is dropped.
    pub(super) fn reloading(&self) -> Reloading {
        // Of a reload without its time systemd waits for the end in vain.
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            self.tell(&[NotifyState::Reloading, now]);
        }
        Reloading(self.clone())
    }

    /// It takes nothing more, and ends when what runs has ended: after `drain` at the latest, which may be
    /// longer than the manager would wait.
    pub(super) fn stopping(&self, drain: Duration) {
        let most = drain.saturating_add(BESIDE_DRAIN).as_micros();
        let extended = format!("EXTEND_TIMEOUT_USEC={most}");
        self.tell(&[
            NotifyState::Stopping,
            NotifyState::Status("draining: running requests are finished"),
            NotifyState::Custom(&extended),
        ]);
    }

    fn alive(&self) {
        self.tell(&[NotifyState::Watchdog]);
    }

    /// In what time it wants to hear that the process is alive; `None` if not at all.
    fn watchdog(&self) -> Option<Duration> {
        self.0.as_ref().and_then(|inner| inner.watchdog)
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        let Some(inner) = &self.0 else { return };
        // A line each: what is told must not have more.
        let lines = states.iter().map(|state| in_a_line(&state.to_string()));
        let message = lines.collect::<Vec<_>>().join("\n");
        if let Err(error) = inner.socket.send(message.as_bytes()) {
            tracing::debug!(target: "autogw::app", %error, "the service manager was not told");
        }
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Notifier").field(&self.0.is_some()).finish()
    }
}

/// A reload that is under way: its end is told even if nobody waits for it any more.
pub(super) struct Reloading(Notifier);

impl Reloading {
    /// What came of it: `gateway` is in force now.
    pub(super) fn end(self, gateway: &Gateway, is_good: bool) {
        let Some(address) = self.0.0.as_ref().and_then(|inner| inner.address.get()) else {
            return;
        };
        let mut status = status(gateway, address);
        if !is_good {
            status.push_str("; the last reload failed, see the log");
        }
        self.0.tell(&[NotifyState::Status(&status)]);
    }
}

impl Drop for Reloading {
    fn drop(&mut self) {
        self.0.tell(&[NotifyState::Ready]);
    }
}

/// A socket that speaks to `name`, which is a path, or an abstract name behind `@`.
fn connected(name: &str) -> io::Result<UnixDatagram> {
    let address = match name.strip_prefix('@') {
        Some(name) => in_the_abstract(name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn in_the_abstract(name: &str) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn in_the_abstract(_: &str) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What `WATCHDOG_USEC` says, if it is meant for this process.
fn watchdog_time(env: &Environment, own: u32) -> Option<Duration> {
    let is_ours = |pid: &str| pid.parse() == Ok(own);
    if !env.filled("WATCHDOG_PID").is_none_or(is_ours) {
        return None;
    }
    let micros = env.filled("WATCHDOG_USEC")?.parse().ok()?;
    (micros > 0).then(|| Duration::from_micros(micros))
}

/// Most names of providers that are told.
const MOST_NAMES: usize = 5;

/// Where it answers, and for whom.
fn status(gateway: &Gateway, address: &Address) -> String {
    let place = address.url().unwrap_or_else(|| format!("unix:{address}"));
    let providers = &gateway.config().providers;
    let names = providers.iter().map(|provider| &*provider.name);
    let mut names: Vec<&str> = names.take(MOST_NAMES).collect();
    if providers.len() > MOST_NAMES {
        names.push("…");
    }
    format!("serving {place} with {}", names.join(", "))
}

fn in_a_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_counts_for_the_process_that_it_names() {
        let env = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs.fold(Environment::empty(), |env, (name, value)| {
                env.with(*name, *value)
            })
        };
        let second = Some(Duration::from_secs(1));
        let usec = ("WATCHDOG_USEC", "1000000");
        for (pairs, expected) in [
            (&[usec][..], second),
            (&[usec, ("WATCHDOG_PID", "7")], second),
            (&[usec, ("WATCHDOG_PID", "8")], None),
            (&[("WATCHDOG_USEC", "0")], None),
            (&[("WATCHDOG_USEC", "soon")], None),
            (&[], None),
        ] {
            assert_eq!(watchdog_time(&env(pairs), 7), expected, "{pairs:?}");
        }
    }

    #[test]
    fn without_a_socket_nothing_is_told_and_nothing_fails() {
        let nobody = Environment::empty().with("NOTIFY_SOCKET", "/nowhere/at/all");
        for env in [Environment::empty(), nobody] {
            let notifier = Notifier::of(&env);
            assert!(notifier.0.is_none());
            notifier.stopping(Duration::MAX);
            drop(notifier.reloading());
        }
    }
}

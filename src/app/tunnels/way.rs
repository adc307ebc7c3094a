//! The way through which a tunnel's connections reach its door: in this process, or over a socket.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};
use std::pin::Pin;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use tokio::sync::mpsc;

use super::TunnelError;
use crate::app::{Options, run_files};
use crate::config::{Home, Tunnel, Tunnels as Settings};
use crate::server::listen::{Arrival, Listener};
use crate::telemetry::tunnel::{Line, Trouble};
use crate::tunnel::closing::Closing;
use crate::tunnel::{cloudflared, ngrok};

/// Connections that wait for the accept loop, which takes them as soon as there is room.
const WAITING: usize = 16;

/// Begins the name of what belongs to one run of cloudflared, before the process id.
const STEM: &str = "cloudflared-";

/// A door's listener, and what brings connections to it.
pub(super) type Open = (Listener, Pin<Box<dyn Future<Output = ()> + Send>>);

/// A way that can be opened.
pub(super) enum Way {
    /// Connections arrive in this process.
    Ngrok(crate::config::Ngrok),
    /// A child connects to a socket.
    Cloudflared {
        settings: crate::config::Cloudflared,
        place: cloudflared::Place,
        listener: Listener,
    },
}

/// Whether `tunnel` can work at all.
pub(super) fn check(tunnel: Tunnel, settings: &Settings) -> Result<(), Trouble> {
    match tunnel {
        Tunnel::Ngrok => ngrok::check(&settings.ngrok),
        Tunnel::Cloudflared => cloudflared::find(&settings.cloudflared).map(drop),
    }
}

impl Way {
    /// Makes everything ready that can be made before the door is there.
    pub(super) fn prepare(
        tunnel: Tunnel,
        settings: &Settings,
        options: &Options,
    ) -> Result<Self, TunnelError> {
        match tunnel {
            Tunnel::Ngrok => Ok(Way::Ngrok(settings.ngrok.clone())),
            Tunnel::Cloudflared => {
                let settings = settings.cloudflared.clone();
                let directory = directory(&options.home)?;
                remove_leftovers(&directory);
                let place = place(&directory, settings.is_named(), options);
                let listener = listen(&place.socket)?;
                Ok(Way::Cloudflared {
                    settings,
                    place,
                    listener,
                })
            }
        }
    }

    /// What to do where the public URL leads somewhere else.
    pub(super) fn advice(&self) -> Option<String> {
        match self {
            Way::Cloudflared {
                settings, place, ..
            } if settings.is_named() => Some(format!(
                "in Cloudflare's dashboard, the tunnel's service must be unix:{}",
                place.socket.display()
            )),
            _ => None,
        }
    }

    /// The listener, and the supervisor that brings connections to it.
    pub(super) fn open(self, line: Line, closing: Closing, seed: u64) -> Open {
        match self {
            Way::Ngrok(settings) => {
                let (sender, arrivals) = mpsc::channel::<Arrival>(WAITING);
                let run = ngrok::run(settings, sender, line, closing, seed);
                (Listener::Handed(arrivals), Box::pin(run))
            }
            Way::Cloudflared {
                settings,
                place,
                listener,
            } => {
                let run = cloudflared::run(settings, place, line, closing, seed);
                (listener, Box::pin(run))
            }
        }
    }
}

/// Where a run of cloudflared has its things. The socket of a named tunnel stays the same from run to
/// run, as it is written down at Cloudflare; others must not get in the way of a second gateway.
fn place(directory: &Path, is_named: bool, options: &Options) -> cloudflared::Place {
    let file = |extension: &str| -> PathBuf {
        let name = if is_named {
            run_files::named("cloudflared", options.name.as_ref(), extension)
        } else {
            format!("{STEM}{}.{extension}", std::process::id())
        };
        directory.join(name)
    };
    cloudflared::Place {
        launcher: options.launcher.clone(),
        socket: file("sock"),
        config: file("yml"),
    }
}

/// The directory for socket and files.
fn directory(home: &Home) -> Result<PathBuf, TunnelError> {
    run_files::directory(home).map_err(|error| {
        let path = home.run();
        no_place(
            format!("cannot make the directory {}: {error}", path.display()),
            UNWRITABLE,
        )
    })
}

/// Listens where the program will connect to.
fn listen(socket: &Path) -> Result<Listener, TunnelError> {
    if SocketAddr::from_pathname(socket).is_err() {
        let message = format!("the path of its socket is too long: {}", socket.display());
        return Err(no_place(message, "set AUTOGW_HOME to a shorter path"));
    }
    Listener::bind_unix(socket).map_err(|error| {
        let is_taken = UnixStream::connect(socket).is_ok();
        let hint = if is_taken { TAKEN } else { UNWRITABLE };
        no_place(error.to_string(), hint)
    })
}

/// What to do about a directory.
const UNWRITABLE: &str = "set AUTOGW_HOME to a directory that can be written to";

/// What to do about somebody else on the socket, which is always the same for a named tunnel.
const TAKEN: &str = "a named tunnel is one gateway's: stop the other one, or start this one with a `--name` and a tunnel of its own";

fn no_place(message: String, hint: &str) -> TunnelError {
    TunnelError::NoPlace(Trouble {
        code: None,
        message,
        hint: Some(hint.to_owned()),
    })
}

/// Removes what runs that were killed have left; what cannot be removed stays.
fn remove_leftovers(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if owner(&path).is_some_and(is_gone) && !is_listened_on(&path.with_extension("sock")) {
            let _ = fs::remove_file(path);
        }
    }
}

/// The process whose run a file belongs to.
fn owner(path: &Path) -> Option<Pid> {
    let extension = path.extension()?;
    let is_ours = extension == "sock" || extension == "yml";
    let id = path.file_stem()?.to_str()?.strip_prefix(STEM)?;
    Pid::from_raw(id.parse().ok()?).filter(|_| is_ours)
}

/// Whether there is no such process: one that has just begun may not listen yet.
fn is_gone(process: Pid) -> bool {
    test_kill_process(process) == Err(Errno::SRCH)
}

/// Whether somebody listens, who may have another idea of process ids.
fn is_listened_on(socket: &Path) -> bool {
    let gone = [ErrorKind::ConnectionRefused, ErrorKind::NotFound];
    UnixStream::connect(socket)
        .err()
        .is_none_or(|error| !gone.contains(&error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_tunnel_is_told_what_its_service_must_be_however_it_is_named() {
        let advice = |args: &[&str]| {
            let settings = crate::config::Cloudflared {
                args: args.iter().map(ToString::to_string).collect(),
                ..crate::config::Cloudflared::default()
            };
            let place = cloudflared::Place {
                launcher: PathBuf::new(),
                socket: "/run/gw.sock".into(),
                config: PathBuf::new(),
            };
            let (_, arrivals) = mpsc::channel(1);
            let listener = Listener::Handed(arrivals);
            Way::Cloudflared {
                settings,
                place,
                listener,
            }
            .advice()
        };
        let named = advice(&["run", "--token-file", "/t"]);
        assert!(named.is_some_and(|advice| advice.ends_with("unix:/run/gw.sock")));
        assert_eq!(advice(&["--protocol", "http2"]), None);
    }
}

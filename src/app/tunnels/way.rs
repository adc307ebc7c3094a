//! The way through which a tunnel's connections reach its door: in this process, or over a socket.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use tokio::sync::mpsc;

use super::TunnelError;
use crate::app::{Options, run_files};
use crate::config::{Tunnel, Tunnels as Settings};
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
                let directory = run_files::directory(&options.home).map_err(TunnelError::Files)?;
                remove_leftovers(&directory);
                let place = place(&directory, settings.token.is_some(), options);
                let listener = Listener::bind_unix(&place.socket).map_err(TunnelError::Listen)?;
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
            } if settings.token.is_some() => Some(format!(
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

/// Removes what runs that were killed have left. Nobody listens there; what cannot be removed stays.
fn remove_leftovers(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let ours = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| name.starts_with(STEM) && name.ends_with(".sock"))
    };
    for socket in entries.map(|entry| entry.path()).filter(ours) {
        let refused = UnixStream::connect(&socket).err();
        if refused.is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
            let _ = fs::remove_file(socket.with_extension("yml"));
            let _ = fs::remove_file(socket);
        }
    }
}

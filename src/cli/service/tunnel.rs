//! The tunnel of a service: its program is looked for where the service will, which is not where a shell does.

use super::Problem;
use super::place::{self, Scope};
use crate::config::{Config, Diagnostic, Environment, Tunnel};
use crate::telemetry::tunnel::Trouble;
use crate::tunnel::ngrok;

/// What systemd gives its services where nobody says otherwise.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the service would not start with.
pub(super) fn refuse(config: &Config, inside: &Environment) -> Result<(), Problem> {
    match config.server.tunnel {
        None => Ok(()),
        Some(Tunnel::Ngrok) => {
            ngrok::check(&config.tunnels.ngrok).map_err(|trouble| problem(&trouble))
        }
        Some(Tunnel::Cloudflared) => {
            let name = config.tunnels.cloudflared.binary.as_deref();
            let name = name.unwrap_or("cloudflared");
            let path = inside.filled("PATH").unwrap_or(USUAL_PATH);
            let found = which::which_in(name, Some(path), "/");
            found.map(drop).map_err(|_| {
                let message = format!("the service would not find `{name}`, which its tunnel needs: it looks in {path}");
                Problem::failed(message).hint("install it there, as its packages do, or name it with its path as `binary` of the tunnel")
            })
        }
    }
}

/// Files of the tunnel that a service of the system does not see.
pub(super) fn hidden(config: &Config, scope: Scope) -> Option<Diagnostic> {
    if scope != Scope::System || config.server.tunnel != Some(Tunnel::Cloudflared) {
        return None;
    }
    let settings = &config.tunnels.cloudflared;
    let words = settings.binary.iter().chain(&settings.args);
    let mut paths = words.map(|word| word.split_once('=').map_or(word.as_str(), |(_, path)| path));
    let path = paths.find(|path| place::is_hidden(path.as_ref()))?;
    let message =
        format!("the tunnel of the service does not see {path}: homes and /tmp are hidden from it");
    Some(
        Diagnostic::warning(message)
            .with_hint("put it where the user of the service can read it".to_owned()),
    )
}

fn problem(trouble: &Trouble) -> Problem {
    let problem = Problem::failed(format!("tunnel: {}", trouble.message));
    match &trouble.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
}

//! Tunnels, opened and closed by hand, under the conditions of a start.

use crate::app::tunnels::Tunnels;
use crate::app::{MadeKey, StartError, TunnelError};
use crate::config::Tunnel;
use crate::telemetry::act::{Refused, Told, TunnelAct};

use super::named::unknown;

const KINDS: [Tunnel; 2] = [Tunnel::Ngrok, Tunnel::Cloudflared];

/// Does `what` with the tunnel of that `kind`.
pub(super) async fn perform(
    tunnels: &Tunnels,
    kind: &str,
    what: TunnelAct,
) -> Result<Told, Refused> {
    let found = KINDS.into_iter().find(|tunnel| tunnel.name() == kind);
    let names = KINDS.map(|tunnel| tunnel.name().into());
    let tunnel = found.ok_or_else(|| unknown("tunnel", kind, &names))?;
    let name = tunnel.name();
    tracing::info!(target: "autogw::steering", tunnel = name, ?what, "tunnel changed by hand");
    match what {
        TunnelAct::Open => open(
            tunnels,
            tunnel,
            format!("the tunnel through {name} is being opened"),
        ),
        TunnelAct::Close => {
            tunnels.close(tunnel).await;
            Ok(Told::new(format!("the tunnel through {name} is closed")))
        }
        TunnelAct::Restart => {
            tunnels.close(tunnel).await;
            open(
                tunnels,
                tunnel,
                format!("the tunnel through {name} is being opened anew"),
            )
        }
    }
}

fn open(tunnels: &Tunnels, tunnel: Tunnel, message: String) -> Result<Told, Refused> {
    let made = tunnels
        .open_unseen(tunnel)
        .map_err(|error| refused(&error))?;
    let mut told = Told::new(message);
    if let Some(MadeKey::Kept(path)) = made {
        told.details
            .push(format!("its door asks for the key in {}", path.display()));
    }
    Ok(told)
}

fn refused(error: &StartError) -> Refused {
    let message = match error {
        StartError::Tunnel(TunnelError::Impossible(trouble) | TunnelError::NoPlace(trouble)) => {
            trouble.message.clone()
        }
        error => error.to_string(),
    };
    let hint = error.hint().map(str::to_owned);
    Refused {
        hint,
        ..Refused::new(message)
    }
}

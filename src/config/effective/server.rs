//! `server` and the tunnels as they hold, flags included.

use super::router::off;
use super::sheet::{Sheet, path, secret, secrets, size, span};
use crate::config::{AdminSocket, Cloudflared, Config, Listen, Ngrok, Server, Tunnel, Tunnels};

/// Every setting of `server`.
pub(super) fn server(config: &Config, sheet: &mut Sheet<'_>) {
    let server = &config.server;
    match &server.listen {
        Listen::Unix(socket) => sheet.put("server.socket_path", path(socket)),
        Listen::Tcp { host, port, .. } => {
            sheet.put("server.host", host.clone());
            sheet.put("server.port", *port);
        }
    }
    let keys = secrets::<&str>(server.api_keys.len(), &[]);
    sheet.put("server.api_key", keys);
    sheet.put("server.accept_base64_keys", server.accept_base64_keys);
    tunnel(server.tunnel, &config.tunnels, sheet);
    sheet.put("server.cors", server.cors.clone());
    sheet.put("server.max_body", size(server.max_body));
    sheet.put("server.drain", span(server.drain));
    sheet.put("server.allowed_hosts", server.allowed_hosts.clone());
    doors(server, sheet);
}

fn doors(server: &Server, sheet: &mut Sheet<'_>) {
    match &server.tls {
        None => sheet.put("server.tls", off()),
        Some(tls) => {
            sheet.put("server.tls.cert", path(&tls.cert));
            sheet.put("server.tls.key", path(&tls.key));
        }
    }
    match &server.admin {
        None => sheet.put("server.admin", off()),
        Some(admin) => {
            match &admin.socket {
                None => sheet.put("server.admin.socket", off()),
                Some(AdminSocket::Usual) => sheet.put("server.admin.socket", "run/admin.sock"),
                Some(AdminSocket::At(socket)) => sheet.put("server.admin.socket", path(socket)),
            }
            sheet.put("server.admin.listen", admin.listen.as_ref().map(written));
            sheet.put("server.admin.token", secret(admin.token.as_ref()));
        }
    }
}

fn written(listen: &Listen) -> String {
    match listen {
        Listen::Tcp { host, port, .. } => format!("{host}:{port}"),
        Listen::Unix(path) => path.display().to_string(),
    }
}

fn tunnel(kind: Option<Tunnel>, tunnels: &Tunnels, sheet: &mut Sheet<'_>) {
    sheet.put_as(
        "server.tunnel.type",
        kind.map_or("none", Tunnel::name),
        &["server.tunnel"],
    );
    sheet.put("server.tunnel.max_rpm", tunnels.door.max_rpm);
    sheet.put("server.tunnel.models", tunnels.door.models.clone());
    if tunnels.door.needs_no_key {
        // Said by nobody but the flag.
        sheet.put("server.tunnel.needs_key", false);
    }
    match kind {
        Some(Tunnel::Ngrok) => ngrok(&tunnels.ngrok, sheet),
        Some(Tunnel::Cloudflared) => cloudflared(&tunnels.cloudflared, sheet),
        None => {}
    }
}

fn ngrok(ngrok: &Ngrok, sheet: &mut Sheet<'_>) {
    let token = secret(ngrok.authtoken.as_ref());
    sheet.put_as(
        "server.tunnel.token",
        token,
        &["extra.tunnels.ngrok_authtoken"],
    );
    let domain = ngrok.domain.clone();
    sheet.put_as(
        "server.tunnel.domain",
        domain,
        &["extra.tunnels.ngrok_domain"],
    );
    sheet.put("server.tunnel.region", ngrok.region.clone());
    sheet.put("server.tunnel.server_addr", ngrok.server_addr.clone());
    let authority = ngrok.ca_file.as_deref();
    sheet.put("server.tunnel.ca_file", authority.map(path));
}

fn cloudflared(cloudflared: &Cloudflared, sheet: &mut Sheet<'_>) {
    sheet.put("server.tunnel.token", secret(cloudflared.token.as_ref()));
    sheet.put("server.tunnel.domain", cloudflared.domain.clone());
    sheet.put("server.tunnel.region", cloudflared.region.clone());
    args(&cloudflared.args, "server.tunnel.args", sheet);
    sheet.put_as(
        "server.tunnel.binary",
        cloudflared.binary.clone(),
        &[BINARY, OLDER_BINARY],
    );
}

/// What is kept for a tunnel that nobody asked for yet.
pub(super) fn extra(config: &Config, sheet: &mut Sheet<'_>) {
    let Tunnels {
        ngrok, cloudflared, ..
    } = &config.tunnels;
    if config.server.tunnel != Some(Tunnel::Ngrok) {
        let token = secret(ngrok.authtoken.as_ref());
        sheet.put("extra.tunnels.ngrok_authtoken", token);
        sheet.put("extra.tunnels.ngrok_domain", ngrok.domain.clone());
    }
    if config.server.tunnel != Some(Tunnel::Cloudflared) {
        sheet.put_as(BINARY, cloudflared.binary.clone(), &[OLDER_BINARY]);
        args(&cloudflared.args, "extra.tunnels.cloudflared_args", sheet);
    }
}

const BINARY: &str = "extra.tunnels.cloudflared_binary";
const OLDER_BINARY: &str = "extra.cloudflared_binary";

/// A token may stand among arguments, and nobody knows where: they are counted.
fn args(args: &[String], path: &str, sheet: &mut Sheet<'_>) {
    let shown = match args.len() {
        0 => "none".to_owned(),
        1 => "1 argument".to_owned(),
        count => format!("{count} arguments"),
    };
    sheet.put_as(path, shown, &["extra.tunnels.cloudflared_args"]);
}

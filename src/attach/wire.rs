//! A connection to the admin API, and one exchange on it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustix::process::geteuid;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::client::Trouble;
use super::door::Door;
use crate::telemetry::act::Refused;

/// Who is on the same machine answers at once or not at all.
const CONNECT: Duration = Duration::from_secs(2);

/// A connection that ends with this.
#[derive(Debug)]
pub(super) struct Wire(JoinHandle<()>);

impl Drop for Wire {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks `door` and returns the head of its answer; the body comes for as long as the wire is kept.
pub(super) async fn exchange(
    door: &Door,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<(Response<Incoming>, Wire), Trouble> {
    let request = request(door, method, path, body)?;
    match door {
        Door::Unix(socket) => {
            let io = connected(door, UnixStream::connect(socket)).await?;
            let other = io.peer_cred().map(|other| other.uid());
            if !is_trusted(other.ok(), geteuid().as_raw()) {
                return Err(not_ours(door).into());
            }
            send(door, io, request).await
        }
        Door::Tcp { authority, token } => {
            let addresses = tokio::net::lookup_host(authority);
            let addresses = connected(door, addresses).await?;
            let addresses: Vec<SocketAddr> = addresses
                .filter(|address| token.is_none() || address.ip().is_loopback())
                .collect();
            if addresses.is_empty() {
                return Err(not_here(door).into());
            }
            let io = connected(door, TcpStream::connect(&*addresses)).await?;
            send(door, io, request).await
        }
    }
}

/// Whether a gateway that runs as `other` may be listened to by the user `own`. A gateway lets in its own user and
/// root: to everybody else whoever answers is a stranger at the place of the gateway.
fn is_trusted(other: Option<u32>, own: u32) -> bool {
    own == 0 || other == Some(own)
}

fn not_ours(door: &Door) -> Refused {
    let message = format!("whoever answers at {door} is another user's process");
    Refused::new(message).with_hint("ask as the user that the gateway runs as")
}

/// A token that went over a network in the clear would be everybody's.
fn not_here(door: &Door) -> Refused {
    let message = format!("the token is sent to this machine only, and {door} is elsewhere");
    Refused::new(message).with_hint("forward its port, e.g. `ssh -L 8001:127.0.0.1:8001 HOST`")
}

fn request(
    door: &Door,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, Trouble> {
    let (host, token) = match door {
        Door::Unix(_) => ("localhost", None),
        Door::Tcp { authority, token } => (authority.as_str(), token.as_deref()),
    };
    let mut builder = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host)
        .header(header::CONNECTION, "close")
        .header(
            header::USER_AGENT,
            concat!("autogw/", env!("CARGO_PKG_VERSION")),
        );
    if !body.is_empty() {
        builder = builder.header(header::CONTENT_TYPE, "application/json");
    }
    if let Some(token) = token {
        builder = builder.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = builder.body(Full::new(body));
    request.map_err(|_| Refused::new("the question or the token cannot be sent").into())
}

async fn connected<T>(
    door: &Door,
    connecting: impl Future<Output = io::Result<T>>,
) -> Result<T, Trouble> {
    let reason = match timeout(CONNECT, connecting).await {
        Ok(Ok(connected)) => return Ok(connected),
        Ok(Err(error)) => said(&error),
        Err(_) => format!("no answer within {CONNECT:?}"),
    };
    Err(Trouble::Absent {
        door: door.clone(),
        reason,
    })
}

fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody listens".to_owned(),
        io::ErrorKind::PermissionDenied => "it belongs to somebody else".to_owned(),
        _ => error.to_string(),
    }
}

async fn send<T: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    door: &Door,
    io: T,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, Wire), Trouble> {
    let absent = |error: &hyper::Error| Trouble::Absent {
        door: door.clone(),
        reason: error.to_string(),
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(io))
        .await
        .map_err(|error| absent(&error))?;
    let wire = Wire(tokio::spawn(async move {
        // What went wrong is heard by who waits for the answer.
        _ = connection.await;
    }));
    let answer = sender.send_request(request).await;
    Ok((answer.map_err(|error| absent(&error))?, wire))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ones_own_gateway_is_listened_to_and_root_listens_to_all() {
        for (other, own, is_good) in [
            (Some(1000), 1000, true),
            (Some(1001), 1000, false),
            (Some(0), 1000, false),
            (None, 1000, false),
            (Some(1000), 0, true),
        ] {
            assert_eq!(is_trusted(other, own), is_good, "{other:?} {own}");
        }
    }
}

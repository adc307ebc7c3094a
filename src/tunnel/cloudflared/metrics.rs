//! What cloudflared answers about itself: whether it is connected, and under which name.
//!
//! One question, one connection, on loopback. Its own answers are the ones that count: the box with the
//! URL is printed before anything works.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::output::base_url;

/// How long an answer may take: it comes from a process on this machine that has nothing to look up.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Largest answer that is read: the real ones are a hundredth of it.
const LONGEST_ANSWER: usize = 16 * 1024;

/// What it says about its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    /// It has at least one.
    Ready,
    /// It has none.
    Disconnected,
    /// It does not say.
    Silent,
}

/// Asks whether it is connected.
pub(super) async fn readiness(address: SocketAddr) -> Readiness {
    match ask(address, "/ready").await {
        Some((StatusCode::OK, _)) => Readiness::Ready,
        Some(_) => Readiness::Disconnected,
        None => Readiness::Silent,
    }
}

/// The base URL of the quick tunnel; `None` for a named one, and for versions that do not say.
pub(super) async fn quick_url(address: SocketAddr) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        hostname: String,
    }
    let (status, body) = ask(address, "/quicktunnel").await?;
    let answer: Answer = serde_json::from_slice(&body).ok()?;
    base_url(&answer.hostname).filter(|_| status == StatusCode::OK)
}

/// The answer to a GET, if a whole one comes in time.
async fn ask(address: SocketAddr, path: &str) -> Option<(StatusCode, Bytes)> {
    timeout(ANSWER_WITHIN, exchange(address, path)).await.ok()?
}

async fn exchange(address: SocketAddr, path: &str) -> Option<(StatusCode, Bytes)> {
    let io = TokioIo::new(TcpStream::connect(address).await.ok()?);
    let (mut sender, connection) = http1::handshake(io).await.ok()?;
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let answer = async move {
        let answer = sender.send_request(request).await.ok()?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST_ANSWER).collect();
        Some((status, body.await.ok()?.to_bytes()))
    };
    // The sender goes with the answer, and the connection with the sender.
    tokio::join!(answer, connection).0
}

//! Accepts connections and serves them until it is told to stop.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::body::EdgeBody;
use super::clock::{Presence, Timed};
use super::crowd::{Crowd, Place, network};
use super::edge::Edge;
use super::listen::{Listener, Stream};
use super::peer::Peer;
use super::tls::Tls;

/// Most headers of a request.
const MAX_HEADERS: usize = 100;

/// Longest head of a request, and read buffer of a connection.
const MAX_BUFFER: usize = 64 * 1024;

/// Rest after a failed `accept`, which usually means that file descriptors have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// At most one complaint about failing accepts in this time.
const COMPLAIN_EVERY: Duration = Duration::from_secs(10);

/// Accepts until `drain` is cancelled. Connections go on in `tasks`, and close after their answer.
pub async fn run(
    mut listener: Listener,
    edge: Arc<Edge>,
    limits: Limits,
    drain: CancellationToken,
    tasks: TaskTracker,
) {
    let room = Arc::new(Semaphore::new(limits.connections));
    let crowd = Arc::new(Crowd::default());
    let tls = listener.tls();
    let mut complained = None;
    loop {
        let accepted = tokio::select! {
            () = drain.cancelled() => return,
            accepted = accept(&mut listener, &room) => accepted,
        };
        match accepted {
            Ok((stream, address, permit)) => {
                let Ok(place) = admit(&crowd, address, limits.per_address) else {
                    continue;
                };
                let presence = Arc::new(Presence::default());
                let peer = Arc::new(Peer::new(address, presence, place));
                let (tls, edge, drain) = (tls.clone(), edge.clone(), drain.clone());
                tasks.spawn(async move {
                    // Boxed, as a handshake is over soon and takes kilobytes.
                    let stream = match tls {
                        Some(tls) => Box::pin(greeted(stream, &tls, limits, &drain)).await,
                        None => Some(stream),
                    };
                    if let Some(stream) = stream {
                        serve(stream, peer, edge, limits, drain).await;
                    }
                    drop(permit);
                });
            }
            Err(error) => pause(&error, &mut complained).await,
        }
    }
}

type Accepted = (Stream, Option<SocketAddr>, OwnedSemaphorePermit);

/// Waits for room first: a full house leaves newcomers in the kernel's queue.
async fn accept(listener: &mut Listener, room: &Arc<Semaphore>) -> io::Result<Accepted> {
    let permit = room
        .clone()
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, permit))
}

/// An address has too many connections already.
struct Crowded;

/// A place for a connection. Loopback needs none: all of this machine shares it.
fn admit(
    crowd: &Arc<Crowd>,
    address: Option<SocketAddr>,
    most: usize,
) -> Result<Option<Place>, Crowded> {
    match address {
        Some(address) if !address.ip().is_loopback() => {
            let place = crowd.clone().enter(Some(network(address.ip())), most);
            place.map(Some).ok_or(Crowded)
        }
        _ => Ok(None),
    }
}

async fn pause(error: &io::Error, complained: &mut Option<std::time::Instant>) {
    // A connection that was reset while it waited is no trouble of ours.
    if matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    ) {
        return;
    }
    if complained.is_none_or(|last| last.elapsed() > COMPLAIN_EVERY) {
        tracing::error!(target: "autogw::server", %error, "cannot accept connections");
        *complained = Some(std::time::Instant::now());
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// The connection behind its handshake; `None` if it did not come to that, or is not wanted any more.
async fn greeted(
    stream: Stream,
    tls: &Tls,
    limits: Limits,
    drain: &CancellationToken,
) -> Option<Stream> {
    let Stream::Tcp(stream) = stream else {
        return Some(stream);
    };
    let greeting = tls.greet(stream, limits.handshake);
    match drain.run_until_cancelled(greeting).await? {
        Ok(greeted) => greeted.map(|stream| Stream::Tls(Box::new(stream))),
        Err(error) => {
            tracing::debug!(target: "autogw::server", %error, "no TLS was agreed on");
            None
        }
    }
}

async fn serve(
    stream: Stream,
    peer: Arc<Peer>,
    edge: Arc<Edge>,
    limits: Limits,
    drain: CancellationToken,
) {
    let io = TokioIo::new(Timed::new(stream, peer.presence.clone(), limits));
    let service = service_fn(move |request: Request<Incoming>| {
        let (edge, peer) = (edge.clone(), peer.clone());
        // Boxed, so that it goes when the head of the answer is there: some kilobytes that an open
        // stream would otherwise hold until its end.
        Box::pin(
            async move { Ok::<Response<EdgeBody>, Infallible>(edge.answer(request, &peer).await) },
        )
    });
    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_HEADERS).max_buf_size(MAX_BUFFER);
    let mut connection = std::pin::pin!(builder.serve_connection(io, service));
    let result = tokio::select! {
        result = &mut connection => result,
        () = drain.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(target: "autogw::server", %error, "connection ended");
    }
}

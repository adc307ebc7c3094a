//! Accepts those who ask, and answers them until the gateway ends.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse as _;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service as _;

use super::Steward;
use super::gate::{self, Gate};
use super::pages::{self, House};
use crate::server::Limits;
use crate::server::clock::{Presence, Timed};
use crate::server::listen::{Listener, Stream};

/// Most connections at once: twice the watchers there may be, so that a question always finds room.
const MOST_CONNECTIONS: usize = 64;

/// Most headers of a question.
const MAX_HEADERS: usize = 64;

/// Longest head of a question, and read buffer of a connection.
const MAX_BUFFER: usize = 16 * 1024;

/// Rest after a failed `accept`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long an answer may take once the gateway ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The admin API, whichever way is taken to it. Clones are the same one.
#[derive(Clone)]
pub struct Admin {
    pages: Router,
    limits: Limits,
    over: CancellationToken,
    tasks: TaskTracker,
}

impl Admin {
    /// The admin API of the house of `steward`. It ends when `over` is cancelled; connections are in `tasks`.
    pub fn new(
        steward: Arc<dyn Steward>,
        limits: Limits,
        over: CancellationToken,
        tasks: TaskTracker,
    ) -> Self {
        Self {
            pages: pages::router(House::new(steward, over.clone())),
            limits,
            over,
            tasks,
        }
    }

    /// Answers those who come to `listener` and pass `gate`.
    pub async fn run(self, mut listener: Listener, gate: Gate) {
        let (gate, room) = (Arc::new(gate), Arc::new(Semaphore::new(MOST_CONNECTIONS)));
        loop {
            let accepted = tokio::select! {
                () = self.over.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            };
            // Who is one too many is turned away, and may come again: a queue would keep it waiting for dashboards.
            let Ok(place) = room.clone().try_acquire_owned() else {
                continue;
            };
            if is_stranger(&stream) {
                tracing::warn!(target: "autogw::audit", "somebody else's process has come to the admin socket");
                continue;
            }
            let serve = self.clone().serve(stream, gate.clone());
            self.tasks.spawn(async move {
                serve.await;
                drop(place);
            });
        }
    }

    async fn serve(self, stream: Stream, gate: Arc<Gate>) {
        let presence = Arc::new(Presence::default());
        let io = TokioIo::new(Timed::new(stream, presence.clone(), self.limits));
        let pages = self.pages.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (pages, gate, presence) = (pages.clone(), gate.clone(), presence.clone());
            async move {
                let guard = presence.enter();
                let response = answer(pages, &gate, request).await;
                // It is busy for as long as its answer goes on.
                Ok::<_, Infallible>(response.map(|body| {
                    body.map_frame(move |frame| {
                        let _ = &guard;
                        frame
                    })
                }))
            }
        });
        let mut builder = http1::Builder::new();
        builder.max_headers(MAX_HEADERS).max_buf_size(MAX_BUFFER);
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = self.over.cancelled() => {
                connection.as_mut().graceful_shutdown();
                let last = tokio::time::timeout(LAST_WORDS, connection).await;
                last.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = ended {
            tracing::debug!(target: "autogw::admin", %error, "an admin connection ended");
        }
    }
}

/// Whether it is another user's: of a loopback address nobody knows, and a token is asked for there.
fn is_stranger(stream: &Stream) -> bool {
    match stream {
        Stream::Unix(stream) => !gate::is_owner(stream),
        Stream::Tcp(_) => false,
        Stream::Handed(_) | Stream::Tls(_) => true,
    }
}

async fn answer(mut pages: Router, gate: &Gate, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    if let Err(failed) = gate.check(&head) {
        return failed.into_response();
    }
    match pages.call(Request::from_parts(head, Body::new(body))).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}
